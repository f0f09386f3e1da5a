"""A span of time in events of places and in sums of intervals: what lies in it goes, whole intervals along with it."""

from __future__ import annotations

from cloud_sync.model import EPOCH_SECONDS, Aggregate, PlaceChange, PlaceEvent, Reading, Sensor, Stream
from cloud_sync.wire.batch import pack_places, unpack_places
from cloud_sync.wire.pieces import touches, without
from cloud_sync.wire.readings import pack_sums, unpack_environment

EPOCH = 20_600
T = EPOCH * EPOCH_SECONDS + 36_000


def test_events_within_a_span_go() -> None:
    """An event counts for the whole of its minute."""
    events = [PlaceEvent(T + 60 * minute, 1, PlaceChange.ENTERED) for minute in (0, 5, 5, 9)]
    sent = pack_places(events, EPOCH)
    assert touches(Stream.LOCATION, sent, EPOCH, [(T + 359, T + 360)])
    assert not touches(Stream.LOCATION, sent, EPOCH, [(T + 360, T + 540)])
    [piece] = without(Stream.LOCATION, sent, EPOCH, (T + 300, T + 301))
    assert unpack_places(piece.plaintext, EPOCH) == [events[0], events[3]]


def test_the_order_within_a_minute_is_not_packed() -> None:
    """Whatever order the events came in: the same bytes, and what an erasure leaves of them is in order too."""
    rows = [(T, 4, PlaceChange.ENTERED), (T + 1, 3, PlaceChange.LEFT), (T + 59, 3, PlaceChange.ENTERED)]
    events = [PlaceEvent(*row) for row in [*rows, (T + 60, 2, PlaceChange.LEFT)]]
    sent = pack_places(events, EPOCH)
    assert sent == pack_places(events[::-1], EPOCH)
    [piece] = without(Stream.LOCATION, sent, EPOCH, (T + 60, T + 61))
    told = [(event.time, event.place, event.event) for event in unpack_places(piece.plaintext, EPOCH)]
    assert told == [(T, 3, PlaceChange.ENTERED), (T, 3, PlaceChange.LEFT), (T, 4, PlaceChange.ENTERED)]


def test_an_interval_that_a_span_touches_goes_whole() -> None:
    """No sum can be taken apart; the others stay as they are."""
    rows = [
        Reading(T + 3600 * hour, 3600, 5 + hour, None, Aggregate(T + 3600 * hour, 3600, 60, 1, 5 + hour, 9))
        for hour in range(3)
    ]
    sent = pack_sums(Sensor.TEMPERATURE, 3600, rows, EPOCH)
    assert touches(Stream.ENVIRONMENT, sent, EPOCH, [(T + 7199, T + 7200)])
    assert not touches(Stream.ENVIRONMENT, sent, EPOCH, [(T - 10, T)])
    [piece] = without(Stream.ENVIRONMENT, sent, EPOCH, (T + 7199, T + 7200))
    assert unpack_environment(piece.plaintext, EPOCH) == [rows[0], rows[2]]
