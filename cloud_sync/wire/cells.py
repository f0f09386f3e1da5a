"""Cells: how a position is coarsened, and the centre that is all that is left of it (docs/wire-format.md, section 5).

Precision 0 is the 1e-5° grid on which exact positions travel. Angles are degrees × 10⁷ (`_e7`).
"""

from __future__ import annotations

from typing import Any, Final

from cloud_sync.errors import WireFormatError
from cloud_sync.model import Precision

POLE_E7: Final = 900_000_000
HALF_TURN_E7: Final = 1_800_000_000
TURN_E7: Final = 3_600_000_000
DEGREE_E7: Final = 10_000_000
GRID_E7: Final = 100  # 1e-5°
EXACT: Final = int(Precision.EXACT)
COARSEST: Final = int(Precision.REGION)  # of those that a receiver's position can have
MOST_ROW: Final = POLE_E7 // GRID_E7  # of an exact position, north and south
MOST_COL: Final = HALF_TURN_E7 // GRID_E7

STEP_E7: Final = (GRID_E7, 10_000, 100_000, 1_000_000, 10_000_000)  # by precision
# k by whole degrees of the row's lower edge, so that no cell is narrower than its name; 0: one cell around the pole.
_K_BELOW: Final = ((25, 1), (63, 2), (72, 3), (77, 4), (81, 6), (85, 12), (87, 24), (89, 72), (91, 0))
_K: Final = tuple(next(k for below, k in _K_BELOW if degrees < below) for degrees in range(91))


def width_e7(row: int, step_e7: int) -> int:
    """k·s: the extent in longitude of the cells of a row."""
    lower_edge_e7 = row * step_e7 if row >= 0 else (-row - 1) * step_e7
    return _K[lower_edge_e7 // DEGREE_E7] * step_e7 or TURN_E7


def cell_of(lat_e7: int, lon_e7: int, precision: int) -> tuple[int, int]:
    """(row, col) of a position; WireFormatError off the globe or for a precision without cells."""
    if not (-POLE_E7 <= lat_e7 <= POLE_E7 and -HALF_TURN_E7 <= lon_e7 <= HALF_TURN_E7):
        raise WireFormatError("a position is off the globe")
    if precision == EXACT:
        return (lat_e7 + GRID_E7 // 2) // GRID_E7, (lon_e7 + GRID_E7 // 2) // GRID_E7
    step = _step(precision)
    row = min(lat_e7 // step, POLE_E7 // step - 1)  # latitude 90° counts to the last row
    width = width_e7(row, step)
    col = lon_e7 // width
    # Longitude 180° is −180°, and where a row has an odd number of cells, one lies across it: the western name counts.
    return row, col if col * width + width // 2 < HALF_TURN_E7 else col - TURN_E7 // width


def centre_e7(row: int, col: int, precision: int) -> tuple[int, int]:
    """(lat_e7, lon_e7) of a cell's centre, the only position that is ever derived from it."""
    check(row, col, precision)
    if precision == EXACT:
        return row * GRID_E7, col * GRID_E7
    step = _step(precision)
    width = width_e7(row, step)
    return row * step + step // 2, col * width + width // 2


def check(row: Any, col: Any, precision: int) -> None:
    """WireFormatError unless the cell exists."""
    if type(row) is not int or type(col) is not int:
        raise WireFormatError("a cell is not two integers")
    if precision == EXACT:
        if abs(row) > MOST_ROW or abs(col) > MOST_COL:
            raise WireFormatError("a position is off the globe")
        return
    step = _step(precision)
    if not -POLE_E7 <= row * step < POLE_E7:
        raise WireFormatError("a row is off the globe")
    width = width_e7(row, step)
    if not 0 <= col - -HALF_TURN_E7 // width < TURN_E7 // width:
        raise WireFormatError("a column is off the globe")


def _step(precision: int) -> int:
    if not EXACT <= precision <= COARSEST:
        raise WireFormatError(f"precision {precision:d} has no cells")
    return STEP_E7[precision]
