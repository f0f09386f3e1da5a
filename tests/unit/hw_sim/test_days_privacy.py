"""What the product's minimisers let leave of synthetic days, held against the truth about them: homes stay hidden.

Each attack is shown to work on a naive way to hide a home (the control) before it is turned on the product's.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence

from cloud_sync.facade.limits import zones_around
from firmware.wire.cells import CELL_1KM, cell_of
from hw_sim.world.days import Days
from tests.unit.firmware.minimise.leaving import directive, e7, leaving
from tests.unit.hw_sim.days_seen import INTERVAL_S, Fix, Point, at, centre_of_circle, degrees, fixes, metres, night_ends

TOWN = Days(people=20, days=6, seed=3)
TRUTH = TOWN.truth()
CIRCLE_M = 500.0
STREET_M = 100.0
BLUR_M = 500


def told(track: Sequence[Fix], **changes: object) -> list[tuple[int, Point]]:
    """Times and positions that leave under a directive with these fields."""
    under = directive(track, interval=INTERVAL_S, **changes)
    return [(entry[0], degrees(*e7(entry))) for entry in leaving(track, under)]


def found(track: list[tuple[int, Point]], home: Point) -> float | None:
    """How far from home the attack on the ends of a person's nights comes; None where nothing is left to attack."""
    centre = centre_of_circle(night_ends(track), home)
    return None if centre is None else metres(centre, home)


def test_no_point_in_the_zone_and_no_circle_whose_centre_is_home() -> None:
    """Zones of the grid: nothing from within them leaves; the best circle through the ends of nights misses home by streets."""
    misses, guesses = [], []
    for name in TOWN.names:
        home, track = at(TRUTH.home(name)), fixes(TOWN, name)
        zones = set(zones_around(*home))
        left = told(track, zones=[list(zone) for zone in sorted(zones)])
        inside = [fix for fix in track if cell_of(fix[1], fix[2], CELL_1KM) in zones]
        assert len(inside) > 100
        assert not {fix[0] for fix in inside} & {time for time, _ in left}
        assert not [point for _, point in left if within(point, zones)]
        miss = found(left, home)
        if miss is not None:
            misses.append(miss)
            guesses.append(metres(home, degrees(*middle(zones))))
    assert len(misses) >= 15
    assert sum(miss < STREET_M for miss in misses) <= len(misses) / 8  # one may lie there by chance
    # Whoever knows the zone guesses its middle, and the attack does no better than that guess.
    assert statistics.median(misses) > 0.9 * statistics.median(guesses)


def within(point: Point, zones: set[tuple[int, int]]) -> bool:
    """True if all that is rounded to this point (a metre around it) lies in the zone; one on the edge may have been outside."""
    lat, lon = (round(degree * 1e7) for degree in point)
    return all(cell_of(lat + north, lon + east, CELL_1KM) in zones for north in (-50, 49) for east in (-50, 49))


def middle(zones: set[tuple[int, int]]) -> tuple[float, float]:
    """The middle of a zone, degrees times 10⁷; below 25° and above 63° of latitude cells have other widths."""
    rows, cols = zip(*zones, strict=True)
    width = 200_000  # of a cell of 1 km between 25° and 63° (wire-format section 5)
    return (statistics.fmean(rows) + 0.5) * 100_000, (statistics.fmean(cols) + 0.5) * width


def test_a_circle_around_home_gives_it_away() -> None:
    """The control: with every point within 500 m of home cut off, the same attack finds most homes to a few houses."""
    misses = []
    for name in TOWN.names:
        home = at(TRUTH.home(name))
        points = [(fix[0], degrees(fix[1], fix[2])) for fix in fixes(TOWN, name)]
        misses.append(found([(time, point) for time, point in points if metres(point, home) > CIRCLE_M], home))
    known = [miss for miss in misses if miss is not None]
    assert len(known) >= 15
    assert statistics.median(known) < 30
    assert sum(miss < STREET_M for miss in known) >= 0.9 * len(known)


def at_home(name: str) -> list[Fix]:
    """The fixes of a person while at home."""
    stays = [(v.start_unix_s, v.end_unix_s) for v in TRUTH.of(name) if v.place == TRUTH.home(name).name]
    return [fix for fix in fixes(TOWN, name) if any(begin <= fix[0] <= end for begin, end in stays)]


def test_the_obfuscated_point_of_a_home_persists_and_is_not_the_home() -> None:
    """With blur every evening at home tells the same few points, however many; their mean is no nearer than any of them."""
    misses = []
    for name in TOWN.names:
        home, track = at(TRUTH.home(name)), at_home(name)
        points = [point for _, point in told(track, blur=BLUR_M)]
        assert len(points) > 100
        assert len(set(points)) <= 2  # two where the home lies on the edge of two cells of the secret grid
        mean = statistics.fmean(p[0] for p in points), statistics.fmean(p[1] for p in points)
        assert metres(mean, home) <= BLUR_M
        misses.append(metres(mean, home))
    assert statistics.median(misses) > 100


def test_noise_of_the_same_size_gives_the_home_away() -> None:
    """The control: with independent noise for each fix, as far as the blur, the mean of the evenings is the home."""
    for name in TOWN.names:
        home, noise = at(TRUTH.home(name)), random.Random(name)
        shaken = [degrees(f[1] + noise.gauss(0, 18_000), f[2] + noise.gauss(0, 30_000)) for f in at_home(name)]
        mean = statistics.fmean(p[0] for p in shaken), statistics.fmean(p[1] for p in shaken)
        assert statistics.median(metres(point, home) for point in shaken) > 150
        assert metres(mean, home) < 70


def neighbours() -> list[str]:
    """People whose home and whose neighbour's lie in one cell of 1 km."""
    cells = {
        name: {
            cell_of(*(round(deg * 1e7) for deg in at(place)), CELL_1KM)
            for place in (TRUTH.home(name), TRUTH.neighbour(name))
        }
        for name in TOWN.names
    }
    return [name for name in TOWN.names if len(cells[name]) == 1]


def moved_next_door(name: str) -> list[Fix]:
    """The person's fixes at home, had they lived at the neighbour's."""
    home, other = TRUTH.home(name), TRUTH.neighbour(name)
    north, east = round((other.lat_deg - home.lat_deg) * 1e7), round((other.lon_deg - home.lon_deg) * 1e7)
    return [(fix[0], fix[1] + north, fix[2] + east, *fix[3:]) for fix in at_home(name)]


def test_a_reader_of_cells_cannot_tell_the_home_from_the_neighbours() -> None:
    """At 1 km what leaves of the evenings is the same bytes, next door or at home; at 100 m (the control) mostly not."""
    told_apart = 0
    names = neighbours()
    assert len(names) >= 12
    for name in names:
        home, next_door = at_home(name), moved_next_door(name)
        assert metres(at(TRUTH.home(name)), at(TRUTH.neighbour(name))) > 20
        coarse, fine = (directive(home, interval=INTERVAL_S, precision=precision) for precision in (CELL_1KM, 1))
        assert len(leaving(home, coarse)) > 5
        assert leaving(home, coarse) == leaving(next_door, coarse)
        told_apart += leaving(home, fine) != leaving(next_door, fine)
    assert told_apart >= len(names) / 3
