"""Terms and erasure that Copenhagen Trackers and CargoTrack promise."""

from __future__ import annotations

from itertools import product

import pytest

from cloud_sync.audit import verify
from cloud_sync.errors import ConfigError, Denied, KeyDestroyed
from cloud_sync.ingest.outcome import Kind
from cloud_sync.model import Actor, Precision
from cloud_sync.policy import Clock
from tests.clauses.clause import clause
from tests.clauses.made import E1, HERE, LEAD, PROFILES, T0, U1, H, Made, at
from tests.clauses.retention.retention_world import (
    after_noon,
    at_noon,
    begun,
    ended,
    hours,
    left,
    other_term,
    put,
    refused,
    rule_text,
)


@clause("CT-14", engine="sweep")
def test_ct_14(made: Made) -> None:
    """A category without a term refuses the file; a row of ninety days is gone one sweep later, from its capture: one that was
    queued for a hundred days is not stored at all.
    """
    said = refused(made, "ct", other_term("ct", "motion", None))
    assert "retention: a category without a finite term" in said
    world = made.world("ct", start=T0 - hours(2))
    tracker = world.tracker()
    world.clock.at = T0
    world.feed(tracker, 20)
    world.later(days=90, hours=-1)
    world.cloud.sweep(clock_confirmed=True)
    assert world.rows() == 1
    world.sweep()
    assert world.rows() == 0
    other = made.world("ct", start=T0 - hours(2))
    tracker = other.tracker()
    queued = tracker.fixes([int(T0)], precision=Precision.EXACT, place=HERE)
    other.clock.at = T0 + 99 * 86_400
    other.cloud.sweep(clock_confirmed=True)
    other.later(days=1)
    [outcome] = other.take(tracker, queued)
    assert outcome.kind in (Kind.EXPIRED, Kind.CLOSED) and other.rows() == 0


@clause("CT-37", engine="erasure", left_out="the portal's button")
def test_ct_37(made: Made) -> None:
    """The person deletes everything at T0: nothing is left, one entry of the log stands for it, and the receipt names the last day
    of any backup. Tombstones are one a stream, of a person more than one; all are of this erasure.
    """
    world = made.world("ct", start=T0 - hours(2))
    tracker = world.tracker()
    put(world, "account")
    world.clock.at = T0
    world.feed(tracker, 20)
    case = world.cloud.rights.open("u-1", "erasure", received_at=T0, channel="portal", by="u-1", login=U1).cases[0]
    world.cloud.rights.decide(case.case_id, "granted", by="dpo-1")
    receipt = world.cloud.rights.carry.erase(case.case_id, by="u-1")
    world.sweep()
    assert world.rows() == 0 and left(world) == 0
    assert [entry["tombstone"] in receipt.tombstones for entry in world.logged("erasure.done")] == [True]
    assert len(receipt.tombstones) == len(set(receipt.tombstones)) == world.cloud._tombstones.count()
    assert "the last one is gone on 2026-02-14" in receipt.text()


@clause("CG-06", engine="lawful-rest")
def test_cg_06(made: Made) -> None:
    """A sale of May outlives the account, for the books alone, until its own term; a card's number is not taken at all."""
    world = made.world("cg", start=at("2026-05-10T10:00"))
    begun(world)
    other = put(world, "identity")
    sale = put(world, "transactions", b"one tracker, 99 EUR, token tok_81", events={Clock.INVOICE_ISSUED: world.now})
    with pytest.raises(Denied) as denied:
        put(world, "transactions", b"one tracker, 99 EUR, 4111 1111 1111 1111")
    assert str(denied.value.reason) == "content_forbidden"
    world.later(days=30)
    ended(world, kind=Clock.ACCOUNT_CLOSED)
    receipt = world.cloud.erase(subject="u-1")
    kept = [(part.record_id, part.ground) for part in world.cloud.records.of("u-1")]
    assert kept == [(sale, "legal_obligation")] and other != sale
    assert any("transactions" in each.what and "legal" in each.why for each in receipt.kept)
    with pytest.raises(Denied):
        world.cloud.records.read(sale, actor=Actor("c-1", "controller", mfa=True), purpose="order", subject="u-1")
    at_noon(world, "2031-12-31")
    assert left(world) == 1
    after_noon(world, "2032-01-01")
    assert left(world) == 0


