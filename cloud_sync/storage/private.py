"""Small secret files: mode 0600, durable when written, refused when others can read them."""

from __future__ import annotations

import os
from pathlib import Path

from cloud_sync.errors import ConfigError

PRIVATE_MODE = 0o600


def write_private(path: Path, data: bytes) -> None:
    """Write a new file that its owner alone can read; an existing one is never overwritten."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror}); choose another path") from error


def read_private(path: Path) -> bytes:
    """The content of a file that its owner alone can read."""
    try:
        mode = path.stat().st_mode & 0o777
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); restore it") from error
    if mode & ~PRIVATE_MODE:
        raise ConfigError(f"{path}: mode {mode:04o} lets others read it; run: chmod 600 {path}")
    return data
