"""Maps without tiles: an equirectangular projection, lines thinned for drawing, a scale bar of a round length."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from hw_sim.world.drive import EARTH_RADIUS_M, Sample, distance_m

Point: TypeAlias = "tuple[float, float]"  # degrees north, degrees east
Xy: TypeAlias = "tuple[float, float]"
METRES_PER_DEGREE = math.radians(1) * EARTH_RADIUS_M
LEAST_SPAN_M = 200.0  # a vehicle that stood still is drawn in a frame of this size
MOST_POINTS = 4000  # of one line: more are thinned by taking every n-th before the exact simplification


@dataclass(frozen=True)
class Frame:
    """A rectangle of the earth on a rectangle of the page; x grows to the east, y to the south, both in page units."""

    north: float
    west: float
    cos_lat: float
    units_per_degree: float  # of latitude
    width: float
    height: float

    @classmethod
    def around(cls, points: Iterable[Point], width: float, *, most: float, least: float, margin: float = 0.06) -> Frame:
        """The frame of this width that holds all points; its height follows from them, within `least` and `most`."""
        known = list(points) or [(0.0, 0.0)]
        south, north = min(p[0] for p in known), max(p[0] for p in known)
        west, east = min(p[1] for p in known), max(p[1] for p in known)
        mid = (south + north) / 2, (west + east) / 2
        cos_lat = max(0.01, math.cos(math.radians(mid[0])))
        least_span = LEAST_SPAN_M / METRES_PER_DEGREE
        tall = max(north - south, least_span) * (1 + 2 * margin)
        wide = max((east - west) * cos_lat, least_span) * (1 + 2 * margin)
        height = min(most, max(least, width * tall / wide))
        scale = min(width / wide, height / tall)
        return cls(mid[0] + height / 2 / scale, mid[1] - width / 2 / scale / cos_lat, cos_lat, scale, width, height)

    @classmethod
    def centred(cls, centre: Point, width: float, height: float, width_m: float) -> Frame:
        """The frame with a given centre whose width is so many metres."""
        cos_lat = max(0.01, math.cos(math.radians(centre[0])))
        scale = width * METRES_PER_DEGREE / width_m
        north, west = centre[0] + height / 2 / scale, centre[1] - width / 2 / scale / cos_lat
        return cls(north, west, cos_lat, scale, width, height)

    def xy(self, point: Point) -> Xy:
        """Where a point lies on the page."""
        return (point[1] - self.west) * self.cos_lat * self.units_per_degree, (
            self.north - point[0]
        ) * self.units_per_degree

    def holds(self, point: Point, margin: float = 0.0) -> bool:
        """Whether a point lies in the frame, or at most `margin` units outside."""
        x, y = self.xy(point)
        return -margin <= x <= self.width + margin and -margin <= y <= self.height + margin

    @property
    def units_per_metre(self) -> float:
        """Page units that a metre spans."""
        return self.units_per_degree / METRES_PER_DEGREE

    def scale_bar_m(self, share: float = 0.3) -> int:
        """The longest round length, 1, 2 or 5 times a power of ten in metres, within a share of the width."""
        most = max(1.0, self.width * share / self.units_per_metre)
        power = 10 ** math.floor(math.log10(most))
        return int(max(power * factor for factor in (1, 2, 5) if power * factor <= most))


def simplified(points: list[Xy], tolerance: float) -> list[Xy]:
    """A line with fewer points, nowhere further than `tolerance` from the one given (Douglas and Peucker 1973)."""
    if len(points) > MOST_POINTS:
        points = points[:: -(-len(points) // MOST_POINTS)] + points[-1:]
    if len(points) < 3:
        return points
    kept = {0, len(points) - 1}
    spans = [(0, len(points) - 1)]
    while spans:
        first, last = spans.pop()
        far, at = max(
            ((_off(points[i], points[first], points[last]), i) for i in range(first + 1, last)), default=(0, 0)
        )
        if far > tolerance:
            kept.add(at)
            spans += [(first, at), (at, last)]
    return [points[i] for i in sorted(kept)]


def _off(point: Xy, a: Xy, b: Xy) -> float:
    """Distance from a point to the stretch between two others."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    length2 = dx * dx + dy * dy
    share = 0.0 if length2 == 0 else max(0.0, min(1.0, ((point[0] - a[0]) * dx + (point[1] - a[1]) * dy) / length2))
    return math.hypot(point[0] - a[0] - share * dx, point[1] - a[1] - share * dy)


def metres(value: int) -> str:
    """A length as a label: 200 m, 2 km."""
    return f"{value // 1000}\u00a0km" if value >= 1000 else f"{value}\u00a0m"


def length_km(track: list[tuple[float, float, float]]) -> float:
    """Length of a way through (time, degrees north, degrees east)."""
    samples = [Sample(*each) for each in track]
    return sum(distance_m(a, b) for a, b in pairwise(samples)) / 1000