@clause("CG-25", engine="clocks")
def test_cg_25(made: Made) -> None:
    """A flag against somebody names its case or is not kept; a year after the case is closed it is gone."""
    world = made.world("cg")
    flag = {"name": "A", "score": "high"}
    with pytest.raises(Denied):
        world.cloud.intake.take("risk", flag, subject="u-1", source="support")
    assert left(world) == 0
    begun(world)
    name = world.cloud.intake.take("risk", {**flag, "case": "CASE-7"}, subject="u-1", source="support")
    world.later(days=60)
    world.cloud.records.note(Clock.CASE_CLOSED, record=name)
    at_noon(world, "2027-03-15")
    assert left(world, "risk") == 1
    after_noon(world, "2027-03-16")
    assert left(world, "risk") == 0


@clause("CG-38", engine="erasure")
def test_cg_38(made: Made) -> None:
    """An erasure is granted at T0: one sweep later nothing is left of positions, records, events, places that were read, and
    indexes; another person's stay.
    """
    world = made.world("cg", start=T0 - hours(2))
    mine, theirs = world.tracker(), world.tracker("u-2")
    begun(world)
    put(world, "user_content")
    put(world, "user_content", subject="u-2")
    world.clock.at = T0
    world.feed(mine, 20)
    world.feed(theirs, 20)
    world.take(mine, mine.motion([(int(T0), 1)]))
    live = world.cloud.live_location(actor=U1, purpose="tracking", subject="u-1")
    assert len(world.read(U1, "tracking")) == 20
    world.cloud.erase(subject="u-1", actor="dpo-1")
    world.sweep()
    database, [device] = world.cloud.database, world.cloud.database.devices_of("u-1")
    assert [database.envelopes(device.device, stream, 0, 10**5) for stream in (1, 2, 3)] == [[], [], []]
    assert left(world) == 0 and database.clock_events("subject", "u-1") == []
    assert world.cloud._store.leaves(device.device, 1, 0, 10**5) == []
    assert live.take(0) is None
    assert [entry.event.kind for entry in world.cloud.audit.entries("u-1")] == []
    assert len(world.read(Actor("u-2", "data_subject"), "tracking", subject="u-2")) == 20
    assert left(world, subject="u-2") == 1


@clause("CG-68", engine="terms-lint")
def test_cg_68(made: Made) -> None:
    """Each category has a finite term and a clock by name, and each one that lacks either refuses the whole file."""
    policy = made.world("cg").cloud.policy
    assert all(rule.retention.longest_s < 10 * 366 * 86_400 and rule.clock in Clock for rule in policy.rules)
    for category in ("warranty", "feedback"):
        assert "retention: a category without a finite term" in refused(made, "cg", other_term("cg", category, None))
    rule = rule_text("cg", "loyalty")
    without = "\n".join(line for line in rule.split("\n") if not line.startswith("clock"))
    assert "clock: a term without the event that starts it" in refused(made, "cg", (rule, without))
    assert "retention" in refused(made, "cg", other_term("cg", "loyalty", "for ever"))


@clause("CG-70", engine="clocks")
def test_cg_70(made: Made) -> None:
    """A hundred rows kept for services to come, a purpose that nobody ever concludes: at the end of a year none is left."""
    rule = rule_text("cg", "feedback")
    wish = (rule, rule.replace('"record.created"', '"purpose.concluded"'))
    times = (PROFILES / "cg.toml").read_text("utf-8").count('"service_improvement"')
    world = made.world("cg", wish, *[('"service_improvement"', '"new_services"')] * times)
    begun(world)
    for n in range(100):
        put(world, "feedback", subject=f"u-{n}")
    database = world.cloud.database
    at_noon(world, "2027-01-14")
    assert len(database.parts_after(("", ""), 200)) == 100
    after_noon(world, "2027-01-15")
    assert database.parts_after(("", ""), 200) == []


