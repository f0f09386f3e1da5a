"""Quiet hours: windows of UTC minutes of the day, and local ones turned into them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cloud_sync.errors import ConfigError
from cloud_sync.wire.directive import DAY_MIN

Pairs = tuple[tuple[int, int], ...]

AHEAD_DAYS: Final = 366  # every offset that a zone has within a year
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00", re.ASCII)


def minutes(hours: Pairs) -> set[int]:
    """Minutes of the UTC day in which nothing is sensed."""
    return {minute for start, end in hours for minute in range(start, end)}


def windows(quiet: set[int]) -> Pairs:
    """The fewest windows that hold these minutes, in order."""
    starts = sorted(minute for minute in quiet if minute - 1 not in quiet)
    ends = sorted(minute + 1 for minute in quiet if minute + 1 not in quiet)
    return tuple(zip(starts, ends, strict=True))


def quiet_hours(start: str, end: str, *, zone: str = "UTC", now: float) -> Pairs:
    """UTC windows that hold the local ones from `start` to `end` ("22:00", "06:00") on every day of the year after `now`.

    Where the zone changes its clocks the windows are joined over all its offsets, an hour longer as a rule: quiet too long for
    half a year, and never too short. A change of the zone's own rules needs `set` again. ConfigError for what is no time or zone.
    """
    first, last = _minute(start), _minute(end)
    if first == last:
        raise ConfigError(f"quiet hours from {start} to {end} are none; for a whole day write 00:00 to 24:00")
    length = (last - first) % DAY_MIN or DAY_MIN
    begins = {(first - offset) % DAY_MIN for offset in _offsets(zone, now)}
    return windows({(begin + n) % DAY_MIN for begin in begins for n in range(length)})


def _offsets(zone: str, now: float) -> set[int]:
    """All offsets from UTC within the next year; minutes, outwards where a zone has seconds."""
    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(
            f"{zone}: no such time zone here; write one as Europe/Copenhagen, or UTC (pip install tzdata brings them)"
        ) from None
    try:
        days = [datetime.fromtimestamp(now, UTC) + timedelta(days=n) for n in range(AHEAD_DAYS)]
    except (OverflowError, ValueError, OSError):
        raise ConfigError("the clock is beyond the calendar; set it right") from None
    seconds = {(day.astimezone(place).utcoffset() or timedelta(0)).total_seconds() for day in days}
    return {int(each // 60) for each in seconds} | {int(-(-each // 60)) for each in seconds}


def _minute(text: str) -> int:
    if not isinstance(text, str) or not _CLOCK.fullmatch(text):
        raise ConfigError(f"{text}: write a time of day as 22:00, at most 24:00")
    return int(text[:2]) * 60 + int(text[3:])
