"""Access of the staff: by a ticket, for an hour, for exactly what was named, and seen by the person."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cloud_sync.audit import accesses
from cloud_sync.errors import ConfigError, Denied
from cloud_sync.model import Actor, Reason
from cloud_sync.model.access import StaffGrant
from tests.properties.gate_policies import SYNTHETIC
from tests.unit.cloud_sync.disclosure.outlet_world import HELPER, LEAD, NOON, Depot, T, evidence


def opened(depot: Depot, **changed: Any) -> StaffGrant:
    """A grant for the ticket K-1, which is opened first; with single parts changed."""
    depot.cloud.staff.open_ticket("K-1", "s-1", by="desk")
    asked: dict[str, Any] = {
        "staff": HELPER,
        "subject": "s-1",
        "purposes": ["tracking"],
        "categories": ["position"],
        "by": HELPER,
        "ticket": "K-1",
    }
    return depot.cloud.staff.open(**{**asked, **changed})


def look(depot: Depot, actor: Actor = HELPER, **changed: Any) -> int:
    """How many fixes a member of the staff reads of s-1."""
    asked: dict[str, Any] = {"actor": actor, "purpose": "tracking", "subject": "s-1", "start": T, "end": NOON}
    return len(depot.cloud.read_location(**{**asked, **changed}))


def denied(depot: Depot, **changed: Any) -> Reason:
    """Why a look is denied."""
    with pytest.raises(Denied) as caught:
        look(depot, **changed)
    assert isinstance(caught.value.reason, Reason)
    return caught.value.reason


def test_a_ticket_lets_staff_in_for_an_hour_and_the_person_sees_it(depot: Depot) -> None:
    """Denied before, allowed under the grant, over after sixty minutes; every read has grant and ticket in the person's log."""
    depot.feed()
    assert denied(depot) is Reason.TICKET_MISSING
    grant = opened(depot)
    assert look(depot) == 20
    depot.clock.at = NOON + 3599
    assert look(depot) == 20
    depot.clock.at = NOON + 3600
    assert denied(depot) is Reason.GRANT_EXPIRED
    [first, *_] = depot.entries("gate.allowed")
    assert {"grant": grant.grant, "ticket": "K-1", "role": "support", "count": 20}.items() <= first.items()
    assert [entry["purpose"] for entry in depot.entries("access.opened")] == ["tracking"]
    seen = [access for access in accesses(depot.cloud.audit, "s-1") if access.actor == "e-1"]
    assert [access.allowed for access in seen] == [False, True, True, False]


def test_a_closed_ticket_ends_the_access_at_once_and_for_good(depot: Depot) -> None:
    """Two grants on one ticket end with it; neither the ticket opened again nor a clock that is set back revives them."""
    depot.feed()
    opened(depot)
    opened(depot, staff=replace(HELPER, id="e-2"), by=replace(HELPER, id="e-2"))
    assert look(depot) == 20
    depot.clock.at = NOON + 60
    assert depot.cloud.staff.close_ticket("K-1", by="desk") == 2
    assert denied(depot) is Reason.GRANT_EXPIRED
    depot.cloud.staff.open_ticket("K-1", "s-1", by="desk")
    assert denied(depot) is Reason.GRANT_EXPIRED
    depot.clock.at = NOON
    assert denied(depot) is Reason.GRANT_EXPIRED
    assert depot.entries("ticket.closed") == [{"count": 2, "ticket": "K-1"}]
    depot.cloud.staff.open_ticket("K-1", "s-1", by="desk")
    assert opened(depot).ends_at > NOON
    assert look(depot) == 20


def test_a_grant_that_is_taken_back_ends(depot: Depot) -> None:
    """The other one goes on."""
    depot.feed()
    grant = opened(depot)
    other = replace(HELPER, id="e-2")
    opened(depot, staff=other, by=other)
    depot.cloud.staff.close(grant.grant, by="desk")
    assert denied(depot) is Reason.GRANT_EXPIRED
    assert look(depot, other) == 20


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"staff": replace(HELPER, mfa=False)}, Reason.MFA_MISSING),
        ({"by": replace(LEAD, mfa=False)}, Reason.MFA_MISSING),
        ({"staff": replace(HELPER, role="controller")}, Reason.ROLE_NOT_PERMITTED),
        ({"ticket": ""}, Reason.TICKET_MISSING),
        ({"ticket": "K-2"}, Reason.TICKET_MISSING),
        ({"subject": "s-2"}, Reason.TICKET_MISSING),
    ],
)
def test_one_change_of_a_grant_that_is_opened_is_refused_and_logged(
    depot: Depot, change: dict[str, Any], reason: Reason
) -> None:
    """The unchanged one is opened; the refusal is in the log of the person concerned."""
    assert opened(depot).ends_at == NOON + 3600
    with pytest.raises(Denied) as caught:
        opened(depot, **change)
    assert caught.value.reason is reason
    refused = depot.entries("access.refused", change.get("subject", "s-1"))
    assert [entry["reason"] for entry in refused] == [reason.value]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"actor": replace(HELPER, mfa=False)}, Reason.MFA_MISSING),
        ({"actor": replace(HELPER, id="e-2")}, Reason.TICKET_MISSING),
        ({"subject": "s-2"}, Reason.TICKET_MISSING),
        ({"purpose": "remote_help"}, Reason.PURPOSE_NOT_DECLARED),
        ({"actor": replace(HELPER, role="dpo")}, Reason.ROLE_NOT_PERMITTED),
    ],
)
def test_a_grant_opens_exactly_what_it_names(depot: Depot, change: dict[str, Any], reason: Reason) -> None:
    """Another person, another member of the staff, another purpose, no second factor: each alone is denied."""
    depot.feed()
    depot.enrol("s-2")
    depot.cloud.consent.give("s-2", "tracking", evidence("s-2"))
    opened(depot)
    assert look(depot) == 20
    assert denied(depot, **change) is reason


