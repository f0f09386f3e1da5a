"""Holders and companies that try to widen a member's choice, and what becomes of people on a list."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.consent import Evidence
from cloud_sync.consent.choices import Origin
from cloud_sync.errors import ConfigError, ConsentError
from cloud_sync.model import ConsentState, LawfulBasis
from tests.properties.gate_policies import SYNTHETIC
from tests.unit.cloud_sync.consent.joining import join
from tests.unit.cloud_sync.disclosure.outlet_world import Depot, evidence

HOLDER = Evidence("h-1", "demo-1", "portal", "pressed_save", "en")
OTHER = Evidence("h-2", "demo-1", "portal", "pressed_save", "en")
DIGEST = "ab" * 32
T = "tracking"


@pytest.fixture
def depot(tmp_path: Path) -> Iterator[Depot]:
    """s-1 tracks with leave; they and s-2 are in h-1's group."""
    depot = Depot(tmp_path, SYNTHETIC)
    depot.enrol("s-2")
    depot.cloud.groups.found("depot", HOLDER)
    for subject in ("s-1", "s-2"):
        join(depot.cloud.groups, "depot", subject, HOLDER)
    yield depot
    depot.close()


def told(depot: Depot, subject: str, purpose: str = T) -> tuple[ConsentState | None, Origin]:
    """What holds, and whose choice it is."""
    found = depot.cloud.groups.effective(subject, purpose)
    return found.state, found.origin


def test_a_holders_yes_opens_nothing_and_lifts_only_their_own_no(depot: Depot) -> None:
    """No, then yes: each member is as before, and no record of theirs was touched."""
    groups, ledger = depot.cloud.groups, depot.cloud.ledger
    before = {subject: ledger.records(subject) for subject in ("s-1", "s-2")}
    assert told(depot, "s-1") == (ConsentState.GIVEN, Origin.OWN)
    groups.choose("depot", T, HOLDER, open=False)
    assert told(depot, "s-1") == (ConsentState.REFUSED, Origin.HOLDER)
    assert T not in ledger.open_now("s-1")
    [row] = groups.conflicts("depot")
    assert (row.subject, row.holder_open, row.own) == ("s-1", False, ConsentState.GIVEN)
    groups.choose("depot", T, HOLDER, open=True)
    assert T in ledger.open_now("s-1")
    assert told(depot, "s-2") == (None, Origin.NOBODY)
    assert groups.conflicts("depot") == groups.conflicts_of("s-2") == []
    assert {subject: ledger.records(subject) for subject in before} == before
    assert groups.settings("depot") == {}


def test_a_wish_between_two_narrowings_hides_neither(depot: Depot) -> None:
    """What was narrowed stays so, whatever the holder wishes for besides."""
    depot.cloud.groups.narrow("depot", T, HOLDER)
    depot.cloud.groups._groups.wish("depot", T, HOLDER)
    assert set(depot.cloud.groups.settings("depot")) == {T}
    with pytest.raises(ConsentError, match="narrows tracking so already"):
        depot.cloud.groups.narrow("depot", T, HOLDER)
    assert T not in depot.cloud.ledger.open_now("s-1")


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda cloud: cloud.groups.choose("depot", T, OTHER, open=True), "held by another"),
        (lambda cloud: cloud.groups.choose("depot", "gossip", HOLDER, open=True), "no purpose"),
        (lambda cloud: cloud.groups.choose("depot", "invoicing", HOLDER, open=False), "neither consent nor a contract"),
        (lambda cloud: cloud.groups.choose("depot", "diagnosis", HOLDER, open=False), "neither consent nor a contract"),
        (lambda cloud: cloud.consent.give("s-2", T, HOLDER), "by the person alone"),
        (lambda cloud: cloud.people.hand_over("depot", ["s-3"], OTHER, digest=DIGEST), "held by another"),
        (lambda cloud: cloud.people.hand_over("depot", [], HOLDER, digest=DIGEST), "names 1 to"),
        (lambda cloud: cloud.people.hand_over("depot", ["s-3"], HOLDER, digest="signed"), "SHA-256"),
        (lambda cloud: cloud.people.provide("depot", "s-9", "billing", b"x", HOLDER), "is not in group"),
        (lambda cloud: cloud.people.admit("s-3", basis=LawfulBasis.CONSENT, reference="D-1", by="c-1"), "person alone"),
        (
            lambda cloud: cloud.people.admit("s-3", basis=LawfulBasis.CONTRACT, reference="the deal", by="c-1"),
            "no identifier",
        ),
    ],
)
def test_what_would_widen_is_refused(depot: Depot, act: Any, message: str) -> None:
    """By another holder, for a purpose of one's own, for the person, without a signed text: nothing opens."""
    before = depot.cloud.ledger.open_now("s-2")
    with pytest.raises((ConsentError, ConfigError), match=message):
        act(depot.cloud)
    assert depot.cloud.ledger.open_now("s-2") == before == {}
    assert depot.cloud.restrictions.in_force() == [] and depot.cloud.groups.members("depot") == ["s-1", "s-2"]


