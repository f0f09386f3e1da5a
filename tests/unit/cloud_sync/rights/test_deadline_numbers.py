"""Deadlines by the numbers of the clauses."""

from __future__ import annotations

import pytest
from whenever import Date

from cloud_sync.errors import ConfigError
from cloud_sync.policy import Period
from cloud_sync.rights.deadlines import Terms, add_term, begins_at, deadline, over_at, received_day, working_days

P = Period.parse
SMART = Terms(P("P28D"), P("P2M"), 0.75, 5, "NL")
TURBO = Terms(P("P1M"), P("P2M"), 0.75, 5, "DK")


def day(text: str) -> Date:
    """A day."""
    return Date.parse_iso(text)


@pytest.mark.parametrize(
    ("received", "term", "due"),
    [
        ("2026-01-15", "P28D", "2026-02-12"),
        ("2026-01-15", "P1M", "2026-02-15"),
        ("2026-01-15", "P30D", "2026-02-14"),
        ("2026-01-31", "P1M", "2026-02-28"),
        ("2028-01-31", "P1M", "2028-02-29"),
        ("2028-02-29", "P1M", "2028-03-29"),
        ("2028-02-29", "P1Y", "2029-02-28"),
        ("2028-02-29", "P4Y", "2032-02-29"),
        ("2026-08-31", "P1M", "2026-09-30"),
        ("2026-12-31", "P2M", "2027-02-28"),
    ],
)
def test_terms_by_the_calendar(received: str, term: str, due: str) -> None:
    """Four weeks, a month and thirty days are three things; of a short month the last day counts, 29 February too."""
    assert add_term(day(received), P(term)) == day(due)


def test_four_weeks_both_dates_are_shown_and_the_earlier_binds() -> None:
    """28 days from 15 January beside the law's month; the alarm on day 21, the target after five working days."""
    due = deadline(day("2026-01-15"), SMART)
    assert (due.promise, due.law, due.due) == (day("2026-02-12"), day("2026-02-15"), day("2026-02-12"))
    assert (due.alarm, due.target) == (day("2026-02-05"), day("2026-01-22"))


def test_a_promise_longer_than_the_law_does_not_bind() -> None:
    """Thirty days from 31 January are 2 March; the law's month is over on 28 February."""
    due = deadline(day("2026-01-31"), Terms(P("P30D"), P("P0D"), 0.75, 5, "DK"))
    assert (due.promise, due.due) == (day("2026-03-02"), day("2026-02-28"))


def test_a_due_day_is_not_moved_for_a_weekend() -> None:
    """15 February 2026 and 28 February 2026 are a Sunday and a Saturday."""
    for received, due in (("2026-01-15", "2026-02-15"), ("2026-01-31", "2026-02-28")):
        assert deadline(day(received), TURBO).due == day(due)
        assert day(due).day_of_week().value >= 6


def test_only_who_promised_no_less_than_the_law_may_extend() -> None:
    """A month and two; four weeks in any case, also where 28 days and a month are the same day."""
    assert deadline(day("2026-01-15"), TURBO, extended=True).due == day("2026-04-15")
    for received in ("2026-01-15", "2026-01-31"):
        with pytest.raises(ConfigError, match="cannot be extended"):
            deadline(day(received), SMART, extended=True)
    with pytest.raises(ConfigError, match="cannot be extended"):
        deadline(day("2026-01-15"), Terms(P("P1M"), P("P0D"), 0.75, 5, "DK"), extended=True)


def test_working_days_with_and_without_holidays() -> None:
    """45 from Monday, 5 January 2026; in Romania 6 and 7 January are none."""
    assert working_days(day("2026-01-05"), 45) == day("2026-03-09")
    assert working_days(day("2026-01-05"), 45, "RO") == day("2026-03-11")


def test_working_days_of_denmark_and_the_netherlands() -> None:
    """Five from Wednesday before Easter: Maundy Thursday is a holiday in Denmark alone, Good Friday and Easter Monday in both."""
    assert working_days(day("2026-04-01"), 5, "DK") == day("2026-04-13")
    assert working_days(day("2026-04-01"), 5, "NL") == day("2026-04-10")


def test_the_clock_starts_on_the_companys_day() -> None:
    """23:30 UTC is the next day in Copenhagen; the last day is over at its midnight, an hour earlier in UTC."""
    late = 1768519800.0  # 2026-01-15T23:30:00Z
    assert received_day(late, "DK") == day("2026-01-16")
    assert over_at(day("2026-02-15"), "DK") == 1771196400.0  # 2026-02-15T23:00:00Z
    assert begins_at(day("2026-03-29"), "DK") + 23 * 3600 == over_at(day("2026-03-29"), "DK")
