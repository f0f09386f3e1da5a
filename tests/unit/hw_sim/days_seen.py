"""Synthetic days as a receiver would tell of them, and what an attacker makes of what leaves."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise

from hw_sim.world.days import Days
from hw_sim.world.geo import Sample, distance_m
from hw_sim.world.places import Place

Fix = tuple[int, ...]
Point = tuple[float, float]  # degrees
INTERVAL_S = 5
DAY_S = 86_400
AROUND_M = 3000.0  # what is further from home says nothing about it


@cache
def fixes(days: Days, name: str, interval_s: int = INTERVAL_S, noise_m: float = 3.0) -> tuple[Fix, ...]:
    """The fixes of one person around home; of a long stay, those of its first and its last minutes."""
    drive, noise, home = days.drive(name), random.Random(f"receiver/{name}"), at(days.truth().home(name))
    found = []
    for a, b in pairwise(drive.samples):
        if min(metres((a.lat_deg, a.lon_deg), home), metres((b.lat_deg, b.lon_deg), home)) > AROUND_M:
            continue
        for time_s in range(-int(-a.t_s // interval_s) * interval_s, int(b.t_s), interval_s):
            if a.t_s + 60 < time_s < b.t_s - 60:
                continue
            truth = drive.at(time_s)
            lat, lon = (round(deg * 1e7 + noise.gauss(0, noise_m) * 90) for deg in (truth.lat_deg, truth.lon_deg))
            found.append((time_s, lat, lon, 4200, round(truth.speed_m_s * 1000), round(truth.course_deg * 1e5), 3, 9))
    return tuple(found)


def metres(a: Point, b: Point) -> float:
    """Distance of two points."""
    return distance_m(Sample(0, *a), Sample(0, *b))


def degrees(lat_e7: float, lon_e7: float) -> Point:
    """Of a position of the wire."""
    return lat_e7 / 1e7, lon_e7 / 1e7


def at(place: Place) -> Point:
    """Of a place."""
    return place.lat_deg, place.lon_deg


def night_ends(told: Sequence[tuple[int, Point]]) -> list[Point]:
    """The points on either side of each silence in which 2 o'clock UTC lies: the last of an evening, the first of a morning."""
    nights = (pair for pair in pairwise(told) if (pair[1][0] - 7200) // DAY_S > (pair[0][0] - 7200) // DAY_S)
    return [point for a, b in nights for point in (a[1], b[1])]


def centre_of_circle(points: Iterable[Point], about: Point) -> Point | None:
    """Centre of the circle that fits best (Kåsa's least squares), on the plane at `about`: the attack on cut-off circles.

    None where too few points left for one.
    """
    east = math.cos(math.radians(about[0]))
    plane = [((lat - about[0]) * 111_195, (lon - about[1]) * 111_195 * east) for lat, lon in points]
    # Solve x² + y² = 2ax + 2by + c for a, b, c: normal equations, by Cramer's rule.
    n = len(plane)
    sums = {(i, j): sum(x**i * y**j for x, y in plane) for i in range(4) for j in range(4) if i + j <= 3}
    m = [[sums[2, 0], sums[1, 1], sums[1, 0]], [sums[1, 1], sums[0, 2], sums[0, 1]], [sums[1, 0], sums[0, 1], n]]
    v = [sums[3, 0] + sums[1, 2], sums[2, 1] + sums[0, 3], sums[2, 0] + sums[0, 2]]
    whole = _determinant(m)
    if n < 3 or not whole:
        return None
    x, y = (
        _determinant([[v[r] if c == k else m[r][c] for c in range(3)] for r in range(3)]) / whole / 2 for k in (0, 1)
    )
    return about[0] + x / 111_195, about[1] + y / 111_195 / east


def _determinant(m: Sequence[Sequence[float]]) -> float:
    (a, b, c), (d, e, f), (g, h, i) = m
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
