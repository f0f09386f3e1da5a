"""NOR flash behind MicroPython's extended block device, with a power cut at any operation: for tests of what must
survive one.
"""

from __future__ import annotations

import random

PAGE_BYTES = 256


class PowerCut(Exception):  # noqa: N818 - it is an event
    """The supply is gone; only a new start goes on."""


class Supply:
    """Counts the operations of all flash that hangs on it and cuts at one, cleanly before it or in its middle."""

    def __init__(self, cut_at: int | None = None, torn: bool = False, seed: int = 0) -> None:
        self.operations = 0
        self.cut_at = cut_at
        self.torn = torn
        self.rng = random.Random(seed)
        self._off = False

    def restart(self, cut_at: int | None = None) -> None:
        """Power again; `cut_at` counts on from the operations so far."""
        self._off = False
        self.cut_at = cut_at

    def spend(self) -> bool:
        """True if the next operation is the one that is cut."""
        if self._off:
            raise PowerCut
        self.operations += 1
        self._off = self.cut_at is not None and self.operations > self.cut_at
        return self._off


class Nor:
    """A block device of raw flash: programs clear bits, erases set a sector, each is one operation of the supply."""

    def __init__(self, sectors: int, sector_bytes: int = 4096, supply: Supply | None = None) -> None:
        self.sectors = sectors
        self.sector_bytes = sector_bytes
        self.supply = supply or Supply()
        self.data = bytearray(self.supply.rng.randbytes(sectors * sector_bytes))  # as somebody else left it
        self.erases = [0] * sectors
        self.stuck: set[int] = set()  # sectors whose cells do not take a program any more

    def readblocks(self, block: int, buf: bytearray, offset: int = 0) -> int:
        """Read; 0 is success."""
        start = block * self.sector_bytes + offset
        buf[:] = self.data[start : start + len(buf)]
        return 0

    def writeblocks(self, block: int, buf: bytes, offset: int = 0) -> int:
        """Program one aligned page."""
        assert len(buf) == PAGE_BYTES, "a program is one page"
        assert offset % PAGE_BYTES == 0, "a program is aligned"
        cut = self.supply.spend()
        start = block * self.sector_bytes + offset
        if cut and not self.supply.torn:
            raise PowerCut
        if block not in self.stuck:
            self._merge(start, buf, torn=cut)
        if cut:
            raise PowerCut
        return 0

    def ioctl(self, op: int, arg: int) -> int:
        """4 count, 5 size, 6 erase."""
        if op == 4:
            return self.sectors
        if op == 5:
            return self.sector_bytes
        assert op == 6, "no other operation is used"
        cut = self.supply.spend()
        if cut and not self.supply.torn:
            raise PowerCut
        start, rng = arg * self.sector_bytes, self.supply.rng
        self.erases[arg] += 1
        for at in range(start, start + self.sector_bytes):
            # Torn: every cell has moved towards 1 or not.
            self.data[at] = self.data[at] | rng.randrange(256) if cut else 0xFF
        if cut:
            raise PowerCut
        return 0

    def _merge(self, start: int, page: bytes, *, torn: bool) -> None:
        """AND the page in; torn: up to some byte and of that some bits, or scattered bytes and bits of the page."""
        end_at = start + len(page)
        if not torn:
            both = int.from_bytes(self.data[start:end_at], "big") & int.from_bytes(page, "big")
            self.data[start:end_at] = both.to_bytes(len(page), "big")
            return
        rng = self.supply.rng
        prefix = rng.random() < 0.5
        end = rng.randrange(len(page)) if prefix else len(page)
        for at, byte in enumerate(page[:end]):
            self.data[start + at] &= byte | (rng.randrange(256) if not prefix and rng.random() < 0.1 else 0)
        if prefix:
            self.data[start + end] &= page[end] | rng.randrange(256)
