"""From when to when readings of a stored envelope were captured: what a hold of a span of time is asked about.

A row knows its oldest capture alone. The newest is inside the seal, so it is opened, but only where a hold begins or ends near.
"""

from __future__ import annotations

from cloud_sync.errors import WireFormatError
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.keys.reseal import DayOpener
from cloud_sync.model import StoredEnvelope, Stream
from cloud_sync.retention.lateness import Held
from cloud_sync.retention.stepdown import day_end
from cloud_sync.stores import KeyDatabase
from cloud_sync.wire.pieces import span_of

Span = tuple[float, float]  # Unix seconds, from the first to before the second


class Extents:
    """Extents of rows, and whether a hold covers any of them; remembers opened days until it is dropped."""

    def __init__(self, store: KeyDatabase, keys: LadderKeys) -> None:
        self._opener = DayOpener(store, keys)

    def of(self, row: StoredEnvelope) -> Span:
        """From the oldest capture to the end of the newest one's step; to the end of the day for what does not open."""
        if row.id.stream == Stream.STATUS:  # one moment
            return row.oldest_capture, row.oldest_capture + 1
        plaintext = self._opener.open(row)
        if plaintext is not None:
            try:
                first, end = span_of(row.id.stream, plaintext, row.id.epoch)
                return min(float(first), row.oldest_capture), float(end)
            except WireFormatError:
                pass
        return row.oldest_capture, max(day_end(row.id.epoch), row.oldest_capture + 1)

    def opens(self, row: StoredEnvelope) -> bool:
        """Whether a row opens: what does not cannot be sealed anew."""
        return self.plaintext(row) is not None

    def plaintext(self, row: StoredEnvelope) -> bytes | None:
        """What is in a row; None if it does not open."""
        return self._opener.open(row)

    def held(self, row: StoredEnvelope, held_now: Held) -> bool:
        """Whether a hold covers any capture of a row."""
        device, stream, oldest = row.id.device, row.id.stream, row.oldest_capture
        if held_now.held(device, stream, oldest):
            return True
        # Nearly always nothing is held of the rest of the day, and nothing is opened.
        if not held_now.held_between(device, stream, oldest, max(day_end(row.id.epoch), oldest + 1)):
            return False
        return held_now.held_between(device, stream, *self.of(row))


def released_after(row: StoredEnvelope, held_now: Held, since: float) -> float | None:
    """When the last hold that may have kept a row beyond `since` was released; None if none did."""
    oldest = row.oldest_capture
    return held_now.released_after(row.id.device, row.id.stream, oldest, max(day_end(row.id.epoch), oldest + 1), since)
