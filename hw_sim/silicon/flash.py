"""NOR flash as the data sheets have it: programming clears bits, erasing sets whole sectors, power may go at any time.

Times and wear: `flash_parts.py`. Damaged cells: `flash_damage.py`.
"""

import errno
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from hw_sim.errors import DeviceError, HwSimError
from hw_sim.silicon.flash_damage import Damage
from hw_sim.silicon.flash_parts import TYPICAL, Broken, Endurance, Times

PROGRAM_PAGE_US = TYPICAL.program_page_us
ERASE_SECTOR_US = TYPICAL.erase_sector_us
ERASED = 0xFF


class PowerLost(HwSimError):  # noqa: N818 - reads as the event it is
    """The supply went during a flash operation; what it left is in the flash."""


class FlashError(HwSimError):
    """An access that the flash has no address for."""


class FlashFailure(DeviceError, HwSimError):  # noqa: N818 - reads as the event it is
    """A bad sector that the chip reports: EIO for the program on the board."""

    def __init__(self, said: str) -> None:
        super().__init__(errno.EIO)
        self.said = said

    def __str__(self) -> str:
        return self.said


@dataclass(frozen=True)
class Operation:
    """One program of at most a page, or one erase of a sector."""

    kind: str  # "program" or "erase"
    offset: int
    size: int
    data: bytes = b""  # what is programmed


@dataclass(frozen=True)
class Partition:
    """A named stretch of the flash, as in the partition table of an ESP32."""

    label: str
    type: int
    subtype: int
    offset: int
    size: int

    def holds(self, operation: Operation) -> bool:
        """Whether the operation lies in it."""
        return self.offset <= operation.offset < self.offset + self.size


