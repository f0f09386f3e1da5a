"""What lies beside each backup: what it is, of when, until when it may exist, and the hash that tells it from a damaged one."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from cloud_sync.errors import ConfigError, StoreError
from cloud_sync.storage.private import write_private

FORMAT: Final = 1
SUFFIX: Final = ".manifest"
MOST_BYTES: Final = 4096  # of a manifest: eight short values; a longer file is none of ours
LATEST: Final = 95_617_584_000  # Unix seconds, the year 5000: a horizon from there is still on the calendar (9999)
LARGEST: Final = 2**63 - 1  # bytes of a file, entries of a log: as SQLite counts
LEFT: Final = ("-journal", "-wal", "-shm")  # what SQLite leaves beside a database that was cut


class Kept(StrEnum):
    """Which store a backup is of."""

    TELEMETRY = "telemetry"
    KEYS = "keys"


@dataclass(frozen=True, slots=True)
class Manifest:
    """A backup's account of itself: times in Unix seconds, `entries` of the audit log in it, `policy` the hash of its file."""

    store: Kept
    file: str
    size_bytes: int
    sha256: str
    schema: int
    entries: int
    made_at: float
    due_at: float
    policy: str

    def write(self, path: Path) -> None:
        """Write it beside its backup (mode 0600); ConfigError where there is one."""
        text = json.dumps({"format": FORMAT, **asdict(self)}, indent=1)
        write_private(beside(path), text.encode() + b"\n")


def beside(path: Path) -> Path:
    """The place of a backup's manifest."""
    return path.with_name(path.name + SUFFIX)


def read_manifest(path: Path) -> Manifest:
    """The manifest of the backup at `path`; ConfigError where there is none, StoreError where it is damaged or another file's."""
    place = beside(path)
    try:
        data = _bounded(place)
    except OSError as error:
        raise ConfigError(
            f"{place}: cannot be read ({error.strerror}); name a file that `sync backup snapshot` made"
        ) from error
    try:
        found = _manifest(data)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise StoreError(f"{place}: is damaged; take another backup") from error
    if found.file != path.name:
        raise StoreError(f"{place}: is the manifest of {found.file!r}; put the right one beside the backup")
    return found


def _bounded(place: Path) -> bytes:
    """No more than shows that a file is too long; never waiting [a pipe in its place would halt the sweep]."""
    descriptor = os.open(place, os.O_RDONLY | os.O_NONBLOCK)
    try:
        return os.read(descriptor, MOST_BYTES + 1)
    finally:
        os.close(descriptor)


def _manifest(data: bytes) -> Manifest:
    value: Any = json.loads(data) if len(data) <= MOST_BYTES else {}
    if not isinstance(value, dict) or value.pop("format") != FORMAT:
        raise ValueError("another format")
    found = Manifest(**{**value, "store": Kept(value["store"])})
    counts, times = (found.size_bytes, found.schema, found.entries), (found.made_at, found.due_at)
    texts = (found.file, found.sha256, found.policy)
    if not all(type(each) is int and 0 <= each <= LARGEST for each in counts):
        raise ValueError("no number")
    if not all(type(each) in (int, float) and 0 <= each <= LATEST for each in times):  # not a number fails as well
        raise ValueError("no moment")
    if not all(isinstance(each, str) for each in texts):
        raise ValueError("no text")
    return found


def digest(path: Path) -> str:
    """SHA-256 of a file in hex, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def durable(path: Path) -> None:
    """File and folder entry are on the disk when this returns."""
    for each in (path, path.parent):
        descriptor = os.open(each, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def told(path: Path) -> Iterator[None]:
    """What the system refuses inside goes out as StoreError [a full disk]."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror or error}; mend that, then try again") from error


@contextmanager
def whole(part: Path) -> Iterator[None]:
    """Make a file as `part`: nothing of an attempt that was cut is there before, nothing of one that failed afterwards."""
    with told(part):
        discard(part)
        try:
            yield
        except Exception:
            with suppress(OSError):
                discard(part)
            raise


def discard(path: Path) -> None:
    """Delete a database that is not finished, if it is there, with what SQLite left beside it."""
    for name in (*LEFT, ""):
        path.with_name(path.name + name).unlink(missing_ok=True)
