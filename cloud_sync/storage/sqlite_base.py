"""One SQLite file: durable commits, overwriting deletes, a schema with a version, and only `StoreError` going out.

Settings, each with the loss or leak it stops:

- `journal_mode=WAL`, `synchronous=FULL`: a commit is on the disk before a device is told so [power cut at the server].
- `secure_delete=ON`: deleted content is overwritten with zeros [a deleted key that stays readable in a free page].
- `temp_store=MEMORY`: no sorting or spilling into files that nobody overwrites.
- Under WAL old content survives until the log is checkpointed *and* truncated: `vacuum_erased`.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from cloud_sync.errors import ConfigError, StoreError

Value = TypeVar("Value")

BUSY_TIMEOUT_S = 10  # another process may hold the write lock for one checkpoint, not for longer
PRIVATE_MODE = 0o600
MAX_INTEGER = 2**63 - 1  # SQLite's INTEGER


class Migration(NamedTuple):
    """One step of a schema: it commits together with its record."""

    version: int
    name: str
    statements: tuple[str, ...]


class _Guard:
    """Serialises threads on one connection and turns what sqlite3 raises into `StoreError`."""

    def __init__(self, name: str) -> None:
        self._lock = threading.RLock()
        self._name = name

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._lock.release()
        # sqlite3 does not wrap these: an integer beyond 64 bits; a text that is no UTF-8, such as half a surrogate pair.
        if isinstance(error, (sqlite3.Error, sqlite3.Warning, OverflowError, UnicodeEncodeError)):
            raise StoreError(f"{self._name}: {error}") from error


class SqliteFile:
    """A connection to one file, shared by all threads; transactions of two threads run one after the other."""

    def __init__(self, path: str | Path, migrations: Sequence[Migration], *, private: bool = False) -> None:
        """Open or create `path` (mode 0600) and bring its schema up to date; `private` refuses a wider mode."""
        self.path = Path(path)
        self._guard = _Guard(self.path.name)
        self._depth = 0
        prepare_file(self.path, private=private)
        with self._guard:
            self._db = sqlite3.connect(
                self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, cached_statements=64
            )
        try:
            self._configure()
            self._migrate(migrations)
        except BaseException:
            self._db.close()
            raise

    def _configure(self) -> None:
        with self._guard:
            for pragma in (
                "journal_mode=WAL",
                "synchronous=FULL",
                "secure_delete=ON",
                "foreign_keys=ON",
                "temp_store=MEMORY",
                "cache_size=-16000",  # 16 MB: the inner pages of every index of a year of one thousand devices
            ):
                self._db.execute(f"PRAGMA {pragma}")

    def _migrate(self, migrations: Sequence[Migration]) -> None:
        self.run("CREATE TABLE IF NOT EXISTS migration (version INTEGER PRIMARY KEY, name TEXT NOT NULL)")
        done = self.schema_version
        if done > migrations[-1].version:
            raise StoreError(
                f"{self.path.name}: schema {done} is newer than this program knows ({migrations[-1].version}); upgrade it"
            )
        for step in migrations:
            if step.version <= done:
                continue
            with self.transaction():
                for statement in step.statements:
                    self.run(statement)
                self.run("INSERT INTO migration VALUES (?, ?)", (step.version, step.name))

    @property
    def schema_version(self) -> int:
        """The last migration that this file has seen."""
        return int(self.one("SELECT coalesce(max(version), 0) FROM migration")[0])

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit durably at the end, roll back on an exception; a transaction inside another one joins it."""
        with self._guard:
            if self._depth:
                yield
                return
            self._db.execute("BEGIN IMMEDIATE")
            self._depth = 1
            try:
                yield
            except BaseException:
                self._rollback()
                raise
            self._commit()

    def _commit(self) -> None:
        try:
            self._db.execute("COMMIT")
        except BaseException:
            self._rollback()
            raise
        self._depth = 0

    def _rollback(self) -> None:
        self._depth = 0
        if self._db.in_transaction:  # SQLite may have rolled back already, on a full disk for instance
            self._db.execute("ROLLBACK")

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Execute one statement; the number of rows it changed."""
        with self._guard:
            return self._db.execute(sql, values).rowcount

    def run_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> int:
        """Execute one statement for each row, in a transaction; the number of rows changed."""
        with self.transaction():
            return self._db.executemany(sql, rows).rowcount

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self._guard:
            return self._db.execute(sql, values).fetchall()

    def maybe(self, sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        """The first row of a query, or None."""
        with self._guard:
            row: tuple[Any, ...] | None = self._db.execute(sql, values).fetchone()
            return row

    def one(self, sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...]:
        """The first row of a query that always has one."""
        row = self.maybe(sql, values)
        if row is None:
            raise StoreError(f"{self.path.name}: a row that must exist is missing")
        return row

    def vacuum_erased(self) -> None:
        """Make deleted content unreadable in the files too: pages are zeroed by then, the log still holds old ones."""
        with self._guard:
            if self._depth:
                raise StoreError(f"{self.path.name}: the log cannot be truncated inside a transaction")
            busy = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if busy:
            raise StoreError(f"{self.path.name}: another connection holds the log; erase again when it is closed")

    def close(self) -> None:
        """Checkpoint and close; closing twice is harmless."""
        with self._guard:
            self._db.close()


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
