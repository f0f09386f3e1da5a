"""Places: events of named places in place of positions (wire-format section 5, events of places)."""

from firmware.const import const
from firmware.errors import WireError
from firmware.minimise.plane import ONE, cosine, east
from firmware.wire.batch import EPOCH_S, SLACK_S
from firmware.wire.cells import CELL_1KM, cell_of

ENTERED, LEFT = 1, 2
_STEP_S = const(60)
_NEAR_S = const(60)  # beside twice the interval: between fixes further apart nobody knows the way
_HALF_AROUND_E7 = const(1_800_000_000)
_LEAST_MARGIN_M = const(25)  # a receiver at rest wanders this far


class Places:
    """Places(directive): accept(fix) -> [(time_s, place, event), …] in the order of time, for fixes outside all zones.

    A place is entered at its radius and left an eighth of it (25 m at least) further out, so that who stands on its
    edge does not enter and leave for ever. Between two fixes the way is straight and even: the time of a crossing is
    interpolated, and a place that was passed between them is entered and left. It keeps the last position, the time and
    a bit for each place, all of the last fix outside zones.
    """

    def __init__(self, directive):
        self._directive = directive
        self._before = None  # (time_s, lat_e7, lon_e7)
        self._inside = 0  # bit for each place

    def resume(self, other) -> None:
        """Under a directive that changes neither places nor zones nor hours, who was inside under the other still is. The
        way to the next fix is not known [its beginning was sensed under the other directive].
        """
        new, old = self._directive, other._directive
        if new.places == old.places and new.zones == old.zones and new.hours == old.hours:
            self._inside = other._inside

    def accept(self, fix: tuple, interval_s: int) -> list:
        """Events at this fix, or on the way to it."""
        here, before = fix[:3], self._before
        if before is not None and here[0] <= before[0]:
            if here[0] >= before[0] - _STEP_S - SLACK_S:
                return []
            before = None  # the clock was fast and is right again; who was inside still is
        self._before = here
        if before is not None and not self._followed(before, here, interval_s):
            before = None
        events: list = []
        for index in range(len(self._directive.places)):
            self._look(index, before, here, events)
        # Told at its minute, and in the day of the fix: the keys of the day before are gone. Their order within the
        # minute is not told.
        day_s = here[0] - here[0] % EPOCH_S
        return sorted([(max(event[0] - event[0] % _STEP_S, day_s),) + event[1:] for event in events])

    def _followed(self, before, here, interval_s: int) -> bool:
        """True if the way between two fixes may be taken for straight. Where there are zones only between fixes of which
        none is missing [what was missed may have been in a zone].
        """
        gap_s, twice_s = here[0] - before[0], 2 * max(self._directive.interval, interval_s)
        return gap_s < twice_s if self._directive.zones else gap_s <= twice_s + _NEAR_S

    def _look(self, index: int, before, here, events: list):
        """Add what happened to one place."""
        place, row, col, radius = self._directive.places[index]
        outer = radius + max(_LEAST_MARGIN_M, radius // 8)
        bit = 1 << index
        end = _metres(row, col, here)
        if before and abs(east(here[2], col * 100) - east(before[2], col * 100)) > _HALF_AROUND_E7:
            before = None  # opposite the place east becomes west: no straight line leads from one to the other
        start = _metres(row, col, before) if before else end
        came = self._inside & bit == 0
        share = _entry(start, end, radius) if came else 0  # of the way, in 1/ONE; None if it leads past
        if share is None:
            return
        away = not _inside(end, outer)
        times = [self._time(before, here, share)] if came else []
        if away:
            times.append(self._time(before, here, ONE - (_entry(end, start, outer) or 0)))
        if None in times:
            # A crossing in a zone, or in a quiet hour, is told by nobody: what is so at this fix counts, at its time.
            if came == away:
                return
            times = [here[0]]
        if came:
            events.append((times[0], place, ENTERED))
        if away:
            events.append((times[-1], place, LEFT))
        self._inside = self._inside & ~bit if away else self._inside | bit

    def _time(self, before, here, share: int):
        """Time at a share of the way; None if it lies in a quiet hour or the position there in a zone."""
        if before is None:
            return here[0]
        time_s = before[0] + (here[0] - before[0]) * share // ONE
        lat_e7 = before[1] + (here[1] - before[1]) * share // ONE
        lon_e7 = before[2] + east(here[2], before[2]) * share // ONE
        if self._directive.closed_at(time_s):
            return None
        try:
            zoned = self._directive.zones and cell_of(lat_e7, lon_e7, CELL_1KM) in self._directive.zones
        except WireError:  # the way crosses the antimeridian
            return None
        return None if zoned else time_s


def _metres(row: int, col: int, at: tuple) -> tuple:
    """(north, east) in m of a position (time_s, lat_e7, lon_e7) from a place."""
    middle = cosine((at[1] + row * 100) // 2)
    return (at[1] - row * 100) * 1112 // 100_000, east(at[2], col * 100) * middle // ONE * 1112 // 100_000


def _entry(start: tuple, end: tuple, radius: int):
    """Share of the way from start to end, in 1/ONE, at which it comes within the radius; None if it never does."""
    if _inside(start, radius):
        return 0
    over = start[0] * start[0] + start[1] * start[1] - radius * radius
    way = (end[0] - start[0], end[1] - start[1])
    square = way[0] * way[0] + way[1] * way[1]
    along = start[0] * way[0] + start[1] * way[1]
    root = along * along - square * over
    if root < 0 or along >= 0:
        return None
    share = (-along - _root(root)) * ONE // square
    return min(share, ONE) if _inside(end, radius) or share <= ONE else None


def _inside(point: tuple, radius: int) -> bool:
    return point[0] * point[0] + point[1] * point[1] <= radius * radius


def _root(square: int) -> int:
    """Whole square root (Newton)."""
    if square < 2:
        return square
    root = 1 << (len("%x" % square) * 2)  # not below it
    while True:
        better = (root + square // root) // 2
        if better >= root:
            return root
        root = better
