"""What the boot loader in the ROM of an RP2040 or RP2350 does with a block that is written to its drive.

Sources: UF2 file format (Microsoft), blocks of 512 bytes; RP2040 data sheet 2.7 and 2.8.4, erratum RP2040-E14; RP2350 data sheet
5.5 and 5.9; what they leave open, the boot ROMs' own sources (raspberrypi/pico-bootrom-rp2040 and -rp2350, virtual_disk.c) say.
Programs for RAM are not simulated: their blocks are passed over. Of an RP2350's block loop the first block is looked for, no more.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from hw_sim.errors import HwSimError
from hw_sim.silicon.flash import FlashFailure, NorFlash

BLOCK_BYTES = 512
PAGE_BYTES = 256  # of payload in each block that counts
FLASH_AT, FLASH_MOST_BYTES = 0x10000000, 16 << 20  # where flash is seen, and how much of it both chips reach
_HEAD = struct.Struct("<8I")
_MAGIC, _MAGIC_2, _MAGIC_END = 0x0A324655, 0x9E5D5157, 0x0AB16F30
_NOT_MAIN, _HAS_FAMILY = 0x1, 0x2000
_BLOCKS_MOST = 0x10000  # of one file: the RP2350 counts 16 MiB, the RP2040 somewhat less
_BOOT2_BYTES = 252  # of the second stage, with its check sum behind them (RP2040 data sheet 2.8.1.3.1)
_CRC_POLYNOMIAL = 0x04C11DB7
_IMAGE_DEF_WITHIN = 4096  # RP2350 data sheet 5.1.5.1: the first block begins there
_BLOCK_BEGINS, _BLOCK_ENDS = b"\xd3\xde\xff\xff", b"\x79\x35\x12\xab"  # RP2350 data sheet 5.9.1, little-endian


@dataclass(frozen=True)
class Kind:
    """One chip: what its drive says of itself, which families it takes, and how long it waits before it restarts."""

    info: str
    index: str
    families: frozenset[int]
    by_number: bool  # RP2040-E14: what is erased is counted by the number of blocks, not by their addresses
    restart_s: float


KINDS = {
    "RP2040": Kind(
        "UF2 Bootloader v3.0\r\nModel: Raspberry Pi RP2\r\nBoard-ID: RPI-RP2\r\n",
        "https://raspberrypi.com/device/RP2",
        frozenset({0xE48BFF56}),
        by_number=True,
        restart_s=1.0,
    ),
    "RP2350": Kind(
        "UF2 Bootloader v1.0\r\nModel: Raspberry Pi RP2350\r\nBoard-ID: RP2350\r\n",
        "https://raspberrypi.com/device/RP2350",
        # Without a partition table: absolute, data, Arm secure, RISC-V (RP2350 data sheet 5.5.3).
        frozenset({0xE48BFF57, 0xE48BFF58, 0xE48BFF59, 0xE48BFF5A}),
        by_number=False,
        restart_s=0.5,
    ),
}


def kind_of(machine: str) -> str:
    """The chip by what `os.uname()` says of the machine; HwSimError for one without a UF2 boot loader."""
    found = next((name for name in KINDS if machine.endswith(f"with {name}")), "")
    if not found:
        raise HwSimError(f"{machine}: has no UF2 boot loader; take a board with an RP2040 or RP2350")
    return found


class Uf2Rom:
    """The blocks of one file at a time, into `flash`. `complete`: all of them have come."""

    def __init__(self, chip: str, flash: NorFlash) -> None:
        self.chip, self.kind = chip, KINDS[chip]
        self._flash = flash
        self.forget()

    def forget(self) -> None:
        """The boot loader starts, or what came was garbage: the next block begins a file."""
        self._file = (0, 0)  # family, blocks
        self._came: set[int] = set()
        self._erased: set[int] = set()

    @property
    def complete(self) -> bool:
        """All blocks of a file are there: the chip restarts."""
        return bool(self._came) and len(self._came) == self._file[1]

    def take(self, block: bytes) -> bool:
        """One sector of the drive was written; whether it went to flash. PowerLost if the supply goes meanwhile."""
        first, second, flags, address, size, number, count, family = _HEAD.unpack_from(block)
        (end,) = struct.unpack_from("<I", block, BLOCK_BYTES - 4)
        if (first, second, end) != (_MAGIC, _MAGIC_2, _MAGIC_END):
            return False
        if flags & _NOT_MAIN or not flags & _HAS_FAMILY or size != PAGE_BYTES or family not in self.kind.families:
            return False
        at = address - FLASH_AT
        if at % PAGE_BYTES or not 0 <= at < FLASH_MOST_BYTES or not 0 < count <= _BLOCKS_MOST or number >= count:
            self.forget()
            return False
        if self._file != (family, count):
            self.forget()
            self._file = (family, count)
        if number in self._came:
            return False
        self._came.add(number)
        # The chip has fewer address lines than the ROM has addresses: what lies beyond it comes round again.
        self._write(number, at % len(self._flash.data), block[32 : 32 + PAGE_BYTES])
        return True

    def _write(self, number: int, at: int, page: bytes) -> None:
        sector_bytes = self._flash.sector_bytes
        sector = number * PAGE_BYTES // sector_bytes if self.kind.by_number else at // sector_bytes
        try:
            if sector not in self._erased:
                self._erased.add(sector)
                self._flash.erase(at - at % sector_bytes, sector_bytes)
            self._flash.program(at, page)
        except FlashFailure:  # nobody reads back
            self.forget()

    @property
    def starts(self) -> bool:
        """Whether the chip finds a program in flash, or stays in its boot loader."""
        if self.chip == "RP2350":
            head = self._flash.read(0, _IMAGE_DEF_WITHIN)
            begins = head.find(_BLOCK_BEGINS)
            return begins >= 0 and begins % 4 == 0 and head.find(_BLOCK_ENDS, begins) > 0
        head = self._flash.read(0, _BOOT2_BYTES + 4)
        return boot2_sum(head[:_BOOT2_BYTES]) == int.from_bytes(head[_BOOT2_BYTES:], "little")


def boot2_sum(data: bytes) -> int:
    """CRC-32 as the RP2040's boot ROM has it: not reflected, from all ones, not inverted at the end (data sheet 2.8.1.3.1)."""
    found = 0xFFFFFFFF
    for byte in data:
        found ^= byte << 24
        for _ in range(8):
            found = (found << 1 ^ (_CRC_POLYNOMIAL if found >> 31 else 0)) & 0xFFFFFFFF
    return found
