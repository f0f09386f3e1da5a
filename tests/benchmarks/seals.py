"""Seals a second under MicroPython, in the capped heap: ladder step, CCM, spool and release, as the device does them; and the
curves of healing and of updates, which a device uses once a month.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hw_sim.board import Board
from hw_sim.demo.stage import FIRMWARE
from hw_sim.network.net import Network
from hw_sim.world.clock import World

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
CURVES = """
import gc
from firmware.update.ed25519 import verify
from firmware.wire.x25519 import BASE, multiply
assert verify(files["key"], files["message"], files["signature"])
gc.collect()
for i in range(ROUNDS):
    WORK
"""
CURVE_WORK = {
    "x25519_multiplication": "multiply(bytes(range(32)), BASE)",
    "ed25519_verification": 'verify(files["key"], files["message"], files["signature"])',
}
CURVE_ROUNDS = 60
MULTIPLICATIONS = 2  # of one healing: the shared secret, the own public key
MESSAGE = b"byleave/1/release" + bytes(100)  # as long as a manifest


def run(*, quick: bool = False) -> dict[str, object]:
    """Median of the runs; the start of the interpreter is measured apart and taken off."""
    repeats = 1 if quick else 5
    figures: dict[str, Any] = {}
    for name, work in WORK.items():
        figures[name] = _rates(PROGRAM, work, ROUNDS, repeats)
    for name, work in CURVE_WORK.items():
        figures[name] = _rates(CURVES, work, CURVE_ROUNDS, repeats)
    figures["healing_ms"] = round(1000 * MULTIPLICATIONS / figures["x25519_multiplication"]["per_s"], 1)
    return figures


def _rates(program: str, work: str, rounds: int, repeats: int) -> dict[str, float]:
    rates = [rounds / (_seconds(program, work, rounds) - _seconds(program, work, 0)) for _ in range(repeats)]
    return {"per_s": round(statistics.median(rates), 1), "lowest": round(min(rates), 1), "runs": repeats}


def _seconds(program: str, work: str, rounds: int) -> float:
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    files = {"key": key.public_key().public_bytes_raw(), "message": MESSAGE, "signature": key.sign(MESSAGE)}
    world = World(seed=1)
    with Board.from_description("esp32s3", world, Network(world)) as board:
        board.install(FIRMWARE)
        began = time.perf_counter()
        board.execute(program.replace("ROUNDS", str(rounds)).replace("WORK", work), files=files)
        return time.perf_counter() - began
