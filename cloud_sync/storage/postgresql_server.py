"""What a PostgreSQL server must be before it holds a store, and how another one in its place is told from it."""

from __future__ import annotations

from typing import Any, NamedTuple

import psycopg

from cloud_sync.errors import ConfigError, StoreError
from cloud_sync.places import PostgresqlUrl
from cloud_sync.storage.postgresql_place import connection_settings

Connection = psycopg.Connection[tuple[Any, ...]]

OLDEST = 15_00_00  # the first with the role pg_checkpoint; older ones are out of support soon or already


class _Server(NamedTuple):
    """What a connection finds."""

    version: int
    recovering: bool
    encoding: str
    fsync: str
    full_page_writes: str
    schema: str | None


def is_there(url: PostgresqlUrl) -> bool:
    """Whether the schema of this address has seen a migration; StoreError if the server does not answer."""
    return bool(_asked(url, "SELECT to_regclass('migration') IS NOT NULL"))


def cluster_of(url: PostgresqlUrl) -> str:
    """What one base backup would hold: the identifier of the server's cluster."""
    return f"PostgreSQL cluster {_asked(url, 'SELECT system_identifier FROM pg_control_system()')}"


def _asked(url: PostgresqlUrl, query: str) -> Any:
    try:
        with psycopg.connect(**connection_settings(url), autocommit=True) as db:
            row = db.execute(query.encode()).fetchone()
    except psycopg.Error as error:
        raise StoreError(f"{url}: {str(error).partition(chr(10))[0]}") from error
    return row[0] if row else None


def check_server(db: Connection, name: str) -> str:
    """The schema of the connection, on a server that is fit to hold a store; else ConfigError says what to change."""
    row = db.execute(
        "SELECT current_setting('server_version_num')::int, pg_is_in_recovery(), current_setting('server_encoding'),"
        " current_setting('fsync'), current_setting('full_page_writes'), current_schema()"
    ).fetchone()
    server = _Server(*(row or ()))
    if server.version < OLDEST:
        raise ConfigError(f"{name}: PostgreSQL {server.version // 10_000} is too old; use 15 or later")
    if server.recovering:
        raise ConfigError(
            f"{name}: is a standby, which takes no writes; name the primary (target_session_attrs=read-write)"
        )
    if server.encoding != "UTF8":
        raise ConfigError(f"{name}: encoding {server.encoding} loses text; create the database with ENCODING 'UTF8'")
    if (server.fsync, server.full_page_writes) != ("on", "on"):
        raise ConfigError(
            f"{name}: a power cut would lose what devices were told is safe; set fsync and full_page_writes on"
        )
    if server.schema is None:
        raise ConfigError(f"{name}: no schema to make tables in; create one, or grant the role CREATE on public")
    return server.schema


def identity(db: Connection) -> tuple[Any, ...]:
    """What changes when a backup is restored or a standby is promoted: cluster, timeline, and the table of migrations."""
    row = db.execute(
        "SELECT system_identifier, left(pg_walfile_name(pg_current_wal_insert_lsn()), 8), to_regclass('migration')::oid"
        " FROM pg_control_system()"
    ).fetchone()
    return tuple(row or ())
