"""The directive as it travels: docs/wire-format.md, section 7."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any, Final

from cloud_sync.errors import WireFormatError
from cloud_sync.model import Directive, LocationField, PlaceCircle, Precision, Sensor, Thinning
from cloud_sync.wire import cells
from cloud_sync.wire.batch import TIME_STEP_S
from cloud_sync.wire.fields import MOST_U32, MOST_VERSION, array, octets, whole

FIELD_COUNT: Final = 18
FIELDS_BEFORE: Final = 14  # without thinning, places, aggregate and size
DAY_S: Final = 86_400
MOST_LEASE_S: Final = 93 * DAY_S
MOST_SPOOL_AGE_S: Final = 93 * DAY_S
MOST_ZONES: Final = 16  # the device tests every fix against each; they lie in its flash
MOST_HOURS: Final = 8
MOST_PLACES: Final = 8  # as zones
MOST_PLACE: Final = 255
LEAST_RADIUS_M: Final = 50  # a receiver's error in a street: less could not be told from beside it
MOST_RADIUS_M: Final = 50_000
LEAST_AGGREGATE_S: Final = 600
LEAST_PADDED_BYTES: Final = 96
MOST_PADDED_BYTES: Final = 960  # with header, salt and tag below the 1024 bytes of an envelope
LEAST_STEP_S: Final = 60  # of environment and motion
MOST_STEP_S: Final = 3600
ENDLESS_S: Final = DAY_S + 1  # longer than any time of a directive
ROUND_DEG: Final = 360  # a turn that no course makes
#: Most of the seven numbers of thinning, in the order of the wire.
MOST_THINNING: Final = (DAY_S, 10_000, 180, 5_000, DAY_S, 5_000, 10_000)
DAY_MIN: Final = 1440
#: Sensors that tell where a device is, and those whose readings go by the step.
LOCATING: Final = Sensor.GNSS | Sensor.CELL
STEPPING: Final = Sensor.TEMPERATURE | Sensor.LIGHT | Sensor.MOTION
CHALLENGE_LENGTHS: Final = (0, 8)


def to_wire(directive: Directive) -> list[Any]:
    """The array of 18 fields; WireFormatError if the directive leaves a range."""
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
        list(astuple(directive.thinning)),
        [list(place) for place in directive.places],
        directive.aggregate_s,
        directive.padded_bytes,
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
        sensors=Sensor(whole(fields[3], 0, 63, "sensors")),
        precision=Precision(whole(fields[4], Precision.EXACT, Precision.NONE, "precision")),
        fields=LocationField(whole(fields[5], 0, 1, "fields")),
        interval_s=whole(fields[6], 1, DAY_S, "interval"),
        batch=whole(fields[7], 1, 64, "batch"),
        batch_age_s=whole(fields[8], 1, DAY_S, "batch_age"),
        spool_age_s=whole(fields[9], 3600, MOST_SPOOL_AGE_S, "spool_age"),
        heartbeat_s=whole(fields[10], 60, DAY_S, "heartbeat"),
        zones=tuple(_zone(zone) for zone in array(fields[11], 0, MOST_ZONES, "zones")),
        hours=tuple(_hours(window) for window in array(fields[12], 0, MOST_HOURS, "hours")),
        thinning=_thinning(fields[13]),
        places=tuple(_place(place) for place in array(fields[14], 0, MOST_PLACES, "places")),
        aggregate_s=_some_or_none(fields[15], LEAST_AGGREGATE_S, DAY_S, "aggregate"),
        padded_bytes=_some_or_none(fields[16], LEAST_PADDED_BYTES, MOST_PADDED_BYTES, "size"),
        challenge=octets(fields[17], CHALLENGE_LENGTHS, "challenge"),
    )
    _check_together(directive)
    return directive


def _check_together(directive: Directive) -> None:
    """What the fields must mean together; WireFormatError otherwise."""
    if not 0 <= directive.lease_until - directive.issued_at <= MOST_LEASE_S:
        raise WireFormatError("a lease ends after its issue and within 93 days of it")
    if directive.fields and directive.precision != Precision.EXACT:
        raise WireFormatError("speed and course go with precision exact only")  # side fields undo a coarse position
    thinning = directive.thinning
    if 0 < thinning.rest_s < directive.interval_s:
        raise WireFormatError("rest is shorter than the interval")
    if thinning.turn_deg and not thinning.distance_m:
        raise WireFormatError("a turn goes with a distance only")
    if bool(thinning.stay_m) != bool(thinning.stay_time_s):
        raise WireFormatError("a stay has both a distance and a time")
    if thinning.blur_m and (directive.precision != Precision.EXACT or directive.fields):
        raise WireFormatError("blur goes with exact positions alone")
    if directive.aggregate_s and DAY_S % directive.aggregate_s:
        raise WireFormatError("an aggregate's interval divides the day")
    if 0 < directive.aggregate_s < step_of(directive):  # sums would tell the time more finely than readings
        raise WireFormatError("an aggregate's interval is shorter than the step")
    if directive.places and directive.precision != Precision.NONE:
        raise WireFormatError("events of places go without positions")
    if len({place.place for place in directive.places}) != len(directive.places):
        raise WireFormatError("a place stands twice")


def of_before(value: Any) -> Any:
    """The array of a directive in today's form, where a store holds it from when it had 14 fields: all that leaves is as it was."""
    if type(value) is list and len(value) == FIELDS_BEFORE:
        return [*value[:-1], [0] * len(MOST_THINNING), [], 0, 0, value[-1]]
    return value


