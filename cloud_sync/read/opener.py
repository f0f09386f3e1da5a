"""Sealed rows, opened: the keys of a day are looked up once, and nothing under a tombstone or without a key comes out."""

from __future__ import annotations

from collections.abc import Iterator

from cloud_sync.errors import KeyDestroyed, SealBroken, WireFormatError
from cloud_sync.keys.daychain import DayChain
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.model import EPOCH_SECONDS, EnvelopeId, StoredEnvelope
from cloud_sync.read.sources import Item, Source
from cloud_sync.stores import Database, KeyDatabase, TombstoneStore
from cloud_sync.wire.envelope import open_uplink, parse_uplink

LEEWAY_EPOCHS = 1  # a capture may lie 60 s and a step outside its epoch (docs/wire-format.md section 6)
WINDOW_EPOCHS = 8  # days of rows in memory: 70,000 fixes of ten seconds, about a megabyte sealed
MOST_EPOCHS = 64  # after days without a row [a span from 1970 on]; eight megabytes when rows begin at last
MOST_CHAINS = 64  # days whose keys are kept while envelopes come in as they are committed


class Opener:
    """Opens rows of one reader; not for two threads at once."""

    def __init__(self, database: Database, store: KeyDatabase, keys: LadderKeys, tombstones: TombstoneStore) -> None:
        self._database = database
        self._store = store
        self._keys = keys
        self._tombstones = tombstones
        self._chains: dict[tuple[str, int, int, int], DayChain | None] = {}
        self._opened: set[tuple[str, int, int, int]] | None = None  # nobody watches

    def rows(
        self, device: str, stream: int, start: float, end: float, after: EnvelopeId | None = None
    ) -> Iterator[StoredEnvelope]:
        """Rows of the days from `start` to `end` in the order of (epoch, generation, counter), those behind `after` alone."""
        first = max(0, int(start) // EPOCH_SECONDS - LEEWAY_EPOCHS)
        last = int(end) // EPOCH_SECONDS + LEEWAY_EPOCHS
        if after is not None:
            first = max(first, after.epoch)
        window = WINDOW_EPOCHS
        while first <= last:
            until = min(last, first + window - 1)
            found = self._database.envelopes(device, stream, first, until)
            for row in found:
                if after is None or _place(row.id) > _place(after):
                    yield row
            self._chains.clear()  # the next days have keys of their own
            first, window = until + 1, WINDOW_EPOCHS if found else min(2 * window, MOST_EPOCHS)

    def items(self, row: StoredEnvelope, source: Source[Item]) -> list[Item] | None:
        """What is in a row, or None if it does not open: its key is gone, it is damaged, or it breaks the format."""
        chain = self._chain(row.id)
        if chain is None:
            return None
        try:
            plaintext = open_uplink(row.id.device, parse_uplink(row.payload), chain.key(row.id.counter))
            chain.confirm()
            if self._opened is not None:
                self._opened.add(row_day(row.id))
            return source.unpack(plaintext, row.id.epoch)
        except (KeyDestroyed, SealBroken, WireFormatError):  # shredded meanwhile, or the row was damaged
            return None

    def watch(self) -> None:
        """From here on remember of which days something was opened, for `stand`: the beginning of a piece."""
        self._opened = set()

    def stand(self) -> bool:
        """Whether every day of which something was opened since `watch` has its key still [a sweep, or a step, in between]."""
        return all(self._store.leaf(*day) is not None for day in self._opened or ())

    def forget(self) -> None:
        """Look keys up anew: they may have been destroyed since."""
        self._chains.clear()

    def _chain(self, key: EnvelopeId) -> DayChain | None:
        """The day's keys; None if they are destroyed or a tombstone covers the day."""
        name = device, generation, stream, epoch = row_day(key)
        if name not in self._chains:
            if len(self._chains) >= MOST_CHAINS:
                self._chains.clear()
            leaf = self._store.leaf(device, generation, stream, epoch)
            erased = leaf is None or self._tombstones.covers(device, stream, epoch, generation)
            try:
                self._chains[name] = self._keys.open_leaf(leaf) if leaf and not erased else None
            except KeyDestroyed:
                self._chains[name] = None
        return self._chains[name]


def row_day(key: EnvelopeId) -> tuple[str, int, int, int]:
    """Of which device, generation, stream and epoch: what one leaf opens."""
    return key.device, key.generation, key.stream, key.epoch


def _place(key: EnvelopeId) -> tuple[int, int, int]:
    return key.epoch, key.generation, key.counter
