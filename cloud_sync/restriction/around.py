"""What holds leave free of an erasure: spans of time around what is held of each device.

A day of which an erasure takes a part is sealed anew, what is held of it as well (PROTOCOL 20: the old key must go, as it opens
what was erased in every backup). Its readings are the same to the byte, the log says how many envelopes of which hold it was.
What does not open cannot be sealed anew, so that its day waits as a whole for the release.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from cloud_sync.erasure.plan import LEEWAY_S
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.model import EPOCH_SECONDS, UPLINK_STREAMS, Device, EnvelopeId, StoredEnvelope
from cloud_sync.model.keeping import Hold
from cloud_sync.retention.extent import Extents
from cloud_sync.retention.stepdown import day_end
from cloud_sync.stores import Database, KeyDatabase
from cloud_sync.wire.fields import MOST_EPOCH

Interval = tuple[float | None, float | None]  # Unix seconds; None: without a bound
RowName = tuple[EnvelopeId, bytes]  # with its digest


class Around:
    """Holds against erasures. `categories`: by stream, the policy's categories that it feeds."""

    def __init__(self, database: Database, store: KeyDatabase, categories: Mapping[int, frozenset[str]]) -> None:
        self._database = database
        self._store = store
        self._categories = categories

    def in_the_way(self, holds: Iterable[Hold], start: float | None, end: float | None) -> list[Hold]:
        """Those of what an erasure is about: of records too where it is of everything, else of what devices send."""
        whole = start is None and end is None
        found = [hold for hold in holds if _meet((hold.start, hold.end), (start, end))]
        return [hold for hold in found if whole or self._streams(hold)]

    def unreadable(
        self, keys: LadderKeys, holds: Iterable[Hold], devices: Sequence[Device], span: Interval
    ) -> list[Hold]:
        """Holds over envelopes that do not open, on days of which the span is a part: they are in its way as well."""
        extents = Extents(self._store, keys)
        return [
            hold
            for hold in holds
            if any(not extents.opens(row) for row in self._held_rows(extents, [hold], devices, [span]))
        ]

    def held_rows(
        self, keys: LadderKeys, holds: Iterable[Hold], devices: Sequence[Device], spans: Sequence[Interval]
    ) -> dict[str, list[RowName]]:
        """What each hold covers of the days that the spans cut, by its id."""
        extents = Extents(self._store, keys)
        return {
            hold.hold_id: [(row.id, row.digest) for row in self._held_rows(extents, [hold], devices, spans)]
            for hold in holds
        }

    def there(self, names: Iterable[RowName]) -> int:
        """How many of these rows are stored as they were."""
        found = 0
        for (device, _, stream, epoch, _), day in groupby(sorted(names), key=lambda name: name[0]):
            stored = {(row.id, row.digest) for row in self._database.envelopes(device, stream, epoch, epoch)}
            found += sum(name in stored for name in day)
        return found

    def _held_rows(
        self, extents: Extents, holds: Iterable[Hold], devices: Sequence[Device], spans: Sequence[Interval]
    ) -> Iterator[StoredEnvelope]:
        edges = {int(edge) // EPOCH_SECONDS for span in spans for edge in span if edge is not None}
        epochs = sorted({near for edge in edges for near in (edge - 1, edge, edge + 1) if 0 <= near <= MOST_EPOCH})
        for hold in holds:
            for device in devices:
                if hold.device not in ("", device.device) or hold.subject not in ("", device.subject):
                    continue
                for stream in self._streams(hold):
                    for epoch in epochs:
                        for row in self._database.envelopes(device.device, stream, epoch, epoch):
                            if hold.meets(*extents.of(row)):
                                yield row

    def free(self, keys: LadderKeys, holds: Iterable[Hold], device: Device, span: Interval) -> list[Interval]:
        """What is left of a span of a device without what is held; an envelope that a hold touches stays whole."""
        left = [span]
        for hold in holds:
            streams = self._streams(hold)
            if streams and hold.device in ("", device.device) and hold.subject in ("", device.subject):
                held = self._widened(keys, hold, device.device, streams)
                left = [part for each in left for part in _without(each, held)]
        return left

    def _streams(self, hold: Hold) -> list[int]:
        """Those that feed what is held [a hold on invoices keeps no positions]."""
        return [s for s in UPLINK_STREAMS if not hold.category or hold.category in self._categories.get(s, ())]

    def _widened(self, keys: LadderKeys, hold: Hold, device: str, streams: Sequence[int]) -> Interval:
        """A hold's span with the envelopes at its ends: captures lie up to a minute outside their epoch, and are told at the
        starts of their steps, up to an hour before.
        """
        start, end, extents = hold.start, hold.end, Extents(self._store, keys)
        edges = {int(edge) // EPOCH_SECONDS + n for edge in (start, end) if edge is not None for n in (-1, 0, 1)}
        for stream in streams:
            for epoch in sorted(edge for edge in edges if 0 <= edge <= MOST_EPOCH):
                for row in self._database.envelopes(device, stream, epoch, epoch):
                    oldest, newest = extents.of(row)
                    if hold.meets(oldest, newest):
                        if not extents.opens(row):  # the whole day: nothing of it may be sealed anew
                            oldest, newest = float(epoch * EPOCH_SECONDS - LEEWAY_S), day_end(epoch)
                        start = None if start is None else min(start, oldest)
                        end = None if end is None else max(end, newest)
        return start, end


def _meet(one: Interval, other: Interval) -> bool:
    return not _before(one, other) and not _before(other, one)


def _before(one: Interval, other: Interval) -> bool:
    return one[1] is not None and other[0] is not None and one[1] <= other[0]


def _without(span: Interval, held: Interval) -> Iterator[Interval]:
    if not _meet(span, held):
        yield span
        return
    (start, end), (first, last) = span, held
    if first is not None and (start is None or start < first):
        yield start, first
    if last is not None and (end is None or last < end):
        yield last, end
