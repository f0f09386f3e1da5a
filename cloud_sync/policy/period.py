"""ISO 8601 periods of a policy: `P90D`, `P12M`, `P1Y`, `PT1H`. A month is a calendar month, not 30 days."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from whenever import Instant

_FORM = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", re.ASCII)
_DAY_S = 86_400
# A hundred years: longer terms are a typing error, and dates stay far from the calendar's end.
_MAX_DAYS = 36_525


@dataclass(frozen=True, slots=True)
class Period:
    """A finite span of calendar months, days and seconds; `text` is what the policy file says."""

    text: str
    months: int
    days: int
    seconds: int

    @classmethod
    def parse(cls, text: str) -> Period:
        """Read an ISO 8601 period (years, months, weeks, days, hours, minutes, seconds); ValueError otherwise."""
        match = _FORM.fullmatch(text)
        if match is None or text.endswith(("P", "T")):
            raise ValueError(f"{text!r} is no ISO 8601 period such as P90D, P12M or PT1H")
        if len(text) > 32:  # longer digits are no term, and integers of any size would cost time
            raise ValueError("the period is longer than any term")
        years, months, weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
        period = cls(text, years * 12 + months, weeks * 7 + days, hours * 3600 + minutes * 60 + seconds)
        if period.longest_s > _MAX_DAYS * _DAY_S:
            raise ValueError(f"{text} is longer than a hundred years: a term must be finite")
        return period

    def end(self, start: float) -> float:
        """Unix seconds at which the term that starts at `start` (Unix seconds, UTC) is over."""
        whole = math.floor(start)
        moment = Instant.from_timestamp(whole).to_tz("UTC").add(months=self.months, days=self.days)
        return moment.timestamp() + self.seconds + (start - whole)

    @property
    def shortest_s(self) -> int:
        """Least seconds that the period can last: its months as February."""
        return (self.months // 12 * 365 + self.months % 12 * 28 + self.days) * _DAY_S + self.seconds

    @property
    def longest_s(self) -> int:
        """Most seconds that the period can last: its years as leap years, its months of 31 days."""
        return (self.months // 12 * 366 + self.months % 12 * 31 + self.days) * _DAY_S + self.seconds

    def __str__(self) -> str:
        return self.text
