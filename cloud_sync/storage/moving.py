"""All rows of a store into an empty one, on the same engine or the other: how an installation moves to PostgreSQL, or back."""

from __future__ import annotations

from typing import NamedTuple

from cloud_sync.errors import ConfigError, StoreError
from cloud_sync.storage.engine import Engine

PIECE = 1000  # rows at a time: about a megabyte of envelopes


class Moved(NamedTuple):
    """What a move has copied."""

    tables: int
    rows: int


def move(source: Engine, target: Engine) -> Moved:
    """Copy every row; the target commits at the end, or stays empty. The source is only read, and nobody writes to it meanwhile.

    ConfigError if the target holds anything, or its schema is another one; StoreError if a count differs at the end.
    """
    if source.tables != target.tables or source.schema_version != target.schema_version:
        raise ConfigError(f"{source.name} and {target.name} are not the same kind of store, or not of the same version")
    with source.transaction(), target.transaction():
        for table in target.tables:
            if _count(target, table):
                raise ConfigError(f"{target.name}: {table} is not empty; move into a new place, nothing is overwritten")
        rows = sum(_copy(source, target, table) for table in target.tables)
        target.renumber()
    return Moved(len(target.tables), rows)


def _copy(source: Engine, target: Engine, table: str) -> int:
    columns = source.columns(table)
    names = ", ".join(columns)
    insert = f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(columns))})"
    for rows in source.pieces(f"SELECT {names} FROM {table}", PIECE):
        target.run_many(insert, rows)
    copied, there = _count(source, table), _count(target, table)
    if copied != there:
        raise StoreError(f"{target.name}: {there} rows of {table} arrived, of {copied}; nothing was moved")
    return copied


def _count(store: Engine, table: str) -> int:
    return int(store.one(f"SELECT count(*) FROM {table}")[0])
