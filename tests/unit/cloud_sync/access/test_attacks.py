"""Ways to turn what guards people against them: lock-outs in another's name, sessions under another role, evidence rewritten."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.access import Attested
from cloud_sync.audit import Kind
from cloud_sync.errors import ConfigError, Denied
from cloud_sync.model import Action, Actor, AuditEvent, Reason
from tests.properties.gate_policies import SYNTHETIC
from tests.unit.cloud_sync.disclosure.outlet_world import HELPER, ME, NOON, Depot, evidence

OTHER = Actor("s-2", "data_subject")


def looks(depot: Depot, actor: Actor, subject: str = "s-1") -> object:
    """Why a person's places are not shown; None where they are."""
    try:
        depot.cloud.read_location(actor=actor, purpose="tracking", subject=subject, start=0, end=NOON)
    except Denied as denied:
        return denied.reason
    return None


def fails(depot: Depot, account: str, times: int) -> list[str]:
    """So many tries to log in under a name, without any factor."""
    reasons = []
    for _ in range(times):
        with pytest.raises(Denied) as denied:
            depot.cloud.logins.login(account, factors=0, machine="laptop-1")
        reasons.append(str(denied.value.reason))
    return reasons


def reopen(depot: Depot) -> None:
    """Another process takes over."""
    depot.cloud.close()
    depot.cloud = depot.open()


def test_nobody_locks_a_person_out_by_failing_in_their_name(depot: Depot) -> None:
    """At the staff's door there is no such account, however often; the person looks, and logs in."""
    assert looks(depot, ME) is None
    assert fails(depot, ME.id, 8) == ["account_unknown"] * 8
    assert looks(depot, ME) is None
    assert depot.cloud.logins.person(ME.id, factors=1).actor.id == ME.id
    assert depot.entries("access.locked") == []


def test_a_flood_at_the_door_ends_no_work_inside(depot: Depot) -> None:
    """The door is shut to the account; a grant that is open goes on, and what is refused at the gate shuts both."""
    depot.cloud.logins.enlist("e-1", "support", by="lead-1")
    depot.cloud.logins.attest("e-1", Attested.UNDERTAKING, by="lead-1")
    depot.cloud.logins.attest("e-1", Attested.TRAINING, by="lead-1")
    depot.cloud.logins.attest_machine("laptop-1", by="lead-1")
    assert fails(depot, "e-1", 6) == ["mfa_missing"] * 5 + ["token_locked"]
    assert looks(depot, HELPER) is Reason.TICKET_MISSING
    depot.clock.at += 15 * 60
    assert depot.cloud.logins.login("e-1", factors=2, machine="laptop-1").id == "e-1"
    assert [looks(depot, HELPER) for _ in range(6)][4:] == [Reason.TICKET_MISSING, Reason.TOKEN_LOCKED]
    assert fails(depot, "e-1", 1) == ["token_locked"]


def test_tries_at_the_door_count_over_a_restart(depot: Depot) -> None:
    """Four, then a new process: the fifth shuts the door, and only the door; the next process knows that too."""
    depot.cloud.logins.enlist("e-1", "support", by="lead-1")
    fails(depot, "e-1", 4)
    reopen(depot)
    assert fails(depot, "e-1", 2) == ["mfa_missing", "token_locked"]
    reopen(depot)
    assert fails(depot, "e-1", 1) == ["token_locked"]
    assert not depot.cloud.lockout.locked("e-1")


def test_an_export_is_one_attempt_after_a_restart_too(depot: Depot) -> None:
    """It asks about each category at once; a new process counts it as the one before did."""
    about = (("action", Action.EXPORT.value), ("reason", "role_not_permitted"), ("role", "data_subject"))
    for _ in range(5):
        depot.cloud.audit.append(AuditEvent(Kind.GATE_DENIED.value, depot.clock.at, OTHER.id, "s-1", about))
    reopen(depot)
    assert [looks(depot, OTHER) for _ in range(5)] == [Reason.ROLE_NOT_PERMITTED] * 4 + [Reason.TOKEN_LOCKED]


def test_whoever_asked_as_support_is_not_let_in_as_staff(depot: Depot) -> None:
    """A person accepts whom they were asked by; unchanged it opens."""
    depot.cloud.staff.open_ticket("K-1", "s-1", by="desk")
    what = {"ticket": "K-1", "purpose": "diagnosis", "category": "status"}
    session = depot.cloud.help.ask(HELPER, "s-1", **what).session
    with pytest.raises(ConfigError, match="another helper's"):
        depot.cloud.help.accept(session, person=ME, helper=replace(HELPER, role="staff"))
    assert depot.cloud.help.accept(session, person=ME, helper=HELPER).role == "support"


