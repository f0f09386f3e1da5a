"""Civil dates that terms and deadlines are counted on: zones of countries, fiscal years, working days, statutory ends of periods.

Rules for periods that a statute sets: Regulation (EEC, Euratom) No 1182/71, Art. 3. Retention terms that a policy promises do not
move past a holiday: to keep data longer than promised is no favour to anybody.
"""

from __future__ import annotations

import calendar
from functools import lru_cache
from types import MappingProxyType
from typing import Final

import holidays
from whenever import Date, Instant, PlainDateTime

from cloud_sync.errors import ConfigError

UTC: Final = "UTC"
#: The civil time of a country, by its capital (IANA zone database); of others UTC counts.
ZONES: Final = MappingProxyType(
    {
        "AT": "Europe/Vienna",
        "BE": "Europe/Brussels",
        "BG": "Europe/Sofia",
        "CY": "Asia/Nicosia",
        "CZ": "Europe/Prague",
        "DE": "Europe/Berlin",
        "DK": "Europe/Copenhagen",
        "EE": "Europe/Tallinn",
        "ES": "Europe/Madrid",
        "FI": "Europe/Helsinki",
        "FR": "Europe/Paris",
        "GR": "Europe/Athens",
        "HR": "Europe/Zagreb",
        "HU": "Europe/Budapest",
        "IE": "Europe/Dublin",
        "IS": "Atlantic/Reykjavik",
        "IT": "Europe/Rome",
        "LI": "Europe/Vaduz",
        "LT": "Europe/Vilnius",
        "LU": "Europe/Luxembourg",
        "LV": "Europe/Riga",
        "MT": "Europe/Malta",
        "NL": "Europe/Amsterdam",
        "NO": "Europe/Oslo",
        "PL": "Europe/Warsaw",
        "PT": "Europe/Lisbon",
        "RO": "Europe/Bucharest",
        "SE": "Europe/Stockholm",
        "SI": "Europe/Ljubljana",
        "SK": "Europe/Bratislava",
    }
)
#: A fiscal year is the calendar year unless the controller's articles say otherwise.
CALENDAR_YEAR_END: Final = (12, 31)
MOST_WORKING_DAYS: Final = 2600  # ten years: a longer count of days is a typing error

_WEEKEND: Final = 6  # ISO weekday of Saturday


def zone_of(country: str) -> str:
    """The IANA zone of a country (ISO 3166, two letters)."""
    return ZONES.get(country, UTC)


def local_date(at: float, zone: str) -> Date:
    """The day that a zone's calendar shows at a Unix second."""
    return Instant.from_timestamp(int(at // 1)).to_tz(zone).date()


def day_end(date: Date, zone: str) -> float:
    """Unix seconds at which a day is over in a zone: the expiry of its last hour."""
    after = date.add(days=1)
    noon = PlainDateTime(after.year, after.month, after.day, 12).assume_tz(zone, disambiguation="compatible")
    return float(noon.start_of("day").timestamp())


def fiscal_year_end(at: float, zone: str, last_day: tuple[int, int] = CALENDAR_YEAR_END) -> float:
    """Unix seconds at which the fiscal year of a moment is over; `last_day` is (month, day), February 29th the month's last."""
    date = local_date(at, zone)
    for year in (date.year, date.year + 1):
        end = _day_of(year, *last_day)
        if date <= end:
            return day_end(end, zone)
    raise ConfigError("a fiscal year ends on a day of the calendar")  # not reached: next year's end lies after any day


def _day_of(year: int, month: int, day: int) -> Date:
    if not 1 <= month <= 12 or not 1 <= day <= calendar.monthrange(2024, month)[1]:
        raise ConfigError(f"no fiscal year ends on {month:02d}-{day:02d}; name a month and a day of it")
    return Date(year, month, min(day, calendar.monthrange(year, month)[1]))


def is_working_day(date: Date, country: str = "") -> bool:
    """Any day but Saturday, Sunday and the country's public holidays (Reg. 1182/71 Art. 2(2)); '' has no holidays."""
    weekday = date.day_of_week().value
    return weekday < _WEEKEND and (not country or date.to_stdlib() not in _holidays(country, date.year))


def next_working_day(date: Date, country: str = "") -> Date:
    """The day itself, or the first working day after it (Reg. 1182/71 Art. 3(4))."""
    while not is_working_day(date, country):
        date = date.add(days=1)
    return date


def add_working_days(start: Date, days: int, country: str = "") -> Date:
    """The last of so many working days, the first being the next after `start`: its own day is not counted (Art. 3(1))."""
    if not 0 <= days <= MOST_WORKING_DAYS:
        raise ConfigError(f"{days} working days: name 0 to {MOST_WORKING_DAYS}")
    date = start
    for _ in range(days):
        date = next_working_day(date.add(days=1), country)
    return date


@lru_cache(maxsize=256)  # a year of a country is computed in 10 ms, and a sweep asks for a few years of one country
def _holidays(country: str, year: int) -> frozenset[object]:
    try:
        return frozenset(holidays.country_holidays(country, years=year))
    except NotImplementedError:
        raise ConfigError(
            f"{country}: no public holidays are known for this country; write two letters as DK"
        ) from None