def widens(new: Directive, current: Directive | None) -> bool:
    """Does `new` permit anything that `current` did not? With none in force, everything is wider than nothing."""
    if current is None:
        return True
    return bool(
        new.sensors & ~current.sensors
        or new.fields & ~current.fields
        or any(now < before for now, before in zip(_limits(new), _limits(current), strict=True))
        or set(current.zones) - set(new.zones)
        or set(new.places) - set(current.places)
        or _minutes(current) - _minutes(new)
    )


def grain_m(precision: int, blur_m: int) -> int:
    """How far a position that is told lies from the true one at least somewhere: half of the least width of a cell."""
    return 5 * 10**precision if precision else blur_m


def step_of(directive: Directive) -> int:
    """Seconds of a step of `environment` and `motion` [a fine clock undoes a cell]: by the precision alone, whatever may run."""
    return _step_s(directive.precision)


def _step_s(precision: Precision) -> int:
    return max(LEAST_STEP_S, TIME_STEP_S[precision]) if precision <= Precision.REGION else LEAST_STEP_S


def aggregate_of(aggregate_s: int, precision: Precision) -> int:
    """The interval of sums beside positions this fine: no shorter than the step, 0 for none."""
    return max(aggregate_s, _step_s(precision)) if aggregate_s else 0


def line_age_s(directive: Directive) -> int:
    """How long a line of `error` lasts at most, 0 where there is none: who cuts it sooner lets more fixes leave."""
    return directive.batch_age_s if directive.thinning.error_m else 0


def _limits(directive: Directive) -> tuple[int, ...]:
    """Numbers none of which may fall without permitting more; what stands for a 0 makes "not" comparable."""
    # Where nothing can tell a position, or nothing has a step, neither can become finer by a number.
    precision = directive.precision if directive.sensors & LOCATING else Precision.NONE
    return (
        precision,
        step_of(directive) if directive.sensors & STEPPING else MOST_STEP_S,
        line_age_s(directive),
        directive.interval_s,
        -directive.spool_age_s,
        -directive.lease_until,
        *thinning_limits(directive.thinning),
        grain_m(precision, directive.thinning.blur_m),
        directive.aggregate_s,
        directive.padded_bytes,
    )


def thinning_limits(thinning: Thinning) -> tuple[int, int, int, int, int, int]:
    """Rest, distance, turn, stay, stay_time (negative) and error as numbers that only fall where more may leave."""
    return (
        thinning.rest_s or (ENDLESS_S if thinning.distance_m else 0),  # at rest, a distance alone lets nothing through
        thinning.distance_m,
        (thinning.turn_deg or ROUND_DEG) if thinning.distance_m else 0,
        thinning.stay_m,
        -(thinning.stay_time_s or ENDLESS_S),
        thinning.error_m,
    )


def strictest(one: Thinning, other: Thinning) -> Thinning:
    """What lets no fix through that either holds back; without blur, which hangs on the precision."""
    rest, distance, turn, stay, stay_time, error = map(max, thinning_limits(one), thinning_limits(other))
    return Thinning(
        rest_s=0 if rest == ENDLESS_S else rest,
        distance_m=distance,
        turn_deg=0 if turn == ROUND_DEG else turn,
        stay_m=stay,
        stay_time_s=0 if stay_time == -ENDLESS_S else -stay_time,
        error_m=error,
    )


def as_coarse_as(precision: Precision, grain: int) -> Precision:
    """The finest precision from `precision` on whose cells hide as much as `grain` metres of blur do."""
    return next(each for each in Precision if each >= precision and (each == 0 or grain_m(each, 0) >= grain))


def _minutes(directive: Directive) -> set[int]:
    """Minutes of the day in which nothing is sensed: windows may be joined, split or reordered freely."""
    return {minute for start, end in directive.hours for minute in range(start, end)}


def _zone(value: Any) -> tuple[int, int]:
    row, col = array(value, 2, 2, "a zone")
    cells.check(row, col, Precision.CELL_1KM)
    return row, col


def _thinning(value: Any) -> Thinning:
    numbers = array(value, len(MOST_THINNING), len(MOST_THINNING), "thinning")
    return Thinning(*(whole(number, 0, most, "thinning") for number, most in zip(numbers, MOST_THINNING, strict=True)))


def _place(value: Any) -> PlaceCircle:
    place, row, col, radius_m = array(value, 4, 4, "a place")
    cells.check(row, col, Precision.EXACT)
    whole(place, 1, MOST_PLACE, "number of a place")
    return PlaceCircle(place, row, col, whole(radius_m, LEAST_RADIUS_M, MOST_RADIUS_M, "radius"))


def _some_or_none(value: Any, least: int, most: int, name: str) -> int:
    return 0 if whole(value, 0, most, name) == 0 else whole(value, least, most, name)


def _hours(value: Any) -> tuple[int, int]:
    start, end = array(value, 2, 2, "a window of hours")
    whole(start, 0, DAY_MIN, "start of hours")
    return start, whole(end, start + 1, DAY_MIN, "end of hours")
