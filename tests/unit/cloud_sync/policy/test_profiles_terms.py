"""The 30 days, 3 months, 12 months and 13 months of MM, by the engine's own terms, over every day of four years."""

from __future__ import annotations

import calendar
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, cast
from zoneinfo import ZoneInfo

from cloud_sync.policy import load_policy
from cloud_sync.retention.clocks import Clocks
from cloud_sync.retention.due import RecordTerms

ZONE = ZoneInfo("Europe/Copenhagen")
DAYS = 1461  # 2024 to 2027
HORIZON = timedelta(days=30)


@cache
def terms() -> RecordTerms:
    """The terms of mm.toml. Nothing asked here reads the store of events or the clock."""
    policy = load_policy("cloud_sync/policy/profiles/mm.toml")
    return RecordTerms(policy, Clocks(cast(Any, None), policy, cast(Any, None)))


def starts() -> Iterator[date]:
    """Every day on which a relation may end."""
    return (date(2024, 1, 1) + timedelta(days=n) for n in range(DAYS))


def months(day: date, count: int) -> date:
    """So many calendar months later: the same day, or the last of a shorter month."""
    year, month = divmod(day.year * 12 + day.month - 1 + count, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def noon(day: date) -> float:
    """Unix seconds of noon in Copenhagen."""
    return datetime(day.year, day.month, day.day, 12, tzinfo=ZONE).timestamp()


def due(category: str, created: date, ended: date, **events: date) -> date:
    """The day on which a record of a category leaves the live system; always at noon, as all began."""
    record = {name.replace("_", "."): (noon(day),) for name, day in events.items()}
    rules = terms().rules(category)
    at = terms().due(rules, noon(created), record, {"relation.ended": (noon(ended),)})
    assert at is not None
    moment = datetime.fromtimestamp(at, ZONE)
    assert (moment.hour, moment.minute) == (12, 0)
    return moment.date()


def test_the_last_trace_is_gone_within_thirteen_months_from_every_day() -> None:
    """live_due = min(E + P12M, E + P13M - P30D), and the last backup of it has left by the cap: 0 days later of 1,461."""
    late, over = 0, Counter[int]()
    for end in starts():
        live, cap = due("crm_contact", end, end, purpose_concluded=end), months(end, 13)
        assert live == min(months(end, 12), cap - HORIZON), end
        late += live + HORIZON > cap
        over[(months(end, 12) + HORIZON - cap).days] += 1
    assert late == 0
    # The plain sum would be late from 120 of the days: by one day 33 times, by two 87 times.
    assert {days: count for days, count in over.items() if days > 0} == {1: 33, 2: 87}


def test_log_lines_of_the_tail_do_not_stretch_it() -> None:
    """log_due = min(line + P1Y, E + P13M - P30D), for lines of the last year, of the last day, and of the three months after."""
    late = 0
    for end in starts():
        cap = months(end, 13) - HORIZON
        for line in (end - timedelta(days=200), end, end + timedelta(days=1), months(end, 3)):
            for category in ("log", "access_log"):
                gone = due(category, line, end)
                assert gone == min(months(line, 12), cap), (end, line)
                late += gone > cap
    assert late == 0


def test_application_data_goes_after_three_months_whatever_the_cap() -> None:
    """Live at E + P3M from every day; four months after it no backup has it, but for the days of February."""
    beyond = 0
    for end in starts():
        live = due("application", end - timedelta(days=400), end)
        assert live == months(end, 3), end
        beyond += live + HORIZON > months(end, 4)
    assert beyond == 123  # three months and thirty days are later than four months from so many days


def test_the_dates_of_the_clause_table() -> None:
    """MM-43: an end on 15 February 2026; an open case, an invoice and analytics beside it."""
    end = date(2026, 2, 15)
    assert due("crm_contact", end, end, purpose_concluded=end) == date(2027, 2, 13)
    assert due("application", end, end) == date(2026, 5, 15)
    assert due("application", end, end) + HORIZON == date(2026, 6, 14)
    assert due("log", end, end) + HORIZON == date(2027, 3, 15)
    assert due("analytics", end, end) == date(2027, 2, 13)  # fourteen months are cut for whoever has left
    assert due("support_case", end, end) == date(2027, 2, 13)  # a case that nobody closed


def test_accounting_material_is_outside_the_sum() -> None:
    """MM-38, MM-54: five years from the end of the financial year, whenever the relation ended."""
    rules = terms().rules("invoice")
    subject = {"relation.ended": (noon(date(2026, 6, 1)),)}
    at = terms().due(rules, noon(date(2026, 5, 10)), {"invoice.issued": (noon(date(2026, 5, 10)),)}, subject)
    assert at is not None
    last = datetime.fromtimestamp(at, ZONE) - timedelta(seconds=1)
    assert last.date() in (date(2031, 12, 30), date(2031, 12, 31))
