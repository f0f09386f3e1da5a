"""Holds of spans and categories: what they keep is kept whole, what they do not cover goes, and erasures that wait are not lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.errors import StoreError
from cloud_sync.keys.reseal import DayOpener
from cloud_sync.model import Fix, Precision
from cloud_sync.service import CloudSync
from cloud_sync.wire.batch import pack_location, unpack_location
from tests.unit.cloud_sync.erasure.parts_world import opening
from tests.unit.cloud_sync.ingest.ingest_world import NOON, TODAY, Tracker
from tests.unit.cloud_sync.records.records_world import Office
from tests.unit.cloud_sync.retention.steps_world import (
    DAY,
    FINE,
    LAT_E7,
    LON_E7,
    MIDNIGHT,
    STEPS,
    L,
    coarse,
    drive,
    left,
    made,
    policy,
    sealed,
    sweep_at,
    taken,
    tracked,
)
from tests.unit.cloud_sync.service_world import GIVE, tracker_of
from tests.unit.cloud_sync.storage.places import copy_all, copy_store


@pytest.mark.parametrize("after", ['after = "delete"\n', STEPS])
def test_a_hold_that_begins_within_an_envelope_keeps_it(tmp_path: Path, after: str) -> None:
    """An hour in one envelope, its second half held: it neither goes nor becomes coarser; after the release it does."""
    world = made(tmp_path / "files", policy_file=policy(tmp_path, after))
    tracker = tracked(world)
    fixes = drive(range(MIDNIGHT, MIDNIGHT + 3600, 600))
    copies = sealed(tracker, fixes, batch=6)
    taken(world, tracker, copies, MIDNIGHT + DAY)
    review = world.clock.at + 30 * DAY
    hold = world.holds.place(
        "H-1", by="dpo-1", subject="s-1", review_at=review, start=MIDNIGHT + 1800, end=MIDNIGHT + 3600
    )
    assert sweep_at(world, MIDNIGHT + FINE + 2 * DAY).held == 1
    assert left(world, tracker) == coarse(fixes, Precision.CELL_100M)
    world.holds.release(hold.hold_id, by="dpo-1", approved_by="counsel-1")
    report = sweep_at(world, world.clock.at + 60)
    assert opening(world, tracker, copies) == 0 and (report.late_s, report.late_held_s) == (0.0, 60.0)
    world.close()


@pytest.fixture
def cloud(office: Office) -> Iterator[CloudSync]:
    """It, open."""
    with office.open() as cloud:
        yield cloud


def filled(office: Office, cloud: CloudSync, times: list[float], precision: Precision = Precision.CELL_100M) -> Tracker:
    """A person with one envelope of today that has these fixes."""
    tracker = tracker_of(cloud.enrol(subject="s-1", settings={}))
    cloud.consent.give("s-1", "tracking", GIVE, precision=precision)
    cloud.handle([(tracker.topic, tracker.status())])
    office.clock.at = times[-1] + 3700
    fixes = [Fix(int(time), LAT_E7, LON_E7, precision, 8) for time in times]
    [outcome] = cloud.handle([(tracker.topic, tracker.seal(pack_location(precision, fixes, TODAY), epoch=TODAY))])
    assert str(outcome.kind) == "stored"
    return tracker


def rows(cloud: CloudSync, tracker: Tracker) -> list[Any]:
    """Rows of positions."""
    return cloud.database.envelopes(tracker.name, L, 0, TODAY + 1)


def readings(cloud: CloudSync, tracker: Tracker) -> list[Fix]:
    """All fixes that open from the stores."""
    opener = DayOpener(cloud._store, cloud._keys)
    return [fix for row in rows(cloud, tracker) for fix in unpack_location(opener.open(row) or b"", row.id.epoch)]


def held(office: Office, cloud: CloudSync, **scope: Any) -> str:
    """Place a hold on the person; its id."""
    review = office.clock.at + 300 * DAY
    return cloud.holds.place("H-1", by="dpo-1", subject="s-1", review_at=review, **scope).hold_id


MIDNIGHT_AFTER = float(MIDNIGHT + DAY)


@pytest.mark.parametrize(
    ("times", "precision", "start", "end"),
    [
        ([MIDNIGHT_AFTER - 60, MIDNIGHT_AFTER], Precision.CELL_100M, MIDNIGHT_AFTER, None),  # in the day before
        ([NOON], Precision.CELL_10KM, NOON + 300, NOON + 500),  # told at the start of its ten minutes
        ([NOON, NOON + 3600, NOON + 7200], Precision.CELL_100M, NOON + 3600, NOON + 3700),  # held in the middle
    ],
)
def test_an_erasure_leaves_whole_what_a_hold_touches(
    office: Office, cloud: CloudSync, times: list[float], precision: Precision, start: float, end: float | None
) -> None:
    """All readings of the envelope, sealed anew; after the release it goes."""
    tracker = filled(office, cloud, times, precision)
    before = readings(cloud, tracker)
    hold = held(office, cloud, start=start, end=end)
    assert len(before) == len(times) and cloud.erase(subject="s-1").held == (hold,)
    assert readings(cloud, tracker) == before
    cloud.holds.release(hold, by="dpo-1", approved_by="counsel-1")
    cloud.sweep(clock_confirmed=True)
    assert rows(cloud, tracker) == []


@pytest.mark.parametrize(("category", "stays"), [("billing", False), ("position", True)])
def test_a_hold_on_a_category_keeps_what_feeds_it(office: Office, cloud: CloudSync, category: str, stays: bool) -> None:
    """Of everything: positions go at once under a hold on invoices, and wait under one on positions; the invoice stays."""
    tracker = filled(office, cloud, [NOON])
    cloud.records.put("billing", {"s-1": b"invoice"})
    hold = held(office, cloud, category=category)
    assert cloud.erase(subject="s-1").held == (hold,)
    assert bool(rows(cloud, tracker)) == stays and len(cloud.records.of("s-1")) == 1


def test_an_erasure_of_a_span_does_not_wait_for_a_hold_on_records(office: Office, cloud: CloudSync) -> None:
    """It is about what devices sent: nothing is held, nobody restricted."""
    tracker = filled(office, cloud, [NOON])
    held(office, cloud, category="billing")
    receipt = cloud.erase(subject="s-1", start=NOON - 60, end=NOON + 60)
    assert (receipt.held, rows(cloud, tracker), cloud.database.waiting()) == ((), [], [])


@pytest.mark.parametrize(("asker", "logged"), [("dpo-7", "dpo-7"), ("s-1", "data_subject")])
def test_a_restored_database_knows_an_erasure_that_waits(
    office: Office, tmp_path: Path, asker: str, logged: str
) -> None:
    """A backup of before it was asked for: it waits again, as of who asked for it, and is carried out at the release; then nothing
    waits any more.
    """
    with office.open() as cloud:
        tracker = filled(office, cloud, [NOON])
        cloud.sweep()
        hold = held(office, cloud)
    kept = copy_all(office.directory, tmp_path / "kept")
    with office.open() as cloud:
        assert cloud.erase(subject="s-1", actor=asker).held == (hold,)
        [waiting] = cloud.database.waiting()
    copy_store("telemetry.db", kept, office.directory)
    with office.open() as cloud:
        [again] = cloud.database.waiting()
        assert again == waiting and again.actor == asker
        assert cloud.restrictions.restricted("s-1") and rows(cloud, tracker)
        cloud.holds.release(hold, by="dpo-1", approved_by="counsel-1")
        cloud.sweep()
        assert rows(cloud, tracker) == [] and cloud.database.waiting() == []
        assert cloud.database.newest_events("erasure.done", 1)[0].actor == logged
    with office.open() as cloud:
        assert cloud.database.waiting() == []


def test_what_comes_in_after_an_erasure_was_asked_for_does_not_go_with_it(office: Office, cloud: CloudSync) -> None:
    """A record of a month later stays when the hold is released, also across a start; the older one goes."""
    cloud.records.put("log", {"s-1": b"old"})
    hold = held(office, cloud)
    cloud.erase(subject="s-1")
    office.clock.at += 30 * DAY
    cloud.records.put("support", {"s-1": b"new"})
    cloud.holds.release(hold, by="dpo-1", approved_by="counsel-1")
    cloud.sweep(clock_confirmed=True)
    assert [part.category for part in cloud.records.of("s-1")] == ["support"] and cloud.database.waiting() == []
    cloud.close()
    with office.open() as again:
        assert [part.category for part in again.records.of("s-1")] == ["support"]


def test_an_erasure_that_waits_of_a_person_without_a_device_stops_no_sweep(office: Office, cloud: CloudSync) -> None:
    """Their one record has gone by its term meanwhile: it is carried out, and sweeps go on."""
    cloud.sweep()
    cloud.records.put("log", {"s-9": b"x"})
    hold = cloud.holds.place("H-1", by="dpo-1", subject="s-9", review_at=office.clock.at + 300 * DAY)
    cloud.erase(subject="s-9")
    office.clock.at += 200 * DAY
    cloud.sweep(clock_confirmed=True)
    cloud.holds.release(hold.hold_id, by="dpo-1", approved_by="counsel-1")
    for _ in range(2):
        office.clock.at += 3600
        assert not cloud.sweep().halted
    assert cloud.database.waiting() == []


def test_an_erasure_that_fails_waits_on_and_stops_no_other(
    office: Office, cloud: CloudSync, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two wait, the first fails: the second is carried out, the sweep ends; the next sweep does the first."""
    holds = []
    for subject in ("s-1", "s-2"):
        cloud.records.put("log", {subject: b"x"})
        holds.append(cloud.holds.place("H-1", by="dpo-1", subject=subject, review_at=office.clock.at + DAY))
        cloud.erase(subject=subject)
        office.clock.at += 1
    for hold in holds:
        cloud.holds.release(hold.hold_id, by="dpo-1", approved_by="counsel-1")
    erase = cloud._eraser.erase

    def failing(subject: str, *rest: Any, **more: Any) -> Any:
        if subject == "s-1":
            raise StoreError("the disk is full")
        return erase(subject, *rest, **more)

    with monkeypatch.context() as patch:
        patch.setattr(cloud._eraser, "erase", failing)
        assert not cloud.sweep().halted
    assert [each.subject for each in cloud.database.waiting()] == ["s-1"]
    cloud.sweep()
    assert cloud.database.waiting() == []
