"""Inside a parcel or a van: temperature that lags behind, and darkness until somebody opens it.

Temperature is the exact solution, minute by minute, of a first-order lag (Newton's law of cooling) behind the outside.
The time constants and shares of light of `parcel` and `van` are made up; measure yours and give them.
"""

import bisect
import itertools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from hw_sim.errors import HwSimError

STEP_S = 60
DAY_STEPS = 1440
SETTLED = 8  # time constants after which the beginning is forgotten to 0.03 %
LONGEST_LAG_S = 7 * 86_400


@dataclass(frozen=True)
class Kind:
    """How something encloses: time constants in s closed and open, share of the daylight in it closed and open."""

    name: str
    lag_s: float
    open_lag_s: float
    light: float
    open_light: float


PARCEL = Kind("parcel", 3 * 3600, 900, 0.0, 0.1)
VAN = Kind("van", 3600, 300, 0.0, 0.05)


class Enclosure:
    """`temperature_c` and `illuminance_lx` inside, of those outside; `opened` are spans of Unix time, in any order."""

    def __init__(
        self,
        kind: Kind,
        temperature_c: Callable[[float], float],
        illuminance_lx: Callable[[float], float],
        opened: Iterable[tuple[float, float]] = (),
    ) -> None:
        self.kind = kind
        self._outside_c, self._outside_lx = temperature_c, illuminance_lx
        self._opened = sorted(opened)
        if any(end <= begin for begin, end in self._opened):
            raise HwSimError(f"{kind.name}: is opened for no time; give (begin, end) in Unix seconds")
        if any(b[0] < a[1] for a, b in itertools.pairwise(self._opened)):
            raise HwSimError(f"{kind.name}: is opened while it is open; join the spans")
        if not 0 < kind.open_lag_s <= kind.lag_s <= LONGEST_LAG_S:
            raise HwSimError(f"{kind.name}: lags of {kind.lag_s} s closed and {kind.open_lag_s} s open; open is faster")
        self._days = lru_cache(maxsize=4)(self._day)  # a run goes on in time: today, and perhaps tomorrow

    def is_open(self, unix_s: float) -> bool:
        """Whether it is open at that time."""
        at = bisect.bisect_right(self._opened, (unix_s, math.inf)) - 1
        return at >= 0 and unix_s < self._opened[at][1]

    def illuminance_lx(self, unix_s: float) -> float:
        """Light inside."""
        share = self.kind.open_light if self.is_open(unix_s) else self.kind.light
        return share * self._outside_lx(unix_s) if share else 0.0

    def temperature_c(self, unix_s: float) -> float:
        """Temperature inside: straight lines between whole minutes."""
        minute, rest = divmod(unix_s, STEP_S)
        day, at = divmod(int(minute), DAY_STEPS)
        row = self._days(day)
        return row[at] + (row[at + 1] - row[at]) * rest / STEP_S

    def _day(self, day: int) -> list[float]:
        """Each minute of a UTC day and the first of the next, begun long enough before that its beginning does not matter."""
        first = day * DAY_STEPS
        begin = first - math.ceil(SETTLED * self.kind.lag_s / STEP_S)
        inside = self._outside_c(begin * STEP_S)
        row = []
        for minute in range(begin, first + DAY_STEPS + 1):
            at_s = minute * STEP_S
            if minute >= first:
                row.append(inside)
            lag_s = self.kind.open_lag_s if self.is_open(at_s) else self.kind.lag_s
            inside += (self._outside_c(at_s) - inside) * -math.expm1(-STEP_S / lag_s)
        return row
