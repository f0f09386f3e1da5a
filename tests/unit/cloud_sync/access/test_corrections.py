"""Corrections: who may, what the log says, and that nobody can guess the old value from it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from cloud_sync.errors import ConfigError, Denied, KeyDestroyed
from cloud_sync.model import Actor, Reason
from tests.unit.cloud_sync.disclosure.outlet_world import LEAD, ME, Depot, evidence

WHAT: dict[str, Any] = {"purpose": "invoicing", "subject": "s-1"}


def test_staff_correct_under_a_ticket_and_the_old_value_is_gone(depot: Depot) -> None:
    """Read as corrected; the entry has hashes that only the person's key makes, and an erasure takes the key."""
    record = depot.cloud.records.put("billing", {"s-1": b"Havnegade 1", "s-2": b"the other's"})
    depot.cloud.staff.open_ticket("K-1", "s-1", by="desk")
    depot.cloud.staff.open(LEAD, "s-1", purposes=["invoicing"], categories=["billing"], by=LEAD, ticket="K-1")
    done = depot.cloud.corrections.correct(record, b"Havnegade 2", actor=LEAD, **WHAT)
    assert depot.cloud.records.read(record, actor=LEAD, **WHAT) == b"Havnegade 2"
    parts = {part.subject: part for part in depot.cloud.database.parts(record)}
    assert set(parts) == {"s-1", "s-2"}
    [entry] = depot.entries("record.corrected")
    assert (entry["before"], entry["after"], entry["ticket"]) == (done.before, done.after, "K-1")
    assert done.before != hashlib.sha256(b"Havnegade 1").hexdigest()
    assert depot.cloud.corrections.hash_of("s-1", b"Havnegade 1") == done.before
    depot.cloud.erase(subject="s-1")
    assert depot.cloud.corrections.hash_of("s-1", b"Havnegade 1") != done.before
    assert depot.entries("record.corrected") == []


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"actor": replace(LEAD, id="e-8")}, Denied),
        ({"actor": Actor("s-2", "data_subject")}, Denied),
        ({"subject": "s-2"}, Denied),
        ({"content": b"x" * (16 * 2**20 + 1)}, ConfigError),
    ],
)
def test_one_change_and_nothing_is_corrected(depot: Depot, change: dict[str, Any], error: type[Exception]) -> None:
    """Another member of the staff, another person, too much of it; unchanged it is taken."""
    record = depot.cloud.records.put("billing", {"s-1": b"Havnegade 1"})
    depot.cloud.staff.open_ticket("K-1", "s-1", by="desk")
    depot.cloud.staff.open(LEAD, "s-1", purposes=["invoicing"], categories=["billing"], by=LEAD, ticket="K-1")
    right = {"content": b"Havnegade 2", "actor": LEAD, **WHAT}
    with pytest.raises(error):
        depot.cloud.corrections.correct(record, **{**right, **change})
    assert depot.cloud.records.read(record, actor=LEAD, **WHAT) == b"Havnegade 1"
    assert depot.cloud.corrections.correct(record, **right).record == record


def test_who_only_sees_changes_nothing_and_what_is_gone_is_gone(depot: Depot) -> None:
    """An auditor reads; a record that is not there is corrected by nobody."""
    record = depot.cloud.records.put("billing", {"s-1": b"Havnegade 1"})
    with pytest.raises(KeyDestroyed):
        depot.cloud.corrections.correct("no-such", b"x", actor=ME, **WHAT)
    viewer = Actor("c-1", "controller")
    with pytest.raises(Denied) as denied:
        depot.cloud.corrections.correct(record, b"x", actor=viewer, **WHAT)
    assert denied.value.reason is Reason.ROLE_NOT_PERMITTED


def test_a_person_corrects_what_is_theirs_and_no_invoice(depot: Depot) -> None:
    """An address at once; what a law wants kept by a case."""
    depot.cloud.consent.give("s-1", "marketing", evidence())
    contact = depot.cloud.records.put("contact", {"s-1": b"old@mail.example"})
    invoice = depot.cloud.records.put("billing", {"s-1": b"100 EUR"})
    change: dict[str, Any] = {"actor": ME, "subject": "s-1"}
    assert (
        depot.cloud.corrections.correct(contact, b"new@mail.example", purpose="marketing", **change).record == contact
    )
    with pytest.raises(Denied) as denied:
        depot.cloud.corrections.correct(invoice, b"1 EUR", purpose="invoicing", **change)
    assert denied.value.reason is Reason.ACTION_NOT_PERMITTED
    assert len(depot.entries("record.corrected")) == 1
