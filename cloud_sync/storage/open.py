"""Opens a store where the configuration says it lies: a file of SQLite, or a database of PostgreSQL."""

from __future__ import annotations

from importlib import import_module
from itertools import combinations
from typing import TYPE_CHECKING

from cloud_sync.errors import ConfigError
from cloud_sync.places import Place, PostgresqlUrl
from cloud_sync.storage.keys import KeyRows
from cloud_sync.storage.sqlite import SqliteKeys, SqliteTelemetry, SqliteTombstones
from cloud_sync.storage.telemetry import TelemetryRows
from cloud_sync.storage.tombstones import TombstoneRows

if TYPE_CHECKING:
    from types import ModuleType


def open_telemetry(place: Place) -> TelemetryRows:
    """The telemetry database."""
    if isinstance(place, PostgresqlUrl):
        opened: TelemetryRows = _postgresql().PostgresqlTelemetry(place)
        return opened
    return SqliteTelemetry(place)


def open_keys(place: Place) -> KeyRows:
    """The key store."""
    if isinstance(place, PostgresqlUrl):
        opened: KeyRows = _postgresql().PostgresqlKeys(place)
        return opened
    return SqliteKeys(place)


def open_tombstones(place: Place) -> TombstoneRows:
    """The tombstones."""
    if isinstance(place, PostgresqlUrl):
        opened: TombstoneRows = _postgresql().PostgresqlTombstones(place)
        return opened
    return SqliteTombstones(place)


def is_there(place: Place) -> bool:
    """Whether a store lies there; one that was cut to nothing is as lost as one that is not there."""
    if isinstance(place, PostgresqlUrl):
        return bool(_server().is_there(place))
    return place.exists() and place.stat().st_size > 0


def check_apart(*places: Place) -> None:
    """ConfigError if two of them share what is backed up, or turned back, as one: a file, or a PostgreSQL server's cluster.

    [A base backup of a cluster holds all its databases: keys beside the telemetry they open, tombstones beside what they closed.]
    """
    units = [(place, _backed_up_as(place)) for place in places]
    for (one, unit), (other, same) in combinations(units, 2):
        if unit == same:
            raise ConfigError(
                f"{one} and {other} are backed up as one ({unit}); give each store a file or a PostgreSQL cluster of its own"
            )


def _backed_up_as(place: Place) -> str:
    return str(_server().cluster_of(place) if isinstance(place, PostgresqlUrl) else place.resolve())


def _postgresql(module: str = "postgresql") -> ModuleType:
    """Imported where an address asks for it [psycopg comes with an extra]."""
    try:
        return import_module(f"cloud_sync.storage.{module}")
    except ImportError as error:
        raise ConfigError("PostgreSQL needs psycopg; run: pip install 'byleave[postgresql]'") from error


def _server() -> ModuleType:
    return _postgresql("postgresql_server")
