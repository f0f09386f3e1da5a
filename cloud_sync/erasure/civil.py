"""Days and times as people name them: the local day of a zone, as Unix seconds."""

from __future__ import annotations

import re
from typing import Literal

from whenever import Date, PlainDateTime, TimeZoneNotFoundError

from cloud_sync.errors import ConfigError

UTC = "UTC"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def local_day(day: str, zone: str) -> tuple[int, int]:
    """Unix seconds at which a day (ISO 8601 date) begins and ends in a zone (IANA name): 23 to 25 hours, by daylight saving.

    ConfigError for no date, an unknown zone, or a day that the zone has skipped.
    """
    date = _date(day)
    start, end = _begin(date, zone), _begin(_next(date, day), zone)
    if start >= end:
        raise ConfigError(f"{day}: there was no such day in {zone}; the zone changed sides of the date line")
    return start, end


def is_day(text: str) -> bool:
    """Whether the text names a day and no time."""
    return _DAY.fullmatch(text) is not None


def local_time(text: str, zone: str, *, late: bool) -> int:
    """Unix seconds of an ISO 8601 time that has no offset, in a zone.

    A time that occurs twice means the second occurrence if `late`, else the first; one that is skipped, the time after or before
    the gap likewise. ConfigError for no time or an unknown zone.
    """
    which: Literal["later", "earlier"] = "later" if late else "earlier"
    try:
        return PlainDateTime.parse_iso(text).assume_tz(zone, disambiguation=which).timestamp()
    except TimeZoneNotFoundError:
        raise _unknown(zone) from None
    except ValueError:
        raise ConfigError(f"{text}: write an ISO 8601 time, for instance 2026-03-14T08:00") from None


def _date(day: str) -> Date:
    try:
        if is_day(day):
            return Date.parse_iso(day)
    except ValueError:
        pass
    raise ConfigError(f"{day}: write a day of the calendar, for instance 2026-03-14")


def _next(date: Date, day: str) -> Date:
    try:
        return date.add(days=1)
    except ValueError:  # the calendar ends in 9999
        raise ConfigError(f"{day}: write a day of the calendar, for instance 2026-03-14") from None


def _begin(date: Date, zone: str) -> int:
    """The first moment of a day, also where its midnight is skipped or occurs twice."""
    try:
        noon = PlainDateTime(date.year, date.month, date.day, 12).assume_tz(zone, disambiguation="compatible")
        return noon.start_of("day").timestamp()
    except TimeZoneNotFoundError:
        raise _unknown(zone) from None
    except ValueError:
        raise ConfigError(f"{date}: write a day of the calendar, for instance 2026-03-14") from None


def _unknown(zone: str) -> ConfigError:
    return ConfigError(f"{zone}: no such time zone; write an IANA name, for instance Europe/Copenhagen or UTC")
