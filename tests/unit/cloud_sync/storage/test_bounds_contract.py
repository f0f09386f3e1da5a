"""What every implementation promises of the rows that bound consents: groups, narrowings, ages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cloud_sync.errors import StoreError
from cloud_sync.model import BoundKind, ConsentBound, Precision
from cloud_sync.stores import Database

FOUNDED = ConsentBound("b-1", BoundKind.FOUNDED, 1.5, "h-1", "portal", "founded", group="depot")
NARROWED = replace(
    FOUNDED, record_id="b-2", kind=BoundKind.NARROWED, purpose="tracking", precision=Precision.CELL_10KM, at=2.0
)
JOINED = replace(FOUNDED, record_id="b-3", kind=BoundKind.JOINED, subject="s-1", at=3.0)
AGE = ConsentBound(
    *("b-4", BoundKind.DECLARED, 4.0, "p-1", "portal", "told_age"),
    subject="s-1",
    country="DK",
    at_least=11,
    turns=16,
    month="2030-06",
)


@pytest.fixture
def filled(database: Database) -> Database:
    """A database with one of each."""
    for bound in (FOUNDED, NARROWED, JOINED, AGE):
        database.append_bound(bound)
    return database


def test_bounds_are_there_as_they_were_appended(filled: Database) -> None:
    """By person, by group, by members, in order; of others there is nothing."""
    assert filled.bounds_of("s-1") == [JOINED, AGE]
    assert filled.bounds_of_group("depot", members=False) == [FOUNDED, NARROWED]
    assert filled.bounds_of_group("depot", members=True) == [JOINED]
    assert filled.groups() == ["depot"]
    assert filled.bounds_of("s-2") == filled.bounds_of_group("other", members=False) == []


def test_nothing_but_a_month_is_ever_changed(filled: Database) -> None:
    """Updates, deletes and an id that exists are refused by the store itself."""
    with pytest.raises(StoreError):
        filled.append_bound(replace(FOUNDED, subject="s-9"))
    for statement in (
        "UPDATE consent_bound SET record = '{}'",
        "UPDATE consent_bound SET group_id = 'x'",
        "DELETE FROM consent_bound",
    ):
        with pytest.raises(StoreError):
            filled.run(statement)  # type: ignore[attr-defined] - every engine has it
    assert filled.bounds_of("s-1") == [JOINED, AGE]


def test_a_month_is_forgotten_up_to_a_time(filled: Database) -> None:
    """What was declared after it stays; the rest of the row stays in any case."""
    later = replace(AGE, record_id="b-5", at=9.0, month="2031-01")
    filled.append_bound(later)
    assert filled.ages() == [later]
    assert (filled.last_of_group("depot"), filled.last_of_group("other")) == (NARROWED.record_id, "")
    assert filled.forget_months("s-1", 4.0) == 1
    assert filled.forget_months("s-1", 4.0) == filled.forget_months("s-2", 99.0) == 0
    assert filled.bounds_of("s-1") == [JOINED, replace(AGE, month=""), later]
    assert filled.forget_months("s-1", 9.0) == 1
    assert filled.ages() == [replace(later, month="")]
