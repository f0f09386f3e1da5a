"""Keys of what was sealed anew of which there is no row any more: an earlier step, which a restored key store has brought back.

An edition's key and rows are made in one transaction of the database, so that inside another one a key without a row is needed by
nobody. After a restore all are looked at; in every sweep, some.
"""

from __future__ import annotations

from typing import Final

from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.retention.walk import EDITIONS, Walk
from cloud_sync.stores import RESTORED, Database, KeyDatabase

CHECKED: Final = "editions.checked"  # of the key store: the restore after which all were looked at
CHUNK: Final = 100  # keys in a transaction, each with the rows of its day
A_SWEEP: Final = 2_000  # keys: half a second

Name = tuple[str, int, int, int]  # device, stream, epoch, generation
FIRST: Final[Name] = ("", 0, 0, 0)


class Orphans:
    """The walk over keys of editions; each sweep goes on where the last one stopped, in whatever process that was."""

    def __init__(self, database: Database, store: KeyDatabase, keys: LadderKeys) -> None:
        self._database = database
        self._store = store
        self._keys = keys
        self._walk = Walk(database, EDITIONS, FIRST)

    def destroy(self) -> int:
        """Destroy keys without rows; how many."""
        restored = self._store.seen(RESTORED)
        whole = restored > self._store.seen(CHECKED)
        gone, looked_at = 0, 0
        after: Name = FIRST if whole else self._walk.after
        while whole or looked_at < A_SWEEP:
            with self._database.transaction():
                page = self._store.editions(after, CHUNK)
                gone += sum(self._destroy(name) for name in page)
                after = page[-1] if len(page) == CHUNK else FIRST
                self._walk.move(after)
            looked_at += len(page)
            if after == FIRST:
                break
        if whole:
            self._store.raise_seen(CHECKED, restored)
        return gone

    def _destroy(self, name: Name) -> int:
        device, stream, epoch, generation = name
        rows = self._database.envelopes(device, stream, epoch, epoch)
        leaf = self._store.leaf(device, generation, stream, epoch)
        if leaf is None or any(row.id.generation == generation for row in rows):
            return 0
        return self._keys.destroy_leaf(leaf)
