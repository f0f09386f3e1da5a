"""Backups: snapshots of the telemetry database and backups of the keys, their horizons, and the way back from one.

Keys and telemetry are backed up apart. A snapshot holds no key, so that what was erased opens in none of them once the backups of
keys from before are gone as well (`horizons`).
"""

from cloud_sync.backups.horizons import LastTrace, keys_horizon, last_traces
from cloud_sync.backups.manifest import Kept, Manifest
from cloud_sync.backups.restoring import put_back, verify
from cloud_sync.backups.shelf import Found, Pruned, Shelf

__all__ = [
    "Found",
    "Kept",
    "LastTrace",
    "Manifest",
    "Pruned",
    "Shelf",
    "keys_horizon",
    "last_traces",
    "put_back",
    "verify",
]
