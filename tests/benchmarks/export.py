"""The copy of a person's year: 100,000 fixes and ten readings a day of three other streams, written as the access copy and as the
portability copy with all its forms, and handed over; and a case. Goal of the access copy: at most 10 s, flat in memory.

The store is filled by the server's own ingest under the profile CT with terms of thirteen months. Seconds are of one process on one
core; `peak_mb` is what Python allocates at most meanwhile (tracemalloc, in a pass of its own), for a year and for a tenth of it.
"""

from __future__ import annotations

import shutil
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from cloud_sync.disclosure import CallbackSink, Kind
from cloud_sync.model import EPOCH_SECONDS, Actor
from tests.clauses.made import DAY, HERE, T0, U1, World

FIXES, PER_ENVELOPE, DAYS = 100_000, 20, 365
OTHERS = 10  # readings of each other stream a day
GOAL_S = 10.0
CASES = 100


def run(quick: bool) -> dict[str, object]:
    """Seconds, rows and bytes of each copy, and the peak of memory."""
    with tempfile.TemporaryDirectory() as name:
        tenth = _filled(Path(name) / "tenth", FIXES // 10, DAYS // 10)
        year = tenth if quick else _filled(Path(name) / "year", FIXES, DAYS)
        figures: dict[str, object] = {
            "access": _timed(year, lambda where: _copy(year, where, Kind.ACCESS)),
            "portability_all_forms": _timed(year, lambda where: _copy(year, where, Kind.PORTABILITY)),
            "handed_over": _timed(year, lambda _: _handed(year)),
            "ms_of_a_case_from_receipt_to_evidence": _case_ms(tenth),
            "peak_mb_of_a_year": _peak(year),
            "peak_mb_of_a_tenth": _peak(tenth),
            "goal_s": GOAL_S,
        }
        for world in {id(year): year, id(tenth): tenth}.values():
            world.close()
    return figures


def _copy(world: World, where: Path, kind: Kind) -> int:
    made = world.cloud.export(where, "u-1", actor=U1, kind=kind)
    return made.manifest.rows


def _handed(world: World) -> int:
    rights = world.cloud.rights
    case = rights.open("u-1", "portability", received_at=world.now, channel="portal", by="u-1", login=U1).cases[0]
    rights.decide(case.case_id, "granted", by="desk-1")
    sink = CallbackSink(lambda _: None)
    made = rights.carry.hand_over(case.case_id, receiver="r-2", region="NL", sink=sink, actor=U1)
    return int(made.rows)


def _case_ms(world: World) -> float:
    """A question, opened, identified, decided, answered and closed: the mean of a hundred, each a person of its own."""
    rights, started = world.cloud.rights, time.perf_counter()
    for n in range(CASES):
        who = Actor(f"p-{n}", "data_subject", mfa=True)
        [case] = rights.open(who.id, "question", received_at=world.now, channel="portal", by=who.id, login=who).cases
        rights.decide(case.case_id, "granted", by="desk-1")
        rights.answer(case.case_id, by="desk-1", letter=b"told")
        rights.close(case.case_id, by="desk-1")
    return round((time.perf_counter() - started) / CASES * 1000, 1)


def _timed(world: World, work: Callable[[Path], int]) -> dict[str, float]:
    where = world.folder / "copy"
    started = time.perf_counter()
    rows = work(where)
    took = time.perf_counter() - started
    size = sum(path.stat().st_size for path in where.rglob("*")) if where.exists() else 0
    shutil.rmtree(where, ignore_errors=True)
    return {"s": round(took, 2), "rows": rows, "mb": round(size / 1e6, 1)}


def _peak(world: World) -> float:
    tracemalloc.start()
    _copy(world, world.folder / "copy", Kind.ACCESS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    shutil.rmtree(world.folder / "copy")
    return round(peak / 1e6, 1)


def _filled(folder: Path, fixes: int, days: int) -> World:
    folder.mkdir()
    longer = ('retention = "P90D"', 'retention = "P13M"')
    world = World(folder, "ct", [longer] * 3, start=T0 - days * DAY)
    tracker = world.tracker()
    first, a_day = int(T0) // EPOCH_SECONDS - days, fixes // PER_ENVELOPE // days + 1
    left = fixes // PER_ENVELOPE
    for day in range(first, first + days):
        world.clock.at = (day + 1) * EPOCH_SECONDS - 60.0
        begin = day * EPOCH_SECONDS + 7_200
        many = min(a_day, left)
        times = [[begin + (n * PER_ENVELOPE + k) * 60 for k in range(PER_ENVELOPE)] for n in range(many)]
        left -= many
        some = [begin + 3_600 * n for n in range(OTHERS)]
        world.take(
            tracker,
            *(tracker.fixes(each, place=HERE) for each in times),
            tracker.motion([(time_s, 1) for time_s in some], version=1),
            tracker.environment([(time_s, 215, 80) for time_s in some], version=1),
        )
    world.clock.at = (first + days) * float(EPOCH_SECONDS)
    return world
