"""The directive: permission, made machine-readable (wire-format section 7)."""

from firmware.const import const
from firmware.errors import DirectiveError, WireError
from firmware.wire import cells

GNSS, TEMPERATURE, LIGHT, MOTION, CELL = 1, 2, 4, 8, 16  # bits of `sensors`
SPEED_AND_COURSE = 1  # bit of `fields`
DAY_S = 86_400
MAX_LEASE_S = MAX_SPOOL_AGE_S = 93 * DAY_S
MAX_AHEAD = 4096  # versions; a forged leap must not drive them out of the server's reach
_MAX_ZONES = const(16)
_MAX_HOURS = const(8)
APPLY = 1
ASK = 2
# (name, least, most) of the first eleven fields, in the order of the wire.
_NUMBERS = (
    ("version", 1, 2**31 - 1),
    ("issued_at", 0, 2**32 - 1),
    ("lease_until", 0, 2**32 - 1),
    ("sensors", 0, 31),
    ("precision", 0, 6),
    ("fields", 0, 1),
    ("interval", 1, DAY_S),
    ("batch", 1, 64),
    ("batch_age", 1, DAY_S),
    ("spool_age", 3600, MAX_SPOOL_AGE_S),
    ("heartbeat", 60, DAY_S),
)


class Directive:
    """One directive with the wire's names, times in seconds: version, issued_at, lease_until, sensors, precision,
    fields, interval, batch, batch_age, spool_age, heartbeat, zones, hours, challenge. Not to be changed.
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

    def __init__(self, wire: list):
        """From the wire's list; DirectiveError for any field out of its range."""
        if not isinstance(wire, list) or len(wire) != 14:
            raise DirectiveError("a directive has 14 fields")
        for index, (name, least, most) in enumerate(_NUMBERS):
            value = wire[index]
            if not isinstance(value, int) or not least <= value <= most:
                raise DirectiveError(name + " out of range")
            setattr(self, name, value)
        if not 0 <= self.lease_until - self.issued_at <= MAX_LEASE_S:
            raise DirectiveError("lease is too long or over before it begins")
        if self.fields and self.precision != cells.EXACT:
            raise DirectiveError("speed and course go with exact positions only")
        self.zones = _pairs(wire[11], _MAX_ZONES)
        for row, col in self.zones:
            _check_zone(row, col)
        self.hours = _pairs(wire[12], _MAX_HOURS)
        for begin, end in self.hours:
            if not 0 <= begin < end <= 1440:
                raise DirectiveError("hours out of range")
        self.challenge = wire[13]
        if not isinstance(self.challenge, bytes) or len(self.challenge) not in (0, 8):
            raise DirectiveError("challenge must have 8 bytes or none")

    @classmethod
    def from_wire(cls, wire: list):
        """The directive that a wire list says."""
        return cls(wire)

    def to_wire(self) -> list:
        """The wire list again."""
        numbers = [getattr(self, name) for name, _, _ in _NUMBERS]
        pairs = [[list(pair) for pair in pairs] for pairs in (self.zones, self.hours)]
        return numbers + pairs + [self.challenge]

    def permits(self, sensor: int) -> bool:
        """True if the bit of this sensor is set and something may be kept of it; the lease and the hours are looked at
        elsewhere.
        """
        if sensor == GNSS and self.precision > cells.REGION:
            return False
        return self.sensors & sensor != 0

    def widens(self, current) -> bool:
        """True if it permits anything that `current` (None: nothing is permitted) does not."""
        if current is None:
            return True
        return (
            self.sensors & ~current.sensors != 0
            or self.fields & ~current.fields != 0
            or self.precision < current.precision
            or self.interval < current.interval
            or self.spool_age > current.spool_age
            or self.lease_until > current.lease_until
            or any(zone not in self.zones for zone in current.zones)
            or not _covers(self.hours, current.hours)
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


def _pairs(value, most):
    if not isinstance(value, list) or len(value) > most:
        raise DirectiveError("list of zones or hours too long")
    for pair in value:
        if not isinstance(pair, list) or len(pair) != 2 or any(not isinstance(part, int) for part in pair):
            raise DirectiveError("a zone or an hour is a pair of integers")
    return tuple(tuple(pair) for pair in value)


def _check_zone(row, col):
    try:
        cells.check_cell(row, col, cells.CELL_1KM)
    except WireError:
        raise DirectiveError("zone is no cell")


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
