"""The clocks of Mobilize Me: three months, a year, five years, thirty days, and thirteen months for the last trace."""

from __future__ import annotations

import pytest

from cloud_sync.errors import Denied
from cloud_sync.ingest.outcome import Kind
from cloud_sync.policy import Clock
from tests.clauses.clause import clause
from tests.clauses.made import DAY, T0, U1, U2, Made, P, at
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
)


@clause("MM-10", engine="clocks")
def test_mm_10(made: Made) -> None:
    """An event of 15 January is there fourteen months less a day later, and gone with the sweep after; of whoever has left it goes
    with the cap of the same policy.
    """
    world = made.world("mm")
    for subject in ("u-1", "u-2"):
        begun(world, subject)
        world.yes(subject, "product_statistics")
        put(world, "analytics", subject=subject)
    ended(world, "u-2")
    at_noon(world, "2027-01-15")
    assert (left(world), left(world, subject="u-2")) == (1, 1)
    after_noon(world, "2027-01-16")
    assert (left(world), left(world, subject="u-2")) == (1, 0)
    at_noon(world, "2027-03-14")
    assert left(world) == 1
    after_noon(world, "2027-03-15")
    assert left(world) == 0


@clause("MM-18", engine="clocks")
def test_mm_18(made: Made) -> None:
    """A question of December, its case closed in January: a year from there."""
    world = made.world("mm", start=at("2025-12-01T12:00"))
    begun(world)
    name = put(world, "support_case")
    world.clock.at = T0
    world.cloud.records.note(Clock.CASE_CLOSED, record=name)
    at_noon(world, "2027-01-14")
    assert left(world) == 1
    after_noon(world, "2027-01-15")
    assert left(world) == 0


@clause("MM-30", engine="erasure", left_out="the chat's own interface")
def test_mm_30(made: Made) -> None:
    """U1 is erased: their messages are blank and their images gone, the small ones too; of the same talk U2's part stays."""
    world = made.world("mm")
    for subject in ("u-1", "u-2"):
        begun(world, subject)
    talk = world.cloud.records.put("chat", {"u-1": b"see you at five", "u-2": b"fine"})
    images = [put(world, "chat_image", size) for size in (b"image", b"thumbnail")]
    world.cloud.erase(subject="u-1")
    world.sweep()
    database, keys = world.cloud.database, world.cloud._store
    assert [part.subject for part in database.parts(talk)] == ["u-2"] and left(world) == 0
    assert [database.parts(image) for image in images] == [[], []]
    assert keys.record_keys(("", ""), 10) == [(talk, "u-2")]
    read = {"actor": U2, "purpose": "communication", "subject": "u-2"}
    assert world.cloud.records.read(talk, **read) == b"fine"  # type: ignore[arg-type]


@clause("MM-36", engine="leave")
def test_mm_36(made: Made) -> None:
    """The registration ended at T0: a frame of a second later is not stored, whether its device has heard of it or not."""
    world = made.world("mm", start=T0 - hours(2))
    begun(world)
    tracker = world.tracker()
    world.clock.at = T0
    assert world.take(tracker, tracker.environment([(int(T0), 215, 100)]))[0].kind is Kind.STORED
    ended(world)
    rows = world.rows()
    world.later(seconds=60)
    unaware, aware = (tracker.environment([(int(T0) + 1, 215, 100)], version=n) for n in (1, 2))
    kinds = [outcome.kind for outcome in world.take(tracker, unaware, aware)]
    assert kinds == [Kind.DENIED, Kind.DENIED] and world.rows() == rows
    assert [(entry["reason"], entry["count"]) for entry in world.logged("ingest.refused")] == [("contract_ended", 2)]


@clause("MM-38", engine="clocks")
def test_mm_38(made: Made) -> None:
    """An invoice of May goes five years from the end of its financial year, whenever the account went; no other category may have
    that term.
    """
    said = refused(made, "mm", other_term("mm", "application", "P5Y"))
    assert "P5Y is a term for billing only" in said
    world = made.world("mm", start=at("2026-05-10T12:00"))
    begun(world)
    put(world, "invoice", events={Clock.INVOICE_ISSUED: world.now})
    put(world, "application")
    world.later(days=30)
    ended(world)
    world.cloud.erase(subject="u-1")
    assert [part.category for part in world.cloud.records.of("u-1")] == ["invoice"]
    at_noon(world, "2031-12-31")
    assert left(world) == 1
    world.clock.at = at("2031-12-31T23:00")  # midnight in Copenhagen
    world.sweep()
    assert left(world) == 0


