"""Quiet hours: local windows as UTC windows that hold them on every day of the year."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from cloud_sync.directive.hours import minutes, quiet_hours, windows
from cloud_sync.errors import ConfigError

NOW = 1_800_000_000.0  # 2027-01-15


def test_utc_hours_are_as_written() -> None:
    """Over midnight they are two windows; up to 24:00 they end with the day."""
    assert quiet_hours("01:30", "06:00", now=NOW) == ((90, 360),)
    assert quiet_hours("22:00", "06:00", now=NOW) == ((0, 360), (1320, 1440))
    assert quiet_hours("22:00", "24:00", now=NOW) == ((1320, 1440),)
    assert quiet_hours("00:00", "24:00", now=NOW) == ((0, 1440),)


def test_a_zone_with_summer_time_is_quiet_in_both_halves_of_the_year() -> None:
    """22:00 to 06:00 in Copenhagen is 21 to 05 in winter and 20 to 04 in summer: 20 to 05."""
    assert quiet_hours("22:00", "06:00", zone="Europe/Copenhagen", now=NOW) == ((0, 300), (1200, 1440))


ZONES = ["Europe/Copenhagen", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Kiritimati", "UTC"]


@pytest.mark.parametrize("zone", ZONES)
def test_every_local_minute_of_the_window_is_quiet_on_every_day(zone: str) -> None:
    """Looked up day by day in the zone itself, whatever its offset then is."""
    quiet = minutes(quiet_hours("21:30", "05:15", zone=zone, now=NOW))
    local = {minute % 1440 for minute in range(21 * 60 + 30, 29 * 60 + 15)}
    start = datetime.fromtimestamp(NOW, UTC).replace(hour=0, minute=0)
    for day in range(0, 366, 3):
        for minute in range(0, 1440, 5):
            at = start + timedelta(days=day, minutes=minute)
            there = at.astimezone(ZoneInfo(zone))
            if there.hour * 60 + there.minute in local:
                assert minute in quiet


@pytest.mark.parametrize(
    ("start", "end", "zone", "word"),
    [
        ("22", "06:00", "UTC", "time of day"),
        ("24:01", "06:00", "UTC", "time of day"),
        ("22:00", "6:00", "UTC", "time of day"),
        ("22:00", "22:00", "UTC", "none"),
        ("22:00", "06:00", "Europe/Nowhere", "time zone"),
        ("22:00", "06:00", "../etc/passwd", "time zone"),
        ("22:00", "06:00", "", "time zone"),
    ],
)
def test_what_is_no_window_is_refused(start: str, end: str, zone: str, word: str) -> None:
    """The sentence says what to write; the window of the other tests is taken."""
    assert quiet_hours("22:00", "06:00", zone="UTC", now=NOW)
    with pytest.raises(ConfigError, match=word):
        quiet_hours(start, end, zone=zone, now=NOW)


def test_windows_are_the_fewest_that_hold_the_minutes() -> None:
    """Joined where they touch, none for none, one for a whole day."""
    assert windows(minutes(((0, 10), (10, 20), (30, 40)))) == ((0, 20), (30, 40))
    assert windows(set()) == ()
    assert windows(set(range(1440))) == ((0, 1440),)
