"""Blur: one point for all positions around it, within the bound, and nothing gained by many visits."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from firmware.minimise import Minimiser
from firmware.minimise.blur import Blur
from firmware.wire import cells
from tests.unit.firmware.minimise.leaving import SECRET, directive, e7, leave, leaving, metres
from tests.unit.firmware.minimise.tracks import all_tracks, drive, visits
from tests.unit.firmware.test_minimise import FIX, NOON_S

HOME = (534_067_350, -29_848_730)


def point(blur: Blur, lat_e7: int, lon_e7: int) -> tuple[int, int]:
    """Row and column that leave for a position."""
    row, col = cells.cell_of(lat_e7, lon_e7, 0)
    return blur.entry((NOON_S, row, col, 3))[1:3]


@pytest.mark.parametrize("blur_m", [1, 2, 5, 100, 500, 10_000])
def test_no_point_is_further_away_than_the_blur(blur_m: int) -> None:
    """Ten thousand positions all over the Earth, poles and antimeridian among them, measured on WGS 84."""
    choose, blur = random.Random(blur_m), Blur(blur_m, SECRET)
    furthest = 0.0
    for i in range(4000):
        lat = choose.choice((choose.randint(-900_000_000, 900_000_000), choose.randint(890_000_000, 900_000_000)))
        lon = choose.choice((choose.randint(-1_800_000_000, 1_800_000_000), 1_800_000_000 - i, i - 1_800_000_000))
        row, col = point(blur, lat, lon)
        cells.check_cell(row, col, 0)
        furthest = max(furthest, metres((lat, lon), cells.centre_e7(row, col, 0)))
    assert 0.25 * blur_m < furthest <= blur_m


def test_a_thousand_visits_tell_no_more_than_one() -> None:
    """With noise, on many days, by a minimiser anew each time: the same point for a home that lies on no cell's edge."""
    noise, told = random.Random(5), set()
    for _ in range(1000):
        lat, lon = (round(at + noise.gauss(0, 5) * 90) for at in HOME)
        told.add(point(Blur(500, SECRET), lat, lon))
    assert len(told) == 1
    assert metres(HOME, cells.centre_e7(*told.pop(), 0)) > 50  # and it is not the place itself


def test_the_mean_of_independent_noise_would_be_the_place() -> None:
    """A control of the attack: with a secret for each visit the mean of the points comes within a tenth of the blur."""
    points = [cells.centre_e7(*point(Blur(500, i.to_bytes(16, "big")), *HOME), 0) for i in range(1, 1001)]
    mean = [sum(column) / len(points) for column in zip(*points, strict=True)]
    assert metres(HOME, mean) < 50


@pytest.mark.parametrize("user", ["40153763", "90403900"])
def test_visits_of_people_show_as_few_points(user: str) -> None:
    """Five hundred visits within cells of 750 m: no two cells of ours share a point, a cell has a handful of them."""
    fixes = visits(user)
    entries = leave(fixes, blur=2000)
    assert len(entries) == len(fixes) and len({entry[1:3] for entry in entries}) < len(fixes) / 3
    by_time = {fix[0]: fix for fix in fixes}
    assert all(metres(by_time[entry[0]][1:3], e7(entry)) <= 2000 for entry in entries)


def test_another_device_has_other_points() -> None:
    """By its secret; one bit of it is enough, and the size of the blur counts."""
    told = [point(Blur(500, bytes(15) + bytes([i])), *HOME) for i in range(50)]
    assert len(set(told)) == 50
    assert point(Blur(500, SECRET), *HOME) != point(Blur(2000, SECRET), *HOME)


def test_cells_of_all_blurs_lie_in_each_other() -> None:
    """Positions that share a point at 300 m share one at 1000 m and at 5000 m: no overlap to be told by two of them."""
    fine, middle, coarse = (Blur(metres_, SECRET) for metres_ in (300, 1000, 5000))
    seen: dict[tuple[int, int], set[tuple[tuple[int, int], tuple[int, int]]]] = {}
    choose = random.Random(3)
    for _ in range(3000):
        lat, lon = (at + choose.randint(-300_000, 300_000) for at in HOME)
        seen.setdefault(point(fine, lat, lon), set()).add((point(middle, lat, lon), point(coarse, lat, lon)))
    assert len(seen) > 50 and all(len(above) == 1 for above in seen.values())


