"""What all stores stand on, whatever keeps their rows: statements, transactions, migrations, and only `StoreError` going out.

Everything above an engine is written once, in the SQL that both engines understand:

- `?` placeholders, in order; types TEXT, INTEGER (64 bits), REAL and BLOB;
- `INSERT … ON CONFLICT (…) DO UPDATE SET … = excluded.…` or `DO NOTHING`;
- no function beyond count, sum, min, max, coalesce and substr; no rowid; `(? IS NULL OR …)` is built in Python instead;
- an error within a transaction ends it: nobody goes on after one [PostgreSQL would not, SQLite would].
"""

from __future__ import annotations

import re
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, NamedTuple

from cloud_sync.errors import StoreError

_CREATES = re.compile(r"CREATE TABLE (\w+)")


class AppendOnly(NamedTuple):
    """Triggers that let nobody rewrite `table` through this program's own mistakes; `columns`: which of them, () for all."""

    table: str
    columns: tuple[str, ...] = ()


class Ending(NamedTuple):
    """From here on rows of an append-only `table` may go while `retention_mark` has `permit` of it; none is ever changed."""

    table: str

    @property
    def permit(self) -> str:
        """The name of a mark that stands inside the one transaction in which rows go whose term is over."""
        return f"ending/{self.table}"


class Migration(NamedTuple):
    """One step of a schema: it commits together with its record."""

    version: int
    name: str
    statements: tuple[str | AppendOnly | Ending, ...]


class _Guard:
    """Serialises threads on one connection and turns what the driver raises into `StoreError`."""

    def __init__(self, name: str, foreign: tuple[type[Exception], ...]) -> None:
        self._lock = threading.RLock()
        self._name = name
        self._foreign = foreign

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._lock.release()
        if isinstance(error, self._foreign):
            # The first line says what is wrong; PostgreSQL's others repeat the values of the row.
            raise StoreError(f"{self._name}: {str(error).partition(chr(10))[0]}") from error


