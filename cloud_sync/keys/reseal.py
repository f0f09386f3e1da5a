"""Rows opened and sealed anew by the server: what an erasure of part of a day and a step down of precision have in common.

What is sealed anew lies in an edition of its day: generation 65536 + edition, under a key out of nothing, so that no ladder leads
to it and no device can name it. Each act makes an edition above all that there are of the day, so that no key ever seals for two.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cloud_sync.errors import ConfigError, KeyDestroyed, SealBroken, WireFormatError
from cloud_sync.keys.daychain import DayChain
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.model import COUNTERS, RESEALED, EnvelopeId, Header, StoredEnvelope, Tombstone
from cloud_sync.stores import Database, KeyDatabase
from cloud_sync.wire.envelope import SALT_BYTES, digest8, open_uplink, parse_uplink, seal_uplink
from cloud_sync.wire.pieces import Piece

MOST_EDITIONS = RESEALED - 1  # acts on one day: more than one a second all day is no use of anything


class DayOpener:
    """Opens stored rows under the stored keys of their days, tombstone or not; remembers chains until it is dropped."""

    def __init__(self, store: KeyDatabase, keys: LadderKeys) -> None:
        self._store = store
        self._keys = keys
        self._chains: dict[tuple[str, int, int, int], DayChain | None] = {}

    def open(self, row: StoredEnvelope) -> bytes | None:
        """The plaintext; None if it does not open."""
        name, counter = row.id[:4], row.id.counter
        if name not in self._chains:
            self._chains[name] = self._chain(name)
        chain = self._chains[name]
        if chain is None:
            return None
        try:
            plaintext = open_uplink(row.id.device, parse_uplink(row.payload), chain.key(counter))
        except (KeyDestroyed, SealBroken, WireFormatError):
            return None
        chain.confirm()
        return plaintext

    def _chain(self, name: tuple[str, int, int, int]) -> DayChain | None:
        leaf = self._store.leaf(*name)
        try:
            return self._keys.open_leaf(leaf) if leaf else None
        except KeyDestroyed:
            return None


def next_edition(
    database: Database, store: KeyDatabase, stones: Iterable[Tombstone], device: str, stream: int, epoch: int
) -> int:
    """An edition above every row, key and tombstone of the day; ConfigError when there is none left."""
    rows = database.envelopes(device, stream, epoch, epoch)
    leaves = store.leaves(device, stream, epoch, epoch)
    used = [row.id.generation - RESEALED for row in rows] + [leaf.generation - RESEALED for leaf in leaves]
    used += [stone.edition for stone in stones if stone.first_epoch == epoch]
    edition = 1 + max([0, *used])
    if edition > MOST_EDITIONS:
        raise ConfigError("parts of this day were erased too often; erase the whole UTC day")
    return edition


def seal_edition(
    keys: LadderKeys, day: tuple[str, int, int], edition: int, kept: Sequence[tuple[StoredEnvelope, Piece]]
) -> list[StoredEnvelope]:
    """Pieces as rows of an edition of (device, stream, epoch), under a key that did not exist before.

    Each piece comes with a row of which the new one has the directive version and the time of arrival.
    """
    device, stream, epoch = day
    generation = RESEALED + edition
    chain = keys.new_edition(device, generation, stream, epoch)
    found = []
    for index, (row, piece) in enumerate(kept):
        # A day may hold more than 4096 envelopes: generations, and others under one number. The salt keeps the
        # nonces apart then, and the key has sealed nothing before.
        around, counter = divmod(index, COUNTERS)
        header = Header(edition, stream, epoch, counter, row.directive_version)
        payload = seal_uplink(device, header, around.to_bytes(SALT_BYTES, "big"), chain.key(counter), piece.plaintext)
        chain.confirm()
        number = EnvelopeId(device, generation, stream, epoch, counter)
        found.append(
            StoredEnvelope(
                number, digest8(payload), row.directive_version, payload, row.received_at, piece.oldest_capture
            )
        )
    return found