def test_a_grant_is_no_consent(depot: Depot) -> None:
    """After a withdrawal the staff reads nothing, whatever the ticket."""
    depot.feed()
    opened(depot)
    assert look(depot) == 20
    depot.cloud.consent.withdraw("s-1", "tracking", evidence())
    assert denied(depot) is Reason.CONSENT_MISSING


def test_where_no_ticket_is_asked_for_somebody_else_opens(tmp_path: Any) -> None:
    """`ticket_required = false`: nobody lets themselves in; another person does."""
    depot = Depot(tmp_path, SYNTHETIC.replace("[access]\n", "[access]\nticket_required = false\n"))
    depot.feed()
    with pytest.raises(Denied) as caught:
        opened(depot, ticket="")
    assert caught.value.reason is Reason.TICKET_MISSING
    opened(depot, ticket="", by=LEAD)
    assert look(depot) == 20
    depot.close()


@pytest.mark.parametrize("change", [{"purposes": ["gossip"]}, {"categories": ["diary"]}, {"purposes": []}])
def test_a_grant_names_what_the_policy_declares(depot: Depot, change: dict[str, Any]) -> None:
    """Neither a purpose nor a category of one's own; the declared ones are opened."""
    assert opened(depot).purposes == {"tracking"}
    with pytest.raises(ConfigError, match="no rule of the policy"):
        opened(depot, **change)


@pytest.mark.parametrize("name", ["Bob Smith", "", "é", "a" * 65])
def test_names_and_free_text_are_no_identifiers(depot: Depot, name: str) -> None:
    """They would end in the log: refused for tickets and for people, and nothing is stored."""
    with pytest.raises(ConfigError, match="no identifier"):
        depot.cloud.staff.open_ticket(name, "s-1", by="desk")
    with pytest.raises(ConfigError, match="no identifier"):
        opened(depot, staff=replace(HELPER, id=name))
    assert depot.cloud.staff.grants("s-1") == []


def test_an_erasure_of_everything_takes_the_rows_along(depot: Depot) -> None:
    """Tickets, grants and relations of the person; a restart does not bring them back."""
    depot.feed()
    opened(depot)
    depot.cloud.relations.begin("p-1", "planner", "s-1", by="s-1")
    assert depot.cloud.staff.grants("s-1") and depot.cloud.relations.of("s-1")
    depot.cloud.erase(subject="s-1")
    assert (depot.cloud.staff.grants("s-1"), depot.cloud.relations.of("s-1")) == ([], [])
    assert depot.cloud.database.ticket("K-1") is None


def test_a_ticket_that_is_closed_while_a_grant_is_being_opened_lets_nobody_in(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closed between the first look at it and the grant: denied, and no grant is stored."""
    depot.feed()
    depot.cloud.staff.open_ticket("K-1", "s-1", by="desk")
    staff = depot.cloud.staff
    declared = staff._declared

    def closing(*asked: Any) -> Any:
        staff.close_ticket("K-1", by="desk")
        return declared(*asked)

    monkeypatch.setattr(staff, "_declared", closing)
    asked: dict[str, Any] = {"purposes": ["tracking"], "categories": ["position"], "by": HELPER, "ticket": "K-1"}
    with pytest.raises(Denied) as caught:
        staff.open(HELPER, "s-1", **asked)
    assert caught.value.reason is Reason.TICKET_MISSING
    assert depot.entries("access.refused")[-1]["reason"] == "ticket_missing"
    assert staff.grants("s-1") == []


@pytest.mark.parametrize("change", [{"closed_at": NOON}, {"subject": "s-2"}])
def test_a_grant_rests_on_its_ticket_at_each_use(depot: Depot, change: dict[str, Any]) -> None:
    """A grant that a closed or another person's ticket cannot carry is over, whatever its row says."""
    depot.feed()
    opened(depot)
    assert look(depot) == 20
    ticket = depot.cloud.database.ticket("K-1")
    assert ticket is not None
    depot.cloud.database.put_ticket(replace(ticket, **change))
    assert denied(depot) is Reason.GRANT_EXPIRED
