"""Days of which a part is erased: what stays is sealed anew under a key out of nothing, then every key of before goes.

One tombstone cuts one stream's day of one device (`model.Tombstone`). The two halves are apart because the stores commit
apart, and each is a no-op where its work is done: so the replay at a start is the same procedure again.

1. `reseal`, inside the database's transaction. A cut before its commit leaves the old rows and their keys.
2. `shred`, after the commit. A cut before it leaves keys that open no row; until the next start the tombstone's floor keeps
   them from use [a repeat of an erased envelope must not come in again].
"""

from __future__ import annotations

from cloud_sync.errors import WireFormatError
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.keys.reseal import DayOpener, seal_edition
from cloud_sync.model import COUNTERS, RESEALED, StoredEnvelope, Tombstone
from cloud_sync.stores import Database, KeyDatabase
from cloud_sync.wire.pieces import Piece, touches, without


class Cutter:
    """Cuts days as tombstones with an edition say."""

    def __init__(self, database: Database, store: KeyDatabase, keys: LadderKeys) -> None:
        self._database = database
        self._store = store
        self._keys = keys

    def touched(self, device: str, stream: int, epoch: int, span: tuple[int, int]) -> bool:
        """Whether anything that is stored of this day was captured within the span."""
        opener = self._opener()
        for row in self._database.envelopes(device, stream, epoch, epoch):
            plaintext = opener.open(row)
            try:
                if plaintext is not None and touches(stream, plaintext, epoch, [span]):
                    return True
            except WireFormatError:
                continue
        return False

    def reseal(self, stone: Tombstone) -> tuple[int, int]:
        """Replace the rows below the tombstone's floor by what stays of them; how many went, how many were sealed anew.

        What does not open goes: nobody could say which side of the border it is on, and its key is about to go.
        """
        rows = self._doomed(stone)
        opener = self._opener()
        kept = [(row, piece) for row in rows for piece in self._stays(row, stone, opener)]
        if kept:
            day = (stone.device, stone.stream, stone.first_epoch)
            self._database.add_envelopes(seal_edition(self._keys, day, stone.edition, kept))
        returned = self._returned(stone, opener)
        self._database.remove_envelopes([(row.id, row.digest) for row in [*rows, *returned]])
        return len(rows) + len(returned) - len({(row.id, row.digest) for row, _ in kept}), len(kept)

    def shred(self, stone: Tombstone) -> int:
        """Destroy the keys below the tombstone's floor, after the commit of `reseal`; how many were destroyed or moved."""
        changed = 0
        for leaf in self._store.leaves(stone.device, stone.stream, stone.first_epoch, stone.first_epoch):
            floor = stone.floor(leaf.generation, leaf.epoch)
            if floor >= COUNTERS:
                changed += self._keys.destroy_leaf(leaf)
            elif floor > leaf.base_counter:
                self._keys.forward(leaf, floor)
                changed += 1
        return changed

    def _doomed(self, stone: Tombstone) -> list[StoredEnvelope]:
        epoch = stone.first_epoch
        rows = self._database.envelopes(stone.device, stone.stream, epoch, epoch, RESEALED + stone.edition)
        return [row for row in rows if row.id.counter < stone.floor(row.id.generation, epoch)]

    def _returned(self, stone: Tombstone, opener: DayOpener) -> list[StoredEnvelope]:
        """Rows of a day that goes on, beyond the floor and with captures of the span: the fence lets none in, but a backup
        that is newer than the one under which the tombstone was written brings them back. They go whole.
        """
        epoch = stone.first_epoch
        found = []
        for row in self._database.envelopes(stone.device, stone.stream, epoch, epoch, RESEALED + stone.edition):
            if row.id.counter < stone.floor(row.id.generation, epoch):
                continue
            plaintext = opener.open(row)
            try:
                if plaintext is not None and touches(stone.stream, plaintext, epoch, [stone.span]):
                    found.append(row)
            except WireFormatError:
                found.append(row)
        return found

    def _stays(self, row: StoredEnvelope, stone: Tombstone, opener: DayOpener) -> list[Piece]:
        plaintext = opener.open(row)
        try:
            return [] if plaintext is None else without(row.id.stream, plaintext, row.id.epoch, stone.span)
        except WireFormatError:
            return []

    def _opener(self) -> DayOpener:
        return DayOpener(self._store, self._keys)
