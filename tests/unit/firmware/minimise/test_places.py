"""Events of places: entered and left, crossings between two fixes, hysteresis, zones and hours."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from typing import Any

import pytest

from firmware.minimise import Minimiser
from firmware.minimise.places import _root
from firmware.wire.cells import cell_of
from firmware.wire.places import pack_places, unpack_places
from tests.unit.firmware.minimise.leaving import Fix, directive, leave, metres
from tests.unit.firmware.minimise.test_distance import LAT_E7, LON_E7, PER_M
from tests.unit.firmware.minimise.tracks import drive
from tests.unit.firmware.test_minimise import DAY_START_S, NOON_S

PLACE = [7, LAT_E7 // 100, LON_E7 // 100, 200]
PLACES: dict[str, Any] = {"precision": 6, "places": [PLACE]}
ENTERED, LEFT = 1, 2


def way(*metres_north: float, step_s: int = 10, begin_s: int = NOON_S, **fields: int) -> list[Fix]:
    """Fixes so far north of the place."""
    acc = fields.get("h_acc_mm", 4200)
    return [
        (begin_s + i * step_s, round(LAT_E7 + north * PER_M), LON_E7, acc, 0, 0, 3, 9)
        for i, north in enumerate(metres_north)
    ]


def events(fixes: Sequence[Fix], **changes: Any) -> list[tuple[int, int, int]]:
    """Events with times since noon."""
    return [(time_s - NOON_S, place, event) for time_s, place, event in leave(fixes, **(PLACES | changes))]


def test_entering_and_leaving() -> None:
    """In at 200 m, out at 225 m; between there is nothing; times are minutes."""
    fixes = way(*range(-1000, 1001, 10))
    assert events(fixes) == [(780, 7, ENTERED), (1200, 7, LEFT)]


def test_no_position_leaves() -> None:
    """An event is three numbers, none of which is nearer to where it was than the place is."""
    assert {len(event) for event in leave(way(*range(-1000, 1001, 10)), **PLACES)} == {3}


def test_who_is_there_at_first_has_entered() -> None:
    """Nobody knows since when; who is outside at first tells nothing."""
    assert events(way(0)) == [(0, 7, ENTERED)]
    assert events(way(300)) == []


def test_on_the_edge_nothing_is_told_again_and_again() -> None:
    """To and fro over the radius within the margin: entered once, and left once it is 225 m away."""
    assert events(way(300, *[190, 215] * 30, 240)) == [(0, 7, ENTERED), (600, 7, LEFT)]


@pytest.mark.parametrize(
    ("radius", "inside_m", "outside_m"), [(50, 74, 80), (200, 224, 230), (8000, 8990, 9020), (50_000, 56_200, 56_300)]
)
def test_the_margin_is_an_eighth_and_25_m_at_least(radius: int, inside_m: float, outside_m: float) -> None:
    """Just within it the place is not left, just beyond it is."""
    place = {"places": [[7, *PLACE[1:3], radius]]}
    assert events(way(0, inside_m), **place) == [(0, 7, ENTERED)]
    assert [event for *_, event in events(way(0, outside_m), **place)] == [ENTERED, LEFT]


def test_a_crossing_between_two_fixes_is_told_at_its_own_time() -> None:
    """A fix each five minutes, even speed: the times are those of the circle and not of the fixes."""
    fixes = way(-2000, 0, 2000, step_s=300)
    assert events(fixes, interval=300) == [(240, 7, ENTERED), (300, 7, LEFT)]
    fixes = way(-2000, 0, 8000, step_s=600)
    assert events(fixes, interval=600) == [(540, 7, ENTERED), (600, 7, LEFT)]


def test_a_place_that_was_passed_between_two_fixes_was_entered_and_left() -> None:
    """A kilometre before it, a kilometre behind it; the same way past it, 300 m to the east, tells nothing."""
    fixes = way(-3000, 3000, step_s=600)
    assert events(fixes, interval=600) == [(240, 7, ENTERED), (300, 7, LEFT)]
    aside = [(*fix[:2], fix[2] + round(300 * PER_M / 0.6428), *fix[3:]) for fix in fixes]
    assert events(aside, interval=600) == []


def test_crossings_agree_with_a_fine_track() -> None:
    """A thousand straight ways in a thousand directions: interpolated events within a minute of those of one second."""
    choose = random.Random(4)
    told = 0
    for _ in range(150):
        (n0, e0), (n1, e1) = ((choose.uniform(-900, 900), choose.uniform(-900, 900)) for _ in range(2))

        def at(
            share: float, begin: tuple[float, float] = (n0, e0), end: tuple[float, float] = (n1, e1)
        ) -> tuple[int, int]:
            north, east = (a + share * (b - a) for a, b in zip(begin, end, strict=True))
            return round(LAT_E7 + north * PER_M), round(LON_E7 + east * PER_M / 0.6428)

        fine = [(NOON_S + s, *at(s / 600), 4200, 0, 0, 3, 9) for s in range(601)]
        sparse = events(fine[::600], interval=600)
        dense = events(fine, interval=600)
        # A way that only grazes the circle differs by rounding; all others agree.
        nearest = min(metres(fix[1:3], (LAT_E7, LON_E7)) for fix in fine)
        if abs(nearest - 200) > 3:
            assert [event[1:] for event in sparse] == [event[1:] for event in dense], (n0, e0, n1, e1)
            assert all(abs(a[0] - b[0]) <= 60 for a, b in zip(sparse, dense, strict=True))
            told += len(sparse)
    assert told > 60


def test_after_a_gap_nobody_knows_the_way() -> None:
    """More than twice the interval and a minute: what is so at the fix counts, at its time; a passed place is not told."""
    assert events(way(-3000, 3000, step_s=600)) == []
    assert events(way(0, 3000, step_s=600)) == [(0, 7, ENTERED), (600, 7, LEFT)]
    assert events(way(-3000, 0, step_s=80)) == [(60, 7, ENTERED)]
    assert events(way(-30_000, 0, step_s=90)) == [(60, 7, ENTERED)]


def test_several_places_at_once_are_told_in_the_order_of_time() -> None:
    """Two that overlap, and one far away."""
    north = [8, (LAT_E7 + 300 * PER_M) // 100, PLACE[2], 200]
    far = [9, PLACE[1] + 100_000, PLACE[2], 50]
    found = events(way(-3000, 3000, step_s=600), interval=600, places=[north, far, PLACE])
    assert found == [(240, 7, ENTERED), (300, 7, LEFT), (300, 8, ENTERED), (300, 8, LEFT)]
    assert found == sorted(found)


def test_a_poor_fix_tells_of_no_place() -> None:
    """One that is less accurate than the smallest place is wide, or of an unknown accuracy; it does not count as away."""
    assert events(way(0, h_acc_mm=200_000)) == [(0, 7, ENTERED)]
    assert events(way(0, h_acc_mm=200_001)) == events(way(0, h_acc_mm=-1)) == []
    fixes = [*way(0, 0), *way(9000, begin_s=NOON_S + 20, h_acc_mm=-1), *way(0, begin_s=NOON_S + 30)]
    assert events(fixes) == [(0, 7, ENTERED)]
    small = [8, PLACE[1] + 100_000, PLACE[2], 50]
    assert events(way(0, h_acc_mm=60_000), places=[PLACE, small]) == []


def test_a_crossing_before_midnight_is_told_in_the_day_of_its_fix() -> None:
    """The keys of the day before are gone; it lies in the first minute of the new one."""
    fixes = way(-3000, 100, step_s=600, begin_s=DAY_START_S + 86_400 - 590)
    found = leave(fixes, **PLACES, interval=600)
    assert found == [(DAY_START_S + 86_400, 7, ENTERED)]
    assert pack_places(found, DAY_START_S // 86_400 + 1)


def test_in_a_quiet_hour_nothing_happens() -> None:
    """A crossing that would lie in it is told at the first fix behind it, or not at all."""
    hours = [[720 + 1, 720 + 9]]
    fixes = way(-3000, 0, step_s=590)
    assert events(fixes, interval=600, hours=[]) == [(540, 7, ENTERED)]
    assert events(fixes, interval=600, hours=hours) == [(540, 7, ENTERED)]
    fixes = way(-3000, 0, step_s=570)
    assert events(fixes, interval=600, hours=hours) == [(540, 7, ENTERED)]
    assert events(way(-3000, 3000, step_s=590), interval=600, hours=hours) == []


@pytest.mark.parametrize(("back_s", "told"), [(120, False), (121, True), (3 * 3600, True)])
def test_a_clock_that_is_taken_back_silences_no_place(back_s: int, told: bool) -> None:
    """Up to two minutes behind the last fix nothing is told until it has caught up; beyond them all goes on at once."""
    fixes = way(300, 300) + way(0, 300, begin_s=NOON_S + 10 - back_s)
    begin_s = (10 - back_s) // 60 * 60
    assert events(fixes) == ([(begin_s, 7, ENTERED), ((20 - back_s) // 60 * 60, 7, LEFT)] if told else [])


def test_a_clock_that_is_taken_back_repeats_no_event() -> None:
    """Who was inside still is: nothing is entered twice, and it is left when it is left; no way leads over the fall."""
    fixes = way(0, 0) + way(0, 0, 300, begin_s=NOON_S - 7200)
    assert events(fixes) == [(0, 7, ENTERED), (-7200, 7, LEFT)]
    assert events(way(-3000) + way(3000, begin_s=NOON_S - 600), interval=600) == []


@pytest.mark.parametrize("place_e7", [0, 1_799_900_000, -900_000_000, LON_E7])
def test_opposite_a_place_nothing_happens(place_e7: int) -> None:
    """The way crosses the meridian of the other side, eastward and westward: it passes no place here."""
    other = (place_e7 + 3_600_000_000) % 3_600_000_000 - 1_800_000_000
    ends = [other - 5000, other + 5000]
    place = [1, LAT_E7 // 100, place_e7 // 100, 50_000]
    for first, last in (ends, reversed(ends)):
        lons = [(lon + 1_800_000_000) % 3_600_000_000 - 1_800_000_000 for lon in (first, last)]
        fixes = [(NOON_S + 10 * i, LAT_E7, lon, 4200, 0, 0, 3, 9) for i, lon in enumerate(lons)]
        assert events(fixes, places=[place]) == []


def test_a_place_on_the_antimeridian_is_passed() -> None:
    """A control: between two fixes on both sides of it the place is entered and left."""
    place = [1, LAT_E7 // 100, 17_999_999, 200]
    lons = (1_799_000_000, -1_799_000_000)
    fixes = [(NOON_S + 600 * i, LAT_E7, lon, 4200, 0, 0, 3, 9) for i, lon in enumerate(lons)]
    assert [event[1:] for event in events(fixes, interval=600, places=[place])] == [(1, ENTERED), (1, LEFT)]


def test_the_order_within_a_minute_is_not_told() -> None:
    """Whatever came first: rows of a batch go by time, place and event."""
    rows = [(NOON_S, 9, LEFT), (NOON_S, 8, ENTERED), (NOON_S, 8, LEFT), (NOON_S + 60, 1, LEFT)]
    packed = {pack_places(list(order), NOON_S // 86_400) for order in itertools.permutations(rows)}
    assert len(packed) == 1
    ordered = [(NOON_S, 8, ENTERED), (NOON_S, 8, LEFT), (NOON_S, 9, LEFT), (NOON_S + 60, 1, LEFT)]
    assert unpack_places(packed.pop(), NOON_S // 86_400) == ordered


def test_the_whole_square_root() -> None:
    """Of small squares, of squares as they come here, and of one less."""
    for square in [*range(100), 10**24, 10**24 - 1, (3 * 10**13) ** 2 + 1]:
        assert _root(square) ** 2 <= square < (_root(square) + 1) ** 2


def test_a_real_drive_past_three_stops() -> None:
    """The bus, at three places on its way: each entered and left once, and the fixes say the same."""
    fixes = list(drive("bus"))
    stops = [cell_of(*fixes[i][1:3], 0) for i in (80, 170, 260)]
    places = [[i + 1, *stop, 150] for i, stop in enumerate(stops)]
    found = leave(fixes, precision=6, places=places)
    assert [event[1:] for event in found] == [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2)]
    for time_s, place, event in found:
        near = [fix for fix in fixes if abs(fix[0] - time_s) <= 70]
        centre = (stops[place - 1][0] * 100, stops[place - 1][1] * 100)
        limit = 150 if event == ENTERED else 175
        reach = [metres(fix[1:3], centre) for fix in near]
        assert min(reach) <= limit <= max(reach)


def test_nothing_is_held_back() -> None:
    """Each event leaves at its fix."""
    minimiser = Minimiser(directive(**PLACES))
    assert minimiser.accept(way(0)[0]) and not minimiser.flush()
