"""Erasures that meet one that failed half-way, or backups in an order that nobody planned."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_sync.erasure.cut import Cutter
from cloud_sync.errors import StoreError
from cloud_sync.model import Actor, StoredEnvelope, Stream
from cloud_sync.read.query import Query
from tests.unit.cloud_sync.erasure.parts_world import HOUR, MIDNIGHT, filled, permitted
from tests.unit.cloud_sync.ingest.ingest_world import TODAY, Tracker, World
from tests.unit.cloud_sync.storage.places import copy_store

STORES = ("telemetry.db", "keys.db")
EARLY = (MIDNIGHT + 2 * HOUR, MIDNIGHT + 4 * HOUR)
LATE = (MIDNIGHT + 10 * HOUR, MIDNIGHT + 12 * HOUR)
MORNING = (MIDNIGHT + 7 * HOUR, MIDNIGHT + 9 * HOUR)


def served(world: World, span: tuple[int, int]) -> list[int]:
    """Times of the fixes that the operator is told of a span."""
    return [fix.time for fix in world.reader.location(Query(Actor("c-1", "controller"), "tracking", "s-1", *span))]


def erase(world: World, span: tuple[int, int]) -> None:
    """As the person asks for it."""
    world.eraser.erase("s-1", world.database.devices_of("s-1"), *span, "s-1")


def reopened(world: World) -> World:
    """The same installation after a start."""
    world.close()
    again = World(world.directory, world.clock)
    again.eraser.replay()
    return again


def test_an_erasure_that_failed_is_finished_by_the_next_one_of_the_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tombstones stood and nothing else: what it was to erase does not live on under the next one's key."""
    world = World(tmp_path)
    filled(world)
    assert served(world, EARLY)
    with monkeypatch.context() as failing:
        failing.setattr(world.store, "raise_seen", _locked)
        with pytest.raises(StoreError):
            erase(world, EARLY)
    erase(world, LATE)
    assert served(world, EARLY) == served(world, LATE) == []
    assert served(world, MORNING)
    world = reopened(world)
    assert served(world, EARLY) == served(world, LATE) == []
    world.close()


def test_an_unfinished_erasure_of_several_devices_is_finished_and_nobody_elses_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both devices of the person are caught up with; of another person's tombstones none is carried out once more."""
    world = World(tmp_path)
    filled(world)
    second, other = permitted(world, "b" * 16), permitted(world, "c" * 16, "s-2")
    for tracker in (second, other):
        world.take(tracker, tracker.fixes([EARLY[0] + 60]))
    assert all(early(world, device) for device in ("a" * 16, "b" * 16))
    world.eraser.erase("s-2", world.database.devices_of("s-2"), *MORNING, "s-2")
    with monkeypatch.context() as failing:
        failing.setattr(world.store, "raise_seen", _locked)
        with pytest.raises(StoreError):
            erase(world, EARLY)
    cut: set[str] = set()
    truly = Cutter.reseal
    monkeypatch.setattr(Cutter, "reseal", lambda self, stone: (cut.add(stone.device), truly(self, stone))[1])
    erase(world, LATE)
    assert cut == {"a" * 16, "b" * 16}
    assert not any(early(world, device) for device in ("a" * 16, "b" * 16))
    assert served(world, EARLY) == []
    world.close()


def early(world: World, device: str) -> list[StoredEnvelope]:
    """Stored positions that begin in the span which is erased first."""
    rows = world.database.envelopes(device, Stream.LOCATION, TODAY, TODAY)
    return [row for row in rows if EARLY[0] <= row.oldest_capture < EARLY[1]]


def _locked(*_: object) -> None:
    raise StoreError("database is locked")


def test_a_newer_backup_after_an_older_one_brings_nothing_back(tmp_path: Path) -> None:
    """Erased while an empty backup was in place, then the full one is restored: the span stays erased, the rest is there."""
    (tmp_path / "w").mkdir()
    world = World(tmp_path / "w")
    tracker: Tracker = permitted(world)
    world.clock.at = MIDNIGHT + 12 * HOUR
    monday, world = _snapshot(world, tmp_path / "monday")
    world.take(tracker, *(tracker.fixes([MIDNIGHT + hour * HOUR + 60]) for hour in range(6, 11)))
    noon, world = _snapshot(world, tmp_path / "noon")
    world = _restored(world, monday)
    erase(world, MORNING)
    world = _restored(world, noon)
    assert served(world, MORNING) == []
    assert len(served(world, (MIDNIGHT, MIDNIGHT + 24 * HOUR))) == 3
    world.close()


def _snapshot(world: World, folder: Path) -> tuple[Path, World]:
    world.close()
    folder.mkdir()
    for name in STORES:
        copy_store(name, world.directory, folder)
    return folder, World(world.directory, world.clock)


def _restored(world: World, folder: Path) -> World:
    world.close()
    for name in STORES:
        copy_store(name, folder, world.directory)
    again = World(world.directory, world.clock)
    again.eraser.replay()
    return again
