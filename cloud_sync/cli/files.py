"""Files that a command writes: new ones only, private where they hold a secret, durable before the command says so."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import cloud_sync.policy
from cloud_sync.errors import ConfigError

DEMO_POLICY: Final = Path(cloud_sync.policy.__file__).parent / "profiles" / "demo.toml"
PRIVATE: Final = 0o600


def write_new(path: Path, data: bytes | Callable[[], bytes], *, mode: int = PRIVATE) -> None:
    """Write a file that does not exist yet; ConfigError when it does, or cannot be made.

    `data` may be a call: the file is there before it [a device enrolled whose keys could then not be written], and is
    gone again when the call fails.
    """
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
    except FileExistsError:
        raise ConfigError(f"{path}: exists already and is not overwritten; name another file") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror}); name another file") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data if isinstance(data, bytes) else data())
            file.flush()
            os.fsync(file.fileno())
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise ConfigError(f"{path}: cannot be written ({error.strerror}); name another file") from error
        raise


def read_text(path: Path, what: str) -> str:
    """A text file that the operator named; ConfigError says what it should have been."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); name {what}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not text; name {what}") from error
