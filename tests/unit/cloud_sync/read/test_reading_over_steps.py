"""Readings that are told in pieces while their day becomes coarser or is cut: nothing twice, nothing left out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_sync.model import Actor, Fix
from cloud_sync.read.query import Query
from cloud_sync.read.sources import LOCATION
from tests.unit.cloud_sync.ingest.ingest_world import Tracker, World
from tests.unit.cloud_sync.retention.steps_world import (
    DAY,
    FINE,
    MIDNIGHT,
    drive,
    made,
    sealed,
    sweep_at,
    taken,
    tracked,
)

STEP_S = 600  # of a fix of 1 km: one is told of each ten minutes
HOUR = 3600


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A server whose positions become coarser after thirty days."""
    world = made(tmp_path / "files")
    yield world
    world.close()


def driven(world: World) -> tuple[Tracker, list[Fix]]:
    """Twenty hours of one day, a fix each ten minutes, six to an envelope."""
    tracker = tracked(world)
    fixes = drive(range(MIDNIGHT, MIDNIGHT + 20 * HOUR, STEP_S))
    taken(world, tracker, sealed(tracker, fixes, batch=6), MIDNIGHT + DAY)
    return tracker, fixes


def query(world: World) -> Query:
    """Everything of the person, for the person."""
    return Query(Actor("s-1", "data_subject"), "tracking", "s-1", 0.0, world.clock.at)


def told_over(world: World, pieces: int, at: float) -> list[int]:
    """Times of what is told when the sweep runs after so many pieces of an hour, and the rest is asked for behind the last."""
    asked = query(world)
    begun = world.reader.pieces(LOCATION, asked, most=6)
    told = [next(begun) for _ in range(pieces)]
    begun.close()
    sweep_at(world, at)
    rest = list(world.reader.pieces(LOCATION, asked, told[-1].last, most=6))
    return [fix.time for piece in (*told, *rest) for fix in piece]


@pytest.mark.parametrize("hours", [0, 1, 7, 12, 19, 20, 26])
@pytest.mark.parametrize("pieces", [1, 7, 13, 20])
def test_a_day_that_steps_down_midway_is_told_once(world: World, pieces: int, hours: int) -> None:
    """Whichever part of it was told, and whichever part was coarser by then: every ten minutes are told once, in order."""
    _, fixes = driven(world)
    world.clock.at = float(MIDNIGHT + FINE - 60)
    told = told_over(world, pieces, MIDNIGHT + FINE + hours * HOUR + 1)
    assert told == [fix.time for fix in fixes]


def test_a_day_that_was_coarser_in_part_before_is_told_in_order(world: World) -> None:
    """Its first half is coarser when the telling begins, the second becomes so in the middle of it."""
    _, fixes = driven(world)
    sweep_at(world, MIDNIGHT + FINE + 10 * HOUR + 1)
    assert told_over(world, 4, MIDNIGHT + FINE + 2 * DAY) == [fix.time for fix in fixes]


def test_a_day_that_is_cut_midway_is_told_without_what_was_erased(world: World) -> None:
    """Two hours that were not told yet go in the middle: the rest is told once."""
    tracker, fixes = driven(world)
    world.clock.at = float(MIDNIGHT + 2 * DAY)
    asked = query(world)
    begun = world.reader.pieces(LOCATION, asked, most=6)
    told = [next(begun) for _ in range(5)]
    first, last = MIDNIGHT + 10 * HOUR, MIDNIGHT + 12 * HOUR
    device = world.database.device(tracker.name)
    assert device is not None
    world.eraser.erase("s-1", [device], first, last, "s-1")
    rest = list(begun)
    times = [fix.time for piece in (*told, *rest) for fix in piece]
    assert times == [fix.time for fix in fixes if not first <= fix.time < last]
