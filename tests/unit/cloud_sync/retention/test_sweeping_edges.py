"""Keys that a restored key store brings back of former steps, and days at the ends of months."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloud_sync.model import RESEALED, Precision
from cloud_sync.storage.keybackup import back_up, restore
from cloud_sync.wire.batch import pack_location
from tests.unit.cloud_sync.erasure.parts_world import opened
from tests.unit.cloud_sync.ingest.ingest_world import TODAY, FakeClock, World
from tests.unit.cloud_sync.retention.steps_world import (
    COARSE,
    DAY,
    FINE,
    MIDNIGHT,
    STEPS,
    L,
    drive,
    left,
    made,
    policy,
    sealed,
    sweep_at,
    taken,
    tracked,
)
from tests.unit.cloud_sync.storage.places import places


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Servers on the files of one directory, by policy file; each closes the one before."""
    world: list[World] = []

    def make(policy_file: Path, clock: FakeClock | None = None) -> World:
        for each in world:
            each.close()
        world[:] = [made(tmp_path / "files", clock, policy_file)]
        return world[0]

    yield make
    for each in world:
        each.close()


@pytest.mark.parametrize("at_start", [True, False])
def test_a_restored_key_store_brings_no_finer_step_back(
    servers: Callable[..., World], tmp_path: Path, at_start: bool
) -> None:
    """A key backup of before the step to 10 km: the key of 1 km goes at the start, or with a sweep; that of 10 km stays."""
    steps = policy(tmp_path, STEPS)
    world = servers(steps)
    tracker = tracked(world)
    taken(world, tracker, sealed(tracker, drive(range(MIDNIGHT, MIDNIGHT + 3600, 600))), MIDNIGHT + DAY)
    sweep_at(world, MIDNIGHT + FINE + 3 * DAY)
    [finer] = world.database.envelopes(tracker.name, L, TODAY, TODAY)
    sweep_at(world, MIDNIGHT + COARSE - 5 * DAY)
    back_up(world.store, tmp_path / "backup", world.clock.at)
    assert opened(world, finer)
    sweep_at(world, MIDNIGHT + COARSE + 3 * DAY)
    [coarser] = world.database.envelopes(tracker.name, L, TODAY, TODAY)
    brought = world.store.leaf(tracker.name, coarser.id.generation, L, TODAY)
    world.close()
    for path in (tmp_path / "files").glob("keys.db*"):
        path.unlink()
    restore(tmp_path / "backup", places(tmp_path / "files").keys, world.clock.at, lambda at: at + 30 * DAY)
    world = servers(steps, world.clock)
    assert brought is not None
    world.store.put_leaf(brought)  # as a newer backup has it
    assert world.store.leaf(tracker.name, finer.id.generation, L, TODAY) is not None
    if at_start:
        world.sweeper.catch_up(int(world.clock.at))
    else:
        sweep_at(world, world.clock.at + 3600)
    assert world.store.leaf(tracker.name, finer.id.generation, L, TODAY) is None
    assert world.store.leaf(tracker.name, coarser.id.generation, L, TODAY) is not None
    assert finer.id.generation >= RESEALED and left(world, tracker)[0].precision == Precision.CELL_10KM


def test_a_month_that_ends_late_keeps_its_days_to_the_end(servers: Callable[..., World], tmp_path: Path) -> None:
    """Two months from December 29th, 12:00, end on February 28th at 12:00, though those from the 30th, 00:01, end before."""
    file = policy(tmp_path, 'after = "delete"\n')
    text = file.read_text("utf-8")
    file.write_text(
        text.replace('retention = "P30D"', 'retention = "P2M"').replace('retention = "P90D"', 'retention = "P2M"')
    )
    world = servers(file)
    start = int(datetime(2026, 12, 29, tzinfo=UTC).timestamp())
    epoch = start // DAY
    world.clock.at = float(start)
    tracker = world.enrol(first_epoch=epoch)
    world.consent()
    world.sweeper.sweep()
    fixes = drive([start + 43_200])
    taken(world, tracker, [tracker.seal(pack_location(Precision.CELL_100M, fixes, epoch), epoch=epoch)], start + 43_300)
    end = world.terms.end(L, start + 43_200)
    assert end == datetime(2027, 2, 28, 12, tzinfo=UTC).timestamp()
    sweep_at(world, end - 43_200 + 300)
    assert len(left(world, tracker)) == 1
    sweep_at(world, end - 1)
    assert len(left(world, tracker)) == 1
    assert sweep_at(world, end).envelopes == 1
    sweep_at(world, end + DAY)
    assert world.store.leaves(tracker.name, L, epoch, epoch) == []
