"""The directive: permission, made machine-readable (wire-format section 7)."""

from firmware.const import const
from firmware.errors import DirectiveError, WireError
from firmware.wire import cells

GNSS, TEMPERATURE, LIGHT, MOTION, CELL, WAKE = 1, 2, 4, 8, 16, 32  # bits of `sensors`
SPEED_AND_COURSE = 1  # bit of `fields`
DAY_S = 86_400
MAX_LEASE_S = MAX_SPOOL_AGE_S = 93 * DAY_S
MAX_AHEAD = 4096  # versions; a forged leap must not drive them out of the server's reach
_NONE = const(6)  # precision: no position; events of places, where there are any
_MAX_ZONES = const(16)
_MAX_HOURS = const(8)
_MAX_PLACES = const(8)  # the device tests every fix against each
_MOST_STEP_S = const(3600)  # of environment and motion
_ENDLESS = const(86_401)  # s: longer than any time of a directive
APPLY = 1
ASK = 2
# The first eleven fields, two behind the lists, and the seven numbers of thinning; least and most of each. Two flat tuples
# [a tuple for each costs the heap twice as much].
_NUMBERS = (
    "version",
    "issued_at",
    "lease_until",
    "sensors",
    "precision",
    "fields",
    "interval",
    "batch",
    "batch_age",
    "spool_age",
    "heartbeat",
    "aggregate",
    "size",
    "rest",
    "distance",
    "turn",
    "stay",
    "stay_time",
    "error",
    "blur",
)
# fmt: off
_LEAST = const((1, 0, 0, 0, 0, 0, 1, 1, 1, 3600, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0))
_MOST = const((
    2147483647, 4294967295, 4294967295, 63, 6, 1, 86400, 64, 86400, 8035200, 86400,
    86400, 960,
    86400, 10000, 180, 5000, 86400, 5000, 10000,
))
# fmt: on


