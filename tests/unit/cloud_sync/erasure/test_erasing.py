"""Erasure: unreadable everywhere, also after a restored backup, and nothing else is touched."""

from __future__ import annotations

import threading

import pytest

from cloud_sync.audit import verify
from cloud_sync.erasure.erase import ErasureReceipt
from cloud_sync.errors import StoreError
from cloud_sync.ingest.outcome import Kind
from cloud_sync.model import EPOCH_SECONDS, Actor, Stream
from cloud_sync.read.query import Query
from tests.unit.cloud_sync.ingest.ingest_world import NOON, TODAY, Tracker, World
from tests.unit.cloud_sync.storage.places import copy_store

T = int(NOON) - 3600
DAY = float(EPOCH_SECONDS)
MIDNIGHT = TODAY * DAY


@pytest.fixture
def tracker(world: World) -> Tracker:
    """A device with consent and an envelope of each of three days; it is noon of the last."""
    world.clock.at = NOON - 7200
    tracker = world.enrol()
    world.consent()
    for day in range(3):
        world.clock.at = NOON + day * DAY
        world.take(tracker, tracker.fixes([T + day * EPOCH_SECONDS]), tracker.status(epoch=TODAY + day))
    return tracker


def erase(world: World, start: float | None = None, end: float | None = None) -> ErasureReceipt:
    """Erase the first person's data."""
    return world.eraser.erase("s-1", world.database.devices_of("s-1"), start, end, "s-1")


def epochs(world: World, tracker: Tracker, stream: int = Stream.LOCATION) -> tuple[list[int], list[int]]:
    """Days after today's number of which there are rows, and of which there are leaves."""
    rows = world.database.envelopes(tracker.name, stream, 0, TODAY + 99)
    leaves = world.store.leaves(tracker.name, stream, 0, TODAY + 99)
    return [row.id.epoch - TODAY for row in rows], [leaf.epoch - TODAY for leaf in leaves]


def test_one_day_is_erased_and_its_neighbours_stay(world: World, tracker: Tracker) -> None:
    """Rows and leaves of that day are gone in every stream with personal data, and of status."""
    assert epochs(world, tracker) == ([0, 1, 2], [0, 1, 2])
    receipt = erase(world, MIDNIGHT + DAY, MIDNIGHT + 2 * DAY)
    assert epochs(world, tracker) == ([0, 2], [0, 2])
    assert epochs(world, tracker, Stream.STATUS)[1] == [0, 2]
    assert (receipt.start, receipt.end, receipt.envelopes) == (MIDNIGHT + DAY, MIDNIGHT + 2 * DAY, 2)
    assert len(receipt.tombstones) == 4 and receipt.devices == (tracker.name,)


def test_everything_is_erased_but_the_status_of_today(world: World, tracker: Tracker) -> None:
    """Today closes for personal streams at once; without its status the device could not be told anything more."""
    erase(world)
    assert epochs(world, tracker) == ([], [])
    assert epochs(world, tracker, Stream.STATUS) == ([2], [2])
    assert {tip.epoch for tip in world.store.tips()} == {TODAY + 3}
    late = tracker.fixes([T + 2 * EPOCH_SECONDS + 10])
    assert [outcome.kind for outcome in world.take(tracker, late)] == [Kind.CLOSED]
    assert [outcome.kind for outcome in world.take(tracker, tracker.status(epoch=TODAY + 2))] == [Kind.STORED]


def test_tomorrow_that_has_arrived_already_is_erased_too(world: World, tracker: Tracker) -> None:
    """A device whose clock runs ahead has sent of tomorrow; "everything" includes it."""
    world.take(tracker, tracker.fixes([T + 3 * EPOCH_SECONDS]))
    assert epochs(world, tracker)[0] == [0, 1, 2, 3]
    assert erase(world).end == MIDNIGHT + 4 * DAY
    assert epochs(world, tracker) == ([], [])


def test_other_people_are_not_touched(world: World, tracker: Tracker) -> None:
    """Another person's rows and leaves are as before."""
    other = world.enrol("b" * 16, "s-2", TODAY + 2)
    world.consent("s-2")
    world.clock.at += 7200
    world.take(other, other.fixes([int(world.clock.at) - 60]))
    before = epochs(world, other)
    assert before[0] == [2]
    erase(world)
    assert epochs(world, other) == before


