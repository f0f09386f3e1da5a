"""Terms against a plain model of dates: `datetime` and `calendar`, month by month, and nothing of the product's arithmetic."""

from __future__ import annotations

import calendar
import random
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_sync.model import Precision, Stream
from cloud_sync.policy import Period
from cloud_sync.retention.terms import AS_IT_CAME, Extent, Terms

FIRST, LAST = 1_600_000_000, 2_000_000_000  # 2020 to 2033: four leap days
starts = st.integers(FIRST, LAST)
periods = st.tuples(st.integers(0, 30), st.integers(0, 400), st.integers(0, 90_000)).filter(any)


def text(months: int, days: int, seconds: int) -> str:
    """ISO 8601."""
    return f"P{months}M{days}DT{seconds}S"


def plain_end(start: int, months: int, days: int, seconds: int) -> float:
    """The end of a term, month by month on the calendar."""
    moment = datetime.fromtimestamp(start, UTC)
    month = moment.month - 1 + months
    year, month = moment.year + month // 12, month % 12 + 1
    moved = moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))
    return (moved + timedelta(days=days, seconds=seconds)).timestamp()


@given(starts, periods)
def test_a_term_ends_where_the_calendar_says(start: int, parts: tuple[int, int, int]) -> None:
    """Any start, any months, days and seconds; between the shortest and the longest that the period can last."""
    period = Period.parse(text(*parts))
    assert period.end(start) == plain_end(start, *parts)
    assert period.shortest_s <= period.end(start) - start <= period.longest_s


@given(starts, periods, st.integers(-40, 40), st.integers(0, 86_399))
def test_nothing_after_the_latest_start_is_over(now: int, parts: tuple[int, int, int], days: int, seconds: int) -> None:
    """The latest start is over; any later one is not; so no row that is due lies behind what the sweep looks at."""
    period = Period.parse(text(*parts))
    latest = period.latest_start(now)
    assert period.end(latest) <= now + 1e-3
    later = latest + abs(days) * 86_400 + seconds + 1
    assert period.end(later) > now
    if period.end(other := latest + days * 86_400 - seconds) <= now:
        assert other <= latest


class FakeRule(NamedTuple):
    """What of a rule the terms read."""

    precision: Precision
    retention: Period
    steps: tuple[tuple[Precision, Period], ...]
    fields: tuple[str, ...]
    has_position: bool = True


class FakeStep(NamedTuple):
    """A step of a rule."""

    precision: Precision
    retention: Period


class FakePolicy:
    """Rules of positions alone."""

    def __init__(self, rules: list[FakeRule]) -> None:
        self.rules = rules

    def rules_of_stream(self, stream: Stream) -> tuple[FakeRule, ...]:
        """All of them, for positions."""
        return tuple(self.rules) if stream is Stream.LOCATION else ()


def random_rule(chance: random.Random) -> tuple[FakeRule, list[tuple[Precision, tuple[int, int, int]]]]:
    """A rule with up to three steps, and the same as a list of (precision, months, days, seconds)."""
    coarser = sorted(chance.sample(range(5), chance.randint(1, 4)))
    days, stages = 0, []
    for precision in coarser:
        days += chance.randint(1, 200)
        parts = (0, days, 0) if chance.random() < 0.5 else (days // 31, days % 31, chance.randint(0, 3600))
        stages.append((Precision(precision), parts))
    stages.sort(key=lambda stage: plain_end(FIRST, *stage[1]))
    fields = ("time", "lat", "lon", *chance.sample(["quality", "speed", "course"], chance.randint(0, 3)))
    (first, term), *rest = stages
    steps = tuple(FakeStep(precision, Period.parse(text(*parts))) for precision, parts in rest)
    return FakeRule(first, Period.parse(text(*term)), steps, fields), stages


@settings(max_examples=150)
@given(st.integers(0, 2**32), starts)
def test_what_is_permitted_is_what_the_rules_alive_permit_together(seed: int, capture: int) -> None:
    """Random rules with random steps against the plain model, at random ages: precision, fields, the end, and never finer."""
    chance = random.Random(seed)
    made = [random_rule(chance) for _ in range(chance.randint(1, 3))]
    terms = Terms(FakePolicy([rule for rule, _ in made]))  # type: ignore[arg-type]
    last: Extent | None = None
    ages = sorted(chance.randrange(0, 900 * 86_400) for _ in range(12))
    for now in (capture + age for age in ages):
        alive = [
            (rule, next(precision for precision, parts in stages if now < plain_end(capture, *parts)))
            for rule, stages in made
            if now < max(plain_end(capture, *parts) for _, parts in stages)
        ]
        found = terms.permitted(Stream.LOCATION, capture, now)
        assert terms.over(Stream.LOCATION, capture, now) == (not alive)
        if not alive:
            assert found is None
            continue
        assert found is not None
        finest = min(precision for _, precision in alive)
        assert found.precision == finest
        side = {"speed", "course"} if finest is Precision.EXACT else set()
        listed = {field for rule, _ in alive for field in rule.fields}
        assert found.fields == listed - ({"speed", "course"} - side)
        assert last is None or last.holds(found)
        assert Extent.of_level(Stream.LOCATION, found.level) == found
        # What is beyond its extent lies before what the sweep looks at, and no level is beyond its own.
        beyond = terms.beyond(Stream.LOCATION, AS_IT_CAME, capture, now)
        assert not beyond or capture < terms.due_before(Stream.LOCATION, AS_IT_CAME, now)
        assert not terms.beyond(Stream.LOCATION, found.level, capture, now)
        last = found
