"""A campaign against the gateway: kill -9 and pulled cables at random moments under load, and an exact count at the end.

Half of the devices trust it: what it has ACCEPTED they never say again, so that its spool alone answers for it. The others keep to
docs/serial-link.md: they keep what no verdict of the server has come for. Before every other kill nothing reaches the broker
for a while: what is accepted then lies with the gateway alone, and what was published goes down with its connection.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.system.gateways import GatewayProcess
from tests.system.serialdevice import Cable, Device, Server, live, mixed
from tests.system.stalledway import Way
from tests.unit.cloud_sync.mqtt.mqtt_broker import Broker

OPENING_SHARE, OPENING_S = 0.2, 0.6  # of the kills; a start takes about so long
DRAIN_S = 90.0
MOST_KEPT = 24  # a device makes no more before the first of them has gone


@dataclass(frozen=True)
class Plan:
    """How often, for how long, by how many."""

    kills: int
    pulls: int
    devices: int = 8
    least_s: float = 0.4  # of a life behind the first answer in it
    most_s: float = 2.0
    seed: int = 4711


class Campaign:
    """One spool, its gateway's many lives, its devices."""

    def __init__(self, home: Path, plan: Plan, command: Callable[[GatewayProcess], list[str]] | None = None) -> None:
        """`command` starts another gateway than the product's."""
        self._plan, self._chance = plan, random.Random(plan.seed)
        self._broker = Broker(home, persistent=False).start()
        self._way = Way(self._broker.port)
        self._server = Server(self._broker.port)
        self._cables = [Cable(home / f"adapter{n}") for n in range(plan.devices)]
        self._devices = [
            Device(mixed(f"{plan.seed}/{n}"), cable, random.Random(plan.seed + n), trusts=n % 2 == 0)
            for n, cable in enumerate(self._cables)
        ]
        self._gateway = GatewayProcess(home, [cable.path for cable in self._cables], self._way.port)
        if command is not None:
            self._gateway.command = lambda: command(self._gateway)  # type: ignore[method-assign]
        self._back: dict[int, float] = {}  # cables that are pulled, and when they are plugged again
        self._pull_next_s = 0.0
        self.figures: Counter[str] = Counter()

    def run(self) -> dict[str, int]:
        """Kill and pull as often as planned; the figures. AssertionError where what was made does not end."""
        began = time.monotonic()
        try:
            self._gateway.start()
            for n in range(self._plan.kills):
                self._one_life(stalls=n % 2 == 0)
                self._gateway.kill()
                self.figures["kills"] += 1
                self._gateway.start()
                self._way.stall(False)
            self._live(lambda: self.figures["pulls"] >= self._plan.pulls, 20 + 5.0 * self._plan.pulls)
            self._drain()
        except BaseException as error:
            error.add_note(f"so far: {dict(self.figures)}; it said: {self._gateway.said()[-2000:]}")
            raise
        finally:
            self._end()
        return {**self._count(), **self.figures, "seconds": round(time.monotonic() - began)}

    def _one_life(self, *, stalls: bool) -> None:
        if not stalls and self._chance.random() < OPENING_SHARE:
            self.figures["kills while opening"] += 1
            self._live(None, self._chance.uniform(0, OPENING_S))
            return
        accepted, arrived = self._accepted(), sum(self._server.arrived.values())
        self._live(lambda: self._accepted() > accepted and sum(self._server.arrived.values()) > arrived, 60)
        if stalls:
            self._way.stall(True)
            self.figures["kills while nothing passed"] += 1
        self._live(None, self._chance.uniform(self._plan.least_s, self._plan.most_s))

    def _accepted(self) -> int:
        return sum(len(device.accepted) for device in self._devices)

    def _live(self, enough: Callable[[], bool] | None, seconds: float) -> None:
        """Under load, until `enough`, which must come, or for that time."""

        def turn() -> bool:
            self._load()
            self._pull()
            return enough is not None and enough()

        live(self._devices, turn, seconds, must=enough is not None)

    def _load(self) -> None:
        for device in self._devices:
            if len(device.kept) < MOST_KEPT and self._chance.random() < 0.1:
                device.make()

    def _pull(self) -> None:
        now = time.monotonic()
        for n in [n for n, due_s in self._back.items() if now > due_s]:
            del self._back[n]
            self._cables[n].plug()
        if self.figures["pulls"] >= self._plan.pulls or now < self._pull_next_s:
            return
        self._pull_next_s = now + self._chance.uniform(0.1, 1.0)
        in_contact = [n for n, device in enumerate(self._devices) if n not in self._back and device.stands]
        if not in_contact:
            return
        n = self._chance.choice(in_contact)
        device = self._devices[n]
        self.figures["pulls with something on its way"] += bool(device._under_way)
        device.half()
        self._cables[n].pull()
        device.end()
        # Most stay away until the gateway has looked for ports again; the others are back before it has.
        self._back[n] = now + self._chance.choice((0.1, 2.5, 3.0))
        self.figures["pulls"] += 1

    def _drain(self) -> None:
        """Everything is plugged in and nothing new is made, until each device has kept nothing and the spool is at the broker."""
        for cable in self._cables:
            cable.plug()
        self._back.clear()
        live(self._devices, lambda: not any(device.kept for device in self._devices), DRAIN_S)
        live(self._devices, lambda: not self._missing(), 10.0, must=False)  # what is missing is counted, not waited for

    def _missing(self) -> set[bytes]:
        return {key for device in self._devices for key in device.accepted if not self._server.arrived[key]}

    def _end(self) -> None:
        if self._gateway.alive():
            self.figures["ended with"] = self._gateway.stop()
        self._way.close()
        self._server.close()
        self._broker.kill()
        for cable in self._cables:
            cable.pull()

    def _count(self) -> dict[str, int]:
        made = {key for device in self._devices for key in device.made}
        arrived = self._server.arrived
        topics = {key: f"bl/1/{device.name}/up" for device in self._devices for key in device.made}
        counts: Counter[str] = sum((device.counts for device in self._devices), Counter())
        return {
            "made": len(made),
            "accepted": self._accepted(),
            "accepted and never delivered": len(self._missing()),
            "lost": len(made - arrived.keys()),
            "without a verdict": sum(len(d.made.keys() - d.judged) for d in self._devices if not d.trusts),
            "at the wrong topic": sum(self._server.topics[key] != topics.get(key) for key in arrived),
            "invented": len(arrived.keys() - made),
            "doubled at the broker": sum(arrived.values()) - len(arrived),
            "contacts": counts["heard 2"],
        }


MUST_BE_NOUGHT = (
    "accepted and never delivered",
    "lost",
    "without a verdict",
    "at the wrong topic",
    "invented",
    "ended with",
)


def wrong(figures: dict[str, int]) -> dict[str, int]:
    """What should not be."""
    return {name: figures[name] for name in MUST_BE_NOUGHT if figures.get(name)}
