"""Which release starts: the one of two slots, or the one that the board was built with.

Frozen beside `main.py` as a module of its own, and never replaced over the air: what chooses must not depend on what is
chosen. It imports nothing of the firmware before it has chosen. The slots are the halves of MicroPython's ROMFS segment;
each holds an image that runs in place, and in its last sector what is known of it (docs/decisions/0013-update.md):

    page 0   head: magic, order, size, security version, length of the manifest, SHA-256 of the image, CRC-32; signed manifest
    page 1   marks, 16 bytes each, set when all are zero: complete, confirmed, failed, then one for each start on trial
    page 2 … how far the fetching has come
"""

import struct
from binascii import crc32
from hashlib import sha256

try:
    from micropython import const
except ImportError:

    def const(value):  # type: ignore[misc]
        """MicroPython's; nothing elsewhere."""
        return value


_HEAD = const(">4sIIHH32s")
_HEAD_BYTES = const(52)  # with the CRC-32 behind it
_MAGIC = const(b"BLS1")
_PAGE_BYTES = const(256)
_SECTOR_BYTES = const(4096)
_COMPLETE = const(0)
_CONFIRMED = const(1)
_FAILED = const(2)
_MARK_BYTES = const(16)
_FIRST_START = const(3)
_STARTS = const(3)  # on trial: one may meet a broker that is away, one a person who takes the battery out
# Until the app takes the watchdog over, which is two seconds after the start; the RP2040's is 8388 ms at most.
_WATCHDOG_MS = const(8_000)
# `update` of wire-format section 5, `status`
_FETCHING = const(1)
_TRIAL = const(2)
_ROLLED_BACK = const(3)
_AT = const("/slot")


class Slot:
    """One half of the segment: `index` 0 or 1, `sectors` for the image, `base` where it begins."""

    def __init__(self, device, index):
        """device: block device with the extended interface, of sectors of 4096 bytes."""
        self.device = device
        self.index = index
        self.sectors = device.ioctl(4, 0) // 2 - 1
        self.base = index * (self.sectors + 1)

    def read(self, offset, n):
        """n bytes of the last sector."""
        data = bytearray(n)
        self.device.readblocks(self.base + self.sectors, data, offset)
        return data

    def head(self):
        """(order, size, security version, SHA-256 of the image, signed manifest), or None."""
        page = self.read(0, _PAGE_BYTES)
        magic, order, size, security, length, digest = struct.unpack_from(_HEAD, page)
        end = _HEAD_BYTES + length
        if magic != _MAGIC or end > _PAGE_BYTES or not 0 < size <= self.sectors * _SECTOR_BYTES:
            return None
        signed = bytes(page[_HEAD_BYTES:end])
        if struct.unpack_from(">I", page, _HEAD_BYTES - 4)[0] != _crc(page, signed):
            return None
        return order, size, security, digest, signed

    def marked(self, mark):
        """True if all of the mark is there [a cut leaves half of one, and what it stands for is done again]."""
        return not any(self.read(_PAGE_BYTES + mark * _MARK_BYTES, _MARK_BYTES))

    def mark(self, mark):
        """Set it, for good."""
        at = mark * _MARK_BYTES
        page = bytearray(b"\xff" * _PAGE_BYTES)  # the RP2 programs whole pages
        page[at : at + _MARK_BYTES] = bytes(_MARK_BYTES)
        self.device.writeblocks(self.base + self.sectors, page, _PAGE_BYTES)

    def _count_start(self):
        """Count this start on trial before it happens; False if there have been enough."""
        for n in range(_FIRST_START, _FIRST_START + _STARTS):
            # Half a mark counts: a release that makes the supply fail must not have starts without end.
            if self.read(_PAGE_BYTES + n * _MARK_BYTES, _MARK_BYTES) == b"\xff" * _MARK_BYTES:
                self.mark(n)
                return True
        return False


def _crc(head, signed):
    return crc32(signed, crc32(head[: _HEAD_BYTES - 4]))


def pack_head(order, size, security, digest, signed):
    """Page 0 of a slot."""
    head = struct.pack(_HEAD, _MAGIC, order, size, security, len(signed), digest)
    return head + struct.pack(">I", _crc(head + bytes(4), signed)) + signed


def device():
    """Block device of the segment; OSError where this board has none."""
    import vfs

    try:
        rom_ioctl = vfs.rom_ioctl
    except AttributeError:  # MicroPython without ROMFS
        raise OSError(19)
    try:
        from esp32 import Partition
    except ImportError:  # the RP2's segment is a block device
        segment = rom_ioctl(2, 0)
        if isinstance(segment, int):  # an error number
            raise OSError(-segment)
        return segment
    return Partition("romfs")


def both(segment):
    """The two slots, the newer first, each with its head: [(order, head or None, slot), …]."""
    found = []
    for index in (0, 1):
        slot = Slot(segment, index)
        head = slot.head()
        found.append((head[0] if head else 0, head, slot))
    if found[1][0] > found[0][0]:
        found.reverse()
    return found


def floor(found):
    """The highest security version that was ever confirmed in a slot."""
    return max([0] + [head[2] for _, head, slot in found if head and slot.marked(_CONFIRMED)])


def run():
    """Start the release that is chosen. What was built in may have a hole that a confirmed release has mended: then it stays
    at the console, where another can be installed.
    """
    slot, state, least = choose()
    try:
        from firmware.version import SECURITY

        if least > SECURITY:
            print("not started: the release built in is older than one that was confirmed")
            return
        from firmware import update

        update.begin(slot, state, least)
        from firmware.app import main

        main()
    except Exception as error:
        if slot < 0:
            raise
        # On trial it starts again until its starts are used up; later, because nobody sits at the console.
        import sys

        import machine

        sys.print_exception(error)
        machine.reset()


def choose():
    """Mount the release that is to run. (slot or -1 for the one the board was built with, state of an update, lowest
    security version that may run).
    """
    try:
        found = both(device())
    except OSError:
        return -1, 0, 0
    least, state = floor(found), 0
    for _, head, slot in found:
        if not head:
            continue
        if not slot.marked(_COMPLETE):
            state = state or _FETCHING
            continue
        trial = not slot.marked(_CONFIRMED)
        # 1. What failed once, and what has had its starts without an acknowledged envelope, is passed over for good.
        # 2. Never below what was confirmed [an old, signed release with a known hole].
        # 3. Never an image that is not, byte for byte, the one that was signed [worn or half-written flash].
        failed = trial and (slot.marked(_FAILED) or not slot._count_start())
        if failed or head[2] < least or not _mount(slot, head):
            if trial:
                state = state or _ROLLED_BACK
                if not slot.marked(_FAILED):
                    slot.mark(_FAILED)
            continue
        if trial:
            import machine

            machine.WDT(timeout=_WATCHDOG_MS)  # 4. one that hangs before it feeds any watchdog is reset
            state = _TRIAL
        return slot.index, state, least
    return -1, state, least


def _mount(slot, head):
    import sys

    import vfs

    start = slot.base * _SECTOR_BYTES
    image = memoryview(vfs.rom_ioctl(2, 0))[start : start + head[1]]
    if sha256(image).digest() != head[3]:
        return False
    try:
        vfs.mount(vfs.VfsRom(image), _AT)  # type: ignore[attr-defined]  # not in the stubs
    except OSError:  # signed, and no ROMFS
        return False
    sys.path.insert(0, _AT)
    return True