@clause("CG-71", engine="clocks")
def test_cg_71(made: Made) -> None:
    """A year after the last interaction; a login in June begins it anew, a frame of a tracker does not."""
    tracked, logged_in = made.world("cg"), made.world("cg")
    for world in (tracked, logged_in):
        put(world, "contact")
        world.cloud.records.note(Clock.LAST_INTERACTION, subject="u-1", source="order")
    logged_in.clock.at = at("2026-06-01T12:00")
    logged_in.cloud.records.note(Clock.LAST_INTERACTION, subject="u-1", source="login")
    tracked.clock.at = at("2027-01-13T12:00")
    tracker = tracked.tracker()
    tracked.later(hours=1)
    tracked.feed(tracker, 1)
    with pytest.raises(ConfigError):
        tracked.cloud.records.note(Clock.LAST_INTERACTION, subject="u-1", source="telemetry")
    at_noon(tracked, "2027-01-14")
    assert left(tracked, "contact") == 1
    for world in (tracked, logged_in):
        after_noon(world, "2027-01-15")
    assert (left(tracked, "contact"), left(logged_in, "contact")) == (0, 1)
    at_noon(logged_in, "2027-05-31")
    assert left(logged_in, "contact") == 1
    after_noon(logged_in, "2027-06-01")
    assert left(logged_in, "contact") == 0


@clause("CG-72", engine="sweep")
def test_cg_72(made: Made) -> None:
    """Purpose and duty have ended: the row is gone with the next sweep, its key is destroyed, and the log has the act."""
    world = made.world("cg", start=at("2025-01-15T12:00"))
    name = put(world, "warranty", b"serial 4")
    world.cloud.records.note(Clock.CASE_CLOSED, record=name)
    world.clock.at = T0 - hours(1)
    world.cloud.sweep(clock_confirmed=True)
    assert left(world) == 1 and world.cloud._store.record_key(name, "u-1") is not None
    before = len(world.logged("retention.swept"))
    world.sweep()
    assert left(world) == 0 and world.cloud._store.record_key(name, "u-1") is None
    with pytest.raises(KeyDestroyed):
        world.cloud.records.read(name, actor=U1, purpose="warranty", subject="u-1")
    [swept] = world.logged("retention.swept")[before:]
    assert swept["records"] == 1
    index = world.cloud.audit.entries(kind="retention.swept")[-1].index
    verify(world.cloud.audit.prove(index), world.cloud.audit.checkpoint(), world.cloud.audit.public_key)


@clause("CG-75", engine="clocks")
def test_cg_75(made: Made) -> None:
    """An application is gone after three years; from the first day to the last nobody else reads it, a ticket or none."""
    world = made.world("cg")
    name = put(world, "applicant", b"a letter", events={Clock.APPLICATION_SUBMITTED: T0})
    world.cloud.staff.open_ticket("TK-1", "u-1", by="desk")

    def readers() -> list[str]:
        found = []
        others = (H, Actor("h-1", "account_holder", mfa=True), E1, LEAD, Actor("d-1", "dpo", mfa=True))
        for actor, purpose in product((U1, *others), ("recruiting", "support", "order")):
            try:
                world.cloud.records.read(name, actor=actor, purpose=purpose, subject="u-1")
            except Denied:
                continue
            found.append(f"{actor.id}: {purpose}")
        return found

    assert readers() == ["u-1: recruiting"]
    at_noon(world, "2029-01-14")
    assert left(world) == 1 and readers() == ["u-1: recruiting"]
    after_noon(world, "2029-01-15")
    assert left(world) == 0