@clause("MM-39", engine="sweep")
def test_mm_39(made: Made) -> None:
    """Four hundred daily lines that end on 15 January: the sweep of 13:00 takes those of a year, and nobody asks it to."""
    world = made.world("mm", start=T0 + hours(1))
    begun(world)
    with world.cloud.database.transaction():
        for n in range(400):
            world.cloud.records.put("log", {"u-1": b"restart 4"}, created_at=T0 - n * DAY)
    world.cloud.start()  # the service sweeps by itself, at once and then hourly
    world.cloud.stop()
    stay = [part.created_at for part in world.cloud.records.of("u-1", "log")]
    assert len(stay) == 365 and min(stay) == at("2025-01-16T12:00")


@clause("MM-41", engine="sweep")
def test_mm_41(made: Made) -> None:
    """Application data stays for three months after the end, for the person alone, and is gone with the sweep after."""
    world = made.world("mm")
    begun(world)
    plan = put(world, "application", b"swim at five")
    world.cloud.relations.begin("p-1", "planner", "u-1", by="u-1")
    read = {"purpose": "activity_planning", "subject": "u-1"}
    assert world.cloud.records.read(plan, actor=P, **read) == b"swim at five"
    ended(world)
    at_noon(world, "2026-04-14")
    assert left(world) == 1
    with pytest.raises(Denied):
        world.cloud.records.read(plan, actor=P, **read)
    assert world.cloud.records.read(plan, actor=U1, **read) == b"swim at five"
    after_noon(world, "2026-04-15")
    assert left(world) == 0


@clause("MM-52", engine="clocks")
def test_mm_52(made: Made) -> None:
    """Three purposes end on three days, and what was kept for each goes on its own."""
    world = made.world("mm", start=at("2025-11-01T12:00"))
    begun(world)
    contact, case = put(world, "crm_contact"), put(world, "support_case")
    put(world, "application")
    world.clock.at = T0
    world.cloud.records.note(Clock.PURPOSE_CONCLUDED, record=contact)
    world.clock.at = at("2026-02-10T12:00")
    world.cloud.records.note(Clock.CASE_CLOSED, record=case)
    world.clock.at = at("2026-10-20T12:00")
    ended(world)
    kept = []
    for day in ("2027-01-14", "2027-01-16", "2027-01-21", "2027-02-09", "2027-02-11"):
        at_noon(world, day)
        kept.append(sorted(part.category for part in world.cloud.records.of("u-1")))
    assert kept == [
        ["application", "crm_contact", "support_case"],
        ["application", "support_case"],
        ["support_case"],
        ["support_case"],
        [],
    ]


@clause("MM-53", engine="clocks")
def test_mm_53(made: Made) -> None:
    """A purpose that ended goes a year later; a longer term refuses the file unless it is for accounting, or named as longer."""
    for category in ("crm_contact", "log", "environment"):
        assert "P13M is longer than" in refused(made, "mm", other_term("mm", category, "P13M"))
    said = refused(made, "mm", ('beyond_cap = ["analytics"]', "beyond_cap = []"))
    assert "P14M is longer than retention.purpose_cap" in said
    world = made.world("mm", start=at("2025-12-01T12:00"))
    begun(world)
    name = put(world, "crm_contact")
    world.clock.at = T0
    world.cloud.records.note(Clock.PURPOSE_CONCLUDED, record=name)
    at_noon(world, "2027-01-14")
    assert left(world) == 1
    after_noon(world, "2027-01-15")
    assert left(world) == 0


@clause("MM-54", engine="clocks")
def test_mm_54(made: Made) -> None:
    """An invoice and five hundred readings, a year later: the invoice. The policy takes no positions, so they are temperatures."""
    world = made.world("mm", start=T0 - hours(12))
    begun(world)
    tracker = world.tracker()
    put(world, "invoice", events={Clock.INVOICE_ISSUED: world.now})
    world.clock.at = T0
    times = [int(T0) - 60 * n for n in range(500)]
    pieces = [sorted(times[n : n + 20]) for n in range(0, 500, 20)]
    world.take(tracker, *(tracker.environment([(time, 215, 100) for time in piece]) for piece in pieces))
    assert world.rows() == 25
    after_noon(world, "2027-01-15")
    assert world.rows() == 0 and left(world, "invoice") == 1


@clause("MM-58", engine="erasure")
def test_mm_58(made: Made) -> None:
    """Wrong data is deleted on demand: granted at T0, gone with the sweep, and the last backup by 14 February."""
    world = made.world("mm")
    begun(world)
    put(world, "account", b"another person's address")
    case = world.cloud.rights.open("u-1", "erasure", received_at=T0, channel="mail", by="c-1", login=U1).cases[0]
    world.cloud.rights.decide(case.case_id, "granted", by="dpo-1")
    receipt = world.cloud.rights.carry.erase(case.case_id, by="dpo-1")
    world.sweep()
    assert left(world) == 0 and "the last one is gone on 2026-02-14" in receipt.text()