def test_points_are_spread_over_their_cells() -> None:
    """Neither in the middle nor at a corner: the way from a cell's first position to its point takes all values."""
    shares = []
    for i in range(400):
        blur = Blur(1000, i.to_bytes(16, "big"))
        row, _ = point(blur, *HOME)
        band = HOME[0] // 100 + blur._north >> blur._rows
        shares.append((row + blur._north - (band << blur._rows)) / (1 << blur._rows))
    assert min(shares) < 0.02 and max(shares) > 0.98 and 0.45 < sum(shares) / len(shares) < 0.55


@pytest.mark.parametrize("lat_e7", [0, 450_000_000, -600_000_000, 850_000_000])
def test_cells_are_as_wide_as_they_may_be_up_to_a_factor_of_two(lat_e7: int) -> None:
    """Ten blurs eastward and northward, at any latitude: a point for each third of the blur at most."""
    blur = Blur(1000, SECRET)
    per_m = 1e7 / metres((lat_e7, 0), (lat_e7, 10_000_000))
    east = {point(blur, lat_e7, round(m * per_m)) for m in range(0, 10_000, 20)}
    north = {point(blur, lat_e7 + round(m * 90), 0) for m in range(0, 10_000, 20)}
    assert 14 <= len(east) <= 31 and 14 <= len(north) <= 31


def test_without_its_secret_nothing_leaves() -> None:
    """Fifteen bytes are none: no position at all, and the receiver is not wanted."""
    for secret, leaves in ((SECRET, 1), (SECRET[:15], 0), (b"", 0)):
        minimiser = Minimiser(directive(blur=500), secret)
        assert minimiser.sensing_at(NOON_S) is bool(leaves) and len(minimiser.accept(FIX)) == leaves


def test_accuracy_says_no_more_than_the_blur() -> None:
    """A fix of four metres leaves in the class of 500 m; a worse one as it is."""
    assert leaving([FIX], directive(blur=500))[0][3] == 9
    assert leaving([(*FIX[:3], 900_000, *FIX[4:])], directive(blur=500))[0][3] == 10


@pytest.mark.parametrize("name", sorted(all_tracks()))
def test_on_every_track_the_blur_is_kept(name: str) -> None:
    """No entry is further than the blur from its fix, and none is nearer than chance: the points are few."""
    fixes = all_tracks()[name]
    entries = leave(fixes, blur=300)
    at = {fix[0]: fix[1:3] for fix in reversed(fixes)}
    assert entries and all(metres(at[entry[0]], e7(entry)) <= 300 for entry in entries)
    if name in ("bus", "walk"):
        changes = sum(a[1:3] != b[1:3] for a, b in pairwise(entries))
        assert changes < len(entries) / 2 and len({entry[1:3] for entry in entries}) > 20


def test_thinning_behind_a_blur_sees_points_alone() -> None:
    """Two ways through the same cells leave the same, whatever is compared: distance, stays, error."""
    fixes = drive("bus")
    blur = Blur(1000, SECRET)
    other = []
    for fix in fixes:
        moved = next(
            (lat, lon)
            for north, east in ((900, 0), (-900, 0), (0, 900), (0, -900), (0, 0))
            if point(blur, lat := fix[1] + north, lon := fix[2] + east) == point(blur, *fix[1:3])
        )
        other.append((fix[0], *moved, *fix[3:]))
    assert sum(a != b for a, b in zip(fixes, other, strict=True)) == len(fixes)
    for thinning in ({"distance": 50, "turn": 20}, {"stay": 30, "stay_time": 60}, {"error": 15}):
        assert leave(fixes, blur=1000, **thinning) == leave(other, blur=1000, **thinning)
