"""Days of which a part is erased: what stays is sealed anew under a key out of nothing, then every key of before goes.

One tombstone cuts one stream's day of one device (`model.Tombstone`). The two halves are apart because the stores commit
apart, and each is a no-op where its work is done: so the replay at a start is the same procedure again.

1. `reseal`, inside the database's transaction. A cut before its commit leaves the old rows and their keys.
2. `shred`, after the commit. A cut before it leaves keys that open no row; until the next start the tombstone's floor keeps
   them from use [a repeat of an erased envelope must not come in again].
"""

from __future__ import annotations

from cloud_sync.erasure.pieces import Piece, touches, without
from cloud_sync.errors import KeyDestroyed, SealBroken, WireFormatError
from cloud_sync.keys.daychain import DayChain
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.model import COUNTERS, RESEALED, EnvelopeId, Header, StoredEnvelope, Tombstone
from cloud_sync.stores import Database, KeyDatabase
from cloud_sync.wire.envelope import SALT_BYTES, digest8, open_uplink, parse_uplink, seal_uplink

Chains = dict[int, DayChain | None]  # by generation


class Cutter:
    """Cuts days as tombstones with an edition say."""

    def __init__(self, database: Database, store: KeyDatabase, keys: LadderKeys) -> None:
        self._database = database
        self._store = store
        self._keys = keys

    def touched(self, device: str, stream: int, epoch: int, span: tuple[int, int]) -> bool:
        """Whether anything that is stored of this day was captured within the span."""
        chains: Chains = {}
        for row in self._database.envelopes(device, stream, epoch, epoch):
            plaintext = self._open(row, chains)
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
        chains: Chains = {}
        kept = [(row, piece) for row in rows for piece in self._stays(row, stone, chains)]
        if kept:
            self._database.add_envelopes(self._sealed(stone, kept))
        returned = self._returned(stone, chains)
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

    def _returned(self, stone: Tombstone, chains: Chains) -> list[StoredEnvelope]:
        """Rows of a day that goes on, beyond the floor and with captures of the span: the fence lets none in, but a backup
        that is newer than the one under which the tombstone was written brings them back. They go whole.
        """
        epoch = stone.first_epoch
        found = []
        for row in self._database.envelopes(stone.device, stone.stream, epoch, epoch, RESEALED + stone.edition):
            if row.id.counter < stone.floor(row.id.generation, epoch):
                continue
            plaintext = self._open(row, chains)
            try:
                if plaintext is not None and touches(stone.stream, plaintext, epoch, [stone.span]):
                    found.append(row)
            except WireFormatError:
                found.append(row)
        return found

    def _stays(self, row: StoredEnvelope, stone: Tombstone, chains: Chains) -> list[Piece]:
        plaintext = self._open(row, chains)
        try:
            return [] if plaintext is None else without(row.id.stream, plaintext, row.id.epoch, stone.span)
        except WireFormatError:
            return []

    def _open(self, row: StoredEnvelope, chains: Chains) -> bytes | None:
        """The plaintext under the stored key, tombstone or not; None if it does not open."""
        device, generation, stream, epoch, counter = row.id
        if generation not in chains:
            leaf = self._store.leaf(device, generation, stream, epoch)
            chains[generation] = self._keys.open_leaf(leaf) if leaf else None
        chain = chains[generation]
        if chain is None:
            return None
        try:
            plaintext = open_uplink(device, parse_uplink(row.payload), chain.key(counter))
        except (KeyDestroyed, SealBroken, WireFormatError):
            return None
        chain.confirm()
        return plaintext

    def _sealed(self, stone: Tombstone, kept: list[tuple[StoredEnvelope, Piece]]) -> list[StoredEnvelope]:
        """What stays as rows of the tombstone's edition, under a key that did not exist before."""
        generation, epoch = RESEALED + stone.edition, stone.first_epoch
        chain = self._keys.new_edition(stone.device, generation, stone.stream, epoch)
        found = []
        for index, (row, piece) in enumerate(kept):
            # A day may hold more than 4096 envelopes: generations, and others under one number. The salt keeps the
            # nonces apart then, and the key has sealed nothing before.
            around, counter = divmod(index, COUNTERS)
            header = Header(stone.edition, stone.stream, epoch, counter, row.directive_version)
            salt = around.to_bytes(SALT_BYTES, "big")
            payload = seal_uplink(stone.device, header, salt, chain.key(counter), piece.plaintext)
            chain.confirm()
            number = EnvelopeId(stone.device, generation, stone.stream, epoch, counter)
            found.append(
                StoredEnvelope(
                    number, digest8(payload), row.directive_version, payload, row.received_at, piece.oldest_capture
                )
            )
        return found
