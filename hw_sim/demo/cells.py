"""The grid of wire format 1, section 5, computed plainly: neither side's code checks itself in the demo."""

from __future__ import annotations

from cloud_sync.model import Precision

CELL_STEP_E7 = {
    Precision.CELL_100M: 10_000,
    Precision.CELL_1KM: 100_000,
    Precision.CELL_10KM: 1_000_000,
    Precision.REGION: 10_000_000,
}
WIDENING = ((25, 1), (63, 2), (72, 3), (77, 4), (81, 6), (85, 12), (87, 24), (89, 72))  # (below degrees, k)

Cell = tuple[int, int]


def widening(row: int, step_e7: int) -> int:
    """k of a row: how many steps of longitude one cell spans."""
    edge = (row if row >= 0 else -row - 1) * step_e7 // 10_000_000
    return next((k for below, k in WIDENING if edge < below), 3_600_000_000 // step_e7)


def cell_of(lat_e7: int, lon_e7: int, step_e7: int) -> Cell:
    """(row, col) of a position."""
    row = lat_e7 // step_e7
    return row, lon_e7 // (widening(row, step_e7) * step_e7)


def is_centre(lat_e7: int, lon_e7: int, step_e7: int) -> bool:
    """Whether a position is the exact centre of its cell."""
    row, col = cell_of(lat_e7, lon_e7, step_e7)
    wide = widening(row, step_e7) * step_e7
    return (lat_e7, lon_e7) == (row * step_e7 + step_e7 // 2, col * wide + wide // 2)
