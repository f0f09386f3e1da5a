"""A snapshot of the telemetry database: one moment of it, whole, in one SQLite file, while the service runs.

The file is the same whatever engine the database is on, so that it can be put back on either. Of SQLite it is copied by SQLite's
backup, of PostgreSQL row by row in one read-only transaction that sees a single moment and takes no lock that ingest waits for.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Final

from cloud_sync.backups.manifest import durable, whole
from cloud_sync.errors import ConfigError, StoreError
from cloud_sync.storage.engine import Engine
from cloud_sync.storage.sqlite import BUSY_TIMEOUT_S, SqliteEngine, prepare_file

#: Marks of the telemetry database. The first stands in snapshots alone; the second in a store that was put back and has not been
#: opened since, so that its tombstones have not been replayed.
MADE_AT: Final = "backup/made_at"
UNREPLAYED: Final = "backup/unreplayed"
_SET = "INSERT OR REPLACE INTO retention_mark (name, value) VALUES (?, ?)"


def take(store: Engine, path: Path, made_at: float) -> None:
    """Write a snapshot of the open telemetry database `store` to the new file `path` (mode 0600), whole or not at all.

    ConfigError where the file is there already, and for a database that was put back and not opened since: what was erased after
    its backup was made would be in this one as well, with a later day of its end.
    """
    if path.exists():
        raise ConfigError(f"{path}: exists already; a snapshot never overwrites one")
    if store.maybe("SELECT 1 FROM retention_mark WHERE name = ?", (UNREPLAYED,)):
        raise ConfigError(
            f"{store.name}: was restored, and its erasures are not replayed yet; open the installation first"
        )
    part = path.with_name(path.name + ".part")
    with whole(part):
        prepare_file(part, private=True)
        if isinstance(store, SqliteEngine):
            _of_file(store.path, part)
        else:
            part.unlink()
            import_module("cloud_sync.storage.postgresql_snapshot").copy_moment(store, part)
        with opened(part) as copy:
            copy.execute(_SET, (MADE_AT, repr(made_at)))
            copy.commit()
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, that can be copied and hashed
        durable(part)  # before its name says that it is whole
        part.rename(path)


@contextmanager
def opened(path: Path, *, read_only: bool = False) -> Iterator[sqlite3.Connection]:
    """A snapshot as a plain database; only StoreError goes out."""
    try:
        uri = f"{path.absolute().as_uri()}?{'mode=ro&immutable=1' if read_only else 'mode=rw'}"
        with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S)) as database:
            yield database
    except sqlite3.Error as error:
        raise StoreError(f"{path.name}: {error}") from error


def mark(database: sqlite3.Connection, name: str) -> str:
    """A mark of a snapshot; empty if there is none."""
    row = database.execute("SELECT value FROM retention_mark WHERE name = ?", (name,)).fetchone()
    return str(row[0]) if row else ""


def entries_of(path: Path) -> int:
    """How many entries of the audit log a snapshot holds."""
    with opened(path, read_only=True) as database:
        return int(database.execute("SELECT count(*) FROM audit_leaf").fetchone()[0])


def turn_back(path: Path, made_at: float) -> None:
    """Make a copy of a snapshot a database that was put back: it says so until its erasures are replayed."""
    with opened(path) as copy:
        copy.execute("DELETE FROM retention_mark WHERE name = ?", (MADE_AT,))
        copy.execute(_SET, (UNREPLAYED, repr(made_at)))
        copy.commit()


def _of_file(source: Path, part: Path) -> None:
    with opened(source) as here, opened(part) as there:
        here.backup(there)
