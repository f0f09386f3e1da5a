"""The gateway's core under 32 lines that are full: frames to spool to forward, without ports and sockets.

Virtual time, real disk: `core_share` is the processor's time for a second of all lines, `blocked_share` what the fsyncs add.
"""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path

from agent.gateway import frames
from agent.gateway.frames import Parser, pack
from tests.unit.agent.gateway.bench import Rig

PORTS, LINE_BYTES_S = 32, 11_520
LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


class Lines:
    """What 32 devices send without a pause, ready made, so that making it costs the measurement nothing."""

    def __init__(self, rig: Rig, seconds: float, size: int) -> None:
        rng = random.Random(1)
        self.contacts = [rig.hub.attach(f"ttyUSB{n}") for n in range(PORTS)]
        self.streams, self.sent = [], 0
        for at, contact in enumerate(self.contacts):
            contact.heard(pack(frames.HELLO, 0, b"\1" + (LETTERS[at] * 16).encode()))
            contact.outgoing()
            made, n = bytearray(), 0
            while len(made) < seconds * LINE_BYTES_S:
                n += 1
                made += pack(frames.UP, n % 65_535 + 1, rng.randbytes(size))
            self.streams.append(bytes(made))
            self.sent += n


def measure(seconds: float, size: int, turn_s: float) -> dict[str, float]:
    """So many virtual seconds; each turn brings what the lines carry in it."""
    with tempfile.TemporaryDirectory() as home:
        rig = Rig(Path(home), most_bytes=256 << 20)
        rig.spool.medium.db.execute("PRAGMA synchronous = FULL")
        lines = Lines(rig, seconds, size)
        step, at, turns, said = int(LINE_BYTES_S * turn_s), 0, 0, []
        longest = max(map(len, lines.streams))
        cpu_s, wall_s = time.process_time(), time.perf_counter()
        while at < longest:
            for contact, stream in zip(lines.contacts, lines.streams, strict=True):
                if piece := stream[at : at + step]:
                    contact.heard(piece)
            at, turns = at + step, turns + 1
            rig.turn(turn_s)
            said += [contact.outgoing() for contact in lines.contacts if contact.waiting]
            for handle in list(rig.broker.open):
                del rig.broker.open[handle]
                rig.hub.acknowledged(handle)
            rig.broker.published.clear()
        cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
        rig.turn(1)
        said += [contact.outgoing() for contact in lines.contacts]
        accepted = sum(frame.kind == frames.ACCEPTED for frame in Parser().feed(b"".join(said)))
        assert accepted == lines.sent, (accepted, lines.sent, rig.hub.figures())
        virtual_s = turns * turn_s
        return {
            "envelopes": lines.sent,
            "cpu_us_per_envelope": cpu_s / lines.sent * 1e6,
            "core_share": cpu_s / virtual_s,
            "blocked_share": (wall_s - cpu_s) / virtual_s,
        }


def run(*, quick: bool = False) -> dict[str, object]:
    """Envelopes of 1 KB in turns of 25 and 100 ms, and small ones."""
    seconds = 5.0 if quick else 30.0
    return {
        "1024 bytes, turns of 25 ms": measure(seconds, 1024, 0.025),
        "1024 bytes, turns of 100 ms": measure(seconds, 1024, 0.1),
        "200 bytes, turns of 25 ms": measure(seconds, 200, 0.025),
    }
