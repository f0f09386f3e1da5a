"""Whether three stores belong together, before tombstones are replayed: what none of them can tell by itself."""

from __future__ import annotations

from cloud_sync.audit import Kind
from cloud_sync.erasure.erase import TOMBSTONES
from cloud_sync.errors import ConfigError
from cloud_sync.stores import RESTORED, Database, KeyDatabase, TombstoneStore
from cloud_sync.wire.fields import MOST_EPOCH


def check_belonging(database: Database, store: KeyDatabase, tombstones: TombstoneStore) -> None:
    """ConfigError for a key store of other devices, and for tombstones that others know more of.

    A database or a key store that is older than the tombstones is no error: that is what they are for.
    """
    # 1. Keys and rows of the same devices [rows that nobody can open, as if they had been erased].
    devices = {device.device for device in database.all_devices()}
    keyed = {tip.device for tip in store.tips()}
    stored = any(store.leaves(device, 0, 0, MOST_EPOCH) for device in devices - keyed)
    if devices and not devices & keyed and not stored and not store.seen(RESTORED):  # a backup of keys holds no tip
        raise ConfigError(
            "the key store has no key of any device in the database: they belong to different installations;"
            " put the right pair back"
        )
    # 2. and 3. As many tombstones as the key store has counted, and those that the audit log names [an old file in their place
    #    lets a backup bring erased data back].
    missing = max(store.seen(TOMBSTONES) - tombstones.count(), _unknown(database, tombstones))
    if missing > 0:
        raise ConfigError(
            f"the tombstones are older than the other stores, {missing} at least are missing: put back their newest"
            " state, else what was erased may be served again"
        )


def _unknown(database: Database, tombstones: TombstoneStore) -> int:
    """Erasures in the audit log whose tombstone is not there."""
    logged = (dict(event.detail).get("tombstone") for _, event in database.audit_events(kind=Kind.ERASURE_DONE.value))
    return len({name for name in logged if name is not None} - {stone.tombstone_id for stone in tombstones.all()})
