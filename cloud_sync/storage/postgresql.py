"""PostgreSQL, one database a store: for more than one machine can hold, or more than one process to serve.

Settings and checks, each with the loss or leak it stops:

- `synchronous_commit`, and `fsync` and `full_page_writes` of the server, are on: a commit is on the disk before a device is told.
- One transaction at a time over all processes, by an advisory lock on the schema, as with SQLite [two workers that give one audit
  entry's index twice; a batch that was checked before a withdrawal and is stored after it]. So there is nothing to serialise anew.
- A connection that is lost ends the transaction on it, whole; the next one is made anew, and refused when the database behind
  it is another one [a restored database that serves before the tombstones were replayed over it].
- Deleted content: `postgresql_erasing`.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import psycopg
from psycopg import errors
from psycopg.pq import TransactionStatus
from psycopg.types.numeric import Int8BinaryDumper, Int8Dumper

from cloud_sync.errors import StoreError
from cloud_sync.places import PostgresqlUrl
from cloud_sync.storage.engine import Migration
from cloud_sync.storage.keys import KeyRows
from cloud_sync.storage.postgresql_ahead import ReadAhead
from cloud_sync.storage.postgresql_dialect import COPY_TYPES, Dialect, changed_table, translated
from cloud_sync.storage.postgresql_erasing import check_erasable, vacuum
from cloud_sync.storage.postgresql_place import connection_settings
from cloud_sync.storage.postgresql_server import Connection, check_server, identity
from cloud_sync.storage.schema import KEYS, TELEMETRY, TOMBSTONES
from cloud_sync.storage.telemetry import TelemetryRows
from cloud_sync.storage.tombstones import TombstoneRows

Result = TypeVar("Result")

WAIT_S = 10  # as SQLite's: another process may hold the lock for one batch or one sweep, not for longer
ATTEMPTS = 3  # of a single statement that met a deadlock with somebody else's hands
COPY_FROM = 32  # rows; below it one statement for each is no slower than opening a COPY
_TRANSIENT = (errors.SerializationFailure, errors.DeadlockDetected)


class PostgresqlEngine(Dialect):
    """One schema of one database, over one connection."""

    foreign = (psycopg.Error, psycopg.Warning, OverflowError, struct.error, UnicodeEncodeError)
    reads_ahead = True

    def __init__(self, url: str, migrations: Sequence[Migration], *, private: bool = False) -> None:
        """Connect and bring the schema up to date; `private`: refuse a server that would keep what is deleted."""
        self.url = PostgresqlUrl(url)
        self._settings = connection_settings(self.url)
        self._private = private
        self._touched: set[str] | None = None  # None: what was deleted before this process is not known to be gone
        self._identity: tuple[Any, ...] | None = None
        self._closed = False
        self._ahead = ReadAhead()
        super().__init__(f"database {self._settings.get('dbname', '')}".strip())
        with self._guard:
            self._db = self._connect()
        try:
            if private:
                with self._guard:
                    check_erasable(self._db, self.name)
            self._migrate(migrations)
            with self._guard:
                self._identity = identity(self._db)
        except BaseException:
            self.close()
            raise

    # The connection

    def _connect(self) -> Connection:
        db = psycopg.connect(**self._settings, autocommit=True, prepare_threshold=2)
        try:
            if self._identity is not None:
                self._check_the_same(db)
            db.adapters.register_dumper(int, Int8Dumper)
            db.adapters.register_dumper(int, Int8BinaryDumper)
            db.adapters.register_dumper(bool, Int8BinaryDumper)
            db.execute(
                f"SET synchronous_commit TO on; SET lock_timeout TO '{WAIT_S}s'; SET client_encoding TO 'UTF8';"
                " SET jit TO off"  # compiling takes milliseconds, for queries that take less
            )
            self._lock = _lock_number(check_server(db, self.name))
        except BaseException:
            db.close()
            raise
        return db

    def _check_the_same(self, db: Connection) -> None:
        recovering = db.execute("SELECT pg_is_in_recovery()").fetchone()
        if recovering == (True,) or identity(db) != self._identity:
            raise StoreError(
                f"{self.name}: another database answers now (restored, or a standby took over);"
                " restart the service: it replays what was erased before it serves"
            )

    def _live(self) -> Connection:
        """The connection; made anew where it was lost, but never within a transaction [the second half of one alone]."""
        if self._closed:
            raise StoreError(f"{self.name}: is closed")
        if self._db.closed:
            if self._depth:
                raise StoreError(f"{self.name}: the connection was lost within a transaction; nothing of it is kept")
            self._touched = None
            self._forget()
            self._db = self._connect()
        return self._db

    def _again(self, statement: Callable[[Connection], Result]) -> Result:
        """Outside of a transaction: once more when the connection turns out to have died since its last use."""
        try:
            return statement(self._live())
        except psycopg.OperationalError:
            if self._depth or not self._db.closed:
                raise
        return statement(self._live())

    # Transactions

    def _begin(self) -> None:
        begin = f"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT pg_advisory_xact_lock({self._lock})"
        try:
            self._again(lambda db: db.execute(begin))
        except BaseException:
            self._undo()
            raise

    def expect(self, column: str, keys: Iterable[str]) -> None:
        """Within a transaction: it will ask for these values of `device` or `subject`, so that they are read together."""
        with self._guard:
            if self._depth:
                self._ahead.expect(column, keys)

    def _save(self) -> None:
        db = self._live()
        if db.info.transaction_status != TransactionStatus.INTRANS:  # COMMIT would roll back and report success
            raise StoreError(f"{self.name}: a statement of this transaction has failed; nothing of it is kept")
        self._ahead.forget()
        db.execute("COMMIT")

    def _undo(self) -> None:
        self._ahead.forget()
        self._touched = None  # what was written and undone lies in the files as well
        if self._db.closed or self._db.info.transaction_status == TransactionStatus.IDLE:
            return
        try:
            self._db.execute("ROLLBACK")
        except psycopg.Error:  # lost, or interrupted in the middle of a statement; the server rolls back
            self._db.close()

    # Statements

    def _execute(self, sql: str, values: Sequence[Any]) -> int:
        if self._depth:
            self._note(sql)
            return self._live().execute(translated(sql), values).rowcount
        for _ in range(ATTEMPTS - 1):
            try:
                return self._alone(sql, values)
            except StoreError as error:
                if not isinstance(error.__cause__, _TRANSIENT):
                    raise
        return self._alone(sql, values)

    def _alone(self, sql: str, values: Sequence[Any]) -> int:
        """One statement, under the lock of all transactions."""
        with self.transaction():
            return self._execute(sql, values)

    def _execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> int:
        self._note(sql)
        with self._live().cursor() as cursor:
            cursor.executemany(translated(sql), rows)
            return max(0, cursor.rowcount)

    def add_new(self, table: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert many rows at once, in a transaction; one that a unique key already holds is passed over.

        By COPY, as long as there is none; that is two to three times as fast as one statement for each row.
        """
        with self.transaction():
            if len(rows) >= COPY_FROM:
                try:
                    self._copy(table, columns, rows)
                except errors.UniqueViolation:
                    pass  # one is there already: the savepoint is undone, and each row asks for itself
                else:
                    return
            super().add_new(table, columns, rows)

    def _copy(self, table: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> None:
        db = self._live()
        with (
            db.transaction(),
            db.cursor() as cursor,
            cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)") as copy,
        ):
            copy.set_types([COPY_TYPES[type_] for type_ in columns.values()])
            for row in rows:
                copy.write_row(row)

    def _query(self, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        ahead = self._ahead.rows(sql, values, self._ask)
        return self._ask(sql, values) if ahead is None else ahead

    def _pieces(self, sql: str, size: int) -> Iterator[list[tuple[Any, ...]]]:
        with self._live().cursor(name="pieces") as cursor:
            cursor.execute(translated(sql), binary=True)
            while rows := cursor.fetchmany(size):
                yield rows

    def _first(self, sql: str, values: Sequence[Any]) -> tuple[Any, ...] | None:
        ahead = self._ahead.rows(sql, values, self._ask)
        if ahead is not None:
            return ahead[0] if ahead else None
        return self._again(lambda db: db.execute(translated(sql), values, binary=True).fetchone())

    def _ask(self, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        return self._again(lambda db: db.execute(translated(sql), values, binary=True).fetchall())

    def _note(self, sql: str) -> None:
        """Remember tables of which something is deleted or replaced; what is only inserted leaves nothing behind."""
        self._ahead.written(sql)
        table = changed_table(sql)
        if table and self._touched is not None:
            self._touched.add(table)

    def columns(self, table: str) -> list[str]:
        """As the catalogue lists them."""
        rows = self.rows(
            "SELECT attname::text FROM pg_attribute WHERE attrelid = ?::regclass AND attnum > 0 AND NOT attisdropped"
            " ORDER BY attnum",
            (table,),
        )
        return [str(row[0]) for row in rows]

    # The end

    def renumber(self) -> None:
        """Set the sequence of each identity column."""
        counting = self.rows(
            "SELECT table_name::text, column_name::text FROM information_schema.columns"
            " WHERE table_schema = current_schema() AND is_identity = 'YES'"
        )
        for table, column in counting:
            if table in self.tables:
                self.rows(
                    f"SELECT setval(pg_get_serial_sequence(?, ?), greatest(1, (SELECT max({column}) FROM {table})))",
                    (table, column),
                )

    def _vacuum(self) -> None:
        touched = set(self.tables) if self._touched is None else self._touched & set(self.tables)
        vacuum(self._live(), self.name, touched - self.sealed, touched & self.sealed, private=self._private)
        self._touched = set()

    def close(self) -> None:
        """Close; closing twice is harmless."""
        with self._guard:
            self._closed = True
            self._db.close()


class PostgresqlTelemetry(TelemetryRows, PostgresqlEngine):
    """`cloud_sync.stores.Database` in one PostgreSQL database."""

    def __init__(self, url: str) -> None:
        super().__init__(url, TELEMETRY)

    def _within(self, ranges: Sequence[tuple[int, int, int]]) -> list[tuple[Any, ...]]:
        """In one round trip; OFFSET 0 keeps the planner from anything but one seek of the index a range."""
        devices, firsts, lasts = (list(column) for column in zip(*ranges, strict=True)) if ranges else ([], [], [])
        return self.rows(
            "SELECT r.device_no, e.number, e.digest FROM unnest(?::bigint[], ?::bigint[], ?::bigint[])"
            " AS r (device_no, first, last), LATERAL (SELECT number, digest FROM envelope WHERE"
            " envelope.device_no = r.device_no AND number BETWEEN r.first AND r.last OFFSET 0) AS e",
            (devices, firsts, lasts),
        )


class PostgresqlKeys(KeyRows, PostgresqlEngine):
    """`cloud_sync.stores.KeyDatabase` in one PostgreSQL database, on a server that keeps nothing of what is deleted."""

    def __init__(self, url: str) -> None:
        super().__init__(url, KEYS, private=True)


class PostgresqlTombstones(TombstoneRows, PostgresqlEngine):
    """`cloud_sync.stores.TombstoneStore` in one PostgreSQL database."""

    def __init__(self, url: str) -> None:
        super().__init__(url, TOMBSTONES)


def _lock_number(schema: str) -> int:
    """The advisory lock of a schema: 64 bits, signed."""
    return int.from_bytes(hashlib.sha256(b"byleave/1/" + schema.encode()).digest()[:8], "big", signed=True)
