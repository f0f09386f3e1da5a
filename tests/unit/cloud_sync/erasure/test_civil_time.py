"""Local days as Unix seconds, daylight saving and all."""

from __future__ import annotations

from datetime import datetime

import pytest

from cloud_sync.erasure.civil import local_day, local_time
from cloud_sync.errors import ConfigError

HOUR = 3600
CPH = "Europe/Copenhagen"


def unix(text: str) -> int:
    """Unix seconds of a time with an offset."""
    return int(datetime.fromisoformat(text).timestamp())


@pytest.mark.parametrize(
    ("day", "zone", "begin", "hours"),
    [
        ("2026-03-28", CPH, "2026-03-28T00:00+01:00", 24),
        ("2026-03-29", CPH, "2026-03-29T00:00+01:00", 23),
        ("2026-03-30", CPH, "2026-03-30T00:00+02:00", 24),
        ("2026-10-25", CPH, "2026-10-25T00:00+02:00", 25),
        ("2026-03-14", "UTC", "2026-03-14T00:00+00:00", 24),
        ("2026-03-14", "Asia/Kolkata", "2026-03-14T00:00+05:30", 24),
        ("2022-03-27", "Asia/Beirut", "2022-03-27T01:00+03:00", 23),  # the clock leapt at midnight
        ("2025-11-02", "America/Havana", "2025-11-02T00:00-04:00", 25),  # the hour from midnight came twice
        ("2026-10-04", "Australia/Lord_Howe", "2026-10-04T00:00+10:30", 23.5),
        ("2024-02-29", "America/New_York", "2024-02-29T00:00-05:00", 24),
    ],
)
def test_a_local_day_begins_and_ends_with_its_clock(day: str, zone: str, begin: str, hours: float) -> None:
    """From its first second to the first of the next day, also where the clock leaps, and where it leaps at midnight."""
    start, end = local_day(day, zone)
    assert (start, end - start) == (unix(begin), hours * HOUR)


def test_days_follow_each_other_without_a_gap() -> None:
    """The end of each day of a year is the start of the next."""
    days = [f"2026-{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 29)]
    for zone in (CPH, "America/St_Johns", "Asia/Beirut"):
        spans = [local_day(day, zone) for day in days]
        joined = [spans[n][1] == spans[n + 1][0] for n in range(len(days) - 1) if not days[n].endswith("-28")]
        assert all(joined) and len(joined) > 300


@pytest.mark.parametrize(
    ("day", "zone", "why"),
    [
        ("2026-03-29", "Europe/Atlantis", "no such time zone"),
        ("2026-03-29", "", "no such time zone"),
        ("2026-03-29", "../../etc/passwd", "no such time zone"),
        ("2026-02-29", CPH, "a day of the calendar"),
        ("2026-3-29", CPH, "a day of the calendar"),
        ("Tuesday", CPH, "a day of the calendar"),
        ("9999-12-31", CPH, "a day of the calendar"),
        ("2011-12-30", "Pacific/Apia", "no such day"),
    ],
)
def test_what_is_no_day_is_refused_with_a_sentence(day: str, zone: str, why: str) -> None:
    """The package's own error; the same with one thing right is a day."""
    assert local_day("2026-03-29", CPH)
    with pytest.raises(ConfigError, match=why):
        local_day(day, zone)


@pytest.mark.parametrize(
    ("text", "late", "means"),
    [
        ("2026-03-14T08:00", False, "2026-03-14T08:00+01:00"),
        ("2026-10-25T02:30", False, "2026-10-25T02:30+02:00"),
        ("2026-10-25T02:30", True, "2026-10-25T02:30+01:00"),
        ("2026-03-29T02:30", False, "2026-03-29T01:30+01:00"),
        ("2026-03-29T02:30", True, "2026-03-29T03:30+02:00"),
    ],
)
def test_a_time_that_a_clock_shows_twice_or_never_widens_the_span(text: str, late: bool, means: str) -> None:
    """As a beginning the earlier one, as an end the later one."""
    assert local_time(text, CPH, late=late) == unix(means)


@pytest.mark.parametrize(
    ("text", "zone"), [("8 o'clock", CPH), ("2026-03-14T25:00", CPH), ("2026-03-14T08:00", "Nowhere")]
)
def test_what_is_no_time_is_refused_with_a_sentence(text: str, zone: str) -> None:
    """The package's own error."""
    with pytest.raises(ConfigError, match="write an"):
        local_time(text, zone, late=False)
