"""Deadlines of requests, over every day of receipt of eleven years: three leap years and daylight saving in them."""

from __future__ import annotations

import calendar
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whenever import Date

from cloud_sync.policy import Period
from cloud_sync.retention.civil import is_working_day
from cloud_sync.rights.deadlines import Terms, add_term, begins_at, deadline, may_extend, over_at, received_day

P = Period.parse
FIRST, LAST = date(2023, 12, 1), date(2034, 12, 31)
COUNTRIES = ("DK", "NL", "RO")
DAYS = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days)]
PERIODS = [P(text) for text in ("P28D", "P4W", "P1M", "P30D", "P2W", "P3M")]


def terms(promise: str, extension: str = "P2M", country: str = "DK") -> Terms:
    """A policy's terms."""
    return Terms(P(promise), P(extension), 0.75, 5, country)


def month_on(day: date, months: int) -> date:
    """By the calendar alone, without the library: the same day of a later month, or that month's last."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def civil(day: date) -> Date:
    """As the product has days."""
    return Date(day.year, day.month, day.day)


@pytest.mark.parametrize("country", COUNTRIES)
def test_four_weeks_are_never_later_than_a_month_and_the_earlier_binds(country: str) -> None:
    """On every day of receipt; equal from 31 January to 28 February of a year without a leap day alone."""
    equal = set()
    for day in DAYS:
        due = deadline(civil(day), terms("P28D", country=country))
        assert due.promise.to_stdlib() == day + timedelta(days=28)
        assert due.law.to_stdlib() == month_on(day, 1)
        assert due.due == due.promise <= due.law
        if due.promise == due.law:
            equal.add(day)
    short = [day for day in DAYS if not calendar.isleap(day.year)]
    assert equal == {day for day in short if (day.month, day.day) == (1, 31) or day.month == 2}


def test_a_month_ends_on_the_same_day_or_on_the_last_of_a_shorter_month() -> None:
    """Never in another month than the next, against a calculation of its own."""
    for day in DAYS:
        end = add_term(civil(day), P("P1M")).to_stdlib()
        assert end == month_on(day, 1)
        assert (end.year * 12 + end.month) - (day.year * 12 + day.month) == 1
        assert end.day == day.day or (end + timedelta(days=1)).day == 1


def test_alarm_and_target_lie_between_receipt_and_due() -> None:
    """The alarm at three quarters of the days, rounded down; the target a working day of that country."""
    for country in COUNTRIES:
        for day in DAYS[::3]:
            due = deadline(civil(day), terms("P1M", country=country))
            days = (due.due.to_stdlib() - day).days
            assert (due.alarm.to_stdlib() - day).days == days * 3 // 4
            assert due.received < due.target <= due.due and is_working_day(due.target, country)


def test_an_extension_ends_three_months_after_receipt_at_the_latest() -> None:
    """The months are added at once: from 30 November it is the last of February, not the 28th of whatever came between."""
    for day in DAYS:
        due = deadline(civil(day), terms("P1M"), extended=True)
        assert due.due.to_stdlib() == month_on(day, 3)
    assert not may_extend(terms("P28D")) and not may_extend(terms("P1M", "P0D")) and may_extend(terms("P1M"))


@given(day=st.sampled_from(DAYS), one=st.sampled_from(PERIODS), country=st.sampled_from(COUNTRIES))
def test_who_writes_later_is_never_due_earlier(day: date, one: Period, country: str) -> None:
    """By a day; the due day lies after the receipt, and no promise makes it later than the law's."""
    here, next_day = (
        deadline(civil(each), terms(one.text, country=country)) for each in (day, day + timedelta(days=1))
    )
    assert here.due <= next_day.due
    assert here.received < here.due <= here.law


@given(day=st.sampled_from(DAYS), second=st.integers(0, 22 * 3600), country=st.sampled_from(COUNTRIES))
def test_the_day_of_receipt_is_that_of_the_companys_clock(day: date, second: int, country: str) -> None:
    """Days of 23 and 25 hours among them: a moment of a day is between its beginning and its end, and they meet."""
    here = civil(day)
    begin, end = begins_at(here, country), over_at(here, country)
    assert end - begin in (23 * 3600, 24 * 3600, 25 * 3600)
    assert received_day(begin + second, country) == here
    assert over_at(here, country) == begins_at(here.add(days=1), country)
