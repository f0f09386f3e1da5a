"""Which tombstones an erasure needs: whole UTC days, and the days that its span cuts."""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from cloud_sync.erasure.cut import Cutter
from cloud_sync.errors import ConfigError
from cloud_sync.keys.reseal import next_edition
from cloud_sync.model import EPOCH_SECONDS, PERSONAL_STREAMS, RESEALED, Device, Stream, Tombstone
from cloud_sync.stores import Database, KeyDatabase, TombstoneStore
from cloud_sync.wire.batch import SLACK_S, TIME_STEP_S

TOMBSTONE_ID_BYTES: Final = 10
#: A capture may lie 60 s outside its epoch, and the start of its step another step before it (docs/wire-format.md section 5).
LEEWAY_S: Final = SLACK_S + max(TIME_STEP_S)


@dataclass(frozen=True, slots=True)
class Extent:
    """What an erasure is about: Unix seconds from `start` to before `end`."""

    start: int
    end: int

    @classmethod
    def of(cls, start: float | None, end: float | None, today: int, last_there: int) -> Extent:
        """Whole seconds, rather more than less. Without `start` from the beginning, without `end` to the end of the last day of
        which there is anything. No end beyond tomorrow counts: of later days nothing can be there, nor come in, before then.
        """
        first = 0 if start is None else math.floor(_finite(start, "start"))
        if start is not None and end is not None and start >= end:
            raise ConfigError("erase: start lies after end; exchange them")
        last = (last_there + 1) * EPOCH_SECONDS
        if end is not None:
            last = min(math.ceil(_finite(end, "end")), (today + 2) * EPOCH_SECONDS)
        return cls(min(max(0, first), last), last)

    @property
    def whole(self) -> tuple[int, int]:
        """The first and last epoch that lie within; the last is before the first if none does."""
        return -(-self.start // EPOCH_SECONDS), self.end // EPOCH_SECONDS - 1

    def cut(self) -> list[int]:
        """Epochs of which a part lies within: two at most."""
        ends = [(self.start, self.start // EPOCH_SECONDS), (self.end, self.end // EPOCH_SECONDS)]
        return sorted({epoch for time, epoch in ends if time % EPOCH_SECONDS}) if self.start < self.end else []

    def beside(self) -> list[int]:
        """Epochs around them whose envelopes may hold captures from within all the same."""
        if self.start >= self.end:
            return []
        first, last = self.start // EPOCH_SECONDS, (self.end - 1) // EPOCH_SECONDS
        before = [first - 1] if first and self.start - first * EPOCH_SECONDS < LEEWAY_S else []
        return before + ([last + 1] if (last + 1) * EPOCH_SECONDS - self.end < LEEWAY_S else [])


class Planner:
    """Makes tombstones; call inside the database's transaction, so that what is there stays what it was."""

    def __init__(self, database: Database, store: KeyDatabase, tombstones: TombstoneStore, cutter: Cutter) -> None:
        self._database = database
        self._store = store
        self._tombstones = tombstones
        self._cutter = cutter

    def stones(self, device: Device, extent: Extent, now: float, basis: str) -> Iterator[Tombstone]:
        """Streams with personal data first, the whole days before those that are cut; of `status` finished whole days only."""
        today = int(now) // EPOCH_SECONDS
        first, last = extent.whole
        for stream in (*PERSONAL_STREAMS, Stream.STATUS):
            until = last if stream != Stream.STATUS else min(last, today - 1)
            if first <= until:
                start, end = extent.start, extent.end
                if stream == Stream.STATUS:
                    start, end = first * EPOCH_SECONDS, (until + 1) * EPOCH_SECONDS
                yield Tombstone(_id(), device.device, stream, first, until, now, basis, start, end)
        for stream in PERSONAL_STREAMS:
            for epoch in self._days(device.device, stream, extent):
                yield self._cut(device, stream, epoch, extent, now, basis, over=epoch < today)

    def _days(self, device: str, stream: int, extent: Extent) -> list[int]:
        span = extent.start, extent.end
        beside = [epoch for epoch in extent.beside() if self._cutter.touched(device, stream, epoch, span)]
        return sorted({*extent.cut(), *beside})

    def _cut(
        self, device: Device, stream: int, epoch: int, extent: Extent, now: float, basis: str, *, over: bool
    ) -> Tombstone:
        """A day that is over is closed; one that is not goes on behind the last envelope that is there of it."""
        stones = self._tombstones.near(device.device, stream, epoch)
        # Above what a step down has sealed anew as well [its readings of the span would outlive the erasure].
        edition = next_edition(self._database, self._store, stones, device.device, stream, epoch)
        stone = Tombstone(_id(), device.device, stream, epoch, epoch, now, basis, extent.start, extent.end, edition)
        if over:
            return stone
        rows = self._database.envelopes(device.device, stream, epoch, epoch, RESEALED)
        used = [row.id.counter + 1 for row in rows if row.id.generation == device.generation]
        floors = [each.floor(device.generation, epoch) for each in stones]
        return replace(stone, generation=device.generation, counter=max([0, *used, *floors]))


def _id() -> str:
    return secrets.token_hex(TOMBSTONE_ID_BYTES)


def _finite(time: float, name: str) -> float:
    if not math.isfinite(time):
        raise ConfigError(f"erase: {name} is no time; name Unix seconds, or leave it out")
    return time