class NorFlash:
    """Bytes that can be programmed from 1 to 0 and erased by the sector; counts its wear.

    `hooks` are called with each operation before it takes effect, `done` with each that took effect whole. A cut of the
    supply is armed with `cut_after`. `times` and `endurance` may be assigned; `rng` draws which cells are damaged.
    """

    def __init__(
        self, size: int, *, sector_bytes: int = 4096, page_bytes: int = 256, rng: random.Random | None = None
    ) -> None:
        if size % sector_bytes or sector_bytes % page_bytes:
            raise FlashError(f"{size} bytes are not whole sectors of {sector_bytes} and pages of {page_bytes}")
        self.data = bytearray([ERASED]) * size
        self.sector_bytes = sector_bytes
        self.page_bytes = page_bytes
        self.wear = [0] * (size // sector_bytes)
        self.times: Times = TYPICAL
        self.endurance = Endurance()
        self.damage = Damage(rng or random.Random(0))
        self.programs = 0
        self.erases = 0
        self.programmed_bytes = 0
        self.hooks: list[Callable[[Operation], None]] = []
        self.done: list[Callable[[Operation], None]] = []
        self._cut_in: int | None = None
        self._torn: random.Random | None = None
        self._unstable = False

    @property
    def operations(self) -> int:
        """Program and erase operations so far."""
        return self.programs + self.erases

    def cut_after(self, operation: int, torn: random.Random | None = None, *, unstable: bool = False) -> None:
        """Arms a power cut: the n-th operation from now (1 = the next) does not take place, with `torn` in part.

        With `unstable` too the cells that were under way read differently from one time to the next.
        """
        if operation < 1:
            raise FlashError("operations count from 1")
        if unstable and torn is None:
            raise FlashError("only a torn operation leaves unstable bits")
        self._cut_in, self._torn, self._unstable = operation, torn, unstable

    def disarm(self) -> None:
        """Takes back an armed power cut."""
        self._cut_in = None

    def read(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset`."""
        self._check(offset, size)
        data = bytes(self.data[offset : offset + size])
        return self.damage.waver(offset, data) if self.damage.unstable else data

    # --- damage

    def age(self, cycles: int, sectors: Iterable[int] | None = None) -> None:
        """As if these sectors (all, if none are named) had been erased so many times before."""
        for sector in range(len(self.wear)) if sectors is None else sectors:
            self._check_sector(sector)
            self.wear[sector] += cycles

    def break_sector(
        self, sector: int, *, erases: bool = False, programs: bool = False, reported: bool = False
    ) -> None:
        """That sector does not erase and not program any more, but for what is still said to work."""
        self._check_sector(sector)
        self.damage.broken[sector] = Broken(erases, programs, reported)

    def mend(self, sector: int) -> None:
        """Takes back `break_sector`."""
        self.damage.broken.pop(sector, None)

    def rot(self, bits: int, offset: int = 0, size: int | None = None) -> list[int]:
        """So many programmed bits of that stretch have lost their charge and are ones; returns the offsets of their bytes.

        Source: Micron TN-12-30, data retention: a programmed cell leaks until it reads as erased.
        """
        size = len(self.data) - offset if size is None else size
        self._check(offset, size)
        stretch = range(offset, offset + size)
        zeros = [
            (at, 1 << n) for at in stretch if self.data[at] != ERASED for n in range(8) if not self.data[at] >> n & 1
        ]
        leaked = self.damage.draw(zeros, bits)
        for at, mask in leaked:
            self.data[at] |= mask
        return [at for at, _ in leaked]

    def _check_sector(self, sector: int) -> None:
        if not 0 <= sector < len(self.wear):
            raise FlashError(f"sector {sector}: the flash has {len(self.wear)}, counted from 0")

    # --- operations

    def program(self, offset: int, data: bytes) -> int:
        """Clears the bits that are 0 in `data`, page by page; returns the time it takes, in µs."""
        self._check(offset, len(data))
        done = pages = 0
        while done < len(data):
            at = offset + done
            part = data[done : done + self.page_bytes - at % self.page_bytes]
            self._program_page(at, part)
            done += len(part)
            pages += 1
        return pages * self.times.program_page_us

    def erase(self, offset: int, size: int) -> int:
        """Sets whole sectors to ones; returns the time it takes, in µs."""
        self._check(offset, size)
        if offset % self.sector_bytes or size % self.sector_bytes:
            raise FlashError(f"erase at {offset:#x}, {size} bytes: not whole sectors")
        for at in range(offset, offset + size, self.sector_bytes):
            self._erase_sector(at)
        return size // self.sector_bytes * self.times.erase_sector_us

    def _check(self, offset: int, size: int) -> None:
        if offset < 0 or size < 0 or offset + size > len(self.data):
            raise FlashError(f"{size} bytes at {offset:#x} lie outside the flash of {len(self.data)} bytes")

    def _program_page(self, offset: int, data: bytes) -> None:
        end = offset + len(data)
        after = bytes(a & b for a, b in zip(self.data[offset:end], data, strict=True))
        operation = Operation("program", offset, len(data), bytes(data))
        self._begin(operation, after)
        if self._works(operation):
            self.data[offset:end] = after
            self.damage.settle_programmed(offset, data)
        self.programs += 1
        self.programmed_bytes += len(data)
        self._end(operation)

    def _erase_sector(self, offset: int) -> None:
        size, sector = self.sector_bytes, offset // self.sector_bytes
        operation = Operation("erase", offset, size)
        self._begin(operation, self.damage.erased(offset, size))
        self.erases += 1
        self.wear[sector] += 1
        if self._works(operation):
            self.damage.wear(offset, size, self.wear[sector], self.endurance)
            self.data[offset : offset + size] = self.damage.erased(offset, size)
            self.damage.settle_erased(offset, size)
        self._end(operation)

    def _works(self, operation: Operation) -> bool:
        """Whether the sector does it; FlashFailure if it does not and says so."""
        broken = self.damage.broken.get(operation.offset // self.sector_bytes)
        if broken is None or (broken.erases if operation.kind == "erase" else broken.programs):
            return True
        if broken.reported:
            raise FlashFailure(f"{operation.kind} at {operation.offset:#x}: the sector is bad")
        return False

    def _end(self, operation: Operation) -> None:
        for hook in self.done:
            hook(operation)

    def _begin(self, operation: Operation, after: bytes) -> None:
        for hook in self.hooks:
            hook(operation)
        if self._cut_in is None:
            return
        self._cut_in -= 1
        if self._cut_in:
            return
        self._cut_in = None
        if self._torn is not None:
            self._tear(operation, after, self._torn)
        raise PowerLost(f"power cut at {operation.kind} of {operation.size} bytes at {operation.offset:#x}")

    def _tear(self, operation: Operation, after: bytes, rng: random.Random) -> None:
        end, erase = operation.offset + operation.size, operation.kind == "erase"
        tear = self.damage.torn_erase if erase else self.damage.torn_program
        before, torn = tear(bytes(self.data[operation.offset : end]), after, rng)
        self.data[operation.offset : end] = torn
        if self._unstable:
            self.damage.unsettle(operation.offset, before, bytes(torn), sparse=erase)
