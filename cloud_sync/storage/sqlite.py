"""SQLite, one file a store: durable commits, overwriting deletes.

Settings, each with the loss or leak it stops:

- `journal_mode=WAL`, `synchronous=FULL`: a commit is on the disk before a device is told so [power cut at the server].
- `secure_delete=ON`: deleted content is overwritten with zeros [a deleted key that stays readable in a free page].
- `temp_store=MEMORY`: no sorting or spilling into files that nobody overwrites.
- Under WAL old content survives until the log is checkpointed *and* truncated: `vacuum_erased`.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from cloud_sync.errors import ConfigError, StoreError
from cloud_sync.storage.engine import AppendOnly, Ending, Engine, Migration
from cloud_sync.storage.keys import KeyRows
from cloud_sync.storage.private import PRIVATE_MODE
from cloud_sync.storage.schema import KEYS, TELEMETRY, TOMBSTONES
from cloud_sync.storage.telemetry import TelemetryRows
from cloud_sync.storage.tombstones import TombstoneRows

LOOK_S = 0.01  # between two attempts
BUSY_TIMEOUT_S = 10  # another process may hold the write lock for one checkpoint, not for longer
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "secure_delete=ON",
    "foreign_keys=ON",
    "temp_store=MEMORY",
    "cache_size=-16000",  # 16 MB: the inner pages of every index of a year of one thousand devices
)


class SqliteEngine(Engine):
    """One file, mode 0600."""

    # sqlite3 does not wrap the last two: an integer beyond 64 bits; a text that is no UTF-8, such as half a surrogate pair.
    foreign = (sqlite3.Error, sqlite3.Warning, OverflowError, UnicodeEncodeError)

    def __init__(self, path: str | Path, migrations: Sequence[Migration], *, private: bool = False) -> None:
        """Open or create `path` (mode 0600) and bring its schema up to date; `private` refuses a wider mode."""
        self.path = Path(path)
        super().__init__(self.path.name)
        prepare_file(self.path, private=private)
        with self._guard:
            self._db = sqlite3.connect(
                self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, cached_statements=64
            )
        try:
            with self._guard:
                for pragma in _PRAGMAS:
                    self._db.execute(f"PRAGMA {pragma}")
            self._migrate(migrations)
        except BaseException:
            self._db.close()
            raise

    def render(self, statement: str) -> str:
        """As it is: the types of the schema are SQLite's."""
        return statement

    def protection(self, table: AppendOnly) -> tuple[str, ...]:
        """Two triggers."""
        name, columns = table
        refuse = f"ON {name} BEGIN SELECT raise(ABORT, '{name} is append-only'); END"
        update = f"UPDATE OF {', '.join(columns)}" if columns else "UPDATE"
        return (
            f"CREATE TRIGGER {name}_no_update BEFORE {update} {refuse}",
            f"CREATE TRIGGER {name}_no_delete BEFORE DELETE {refuse}",
        )

    def ending(self, table: Ending) -> tuple[str, ...]:
        """The second trigger anew, with a condition."""
        name = table.table
        permitted = f"EXISTS (SELECT 1 FROM retention_mark WHERE name = '{table.permit}')"
        return (
            f"DROP TRIGGER {name}_no_delete",
            f"CREATE TRIGGER {name}_no_delete BEFORE DELETE ON {name} WHEN NOT {permitted}"
            f" BEGIN SELECT raise(ABORT, '{name} is append-only'); END",
        )

    def columns(self, table: str) -> list[str]:
        """As SQLite lists them."""
        return [str(row[1]) for row in self.rows(f"PRAGMA table_info({table})")]

    def _begin(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def _save(self) -> None:
        self._db.execute("COMMIT")

    def _undo(self) -> None:
        if self._db.in_transaction:  # SQLite may have rolled back already, on a full disk for instance
            self._db.execute("ROLLBACK")

    def _execute(self, sql: str, values: Sequence[Any]) -> int:
        return self._db.execute(sql, values).rowcount

    def _execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> int:
        return self._db.executemany(sql, rows).rowcount

    def _query(self, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        return self._db.execute(sql, values).fetchall()

    def _pieces(self, sql: str, size: int) -> Iterator[list[tuple[Any, ...]]]:
        cursor = self._db.execute(sql)
        while rows := cursor.fetchmany(size):
            yield rows

    def _first(self, sql: str, values: Sequence[Any]) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._db.execute(sql, values).fetchone()
        return row

    def _vacuum(self) -> None:
        # Pages are zeroed, the log holds old ones. SQLite waits for readers, and not for another one that is doing the same.
        until = time.monotonic() + BUSY_TIMEOUT_S
        while self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            if time.monotonic() > until:
                raise StoreError(f"{self.name}: another connection holds the log; erase again when it is closed")
            time.sleep(LOOK_S)

    def close(self) -> None:
        """Checkpoint and close; closing twice is harmless."""
        with self._guard:
            self._db.close()


class SqliteTelemetry(TelemetryRows, SqliteEngine):
    """`cloud_sync.stores.Database` in one file."""

    def __init__(self, path: str | Path) -> None:
        super().__init__(path, TELEMETRY)


class SqliteKeys(KeyRows, SqliteEngine):
    """`cloud_sync.stores.KeyDatabase` in one file."""

    def __init__(self, path: str | Path) -> None:
        super().__init__(path, KEYS, private=True)


class SqliteTombstones(TombstoneRows, SqliteEngine):
    """`cloud_sync.stores.TombstoneStore` in one file."""

    def __init__(self, path: str | Path) -> None:
        super().__init__(path, TOMBSTONES, private=True)


def prepare_file(path: Path, *, private: bool) -> None:
    """Create `path` with mode 0600 before SQLite does it with the umask's; refuse a wider one where it matters."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE_MODE))
    except FileExistsError:
        mode = path.stat().st_mode & 0o777
        if private and mode & ~PRIVATE_MODE:
            raise ConfigError(f"{path}: mode {mode:04o} lets others read key material; run: chmod 600 {path}") from None
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be created ({error.strerror}); make the directory or change the path"
        ) from error
