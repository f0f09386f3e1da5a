"""Legal holds: what one covers is not destroyed, by a term, a step or an erasure, until two people release it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.errors import ConfigError, Denied
from cloud_sync.model import EPOCH_SECONDS, Precision, Reason
from cloud_sync.policy import Clock
from cloud_sync.service import CloudSync
from tests.unit.cloud_sync.erasure.parts_world import opening
from tests.unit.cloud_sync.ingest.ingest_world import NOON, TODAY, Tracker, World
from tests.unit.cloud_sync.records.records_world import COMPANY, Office
from tests.unit.cloud_sync.retention.steps_world import (
    FINE,
    MIDNIGHT,
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

DAY = EPOCH_SECONDS
TERM = 90 * DAY
T = int(NOON) + 60


def held(world: World, **scope: Any) -> str:
    """Place a hold; its id."""
    review = world.clock.at + 30 * DAY
    return world.holds.place("H-1", by="dpo-1", review_at=review, **{"subject": "s-1", **scope}).hold_id


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Callable[[str], World]]:
    """Servers: with steps, or whose positions are destroyed after 30 days."""
    opened: list[World] = []

    def make(after: str = 'after = "delete"\n') -> World:
        opened.append(made(tmp_path / f"files-{len(opened)}", policy_file=policy(tmp_path, after)))
        return opened[-1]

    yield make
    for world in opened:
        world.close()


@pytest.fixture
def world(plain: Callable[[str], World]) -> World:
    """One that destroys."""
    return plain('after = "delete"\n')


def test_what_is_held_stays_and_goes_at_the_sweep_after_the_release(world: World) -> None:
    """Twenty rows overdue: 20 stay, nobody else's do; released by two people they go, late for the hold and not for the sweep."""
    tracker = tracked(world)
    fixes = drive(range(MIDNIGHT, MIDNIGHT + 20 * 60, 60))
    copies = sealed(tracker, fixes, batch=1)
    taken(world, tracker, copies, MIDNIGHT + DAY)
    name = held(world)
    report = sweep_at(world, MIDNIGHT + FINE + DAY + 61)
    assert (report.held, report.envelopes) == (20, 0) and len(left(world, tracker)) == 20
    assert sweep_at(world, world.clock.at + 3600).held == 0  # parked: no sweep looks at them again
    world.clock.at += 9 * DAY
    world.holds.release(name, by="dpo-1", approved_by="counsel-1")
    report = sweep_at(world, world.clock.at + 3600)
    assert (report.envelopes, left(world, tracker), opening(world, tracker, copies)) == (20, [], 0)
    assert (report.late_s, report.late_held_s) == (0.0, 3600.0)


@pytest.mark.parametrize(
    "scope",
    [{"subject": "s-2"}, {"device": "b" * 16}, {"category": "motion"}, {"end": MIDNIGHT}, {"start": MIDNIGHT + DAY}],
)
def test_a_hold_of_something_else_holds_nothing_here(world: World, scope: dict[str, Any]) -> None:
    """Another person, device, category or time: the row goes as ever."""
    tracker = tracked(world)
    taken(world, tracker, sealed(tracker, drive([MIDNIGHT + 60])), MIDNIGHT + DAY)
    held(world, **scope)
    assert sweep_at(world, MIDNIGHT + 60 + FINE).envelopes == 1


@pytest.mark.parametrize(
    "scope",
    [
        {},
        {"subject": "", "device": "a" * 16},
        {"category": "position"},
        {"start": MIDNIGHT, "end": MIDNIGHT + DAY},
    ],
)
def test_a_hold_is_of_a_person_a_device_a_category_or_a_time(world: World, scope: dict[str, Any]) -> None:
    """Each of these covers the row: it stays at the end of its term, and its day's key with it."""
    tracker = tracked(world)
    taken(world, tracker, sealed(tracker, drive([MIDNIGHT + 60])), MIDNIGHT + DAY)
    held(world, **scope)
    assert sweep_at(world, MIDNIGHT + FINE + 2 * DAY).envelopes == 0
    assert len(left(world, tracker)) == 1


def test_only_what_is_held_of_a_day_stays(world: World) -> None:
    """An hour is held: its envelope stays and opens, the ones before and after it go."""
    tracker = tracked(world)
    fixes = drive(range(MIDNIGHT, MIDNIGHT + 3 * 3600, 1800))
    taken(world, tracker, sealed(tracker, fixes, batch=2), MIDNIGHT + DAY)
    name = held(world, start=MIDNIGHT + 3600, end=MIDNIGHT + 7200)
    sweep_at(world, MIDNIGHT + FINE + 2 * DAY)
    assert left(world, tracker) == coarse(fixes[2:4], Precision.CELL_100M)
    world.holds.release(name, by="dpo-1", approved_by="counsel-1")
    sweep_at(world, world.clock.at + 1)
    assert left(world, tracker) == [] and world.store.leaves(tracker.name, L, TODAY, TODAY) == []


