"""Releases and offers in an SQLite file of their own: nothing here is about a person, and no backup of data needs it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from cloud_sync.errors import ConfigError, StoreError
from cloud_sync.model import UpdateState
from cloud_sync.releases.signing import Release, unpack
from cloud_sync.storage.private import PRIVATE_MODE

FILE: Final = "releases.db"
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS release (id BLOB PRIMARY KEY, content BLOB NOT NULL, added REAL NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS offer (
    device TEXT PRIMARY KEY, id BLOB NOT NULL, version TEXT NOT NULL, chunks INTEGER NOT NULL, size INTEGER NOT NULL,
    offered REAL NOT NULL, told INTEGER NOT NULL, begun INTEGER NOT NULL, state INTEGER NOT NULL, done INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS runs (device TEXT PRIMARY KEY, version TEXT NOT NULL) STRICT;
"""


class OfferRow(NamedTuple):
    """A release offered to a device: how often it was told, whether it has begun, what it said last, whether that is the end."""

    device: str
    id: bytes
    version: str
    chunks: int
    size: int
    offered: float
    told: int = 0
    begun: bool = False
    state: UpdateState = UpdateState.NONE
    done: bool = False


def _row(columns: tuple[Any, ...]) -> OfferRow:
    row = OfferRow(*columns)
    return row._replace(begun=bool(row.begun), state=UpdateState(row.state), done=bool(row.done))


class ReleaseStore:
    """Opened for each use: a command writes what the running server reads. StoreError when the file cannot be used."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            if not self._path.exists():
                self._path.touch(mode=PRIVATE_MODE)
            connection = sqlite3.connect(self._path, timeout=5.0)
            try:
                connection.execute("PRAGMA secure_delete=ON")  # a device's name that stays in a free page
                connection.executescript(_SCHEMA)
                with connection:
                    yield connection
            finally:
                connection.close()
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{self._path}: cannot be used ({error})") from error

    def add(self, release: Release, now: float) -> None:
        """Keep a release; the same again is the same."""
        with self._open() as db:
            db.execute("INSERT OR REPLACE INTO release VALUES (?, ?, ?)", (release.id, release.pack(), now))

    def releases(self) -> list[Release]:
        """All that are kept, oldest first."""
        if not self._path.exists():
            return []
        with self._open() as db:
            return [unpack(content) for (content,) in db.execute("SELECT content FROM release ORDER BY added, id")]

    def find(self, name: str) -> Release:
        """The release whose id begins with `name` in hex, or whose version is `name`; ConfigError unless it is one."""
        found = [each for each in self.releases() if each.id.hex().startswith(name) or each.manifest.version == name]
        if len(found) != 1:
            what = "no release is" if not found else "more than one release is"
            raise ConfigError(f"{what} named {name}; byleave sync release list shows them")
        return found[0]

    def offer(self, row: OfferRow) -> None:
        """Offer a release to a device, in place of any other."""
        with self._open() as db:
            db.execute("INSERT OR REPLACE INTO offer VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def offers(self, device: str | None = None) -> list[OfferRow]:
        """Offers to all devices, or to one."""
        if not self._path.exists():
            return []
        with self._open() as db:
            rows = db.execute("SELECT * FROM offer WHERE device = coalesce(?, device) ORDER BY device", (device,))
            return [_row(row) for row in rows]

    def note_version(self, device: str, version: str) -> None:
        """What a device says that it runs; of no interest before there is a release."""
        if not self._path.exists():
            return
        with self._open() as db:
            db.execute(
                "INSERT INTO runs VALUES (?, ?) ON CONFLICT (device) DO UPDATE SET version = excluded.version"
                " WHERE version <> excluded.version",
                (device, version),
            )

    def versions(self) -> dict[str, str]:
        """What each device said last that it runs; without those that have said nothing since the first release was added."""
        if not self._path.exists():
            return {}
        with self._open() as db:
            return dict(db.execute("SELECT device, version FROM runs"))

    def forget(self, device: str, *, in_use: bool) -> int:
        """A person was erased: what their device runs and was offered goes, but for an update that is under way; rows deleted."""
        if not self._path.exists():
            return 0
        with self._open() as db:
            gone = db.execute("DELETE FROM runs WHERE device = ?", (device,)).rowcount
            return (
                gone
                + db.execute("DELETE FROM offer WHERE device = ? AND (done = 1 OR ?)", (device, not in_use)).rowcount
            )

    def withdraw(self, release: bytes) -> int:
        """Offer a release to nobody any more; how many offers that ended."""
        with self._open() as db:
            return db.execute("DELETE FROM offer WHERE id = ? AND done = 0", (release,)).rowcount
