"""Jumps: fixes that no vehicle can have reached are left out, and a new place is believed when they agree on it."""

import math

from firmware.const import const

_FASTEST_M_S = const(100)  # 360 km/h: no parcel, van or bicycle is faster, and echoes between houses are
_SLACK_M = const(50)  # of two fixes beside their own accuracies, which are one standard deviation
_UNKNOWN_MM = const(100_000)  # for a fix that does not tell its accuracy
# Fixes in a row that agree with each other and not with the place before: what the receiver says from now on.
_AGREED = const(5)
_MM_PER_E7 = const(11)  # of latitude, 11.1 mm, rounded so that a distance is never too long


class Jumps:
    """`accept(fix)` in the order of time; the two fixes that it remembers are in RAM only."""

    def __init__(self):
        self._last = None  # the last that was believed
        self._other = None  # the last that was not
        self._agreed = 0
        self.dropped = 0  # since the start

    def accept(self, fix: tuple) -> bool:
        """True unless the way from the last believed fix would have been faster than 100 m/s."""
        if self._last is None or _reached(self._last, fix):
            self._last, self._other, self._agreed = fix, None, 0
            return True
        agrees = self._other is not None and _reached(self._other, fix)
        self._other, self._agreed = fix, self._agreed + 1 if agrees else 1
        if self._agreed >= _AGREED:
            self._last, self._other, self._agreed = fix, None, 0
            return True
        self.dropped += 1
        return False


def _reached(begin: tuple, end: tuple) -> bool:
    seconds = end[0] - begin[0]
    if seconds < 0:  # the clock was healed: nothing is known of the way
        return True
    around = (end[2] - begin[2] + 1_800_000_000) % 3_600_000_000 - 1_800_000_000
    narrow = math.cos(math.radians(max(abs(begin[1]), abs(end[1])) / 1e7))
    north = abs(end[1] - begin[1]) * _MM_PER_E7 // 1000
    east = int(abs(around) * narrow) * _MM_PER_E7 // 1000
    accuracies_mm = sum(_UNKNOWN_MM if fix[3] < 0 else fix[3] for fix in (begin, end))
    reach = _FASTEST_M_S * seconds + _SLACK_M + accuracies_mm // 1000
    return north * north + east * east <= reach * reach
