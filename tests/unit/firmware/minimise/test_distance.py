"""Distance and turn: which entries leave of a way."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.unit.firmware.minimise.leaving import Fix, e7, leave, metres
from tests.unit.firmware.minimise.tracks import drive
from tests.unit.firmware.test_minimise import NOON_S

LAT_E7, LON_E7 = 500_000_000, 80_000_000
PER_M = 90  # e7 of latitude in a metre, about


def ways(*legs: tuple[float, float], step_s: int = 10) -> list[Fix]:
    """Fixes at the ends of legs of so many metres (north, east)."""
    north = east = 0.0
    fixes = [(NOON_S, LAT_E7, LON_E7, 4200, 5000, 0, 3, 9)]
    for leg in legs:
        north, east = north + leg[0], east + leg[1]
        at = (round(LAT_E7 + north * PER_M), round(LON_E7 + east * PER_M / 0.6428))
        fixes.append((NOON_S + step_s * len(fixes), *at, 4200, 5000, 0, 3, 9))
    return fixes


def seconds(entries: list[tuple[int, ...]]) -> list[int]:
    """Times since noon."""
    return [entry[0] - NOON_S for entry in entries]


def test_an_entry_leaves_at_the_distance() -> None:
    """Thirty metres a time, a hundred wanted: each fourth leaves, and the way between them is measured in a line."""
    assert seconds(leave(ways(*[(30, 0)] * 12), distance=100)) == [0, 40, 80, 120]
    assert seconds(leave(ways(*[(30, 0), (-30, 0)] * 20), distance=100)) == [0]


def test_on_a_real_drive_each_pair_is_that_far_apart_and_no_fix_between_was() -> None:
    """The bus, at 200 m: neighbours that leave are 200 m apart, and what is between them is not."""
    fixes = drive("bus")
    whole, kept = leave(fixes), leave(fixes, distance=200)
    assert 20 < len(kept) < len(whole) / 4 and set(kept) <= set(whole)
    assert all(metres(e7(a), e7(b)) >= 198 for a, b in pairwise(kept))
    for entry in whole:
        last = max((each for each in kept if each[0] <= entry[0]), key=lambda each: each[0])
        assert metres(e7(last), e7(entry)) <= 200


def test_after_rest_one_leaves_all_the_same() -> None:
    """At a standstill one each five minutes."""
    assert seconds(leave(ways(*[(0, 0)] * 90), distance=100, rest=300)) == [0, 300, 600, 900]


@pytest.mark.parametrize(("turn", "leaves"), [(80, [0, 220]), (100, [0])])
def test_a_turn_lets_one_leave(turn: int, leaves: list[int]) -> None:
    """North, then east: a corner of 90 degrees long before the distance, told when the next piece of way has its course."""
    fixes = ways(*[(10, 0)] * 20, *[(0, 30)] * 10)
    assert seconds(leave(fixes, distance=1000, turn=turn)) == leaves
    assert seconds(leave(fixes, distance=1000)) == [0]


@pytest.mark.parametrize("back", [(-30, 0), (-30, 2)])
def test_a_turn_beyond_a_right_angle(back: tuple[float, float]) -> None:
    """To and fro is a turn of 180 degrees, about."""
    fixes = ways(*[(30, 0)] * 9, *[back] * 9)
    assert len(leave(fixes, distance=1000, turn=170)) == 2
    assert len(leave(ways(*[(30, 0)] * 9, *[(-20, 25)] * 9), distance=1000, turn=170)) == 1


def test_noise_at_rest_turns_nothing() -> None:
    """Three metres to and fro, a turn of ten degrees would do: nothing leaves."""
    fixes = ways(*[(3, 2), (-3, 1), (2, -3), (-2, 0)] * 20)
    assert seconds(leave(fixes, distance=100, turn=10)) == [0]
