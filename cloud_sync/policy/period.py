"""ISO 8601 periods of a policy: `P90D`, `P12M`, `P4W`, `PT1H`. A month is a calendar month, not 30 days.

Months and days are civil time: they are counted on the calendar of a zone, so that a day may have 23 to 25 hours there. Hours,
minutes and seconds are exact. Of a month that is too short the last day counts (Regulation (EEC, Euratom) 1182/71, Art. 3(2)(c)).
"""

from __future__ import annotations

import calendar
import math
import re
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from whenever import Date, Instant, PlainDateTime, ZonedDateTime

_FORM = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", re.ASCII)
_DAY_S = 86_400
# A hundred years: longer terms are a typing error, and dates stay far from the calendar's end.
_MAX_DAYS = 36_525
UTC = "UTC"


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

    def end(self, start: float, zone: str = UTC) -> float:
        """Unix seconds at which the term that starts at `start` (Unix seconds) is over, on the calendar of a zone.

        Where daylight saving skips the time of day, the hour after counts; where it occurs twice, the first.
        """
        whole = math.floor(start)
        moment = (
            Instant.from_timestamp(whole)
            .to_tz(zone)
            .add(months=self.months, days=self.days, disambiguation="compatible")
        )
        return moment.timestamp() + self.seconds + (start - whole)

    def before(self, end: float, zone: str = UTC) -> float:
        """Unix seconds so far before `end`: the term counted backwards on the calendar, as a cap less a horizon needs it."""
        whole = math.floor(end)
        moment = (
            Instant.from_timestamp(whole)
            .to_tz(zone)
            .subtract(months=self.months, days=self.days, disambiguation="compatible")
        )
        return moment.timestamp() - self.seconds + (end - whole)

    def latest_start(self, now: float) -> float:
        """The latest start (Unix seconds, UTC) of a term that is over at `now`; a start before it may still be running.

        [Month ends do not keep order: from January 30th, 13:00, a month lasts longer than from the 31st, 12:00.]
        """
        rest = now - self.days * _DAY_S - self.seconds
        if not self.months:
            return rest
        whole = math.floor(rest)
        at = Instant.from_timestamp(whole).to_tz(UTC)
        months = at.year * 12 + at.month - 1 - self.months
        year, month = months // 12, months % 12 + 1
        last = calendar.monthrange(year, month)[1]
        if at.day > last:  # every day of that month is over
            return _utc(year, month, last).add(days=1).timestamp() - 1e-6
        if at.day == calendar.monthrange(at.year, at.month)[1]:  # later days of that month end on this one too
            start = at.replace(year=year, month=month, day=last)
        else:
            start = at.replace(year=year, month=month)
        return start.timestamp() + (rest - whole)

    def may_outlast(self, other: Period) -> bool:
        """Whether from some day of the calendar (UTC) this period ends later than `other` does."""
        if self.longest_s <= other.shortest_s:
            return False
        return self.shortest_s > other.longest_s or _outlasts(self, other)

    @property
    def shortest_s(self) -> int:
        """Least seconds that the period can last in UTC: its months as February."""
        return (self.months // 12 * 365 + self.months % 12 * 28 + self.days) * _DAY_S + self.seconds

    @property
    def longest_s(self) -> int:
        """Most seconds that the period can last in UTC: its years as leap years, its months of 31 days."""
        return (self.months // 12 * 366 + self.months % 12 * 31 + self.days) * _DAY_S + self.seconds

    def __str__(self) -> str:
        return self.text


def _utc(year: int, month: int, day: int) -> ZonedDateTime:
    return Date(year, month, day).at(PlainDateTime(year, month, day).time()).assume_tz(UTC)


@lru_cache(maxsize=1024)  # a few dozen pairs in each pair of policies
def _outlasts(one: Period, other: Period) -> bool:
    """By trying each day of nine years, among them two leap years on either side of one that is none."""
    first = date(2095, 1, 1)
    days = (first + timedelta(days=day) for day in range(9 * 365 + 3))
    return any(_civil_end(day, one) > _civil_end(day, other) for day in days)


def _civil_end(day: date, period: Period) -> tuple[int, int]:
    """The day number and second at which a period that starts at midnight is over."""
    year, month = divmod(day.year * 12 + day.month - 1 + period.months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    ordinal = date(year, month + 1, min(day.day, last)).toordinal() + period.days + period.seconds // _DAY_S
    return ordinal, period.seconds % _DAY_S
