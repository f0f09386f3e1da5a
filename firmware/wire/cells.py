"""Positions as rows and columns of cells (wire-format section 5), in integers alone: floats of the targets have 24
bits.
"""

from firmware.const import const
from firmware.errors import WireError

EXACT = 0
CELL_1KM = 2
REGION = 4  # the coarsest that a position of the receiver can have
STEP_E7 = (100, 10_000, 100_000, 1_000_000, 10_000_000)
TIME_STEP_S = (1, 10, 60, 600, 3600)
LEAST_QUALITY = (0, 7, 10, 14, 15)
_LAT_MAX_E7 = const(900_000_000)
_LON_MAX_E7 = const(1_800_000_000)
_AROUND_E7 = const(3_600_000_000)
# (latitude in degrees below which it holds, k): no cell is narrower than its name anywhere.
_WIDENING = const(((25, 1), (63, 2), (72, 3), (77, 4), (81, 6), (85, 12), (87, 24), (89, 72)))


def cell_of(lat_e7: int, lon_e7: int, precision: int):
    """(row, col) of a position; precision 0 to 4. WireError for a place that is not on Earth."""
    if not -_LAT_MAX_E7 <= lat_e7 <= _LAT_MAX_E7 or not -_LON_MAX_E7 <= lon_e7 <= _LON_MAX_E7:
        raise WireError("position out of range")
    step = _step(precision)
    if precision == EXACT:
        return (lat_e7 + 50) // 100, (lon_e7 + 50) // 100
    row = min(lat_e7 // step, _LAT_MAX_E7 // step - 1)
    if lon_e7 == _LON_MAX_E7:
        lon_e7 = -_LON_MAX_E7
    width = widening(row, precision) * step
    col = lon_e7 // width
    if col * width + width // 2 >= _LON_MAX_E7:
        # The antimeridian cuts this cell in two; both halves have the western name [two names would tell which half it
        # was].
        col -= _AROUND_E7 // width
    return row, col


def centre_e7(row: int, col: int, precision: int):
    """(lat_e7, lon_e7): the only position that is ever derived from a cell."""
    check_cell(row, col, precision)
    step = _step(precision)
    if precision == EXACT:
        return row * step, col * step
    width = widening(row, precision) * step
    return row * step + step // 2, col * width + width // 2


def check_cell(row: int, col: int, precision: int):
    """WireError unless the cell exists."""
    step = _step(precision)
    rows = _LAT_MAX_E7 // step
    if precision == EXACT:
        cols = _LON_MAX_E7 // step
        if not (-rows <= row <= rows and -cols <= col <= cols):
            raise WireError("position out of range")
        return
    if not -rows <= row < rows:
        raise WireError("no such row of cells")
    width = widening(row, precision) * step
    if not -_LON_MAX_E7 // width <= col <= (_LON_MAX_E7 - 1 - width // 2) // width:
        raise WireError("no such column of cells")


def widening(row: int, precision: int) -> int:
    """k: how many steps of longitude one cell of this row spans."""
    step = _step(precision)
    edge_deg = (row if row >= 0 else -row - 1) * step // 10_000_000
    for below, k in _WIDENING:
        if edge_deg < below:
            return k
    return _AROUND_E7 // step


def quality_of(h_acc_mm: int, precision: int) -> int:
    """Class of a horizontal accuracy: the smallest q with accuracy ≤ 2^q metres, 15 when worse or unknown (-1)."""
    quality = 15
    if h_acc_mm >= 0:
        quality = 0
        while quality < 15 and h_acc_mm > 1000 << quality:
            quality += 1
    return max(quality, LEAST_QUALITY[precision])


def _step(precision):
    if not EXACT <= precision <= REGION:
        raise WireError("precision has no cells")
    return STEP_E7[precision]
