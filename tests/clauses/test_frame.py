"""The clause suite about itself: every clause has a test or is open by rule, every test notices, every naive way is noticed."""

from __future__ import annotations

import os
from typing import Final

import pytest

from cloud_sync.policy.clauses import PROMISES, Shown
from tests.clauses.clause import clause
from tests.clauses.engine import engines
from tests.clauses.made import Made
from tests.clauses.matrix import defects, naive_pairs, pairs
from tests.clauses.running import End, Outcome, evidence, run
from tests.clauses.way import MOST, naive_ways
from tests.share import chosen

#: One in so many of the clauses is tried without its engine in a run of all tests; BYLEAVE_CLAUSES=1 tries all.
ONE_IN: Final = int(os.environ.get("BYLEAVE_CLAUSES", "6"))


def test_the_table_has_337_clauses() -> None:
    """293 that an engine keeps, 39 that only a page or its API can show, 5 whose proof is a text."""
    counts = {shown: sum(each.untested is shown for each in PROMISES.values()) for shown in Shown}
    assert {shown: count for shown, count in counts.items() if count} == {
        Shown.RED: 293,
        Shown.OPEN: 39,
        Shown.DOCUMENTATION: 5,
    }


def test_every_clause_that_an_engine_keeps_has_a_test() -> None:
    """Not one is silently left out."""
    missing = [name for name, each in PROMISES.items() if each.untested is Shown.RED and name not in evidence()]
    assert missing == []


def test_every_engine_that_a_test_names_can_be_taken_away() -> None:
    """And every engine is named by a test."""
    assert {each.engine for each in evidence().values()} == set(engines())


def test_every_naive_way_is_carried_out() -> None:
    """All rows of section 8."""
    assert list(naive_ways()) == list(range(1, MOST + 1))


@pytest.mark.parametrize(
    "name", [name for name in sorted(evidence()) if not evidence()[name].gap and chosen(name, ONE_IN)]
)
def test_without_its_engine_a_clause_is_red(name: str) -> None:
    """A test that stays green then shows nothing."""
    assert defects(run(*pair) for pair in pairs([name]) if pair[1]) == []


@pytest.mark.parametrize("number", sorted({int(change.partition(":")[2]) for _, change in naive_pairs()}))
def test_a_naive_way_is_noticed(number: int) -> None:
    """By a test of one of the clauses that it breaks."""
    assert defects(run(*pair) for pair in naive_pairs() if pair[1] == f"naive:{number}") == []


def test_a_test_that_notices_nothing_is_a_defect() -> None:
    """So are one that is red as it is, and one that crashes; one that notices is none."""

    def of(clause: str, changed: str, end: End) -> Outcome:
        return Outcome(clause, changed, end, "", 0)

    good = [of("CT-06", "", End.PASSED), of("CT-06", "engine:gate", End.FAILED)]
    assert defects(good) == []
    for worse in (
        [good[0], of("CT-06", "engine:gate", End.PASSED)],
        [of("CT-06", "", End.FAILED), good[1]],
        [good[0], of("CT-06", "engine:gate", End.CRASHED)],
        [of("CT-06", "naive:1", End.PASSED)],
    ):
        assert len(defects(worse)) == 1


def test_a_test_has_the_name_of_its_clause() -> None:
    """Of one that there is, and that has no other test."""

    def test_ct_99(made: Made) -> None:
        """Nothing."""

    with pytest.raises(ValueError, match="no clause CT-99"):
        clause("CT-99", engine="gate")(test_ct_99)
    with pytest.raises(ValueError, match="is called test_ct_07"):
        clause("CT-07", engine="gate")(test_ct_99)
    test_ct_99.__name__ = "test_ct_06"
    evidence()
    with pytest.raises(ValueError, match="has a test already"):
        clause("CT-06", engine="gate")(test_ct_99)
