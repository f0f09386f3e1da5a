"""Seals a second under MicroPython, in the capped heap: ladder step, CCM, spool and release, as the device does them."""

from __future__ import annotations

import statistics

from hw_sim.board import Board
from hw_sim.clock import World
from hw_sim.demo.stage import FIRMWARE
from hw_sim.net import Network

# Runs on the board. Flash is the interpreter's own memory here: the simulated one would measure the simulator.
PROGRAM = """
import gc, json
from firmware.flash.recordlog import RecordLog
from firmware.flash.region import RawRegion
from firmware.flash.spool import Spool
from firmware.keystore import KeyStore, SLOT_BYTES
from firmware.sealer import Sealer
from firmware.wire import batch
from firmware.wire.ccm import seal

class Memory:
    def __init__(self, sectors):
        self.data = bytearray(b"\\xff" * (sectors * 4096))
    def readblocks(self, block, buf, off=0):
        at = block * 4096 + off
        buf[:] = self.data[at : at + len(buf)]
    def writeblocks(self, block, buf, off=0):
        at = block * 4096 + off
        for i in range(len(buf)):
            self.data[at + i] &= buf[i]
    def ioctl(self, op, arg):
        if op == 4: return len(self.data) // 4096
        if op == 5: return 4096
        if op == 6:
            self.data[arg * 4096 : arg * 4096 + 4096] = b"\\xff" * 4096
        return 0

keys = KeyStore(RecordLog(RawRegion(Memory(2)), SLOT_BYTES))
keys.enrol("abcdefghijklmnop", bytearray(range(32)), 0, 20480, 20480 * 86400)
spool = Spool(RawRegion(Memory(4)))
sealer = Sealer(keys, spool, lambda n: bytes(n))
fix = lambda i: (20480 * 86400 + 10 * i, 534067350 + 900 * i, -29848730 + 1500 * i, 2500, 8000, 0, 3, 9)
fixes = [batch.entry_of(fix(i), 0, False) for i in range(20)]
plain = batch.pack_location(0, fixes, 20480)
gc.collect()
for i in range(ROUNDS):
    WORK
"""
WORK = {
    "ccm_seal_200_bytes": 'seal(bytes(32), bytes(13), b"header", bytes(200), 8)',
    "envelope_of_20_fixes_packed_sealed_spooled": (
        "spool.release(sealer.seal(1, batch.pack_location(0, fixes, 20480), 1, 20480 * 86400).position)"
    ),
}
ROUNDS = 1500  # below the 4096 counters of an epoch


def run(*, quick: bool = False) -> dict[str, object]:
    """Median of the runs; the start of the interpreter is measured apart and taken off."""
    repeats = 1 if quick else 5
    figures: dict[str, object] = {}
    for name, work in WORK.items():
        rates = [ROUNDS / (_seconds(work, ROUNDS) - _seconds(work, 0)) for _ in range(repeats)]
        figures[name] = {"per_s": round(statistics.median(rates)), "lowest": round(min(rates)), "runs": repeats}
    return figures


def _seconds(work: str, rounds: int) -> float:
    import time

    world = World(seed=1)
    with Board.from_description("esp32s3", world, Network(world)) as board:
        board.install(FIRMWARE)
        began = time.perf_counter()
        board.execute(PROGRAM.replace("ROUNDS", str(rounds)).replace("WORK", work))
        return time.perf_counter() - began