class Directive:
    """One directive with the wire's names, times in seconds, distances in metres: version, issued_at, lease_until,
    sensors, precision, fields, interval, batch, batch_age, spool_age, heartbeat, zones, hours, the seven numbers of
    thinning (rest, distance, turn, stay, stay_time, error, blur), places, aggregate, size, challenge. Not to be changed.
    """

    version: int
    issued_at: int
    lease_until: int
    sensors: int
    precision: int
    fields: int
    interval: int
    batch: int
    batch_age: int
    spool_age: int
    heartbeat: int
    rest: int
    distance: int
    turn: int
    stay: int
    stay_time: int
    error: int
    blur: int
    aggregate: int
    size: int

    def __init__(self, wire: list):
        """From the wire's list; DirectiveError for any field out of its range."""
        if not isinstance(wire, list) or len(wire) != 18:
            raise DirectiveError("a directive has 18 fields")
        if not isinstance(wire[13], list) or len(wire[13]) != 7:
            raise DirectiveError("thinning has seven numbers")
        numbers = wire[:11] + wire[15:17] + wire[13]
        for index, name in enumerate(_NUMBERS):
            value = numbers[index]
            if not isinstance(value, int) or not _LEAST[index] <= value <= _MOST[index]:
                raise DirectiveError(name + " out of range")
            setattr(self, name, value)
        if not 0 <= self.lease_until - self.issued_at <= MAX_LEASE_S:
            raise DirectiveError("lease is too long or over before it begins")
        if self.fields and self.precision != cells.EXACT:
            raise DirectiveError("speed and course go with exact positions only")
        self.zones = _lists(wire[11], _MAX_ZONES, 2)
        for row, col in self.zones:
            _check_cell(row, col, cells.CELL_1KM)
        self.hours = _lists(wire[12], _MAX_HOURS, 2)
        for begin, end in self.hours:
            if not 0 <= begin < end <= 1440:
                raise DirectiveError("hours out of range")
        self.places = _lists(wire[14], _MAX_PLACES, 4)
        self._check_leaving()
        self.challenge = wire[17]
        if not isinstance(self.challenge, bytes) or len(self.challenge) not in (0, 8):
            raise DirectiveError("challenge must have 8 bytes or none")

    @classmethod
    def from_wire(cls, wire: list):
        """The directive that a wire list says."""
        return cls(wire)

    def to_wire(self) -> list:
        """The wire list again."""
        numbers = [getattr(self, name) for name in _NUMBERS]
        zones, hours, places = [[list(entry) for entry in part] for part in (self.zones, self.hours, self.places)]
        return numbers[:11] + [zones, hours, numbers[13:], places] + numbers[11:13] + [self.challenge]

    def _check_leaving(self):
        """What the fields that say what leaves must mean together; places must be places."""
        if 0 < self.rest < self.interval:
            raise DirectiveError("rest is shorter than the interval")
        if (self.turn and not self.distance) or (self.stay == 0) != (self.stay_time == 0):
            raise DirectiveError("turn needs a distance, and a stay its time")
        if self.blur and (self.precision != cells.EXACT or self.fields):
            raise DirectiveError("blur goes with exact positions alone")
        if 0 < self.aggregate < 600 or (self.aggregate and DAY_S % self.aggregate) or 0 < self.size < 96:
            raise DirectiveError("aggregate or size out of range")
        if 0 < self.aggregate < step_of(self):  # would tell the time more finely than a reading does
            raise DirectiveError("aggregate is shorter than the step")
        if self.places and self.precision != _NONE:
            raise DirectiveError("places go without positions")
        if len({entry[0] for entry in self.places}) != len(self.places):
            raise DirectiveError("a place twice")
        for place, row, col, radius in self.places:
            _check_cell(row, col, cells.EXACT)
            if not 1 <= place <= 255 or not 50 <= radius <= 50_000:
                raise DirectiveError("place out of range")

    def permits(self, sensor: int) -> bool:
        """True if the bit of this sensor is set and something may be kept of it; the lease and the hours are looked at
        elsewhere.
        """
        if sensor == GNSS and self.precision > cells.REGION and not self.places:
            return False
        return self.sensors & sensor != 0

    def widens(self, current) -> bool:
        """True if it permits anything that `current` (None: nothing is permitted) does not."""
        if current is None:
            return True
        return (
            self.sensors & ~current.sensors != 0
            or self.fields & ~current.fields != 0
            or any(new < old for new, old in zip(self._limits(), current._limits()))  # noqa: B905 - MicroPython has no strict
            or any(zone not in self.zones for zone in current.zones)
            or any(place not in current.places for place in self.places)
            or not _covers(self.hours, current.hours)
        )

    def _limits(self):
        """Numbers of which none may fall without permitting more; what stands for a 0 makes "not" comparable."""
        # Where nothing can tell a position, or nothing has a step, neither can become finer by a number.
        precision = self.precision if self.sensors & (GNSS | CELL) else _NONE
        return (
            precision,
            step_of(self) if self.sensors & (TEMPERATURE | LIGHT | MOTION) else _MOST_STEP_S,
            self.batch_age if self.error else 0,  # a line of `error` lasts no longer
            self.interval,
            -self.spool_age,
            -self.lease_until,
            self.rest or (_ENDLESS if self.distance else 0),  # at rest, `distance` alone lets nothing through
            self.distance,
            (self.turn or 360) if self.distance else 0,
            self.stay,
            -(self.stay_time or _ENDLESS),
            self.error,
            5 * 10**precision if precision else self.blur,  # m: half of the least width of a cell
            self.aggregate,
            self.size,
        )

    def judge(self, current, highest: int, answered: bool) -> int:
        """APPLY, or ASK: stop the personal streams until a fresh challenge was answered. DirectiveError: not to be
        applied at all.

        current: Directive in force or None; highest: version ever applied; answered: it holds the device's current
        challenge.
        """
        # 1. Strictly newer [a broker that withholds version 19 and serves 18], within reach [a forged leap].
        if not highest < self.version <= highest + MAX_AHEAD:
            raise DirectiveError("version is not newer, or too far ahead")
        # 2. Widening needs the current challenge [a replay never widens anything]; narrowing takes effect at once.
        return APPLY if answered or not self.widens(current) else ASK

    def closed_at(self, time_s: int) -> bool:
        """True in one of the hours in which nothing is sensed."""
        minute = time_s % DAY_S // 60
        return any(begin <= minute < end for begin, end in self.hours)


def step_of(directive) -> int:
    """Step of `environment` and `motion` in s: that of positions of this precision, 60 at least, whatever may run."""
    return 60 if directive.precision > cells.REGION else max(60, cells.TIME_STEP_S[directive.precision])


def _lists(value, most, width):
    """Tuple of tuples of `width` integers each."""
    if not isinstance(value, list) or len(value) > most:
        raise DirectiveError("list of zones, hours or places too long")
    for entry in value:
        if not isinstance(entry, list) or len(entry) != width or any(not isinstance(part, int) for part in entry):
            raise DirectiveError("a zone, an hour or a place is so many integers")
    return tuple(tuple(entry) for entry in value)


def _check_cell(row, col, precision):
    try:
        cells.check_cell(row, col, precision)
    except WireError:
        raise DirectiveError("zone or place is nowhere on Earth")


def _covers(outer, inner):
    """True if every minute of `inner` lies in `outer`; both are lists of (from, to)."""
    for begin, end in inner:
        open_from = begin
        # Windows in order of their begin: each moves the uncovered rest on.
        for other_begin, other_end in sorted(outer):
            if other_begin <= open_from < other_end:
                open_from = other_end
        if open_from < end:
            return False
    return True
