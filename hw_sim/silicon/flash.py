"""NOR flash as the data sheets have it: programming clears bits, erasing sets whole sectors, power may go at any time.

Times: Winbond W25Q64JV data sheet, section 9.6 (typical): page program 0.4 ms, sector erase 45 ms.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

from hw_sim.errors import HwSimError

PROGRAM_PAGE_US = 400
ERASE_SECTOR_US = 45_000
ERASED = 0xFF


class PowerLost(HwSimError):  # noqa: N818 - reads as the event it is
    """The supply went during a flash operation; what it left is in the flash."""


class FlashError(HwSimError):
    """An access that the flash has no address for."""


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
    supply is armed with `cut_after`.
    """

    def __init__(self, size: int, *, sector_bytes: int = 4096, page_bytes: int = 256) -> None:
        if size % sector_bytes or sector_bytes % page_bytes:
            raise FlashError(f"{size} bytes are not whole sectors of {sector_bytes} and pages of {page_bytes}")
        self.data = bytearray([ERASED]) * size
        self.sector_bytes = sector_bytes
        self.page_bytes = page_bytes
        self.wear = [0] * (size // sector_bytes)
        self.programs = 0
        self.erases = 0
        self.programmed_bytes = 0
        self.hooks: list[Callable[[Operation], None]] = []
        self.done: list[Callable[[Operation], None]] = []
        self._cut_in: int | None = None
        self._torn: random.Random | None = None

    @property
    def operations(self) -> int:
        """Program and erase operations so far."""
        return self.programs + self.erases

    def cut_after(self, operation: int, torn: random.Random | None = None) -> None:
        """Arms a power cut: the n-th operation from now (1 = the next) does not take place, with `torn` in part."""
        if operation < 1:
            raise FlashError("operations count from 1")
        self._cut_in, self._torn = operation, torn

    def disarm(self) -> None:
        """Takes back an armed power cut."""
        self._cut_in = None

    def read(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset`."""
        self._check(offset, size)
        return bytes(self.data[offset : offset + size])

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
        return pages * PROGRAM_PAGE_US

    def erase(self, offset: int, size: int) -> int:
        """Sets whole sectors to ones; returns the time it takes, in µs."""
        self._check(offset, size)
        if offset % self.sector_bytes or size % self.sector_bytes:
            raise FlashError(f"erase at {offset:#x}, {size} bytes: not whole sectors")
        for at in range(offset, offset + size, self.sector_bytes):
            self._erase_sector(at)
        return size // self.sector_bytes * ERASE_SECTOR_US

    def _check(self, offset: int, size: int) -> None:
        if offset < 0 or size < 0 or offset + size > len(self.data):
            raise FlashError(f"{size} bytes at {offset:#x} lie outside the flash of {len(self.data)} bytes")

    def _program_page(self, offset: int, data: bytes) -> None:
        end = offset + len(data)
        after = bytes(a & b for a, b in zip(self.data[offset:end], data, strict=True))
        operation = Operation("program", offset, len(data), bytes(data))
        self._begin(operation, after)
        self.data[offset:end] = after
        self.programs += 1
        self.programmed_bytes += len(data)
        self._end(operation)

    def _erase_sector(self, offset: int) -> None:
        after = bytes([ERASED]) * self.sector_bytes
        operation = Operation("erase", offset, self.sector_bytes)
        self._begin(operation, after)
        self.data[offset : offset + self.sector_bytes] = after
        self.erases += 1
        self.wear[offset // self.sector_bytes] += 1
        self._end(operation)

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
        # A cell either has its charge moved already or not: each bit that was to change has done so by a coin's toss,
        # up to a point that the operation had reached.
        reached = rng.randrange(operation.size + 1)
        for i in range(reached):
            at = operation.offset + i
            changing = self.data[at] ^ after[i]
            self.data[at] ^= changing & rng.randrange(256) if i > reached - 16 else changing
