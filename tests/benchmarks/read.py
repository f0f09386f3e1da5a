"""A person's year read back: 100,000 fixes in envelopes of 20, by the person, whole, in pieces, and one day of it.

The store is filled by the server's own ingest, day by day, under the demo's policy with a term of a year. Times are wall-clock
seconds of one process on one core; the rows lie in the page cache.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cloud_sync.model import EPOCH_SECONDS, Actor
from cloud_sync.read.query import Query
from cloud_sync.read.sources import LOCATION
from tests.unit.cloud_sync.ingest.ingest_world import NOON, POLICY, TODAY, World

FIXES, PER_ENVELOPE, DAYS = 100_000, 20, 365
ROUNDS = 3


def run(quick: bool) -> dict[str, object]:
    """Seconds, and fixes a second, of the best of three rounds."""
    fixes = FIXES // 10 if quick else FIXES
    with tempfile.TemporaryDirectory() as name:
        world = _filled(Path(name), fixes)
        me = Actor("s-1", "data_subject")
        year = Query(me, "tracking", "s-1", NOON - (DAYS + 1) * EPOCH_SECONDS, NOON + EPOCH_SECONDS)
        day = Query(me, "tracking", "s-1", NOON - 30 * EPOCH_SECONDS, NOON - 29 * EPOCH_SECONDS)
        follower = world.reader.follow(LOCATION, year)
        rows = world.database.envelopes("a" * 16, LOCATION.stream, TODAY - 30, TODAY)[:500]
        figures: dict[str, object] = {"fixes": len(world.reader.location(year))}
        for what, work in (
            ("year", lambda: len(world.reader.location(year))),
            ("year_in_pieces", lambda: sum(len(piece) for piece in world.reader.pieces(LOCATION, year))),
            ("day", lambda: len(world.reader.location(day))),
            ("live_by_envelope", lambda: sum(len(follower.tell(row)) for row in rows)),
        ):
            figures[what] = _timed(work)
        world.close()
    return figures


def _timed(work: Callable[[], int]) -> dict[str, float]:
    best, count = float("inf"), 0
    for _ in range(ROUNDS):
        started = time.perf_counter()
        count = work()
        best = min(best, time.perf_counter() - started)
    return {"s": round(best, 4), "fixes": count, "fixes_a_second": round(count / best)}


def _filled(directory: Path, fixes: int) -> World:
    path = directory / "policy.toml"
    path.write_text(POLICY.read_text("utf-8").replace('retention = "P90D"', 'retention = "P13M"'), "utf-8")
    world = World(directory, policy_file=path)
    first = TODAY - DAYS
    world.clock.at = first * EPOCH_SECONDS + 1.0
    tracker: Any = world.enrol(first_epoch=first)
    world.consent()
    a_day = fixes // PER_ENVELOPE // DAYS + 1
    left = fixes // PER_ENVELOPE
    for day in range(first, TODAY):
        world.clock.at = (day + 1) * EPOCH_SECONDS - 60.0
        start, many = day * EPOCH_SECONDS + 3600, min(a_day, left)
        sealed = [
            tracker.fixes([start + (n * PER_ENVELOPE + k) * 60 for k in range(PER_ENVELOPE)]) for n in range(many)
        ]
        left -= many
        world.take(tracker, *sealed)
    world.clock.at = NOON
    return world