def test_people_on_a_list_wait_until_they_agree(depot: Depot) -> None:
    """Whoever agreed before does not wait; a holder's yes, a certificate and the wrong person's ground admit nobody."""
    depot.cloud.people.hand_over("depot", ["s-1", "s-3", "s-4"], HOLDER, digest=DIGEST)
    assert depot.cloud.people.waiting("depot") == ["s-3", "s-4"]
    assert depot.entries("restriction.set", "s-1") == []
    depot.cloud.groups.choose("depot", T, HOLDER, open=True)
    depot.cloud.groups.certify("depot", HOLDER, count=3, digest=DIGEST)
    assert depot.cloud.people.waiting("depot") == ["s-3", "s-4"]
    assert depot.cloud.people.admit("s-4", basis=LawfulBasis.CONTRACT, reference="ORDER-1", by="c-1") == 1
    assert depot.cloud.people.waiting("depot") == ["s-3"]
    depot.cloud.consent.give("s-3", T, evidence("s-3"))
    assert depot.cloud.people.waiting("depot") == []
    assert [entry["basis"] for entry in depot.entries("group.admitted", "s-3")] == ["consent"]
    assert [entry["legal_ref"] for entry in depot.entries("group.admitted", "s-4")] == ["ORDER-1"]


def test_a_no_of_ones_own_admits_nobody(depot: Depot) -> None:
    """Who refuses waits on."""
    depot.cloud.people.hand_over("depot", ["s-3"], HOLDER, digest=DIGEST)
    depot.cloud.consent.refuse("s-3", T, evidence("s-3", "tapped_refuse"))
    assert depot.cloud.people.waiting("depot") == ["s-3"]
    depot.cloud.groups.decline("depot", "s-3", evidence("s-3"))
    assert depot.cloud.restrictions.restricted("s-3")


def test_a_setting_of_the_contract_is_closed_by_the_strictest_holder(depot: Depot) -> None:
    """Of two groups one would have it open: closed, for the device and at the gate, until the other says so too."""
    depot.cloud.groups.found("second", OTHER)
    join(depot.cloud.groups, "second", "s-1", OTHER)
    purpose = "dispatch"  # rests on the contract, not on consent
    assert told(depot, "s-1", purpose) == (ConsentState.GIVEN, Origin.NOBODY)
    depot.cloud.groups.choose("depot", purpose, HOLDER, open=False)
    depot.clock.at += 60
    depot.cloud.groups.choose("second", purpose, OTHER, open=True)
    assert told(depot, "s-1", purpose) == (ConsentState.REFUSED, Origin.HOLDER)
    assert depot.cloud.groups.closed("s-1") == {purpose}
    depot.cloud.groups.choose("depot", purpose, HOLDER, open=True)
    assert depot.cloud.groups.closed("s-1") == frozenset()
    depot.cloud.groups.choose("depot", purpose, HOLDER, open=False)
    depot.cloud.groups.remove("depot", "s-1", HOLDER)
    assert depot.cloud.groups.closed("s-1") == frozenset()


def test_who_hands_a_list_over_admits_nobody_on_it(depot: Depot) -> None:
    """A holder who says that a contract holds is a certificate again: somebody else looks at the document."""
    depot.cloud.people.hand_over("depot", ["s-3"], HOLDER, digest=DIGEST)
    asked: dict[str, Any] = {"basis": LawfulBasis.CONTRACT, "reference": "ORDER-1"}
    with pytest.raises(ConsentError, match="somebody else"):
        depot.cloud.people.admit("s-3", by="h-1", **asked)
    assert depot.cloud.people.waiting("depot") == ["s-3"]
    assert depot.cloud.people.admit("s-3", by="c-1", **asked) == 1


def test_the_same_list_again_closes_nobody_who_was_admitted(depot: Depot) -> None:
    """With a new name on it: that one waits, and who waited still does."""
    hand_over = depot.cloud.people.hand_over
    hand_over("depot", ["s-3", "s-4"], HOLDER, digest=DIGEST)
    depot.cloud.people.admit("s-3", basis=LawfulBasis.CONTRACT, reference="ORDER-1", by="c-1")
    hand_over("depot", ["s-3", "s-4", "s-5"], HOLDER, digest=DIGEST)
    assert depot.cloud.people.waiting("depot") == ["s-4", "s-5"]
    assert len(depot.cloud.restrictions.in_force("s-4")) == 1


def test_a_no_of_a_clock_that_was_ahead_holds(depot: Depot) -> None:
    """The holder closed a setting while the clock ran a day ahead; once it is right the setting is closed still."""
    depot.cloud.groups.choose("depot", "dispatch", HOLDER, open=True)
    depot.clock.at += 86_400
    depot.cloud.groups.choose("depot", "dispatch", HOLDER, open=False)
    depot.clock.at -= 86_000
    assert depot.cloud.groups.closed("s-1") == {"dispatch"}
    assert told(depot, "s-1", "dispatch") == (ConsentState.REFUSED, Origin.HOLDER)
    depot.cloud.groups.choose("depot", "dispatch", HOLDER, open=True)
    depot.clock.at += 86_400
    assert depot.cloud.groups.closed("s-1") == frozenset()
