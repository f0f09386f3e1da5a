"""Frozen in place of the RP2 port's own `_boot`, which gives the file system the whole storage, keys and spool included, and
formats it after any error of mounting.

The file system ends where the raw regions begin. It is made once, in flash that is blank; one that is damaged is left alone:
the device then has no settings, says so on its console and senses nothing.
"""

import os

import rp2
import vfs

# First byte of the raw regions: RAW_START of firmware/boards/pico_w.py and pico2_w.py. It stands here again, because a
# damaged board file must not take the file system with it.
_BYTES = 0x20_0000 if "RP2350" in os.uname()[4] else 0x1_4000
_PAGE_BYTES = 256  # is programmed at once


def _mount():
    storage = rp2.Flash(start=0, len=_BYTES)
    try:
        return vfs.VfsLfs2(storage, progsize=_PAGE_BYTES)  # type: ignore[abstract]  # in the stubs alone
    except OSError:
        head = bytearray(4 * _PAGE_BYTES)
        storage.readblocks(0, head, 0)
        if any(byte != 0xFF for byte in head):
            print("file system damaged")
            return None
    vfs.VfsLfs2.mkfs(storage, progsize=_PAGE_BYTES)
    return vfs.VfsLfs2(storage, progsize=_PAGE_BYTES)  # type: ignore[abstract]


_found = _mount()
if _found:
    vfs.mount(_found, "/")
