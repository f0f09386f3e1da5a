"""What is wrong with the cells of a flash: worn, unstable, leaky or dead ones, drawn from one seed."""

import random
from collections.abc import Iterator

from hw_sim.silicon.flash_parts import Broken, Endurance

EDGE_BYTES = 16  # where an operation was when the power went: cells that had their charge moved in part
SPARSE_BYTES = (
    64  # in a sector that was being erased one cell in so many bytes is as undecided (assumed; JFFS2 says "some bits")
)
ZEROING_SHARE = 1 / 3  # of an erase, for the fill with zeros that comes first (assumed; the makers give no figure)


class Damage:
    """The damaged cells of one flash, by the offset of their byte and a mask of bits.

    `stuck`: an erase leaves them 0. `unstable`: each reading may differ. `broken`: sectors that do not erase or program.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.stuck: dict[int, int] = {}
        self.unstable: dict[int, int] = {}
        self.broken: dict[int, Broken] = {}

    # --- what an operation makes of the cells

    def erased(self, offset: int, size: int) -> bytes:
        """What an erase leaves there: ones, but for stuck bits."""
        after = bytearray(b"\xff") * size
        for at, mask in self._within(self.stuck, offset, size):
            after[at - offset] &= ~mask & 0xFF
        return bytes(after)

    def wear(self, offset: int, size: int, wear: int, endurance: Endurance) -> None:
        """That stretch is erased for the `wear`-th time."""
        if wear <= endurance.rated_cycles:
            return
        whole, rest = divmod(endurance.bits_per_erase, 1)
        for _ in range(int(whole) + (self._rng.random() < rest)):
            self._mark(self.stuck, offset + self._rng.randrange(size), 1 << self._rng.randrange(8))

    def settle_erased(self, offset: int, size: int) -> None:
        """A whole erase has brought the cells there to rest."""
        for at, _ in self._within(self.unstable, offset, size):
            del self.unstable[at]

    def settle_programmed(self, offset: int, data: bytes) -> None:
        """Bits that were programmed are sound zeros."""
        for at, mask in self._within(self.unstable, offset, len(data)):
            left = mask & data[at - offset]
            if left:
                self.unstable[at] = left
            else:
                del self.unstable[at]

    def waver(self, offset: int, data: bytes) -> bytes:
        """What a reading gives of `data`, which lies there."""
        seen = bytearray(data)
        for at, mask in self._within(self.unstable, offset, len(data)):
            seen[at - offset] ^= mask & self._rng.randrange(256)
        return bytes(seen)

    # --- what a cut leaves

    def torn_program(self, now: bytes, after: bytes, rng: random.Random) -> tuple[bytes, bytearray]:
        """What a program that was stopped began with and left: done up to a point, by a coin's toss for each bit at it."""
        reached = rng.randrange(len(now) + 1)
        return now, _mixed(now, after, reached, rng)

    def torn_erase(self, now: bytes, after: bytes, rng: random.Random) -> tuple[bytes, bytearray]:
        """What an erase that was stopped began its last phase with, and what it left.

        A chip first fills the sector with zeros, from either end, then sets its ones.

        Source: linux-mtd list, "UBIFS Corrupt during power failure", July 2009; UBI commit "fix NOR flash recovery".
        """
        zeros = bytes(len(now))
        reached = rng.randrange(len(now) + 1)
        if rng.random() >= ZEROING_SHARE:
            return zeros, _mixed(zeros, after, reached, rng)
        if rng.random() < 0.5:
            return now, _mixed(now, zeros, reached, rng)
        return now, _mixed(now[::-1], zeros, reached, rng)[::-1]

    def unsettle(self, offset: int, before: bytes, after: bytes, *, sparse: bool) -> None:
        """Cells whose charge was under way read differently from now on: those between `before` and `after` at the edge.

        Source: JFFS2 (Woodhouse, 2001), clean markers: bits may read right when they are verified, and wrong later.
        """
        changing = [i for i, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
        edge = changing[-EDGE_BYTES:] + (changing[:-EDGE_BYTES:SPARSE_BYTES] if sparse else [])
        for i in edge:
            mask = (before[i] ^ after[i]) & self._rng.randrange(256)
            if mask:
                self._mark(self.unstable, offset + i, mask)

    def draw(self, zeros: list[tuple[int, int]], bits: int) -> list[tuple[int, int]]:
        """So many of these cells, or all if there are fewer."""
        return self._rng.sample(zeros, min(bits, len(zeros)))

    @staticmethod
    def _mark(cells: dict[int, int], at: int, mask: int) -> None:
        cells[at] = cells.get(at, 0) | mask

    @staticmethod
    def _within(cells: dict[int, int], offset: int, size: int) -> Iterator[tuple[int, int]]:
        if cells:
            yield from [(at, mask) for at, mask in cells.items() if offset <= at < offset + size]


def _mixed(now: bytes, after: bytes, reached: int, rng: random.Random) -> bytearray:
    """`after` up to `reached`, `now` behind it; each bit of the last EDGE_BYTES before it is one or the other."""
    mixed = bytearray(after[:reached] + now[reached:])
    for i in range(max(0, reached - EDGE_BYTES), reached):
        mixed[i] = now[i] ^ (now[i] ^ after[i]) & rng.randrange(256)
    return mixed
