"""The directive as it travels: docs/wire-format.md, section 7."""

from __future__ import annotations

from typing import Any, Final

from cloud_sync.errors import WireFormatError
from cloud_sync.model import Directive, LocationField, Precision, Sensor
from cloud_sync.wire import cells
from cloud_sync.wire.fields import MOST_U32, MOST_VERSION, array, octets, whole

FIELD_COUNT: Final = 14
DAY_S: Final = 86_400
MOST_LEASE_S: Final = 93 * DAY_S
MOST_SPOOL_AGE_S: Final = 93 * DAY_S
MOST_ZONES: Final = 16  # the device tests every fix against each; they lie in its flash
MOST_HOURS: Final = 8
DAY_MIN: Final = 1440
CHALLENGE_LENGTHS: Final = (0, 8)


def to_wire(directive: Directive) -> list[Any]:
    """The array of 14 fields; WireFormatError if the directive leaves a range."""
    value: list[Any] = [
        directive.version,
        directive.issued_at,
        directive.lease_until,
        int(directive.sensors),
        int(directive.precision),
        int(directive.fields),
        directive.interval_s,
        directive.batch,
        directive.batch_age_s,
        directive.spool_age_s,
        directive.heartbeat_s,
        [list(zone) for zone in directive.zones],
        [list(hour) for hour in directive.hours],
        directive.challenge,
    ]
    from_wire(value)
    return value


def from_wire(value: Any) -> Directive:
    """The directive of an array; WireFormatError for a field too many, too few, of a wrong type or out of range."""
    fields = array(value, FIELD_COUNT, FIELD_COUNT, "a directive")
    directive = Directive(
        version=whole(fields[0], 1, MOST_VERSION, "version"),
        issued_at=whole(fields[1], 0, MOST_U32, "issued_at"),
        lease_until=whole(fields[2], 0, MOST_U32, "lease_until"),
        sensors=Sensor(whole(fields[3], 0, 31, "sensors")),
        precision=Precision(whole(fields[4], Precision.EXACT, Precision.NONE, "precision")),
        fields=LocationField(whole(fields[5], 0, 1, "fields")),
        interval_s=whole(fields[6], 1, DAY_S, "interval"),
        batch=whole(fields[7], 1, 64, "batch"),
        batch_age_s=whole(fields[8], 1, DAY_S, "batch_age"),
        spool_age_s=whole(fields[9], 3600, MOST_SPOOL_AGE_S, "spool_age"),
        heartbeat_s=whole(fields[10], 60, DAY_S, "heartbeat"),
        zones=tuple(_zone(zone) for zone in array(fields[11], 0, MOST_ZONES, "zones")),
        hours=tuple(_hours(window) for window in array(fields[12], 0, MOST_HOURS, "hours")),
        challenge=octets(fields[13], CHALLENGE_LENGTHS, "challenge"),
    )
    if not 0 <= directive.lease_until - directive.issued_at <= MOST_LEASE_S:
        raise WireFormatError("a lease ends after its issue and within 93 days of it")
    if directive.fields and directive.precision != Precision.EXACT:
        raise WireFormatError("speed and course go with precision exact only")  # side fields undo a coarse position
    return directive


def widens(new: Directive, current: Directive | None) -> bool:
    """Does `new` permit anything that `current` did not? With none in force, everything is wider than nothing."""
    if current is None:
        return True
    return bool(
        new.sensors & ~current.sensors
        or new.fields & ~current.fields
        or new.precision < current.precision
        or new.interval_s < current.interval_s
        or new.spool_age_s > current.spool_age_s
        or new.lease_until > current.lease_until
        or set(current.zones) - set(new.zones)
        or _minutes(current) - _minutes(new)
    )


def _minutes(directive: Directive) -> set[int]:
    """Minutes of the day in which nothing is sensed: windows may be joined, split or reordered freely."""
    return {minute for start, end in directive.hours for minute in range(start, end)}


def _zone(value: Any) -> tuple[int, int]:
    row, col = array(value, 2, 2, "a zone")
    cells.check(row, col, Precision.CELL_1KM)
    return row, col


def _hours(value: Any) -> tuple[int, int]:
    start, end = array(value, 2, 2, "a window of hours")
    whole(start, 0, DAY_MIN, "start of hours")
    return start, whole(end, start + 1, DAY_MIN, "end of hours")
