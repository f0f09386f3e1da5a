"""Positions on the mean sphere: distances, courses, and the way between two of them."""

import math
from dataclasses import dataclass

EARTH_RADIUS_M = 6_371_008.8  # mean radius, IUGG


@dataclass(frozen=True, slots=True)
class Sample:
    """One recorded position: Unix time in s, degrees, metres over the ellipsoid or the sea, as recorded."""

    t_s: float
    lat_deg: float
    lon_deg: float
    alt_m: float = 0.0


def distance_m(a: Sample, b: Sample) -> float:
    """Great-circle distance on the mean sphere (haversine)."""
    la, lb = math.radians(a.lat_deg), math.radians(b.lat_deg)
    dlon = math.radians(b.lon_deg - a.lon_deg)
    h = math.sin((lb - la) / 2) ** 2 + math.cos(la) * math.cos(lb) * math.sin(dlon / 2) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(h)))


def course_deg(a: Sample, b: Sample) -> float:
    """Initial course from a to b, 0 ≤ course < 360, clockwise from north."""
    la, lb = math.radians(a.lat_deg), math.radians(b.lat_deg)
    dlon = math.radians(b.lon_deg - a.lon_deg)
    y = math.sin(dlon) * math.cos(lb)
    x = math.cos(la) * math.sin(lb) - math.sin(la) * math.cos(lb) * math.cos(dlon)
    return math.degrees(math.atan2(y, x)) % 360.0


def between(a: Sample, b: Sample, share: float) -> tuple[float, float]:
    """Point at `share` of the great circle from a to b, in degrees."""
    angle = distance_m(a, b) / EARTH_RADIUS_M
    if angle < 1e-12:
        return a.lat_deg, a.lon_deg
    ka, kb = math.sin((1 - share) * angle) / math.sin(angle), math.sin(share * angle) / math.sin(angle)
    la, lb = math.radians(a.lat_deg), math.radians(b.lat_deg)
    oa, ob = math.radians(a.lon_deg), math.radians(b.lon_deg)
    x = ka * math.cos(la) * math.cos(oa) + kb * math.cos(lb) * math.cos(ob)
    y = ka * math.cos(la) * math.sin(oa) + kb * math.cos(lb) * math.sin(ob)
    z = ka * math.sin(la) + kb * math.sin(lb)
    return math.degrees(math.atan2(z, math.hypot(x, y))), math.degrees(math.atan2(y, x))


def moved(lat_deg: float, lon_deg: float, north_m: float, east_m: float) -> tuple[float, float]:
    """Degrees of the place so many metres north and east; for some kilometres, not across a pole."""
    degree_m = math.radians(EARTH_RADIUS_M)
    east_deg = east_m / (degree_m * math.cos(math.radians(lat_deg)))
    return lat_deg + north_m / degree_m, (lon_deg + east_deg + 180.0) % 360.0 - 180.0
