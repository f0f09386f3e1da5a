"""Terms and deadlines in civil time: month ends, leap days, daylight saving, fiscal years, working days, holidays."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from whenever import Date

from cloud_sync.errors import ConfigError
from cloud_sync.policy import Period
from cloud_sync.retention.civil import (
    add_working_days,
    day_end,
    fiscal_year_end,
    is_working_day,
    zone_of,
)

COPENHAGEN, BUCHAREST = "Europe/Copenhagen", "Europe/Bucharest"


def at(text: str) -> float:
    """Unix seconds of a time, in UTC unless it names an offset."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def day(end: float, zone: str = "UTC") -> str:
    """The last day of a term that ends at midnight or on the way through a day."""
    from whenever import Instant

    return str(Instant.from_timestamp(int(end) - 1).to_tz(zone).date())


@pytest.mark.parametrize(
    "text, end",
    [
        ("P4W", "2026-02-12"),
        ("P28D", "2026-02-12"),
        ("P30D", "2026-02-14"),
        ("P1M", "2026-02-15"),
        ("P3M", "2026-04-15"),
        ("P12M", "2027-01-15"),
        ("P13M", "2027-02-15"),
        ("P14M", "2027-03-15"),
        ("P3Y", "2029-01-15"),
    ],
)
def test_four_weeks_thirty_days_and_a_month_are_three_terms(text: str, end: str) -> None:
    """From 2026-01-15 12:00, each ends at noon of its own day."""
    assert Period.parse(text).end(at("2026-01-15T12:00")) == at(f"{end}T12:00")


@pytest.mark.parametrize(
    "start, text, end",
    [
        ("2026-01-31T08:00", "P1M", "2026-02-28T08:00"),
        ("2024-01-31T08:00", "P1M", "2024-02-29T08:00"),
        ("2024-02-29T08:00", "P12M", "2025-02-28T08:00"),
        ("2024-02-29T08:00", "P4Y", "2028-02-29T08:00"),
        ("2025-02-28T08:00", "P12M", "2026-02-28T08:00"),
    ],
)
def test_a_month_that_is_too_short_ends_on_its_last_day(start: str, text: str, end: str) -> None:
    """Month ends and leap days."""
    assert Period.parse(text).end(at(start)) == at(end)


@pytest.mark.parametrize(
    "now, latest",
    [
        ("2026-02-28T12:00", "2026-01-31T12:00"),  # of which the 29th and the 30th, later in the day, are not over
        ("2026-03-15T12:00", "2026-02-15T12:00"),
        ("2026-04-30T12:00", "2026-03-31T12:00"),
    ],
)
def test_the_latest_start_of_a_month_that_is_over(now: str, latest: str) -> None:
    """At a month's end several starts end together; the sweep must look at all of them."""
    assert Period.parse("P1M").latest_start(at(now)) == at(latest)
    assert at("2026-02-28T23:59:59") < Period.parse("P1M").latest_start(at("2026-03-31T00:00")) < at("2026-03-01T00:00")


def test_days_are_counted_on_the_calendar_of_the_zone() -> None:
    """Across the change to summer time in Copenhagen a day has 23 hours; 24 hours have 24 everywhere."""
    noon = at("2026-03-28T12:00+01:00")
    assert Period.parse("P1D").end(noon, COPENHAGEN) == at("2026-03-29T12:00+02:00") == noon + 23 * 3600
    assert Period.parse("PT24H").end(noon, COPENHAGEN) == noon + 24 * 3600
    assert Period.parse("P1D").end(noon) == noon + 24 * 3600  # telemetry counts in UTC


def test_a_time_that_is_skipped_or_doubled_has_one_end() -> None:
    """02:30 does not exist on the last Sunday of March: the hour after; it occurs twice in October: the first."""
    spring = Period.parse("P1D").end(at("2026-03-28T02:30+01:00"), COPENHAGEN)
    autumn = Period.parse("P1D").end(at("2026-10-24T02:30+02:00"), COPENHAGEN)
    assert spring == at("2026-03-29T03:30+02:00")
    assert autumn == at("2026-10-25T02:30+02:00")


@pytest.mark.parametrize("country, end", [("", "2026-03-09"), ("RO", "2026-03-11"), ("DK", "2026-03-09")])
def test_forty_five_working_days_are_not_forty_five_days(country: str, end: str) -> None:
    """From Monday 2026-01-05, which is not counted: with Epiphany and Saint John in Romania two days later."""
    assert str(add_working_days(Date(2026, 1, 5), 45, country)) == end


@pytest.mark.parametrize(
    "country, holiday",
    [("DK", Date(2026, 5, 14)), ("NL", Date(2026, 4, 27)), ("RO", Date(2026, 12, 1)), ("RO", Date(2026, 4, 13))],
)
def test_holidays_are_those_of_the_country(country: str, holiday: Date) -> None:
    """Ascension in Denmark, King's Day, Romania's national day and its Easter Monday: no working day there, one elsewhere."""
    assert not is_working_day(holiday, country) and is_working_day(holiday)


def test_what_is_no_country_or_no_count_is_refused() -> None:
    """A country without a calendar, and more days than anybody counts."""
    with pytest.raises(ConfigError, match="no public holidays"):
        add_working_days(Date(2026, 1, 5), 1, "XX")
    with pytest.raises(ConfigError, match="working days"):
        add_working_days(Date(2026, 1, 5), 2601)


def test_a_fiscal_year_ends_with_its_last_day_in_the_controllers_country() -> None:
    """An invoice of 2026-05-10: calendar year, a year to June, one to the end of February; the last day itself counts."""
    invoice = at("2026-05-10T12:00")
    assert day(fiscal_year_end(invoice, COPENHAGEN), COPENHAGEN) == "2026-12-31"
    assert day(fiscal_year_end(invoice, COPENHAGEN, (6, 30)), COPENHAGEN) == "2026-06-30"
    assert day(fiscal_year_end(invoice, COPENHAGEN, (2, 29)), COPENHAGEN) == "2027-02-28"
    assert day(fiscal_year_end(at("2026-12-31T22:59"), COPENHAGEN), COPENHAGEN) == "2026-12-31"
    assert day(fiscal_year_end(at("2026-12-31T23:00"), COPENHAGEN), COPENHAGEN) == "2027-12-31"
    with pytest.raises(ConfigError, match="no fiscal year"):
        fiscal_year_end(invoice, COPENHAGEN, (2, 30))


def test_zones_are_those_of_the_capitals() -> None:
    """Known countries, and UTC for others."""
    assert (zone_of("RO"), zone_of("DK"), zone_of("XX")) == (BUCHAREST, COPENHAGEN, "UTC")
    assert day_end(Date(2026, 3, 29), COPENHAGEN) - day_end(Date(2026, 3, 28), COPENHAGEN) == 23 * 3600
