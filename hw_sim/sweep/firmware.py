"""Anybody's firmware in a sweep: a folder, a broker beside it, and promises that its own author wrote.

A promise is a function that takes what was `Seen` and returns, as an iterable, what is wrong, a sentence each:

    def counts_on(seen):
        numbers = [int(payload) for topic, payload in seen.messages]
        if numbers != sorted(set(numbers)):
            yield f"a number came twice, or fell: {numbers}"

Name it for the sweep as `module:function`; a product of one's own (`hw_sim.scenario.product`) can do more.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

from hw_sim.board import Board, RunEnd, Snapshot
from hw_sim.faults.site import Site
from hw_sim.network.traffic import name_of, payload_of, topic_of
from hw_sim.scenario.folder import install
from hw_sim.scenario.product import Figure, Finding, Plan, Saved
from hw_sim.sweep.cuts import SweepError
from hw_sim.sweep.local import LocalBroker, LocalNetwork, Message
from hw_sim.world.clock import World

OFF_US = 1_000_000  # from a cut to the power's return
AFTER_S = 120.0  # how long it goes on before the promises are looked at
BROKER = "broker.example"


@dataclass(frozen=True)
class Seen:
    """What a promise may look at: the board as it is now, and all that its program published, before the cut and since."""

    board: Board
    messages: Sequence[Message]
    before: int  # of these, published before the cut


Promise = Callable[[Seen], Iterable[str]]


def promise(name: str) -> Promise:
    """The function of `module:function`, from the working folder too; SweepError."""
    module, _, function = name.partition(":")
    if not module or not function:
        raise SweepError(f"--check {name}: write module:function")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found: object = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise SweepError(f"--check {name}: {error}") from error
    if not callable(found):
        raise SweepError(f"--check {name}: it is no function")
    return found


class _Running:
    """`scenario.product.Running`."""

    def __init__(self, plan: Plan, board: Board, network: LocalNetwork, promises: Mapping[str, Promise]) -> None:
        self.plan, self.board, self.network = plan, board, network
        self.messages: list[Message] = []
        self.before = 0
        self.on_event: Callable[[str], None] = lambda name: None
        self._promises = promises
        self.site = Site(board, network, board.world)
        network.on_step = self._step

    def _step(self, way: str, packet: bytes) -> None:
        if way == "up" and packet and name_of(packet) == "PUBLISH":
            self.messages.append((topic_of(packet), payload_of(packet)))

    def run(self, *, for_s: float, until: Callable[[], bool] | None = None) -> RunEnd:
        """`Running.run`."""
        if self.board.powered:
            return self.board.run(for_s=for_s, until=until)
        clock = self.board.world.clock
        clock.advance_to(clock.now_us + round(for_s * 1e6))
        return RunEnd.TIME

    def save(self) -> Saved:
        """`Running.save`."""
        state = {"messages": list(self.messages), "broker": self.network.broker.state()}
        return Saved(self.plan, self.board.world.clock.now_us, bytes(self.board.flash.data), {}, state)

    def figures(self) -> dict[str, Figure]:
        """How much was published."""
        return {"messages": len(self.messages)}

    def check(self) -> list[Finding]:
        """It goes on for a while, then every promise is asked."""
        if not self.board.powered:
            self.board.power_on()
        self.run(for_s=AFTER_S)
        seen = Seen(self.board, tuple(self.messages), self.before)
        return [Finding(name, said) for name, promise in self._promises.items() for said in promise(seen)]


@dataclass(frozen=True)
class AnyFirmware:
    """`scenario.product.Product` of a folder with `main.py`."""

    folder: Path
    promises: Mapping[str, Promise]
    wifi: Mapping[str, str] = field(default_factory=lambda: {"depot": "depot1234"})
    broker: str = BROKER
    events: ClassVar[Mapping[str, str]] = MappingProxyType({})

    @property
    def name(self) -> str:
        """The folder's."""
        return self.folder.name

    @property
    def invariants(self) -> Mapping[str, str]:
        """What the author's functions say of themselves."""
        return {name: (promise.__doc__ or "").strip() for name, promise in self.promises.items()}

    def firmware(self, plan: Plan) -> Path:
        """The folder."""
        return self.folder

    @contextlib.contextmanager
    def open(self, folder: Path, plan: Plan) -> Iterator[_Running]:
        """`Product.open`."""
        if plan.options:
            raise SweepError(f"firmware in a folder has no options: {', '.join(plan.options)}")
        with self._board(plan, 0, LocalBroker()) as running:
            yield running

    @contextlib.contextmanager
    def resume(self, folder: Path, saved: Saved) -> Iterator[_Running]:
        """`Product.resume`: a second later, the board off."""
        broker = LocalBroker()
        broker.resume(saved.state["broker"])
        with self._board(saved.plan, saved.clock_us + OFF_US, broker) as running:
            running.board.restore(Snapshot(saved.flash, b""))
            running.board.rng = running.board.world.random(f"board/{saved.clock_us}")
            running.messages = list(saved.state["messages"])
            running.before = len(running.messages)
            yield running

    @contextlib.contextmanager
    def _board(self, plan: Plan, at_us: int, broker: LocalBroker) -> Iterator[_Running]:
        world = World(plan.drive.start_unix_s, plan.seed) if plan.drive else World(seed=plan.seed)
        world.clock.advance_to(at_us)
        network = LocalNetwork(world, name=self.broker, wifi=dict(self.wifi), broker=broker)
        with Board.from_description(plan.board, world, network) as board:
            if plan.drive is not None:
                board.gnss.drive = plan.drive
            install(board, self.folder)
            yield _Running(plan, board, network, self.promises)
