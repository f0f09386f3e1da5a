"""How fast virtual time passes: a board asleep, the parcel profile, a van's day on the road, a board that never rests.

`python -m tests.benchmarks speed`. The figures are seconds of the processor, of the simulator and of its interpreter apart, since
a machine is seldom alone. Each case tells a digest of console, flash and wire, by which two builds of the simulator are told to
behave alike to the byte.
"""

from __future__ import annotations

import hashlib
import resource
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from hw_sim.board import Board
from hw_sim.interpreter.services import Services
from hw_sim.interpreter.services_net import HANDLERS
from hw_sim.interpreter.starting import end_starts
from hw_sim.network.broker import Broker
from hw_sim.network.net import Network
from hw_sim.world.clock import World
from tests.benchmarks.profiles import DAY_S, GNSS, HOUR_S, PROFILES, Profile, _drive, _shaken
from tests.unit.firmware.app.conftest import Rigged

ASLEEP_HOURS = 10_000
VAN_DAY = replace(
    PROFILES[1], name="van: each 30 s of 8 h of a day", window_s=DAY_S, moved=((8 * HOUR_S, 16 * HOUR_S),)
)
DRIVING_DAY = Profile(
    "busy: each 10 s of 8 h on the road, contacts each 5 min",
    8 * HOUR_S,
    ((0, 8 * HOUR_S),),
    {"sensors": GNSS, "interval": 10, "rest": 0, "batch": 20, "batch_age": 300, "heartbeat": 3600},
)
WAKES_UP = "import machine, time\ntime.sleep(1)\nmachine.deepsleep({})\n"


@dataclass
class Measured:
    """One case: virtual seconds, seconds of the processor here and in interpreters, and what was asked of the board."""

    virtual_s: float
    own_s: float
    interpreter_s: float
    requests: Counter[str] = field(default_factory=Counter)
    starts: int = 0
    digests: dict[str, str] = field(default_factory=dict)

    @property
    def figures(self) -> dict[str, object]:
        """As a table shows them."""
        cpu_s = self.own_s + self.interpreter_s
        most = ", ".join(f"{name} {n}" for name, n in self.requests.most_common(8))
        return {
            "virtual_s": round(self.virtual_s),
            "cpu_s_simulator": round(self.own_s, 2),
            "cpu_s_interpreter": round(self.interpreter_s, 2),
            "virtual_s_per_cpu_s": round(self.virtual_s / cpu_s) if cpu_s else None,
            "starts": self.starts,
            "requests": self.requests.total(),
            "requests_per_virtual_s": round(self.requests.total() / self.virtual_s, 3),
            "most_requested": most,
            **self.digests,
        }


def run(*, quick: bool = False) -> dict[str, object]:
    """Figures of each case; quick: an eighth of the windows."""
    figures: dict[str, object] = {"asleep for ever": asleep(None).figures, "asleep, awake each hour": naps(40).figures}
    with Broker.start() as broker:
        for profile in (PROFILES[0], VAN_DAY, DRIVING_DAY):
            figures[profile.name] = measure(profile, broker, profile.window_s // (8 if quick else 1)).figures
    return figures


def asleep(wake_after_s: int | None) -> Measured:
    """A program that goes to deep sleep: what ten thousand hours of it cost."""
    world = World(seed=1)
    with Board.from_description("esp32s3", world, Network(world)) as board:
        board.program(WAKES_UP.format("" if wake_after_s is None else wake_after_s * 1000))
        board.power_on()
        board.run(for_s=5)
        return _measured(board, None, lambda: board.run(for_s=ASLEEP_HOURS * HOUR_S))


def naps(hours: int) -> Measured:
    """A program that wakes each hour for a second."""
    world = World(seed=1)
    with Board.from_description("esp32s3", world, Network(world)) as board:
        board.program(WAKES_UP.format(3_600_000))
        board.power_on()
        return _measured(board, None, lambda: board.run(for_s=hours * HOUR_S))


def measure(profile: Profile, broker: Broker, window_s: int) -> Measured:
    """The firmware on one profile, from the moment at which it has its directive."""
    with Rigged(broker) as rigged:
        rigged.board.gnss.drive = _drive(profile)
        rigged.board.sensors["motion"].acceleration_mg = _shaken(profile)  # type: ignore[attr-defined]
        rigged.server.permit(1, **profile.directive)  # type: ignore[arg-type]
        return _measured(rigged.board, rigged.net, lambda: rigged.run(window_s))


def _measured(board: Board, net: Network | None, act: Callable[[], Any]) -> Measured:
    """The act, with what it cost. A board's interpreters, and what starts them, are ended so that their seconds count."""
    requests: Counter[str] = Counter()
    kept = Services.handle

    def counted(self: Services, request: Any) -> Any:
        requests[HANDLERS[request.op].__name__.strip("_")] += 1
        return kept(self, request)

    Services.handle = counted  # type: ignore[method-assign]
    began, children, starts = time.process_time(), _children_s(), board.counters["boots"]
    from_us = board.world.clock.now_us
    try:
        act()
    finally:
        Services.handle = kept  # type: ignore[method-assign]
    own_s = time.process_time() - began
    virtual_s = (board.world.clock.now_us - from_us) / 1e6
    board.close()
    end_starts()
    return Measured(
        virtual_s,
        own_s,
        _children_s() - children,
        requests,
        board.counters["boots"] - starts,
        {
            "console": _digest(str(board.console).encode()),
            "flash": _digest(bytes(board.flash.data)),
            "wire": _digest(net.captured() if net else b""),
            "charge": _digest(repr(board.meter.report().rows).encode()),
        },
    )


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
