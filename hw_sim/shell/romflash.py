"""What a boot loader of Espressif's does to flash: a stretch that is written block by block, and one that is read.

Source: esptool documentation, "Serial Protocol".
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator

from hw_sim.silicon.flash import NorFlash

MOST_AHEAD = 64  # packets: what esptool asks for; the port keeps them all until they are read


class Refused(Exception):  # noqa: N818 - an answer, not a fault
    """A command that fails: the code that the ROM says, and the stub's."""

    def __init__(self, rom: int, stub: int) -> None:
        super().__init__(rom, stub)
        self.rom, self.stub = rom, stub


INVALID = (0x05, 0xC0)
FAILED = (0x06, 0xC6)  # "failed to act"; "not in flash mode"
BAD_SUM = (0x07, 0xC1)
BAD_FLASH = (0x08, 0xC4)
BAD_DEFLATE = (0x0B, 0xC7)
TOO_MUCH = (0x0B, 0xC9)
UNKNOWN = (0x05, 0xFF)


class Write:
    """One stretch of flash that is being written, erased first or sector by sector as it is reached."""

    def __init__(self, flash: NorFlash, offset: int, size: int, *, deflated: bool, erased: bool) -> None:
        self._flash, self._at, self._end = flash, offset, offset + size
        self._inflate = zlib.decompressobj() if deflated else None
        self.next = 0  # number of the next block
        flash.read(offset, size)  # FlashError before anything is erased
        self._erased = offset - offset % flash.sector_bytes
        if erased:
            self._erase_to(self._end)

    def take(self, number: int, block: bytes) -> None:
        """The next block. Refused for one out of order, and for what does not unpack or fit."""
        if number != self.next:
            raise Refused(*FAILED)
        # The last block is filled up, unless it is packed.
        data = block[: self._end - self._at] if self._inflate is None else self._inflated(self._inflate, block)
        self._erase_to(self._at + len(data))
        self._flash.program(self._at, data)
        self._at += len(data)
        self.next += 1

    def _inflated(self, inflate: zlib._Decompress, block: bytes) -> bytes:
        try:
            data = inflate.decompress(block, self._end - self._at + 1)
        except zlib.error:
            raise Refused(*BAD_DEFLATE) from None
        if len(data) > self._end - self._at:
            raise Refused(*TOO_MUCH)
        return data

    def _erase_to(self, end: int) -> None:
        while self._erased < end:
            self._flash.erase(self._erased, self._flash.sector_bytes)
            self._erased += self._flash.sector_bytes


class Reading:
    """A stretch in packets, so many ahead of what the host says has arrived; their MD5 once all has."""

    def __init__(self, flash: NorFlash, offset: int, size: int, block_bytes: int, ahead: int) -> None:
        if not 0 < block_bytes <= flash.sector_bytes or not ahead:
            raise Refused(*INVALID)
        self._data = flash.read(offset, size)
        self._block, self._ahead_bytes = block_bytes, min(ahead, MOST_AHEAD) * block_bytes
        self._sent = 0
        self.ended = False

    def after(self, arrived: int) -> Iterator[bytes]:
        """What is sent when the host has said that so many bytes have arrived."""
        while self._sent < min(len(self._data), arrived + self._ahead_bytes):
            yield self._data[self._sent : self._sent + self._block]
            self._sent += self._block
        if arrived >= len(self._data):
            self.ended = True
            yield hashlib.md5(self._data, usedforsecurity=False).digest()
