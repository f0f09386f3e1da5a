"""A copy of a flash region as the firmware's own code reads it: what lies in a board's spool, without asking the board."""

from __future__ import annotations

from firmware.flash.spool import Entry, Spool
from hw_sim.board import Board

SECTOR_BYTES = 4096


class FlashCopy:
    """A copy of a flash region, as `firmware.flash.region.RawRegion` shows it."""

    sector_bytes = SECTOR_BYTES

    def __init__(self, data: bytes) -> None:
        self._data = bytearray(data)
        self.sectors = len(data) // SECTOR_BYTES

    def read(self, offset: int, n: int) -> bytearray:
        """`n` bytes from `offset`."""
        return self._data[offset : offset + n]

    def program(self, offset: int, data: bytes) -> None:
        """Clear bits, in the copy only."""
        for at, byte in enumerate(data, offset):
            self._data[at] &= byte

    def zero(self, offset: int, n: int) -> None:
        """All bits cleared, in the copy only."""
        self._data[offset : offset + n] = bytes(n)

    def erase(self, sector: int) -> None:
        """A sector of ones, in the copy only."""
        self._data[sector * SECTOR_BYTES : (sector + 1) * SECTOR_BYTES] = b"\xff" * SECTOR_BYTES

    def is_blank(self, offset: int, n: int) -> bool:
        """Whether nothing is programmed there."""
        return self._data[offset : offset + n] == b"\xff" * n


def spool_of(board: Board) -> Spool:
    """The board's spool as the firmware would find it after a start."""
    return Spool(FlashCopy(board.partition_bytes("bl_spool")))


def waiting(board: Board) -> list[Entry]:
    """Envelopes that wait in the board's flash, oldest first."""
    return list(spool_of(board).pending())
