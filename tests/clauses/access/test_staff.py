"""Whom staff may see, for how long, for what; what the log says of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cloud_sync.audit import Verb, accesses
from cloud_sync.errors import AuditError
from cloud_sync.gate import MailClass
from cloud_sync.model import Actor
from cloud_sync.read.sources import LOCATION
from tests.clauses.access.access_world import let_in, only, put
from tests.clauses.clause import clause
from tests.clauses.made import CLERK, DAY, E1, E2, SERVICE, U1, U2, Made, World
from tests.unit.cloud_sync.disclosure.outlet_world import ListSink


@clause("CT-17", engine="logins")
def test_ct_17(made: Made) -> None:
    """U2 asks for U1's hundred rows: none, and one entry; the fifth time within a quarter of an hour locks U2 out of everything."""
    world = made.world("ct")
    tracker = world.tracker("u-1")
    world.yes("u-1", "private_tracking")
    world.later(hours=1)
    world.feed(tracker, count=100)
    for _ in range(4):
        with world.denies("role_not_permitted"):
            world.read(U2, "private_tracking")
    world.later(seconds=15 * 60 + 1)  # these four are too long ago to count
    for _ in range(5):
        assert world.logged("access.locked") == []
        with world.denies("role_not_permitted"):
            world.read(U2, "private_tracking")
    assert world.logged("access.locked", "u-2") == [{"count": 5}]
    with world.denies("token_locked"):
        world.read(U2, "private_tracking", subject="u-2")
    assert len(world.read(U1, "private_tracking")) == 100
    world.later(seconds=15 * 60)
    with world.denies("role_not_permitted"):
        world.read(U2, "private_tracking")


def _thirteen(world: World) -> None:
    """One call of each kind, about U1."""
    cloud, sink = world.cloud, ListSink()
    tracker = world.tracker("u-1")  # collect
    world.yes("u-1", "private_tracking", "sharing", "market_statistics")  # record
    world.later(hours=1)
    world.feed(tracker, count=20)
    cloud.relations.begin("p-1", "user", "u-1", by="u-1")  # organise
    record = put(world, "account", b"Havnegade 1")
    cloud.corrections.correct(record, b"Havnegade 2", actor=U1, purpose="account", subject="u-1")  # alter
    cloud.holds.place("CLAIM-1", by="c-1", review_at=world.now + 30 * DAY, subject="u-1")  # store
    cloud.export(world.folder / "copy", "u-1", actor=U1)  # retrieve
    world.read(U1, "private_tracking")  # consult
    cloud.mails.send(  # use
        actor=SERVICE,
        purpose="safety_notice",
        category="account",
        subject="u-1",
        content=[MailClass.SAFETY],
        hand_over=lambda: None,
    )
    cloud.sinks["chosen_service"] = sink
    whom = {"purpose": "sharing", "subject": "u-1", "recipient": "chosen_service"}
    cloud.disclosures.deliver(LOCATION, actor=CLERK, start=0, end=world.now, **whom)  # disclose
    day = int(world.now) // DAY
    hold = only(cloud.holds.in_force())
    cloud.holds.release(hold.hold_id, by="c-1", approved_by="dpo-1")
    world.later(days=31, hours=12)
    cloud.statistics.release(actor=SERVICE, purpose="market_statistics", first_day=day, days=1)  # combine
    cloud.restrictions.restrict("u-1", "accuracy_contested", by="u-1")  # block
    world.sweep()  # destroy
    cloud.erase(subject="u-1", start=world.now - DAY, end=world.now)  # erase


