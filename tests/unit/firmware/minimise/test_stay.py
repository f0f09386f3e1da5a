"""Stays: two entries at one position, and nothing of the ways between them."""

from __future__ import annotations

import random
from typing import Any

import pytest

from firmware.minimise import Minimiser
from tests.unit.firmware.minimise.leaving import Fix, directive, leave, leaving
from tests.unit.firmware.minimise.test_distance import LAT_E7, LON_E7, PER_M, seconds, ways
from tests.unit.firmware.test_minimise import DAY_START_S, NOON_S

HALT = {"stay": 50, "stay_time": 300}


def wander(seed: int, n: int = 60, reach_m: float = 30, step_s: int = 10, begin_s: int = NOON_S) -> list[Fix]:
    """A way that stays within `reach_m` of its first fix, with speeds, courses and accuracies of its own."""
    choose = random.Random(seed)
    fixes = [(begin_s, LAT_E7, LON_E7, 4200, 1000, 9_000_000, 3, 9)]
    for i in range(1, n):
        north, east = (choose.uniform(-0.7, 0.7) * reach_m for _ in range(2))
        at = (round(LAT_E7 + north * PER_M), round(LON_E7 + east * PER_M / 0.6428))
        side = (choose.randint(500, 60_000), choose.randint(0, 3000), choose.randint(0, 35_999_999))
        fixes.append((begin_s + step_s * i, *at, *side, 3, 9))
    return fixes


def away(begin_s: int, n: int = 5) -> list[Fix]:
    """A drive north that begins 200 m away, 150 m each ten seconds."""
    return [(begin_s + 10 * i, LAT_E7 + (200 + 150 * i) * PER_M, LON_E7, 4200, 15_000, 0, 3, 9) for i in range(n)]


def test_a_stay_leaves_as_its_beginning_and_its_end() -> None:
    """Ten minutes of wandering: two entries at the first position, then the drive."""
    fixes = wander(1) + away(NOON_S + 600)
    entries = leave(fixes, **HALT)
    assert seconds(entries) == [0, 590, 600, 610, 620, 630, 640]
    assert entries[0][1:] == entries[1][1:] and entries[1][1:] != entries[2][1:]


@pytest.mark.parametrize("fields", [0, 1])
def test_nothing_of_the_ways_within_a_stay_leaves(fields: int) -> None:
    """Twenty ways with other positions, speeds, courses and accuracies, of one beginning: the same bytes."""
    left = {tuple(leave(wander(seed) + away(NOON_S + 600), **HALT, fields=fields)) for seed in range(20)}
    assert len(left) == 1
    without = {tuple(leave(wander(seed) + away(NOON_S + 600), fields=fields)) for seed in range(20)}
    assert len(without) == 20


def test_the_end_of_a_stay_tells_no_speed() -> None:
    """With leave for speed and course: 0 and the course with which it began."""
    begin, end, *_ = leave(wander(3) + away(NOON_S + 600), **HALT, fields=1)
    assert begin[4:] == (10, 90) and end[4:] == (0, 90)


def test_a_short_halt_is_none() -> None:
    """Four minutes: its first and its last fix leave, each where it was."""
    fixes = wander(1, n=25) + away(NOON_S + 250)
    entries = leave(fixes, **HALT)
    assert seconds(entries)[:3] == [0, 240, 250] and entries[0][1:3] != entries[1][1:3]
    assert set(entries) <= set(leave(fixes))


def test_on_the_road_nothing_is_held_back_for_long() -> None:
    """Each fix 150 m from the one before: all leave, each when the next has come."""
    minimiser = Minimiser(directive(**HALT))
    left = [seconds(list(minimiser.accept(fix))) for fix in away(NOON_S)]
    assert left == [[], [0], [10], [20], [30]] and seconds(list(minimiser.flush())) == [40]


def test_the_beginning_leaves_once_it_is_a_stay() -> None:
    """After five minutes, not when it ends hours later."""
    minimiser = Minimiser(directive(**HALT))
    left = [len(minimiser.accept(fix)) for fix in wander(1)]
    assert [i * 10 for i, n in enumerate(left) if n] == [300]


def test_over_midnight_a_stay_keeps_its_position() -> None:
    """It ends with the day and begins anew at the same place: the second day's own wandering tells nothing either."""
    begin_s = DAY_START_S + 86_400 - 600
    left = []
    for seed in range(5):
        fixes = wander(seed, n=120, begin_s=begin_s) + away(begin_s + 1200)
        left.append(leave(fixes, **HALT))
    times = [entry[0] - begin_s for entry in left[0]]
    assert times[:5] == [0, 590, 600, 1190, 1200]
    assert len({entry[1:] for entry in left[0][:4]}) == 1
    assert all(entries == left[0] for entries in left)


@pytest.mark.parametrize(
    ("gap_s", "changes", "ends"),
    [
        (80, {}, False),
        (90, {}, True),
        (90, {"rest": 30}, False),
        (70, {"hours": [[726, 727]]}, True),
        (70, {"hours": [[735, 736]]}, False),
    ],
    ids=str,
)
def test_nobody_knows_where_it_was_in_a_gap(gap_s: int, changes: dict[str, Any], ends: bool) -> None:
    """No fix for more than twice the interval and a minute, or a quiet hour in between: the stay was two."""
    first = wander(1, n=36)
    again = wander(2, n=40, begin_s=first[-1][0] + gap_s - 10)
    fixes = [fix for fix in first + again[1:] if not directive(**changes).closed_at(fix[0])]
    entries = leave(fixes, **HALT, **changes)
    assert len(entries) == (4 if ends else 2)


@pytest.mark.parametrize(("interval_s", "ends"), [(0, True), (60, False)])
def test_a_low_battery_parts_no_stay(interval_s: int, ends: bool) -> None:
    """Fixes each two minutes under a directive with ten seconds: parted, unless the intervals are stretched."""
    minimiser = Minimiser(directive(**HALT))
    entries = [entry for fix in wander(1, step_s=120, n=20) for entry in minimiser.accept(fix, interval_s)]
    assert len(entries + list(minimiser.flush())) == (20 if ends else 2)


def test_flushing_twice_gives_nothing_twice() -> None:
    """What has left is held no more, whatever lies open."""
    under = directive(**HALT, error=20, distance=5)
    minimiser = Minimiser(under)
    for fix in wander(1, n=50):
        minimiser.accept(fix)
    assert minimiser.flush() and not minimiser.flush()
    assert leaving(ways(), under) != []
