# rp2.Flash over the simulated NOR flash: the port's storage, or a part of it.
import _link
import _ops


def __getattr__(name):
    return _link.absent("rp2", name, "PIO StateMachine DMA asm_pio asm_pio_encode bootsel_button country")


class Flash:
    def __init__(self, *, start=-1, len=-1):
        base = _link.call(_ops.STORAGE, 0)
        size = _link.call(_ops.STORAGE, 1)
        begin = max(start, 0)
        length = size - begin if len == -1 else len
        if not 0 <= begin < size or begin % 4096 or not 0 < length <= size - begin or length % 4096:
            raise ValueError
        self._start = base + begin
        self._size = length

    def _at(self, block, offset, n):
        # The port does not look; what lies beyond is another's, so here it is an error.
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
        if at % 256 or n % 256:
            _link.missing("rp2.Flash.writeblocks of a part of a page")
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


class _Segment(memoryview):
    # What `vfs.rom_ioctl` gives: an rp2.Flash, whose bytes can be looked at in place.
    def _flash(self):
        import json

        row = [row for row in json.loads(_link.ask(_ops.FLASH_TABLE)) if row[4] == "romfs"][0]
        flash = Flash()
        flash._start, flash._size = row[2], row[3]
        return flash

    def readblocks(self, *args):
        return self._flash().readblocks(*args)

    def writeblocks(self, *args):
        return self._flash().writeblocks(*args)

    def ioctl(self, *args):
        return self._flash().ioctl(*args)


def segment(mapped):  # the simulator's own
    return _Segment(mapped)
