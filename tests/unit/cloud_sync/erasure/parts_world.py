"""Days full of readings of all streams, and what is left of them: what tests of erasing parts of days share."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cloud_sync.erasure.erase import ErasureReceipt
from cloud_sync.errors import KeyDestroyed, SealBroken
from cloud_sync.model import EPOCH_SECONDS, PERSONAL_STREAMS, RESEALED, StoredEnvelope, Stream
from cloud_sync.wire.batch import unpack_location
from cloud_sync.wire.envelope import open_uplink, parse_uplink
from cloud_sync.wire.fields import MOST_EPOCH
from cloud_sync.wire.readings import decode_environment, decode_motion
from tests.unit.cloud_sync.ingest.ingest_world import NOON, TODAY, Tracker, World
from tests.unit.cloud_sync.storage.places import copy_store

HOUR = 3600
DAY = EPOCH_SECONDS
MIDNIGHT = TODAY * DAY
STEP = 1200  # between two readings of a stream
BATCH = 5  # readings in an envelope: most borders lie within one
LAST_DAY = TODAY + 2  # it is noon of this day; the two before it are over

Left = dict[Stream, list[int]]
Span = tuple[float | None, float | None]


def permitted(world: World, name: str = "a" * 16, subject: str = "s-1") -> Tracker:
    """A device whose person agreed to all streams, a day before the first reading."""
    now, world.clock.at = world.clock.at, NOON - DAY
    tracker = world.enrol(name, subject, TODAY - 1)
    world.consent(subject)
    for purpose in ("condition_monitoring", "theft_alarm"):
        world.consent(subject, None, purpose)
    world.clock.at = now
    return tracker


def sealed(tracker: Tracker, stream: Stream, times: list[int]) -> bytes:
    """One envelope of a reading at each time."""
    if stream == Stream.LOCATION:
        return tracker.fixes(times)
    if stream == Stream.ENVIRONMENT:
        return tracker.environment([(time, 215, 80) for time in times])
    return tracker.motion([(time, 1) for time in times])


def filled(world: World) -> tuple[Tracker, dict[Stream, list[bytes]]]:
    """A device with readings of two days and a half, all of them taken in; and the envelopes as they were sent."""
    tracker = permitted(world)
    copies: dict[Stream, list[bytes]] = {stream: [] for stream in PERSONAL_STREAMS}
    for epoch in range(TODAY, LAST_DAY + 1):
        world.clock.at = min(epoch * DAY + DAY - 1, LAST_DAY * DAY + DAY / 2)
        for stream in PERSONAL_STREAMS:
            times = [time for time in captured() if time // DAY == epoch]
            batches = [times[first : first + BATCH] for first in range(0, len(times), BATCH)]
            new = [sealed(tracker, stream, batch) for batch in batches]
            copies[stream] += new
            outcomes = world.take(tracker, *new)
            assert {str(outcome.kind) for outcome in outcomes} == {"stored"}
    return tracker, copies


def captured() -> list[int]:
    """Times of all readings of each stream."""
    return list(range(MIDNIGHT, LAST_DAY * DAY + DAY // 2, STEP))


def outside(spans: Iterable[Span], times: Iterable[int] | None = None, steps: dict[Stream, int] | None = None) -> Left:
    """What must be left of the readings: those that cannot have been captured in a span."""
    known = captured() if times is None else list(times)
    steps = steps or {Stream.LOCATION: 10, Stream.ENVIRONMENT: 60, Stream.MOTION: 60}
    closed = [(start or 0, (LAST_DAY + 1) * DAY if end is None else end) for start, end in spans]
    return {
        stream: [time for time in known if not any(start < time + step and time < end for start, end in closed)]
        for stream, step in steps.items()
    }


def erase(world: World, start: float | None, end: float | None, subject: str = "s-1") -> ErasureReceipt:
    """Erase in the person's own name."""
    return world.eraser.erase(subject, world.database.devices_of(subject), start, end, subject)


def left(world: World, tracker: Tracker) -> Left:
    """Times of all that opens from the stores, without any gate; the same time twice if it is there twice."""
    return {
        stream: sorted(
            time
            for row in world.database.envelopes(tracker.name, stream, 0, MOST_EPOCH)
            for time in times_of(row, opened(world, row))
        )
        for stream in PERSONAL_STREAMS
    }


def opened(world: World, row: StoredEnvelope) -> bytes:
    """The plaintext of a stored row under the stored key of its day."""
    leaf = world.store.leaf(*row.id[:4])
    assert leaf is not None, "a row without a key"
    return open_uplink(row.id.device, parse_uplink(row.payload), world.keys.open_leaf(leaf).key(row.id.counter))


def times_of(row: StoredEnvelope, plaintext: bytes) -> list[int]:
    """Times of the readings in a plaintext."""
    if row.id.stream == Stream.LOCATION:
        return [fix.time for fix in unpack_location(plaintext, row.id.epoch)]
    if row.id.stream == Stream.ENVIRONMENT:
        return decode_environment(plaintext, row.id.epoch).times
    return decode_motion(plaintext, row.id.epoch).times


def opening(world: World, tracker: Tracker, copies: Iterable[bytes]) -> int:
    """How many of these envelopes, as the device once sent them, any stored key of their day opens, at any generation."""
    return sum(_opens(world, tracker, copy) for copy in copies)


def _opens(world: World, tracker: Tracker, copy: bytes) -> bool:
    envelope = parse_uplink(copy)
    header = envelope.header
    for leaf in world.store.leaves(tracker.name, header.stream, header.epoch, header.epoch):
        try:
            return bool(open_uplink(tracker.name, envelope, world.keys.open_leaf(leaf).key(header.counter)))
        except (KeyDestroyed, SealBroken):
            continue
    return False


def editions(world: World, tracker: Tracker) -> list[tuple[int, int, int]]:
    """(stream, epoch, edition) of the stored keys that the server made itself."""
    leaves = world.store.leaves(tracker.name, 0, 0, MOST_EPOCH)
    return [(leaf.stream, leaf.epoch, leaf.generation - RESEALED) for leaf in leaves if leaf.generation >= RESEALED]


def back_up(world: World, folder: Path) -> Path:
    """Copies of database and key store; the world is closed with it."""
    world.close()
    folder.mkdir()
    for name in ("telemetry.db", "keys.db"):
        copy_store(name, world.directory, folder)
    return folder


def restored(world: World, folder: Path, target: Path) -> World:
    """A world of the backup and of the tombstones of now, replayed; the given one is closed."""
    world.close()
    target.mkdir()
    for name in ("telemetry.db", "keys.db"):
        copy_store(name, folder, target)
    copy_store("tombstones.db", world.directory, target)
    again = World(target, world.clock)
    again.eraser.replay()
    return again
