# A stretch of the simulated NOR flash as a block device, as both ports have one.
import _link
import _ops


class Blocks:
    _page = 1  # what may be programmed: whole ones

    def _at(self, block, offset, n):
        # The RP2's does not look; what lies beyond is another's, so here it is an error.
        at = block * 4096 + offset
        if at < 0 or at + n > self._size:
            raise OSError(22)
        return self._start + at

    def readblocks(self, block, buf, offset=0):
        _link.call(_ops.FLASH_READ, self._at(block, offset, len(buf)), len(buf), into=buf)

    def writeblocks(self, block, buf, offset=None):
        n = len(buf)
        if offset is None:  # the simple protocol erases first
            _link.call(_ops.FLASH_ERASE, self._at(block, 0, n), (n + 4095) // 4096 * 4096)
        at = self._at(block, offset or 0, n)
        if at % self._page or n % self._page:
            _link.missing("writeblocks of a part of a page")
        _link.call(_ops.FLASH_PROGRAM, at, data=buf)

    def ioctl(self, command, arg=0):
        if command == 4:
            return self._size // 4096
        if command == 5:
            return 4096
        if command == 6:
            _link.call(_ops.FLASH_ERASE, self._at(arg, 0, 4096), 4096)
            return 0
        return 0 if command in (1, 2, 3) else None
