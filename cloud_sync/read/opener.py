"""Sealed rows, opened: the keys of a day are looked up once, and nothing under a tombstone or without a key comes out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from cloud_sync.errors import KeyDestroyed, SealBroken, WireFormatError
from cloud_sync.keys.daychain import DayChain
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.model import EPOCH_SECONDS, RESEALED, EnvelopeId, StoredEnvelope
from cloud_sync.model.access import Cursor
from cloud_sync.read.sources import Item, Source
from cloud_sync.stores import Database, KeyDatabase, TombstoneStore
from cloud_sync.wire.envelope import open_uplink, parse_uplink

CAPTURE_SLACK_S = 60  # captures may lie so far outside their epoch (docs/wire-format.md section 6)
LEEWAY_EPOCHS = 1  # a capture may lie 60 s and a step outside its epoch (docs/wire-format.md section 6)
WINDOW_EPOCHS = 8  # days of rows in memory: 70,000 fixes of ten seconds, about a megabyte sealed
MOST_EPOCHS = 64  # after days without a row [a span from 1970 on]; eight megabytes when rows begin at last
NEVER: Final = -1  # before any time of the wire format
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
        self, device: str, stream: int, start: float, end: float, after: Cursor | None = None
    ) -> Iterator[tuple[StoredEnvelope, int, int]]:
        """Rows of the days from `start` to `end` in the order of capture, behind `after` alone; each with the time up to which its
        readings were told before (`NEVER`: none was), and the highest generation of its day.
        """
        first = max(0, int(start) // EPOCH_SECONDS - LEEWAY_EPOCHS)
        last = int(end) // EPOCH_SECONDS + LEEWAY_EPOCHS
        if after is not None:
            first = max(first, after.row.epoch)
        window = WINDOW_EPOCHS
        while first <= last:
            until = min(last, first + window - 1)
            found = sorted(self._database.envelopes(device, stream, first, until), key=_place)
            tops: dict[int, int] = {}
            for row in found:
                tops[row.id.epoch] = max(tops.get(row.id.epoch, 0), row.id.generation)
            for row in found:
                told = _told(row, after, found)
                if told is not None:
                    yield row, told, tops[row.id.epoch]
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


def day_end(epoch: int) -> float:
    """Unix seconds after which no capture can be of this epoch."""
    return float((epoch + 1) * EPOCH_SECONDS + CAPTURE_SLACK_S)


def _place(row: StoredEnvelope) -> tuple[int, float, int, int]:
    """By day and capture: a day that was sealed anew in part has its rows in the order in which they were."""
    return row.id.epoch, row.oldest_capture, row.id.generation, row.id.counter


def _told(row: StoredEnvelope, after: Cursor | None, found: Sequence[StoredEnvelope]) -> int | None:
    """Up to which time the readings of a row were told before `after`; None if there is nothing of it to tell.

    What has been sealed anew since then holds what was told together with what was not [a day that steps down in the middle of a
    delivery: its first half twice, or its second half never].
    """
    if after is None or row.id.epoch > after.row.epoch:
        return NEVER
    if row.id.epoch < after.row.epoch:
        return None
    if row.id.generation > max(after.top, RESEALED - 1):
        return after.until
    return NEVER if _place(row) > _reached(after, found) else None


def _reached(after: Cursor, found: Sequence[StoredEnvelope]) -> tuple[int, float, int, int]:
    """The place of the row that was told last; what an older version has told and is gone is told once more."""
    oldest = after.oldest
    if oldest is None:
        oldest = next((row.oldest_capture for row in found if row.id == after.row), -math.inf)
    return after.row.epoch, oldest, after.row.generation, after.row.counter
