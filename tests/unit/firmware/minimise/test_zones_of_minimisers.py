"""Private zones: what leaves is the same whatever happened in them, and the same as if nothing had been sensed there.

The tracks are ways through the cell in which the zone lies; of two runs the fixes outside are the same, those inside are
anything: another way, a halt, another receiver, or no fix at all.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from firmware.wire.batch import pack_location
from firmware.wire.cells import CELL_1KM, cell_of, centre_e7
from firmware.wire.places import pack_places
from tests.unit.firmware.minimise.leaving import Fix, directive, leave, leaving
from tests.unit.firmware.minimise.tracks import drive

CELLS = Counter(cell_of(*fix[1:3], CELL_1KM) for fix in drive("bus")[60:-60])
ZONE = CELLS.most_common(1)[0][0]  # where the bus was longest, but for its ends
EDGE = next(fix for fix in drive("bus") if cell_of(*fix[1:3], CELL_1KM) == ZONE)
MIDDLE = centre_e7(*ZONE, CELL_1KM)
MINIMISERS: dict[str, dict[str, Any]] = {
    "all fixes": {},
    "speed and course": {"fields": 1},
    "cells": {"precision": 1},
    "regions": {"precision": 4},
    "distance": {"distance": 300},
    "distance, turn and rest": {"distance": 300, "turn": 30, "rest": 120},
    "stay": {"stay": 300, "stay_time": 60},
    "short stay": {"stay": 30, "stay_time": 20, "fields": 1},
    "error": {"error": 50},
    "wide error": {"error": 2000, "batch_age": 600},
    "blur": {"blur": 300},
    "all of them": {"distance": 60, "turn": 20, "rest": 60, "stay": 100, "stay_time": 60, "error": 30, "blur": 100},
    "places at the zone": {
        "precision": 6,
        "places": [[1, *cell_of(*EDGE[1:3], 0), 600], [2, *cell_of(*MIDDLE, 0), 90]],
    },
    "a great place": {"precision": 6, "places": [[1, *cell_of(*EDGE[1:3], 0), 3000], [3, *cell_of(*MIDDLE, 0), 200]]},
}


def inside(fix: Fix) -> bool:
    """True in the zone."""
    return cell_of(*fix[1:3], CELL_1KM) == ZONE


def other_way(fixes: tuple[Fix, ...], seed: int) -> list[Fix]:
    """The same outside the zone; in it anything that stays in it, at the same times or without some of them."""
    choose = random.Random(seed)
    lat, lon = centre_e7(*ZONE, CELL_1KM)
    changed = []
    for fix in fixes:
        if not inside(fix):
            changed.append(fix)
        elif seed and choose.random() < 0.9:
            at = (lat + choose.randint(-49_000, 49_000), lon + choose.randint(-49_000, 49_000))
            changed.append((fix[0], *at, choose.choice((900, 60_000, -1, 900_000)), choose.randint(0, 40_000), 0, 3, 5))
    return changed


def envelopes(fixes: list[Fix], **changes: Any) -> list[bytes]:
    """Plaintexts of all that leaves, ten to a batch."""
    under = directive(fixes, zones=[list(ZONE)], batch=10, **changes)
    entries = leaving(fixes, under)
    batches = [entries[i : i + 10] for i in range(0, len(entries), 10)]
    epoch = fixes[0][0] // 86_400
    if under.places:
        return [pack_places(batch, epoch) for batch in batches]
    return [pack_location(under.precision, batch, epoch) for batch in batches]


def there_and_back() -> tuple[Fix, ...]:
    """The bus, turned at the end: through the zone twice, with stays at its edge."""
    fixes = list(drive("bus"))
    for fix in reversed(drive("bus")):
        fixes.append((fixes[-1][0] + 10, *fix[1:]))
    edge = next(i for i, fix in enumerate(fixes) if inside(fix)) - 1
    halt = [(fixes[edge][0] + 10 * i, *fixes[edge][1:]) for i in range(20)]
    rest = [(fix[0] + 200, *fix[1:]) for fix in fixes[edge:]]
    return tuple(fixes[:edge] + halt + rest)


@pytest.mark.parametrize("name", sorted(MINIMISERS))
def test_what_happens_in_a_zone_changes_no_byte_outside(name: str) -> None:
    """Ten other ways, and none at all: the same envelopes, byte for byte; and there are some, before and behind."""
    fixes = there_and_back()
    assert sum(map(inside, fixes)) > 40
    expected = envelopes(list(fixes), **MINIMISERS[name])
    assert expected
    for seed in range(10):
        assert envelopes(other_way(fixes, seed), **MINIMISERS[name]) == expected


@pytest.mark.parametrize("name", sorted(set(MINIMISERS) - {"regions"}))  # one hour in one region is one entry anyway
def test_without_the_zone_the_same_ways_differ(name: str) -> None:
    """A control: what happens there would be seen, if the zone were not there."""
    fixes = there_and_back()
    under = directive(fixes, **MINIMISERS[name])
    assert any(leaving(other_way(fixes, seed), under) != leaving(fixes, under) for seed in range(5))


@pytest.mark.parametrize("name", [name for name in MINIMISERS if "place" not in name and "blur" not in name])
def test_no_time_and_no_cell_of_a_zone_leaves(name: str) -> None:
    """Each entry is of a fix outside; no stay, line or distance speaks of the time within."""
    fixes = there_and_back()
    step_s = {"cells": 10, "regions": 3600}.get(name, 1)
    times = {fix[0] - fix[0] % step_s for fix in fixes if not inside(fix)}
    assert {entry[0] for entry in leave(fixes, zones=[list(ZONE)], **MINIMISERS[name])} <= times


def test_a_stay_at_the_edge_of_a_zone_does_not_reach_into_it() -> None:
    """It stood outside, went in for more than the gap, and came back to the same spot: two stays, not one."""
    edge = next(i for i, fix in enumerate(drive("bus")) if inside(fix)) - 1
    spot, begin_s = drive("bus")[edge][1:], drive("bus")[edge][0]
    lat, lon = centre_e7(*ZONE, CELL_1KM)
    fixes = [(begin_s + 10 * i, *(spot[:2] if i < 40 or i >= 80 else (lat, lon)), *spot[2:]) for i in range(120)]
    kept = leave(fixes, zones=[list(ZONE)], stay=100, stay_time=120)
    assert [entry[0] - begin_s for entry in kept] == [0, 390, 800, 1190]


def test_a_place_in_a_zone_is_never_entered() -> None:
    """Not by a fix there, nor by a way that leads through it between two fixes outside, close as they may be."""
    lat, lon = centre_e7(*ZONE, CELL_1KM)
    place = [5, lat // 100, lon // 100, 100]
    row, col = ZONE
    through = [(1_769_446_000 + 10 * i, lat + (i - 3) * 40_000, lon, 4200, 0, 0, 3, 9) for i in range(7)]
    jump = [through[0], (*[through[0][0] + 10], *through[-1][1:])]
    for fixes in (through, jump):
        assert [event[1:] for event in leave(fixes, precision=6, places=[place])] == [(5, 1), (5, 2)]
        assert leave(fixes, precision=6, places=[place], zones=[[row, col]]) == []


def test_a_place_that_was_left_in_a_zone_is_left_where_the_zone_ends() -> None:
    """The crossing lay in the zone: its time is not told, the time of the first fix outside is."""
    lat, lon = centre_e7(*ZONE, CELL_1KM)
    place = [5, (lat - 60_000) // 100, lon // 100, 300]  # just south of the zone
    fixes = [(1_769_446_020 + 60 * i, lat - 60_000 + i * 20_000, lon, 4200, 0, 0, 3, 9) for i in range(8)]
    assert [cell_of(*fix[1:3], CELL_1KM) == ZONE for fix in fixes] == [False] + [True] * 5 + [False] * 2
    found = leave(fixes, precision=6, places=[place], zones=[list(ZONE)], interval=60)
    assert [(time_s - fixes[0][0], event) for time_s, _, event in found] == [(0, 1), (360, 2)]


@pytest.mark.parametrize(("interval", "told_s"), [(60, 120), (100, 60)])
def test_behind_a_zone_no_crossing_is_interpolated(interval: int, told_s: int) -> None:
    """One fix was in the zone, or none that is known of: between fixes of which one is missing nobody knows the way, though
    the straight one would cross the circle outside; with none missing it is believed.
    """
    lat, lon = MIDDLE
    place = [5, (lat + 100_000) // 100, lon // 100, 400]
    north = (-60_000, 150_000) if interval > 60 else (-60_000, 0, 100_000)
    fixes = [
        (1_769_446_020 + 120 * i // (len(north) - 1), lat + way, lon, 4200, 0, 0, 3, 9) for i, way in enumerate(north)
    ]
    found = leave(fixes, precision=6, places=[place], zones=[list(ZONE)], interval=interval)
    assert found[0] == (fixes[0][0] + told_s, 5, 1)
