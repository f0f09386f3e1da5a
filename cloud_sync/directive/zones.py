"""Private zones: which cells of `cell_1km` (docs/wire-format.md section 5) lie around a place."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from cloud_sync.errors import ConfigError
from cloud_sync.model import Precision
from cloud_sync.wire.cells import DEGREE_E7, HALF_TURN_E7, POLE_E7, STEP_E7, TURN_E7, cell_of, width_e7
from cloud_sync.wire.directive import MOST_ZONES

Cells = tuple[tuple[int, int], ...]

RADIUS_M: Final = 300.0
#: The shortest degree of latitude (WGS 84, at the equator): angles come out too large, never too small.
DEGREE_M: Final = 110_574.0
_STEP_E7: Final = STEP_E7[Precision.CELL_1KM]


def zones_around(lat: float, lon: float, radius_m: float = RADIUS_M) -> Cells:
    """Every cell of `cell_1km` within `radius_m` of a place (degrees), so that a home near a cell's edge is covered.

    The cells are those of the fixed grid: none of them is centred on the place. ConfigError off the globe, for a radius that is no
    positive number, and where more cells than one directive holds would be needed.
    """
    if not (_number(lat) and _number(lon) and abs(lat) <= 90 and abs(lon) <= 180):
        raise ConfigError("a place is a latitude from -90 to 90 and a longitude from -180 to 180 degrees")
    if not (_number(radius_m) and radius_m > 0):
        raise ConfigError("a radius is a positive number of metres")
    lat_e7, reach_e7 = round(lat * DEGREE_E7), radius_m / DEGREE_M * DEGREE_E7
    first = max(math.floor((lat_e7 - reach_e7) / _STEP_E7), -POLE_E7 // _STEP_E7)
    last = min(math.floor((lat_e7 + reach_e7) / _STEP_E7), POLE_E7 // _STEP_E7 - 1)
    found: set[tuple[int, int]] = set()
    for row in range(first, last + 1):
        for cell in _of_row(row, lat_e7, round(lon * DEGREE_E7), reach_e7):
            found.add(cell)
            if len(found) > MOST_ZONES:
                raise ConfigError(
                    f"{radius_m:g} m around this place reach more than {MOST_ZONES} cells, which is all that a device"
                    " keeps; choose a smaller radius"
                )
    return tuple(sorted(found))


def _number(value: float) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _of_row(row: int, lat_e7: int, lon_e7: int, reach_e7: float) -> Iterator[tuple[int, int]]:
    """The cells of one row within reach: half a chord of the circle to each side."""
    south, north = row * _STEP_E7, (row + 1) * _STEP_E7
    away_e7 = max(south - lat_e7, lat_e7 - north, 0)
    if away_e7 > reach_e7:
        return
    chord_e7 = math.sqrt(reach_e7**2 - away_e7**2)
    # The narrowest parallel of the row that the circle reaches: there the chord spans the most degrees.
    widest = min(max(abs(south), abs(north)), abs(lat_e7) + reach_e7, POLE_E7)
    shrink = math.cos(math.radians(widest / DEGREE_E7))
    half_e7 = HALF_TURN_E7 if chord_e7 >= HALF_TURN_E7 * shrink else math.ceil(chord_e7 / shrink)
    middle = south + _STEP_E7 // 2
    width = width_e7(row, _STEP_E7)
    for at in range(lon_e7 - half_e7, lon_e7 + half_e7, width):
        yield cell_of(middle, _turned(at), Precision.CELL_1KM)
    yield cell_of(middle, _turned(lon_e7 + half_e7), Precision.CELL_1KM)


def _turned(lon_e7: int) -> int:
    """The same meridian within −180° … 180°."""
    return (lon_e7 + HALF_TURN_E7) % TURN_E7 - HALF_TURN_E7
