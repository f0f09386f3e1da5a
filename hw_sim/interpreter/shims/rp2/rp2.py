# rp2.Flash over the simulated NOR flash: the port's storage, or a part of it.
import _blocks
import _link
import _ops


def __getattr__(name):
    if name == "country":
        import network

        return network.country
    return _link.absent("rp2", name, "PIO StateMachine DMA asm_pio asm_pio_encode PIOASMEmit PIOASMError const")


def bootsel_button():
    return _link.call(_ops.PIN_GET, -1)


class Flash(_blocks.Blocks):
    _page = 256

    def __init__(self, *, start=-1, len=-1):
        base = _link.call(_ops.STORAGE, 0)
        size = _link.call(_ops.STORAGE, 1)
        begin = max(start, 0)
        length = size - begin if len == -1 else len
        if not 0 <= begin < size or begin % 4096 or not 0 < length <= size - begin or length % 4096:
            raise ValueError
        self._start = base + begin
        self._size = length


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
