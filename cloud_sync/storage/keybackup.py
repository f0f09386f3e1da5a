"""A backup of the key store: the keys of what is stored, and none that leads to what will be.

A copy of the whole store would hold the spine tips, and a tip derives every later day, also those that are erased until then
[docs/wire-format.md section 3]. So a backup is made row by row, without them, and says when it was made: one that is older than
the policy's horizon must be gone, and is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from cloud_sync.errors import ConfigError
from cloud_sync.model.keeping import BESIDE_BACKUPS
from cloud_sync.places import Place
from cloud_sync.storage.engine import Engine, Migration
from cloud_sync.storage.open import open_keys
from cloud_sync.storage.schema import KEYS
from cloud_sync.storage.sqlite import SqliteKeys
from cloud_sync.stores import RESTORED

#: What leads to keys of days to come, or of a healing that is under way; and what is good once.
NEVER = frozenset({"tip", "down", "heal_wish", "heal_offer", "heal_candidate", "invitation", "admission"})
PIECE = 10_000  # rows in memory, about a megabyte: a store may hold millions
PART = ".part"  # behind the name, until it is whole
MADE_AT = "backup.made_at"  # a row of `seen`, in backups alone


def _tables() -> dict[str, str]:
    """Every table of the key store, in the order in which they were made, each with the columns of its key."""
    statements = [text for step in KEYS for text in step.statements if isinstance(text, str)]
    made = {found[1]: text for text in statements if (found := re.match(r"CREATE TABLE (\w+)", text))}
    keys = {name: re.search(r"PRIMARY KEY \(([^)]*)\)|(\w+) \w+ PRIMARY KEY", text) for name, text in made.items()}
    return {name: found[1] or found[2] for name, found in keys.items() if found is not None}


def back_up(store: Engine, path: Path, now: float) -> int:
    """Write a backup of `store` to a new file (mode 0600), whole or not at all; how many keys it holds.

    Rows are read in pieces, between which the store goes on: a million take ten seconds, in which nothing could come in. Each row
    is of one moment, and what goes while the others are read may be in the backup, as in one that was made before; it counts as
    made when it was begun. Keys above days (`shield`) come after the keys below them, so that none of these lies there without
    its own.
    """
    if path.exists():
        raise ConfigError(f"{path}: exists already; a backup never overwrites one")
    beside = path.with_name(path.name + PART)
    beside.unlink(missing_ok=True)  # of an attempt that was cut
    with closing(SqliteKeys(beside)) as backup:
        count = _copy(store, backup)
        backup.raise_seen(MADE_AT, int(now))
        backup.vacuum_erased()
    beside.rename(path)
    return count


def restore(path: Path, place: Place, now: float, expires: Callable[[float], float]) -> int:
    """Put the rows of a backup into a new key store at `place`, whole or not at all; how many. ConfigError if it has expired.

    `expires`: when a backup that was made at a moment must be gone. Tombstones and the last sweep are replayed when the
    installation is opened, as after every restore.
    """
    if not path.exists():
        raise ConfigError(f"{path}: not there; name a file that `sync keys backup` made")
    with closing(_Backup(path)) as backup:
        made_at = backup.seen(MADE_AT)
        if not made_at:
            raise ConfigError(
                f"{path}: is no backup but a key store, or a copy of one, which never takes the place of a lost one"
            )
        if expires(made_at) <= now:
            raise ConfigError(f"{path}: has expired; what was erased since would be readable again, so destroy it")
        return _into_file(backup, place, now) if isinstance(place, Path) else _into(backup, open_keys(place), now)


class _Backup(SqliteKeys):
    """A backup as it lies there, of this schema or one before [brought up to date it would not be what its manifest says]."""

    def _migrate(self, migrations: Sequence[Migration]) -> None:
        if not self.columns("migration"):
            raise ConfigError(f"{self.path}: is no backup of keys; name a file that `sync keys backup` made")
        self._done(migrations)  # StoreError for a newer one, and for another kind of store


def _into_file(backup: Engine, path: Path, now: float) -> int:
    beside = path.with_name(path.name + PART)
    beside.unlink(missing_ok=True)  # of an attempt that was cut
    count = _into(backup, SqliteKeys(beside), now)
    beside.rename(path)
    return count


def _into(backup: Engine, store: Engine, now: float) -> int:
    with closing(store), store.transaction():
        count = _copy(backup, store)
        store.run("DELETE FROM seen WHERE name IN (?, ?)", (MADE_AT, RESTORED))
        store.run("INSERT INTO seen (name, count) VALUES (?, ?)", (RESTORED, int(now)))
    return count


def _copy(source: Engine, target: Engine) -> int:
    count = 0
    with target.transaction():
        for table, key in _tables().items():
            names = source.columns(table)  # a later schema has more tables, and columns with a default, and no fewer
            if table in NEVER or not names:
                continue
            for piece in _pieces(source, table, key):
                rows = [row for row in piece if table != "record_key" or not row[0].startswith(BESIDE_BACKUPS)]
                if not rows:
                    continue
                marks = ", ".join("?" for _ in names)
                target.run_many(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", rows)
                count += len(rows) if table != "seen" else 0
    return count


def _pieces(source: Engine, table: str, key: str) -> Iterator[list[tuple[Any, ...]]]:
    """Rows of a table in the order of its key, so many at a time."""
    names = [name.strip() for name in key.split(",")]
    places = [source.columns(table).index(name) for name in names]
    rows = source.rows(f"SELECT * FROM {table} ORDER BY {key} LIMIT {PIECE}")
    behind = f"SELECT * FROM {table} WHERE ({key}) > ({', '.join('?' for _ in names)}) ORDER BY {key} LIMIT {PIECE}"
    while rows:
        yield rows
        rows = source.rows(behind, [rows[-1][place] for place in places]) if len(rows) == PIECE else []
