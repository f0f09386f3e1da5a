"""Reads of records on the record: under whose grant, in words the log takes, and before anybody learns what there is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_sync.errors import Denied, KeyDestroyed
from cloud_sync.model import Actor, Reason
from tests.unit.cloud_sync.disclosure.outlet_world import LEAD, ME, NOON, Depot, T


@pytest.fixture
def depot(tmp_path: Path) -> Iterator[Depot]:
    """An installation under the synthetic policy."""
    depot = Depot(tmp_path)
    yield depot
    depot.close()


def test_a_read_by_staff_carries_grant_and_ticket(depot: Depot) -> None:
    """The person sees for which case a record was opened, as with readings."""
    name = depot.cloud.records.put("billing", {"s-1": b"1 EUR"})
    depot.cloud.staff.open_ticket("K-1", "s-1", by="desk")
    grant = depot.cloud.staff.open(LEAD, "s-1", purposes=["invoicing"], categories=["billing"], by=LEAD, ticket="K-1")
    assert depot.cloud.records.read(name, actor=LEAD, purpose="invoicing", subject="s-1") == b"1 EUR"
    assert {"grant": grant.grant, "ticket": "K-1", "count": 1}.items() <= depot.entries("gate.allowed")[-1].items()
    depot.cloud.records.read(name, actor=ME, purpose="invoicing", subject="s-1")
    assert "grant" not in depot.entries("gate.allowed")[-1]


def test_a_denied_read_under_a_made_up_role_is_logged(depot: Depot) -> None:
    """Of readings and of records: the role that no policy knows is replaced by a word, and the denial stands in the log."""
    name = depot.cloud.records.put("billing", {"s-1": b"1 EUR"})
    stranger = Actor("x-1", "Jane Doe")
    for act in (
        lambda: depot.cloud.read_location(actor=stranger, purpose="tracking", subject="s-1", start=T, end=NOON),
        lambda: depot.cloud.records.read(name, actor=stranger, purpose="invoicing", subject="s-1"),
        lambda: depot.cloud.export(depot.directory / "copy", "s-1", actor=stranger),
    ):
        before = len(depot.entries("gate.denied"))
        with pytest.raises(Denied) as denied:
            act()
        assert denied.value.reason is Reason.ROLE_NOT_PERMITTED
        logged = depot.entries("gate.denied")[before:]
        assert [(each["role"], each["reason"]) for each in logged] == [("undeclared", "role_not_permitted")]


def test_a_denied_read_by_somebody_without_an_identifier_is_logged(depot: Depot) -> None:
    """The name of a person does not go into the log, and keeps nothing out of it."""
    with pytest.raises(Denied):
        depot.cloud.read_location(
            actor=Actor("Jane Doe", "planner"), purpose="dispatch", subject="s-1", start=T, end=NOON
        )
    entry = depot.cloud.audit.entries("s-1", "gate.denied")[-1].event
    assert (entry.actor, dict(entry.detail)["reason"]) == ("undeclared", "relation_missing")


def test_whether_there_is_a_record_is_told_to_those_who_may_read_it(depot: Depot) -> None:
    """Others get the denial that they get for one that exists, and it is logged; who may is told that it is gone, logged too."""
    name = depot.cloud.records.put("billing", {"s-1": b"1 EUR"})
    stranger = Actor("x-1", "third_party")
    for record in (name, "nope"):
        with pytest.raises(Denied) as denied:
            depot.cloud.records.read(record, actor=stranger, purpose="invoicing", subject="s-1")
        assert denied.value.reason is Reason.ROLE_NOT_PERMITTED
    assert len(depot.entries("gate.denied")) == 2
    assert depot.entries("gate.denied")[0] == depot.entries("gate.denied")[1]
    with pytest.raises(KeyDestroyed):
        depot.cloud.records.read("nope", actor=ME, purpose="invoicing", subject="s-1")
    assert {"count": 0, "category": "billing"}.items() <= depot.entries("gate.allowed")[-1].items()
