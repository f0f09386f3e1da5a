"""How many boards a machine carries: N real interpreters at once, each in a process, parked and driving.

`python -m tests.benchmarks boards`. Figures are seconds of the processor and proportional memory (PSS: shared pages counted
once) of a board, its simulator and its interpreter together, so that what else runs on the machine does not count. What
follows for 200 boards at real time on two cores is arithmetic on them. The server of a board here is a toy in its process.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from hw_sim.network.broker import Broker
from tests.benchmarks.profiles import GNSS, HOUR_S, WAKE, Profile, _drive, _shaken
from tests.unit.firmware.app.conftest import Rigged

BOARDS, GOAL, CORES = 6, 200, 2
PARKED = Profile(
    "parked",
    12 * HOUR_S,
    (),
    {"sensors": GNSS | WAKE, "interval": 60, "rest": 6 * HOUR_S, "batch": 20, "batch_age": 3600, "heartbeat": HOUR_S},
)
DRIVING = Profile(
    "driving",
    HOUR_S,
    ((0, HOUR_S),),
    {"sensors": GNSS, "interval": 10, "rest": 0, "batch": 20, "batch_age": 300, "heartbeat": 900},
)
SETTLED_S = 900  # of each board, before it is measured: start, first contact, directive, heat of the caches


@dataclass(frozen=True)
class Cost:
    """One board over its window."""

    virtual_s: float
    real_s: float
    cpu_s: float
    memory_mb: float  # of both
    interpreter_mb: float


def run(*, quick: bool = False) -> dict[str, object]:
    """Each case with N boards at once; quick: two of them, a quarter of the windows."""
    count, share = (2, 4) if quick else (BOARDS, 1)
    return {
        profile.name: _figures(_together(profile, count, profile.window_s // share)) for profile in (PARKED, DRIVING)
    }


def _figures(costs: list[Cost]) -> dict[str, object]:
    hours = [HOUR_S * cost.cpu_s / cost.virtual_s for cost in costs]
    hour_s, memory = statistics.median(hours), statistics.median(cost.memory_mb for cost in costs)
    return {
        "boards": len(costs),
        "virtual_s_each": round(costs[0].virtual_s),
        "virtual_s_per_real_s_each": round(statistics.median(cost.virtual_s / cost.real_s for cost in costs)),
        "cpu_s_per_virtual_hour_and_board": round(hour_s, 3),
        "cpu_least_and_most": f"{min(hours):.3f} to {max(hours):.3f}",
        "memory_mb_each": round(memory, 1),
        "memory_mb_of_its_interpreter": round(statistics.median(cost.interpreter_mb for cost in costs), 1),
        f"cores_busy_with_{GOAL}_at_real_time": round(GOAL * hour_s / HOUR_S, 2),
        f"memory_mb_of_{GOAL}": round(GOAL * memory),
        f"boards_at_real_time_on_{CORES}_cores": int(CORES * HOUR_S / hour_s),
    }


def _together(profile: Profile, count: int, window_s: int) -> list[Cost]:
    """So many boards, begun together, measured over the same stretch."""
    forks = multiprocessing.get_context("forkserver")  # what all import they share
    forks.set_forkserver_preload(["tests.benchmarks.boards"])
    pipes = []
    for _ in range(count):
        ours, theirs = forks.Pipe()
        process = forks.Process(target=_board, args=(profile, window_s, theirs), daemon=True)
        process.start()
        pipes.append((process, ours))
    for _, pipe in pipes:
        assert pipe.poll(300) and pipe.recv() == "settled"
    for _, pipe in pipes:
        pipe.send("go")
    costs = []
    for process, pipe in pipes:
        assert pipe.poll(1200)
        costs.append(pipe.recv())
        process.join(60)
    return costs


def _board(profile: Profile, window_s: int, pipe: Connection) -> None:
    """One board in its process."""
    with Broker.start() as broker, Rigged(broker) as rigged:
        rigged.board.gnss.drive = _drive(profile)
        rigged.board.sensors["motion"].acceleration_mg = _shaken(profile)  # type: ignore[attr-defined]
        rigged.server.permit(1, **profile.directive)  # type: ignore[arg-type]
        rigged.run(SETTLED_S)
        pipe.send("settled")
        pipe.recv()
        began, cpu = time.monotonic(), _cpu_s()
        rigged.run(window_s)
        real_s, memory = time.monotonic() - began, [_pss_mb(pid) for pid in _family()]
        cpu = _cpu_s() - cpu
        rigged.board.close()
        pipe.send(Cost(window_s, real_s, cpu, sum(memory), sum(memory[1:])))


def _cpu_s() -> float:
    """Of this process, of what starts interpreters, and of those that run or have ended (proc_pid_stat(5): utime to cstime)."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, *beneath = _family()
    stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15] for pid in beneath]
    return used.ru_utime + used.ru_stime + sum(sum(map(int, row)) for row in stats) / os.sysconf("SC_CLK_TCK")


def _family() -> Iterator[int]:
    """This process, its interpreter, and what started that; the broker is not the board's."""
    yield os.getpid()
    for task in Path("/proc/self/task").iterdir():
        for child in (task / "children").read_text().split():
            if "mosquitto" not in Path(f"/proc/{child}/comm").read_text():
                yield int(child)
                yield from map(int, Path(f"/proc/{child}/task/{child}/children").read_text().split())


def _pss_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
