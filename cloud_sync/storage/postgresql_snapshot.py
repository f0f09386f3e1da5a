"""One moment of a PostgreSQL store as a SQLite file, in a transaction that nobody waits for and that waits for nobody."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any, Final

import psycopg

from cloud_sync.errors import StoreError
from cloud_sync.storage.engine import Engine
from cloud_sync.storage.postgresql import PostgresqlEngine
from cloud_sync.storage.postgresql_place import connection_settings
from cloud_sync.storage.sqlite import SqliteTelemetry

PIECE: Final = 1000  # rows at a time: about a megabyte of envelopes


def copy_moment(store: PostgresqlEngine, part: Path) -> None:
    """Write all rows of the telemetry database to the new file `part`; StoreError where the server does not let it."""
    try:
        with closing(SqliteTelemetry(part)) as copy, psycopg.connect(**connection_settings(store.url)) as server:
            server.isolation_level, server.read_only = psycopg.IsolationLevel.REPEATABLE_READ, True
            if copy.schema_version != store.schema_version:
                raise StoreError(f"{store.name}: is of another version than this program; start the service once")
            with copy.transaction():
                for table in copy.tables:
                    _copy(server, copy, table)
    except psycopg.Error as error:
        raise StoreError(f"{store.name}: {str(error).partition(chr(10))[0]}") from error


def _copy(server: psycopg.Connection[tuple[Any, ...]], copy: Engine, table: str) -> None:
    columns = copy.columns(table)
    insert = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    with server.cursor(name="snapshot") as cursor:
        cursor.execute(f"SELECT {', '.join(columns)} FROM {table}".encode(), binary=True)
        while rows := cursor.fetchmany(PIECE):
            copy.run_many(insert, rows)
