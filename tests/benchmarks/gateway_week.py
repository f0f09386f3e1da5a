"""Memory of the gateway's core over a virtual week: 32 ports, a broker that is away for a day, noise, plugs that are pulled."""

from __future__ import annotations

import gc
import os
import random
import tempfile
import time
import tracemalloc
from pathlib import Path

from agent.gateway import frames
from tests.benchmarks.gateway_core import LETTERS, PORTS
from tests.unit.agent.gateway.bench import Line, Rig

ROUND_S, CONTACT_EVERY = 5, 180  # a contact each quarter of an hour, the ports one after the other
DAY_ROUNDS = 86_400 // ROUND_S
AWAY = range(2 * DAY_ROUNDS, 3 * DAY_ROUNDS)  # the third day


def resident_bytes() -> int:
    """What the process holds, SQLite's pages too."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Week:
    """The rounds of a loop, and who does what in which."""

    def __init__(self, home: Path) -> None:
        self.rig, self.rng = Rig(home, most_bytes=64 << 20), random.Random(7)
        self.lines = [self.rig.line(f"ttyUSB{n}") for n in range(PORTS)]
        self.accepted = self.contacts = 0
        self.stored = 0

    def contact(self, at: int) -> None:
        """HELLO, three to eight envelopes, what comes down; one in ten ends without BYE."""
        rig, line = self.rig, self.lines[at]
        name = LETTERS[at] * 15 + self.rng.choice("aaaab")  # now and then another device at the port
        line.hello(name)
        for n in range(self.rng.randrange(3, 9)):
            line.say(frames.UP, n + 1, self.rng.randbytes(self.rng.randrange(60, 1024)), again=self.rng.random() < 0.1)
        if rig.broker.listening[name] and self.rng.random() < 0.5:
            rig.hub.downlink(name, self.rng.randrange(1, 65_535), self.rng.randbytes(100), False)
        for _ in range(4):
            rig.turn()
            for frame in line.heard():
                self.accepted += frame.kind == frames.ACCEPTED
                if frame.kind == frames.DOWN and self.rng.random() < 0.8:
                    line.say(frames.TAKEN, frame.number)
        if self.rng.random() < 0.9:
            line.say(frames.BYE)
        line.contact.heard(self.rng.randbytes(self.rng.randrange(400)))
        if self.rng.random() < 0.01:
            rig.hub.detach(line.contact)
            self.lines[at] = Line(rig.hub, f"ttyUSB{at}")
        self.contacts += 1

    def rest(self) -> None:
        """No contact stands, so that days compare."""
        for line in self.lines:
            line.say(frames.BYE)
        self.rig.turn(2)
        gc.collect()

    def round(self, n: int) -> None:
        """Five seconds."""
        rig = self.rig
        if n == AWAY.start:
            rig.broker.down()
        if n == AWAY.stop:
            rig.broker.up()
        for at in range(n % CONTACT_EVERY, PORTS * 5, CONTACT_EVERY):
            if at % 5 == 0:
                self.contact(at // 5)
        rig.turn(ROUND_S)
        rig.broker.answer()
        self.stored += rig.broker.stored.total()
        for noted in (rig.broker.stored, rig.broker.published, rig.broker.acknowledged):
            noted.clear()  # type: ignore[attr-defined]


def run(*, quick: bool = False) -> dict[str, object]:
    """Traced bytes of agent/gateway and resident bytes at the end of each day, between contacts."""
    found: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as home:
        week, begun_s = Week(Path(home)), time.perf_counter()
        tracemalloc.start()
        try:
            for n in range((1 if quick else 7) * DAY_ROUNDS):
                week.round(n)
                if (n + 1) % DAY_ROUNDS == 0:
                    week.rest()
                    ours = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*/agent/gateway/*")])
                    found[f"day {(n + 1) // DAY_ROUNDS}"] = {
                        "traced_kb": sum(stat.size for stat in ours.statistics("filename")) / 1024,
                        "resident_mb": resident_bytes() / 1024 / 1024,
                        "spooled": week.rig.spool.count,
                    }
        finally:
            tracemalloc.stop()
        while week.rig.spool.count:
            week.round(1)
        found["whole"] = {
            "contacts": week.contacts,
            "accepted": week.accepted,
            "stored": week.stored,
            "left": week.rig.spool.count,
            "took_s": time.perf_counter() - begun_s,
        }
        week.rig.hub.close()
    return found
