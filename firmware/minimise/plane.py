"""Distances between positions in integers: a float of the targets has 24 bits, too few for one position in e7.

The unit of length is the e7 of latitude. It counts as 1.117 cm, which is what it measures at the poles (WGS 84:
111.694 km a degree) and no less anywhere, and an e7 of longitude as that times an upper bound of the cosine. So no
distance here is shorter than on Earth: what is found within a bound is within it.
"""

from firmware.const import const

_AROUND_E7 = const(3_600_000_000)
ONE = 16_384  # of a cosine: products of two such numbers are small integers on a 32-bit chip


def length(metres: int) -> int:
    """So many metres in units, rounded down."""
    return metres * 1_000_000 // 11_170


def cosine(lat_e7: int) -> int:
    """Upper bound of ONE times the cosine of a latitude, 1 to ONE; at most 10 more than the true value.

    The series to the eighth power with u = latitude / 90°, rounded towards more at each step; the term left out is
    negative.
    """
    u = abs(lat_e7) * 2048 // 112_500_000  # 0 to 16384, rounded down
    u = u * u >> 14
    # ONE times (π/2)²/2 = 20 212.95, (π/2)⁴/24 = 4 156.12, (π/2)⁶/720 = 341.83, (π/2)⁸/40320 = 15.06
    less = 341 - (u * 16 + 16_383 >> 14)
    less = 4157 - (u * less >> 14)
    less = 20_212 - (u * less + 16_383 >> 14)
    return min(max(16_385 - (u * less >> 14), 1), ONE)


def east(lon_e7: int, from_e7: int) -> int:
    """Difference of two longitudes in e7, the shorter way around."""
    difference = lon_e7 - from_e7
    if difference > _AROUND_E7 // 2:
        return difference - _AROUND_E7
    if difference < -_AROUND_E7 // 2:
        return difference + _AROUND_E7
    return difference


def step(start: tuple, end: tuple) -> tuple:
    """(north, east) in units from one point to another; a point begins with lat_e7, lon_e7."""
    nearer = min(abs(start[0]), abs(end[0])) if (start[0] < 0) == (end[0] < 0) else 0  # to the equator
    return end[0] - start[0], east(end[1], start[1]) * cosine(nearer) // ONE


def within(start: tuple, end: tuple, units: int) -> bool:
    """True if two points are at most so far apart."""
    north, eastward = step(start, end)
    return north * north + eastward * eastward <= units * units
