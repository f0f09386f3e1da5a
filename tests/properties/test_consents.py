"""The consent ledger against a plain model: random histories of answers, prompts, groups and times, refused steps included.

The model shares nothing with the ledger: it keeps one state and a list of what happened, with the demo policy's figures in it.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_sync.consent import ConsentLedger, Evidence
from cloud_sync.consent.groups import GroupLedger
from cloud_sync.errors import ConsentError
from cloud_sync.model import ConsentBound
from cloud_sync.policy import load_policy
from tests.unit.cloud_sync.consent.joining import join
from tests.unit.cloud_sync.consent.memory_ledger import Clock, MemoryLedger, evidence

POLICY = load_policy(Path("cloud_sync/policy/profiles/demo.toml"))
DAY = 86_400.0
T = "tracking"
BEGIN = 1_772_280_000.0  # 2026-02-28T12:00:00Z, so that terms cross leap days and ends of months
HOLDER = Evidence("h-1", "demo-1", "portal", "set_switch", "en")
ANSWERS = ("request", "own", "give", "refuse", "later", "withdraw")
STEPS = (*ANSWERS, "close", "lift")
GAPS = (0.0, 1.0, DAY, 30 * DAY - 1, 30 * DAY, 90 * DAY, 400 * DAY)
HISTORIES = st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from(GAPS)), max_size=24)


def in_two_years(time: float) -> float:
    """24 months later, at the last day of a shorter month."""
    then = datetime.fromtimestamp(time, UTC)
    day = min(then.day, calendar.monthrange(then.year + 2, then.month)[1])
    return then.replace(year=then.year + 2, day=day).timestamp()


@dataclass
class Plain:
    """One person and one purpose: what was said last, how often it was asked, and everything that happened."""

    state: str | None = None
    since: float = 0.0
    until: float = 0.0
    prompts: int = 0
    closed: bool = False
    said: list[tuple[float, str, float]] = field(default_factory=list)  # time, state, end
    switched: list[tuple[float, bool]] = field(default_factory=list)

    def now(self, time: float) -> str | None:
        """What the state is once terms are counted."""
        if self.state == "given" and time >= self.until:
            return "expired"
        if self.state == "requested" and time >= self.since + 30 * DAY:
            return None
        return self.state

    def may_ask(self, time: float) -> bool:
        """Whether the company may put the question."""
        now = self.now(time)
        if now == "later":
            return time >= self.since + 90 * DAY and self.prompts < 3
        return now is None and self.prompts < 3

    def step(self, name: str, time: float) -> bool:
        """Whether the step is lawful, and its effect if it is."""
        if name in ("close", "lift"):
            return self.switch(name == "close", time)
        if name in ("request", "own"):
            return self.ask(name == "own", time)
        lawful, state = {
            "give": (True, "given"),
            "refuse": (self.state not in ("given", "refused", "withdrawn"), "refused"),
            "later": (self.state == "requested", "refused" if self.prompts >= 3 else "later"),
            "withdraw": (self.state == "given", "withdrawn"),
        }[name]
        return lawful and self.say(state, time)

    def ask(self, own: bool, time: float) -> bool:
        if self.now(time) == "given" or not (own or self.may_ask(time)):
            return False
        self.prompts += 1
        return self.say("requested", time)

    def say(self, state: str, time: float) -> bool:
        self.state, self.since = state, time
        self.until = in_two_years(time) if state == "given" else 0.0
        self.said.append((time, state, self.until))
        return True

    def switch(self, closed: bool, time: float) -> bool:
        if closed is self.closed:
            return False
        self.closed = closed
        self.switched.append((time, closed))
        return True

    def open_at(self, time: float) -> bool:
        """Whether the last thing said by then was a yes that still held, and no group had closed it."""
        said = [entry for entry in self.said if entry[0] <= time]
        switched = [closed for at, closed in self.switched if at <= time]
        if not said or (switched and switched[-1]):
            return False
        return said[-1][1] == "given" and time < said[-1][2]

    def covered(self, captured: float, used: float) -> bool:
        """Open at both, and never ended in between by the person or by its term."""
        if not self.open_at(captured) or not self.open_at(used):
            return False
        number = sum(at <= captured for at, _, _ in self.said)
        after = self.said[number:]
        before = self.said[number - 1 : -1]
        ended = any(state in ("withdrawn", "refused") for _, state, _ in after)
        lapsed = any(state == "given" and end <= at for (_, state, end), (at, _, _) in zip(before, after, strict=True))
        return not ended and not lapsed


class MemoryBounds:
    """A store of bounds in a list."""

    def __init__(self) -> None:
        self.rows: list[ConsentBound] = []

    def append_bound(self, bound: ConsentBound) -> None:
        self.rows.append(bound)

    def bounds_of(self, subject: str) -> list[ConsentBound]:
        return [row for row in self.rows if row.subject == subject]

    def bounds_of_group(self, group: str, *, members: bool) -> list[ConsentBound]:
        return [row for row in self.rows if row.group == group and bool(row.subject) is members]

    def forget_months(self, subject: str, until: float) -> int:
        raise NotImplementedError

    def last_of_group(self, group: str) -> str:
        return next((row.record_id for row in reversed(self.rows) if row.group == group and not row.subject), "")

    def ages(self) -> list[ConsentBound]:
        raise NotImplementedError

    def groups(self) -> list[str]:
        return sorted({row.group for row in self.rows if row.group})


class Real:
    """The product, with its clock at hand."""

    def __init__(self) -> None:
        self.clock, self.store, self.bounds = Clock(BEGIN), MemoryLedger(), MemoryBounds()
        self.ledger = ConsentLedger(self.store, self.clock, POLICY, bounds=self.bounds)
        self.groups = GroupLedger(self.bounds, self.clock, POLICY)
        self.groups.found("depot", HOLDER)
        join(self.groups, "depot", "s-1", HOLDER)

    def step(self, name: str) -> bool:
        """Whether the product takes the step."""
        try:
            if name == "close":
                self.groups.narrow("depot", T, HOLDER)
            elif name == "lift":
                self.groups.lift("depot", T, HOLDER)
            elif name in ("request", "own"):
                self.ledger.request("s-1", T, evidence(), own_initiative=name == "own")
            else:
                getattr(self.ledger, name)("s-1", T, evidence())
        except ConsentError:
            return False
        return True


@settings(max_examples=200, deadline=None)
@given(HISTORIES)
def test_every_history_goes_as_in_the_model(history: list[tuple[str, float]]) -> None:
    """After each step: taken or refused alike, the same state, the same openness; a refused step leaves no record."""
    real, plain = Real(), Plain()
    for name, gap in history:
        real.clock.time += gap
        time, before = real.clock.time, len(real.store.records)
        expected = plain.step(name, time)
        assert real.step(name) is expected, (name, time)
        assert len(real.store.records) - before == (expected and name in ANSWERS)
        state = real.ledger.state_at("s-1", T, time).state
        assert (state.value if state else None) == plain.now(time)
        assert (T in real.ledger.open_now("s-1")) is plain.open_at(time)
    assert [record.event_state.value for record in real.store.records] == [state for _, state, _ in plain.said]


@settings(max_examples=150, deadline=None)
@given(HISTORIES, st.lists(st.integers(0, 24), min_size=1, max_size=6), st.sampled_from((-1.0, 0.0, 1.0)))
def test_what_is_covered_is_what_the_model_covers(
    history: list[tuple[str, float]], picks: list[int], beside: float
) -> None:
    """For captures at, before and after any event, used at the end: covered exactly where the model says so."""
    real, plain = Real(), Plain()
    times = [BEGIN]
    for name, gap in history:
        real.clock.time += gap
        assert real.step(name) is plain.step(name, real.clock.time)
        times.append(real.clock.time)
    used = real.clock.time + 2
    for pick in picks:
        captured = times[pick % len(times)] + beside
        assert bool(real.ledger.covered("s-1", T, captured, used)) is plain.covered(captured, used), (captured, used)


def test_the_model_reaches_every_state() -> None:
    """The comparison is not vacuous: a history for each state, both answers of a group, and a covered capture."""
    real, plain = Real(), Plain()
    for name in ("request", "later", "own", "give", "close", "lift", "withdraw", "give"):
        real.clock.time += 91 * DAY
        assert real.step(name) and plain.step(name, real.clock.time)
    assert plain.covered(real.clock.time, real.clock.time + 1)
    assert {state for _, state, _ in plain.said} == {"requested", "later", "given", "withdrawn"}
