"""A device's sealing half under MicroPython, over flash in RAM: enrols, seals, takes a downlink, sleeps, wakes.

    micropython sealing_run.py <root of the project> <file with hex: enrolment, downlink with number 0> <seals>

Prints one JSON object: figures, the first and the last envelope.
"""

import gc
import json
import os
import sys
import time

SECTOR_BYTES = 4096
BLANK = b"\xff" * 64  # in small pieces: a chip erases without any heap


class RamFlash:
    """NOR in RAM, with MicroPython's extended block device."""

    def __init__(self, sectors):
        self.data = bytearray(b"\xff" * (sectors * SECTOR_BYTES))
        self.erases = 0

    def readblocks(self, block, buf, offset=0):
        """Read."""
        start = block * SECTOR_BYTES + offset
        buf[:] = memoryview(self.data)[start : start + len(buf)]

    def writeblocks(self, block, buf, offset=0):
        """Program: AND, through big integers so that this loop is not what is measured."""
        start = block * SECTOR_BYTES + offset
        end = start + len(buf)
        both = int.from_bytes(self.data[start:end], "big") & int.from_bytes(buf, "big")
        self.data[start:end] = both.to_bytes(len(buf), "big")

    def ioctl(self, op, arg):
        """Count, size, erase."""
        if op == 6:
            self.erases += 1
            for at in range(arg * SECTOR_BYTES, (arg + 1) * SECTOR_BYTES, len(BLANK)):
                self.data[at : at + len(BLANK)] = BLANK
            return 0
        return len(self.data) // SECTOR_BYTES if op == 4 else SECTOR_BYTES


class Board:
    """Regions and retained memory."""

    def __init__(self):
        self.flash = {"keys": RamFlash(2), "rules": RamFlash(2), "spool": RamFlash(5)}
        self.memory = b""

    def region(self, label):
        """A raw region."""
        from firmware.flash.region import RawRegion

        return RawRegion(self.flash[label])

    def save_settings(self, settings):
        """There is no file system here."""

    def retained(self):
        """Retained memory."""
        return self.memory

    def retain(self, data):
        """Written."""
        self.memory = bytes(data)

    def reset_cause(self):
        """Deep sleep."""
        return 4


def free_bytes():
    """Heap after a collection."""
    gc.collect()
    return gc.mem_free()


def main(enrolment, down, seals):
    """The run; see above."""
    board = Board()  # first, in one piece: a chip's flash takes no heap
    before = free_bytes()
    from firmware.minimise import Minimiser

    gc.collect()  # a board has bytecode in ROM; here the compiler wants its room before the heap is in pieces
    from firmware import enrol
    from firmware.clock import Challenge, Clock
    from firmware.flash.recordlog import RecordLog
    from firmware.flash.rules import Rules
    from firmware.flash.spool import Spool
    from firmware.keystore import SLOT_BYTES, KeyStore
    from firmware.sealer import Sealer
    from firmware.wire import batch, report

    with_modules = free_bytes()
    keys = enrol.install(RecordLog(board.region("keys"), SLOT_BYTES), board, enrolment)
    keys.boot()
    spool, rules = Spool(board.region("spool")), Rules(RecordLog(board.region("rules"), SLOT_BYTES))
    sealer = Sealer(keys, spool, os.urandom)
    clock = Clock(time.ticks_ms, keys, Challenge(os.urandom))
    opened = sealer.open(down)
    assert clock.now_s() is None and Minimiser(rules.directive).accept((0,) * 8) == ()
    status = report.pack_status(
        1,
        None,
        keys.epoch,
        5,
        0,
        keys.down_next,
        bytes(8),
        keys.boots,
        1,
        3900,
        0,
        0,
        0,
        32,
        with_modules,
        "0.1.0",
        "",
        0,
        0,
    )
    sealer.seal(4, status, 0, keys.floor_s)
    objects = with_modules - free_bytes()
    fixes = [(keys.floor_s + 10 * i, 5567610 + 70 * i + i % 3, 1256834 + 110 * i - i % 5, 3) for i in range(20)]
    first = None
    start = time.ticks_us()
    for _ in range(seals):
        entry = sealer.seal(1, batch.pack_location(0, fixes, keys.epoch), 1, keys.floor_s)
        spool.release(entry.position)
        first = first or entry
    elapsed = time.ticks_diff(time.ticks_us(), start)
    board.retain(keys.export_retained())
    awake = KeyStore(RecordLog(board.region("keys"), SLOT_BYTES))
    assert awake.import_retained(board)
    last = Sealer(awake, Spool(board.region("spool")), os.urandom).seal(1, b"\x90", 1, keys.floor_s)
    figures = {
        "seals_per_s": seals * 1000000 // elapsed,
        "envelope_bytes": len(entry.envelope),
        "modules_bytes": before - with_modules,
        "objects_bytes": objects,
        "free_bytes": free_bytes() + sum(len(flash.data) for flash in board.flash.values()),
        "erases": sum(flash.erases for flash in board.flash.values()),
        "opened": opened[:2],
        "first": first.envelope.hex(),
        "last": last.envelope.hex(),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    with open(sys.argv[2]) as lines:  # noqa: PTH123 - MicroPython has no pathlib
        enrolment_hex, down_hex = lines.read().split()
    main(bytes.fromhex(enrolment_hex), bytes.fromhex(down_hex), int(sys.argv[3]))
