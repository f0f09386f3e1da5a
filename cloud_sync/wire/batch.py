"""Location batches, of positions or of events of places: docs/wire-format.md, section 5."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

from cloud_sync.errors import WireFormatError
from cloud_sync.model import EPOCH_SECONDS, Fix, PlaceChange, PlaceEvent, Precision
from cloud_sync.wire import cells, codec, columns
from cloud_sync.wire.fields import array, whole, within

MOST_FIXES: Final = 64  # a directive's largest batch
SLACK_S: Final = 60  # a capture may lie this far outside its epoch: clocks differ at midnight
TIME_STEP_S: Final = (
    1,
    10,
    60,
    600,
    3600,
    3600,
    60,
)  # by precision; `country` is reserved, `none` has events of places
LEAST_QUALITY: Final = (0, 7, 10, 14, 15)
WORST_QUALITY: Final = 15
MOST_SPEED_DM_S: Final = 10_000
MOST_COURSE_DEG: Final = 359
MOST_PLACE: Final = 255
PLACES_ENTRIES: Final = 5  # precision, n, time, place, event


class LocationBatch(NamedTuple):
    """A checked batch, column by column; `fixes()` makes the records. Times are Unix seconds."""

    precision: Precision
    times: list[int]
    rows: list[int]
    cols: list[int]
    qualities: list[int]
    speeds_dm_s: list[int] | None
    courses_deg: list[int] | None

    def fixes(self) -> list[Fix]:
        """One record a fix; of a cell only the centre is ever derived."""
        nothing: list[None] = [None] * len(self.times)
        rows = zip(self.times, self.rows, self.cols, self.qualities, strict=True)
        side = zip(self.speeds_dm_s or nothing, self.courses_deg or nothing, strict=True)
        return [
            Fix(time, *cells.centre_e7(row, col, self.precision), self.precision, quality, speed, course)
            for (time, row, col, quality), (speed, course) in zip(rows, side, strict=True)
        ]


class PlacesBatch(NamedTuple):
    """A checked batch of events of places, column by column; it has no fix. Times are Unix seconds."""

    precision: Precision
    times: list[int]
    places: list[int]
    changes: list[int]

    def fixes(self) -> list[Fix]:
        """None: no position is ever derived from an event."""
        return []

    def events(self) -> list[PlaceEvent]:
        """One record an event."""
        rows = zip(self.times, self.places, self.changes, strict=True)
        return [PlaceEvent(time, place, PlaceChange(change)) for time, place, change in rows]


def decode_location(plaintext: bytes, epoch: int) -> LocationBatch | PlacesBatch:
    """Every check of section 5 on a location plaintext that was sealed in `epoch`; WireFormatError if one fails."""
    value = array(codec.unpack_padded(plaintext), PLACES_ENTRIES, 8, "a location batch")
    return _places(value, epoch) if len(value) == PLACES_ENTRIES else _positions(value, epoch)


def _places(value: list[Any], epoch: int) -> PlacesBatch:
    whole(value[0], Precision.NONE, Precision.NONE, "precision")
    n = whole(value[1], 1, MOST_FIXES, "n")
    times, places, changes = (columns.decode(column, n) for column in value[2:])
    _check_times(times, TIME_STEP_S[Precision.NONE])
    if any(after < before for before, after in pairwise(zip(times, places, changes, strict=True))):
        raise WireFormatError("events are not in the order of time, place and event")
    within(places, 1, MOST_PLACE, "place")
    within(changes, PlaceChange.ENTERED, PlaceChange.LEFT, "event")
    start = epoch * EPOCH_SECONDS
    return PlacesBatch(Precision.NONE, [start + time for time in times], places, changes)


def _check_times(times: list[int], step_s: int) -> None:
    within(times, -SLACK_S // step_s * step_s, EPOCH_SECONDS + SLACK_S - 1, "time")
    if step_s > 1 and any(time % step_s for time in times):
        raise WireFormatError("a time is finer than its precision allows")


def _positions(value: list[Any], epoch: int) -> LocationBatch:
    precision = whole(value[0], cells.EXACT, cells.COARSEST, "precision")
    n = whole(value[1], 1, MOST_FIXES, "n")
    if len(value) == 7 or (len(value) == 8 and precision != cells.EXACT):
        raise WireFormatError("speed and course come together, and with precision exact only")
    times, rows, cols, qualities, *side = (columns.decode(column, n) for column in value[2:])
    _check_times(times, TIME_STEP_S[precision])
    _check_cells(rows, cols, precision)
    within(qualities, LEAST_QUALITY[precision], WORST_QUALITY, "quality")
    speeds, courses = side or (None, None)
    if speeds is not None and courses is not None:
        within(speeds, 0, MOST_SPEED_DM_S, "speed")
        within(courses, 0, MOST_COURSE_DEG, "course")
    start = epoch * EPOCH_SECONDS
    return LocationBatch(Precision(precision), [start + time for time in times], rows, cols, qualities, speeds, courses)


def unpack_location(plaintext: bytes, epoch: int) -> list[Fix]:
    """The fixes of a location plaintext, none of events of places; WireFormatError if it breaks a rule of section 5."""
    return decode_location(plaintext, epoch).fixes()


def unpack_places(plaintext: bytes, epoch: int) -> list[PlaceEvent]:
    """The events of places of a location plaintext, none of positions; WireFormatError if it breaks a rule of section 5."""
    batch = decode_location(plaintext, epoch)
    return batch.events() if isinstance(batch, PlacesBatch) else []


def pack_places(events: Sequence[PlaceEvent], epoch: int) -> bytes:
    """Seal-ready plaintext of 1 to 64 events of places in any order, for load generation and tests.

    Times are rounded down to the minute; the order within it is not told.
    """
    array(list(events), 1, MOST_FIXES, "events")
    step_s = TIME_STEP_S[Precision.NONE]
    rows = sorted(
        ((event.time - epoch * EPOCH_SECONDS) // step_s * step_s, event.place or 0, int(event.event or 0))
        for event in events
    )
    parts = [columns.encode(list(column)) for column in zip(*rows, strict=True)]
    plaintext = codec.pack([int(Precision.NONE), len(events), *parts])
    decode_location(plaintext, epoch)
    return plaintext


def pack_location(precision: int, fixes: Sequence[Fix], epoch: int) -> bytes:
    """Seal-ready plaintext of 1 to 64 fixes, coarsened to `precision`, for load generation and tests.

    Speed and course travel only at precision 0 and only if every fix has both.
    """
    whole(int(precision), cells.EXACT, cells.COARSEST, "precision")
    array(list(fixes), 1, MOST_FIXES, "fixes")
    step_s = TIME_STEP_S[precision]
    places = [cells.cell_of(fix.lat_e7, fix.lon_e7, precision) for fix in fixes]
    data: list[Iterable[int]] = [
        [(fix.time - epoch * EPOCH_SECONDS) // step_s * step_s for fix in fixes],
        [row for row, _ in places],
        [col for _, col in places],
        [max(fix.quality, LEAST_QUALITY[precision]) for fix in fixes],
    ]
    speeds = [fix.speed_dm_s for fix in fixes if fix.speed_dm_s is not None]
    courses = [fix.course_deg for fix in fixes if fix.course_deg is not None]
    if precision == cells.EXACT and len(speeds) == len(courses) == len(fixes):
        data += [speeds, courses]
    value: list[Any] = [int(precision), len(fixes), *(columns.encode(list(column)) for column in data)]
    plaintext = codec.pack(value)
    decode_location(plaintext, epoch)
    return plaintext


def _check_cells(rows: list[int], cols: list[int], precision: int) -> None:
    if precision == cells.EXACT:
        within(rows, -cells.MOST_ROW, cells.MOST_ROW, "row")
        within(cols, -cells.MOST_COL, cells.MOST_COL, "column")
        return
    for cell in set(zip(rows, cols, strict=True)):  # a drive stays in few cells
        cells.check(*cell, precision)
