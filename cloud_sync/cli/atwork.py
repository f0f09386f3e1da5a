"""Which process runs the service: a lock beside the telemetry database, with the policy that the process holds.

It stops two mistakes: a second `sync serve` on the same stores [the broker gives the session to the newer one, and both
take it from each other for ever], and a command under a policy file that was edited while the service still
obeys the old one [directives would change back and forth].
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cloud_sync.config import Config
from cloud_sync.errors import ConfigError
from cloud_sync.policy import load_policy

MOST_HASH_BYTES = 64  # a SHA-256 in hex


def lock_path(config: Config) -> Path:
    """The lock file; it stays after the service has gone, empty."""
    name = config.database.stem if isinstance(config.database, Path) else "telemetry"
    return config.folder / f"{name}.running"


@contextmanager
def at_work(config: Config) -> Iterator[None]:
    """Hold the lock while the service runs; ConfigError when another process does."""
    policy = load_policy(config.policy).hash
    path = lock_path(config)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be opened ({error.strerror}); run as the owner of the stores") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError("the service already runs on these stores; stop it before you start another") from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, policy.encode(), 0)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def policy_at_work(config: Config) -> str:
    """Hash of the policy that a running service holds; empty when none runs."""
    try:
        descriptor = os.open(lock_path(config), os.O_RDONLY)
    except OSError:
        return ""
    try:
        held = os.read(descriptor, MOST_HASH_BYTES).decode("ascii", "replace")
        if held:  # not asked of an empty file: taking the lock, however shortly, could refuse a service that starts
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return held
    finally:
        os.close(descriptor)
    return ""


def check_policy_at_work(config: Config) -> None:
    """ConfigError when the policy file is not the one that the running service holds."""
    held = policy_at_work(config)
    if held and held != load_policy(config.policy).hash:
        raise ConfigError(
            f"{config.policy} is not the policy that the running service holds; restart the service, then try again"
        )
