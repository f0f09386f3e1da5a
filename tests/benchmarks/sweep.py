"""What a sweep costs: against what expires, against what is kept beside it, and for each envelope that steps down."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from cloud_sync.model import EPOCH_SECONDS, EnvelopeId, Precision, StoredEnvelope, Stream
from cloud_sync.wire.batch import pack_location
from cloud_sync.wire.envelope import digest8
from tests.unit.cloud_sync.ingest.ingest_world import NOON, TODAY, Tracker, World
from tests.unit.cloud_sync.retention.steps_world import drive, policy

DAY = EPOCH_SECONDS
FIXES = 20  # of an envelope
EXPIRED = (0, 1_000, 4_000)
KEPT = (10_000, 40_000)


def run(*, quick: bool = False) -> dict[str, object]:
    """Milliseconds of a sweep in which so many of so many expire; median of the rounds. The files lie on a real disk."""
    rounds = 1 if quick else 3
    figures: dict[str, object] = {}
    for kept in KEPT[: 1 if quick else None]:
        for expired in EXPIRED:
            times = [_destroying(kept, expired) for _ in range(rounds)]
            figures[f"{expired}_of_{kept + expired}"] = {"ms": round(1000 * statistics.median(times), 1)}
    for envelopes in (200, 800):
        times = [_stepping(envelopes) for _ in range(rounds)]
        each = 1e6 * statistics.median(times) / envelopes
        figures[f"step_down_{envelopes}"] = {"ms": round(1000 * statistics.median(times), 1), "us_each": round(each)}
    return figures


def _destroying(kept: int, expired: int) -> float:
    """A world of so many rows, whose term is over for some at the moment of the sweep."""
    with tempfile.TemporaryDirectory() as directory:
        world = World(Path(directory))
        tracker = world.enrol(first_epoch=TODAY - 200)
        end = NOON - 90 * DAY  # of the demo's term for positions
        span = 80 * DAY / max(1, kept)
        rows = [_row(tracker, n, end + 60 + n * span) for n in range(kept)]
        rows += [_row(tracker, kept + n, end - 60 - n) for n in range(expired)]
        world.sweeper.sweep(clock_confirmed=True)  # days of before have keys and no rows: none of what is measured
        world.database.add_envelopes(rows)
        began = time.perf_counter()
        report = world.sweeper.sweep(clock_confirmed=True)
        took = time.perf_counter() - began
        assert report.envelopes == expired
        world.close()
        return took


def _row(tracker: Tracker, n: int, capture: float) -> StoredEnvelope:
    number = EnvelopeId(tracker.name, n // 4096, Stream.LOCATION, int(capture) // DAY, n % 4096)
    return StoredEnvelope(number, n.to_bytes(8, "big"), 1, b"sealed" * 30, capture + 60, capture)


def _stepping(envelopes: int) -> float:
    """Envelopes of twenty fixes that all step down in one sweep: opened, made coarser, sealed, committed, keys destroyed."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        (home / "files").mkdir()
        world = World(home / "files", policy_file=policy(home))
        days = range(TODAY - 40, TODAY - 40 + max(1, envelopes // 200))
        tracker = world.enrol(first_epoch=days[0])
        world.keys.advance_all(TODAY)
        for day in days:
            world.database.add_envelopes(_sealed(tracker, day, min(200, envelopes)))
        began = time.perf_counter()
        report = world.sweeper.sweep(clock_confirmed=True)
        took = time.perf_counter() - began
        assert report.stepped == envelopes
        world.close()
        return took


def _sealed(tracker: Tracker, day: int, count: int) -> list[StoredEnvelope]:
    found = []
    for counter in range(count):
        fixes = drive(range(day * DAY + counter * 400, day * DAY + counter * 400 + FIXES * 20, 20))
        payload = tracker.seal(pack_location(Precision.CELL_100M, fixes, day), epoch=day)
        number = EnvelopeId(tracker.name, 0, Stream.LOCATION, day, counter)
        found.append(StoredEnvelope(number, digest8(payload), 1, payload, day * DAY + 1.0, float(fixes[0].time)))
    return found
