"""The axes of a time line: virtual time to the right, amounts upwards, both with round numbers at their ticks."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hw_sim.picture.words import clock, day

STEPS_S = (
    1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 10_800, 21_600, 43_200,
    86_400, 2 * 86_400, 7 * 86_400, 14 * 86_400, 28 * 86_400, 91 * 86_400, 365 * 86_400,
)  # fmt: skip
DAY_S = 86_400
ROUND = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
TICK_UNITS = 78.0  # of the page between two ticks, at least: a time and a gap


@dataclass(frozen=True)
class TimeAxis:
    """Times of a run, in seconds since its world began, on the page from `left` to `right`."""

    begin_s: float
    end_s: float
    left: float
    right: float
    start_unix_s: float

    def x(self, at_s: float) -> float:
        """Where a time lies; what is outside lies at the end."""
        span = self.end_s - self.begin_s
        share = (at_s - self.begin_s) / span if span > 0 else 0.0
        return self.left + (self.right - self.left) * min(1.0, max(0.0, share))

    def ticks(self) -> list[tuple[float, str]]:
        """(x, label) at round times of the day, UTC; where a day begins, its date."""
        most = max(2.0, (self.right - self.left) / TICK_UNITS)
        span = self.end_s - self.begin_s
        step = next((step for step in STEPS_S if span / step <= most), STEPS_S[-1])
        first = math.ceil((self.start_unix_s + self.begin_s) / step) * step
        made, before = [], ""
        for number in range(int(span / step) + 2):
            unix_s = first + number * step
            if unix_s > self.start_unix_s + self.end_s:
                break
            made.append((self.x(unix_s - self.start_unix_s), self._label(unix_s, step, before)))
            before = day(unix_s)
        return made

    def _label(self, unix_s: float, step: float, before: str) -> str:
        if step >= DAY_S or (before and day(unix_s) != before):
            return day(unix_s)
        return clock(unix_s, seconds=step < 60)


def ceiling(most: float) -> float:
    """The least round number that is not below."""
    if most <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(most))
    return next((power * factor for factor in ROUND if power * factor >= most * (1 - 1e-9)), power * 10)


def joined(row: list[float], bins: int, columns: int) -> tuple[list[float], int]:
    """A row of bins summed to at most so many columns, and how many bins a column has."""
    padded = [*row, *[0.0] * (bins - len(row))]
    each = max(1, -(-bins // max(1, columns)))
    return [sum(padded[at : at + each]) for at in range(0, bins, each)], each
