"""Blur: in place of a position one point for all positions around it, the same at each visit.

The Earth is cut into cells along rows and columns whose origin is secret; each cell has one point, at a secret place in
it. A cell's diagonal is at most the blur, so no point is further away than that. A thousand visits give the same point
again [the mean of a thousand independent noises is the place]; whoever comes to know the grid knows the cell.

Cells are powers of two wide, of one grid for all blurs: cells of two directives lie in each other or apart [where they
overlapped, two points would tell the overlap].
"""

import struct

from firmware.const import const
from firmware.minimise.plane import ONE, cosine
from firmware.wire.cells import EXACT, quality_of
from firmware.wire.hmac import hmac_sha256

_ROWS = const(9_000_000)  # of 1e-5° from the equator to a pole
_COLS = const(36_000_000)  # around
_MASK = const(0x3FF_FFFF)  # of the origin: wider than any cell
_MAX_BITS = const(25)  # of the width of a cell: at the poles it goes around nearly


class Blur:
    """Blur(metres, secret): entry(entry) -> entry, both at precision 0. No history: a position has its point."""

    def __init__(self, metres: int, secret: bytes):
        self._secret = secret
        self._metres = metres
        self._rows = _bits(metres, ONE)
        north, east = self._draw(0, 0, 0)
        self._north, self._east = (north & _MASK) + _ROWS, east & _MASK
        self._cell: tuple = ()  # the last, and its point: at rest it is always the same
        self._point = (0, 0)

    def entry(self, entry: tuple) -> tuple:
        """The entry with the point in place of its position, and an accuracy that is not below the blur."""
        row, col = self._point_of(entry[1], entry[2])
        return (entry[0], row, col, max(entry[3], quality_of(1000 * self._metres, EXACT)))

    def _point_of(self, row: int, col: int) -> tuple:
        band = row + self._north >> self._rows
        cols = self._cols(band)
        cell = (band, (col + _COLS // 2) % _COLS + self._east >> cols, cols)
        if cell != self._cell:
            self._cell, self._point = cell, self._place(*cell)
        return self._point

    def _cols(self, band: int) -> int:
        """How many bits of columns a cell of this band of rows has: as many as fit where the band is widest."""
        first = (band << self._rows) - self._north - 1
        last = first + (1 << self._rows) + 1
        nearest = 0 if first <= 0 <= last else min(abs(first), abs(last))
        return _bits(self._metres, cosine(nearest * 100))

    def _place(self, band: int, cell: int, cols: int) -> tuple:
        """The secret point of a cell."""
        north, east = self._draw(band, cell, self._rows << 8 | cols)
        row = (band << self._rows) + north % (1 << self._rows) - self._north
        col = (cell << cols) + east % (1 << cols) - self._east
        return max(-_ROWS, min(row, _ROWS)), col % _COLS - _COLS // 2

    def _draw(self, band: int, cell: int, size: int) -> tuple:
        """Two numbers below 2^32 that nobody can tell who has not the secret; size 0 is the origin's own."""
        return struct.unpack(">II", hmac_sha256(self._secret, struct.pack(">III", band, cell, size))[:8])


def _bits(metres: int, cos: int) -> int:
    """The most bits with (2^bits - 1/2) · 1.117 m · cos / ONE ≤ metres / √2; the half is that by which a position was
    rounded to its row. A single row always fits: it moves nothing.
    """
    fits = (metres * 633 * ONE // cos + 500) // 1000
    bits = 0
    while bits < _MAX_BITS and 2 << bits <= fits:
        bits += 1
    return bits
