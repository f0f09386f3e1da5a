"""Tickets, grants, relations, approvals, deliveries and links: the same rows on every engine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cloud_sync.errors import StoreError
from cloud_sync.model import EnvelopeId
from cloud_sync.model.access import AlertLink, Approval, Cursor, Delivery, DeliveryState, Relation, StaffGrant, Ticket
from cloud_sync.stores import Database

TICKET = Ticket("K-1", "s-1", 1.5)
GRANT = StaffGrant("g-1", "e-1", "support", "s-1", frozenset({"b", "a"}), frozenset({"c"}), "K-1", "e-9", 2.5, 3.5)
DELIVERY = Delivery("d-1", "carrier", "tracking", "location", "s-1", "c-1", 0.5, 9.5, "order 7", b"\x00\xff", 4.5)
LINK = AlertLink("l-1", "s-1", "theft_alarm", "motion", 0.5, 1.5, 2.5, 3.5)


def fill(database: Database) -> None:
    """One of each about s-1, and one about s-2."""
    for subject in ("s-1", "s-2"):
        mark = subject[-1]
        database.put_ticket(replace(TICKET, ticket=f"K-{mark}", subject=subject))
        database.put_grant(replace(GRANT, grant=f"g-{mark}", subject=subject, ticket=f"K-{mark}"))
        database.put_relation(Relation("p-1", "planner", subject, 1.0))
        database.put_approval(Approval("order 7", "police", subject, "d-1", 1.0, "legal_reporting", 0.0, 9.0))
        database.put_delivery(replace(DELIVERY, delivery=f"d-{mark}", subject=subject))
        database.put_alert(replace(LINK, link=f"l-{mark}", subject=subject))


def test_every_row_comes_back_as_it_went_in(database: Database) -> None:
    """And is replaced by its key; what is not there is None."""
    fill(database)
    assert (database.ticket("K-1"), database.ticket("K-9")) == (TICKET, None)
    assert (database.grant("g-1"), database.grant("g-9")) == (GRANT, None)
    assert (database.delivery("d-1"), database.delivery("d-9")) == (DELIVERY, None)
    assert (database.alert("l-1"), database.alert("l-9")) == (LINK, None)
    last = Cursor(EnvelopeId("a" * 16, 0, 1, 20_500, 7), 1_771_200_000.25, 1_771_200_060, 65_537)
    ended = replace(
        DELIVERY, state=DeliveryState.DONE, parts=3, count=1200, commitment="ab" * 32, last=last, ended_at=5.5
    )
    closed = replace(TICKET, closed_at=9.0)
    database.put_delivery(ended)
    database.put_ticket(closed)
    database.put_grant(replace(GRANT, ends_at=2.5))
    assert (database.delivery("d-1"), database.ticket("K-1")) == (ended, closed)
    assert database.grants_of_ticket("K-1") == [replace(GRANT, ends_at=2.5)]


def test_grants_come_newest_first_and_of_one_member_of_the_staff(database: Database) -> None:
    """Of a person, whoever was let in; or of these two alone."""
    newer, other = replace(GRANT, grant="g-2", opened_at=9.0), replace(GRANT, grant="g-3", staff="e-2", opened_at=5.0)
    for grant in (GRANT, newer, other):
        database.put_grant(grant)
    assert database.grants("s-1") == [newer, other, GRANT]
    assert database.grants("s-1", "e-1") == [newer, GRANT]
    assert database.grants("s-2") == []


def test_a_relation_is_there_once_and_goes(database: Database) -> None:
    """The second beginning changes nothing; the role is part of it."""
    database.put_relation(Relation("p-1", "planner", "s-1", 1.0))
    database.put_relation(Relation("p-1", "planner", "s-1", 2.0))
    assert database.relations("s-1") == [Relation("p-1", "planner", "s-1", 1.0)]
    assert database.relation("p-1", "parent", "s-1") is None
    assert database.remove_relation("p-1", "planner", "s-1") == 1
    assert database.remove_relation("p-1", "planner", "s-1") == 0


def test_approvals_are_of_one_disclosure_and_one_a_person(database: Database) -> None:
    """Another reference, recipient or person is another disclosure."""
    for approver, at in (("d-2", 1.0), ("d-1", 2.0), ("d-1", 3.0)):
        database.put_approval(Approval("order 7", "police", "s-1", approver, at, "legal_reporting", 0.0, 9.0))
    assert [(each.approver, each.at) for each in database.approvals("order 7", "police", "s-1")] == [
        ("d-1", 3.0),
        ("d-2", 1.0),
    ]
    for other in (("order 8", "police", "s-1"), ("order 7", "carrier", "s-1"), ("order 7", "police", "s-2")):
        assert database.approvals(*other) == []


def test_a_person_is_forgotten_and_nobody_else(database: Database) -> None:
    """Every row that names them, as the one who is seen or the one who sees."""
    fill(database)
    database.put_relation(Relation("s-1", "parent", "s-2", 1.0))
    assert database.forget_access("s-1") == 7
    assert (database.ticket("K-1"), database.grants("s-1"), database.deliveries("s-1"), database.alert("l-1")) == (
        None,
        [],
        [],
        None,
    )
    assert [each.actor for each in database.relations("s-2")] == ["p-1"]
    assert database.delivery("d-2") and database.ticket("K-2") and database.alert("l-2")


def test_all_access_closes_and_deliveries_stay(database: Database) -> None:
    """After a restore: nobody is let in, and what was told is still known."""
    fill(database)
    assert database.close_access() == 10
    assert (database.grants("s-1"), database.relations("s-2"), database.ticket("K-1")) == ([], [], None)
    assert len(database.deliveries("s-1")) == 1


def test_ended_links_go(database: Database) -> None:
    """Those whose time is over, and no other."""
    database.put_alert(LINK)
    database.put_alert(replace(LINK, link="l-2", ends_at=4.5))
    assert database.remove_alerts(3.5) == 1
    assert (database.alert("l-1"), bool(database.alert("l-2"))) == (None, True)


def test_a_delivery_is_undone_with_its_transaction(database: Database) -> None:
    """As everything in this store."""
    with pytest.raises(StoreError), database.transaction():
        database.put_delivery(DELIVERY)
        raise StoreError("cut")
    assert database.delivery("d-1") is None
