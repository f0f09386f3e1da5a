"""One-pass simplification: the track can be drawn again within the bound, at the time of each entry that was dropped."""

from __future__ import annotations

import gc
import sys

import pytest

from firmware.minimise import Minimiser
from tests.unit.firmware.minimise.leaving import directive, leave, metres, rising, worst_m
from tests.unit.firmware.minimise.test_distance import seconds, ways
from tests.unit.firmware.minimise.tracks import all_tracks, drive

# A position in 1e-5° is up to 0.8 m from the one in RAM; so is each end of a line.
ROUNDING_M = 1.6


@pytest.mark.parametrize("error_m", [1, 3, 10, 50, 500, 5000])
@pytest.mark.parametrize("name", sorted(all_tracks()))
def test_the_bound_holds_at_every_dropped_fix(name: str, error_m: int) -> None:
    """All corpora, to where a clock is taken back: none is further off than the bound, first and last leave, times rise."""
    fixes = rising(all_tracks()[name])
    whole, kept = leave(fixes), leave(fixes, error=error_m)
    assert set(kept) <= set(whole) and kept[0] == whole[0] and kept[-1] == whole[-1]
    assert [entry[0] for entry in kept] == sorted({entry[0] for entry in kept})
    assert worst_m(whole, kept) <= error_m


def test_it_is_worth_it() -> None:
    """Of the bus's fixes two in three are dropped at 50 m, of the walker's nine in ten; less at less."""
    for name, at_most in (("bus", 0.36), ("walk", 0.12)):
        whole = leave(drive(name))
        kept = {error_m: len(leave(drive(name), error=error_m)) for error_m in (10, 50, 200)}
        assert kept[200] < kept[50] < kept[10] < len(whole) and kept[50] <= at_most * len(whole), kept


def test_a_straight_way_is_two_entries() -> None:
    """Even speed, no bend: beginning and end; with one bend three, and the bend within the bound of its fix."""
    assert seconds(leave(ways(*[(100, 50)] * 30), error=10)) == [0, 300]
    assert seconds(leave(ways(*[(100, 0)] * 15, *[(0, 100)] * 15), error=10)) == [0, 150, 300]


def test_a_halt_on_a_straight_way_shows() -> None:
    """The line is the same, the time is not: distance alone, as of Ramer, Douglas and Peucker, would drop the halt."""
    kept = leave(ways(*[(100, 0)] * 10, *[(0, 0)] * 20, *[(100, 0)] * 10), error=50)
    assert len(kept) == 4 and seconds(kept)[0] == 0 and seconds(kept)[-1] == 400


def test_a_line_is_no_longer_than_a_batch_may_wait() -> None:
    """At rest, one each `batch_age`, so that where it is is known."""
    assert seconds(leave(ways(*[(0, 0)] * 90), error=10, batch_age=300)) == [0, 300, 600, 900]


@pytest.mark.parametrize("precision", range(5))
def test_cells_are_simplified_as_cells(precision: int) -> None:
    """Between centres of cells the bound holds too, for each that would leave without it."""
    fixes = drive("walk")
    whole, kept = leave(fixes, precision=precision), leave(fixes, precision=precision, error=500)
    assert worst_m(whole, kept, precision) <= 500
    assert len(kept) < len(whole) or len(whole) <= 3


def test_far_north_and_over_the_antimeridian() -> None:
    """A way over the pole's cap, and one over 180°: the bound holds there."""
    for lat_e7, lon_e7 in ((899_000_000, 1_799_900_000), (-650_000_000, 1_799_900_000), (0, -1_799_999_000)):
        fixes = []
        for i in range(200):
            lon = (lon_e7 + (i * 7_003 + i * i % 5 * 900) + 1_800_000_000) % 3_600_000_000 - 1_800_000_000
            fixes.append((1_700_000_000 + 10 * i, lat_e7 - i * 4_001 + i * i % 7 * 500, lon, 4200, 0, 0, 3, 9))
        whole, kept = leave(fixes), leave(fixes, error=20)
        assert worst_m(whole, kept) <= 20 and len(kept) < len(whole)


def test_it_remembers_no_more_after_a_thousand_fixes_than_after_ten() -> None:
    """A handful of numbers, whatever the drive: the size of all that hangs on the minimiser does not grow."""
    sizes = []
    for n in (10, 1000):
        minimiser = Minimiser(directive(error=50, stay=20, stay_time=60, distance=5, turn=20))
        for fix in ways(*[(30, 0.01 * i % 7) for i in range(n)]):
            minimiser.accept(fix)
        sizes.append(size_of(minimiser))
    assert sizes[1] <= sizes[0] + 300


def size_of(thing: object) -> int:
    """Bytes of an object and of the tuples, lists and dicts that it holds."""
    seen: dict[int, int] = {}
    todo = [thing]
    while todo:
        each = todo.pop()
        if id(each) in seen or isinstance(each, type) or callable(each):
            continue
        seen[id(each)] = sys.getsizeof(each)
        todo += [part for part in gc.get_referents(each) if not isinstance(part, type)]
    return sum(seen.values())


def test_positions_in_ram_are_passed_within_the_bound_and_the_rounding() -> None:
    """What the server draws passes where the receiver truly said it was."""
    fixes = drive("bus")
    kept = leave(fixes, error=50)
    at = 0
    for fix in fixes:
        while at + 1 < len(kept) and kept[at + 1][0] <= fix[0]:
            at += 1
        (t0, *p0, _), (t1, *p1, _) = kept[at], kept[min(at + 1, len(kept) - 1)]
        share = (fix[0] - t0) / (t1 - t0) if t1 > t0 else 0
        drawn = tuple(100 * (a + share * (b - a)) for a, b in zip(p0, p1, strict=True))
        assert metres(drawn, fix[1:3]) <= 50 + ROUNDING_M
