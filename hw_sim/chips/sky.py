"""An invented sky of twelve satellites, what of it a horizon leaves, and how well that part fixes a position.

Elevation and azimuth of each are those that the receiver's GSV sentences have. The dilution is computed from the directions of
those in view, as in any textbook: the square root of the trace of the inverse of the normal matrix, position rows only.
"""

import math
from collections.abc import Callable

NUMBERS = range(2, 14)
FIX_NEEDS = 4  # three coordinates and the clock
Horizon = Callable[[float], float]  # azimuth in degrees to the elevation in degrees below which nothing is seen
Direction = tuple[float, float]  # elevation, azimuth


def direction(number: int) -> Direction:
    """Where a satellite stands, in degrees."""
    return 20.0 + 5 * number % 60, 37.0 * number % 360


def in_view(horizon: Horizon) -> list[Direction]:
    """The satellites above the horizon."""
    return [(up, round_) for up, round_ in map(direction, NUMBERS) if up > horizon(round_)]


def pdop(satellites: list[Direction]) -> float:
    """Position dilution of precision; infinite for fewer than four, or for directions that lie in one cone."""
    rows = [_row(up, around) for up, around in satellites]
    normal = [[sum(row[i] * row[j] for row in rows) for j in range(4)] for i in range(4)]
    inverse = _inverse(normal)
    return math.inf if inverse is None else math.sqrt(sum(inverse[i][i] for i in range(3)))


def _row(up: float, around: float) -> tuple[float, float, float, float]:
    e, a = math.radians(up), math.radians(around)
    return math.cos(e) * math.sin(a), math.cos(e) * math.cos(a), math.sin(e), 1.0


def _inverse(matrix: list[list[float]]) -> list[list[float]] | None:
    """Gauss-Jordan with pivots; None for a matrix that has none."""
    n = len(matrix)
    work = [row[:] + [float(i == j) for j in range(n)] for i, row in enumerate(matrix)]
    for column in range(n):
        pivot = max(range(column, n), key=lambda i: abs(work[i][column]))
        if abs(work[pivot][column]) < 1e-9:
            return None
        work[column], work[pivot] = work[pivot], work[column]
        divisor = work[column][column]
        work[column] = [value / divisor for value in work[column]]
        for i in range(n):
            if i != column:
                factor = work[i][column]
                work[i] = [value - factor * base for value, base in zip(work[i], work[column], strict=True)]
    return [row[n:] for row in work]
