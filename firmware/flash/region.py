"""RawRegion: a part of NOR flash without a file system, over a MicroPython block device with the extended interface.

NOR programs 1 to 0 only, and an erase sets a whole sector to 1; the RP2 programs aligned pages of 256 bytes. So every
program is a whole page in which 0xFF stands for "as it is".
"""

from firmware.const import const
from firmware.errors import FlashError

_BLOCK_COUNT = const(4)  # operations of ioctl, as MicroPython's vfs.AbstractBlockDev names them
_BLOCK_SIZE = const(5)
_BLOCK_ERASE = const(6)


class RawRegion:
    """Attributes `sectors` and `sector_bytes`; offsets count from the start of the region. Every failure raises
    FlashError.
    """

    def __init__(self, blockdev, page_bytes: int = 256):
        """blockdev: readblocks(block, buffer, offset), writeblocks(block, buffer, offset) that does not erase,
        ioctl(op, arg).
        """
        self._dev = blockdev
        self._page_bytes = page_bytes
        self.sectors = blockdev.ioctl(_BLOCK_COUNT, 0)
        self.sector_bytes = blockdev.ioctl(_BLOCK_SIZE, 0)

    def read(self, offset: int, n: int) -> bytearray:
        """n bytes from offset, in a buffer of the caller's own."""
        self._check(offset, n)
        data = bytearray(n)
        view = memoryview(data)
        at = 0
        while at < n:
            sector, start = divmod(offset + at, self.sector_bytes)
            size = min(n - at, self.sector_bytes - start)
            self._call(self._dev.readblocks, sector, view[at : at + size], start)
            at += size
        return data

    def program(self, offset: int, data):
        """Clear the bits that are 0 in data; pages in rising order."""
        self._check(offset, len(data))
        at = 0
        while at < len(data):
            start = (offset + at) % self._page_bytes
            size = min(len(data) - at, self._page_bytes - start)
            page = bytearray(b"\xff" * self._page_bytes)
            page[start : start + size] = data[at : at + size]
            sector, in_sector = divmod(offset + at - start, self.sector_bytes)
            self._call(self._dev.writeblocks, sector, page, in_sector)
            at += size

    def erase(self, sector: int):
        """Set every bit of a sector."""
        self._call(self._dev.ioctl, _BLOCK_ERASE, sector)

    def is_blank(self, offset: int, n: int) -> bool:
        """True if n bytes from offset read as erased."""
        while n > 0:
            size = min(n, self._page_bytes)
            if self.read(offset, size) != b"\xff" * size:
                return False
            offset += size
            n -= size
        return True

    def zero(self, offset: int, n: int):
        """Clear every bit of n bytes from offset."""
        while n > 0:
            size = min(n, self._page_bytes - offset % self._page_bytes)
            self.program(offset, bytes(size))
            offset += size
            n -= size

    def _check(self, offset, n):
        if offset < 0 or offset + n > self.sectors * self.sector_bytes:
            raise FlashError("beyond the region")

    def _call(self, operation, *args):
        try:
            status = operation(*args)
        except OSError:
            raise FlashError("block device failed")
        if status:  # 0 or None is success
            raise FlashError("block device refused")
