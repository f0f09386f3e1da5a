"""What kind of day it is for somebody: work, Saturday, Sunday or public holiday, school holidays, away, the way back.

Public holidays are those of the `holidays` package. School holidays are made up, the same each year and everywhere: ISO weeks
15 and 16, 29 to 34, 43, 52, 53 and 1. Grown-ups are away for two weeks a year, pupils in the summer holidays, vans never.
"""

import datetime as dt
import random
from typing import TYPE_CHECKING

from hw_sim.errors import HwSimError

if TYPE_CHECKING:
    from holidays import HolidayBase

_SCHOOL_HOLIDAYS = frozenset((1, 15, 16, *range(29, 35), 43, 52, 53))
_AWAY_WEEKS = 2
_AWAY_FROM = {"adult": (20, 38), "pupil": (29, 32)}  # ISO weeks in which the two weeks begin
SUNDAY, SATURDAY = 6, 5


class Calendar:
    """The public holidays of a country and perhaps a part of it; HwSimError for one that nobody knows."""

    def __init__(self, country: str, subdivision: str = "") -> None:
        try:
            import holidays  # comes with the extra `sim`; the rest of the world runs without it
        except ImportError as error:
            raise HwSimError("public holidays need the package `holidays`: pip install byleave[sim]") from error
        try:
            self._public: HolidayBase = holidays.country_holidays(country, subdiv=subdivision or None)
        except NotImplementedError as error:
            raise HwSimError(f"{error}; give an ISO 3166 country and a part of it, as DE and BE") from error

    def public(self, date: dt.date) -> bool:
        """Whether it is a public holiday."""
        return date in self._public

    def kind(self, date: dt.date, role: str, chance: random.Random) -> str:
        """work, saturday, sunday, school-holiday, away or back; `chance` is the same on all days of a year."""
        week = date.isocalendar().week
        if role in _AWAY_FROM:
            first = chance.randint(*_AWAY_FROM[role])
            last_day = week == first + _AWAY_WEEKS - 1 and date.weekday() == SUNDAY
            if first <= week < first + _AWAY_WEEKS:
                return "back" if last_day else "away"
        if date.weekday() == SUNDAY or self.public(date):
            return "sunday"
        if date.weekday() == SATURDAY:
            return "saturday"
        return "school-holiday" if role == "pupil" and week in _SCHOOL_HOLIDAYS else "work"