def test_a_hold_keeps_the_precision_too(plain: Callable[[str], World]) -> None:
    """What is held does not step down; released, it does, with all that came due meanwhile."""
    from tests.unit.cloud_sync.retention.steps_world import STEPS

    world = plain(STEPS)
    tracker = tracked(world)
    fixes = drive(range(MIDNIGHT, MIDNIGHT + 3 * 3600, 1800))
    copies = sealed(tracker, fixes, batch=2)
    taken(world, tracker, copies, MIDNIGHT + DAY)
    name = held(world, end=MIDNIGHT + 3600)
    sweep_at(world, MIDNIGHT + FINE + 2 * DAY)
    found = left(world, tracker)
    assert found[:2] == coarse(fixes[:2], Precision.CELL_100M)
    assert found[2:] == coarse(fixes[2:], Precision.CELL_1KM)
    world.holds.release(name, by="dpo-1", approved_by="counsel-1")
    report = sweep_at(world, world.clock.at + 60)
    assert left(world, tracker) == coarse(fixes, Precision.CELL_1KM) and opening(world, tracker, copies) == 0
    assert report.late_held_s == 60.0


@pytest.mark.parametrize(
    "change",
    [
        {"reference": ""},
        {"subject": ""},
        {"start": 20.0, "end": 10.0},
        {"review_at": NOON},
        {"review_at": NOON + 367 * DAY},
        {"authority": True},
        {"authority": True, "approved_by": "dpo-1"},
    ],
)
def test_a_hold_without_its_reasons_is_refused(world: World, change: dict[str, Any]) -> None:
    """One thing missing of a hold that is valid: reference, whom, a span, a review within a year, an authority's second person."""
    world.clock.at = NOON
    good = {"reference": "H-1", "by": "dpo-1", "review_at": NOON + DAY, "subject": "s-1"}
    world.holds.place(**good)  # type: ignore[arg-type]
    world.holds.place(**{**good, "authority": True, "approved_by": "counsel-1"})  # type: ignore[arg-type]
    with pytest.raises(ConfigError):
        world.holds.place(**{**good, **change})
    assert len(world.holds.in_force()) == 2


def test_a_release_takes_two_people(world: World) -> None:
    """One person, or the same one twice, is refused; so is a second release; the log has who held and released."""
    name = held(world)
    for other in ("", "dpo-1"):
        with pytest.raises(ConfigError, match="two people"):
            world.holds.release(name, by="dpo-1", approved_by=other)
    world.holds.release(name, by="dpo-1", approved_by="counsel-1")
    with pytest.raises(ConfigError, match="in force"):
        world.holds.release(name, by="dpo-1", approved_by="counsel-1")
    kinds = [event.kind for event in world.audit.events if event.kind.startswith("hold.")]
    assert kinds == ["hold.placed", "hold.released"]


def test_a_restored_database_that_forgot_a_hold_destroys_nothing(plain: Callable[[str], World], tmp_path: Path) -> None:
    """A backup of before the hold: no sweep and no start destroys, until two people say that no hold is missing."""
    world = plain('after = "delete"\n')
    tracker = tracked(world)
    taken(world, tracker, sealed(tracker, drive([MIDNIGHT + 60])), MIDNIGHT + DAY)
    world.close()
    kept = copy_all(world.directory, tmp_path / "kept")
    world = made(world.directory, world.clock, tmp_path / "steps.toml")
    held(world)
    world.close()
    copy_store("telemetry.db", kept, world.directory)
    world = made(world.directory, world.clock, tmp_path / "steps.toml")
    report = sweep_at(world, MIDNIGHT + FINE + 2 * DAY)
    assert (report.halted, report.reason) == (True, "holds_lost")
    assert world.sweeper.catch_up(world.clock.at) == 0 and len(left(world, tracker)) == 1
    with pytest.raises(ConfigError, match="two people"):
        world.holds.accept_lost(by="dpo-1", approved_by="dpo-1")
    world.holds.accept_lost(by="dpo-1", approved_by="counsel-1")
    assert sweep_at(world, world.clock.at + 60).envelopes == 1
    world.close()


# Erasures under a hold, and records, through the façade


@pytest.fixture
def cloud(office: Office) -> Iterator[CloudSync]:
    """It, open."""
    with office.open() as cloud:
        yield cloud


def filled(office: Office, cloud: CloudSync) -> Tracker:
    """A person with three fixes, an hour apart."""
    tracker = tracker_of(cloud.enrol(subject="s-1", settings={}))
    cloud.consent.give("s-1", "tracking", GIVE)
    cloud.handle([(tracker.topic, tracker.status())])
    office.clock.at = NOON + 3 * 3600
    cloud.handle([(tracker.topic, tracker.fixes([T + n * 3600])) for n in range(3)])
    return tracker


def rows(cloud: CloudSync) -> int:
    """Rows of positions."""
    return cloud.database.count_envelopes(stream=L)


