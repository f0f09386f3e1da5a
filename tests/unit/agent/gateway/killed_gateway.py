"""A gateway's core that works until somebody kills it: `python -m …killed_gateway SPOOL_FOLDER JOURNAL SEED SHARE`.

Three devices send; what is accepted ("A n") and what the broker has acknowledged ("P n") is written to the journal, which
outlives the kill. `campaign` starts it over and over, kills it at random moments, and counts in the end.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from agent.gateway import frames
from agent.gateway.hub import Hub
from agent.gateway.spool import Spool
from tests.unit.agent.gateway.bench import A, B, C, Clock, FakeBroker, Line, drained, spool_at

ROOT = Path(__file__).parents[4]
MIB = 1 << 20


def envelope(n: int) -> bytes:
    """The nth envelope, 8 to 1024 bytes that no other has."""
    return n.to_bytes(8, "big") + random.Random(n).randbytes(random.Random(n).randrange(1017))


def number(data: bytes) -> int:
    """Which envelope it is."""
    n = int.from_bytes(data[:8], "big")
    assert data == envelope(n), f"envelope {n} is not what was sent"
    return n


def main(folder: Path, journal: Path, seed: int, share: float) -> None:
    """Work for ever; the broker is there for that share of the time."""
    rng, done = random.Random(seed), len(journal.read_text().split()) // 2
    journal_fd = os.open(journal, os.O_WRONLY | os.O_APPEND)
    broker = FakeBroker()
    spool = Spool(folder / "spool" / "spool.db", most_bytes=64 * MIB, most_age_s=1e9, now_s=time.monotonic)
    hub = Hub(spool, broker, now_s=time.monotonic, baudrate=100 * 115_200, commit_every_s=0.0)
    broker.hub = hub
    lines = [Line(hub, f"port-{device[0]}") for device in (A, B, C)]
    for line, device in zip(lines, (A, B, C), strict=True):
        line.hello(device)
    os.write(journal_fd, b"start 0\n")
    sent: dict[int, int] = {}  # by the number of its UP
    n = seed * 1_000_000 + done
    while True:
        if rng.random() < 0.1:
            (broker.up if rng.random() < share else broker.down)()
        for line in lines:
            for _ in range(rng.randrange(5)):
                n += 1
                sent[n % 65_535 + 1] = n
                line.contact.heard(frames.pack(frames.UP, n % 65_535 + 1, envelope(n)))
        hub.turn()
        for line in lines:
            for said in line.heard():
                if said.kind == frames.ACCEPTED:
                    os.write(journal_fd, b"A %d\n" % sent[said.number])
        for handle in list(broker.open):
            if rng.random() < 0.8:
                os.write(journal_fd, b"P %d\n" % number(broker.open[handle][1]))  # the broker has it, then says so
                broker.answer(handle)


def campaign(
    folder: Path, times: int, seed: int = 1, *, share: float = 0.6, disk: Callable[[int], None] | None = None
) -> dict[str, int]:
    """Kill it so often, then count: accepted, lost, twice in the spool, published again; figures of the whole.

    `disk` is called while it works, with the number of the kill; the journal lies beside `folder`, which may be full.
    """
    journal = folder.with_name(f"{folder.name}.journal")
    journal.write_text("")
    rng = random.Random(seed)
    for turn in range(times):
        before = journal.stat().st_size
        command = [sys.executable, "-m", __spec__.name, str(folder), str(journal), str(turn + 1), str(share)]
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) as child:
            until = time.monotonic() + 30
            while journal.stat().st_size == before and child.poll() is None and time.monotonic() < until:
                time.sleep(0.002)
            if disk:
                disk(turn)
            time.sleep(rng.random() * 0.08)
            child.send_signal(signal.SIGKILL)
            assert child.stderr
            words = child.stderr.read().decode()
        if child.returncode != -signal.SIGKILL:
            raise AssertionError(f"it ended by itself: {words}")
    words = journal.read_text().split()
    accepted = {int(n) for what, n in zip(words[::2], words[1::2], strict=True) if what == "A"}
    published = Counter(int(n) for what, n in zip(words[::2], words[1::2], strict=True) if what == "P")
    spool = spool_at(folder, Clock(), most_bytes=64 * MIB)
    left = Counter(number(data) for _, data in drained(spool))
    spool.close()
    return {
        "kills": times,
        "accepted": len(accepted),
        "lost": len(accepted - set(published) - set(left)),
        "twice in the spool": sum(n - 1 for n in left.values()),
        "left in the spool": len(left),
        "published": len(published),
        "published again": sum(n - 1 for n in published.values()),
        "damaged files": len(list((folder / "spool").glob("*.damaged-*"))),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
