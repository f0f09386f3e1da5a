"""What every store of cases must do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cloud_sync.errors import StoreError
from cloud_sync.model.rights import Case, CaseEvent, CaseState, Channel, Identity, IdentityLink, Outcome, Right
from cloud_sync.storage.telemetry import TelemetryRows
from cloud_sync.stores import Database

CASE = Case("c-1", "m-1", "s-1", Right.ACCESS, Channel.LETTER, 1.5, 2.5, 30.0, 31.0, 30.0, 20.0, 5.0)
CLOSED = replace(
    CASE,
    case_id="c-2",
    received_at=1.0,
    state=CaseState.CLOSED,
    identity=Identity.LINK,
    outcome=Outcome.REFUSED.value,
    closed_at=9.0,
    evidence="e" * 64,
)
OTHER = replace(CASE, case_id="c-3", message="m-2", subject="s-2", right=Right.ERASURE)
EVENT = CaseEvent("c-1", 0, "case.opened", 2.5, "desk-1", "access", "d" * 64, b"sealed\0")


@pytest.fixture
def filled(database: Database) -> Database:
    """Two cases of a person in one message, and one of another."""
    for case in (CASE, CLOSED, OTHER):
        database.put_case(case)
    return database


def test_cases_come_back_as_they_were_put(filled: Database) -> None:
    """By id, person and message, oldest receipt first; replaced by the same id."""
    assert [filled.case(case.case_id) for case in (CASE, CLOSED, OTHER)] == [CASE, CLOSED, OTHER]
    assert filled.case("c-9") is None
    assert filled.cases("s-1") == filled.cases(message="m-1") == [CLOSED, CASE]
    assert filled.cases("s-1", closed=False) == [CASE] and filled.cases(closed=False) == [CASE, OTHER]
    filled.put_case(replace(CASE, outcome="granted"))
    assert [case.outcome for case in filled.cases("s-1")] == ["refused", "granted"]


def test_alarms_and_closings_by_their_moments(filled: Database) -> None:
    """From the second on; once raised not again until late; answered and closed ones never."""
    assert filled.cases_alarming(19.9) == [] and filled.cases_alarming(20.0) == [CASE, OTHER]
    filled.put_case(replace(CASE, alarmed=1))
    filled.put_case(replace(OTHER, state=CaseState.ANSWERED))
    assert filled.cases_alarming(29.9) == [] and len(filled.cases_alarming(30.0)) == 1
    filled.put_case(replace(CASE, alarmed=2))
    assert filled.cases_alarming(99.0) == []
    assert filled.cases_closed_before(8.9, 9) == [] and filled.cases_closed_before(9.0, 9) == [CLOSED]
    assert filled.cases_closed_before(9.0, 9, (9.0, "c-2")) == []


def test_events_are_appended_and_lose_nothing_but_their_content(filled: Database) -> None:
    """In order; neither rewritten, repeated nor deleted before their term is over."""
    second = replace(EVENT, number=1, kind="case.decided", at=7.0)
    for event in (EVENT, second, replace(EVENT, case_id="c-3")):
        filled.append_case_event(event)
    assert filled.case_events("c-1") == [EVENT, second]
    assert isinstance(filled, TelemetryRows)
    for statement in (
        "UPDATE rights_event SET detail = 'x'",
        "UPDATE rights_event SET at = 1.0",
        "DELETE FROM rights_event",
    ):
        with pytest.raises(StoreError):
            filled.run(statement)
    with pytest.raises(StoreError):
        filled.append_case_event(EVENT)
    assert filled.forget_cases("s-1", 5.0) == 1
    assert [event.sealed for event in filled.case_events("c-1")] == [b"", second.sealed]
    filled.forget_cases("s-1")
    assert filled.case_events("c-1") == [replace(EVENT, sealed=b""), replace(second, sealed=b"")]
    assert filled.case_events("c-3")[0].sealed == EVENT.sealed


def test_what_is_over_goes_with_its_events_and_links(filled: Database) -> None:
    """A link goes with the last case of its message; other people's stay."""
    filled.append_case_event(EVENT)
    links = [IdentityLink(name, message, 3.0, 90.0) for name, message in (("l-1", "m-1"), ("l-2", "m-2"))]
    for link in links:
        filled.put_identity_link(link)
    assert filled.remove_cases(["c-1"]) == 1 and filled.case_events("c-1") == []
    assert filled.identity_link("l-1") == links[0]
    assert filled.remove_cases(["c-2", "c-9"]) == 1
    assert (filled.identity_link("l-1"), filled.identity_link("l-2")) == (None, links[1])
    assert filled.cases() == [OTHER]


def test_links_are_counted_used_and_over(filled: Database) -> None:
    """By message; replaced when used; gone when they have ended, or when the person is erased."""
    for n in range(3):
        filled.put_identity_link(IdentityLink(f"l-{n}", "m-1", 3.0, 10.0 + n))
    filled.put_identity_link(IdentityLink("l-0", "m-1", 3.0, 10.0, 4.0))
    assert (filled.count_identity_links("m-1"), filled.count_identity_links("m-2")) == (3, 0)
    assert filled.identity_link("l-0") == IdentityLink("l-0", "m-1", 3.0, 10.0, 4.0)
    assert filled.remove_identity_links(10.0) == 1
    assert filled.forget_cases("s-2") == 0 and filled.forget_cases("s-1") == 2