class Engine(ABC):
    """One database on one connection, shared by all threads; transactions of two threads run one after the other."""

    #: What the driver raises; nothing of it goes out.
    foreign: ClassVar[tuple[type[Exception], ...]]
    #: Tables whose rows are sealed under keys of another store, so that what is left of a deleted one opens for nobody.
    sealed: ClassVar[frozenset[str]] = frozenset()
    #: The function that tells where a text stands in another, counted from 1, in this engine.
    locate: ClassVar[str] = "instr"
    #: Whether `expect` is worth a thought.
    reads_ahead: ClassVar[bool] = False

    def __init__(self, name: str) -> None:
        """`name` is what errors call the store; it holds no secret."""
        self.name = name
        self._guard = _Guard(name, self.foreign)
        self._depth = 0
        self.tables: tuple[str, ...] = ()
        self._forget()

    def _forget(self) -> None:  # noqa: B027 - most remember nothing
        """Drop what is remembered of rows: they may be others now."""

    # Schema

    def _migrate(self, migrations: Sequence[Migration]) -> None:
        """Bring the schema up to date; a newer one, or that of another kind of store, is refused and left as it is."""
        self.tables = _tables(migrations)
        with self.transaction():  # of two processes that open it at once, one waits
            self.run(
                self.render("CREATE TABLE IF NOT EXISTS migration (version INTEGER PRIMARY KEY, name TEXT NOT NULL)")
            )
            new = not self._done(migrations)
            for step in migrations if new else ():  # there is nothing yet that one step could spoil: all at once
                self._take(step)
        for step in () if new else migrations:
            with self.transaction():
                if step.version not in self._done(migrations):
                    self._take(step)

    def _take(self, step: Migration) -> None:
        for statement in step.statements:
            for rendered in self._rendered(statement):
                self.run(rendered)
        self.run("INSERT INTO migration (version, name) VALUES (?, ?)", (step.version, step.name))

    def _done(self, migrations: Sequence[Migration]) -> dict[int, str]:
        """The steps that this database has seen, each with its name."""
        done = {int(version): str(name) for version, name in self.rows("SELECT version, name FROM migration")}
        if done.get(1, migrations[0].name) != migrations[0].name:
            raise StoreError(f"{self.name}: another kind of store lies here; give each store a place of its own")
        newest = max(done, default=0)
        if newest > migrations[-1].version:
            raise StoreError(
                f"{self.name}: schema {newest} is newer than this program knows ({migrations[-1].version});"
                " start the newer program, or restore a copy from before it"
            )
        return done

    @property
    def schema_version(self) -> int:
        """The last migration that this database has seen."""
        return int(self.one("SELECT coalesce(max(version), 0) FROM migration")[0])

    def _rendered(self, statement: str | AppendOnly | Ending) -> tuple[str, ...]:
        if isinstance(statement, Ending):
            return self.ending(statement)
        return self.protection(statement) if isinstance(statement, AppendOnly) else (self.render(statement),)

    # Transactions

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit durably at the end, roll back on an exception; a transaction inside another one joins it.

        One at a time for all processes on the same database: the next one waits here, ten seconds at most, then `StoreError`.
        """
        with self._guard:
            if self._depth:
                yield
                return
            self._begin()
            self._depth = 1
            try:
                yield
            except BaseException:
                self._rollback()
                raise
            self._commit()

    def _commit(self) -> None:
        try:
            self._save()
        except BaseException:
            self._rollback()
            raise
        self._depth = 0

    def _rollback(self) -> None:
        self._depth = 0
        self._forget()
        self._undo()

    def expect(self, column: str, keys: Iterable[str]) -> None:  # noqa: B027 - SQLite has no round trips to save
        """Within a transaction: it will ask for these values of `device` or `subject`, so that they may be read together."""

    # Statements

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Execute one statement; the number of rows it changed."""
        with self._guard:
            return self._execute(sql, values)

    def run_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> int:
        """Execute one statement for each row, in a transaction; the number of rows changed."""
        with self.transaction():
            return self._execute_many(sql, rows)

    def add_new(self, table: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert many rows at once, in a transaction; one that a unique key already holds is passed over. Columns: name to type."""
        marks = ", ".join("?" * len(columns))
        self.run_many(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}) ON CONFLICT DO NOTHING", rows)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self._guard:
            return self._query(sql, values)

    def maybe(self, sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        """The first row of a query, or None."""
        with self._guard:
            return self._first(sql, values)

    def pieces(self, sql: str, size: int) -> Iterator[list[tuple[Any, ...]]]:
        """All rows of a query in lists of `size`, within a transaction; for more than fits into memory."""
        with self.transaction():
            yield from self._pieces(sql, size)

    def one(self, sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...]:
        """The first row of a query that always has one."""
        row = self.maybe(sql, values)
        if row is None:
            raise StoreError(f"{self.name}: a row that must exist is missing")
        return row

    def vacuum_erased(self) -> None:
        """Make deleted content unreadable in the files too; `StoreError` if it cannot be done now."""
        with self._guard:
            if self._depth:
                raise StoreError(f"{self.name}: nothing can be vacuumed inside a transaction")
            self._vacuum()

    # What an engine is: called with the guard held

    @abstractmethod
    def render(self, statement: str) -> str:
        """A statement of the schema in this engine's types."""

    @abstractmethod
    def protection(self, table: AppendOnly) -> tuple[str, ...]:
        """The statements that make a table append-only."""

    @abstractmethod
    def ending(self, table: Ending) -> tuple[str, ...]:
        """The statements that let rows of an append-only table go under its permit."""

    def renumber(self) -> None:  # noqa: B027 - SQLite counts on from the highest by itself
        """Let columns that count by themselves go on behind the highest value, after rows were inserted with theirs."""

    @abstractmethod
    def columns(self, table: str) -> list[str]:
        """Names of a table's columns, in order."""

    @abstractmethod
    def close(self) -> None:
        """Close; closing twice is harmless."""

    @abstractmethod
    def _begin(self) -> None: ...
    @abstractmethod
    def _save(self) -> None: ...
    @abstractmethod
    def _undo(self) -> None: ...
    @abstractmethod
    def _vacuum(self) -> None: ...
    @abstractmethod
    def _execute(self, sql: str, values: Sequence[Any]) -> int: ...
    @abstractmethod
    def _execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> int: ...
    @abstractmethod
    def _query(self, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]: ...
    @abstractmethod
    def _pieces(self, sql: str, size: int) -> Iterator[list[tuple[Any, ...]]]: ...
    @abstractmethod
    def _first(self, sql: str, values: Sequence[Any]) -> tuple[Any, ...] | None: ...


def _tables(migrations: Sequence[Migration]) -> tuple[str, ...]:
    """Names of the tables of a schema, in the order of their making: what a table refers to comes before it."""
    statements = [statement for step in migrations for statement in step.statements if isinstance(statement, str)]
    return tuple(found[1] for found in map(_CREATES.match, statements) if found)


def narrowed(conditions: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """` WHERE …` for the conditions that have a value, and these values; '' and [] where none has.

    The portable form of `(? IS NULL OR …)`: narrowed({"subject = ?": "s-1", "kind = ?": None}) is (" WHERE subject = ?", ["s-1"]).
    """
    asked = {condition: value for condition, value in conditions.items() if value is not None}
    return (" WHERE " + " AND ".join(asked) if asked else ""), list(asked.values())
