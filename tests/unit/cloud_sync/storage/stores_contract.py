"""Implementations of the store protocols, each as functions that open it in a directory: every contract test runs on each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from cloud_sync.storage.postgresql import PostgresqlKeys, PostgresqlTelemetry, PostgresqlTombstones
from cloud_sync.storage.sqlite import SqliteKeys, SqliteTelemetry, SqliteTombstones
from cloud_sync.stores import Database, KeyDatabase, TombstoneStore
from tests.unit.cloud_sync.storage.cluster import cluster


class Implementation(NamedTuple):
    """How one kind of store is opened; opening twice shows what survives."""

    name: str
    database: Callable[[Path], Database]
    keys: Callable[[Path], KeyDatabase]
    tombstones: Callable[[Path], TombstoneStore]


IMPLEMENTATIONS = [
    Implementation(
        "sqlite",
        lambda directory: SqliteTelemetry(directory / "telemetry.db"),
        lambda directory: SqliteKeys(directory / "keys.db"),
        lambda directory: SqliteTombstones(directory / "tombstones.db"),
    ),
    Implementation(
        "postgresql",
        lambda directory: PostgresqlTelemetry(cluster().place(directory, "telemetry")),
        lambda directory: PostgresqlKeys(cluster().place(directory, "keys")),
        lambda directory: PostgresqlTombstones(cluster().place(directory, "tombstones")),
    ),
]