def test_an_erasure_goes_around_what_is_held_and_is_finished_after_the_release(
    office: Office, cloud: CloudSync
) -> None:
    """The hour that is held stays, restricted, with the hold in the receipt; after the release it goes, and so does the rest."""
    filled(office, cloud)
    hold = cloud.holds.place(
        "CLAIM-7", by="dpo-1", review_at=NOON + 60 * DAY, subject="s-1", start=T + 3600, end=T + 7200
    )
    receipt = cloud.erase(subject="s-1")
    assert receipt.held == (hold.hold_id,) and rows(cloud) == 1
    [restriction] = cloud.restrictions.in_force("s-1")
    assert (restriction.ground, restriction.review_at) == ("erasure_held", NOON + 60 * DAY)
    with pytest.raises(Denied) as denied:
        cloud.read_location(actor=COMPANY, purpose="tracking", subject="s-1", start=NOON, end=NOON + DAY)
    assert denied.value.reason == Reason.RESTRICTED
    office.clock.at += 600
    cloud.sweep()
    assert rows(cloud) == 1  # a sweep does not end a hold
    cloud.holds.release(hold.hold_id, by="dpo-1", approved_by="counsel-1")
    cloud.sweep()
    assert rows(cloud) == 0 and not cloud.restrictions.restricted("s-1")
    assert cloud.database.waiting() == []


def test_an_erasure_of_what_is_held_entirely_erases_nothing_yet(office: Office, cloud: CloudSync) -> None:
    """A receipt that says so; the erasure waits across a restart."""
    filled(office, cloud)
    hold = cloud.holds.place("CLAIM-7", by="dpo-1", review_at=NOON + 60 * DAY, subject="s-1")
    receipt = cloud.erase(subject="s-1", start=NOON, end=NOON + DAY)
    assert (receipt.envelopes, receipt.tombstones, receipt.held) == (0, (), (hold.hold_id,)) and rows(cloud) == 3
    cloud.close()
    with office.open() as again:
        again.holds.release(hold.hold_id, by="dpo-1", approved_by="counsel-1")
        again.sweep()
        assert rows(again) == 0


def test_a_held_record_outlives_its_term_unread(office: Office, cloud: CloudSync) -> None:
    """TT-30: due and held it stays, the gate denies it as expired; after the release the next sweep destroys it."""
    name = cloud.records.put("log", {"s-1": b"line"})
    hold = cloud.holds.place("H-1", by="dpo-1", review_at=NOON + 300 * DAY, subject="s-1", category="log")
    office.clock.at = NOON + 370 * DAY
    report = cloud.sweep(clock_confirmed=True)
    assert (report.records, report.held) == (0, 1)
    with pytest.raises(Denied) as denied:
        cloud.records.read(name, actor=COMPANY, purpose="troubleshooting", subject="s-1")
    assert denied.value.reason == Reason.EXPIRED
    cloud.holds.release(hold.hold_id, by="dpo-1", approved_by="counsel-1")
    office.clock.at += 3600
    report = cloud.sweep()
    assert (report.records, report.late_s, report.late_held_s) == (1, 0.0, 3600.0)


def test_an_erasure_keeps_a_held_record_restricted(office: Office, cloud: CloudSync) -> None:
    """Kept for the claim alone, with the day of its review; read by nobody; gone after the release."""
    name = cloud.records.put("support", {"s-1": b"x"}, events={Clock.CASE_CLOSED: NOON})
    hold = cloud.holds.place("H-1", by="dpo-1", review_at=NOON + 30 * DAY, subject="s-1")
    _, [kept] = cloud.records.erase("s-1", actor="s-1")
    assert (kept.ground, kept.review_at) == ("hold", NOON + 30 * DAY)
    with pytest.raises(Denied) as denied:
        cloud.records.read(name, actor=COMPANY, purpose="support", subject="s-1")
    assert denied.value.reason == Reason.RESTRICTED
    assert cloud.sweep().records == 0
    cloud.holds.release(hold.hold_id, by="dpo-1", approved_by="counsel-1")
    assert cloud.sweep().records == 1


def test_a_lost_hold_is_not_made_up_for_by_newer_ones(office: Office, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A backup of before it; holds of somebody else are placed and released: still nothing is erased, until two people accept."""
    with office.open() as cloud:
        cloud.enrol(subject="s-1", settings={})
    kept = copy_all(office.directory, tmp_path_factory.mktemp("kept") / "files")
    review = office.clock.now() + 30 * DAY
    with office.open() as cloud:
        cloud.holds.place("C-1", subject="s-1", by="dpo-1", review_at=review)
    copy_store("telemetry.db", kept, office.directory)
    with office.open() as cloud:
        newer = cloud.holds.place("C-2", subject="s-2", by="dpo-1", review_at=review)
        assert cloud.holds.lost()
        cloud.holds.release(newer.hold_id, by="dpo-1", approved_by="counsel-1")
        assert cloud.holds.lost()
    with office.open() as cloud:
        with pytest.raises(ConfigError, match="holds are missing"):
            cloud.erase(subject="s-1")
        cloud.holds.accept_lost(by="dpo-1", approved_by="counsel-1")
        assert not cloud.holds.lost()
        cloud.holds.place("C-3", subject="s-2", by="dpo-1", review_at=review)
        assert not cloud.holds.lost()
