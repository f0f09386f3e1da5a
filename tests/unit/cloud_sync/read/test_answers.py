"""Answers are asked once a stretch, and never stretched over a moment at which they may differ."""

from __future__ import annotations

import math

from cloud_sync.gate import Decision
from cloud_sync.model import Precision, Reason
from cloud_sync.policy import Period
from cloud_sync.read.answers import MOST_KEPT, Answers

DAY = 86_400.0
NOW = 1000 * DAY
MARKS = [990 * DAY, 995 * DAY, 1010 * DAY]
TERMS = [Period.parse("P30D"), Period.parse("P12M")]


class Gate:
    """Counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[float, float]] = []

    def __call__(self, capture: float, now: float) -> Decision:
        self.asked.append((capture, now))
        return Decision(True, Reason.ALLOWED, Precision.EXACT, f"{len(self.asked)}")


def test_one_question_a_stretch() -> None:
    """Between two boundaries, and on one side of every term: one; in another stretch another."""
    gate = Gate()
    answers = Answers(gate, MARKS, TERMS)
    same = {answers.of(996 * DAY + n, NOW).explanation for n in range(1000)}
    assert (same, len(gate.asked)) == ({"1"}, 1)
    assert answers.of(995 * DAY, NOW).explanation == "1"
    assert answers.of(995 * DAY - 1, NOW).explanation == "2"
    assert answers.of(989 * DAY, NOW).explanation == "3"
    assert answers.of(NOW - 30 * DAY + 1, NOW).explanation == "3"
    assert answers.of(NOW - 30 * DAY, NOW).explanation == "4"
    assert answers.of(989 * DAY, NOW).explanation == "3"


def test_near_the_calendars_end_of_a_term_each_is_asked_by_itself() -> None:
    """Twelve months are 365 or 366 days: within these each capture, and none of the answers is kept."""
    gate = Gate()
    answers = Answers(gate, [], TERMS)
    for _ in range(2):
        answers.of(NOW - 365.5 * DAY, NOW)
    assert len(gate.asked) == 2
    for _ in range(2):
        answers.of(NOW - 366 * DAY, NOW)
    assert len(gate.asked) == 3


def test_what_spans_a_moment_has_no_one_answer() -> None:
    """All of an envelope at once only within one stretch."""
    answers = Answers(Gate(), MARKS, TERMS)
    assert answers.of_all(996 * DAY, 997 * DAY, NOW) is answers.of(996 * DAY, NOW)
    assert answers.of_all(995 * DAY - 1, 995 * DAY, NOW) is None
    assert answers.of_all(NOW - 30 * DAY, NOW - 30 * DAY + 1, NOW) is None
    assert answers.of_all(NOW - 365.5 * DAY, NOW - 365.4 * DAY, NOW) is None


def test_answers_of_before_a_boundary_are_forgotten_behind_it() -> None:
    """A consent that lapses while answers are kept; a clock that is set back, as well."""
    gate = Gate()
    answers = Answers(gate, MARKS, TERMS)
    assert (answers.since, answers.until) == (math.inf, -math.inf)
    answers.of(996 * DAY, NOW)
    assert (answers.since, answers.until) == (995 * DAY, 1010 * DAY)
    answers.of(996 * DAY, 1010 * DAY - 1)
    assert len(gate.asked) == 1
    answers.of(996 * DAY, 1010 * DAY)
    assert gate.asked[-1] == (996 * DAY, 1010 * DAY)
    answers.of(996 * DAY, NOW)
    assert len(gate.asked) == 3


def test_what_is_kept_is_bounded() -> None:
    """However many boundaries a person has made."""
    gate = Gate()
    answers = Answers(gate, [float(n) for n in range(2 * MOST_KEPT)], [])
    for n in range(2 * MOST_KEPT):
        answers.of(float(n), NOW)
    assert len(answers._known) <= MOST_KEPT