def test_erased_content_is_in_no_byte_of_the_files(world: World, tracker: Tracker) -> None:
    """The sealed bytes and the wrapped leaf are found before, and not after."""
    [row] = world.database.envelopes(tracker.name, Stream.LOCATION, TODAY, TODAY)
    leaf = world.store.leaf(tracker.name, 0, Stream.LOCATION, TODAY)
    assert leaf is not None

    def found() -> list[bool]:
        data = b"".join(path.read_bytes() for path in world.directory.iterdir())
        return [row.payload[20:] in data, leaf.wrapped in data]

    assert found() == [True, True]
    erase(world)
    assert found() == [False, False]


def test_a_restored_backup_of_database_and_keys_reads_nothing_that_was_erased(
    world: World, tracker: Tracker, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Backup of all but the tombstones, erasure, restore, replay: no row, no key, and no way to derive one."""
    world.close()
    backup = tmp_path_factory.mktemp("backup")
    for name in ("telemetry.db", "keys.db"):
        copy_store(name, world.directory, backup)
    again = World(world.directory, world.clock)
    erase(again, MIDNIGHT + DAY, MIDNIGHT + 2 * DAY)
    again.close()
    copy_store("tombstones.db", again.directory, backup)
    restored = World(backup, world.clock)
    assert epochs(restored, tracker)[0] == [0, 1, 2]
    assert restored.eraser.replay() == (2, 2)
    assert epochs(restored, tracker) == ([0, 2], [0, 2])
    assert restored.eraser.replay() == (0, 0)
    event = restored.audit.events[-1]
    assert (event.kind, event.detail) == ("restore.replayed", (("count", 2), ("resealed", 0)))
    restored.close()


def test_a_restored_key_store_of_before_the_day_cannot_derive_it(
    world: World, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The restored tip lies before the erased day; the replay moves it past without leaving a leaf."""
    tracker = world.enrol()
    world.consent()
    world.close()
    backup = tmp_path_factory.mktemp("backup")
    copy_store("keys.db", world.directory, backup)
    again = World(world.directory, world.clock)
    again.clock.at = NOON + DAY
    again.take(tracker, tracker.fixes([T + EPOCH_SECONDS]))
    erase(again, MIDNIGHT + DAY, None)
    again.close()
    for name in ("telemetry.db", "tombstones.db"):
        copy_store(name, again.directory, backup)
    restored = World(backup, world.clock)
    assert restored.keys.last_epoch(tracker.name) == -1 + TODAY
    restored.eraser.replay()
    assert restored.keys.last_epoch(tracker.name) == TODAY + 1
    assert [leaf.epoch for leaf in restored.store.leaves(tracker.name, Stream.LOCATION, 0, TODAY + 9)] == [TODAY]
    assert [o.kind for o in restored.take(tracker, tracker.fixes([T + EPOCH_SECONDS + 9]))] == [Kind.CLOSED]
    restored.close()


STEPS = ["destroy leaves", "delete rows", "audit", "truncate keys"]


@pytest.mark.parametrize("step", STEPS)
def test_an_erasure_that_is_cut_short_is_finished_by_the_next_start(
    world: World, tracker: Tracker, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a failure at any step behind the tombstone, reopening and replaying leaves nothing."""

    def fail(*_: object) -> int:
        raise StoreError("cut")

    target: dict[str, tuple[object, str]] = {
        "destroy leaves": (world.keys, "destroy"),
        "delete rows": (world.database, "remove_span"),
        "audit": (world.audit, "append"),
        "truncate keys": (world.store, "vacuum_erased"),
    }
    with monkeypatch.context() as patch:
        patch.setattr(*target[step], fail)
        with pytest.raises(StoreError):
            erase(world)
    world.close()
    again = World(world.directory, world.clock)
    again.eraser.replay()
    assert epochs(again, tracker) == ([], [])
    again.close()


def test_an_erasure_in_the_middle_of_a_batch_waits_for_its_commit_and_takes_it_along(
    world: World, tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ingest holds the fence while it has a day's key in hand: the row it stores is erased, not left behind."""
    started = threading.Event()
    receipts: list[ErasureReceipt] = []

    def erase_now() -> None:
        started.set()
        receipts.append(erase(world))

    thread = threading.Thread(target=erase_now)
    add = world.database.add_envelopes

    def add_while_erasing(rows: object) -> None:
        thread.start()
        assert started.wait(5)
        assert not world.tombstones.all()
        add(rows)  # type: ignore[arg-type]

    monkeypatch.setattr(world.database, "add_envelopes", add_while_erasing)
    [outcome] = world.take(tracker, tracker.fixes([T + 2 * EPOCH_SECONDS + 5]))
    thread.join(10)
    assert outcome.kind is Kind.STORED
    assert receipts[0].envelopes == 6  # four of location with this one, two of the finished days of status
    assert epochs(world, tracker) == ([], [])


def test_an_erasure_is_in_the_audit_log(world: World, tracker: Tracker) -> None:
    """Of some days: who asked, about whom, which days, how many, under which tombstone."""
    receipt = world.eraser.erase("s-1", world.database.devices_of("s-1"), 0, TODAY * EPOCH_SECONDS, "s-1")
    event = world.audit.events[receipt.entry]
    assert (event.kind, event.actor, event.subject) == ("erasure.done", "s-1", "s-1")
    stone = receipt.tombstones[0]
    span = {"captured_first": 0, "captured_last": MIDNIGHT}
    assert dict(event.detail) == {**span, "count": 0, "resealed": 0, "tombstone": stone}
    assert world.audit.entries("s-1")[0].event.kind == "device.enrolled"


def test_the_audit_log_does_not_name_a_person_erased_in_full(world: World, tracker: Tracker) -> None:
    """No entry, actor or device links the person; the log still verifies, and the receipt's entry is provable by its tombstone."""
    world.audit.record("gate.allowed", "s-1", "s-1", purpose="tracking", count=1)
    world.audit.record("gate.allowed", "s-2", "s-2", purpose="tracking", count=1)
    receipt = erase(world)
    assert world.audit.entries("s-1") == [] and len(world.audit.entries("s-2")) == 1
    assert not any(
        "s-1" in (event.actor, event.subject) or dict(event.detail).get("device") for event in world.audit.events
    )
    proof = world.audit.prove(receipt.entry)
    verify(proof, world.audit.checkpoint(), world.audit.public_key)
    assert proof.event is not None and proof.event.kind == "erasure.done"
    assert dict(proof.event.detail)["tombstone"] == receipt.tombstones[0]
    assert world.audit.check() == world.database.leaf_count()


def test_a_restored_log_forgets_an_erased_person_again(world: World, tracker: Tracker) -> None:
    """The replay finds the entries that a backup brought back, and leaves those from after the erasure."""
    before = world.directory / "before.db"
    world.database.run("VACUUM INTO ?", (str(before),))
    erase(world)
    clock = world.clock
    world.close()
    for leftover in world.directory.glob("telemetry.db*"):
        leftover.unlink()
    before.rename(world.directory / "telemetry.db")
    again = World(world.directory, clock)
    assert again.audit.entries("s-1") != []
    clock.at += 60
    again.audit.record("consent.requested", "c-1", "s-1", purpose="tracking")
    again.eraser.replay()
    assert [entry.event.kind for entry in again.audit.entries("s-1")] == ["consent.requested"]
    again.close()


def test_erasing_twice_is_harmless(world: World, tracker: Tracker) -> None:
    """The second receipt counts nothing, and its tombstones stand beside the first ones."""
    first, second = erase(world), erase(world)
    assert (first.envelopes, second.envelopes, second.leaves) == (5, 0, 0)
    assert len(world.tombstones.all()) == 8


def test_a_reader_gets_nothing_of_an_erased_day(world: World, tracker: Tracker) -> None:
    """Three days before, the two others after."""
    query = Query(Actor("s-1", "data_subject"), "tracking", "s-1", MIDNIGHT, MIDNIGHT + 3 * DAY)
    assert len(world.reader.location(query)) == 3
    erase(world, MIDNIGHT + DAY, MIDNIGHT + 2 * DAY)
    assert [fix.time // EPOCH_SECONDS - TODAY for fix in world.reader.location(query)] == [0, 2]
