"""The gate's answers about one person's readings: asked once for each stretch of capture times in which none can differ."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence

from cloud_sync.gate import Decision
from cloud_sync.policy import Period, Policy

MOST_KEPT = 4096  # answers at once; one that is asked for by itself is a reading near the end of its term


def terms_of(policy: Policy, category: str, purpose: str) -> list[Period]:
    """Every period whose end changes an answer, shortest first: the rule's own, its steps', and that of children."""
    rule = policy.rule(category, purpose)
    steps = [step.retention for step in rule.steps] if rule else []
    own = [rule.retention] if rule else []
    return sorted([*own, *steps, policy.children.safeguards.retention_max], key=lambda period: period.shortest_s)


class Answers:
    """Answers by capture time. `ask(capture, now)` is the gate's; an answer of one moment holds until `until`."""

    def __init__(
        self, ask: Callable[[float, float], Decision], marks: Sequence[float], terms: Sequence[Period]
    ) -> None:
        self._ask = ask
        self._marks = marks
        self._terms = [(period.shortest_s, period.longest_s) for period in terms]
        self._known: dict[tuple[int, int], Decision] = {}
        self.since = math.inf
        self.until = -math.inf
        self._watched = self._allowed = False
        self._sure_until = math.inf
        self._near: dict[float, Decision] = {}

    def watch(self) -> None:
        """From here on remember what was answered, for `hold`: the beginning of a piece."""
        self._watched, self._allowed, self._sure_until = True, False, math.inf
        self._near.clear()

    def hold(self, now: float) -> bool:
        """Whether everything that was allowed since `watch` would be answered the same at `now` [a term that has passed since]."""
        if not self._allowed:
            return True
        if not self.since <= now < min(self.until, self._sure_until):
            return False
        return all(self._ask(capture, now) == decision for capture, decision in self._near.items())

    def of(self, capture: float, now: float) -> Decision:
        """The decision on what was captured at `capture`, used at `now` (Unix seconds)."""
        if not self.since <= now < self.until:
            self._begin(now)
        stage = self._stage(now - capture)
        if stage < 0:  # near the end of a term each capture is asked for by itself
            decision = self._ask(capture, now)
            if self._watched and decision:
                self._allowed, self._near[capture] = True, decision
            return decision
        key = (bisect_right(self._marks, capture), stage)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= MOST_KEPT:
                self._known.clear()
            known = self._known[key] = self._ask(capture, now)
        if known:
            self._sure(capture, stage)
        return known

    def of_all(self, first: float, last: float, now: float) -> Decision | None:
        """The one decision on all that was captured from `first` to `last`; None where it may not be one."""
        stage = self._stage(now - first)
        if stage < 0 or stage != self._stage(now - last):
            return None
        if not self.alike(first, last):
            return None
        decision = self.of(last, now)
        if decision:
            self._sure(first, stage)
        return decision

    def alike(self, first: float, last: float) -> bool:
        """Whether no answer of the person, and none of their bounds, lies between two captures."""
        return bisect_right(self._marks, first) == bisect_right(self._marks, last)

    def _sure(self, capture: float, stage: int) -> None:
        """An answer by this stage holds until the next term can end at the earliest."""
        self._allowed = True
        if stage < len(self._terms):
            self._sure_until = min(self._sure_until, capture + self._terms[stage][0])

    def _begin(self, now: float) -> None:
        """Answers of another moment are forgotten where a consent may have begun or ended in between."""
        self._known.clear()
        place = bisect_right(self._marks, now)
        self.since = self._marks[place - 1] if place else -math.inf
        self.until = self._marks[place] if place < len(self._marks) else math.inf

    def _stage(self, age: float) -> int:
        """How many terms are over for certain at this age in seconds; −1 where the calendar must say."""
        for stage, (shortest, longest) in enumerate(self._terms):
            if age < shortest:
                return stage
            if age < longest:
                return -1
        return len(self._terms)
