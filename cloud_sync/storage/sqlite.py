"""The SQLite implementation of `cloud_sync.stores`: three files, one class each."""

from cloud_sync.storage.sqlite_keys import SqliteKeys, SqliteTombstones
from cloud_sync.storage.sqlite_telemetry import SqliteTelemetry

__all__ = ["SqliteKeys", "SqliteTelemetry", "SqliteTombstones"]
