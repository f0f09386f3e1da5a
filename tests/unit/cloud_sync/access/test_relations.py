"""Relations end at once (row 17), and what lies in a device is read with consent alone (row 13)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cloud_sync.errors import ConfigError, Denied
from cloud_sync.model import Actor, Reason
from tests.unit.cloud_sync.disclosure.outlet_world import HELPER, NOON, Depot, T, evidence

PLANNER = Actor("p-1", "planner")


def look(depot: Depot, actor: Actor = PLANNER) -> int | Reason:
    """How many fixes somebody reads for dispatching, or why none."""
    try:
        return len(depot.cloud.read_location(actor=actor, purpose="dispatch", subject="s-1", start=T, end=NOON))
    except Denied as denied:
        assert isinstance(denied.reason, Reason)
        return denied.reason


def test_a_relation_opens_and_its_end_closes_at_once(depot: Depot) -> None:
    """None before, the data while it lasts, none in the second after; the policy must grant the role something as well."""
    depot.feed()
    assert look(depot) is Reason.RELATION_MISSING
    depot.cloud.relations.begin("p-1", "planner", "s-1", by="s-1")
    assert look(depot) == 20
    assert look(depot, replace(PLANNER, id="p-2")) is Reason.RELATION_MISSING
    assert look(depot, replace(PLANNER, role="parent")) is Reason.ROLE_NOT_PERMITTED
    assert depot.cloud.relations.end("p-1", "planner", "s-1", by="s-1")
    assert look(depot) is Reason.RELATION_MISSING
    assert not depot.cloud.relations.end("p-1", "planner", "s-1", by="s-1")
    assert depot.entries("relation.begun") == depot.entries("relation.ended") == [{"other": "p-1", "role": "planner"}]


def test_a_relation_to_one_person_is_none_to_another(depot: Depot) -> None:
    """Nor is it one in another role."""
    depot.feed()
    depot.enrol("s-2")
    depot.cloud.relations.begin("p-1", "planner", "s-2", by="s-2")
    depot.cloud.relations.begin("p-1", "parent", "s-1", by="s-1")
    assert look(depot) is Reason.RELATION_MISSING


def test_staff_and_controllers_have_no_relations(depot: Depot) -> None:
    """Theirs is the ticket; the word for planners is taken."""
    assert depot.cloud.relations.begin("p-1", "planner", "s-1", by="s-1").role == "planner"
    with pytest.raises(ConfigError, match="by a relation"):
        depot.cloud.relations.begin("e-1", "support", "s-1", by="s-1")


def terminal(depot: Depot, actor: Actor = HELPER, purpose: str = "remote_help", device: str = "") -> Reason:
    """The answer to a member of the staff who wants to read a device's log."""
    category = "device_storage" if purpose == "remote_help" else "status"
    try:
        asked = {"device": device or depot.tracker.name, "purpose": purpose, "category": category}
        depot.cloud.terminal.demand(actor, "s-1", **asked)
    except Denied as denied:
        assert isinstance(denied.reason, Reason)
        return denied.reason
    return Reason.ALLOWED


def test_a_devices_log_is_read_with_ticket_and_consent(depot: Depot) -> None:
    """A grant alone does not do, nor the consent alone; a lawful interest in diagnosis never does; both answers are logged."""
    depot.cloud.staff.open_ticket("K-1", "s-1", by="desk")
    assert terminal(depot) is Reason.CONSENT_MISSING
    depot.cloud.consent.give("s-1", "remote_help", evidence())
    assert terminal(depot) is Reason.TICKET_MISSING
    depot.cloud.staff.open(
        HELPER,
        "s-1",
        purposes=["remote_help", "diagnosis"],
        categories=["device_storage", "status"],
        by=HELPER,
        ticket="K-1",
    )
    assert terminal(depot) is Reason.ALLOWED
    assert terminal(depot, purpose="diagnosis") is Reason.ACTION_NOT_PERMITTED
    assert terminal(depot, device="f" * 16) is Reason.DEVICE_UNKNOWN
    depot.cloud.consent.withdraw("s-1", "remote_help", evidence())
    assert terminal(depot) is Reason.CONSENT_MISSING
    [entry] = [each for each in depot.entries("gate.allowed") if each["action"] == "terminal"]
    assert (entry["device"], entry["ticket"]) == (depot.tracker.name, "K-1")
    assert len([each for each in depot.entries("gate.denied") if each["action"] == "terminal"]) == 5