def test_what_is_held_for_a_claim_is_rewritten_by_nobody(depot: Depot) -> None:
    """Neither the person nor staff change evidence; what is not held they do, and what was held once it is released."""
    depot.cloud.consent.give("s-1", "marketing", evidence())
    contact = depot.cloud.records.put("contact", {"s-1": b"old"})
    change: dict[str, Any] = {"actor": ME, "purpose": "marketing", "subject": "s-1"}
    held = depot.cloud.holds.place("CLAIM-1", by="c-1", review_at=depot.clock.at + 86_400, subject="s-1")
    with pytest.raises(Denied) as denied:
        depot.cloud.corrections.correct(contact, b"new", **change)
    assert denied.value.reason is Reason.ACTION_NOT_PERMITTED
    assert depot.cloud.records.read(contact, **change) == b"old"
    assert [entry["reason"] for entry in depot.entries("gate.denied")] == ["action_not_permitted"]
    depot.cloud.holds.release(held.hold_id, by="c-1", approved_by="dpo-1")
    assert depot.cloud.corrections.correct(contact, b"new", **change).record == contact


def test_no_other_purpose_makes_an_invoice_ones_own(tmp_path: Path) -> None:
    """Where a category serves a purpose of the person's too, what a law wants kept stays as it is; the no is in the log."""
    rule = next(part for part in SYNTHETIC.split("[[rule]]") if '"contact"' in part and '"marketing"' in part)
    depot = Depot(tmp_path, f"{SYNTHETIC}\n[[rule]]{rule.replace('contact', 'billing').replace('email', 'amount')}")
    depot.cloud.consent.give("s-1", "marketing", evidence())
    invoice = depot.cloud.records.put("billing", {"s-1": b"old"})
    change: dict[str, Any] = {"actor": ME, "purpose": "marketing", "subject": "s-1"}
    assert depot.cloud.records.read(invoice, **change) == b"old"
    with pytest.raises(Denied) as denied:
        depot.cloud.corrections.correct(invoice, b"new", **change)
    assert denied.value.reason is Reason.ACTION_NOT_PERMITTED
    assert [entry["reason"] for entry in depot.entries("gate.denied")] == ["action_not_permitted"]
    depot.close()


def test_a_probe_or_a_bell_that_breaks_does_not_end_the_watch(depot: Depot) -> None:
    """A probe that raises anything has failed; whoever hears of it is told of the rest though another bell is broken."""

    def broken(*_: object) -> bool:
        raise OSError("gone")

    heard: list[str] = []
    depot.cloud.watch.probes["door"] = broken
    depot.cloud.watch.tell(broken)
    depot.cloud.watch.tell(lambda alarm: heard.append(alarm.probe))
    depot.cloud.watch.look()
    assert "door" in heard and "door" in depot.cloud.watch.failing()


def test_a_session_that_was_declined_is_not_accepted_later(depot: Depot) -> None:
    """Whoever ends a question before its answer has answered it; the helper asks anew, and that can be accepted."""
    depot.cloud.staff.open_ticket("K-1", "s-1", by="desk")
    what = {"ticket": "K-1", "purpose": "diagnosis", "category": "status"}
    session = depot.cloud.help.ask(HELPER, "s-1", **what).session
    depot.cloud.help.end(session, subject="s-1", by="s-1")
    depot.cloud.help.end(session, subject="s-1", by="s-1")
    with pytest.raises(ConfigError, match="the helper asks again"):
        depot.cloud.help.accept(session, person=ME, helper=HELPER)
    assert depot.cloud.staff.grants("s-1") == []
    assert len(depot.entries("help.ended")) == 1
    again = depot.cloud.help.ask(HELPER, "s-1", **what).session
    assert depot.cloud.help.accept(again, person=ME, helper=HELPER).staff == "e-1"


def test_a_persons_own_tries_lock_nobody_out(tmp_path: Path) -> None:
    """Where two factors are asked for: six tries with one are refused, and whoever has both comes in at once."""
    depot = Depot(tmp_path, SYNTHETIC.replace("[access]\n", '[access]\nuser_mfa = "required"\n'))
    for _ in range(6):
        with pytest.raises(Denied) as denied:
            depot.cloud.logins.person(ME.id, factors=1)
        assert denied.value.reason is Reason.MFA_MISSING
    assert depot.cloud.logins.person(ME.id, factors=2).actor.mfa
    assert len(depot.entries("login.refused")) == 6 and depot.entries("access.locked") == []
    depot.close()
