"""Floors, one a device and stream: each holds for its own captures alone, from its own version on, and as soon as it rises."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cloud_sync.ingest.outcome import Kind
from cloud_sync.model import Motion, Stream
from tests.unit.cloud_sync.ingest.ingest_world import NOON, TODAY, Tracker, World

T = int(NOON) - 3600
FLOOR = 5
PURPOSES = ("tracking", "condition_monitoring", "theft_alarm")
SEALS: dict[Stream, Callable[[Tracker, int], bytes]] = {
    Stream.LOCATION: lambda tracker, version: tracker.fixes([T], version=version),
    Stream.ENVIRONMENT: lambda tracker, version: tracker.environment([(T, 215, 80)], version=version),
    Stream.MOTION: lambda tracker, version: tracker.motion([(T, Motion.BEGAN)], version=version),
}


def agreed(world: World, name: str = "a" * 16, subject: str = "s-1") -> Tracker:
    """A device of a person who agreed to everything two hours ago."""
    world.clock.at = NOON - 7200
    tracker = world.enrol(name, subject)
    for purpose in PURPOSES:
        world.consent(subject, precision=None, purpose=purpose)
    world.clock.at = NOON
    return tracker


@pytest.mark.parametrize("stream", SEALS)
def test_a_floor_is_of_its_stream_and_of_its_version(world: World, stream: Stream) -> None:
    """One stream's floor: refused is that stream one version below it, and nothing at the floor or of another stream."""
    tracker = agreed(world)
    world.floors(tracker.name, *(FLOOR * (each == stream) for each in (1, 2, 3, 4)))
    for each, seal in SEALS.items():
        below, at = world.take(tracker, seal(tracker, FLOOR - 1), seal(tracker, FLOOR))
        assert (below.kind, at.kind) == (Kind.BELOW_FLOOR if each is stream else Kind.STORED, Kind.STORED)


def test_floors_of_two_devices_in_one_batch(world: World) -> None:
    """The same version, below one's floor and above the other's: one is refused, whichever comes first."""
    high, low = agreed(world), agreed(world, "b" * 16, "s-2")
    world.floors(high.name, FLOOR, 0, 0, 0)
    world.floors(low.name, 1, 0, 0, 0)
    order = (high, low, high, low)
    messages = [(each.topic, each.fixes([T], version=FLOOR - 1)) for each in order]
    for batch in (messages, [(each.topic, each.fixes([T], version=FLOOR - 1)) for each in reversed(order)]):
        kinds = {topic: outcome.kind for (topic, _), outcome in zip(batch, world.ingest.handle(batch), strict=True)}
        assert kinds == {high.topic: Kind.BELOW_FLOOR, low.topic: Kind.STORED}


def test_a_floor_that_a_status_raises_holds_for_the_rest_of_its_batch(world: World) -> None:
    """The device reports a version that this server never issued, as after a restore: what waits behind it is below the floor."""
    tracker = agreed(world)
    status = tracker.status(directive=FLOOR, time=TODAY * 86_400 + 43_000)
    outcomes = world.take(tracker, tracker.fixes([T], version=FLOOR), status, tracker.fixes([T + 10], version=FLOOR))
    assert [outcome.kind for outcome in outcomes] == [Kind.STORED, Kind.STORED, Kind.BELOW_FLOOR]
    [later] = world.take(tracker, tracker.fixes([T + 20], version=FLOOR + 1))
    assert later.kind is Kind.STORED