@clause("CT-24", engine="audit log")
def test_ct_24(made: Made) -> None:
    """Thirteen acts, each found by its verb; a fourteenth is rejected; after its own term the log names nobody."""
    term = 'legal_ref = "GDPR Art. 5(2)"\nretention = "P3{}"'
    world = made.world("ct", (term.format("Y"), term.format("M")))  # three months instead of three years: a short test
    _thirteen(world)
    log = world.cloud.audit
    assert [verb for verb in Verb if not log.entries(verb=verb)] == []
    assert len(Verb) == 13
    with pytest.raises(AuditError, match="no operation"):
        log.entries(verb="sell")
    with pytest.raises(AuditError, match="unknown kind"):
        log.record("data.sold", "c-1", "u-2")
    then = world.now
    assert [entry for entry in log.entries("u-1") if entry.event.at <= then]
    world.later(days=100)
    world.sweep()
    assert [entry for entry in log.entries("u-1") if entry.event.at <= then] == []
    assert not {entry.event.actor for entry in log.entries() if entry.event.at <= then} & {"u-1", "p-1", "c-1"}


@clause("CT-40", engine="audit log", left_out="that the portal's page shows it")
def test_ct_40(made: Made) -> None:
    """E1 corrects U1's address: the entry has who, for whom, by which ticket, and both hashes; U1 reads the new one."""
    world = made.world("ct")
    record = put(world, "account", b"Havnegade 1")
    corrections = world.cloud.corrections
    change = {"actor": E1, "purpose": "account", "subject": "u-1"}
    with world.denies("ticket_missing"):
        corrections.correct(record, b"Havnegade 2", **change)
    let_in(world, E1, purpose="account", category="account")
    done = corrections.correct(record, b"Havnegade 2", **change)
    entry = only(world.cloud.audit.entries("u-1", "record.corrected"))
    said = dict(entry.event.detail)
    assert (entry.event.actor, said["on_behalf_of"], said["ticket"], said["role"]) == ("e-1", "u-1", "K-1", "support")
    assert (said["before"], said["after"]) == (done.before, done.after)
    assert done.before == corrections.hash_of("u-1", b"Havnegade 1") != done.after
    assert done.after == corrections.hash_of("u-1", b"Havnegade 2")
    assert [(each.actor, each.ticket) for each in accesses(world.cloud.audit, "u-1") if each.action == "alter"] == [
        ("e-1", "K-1")
    ]
    world.later(seconds=60)
    assert world.cloud.records.read(record, actor=U1, purpose="account", subject="u-1") == b"Havnegade 2"


@clause("CT-41", engine="staff access")
def test_ct_41(made: Made) -> None:
    """E2 has no ticket and gets nothing; E1's grant is over after sixty minutes; who works for the customer is no staff."""
    world = made.world("ct")
    record = put(world, "support_case")
    ask = {"purpose": "support", "subject": "u-1"}
    let_in(world, E1, purpose="support", category="support_case")
    with world.denies("ticket_missing"):
        world.cloud.records.read(record, actor=E2, **ask)
    world.later(seconds=60 * 60 - 1)
    assert world.cloud.records.read(record, actor=E1, **ask)
    world.later(seconds=1)
    with world.denies("grant_expired"):
        world.cloud.records.read(record, actor=E1, **ask)
    with world.denies("role_not_permitted"):  # the provider's staff, and who works for the customer, are two roles
        world.cloud.records.read(record, actor=replace(E1, role="managed_user"), **ask)


@clause("CT-42", engine="gate")
def test_ct_42(made: Made) -> None:
    """E1 for product statistics: counts of twenty people and more, and no row of anybody: nobody reads for that purpose."""
    world = made.world("ct")
    seen = int(world.now) // DAY
    world.later(hours=1)
    for person in range(23):
        subject = f"u-{person}"
        tracker = world.tracker(subject)
        world.yes(subject, "product_statistics")
        time = int(world.now) + 60
        place = (556_760_980, 125_683_370) if person < 20 else (600_000_000, 100_000_000)
        world.take(tracker, tracker.fixes([time], precision=4, place=place, epoch=seen))
    world.later(hours=1)
    e1 = Actor("e-1", "staff", mfa=True)
    with world.denies("role_not_permitted"):
        world.read(e1, "product_statistics")
    world.later(days=31)
    release = world.cloud.statistics.release(actor=e1, purpose="product_statistics", first_day=seen, days=1)
    assert [cell.people for cell in release.cells] == [20]
