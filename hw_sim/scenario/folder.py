"""Anybody's firmware as a product: a folder on a board, a broker beside it, and no promises but the scenario's own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from hw_sim.board import Board, RunEnd, Snapshot
from hw_sim.errors import ScenarioError
from hw_sim.faults.site import Site
from hw_sim.network.broker import Broker
from hw_sim.network.net import Endpoint, Network
from hw_sim.scenario.product import Figure, Finding, Plan, Running, Saved
from hw_sim.world.clock import World

NOBODY = "nobody"
BROKER = "broker"


class BrokerBeside:
    """A broker that can die and come back on its port, as `BrokerSwitch` has it."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker

    def stop_broker(self) -> None:
        """It dies with all that it had."""
        self.broker.stop()

    def start_broker(self) -> None:
        """One that knows nothing, on the same port."""
        self.broker.start_again()


def endpoint(where: str, broker: Broker | None) -> Endpoint | list[Endpoint | None]:
    """Where a name leads: "broker", which there must be, "nobody", or HOST:PORT of a real host."""
    if where == BROKER and broker is not None:
        return broker.host, broker.port
    if where == NOBODY:
        return [None]
    host, _, port = where.rpartition(":")
    if not host or not port.isdigit():
        raise ScenarioError(f"network.hosts: {where!r} must be {BROKER!r}, {NOBODY!r} or HOST:PORT")
    return host, int(port)


def pass_time(site: Site, until_us: int, until: Callable[[], bool] = lambda: False) -> None:
    """Time goes by without a running board, event by event, until something gives it power again or the condition holds."""
    clock = site.world.clock
    while not (until() or site.board.powered) and clock.step(until_us):
        pass


class _Running:
    """`scenario.product.Running` for a folder."""

    def __init__(self, plan: Plan, site: Site) -> None:
        self.plan, self.site = plan, site
        self.on_event: Callable[[str], None] = lambda name: None

    def run(self, *, for_s: float, until: Callable[[], bool] | None = None) -> RunEnd:
        board, clock = self.site.board, self.site.world.clock
        holds = until or (lambda: False)
        until_us = clock.now_us + round(for_s * 1e6)
        if not board.powered:
            pass_time(self.site, until_us, holds)
            return RunEnd.PREDICATE if holds() else RunEnd.TIME
        return board.run(for_s=for_s, until=until)

    def figures(self) -> dict[str, Figure]:
        return {}

    def save(self) -> Saved:
        return Saved(self.plan, self.site.world.clock.now_us, self.site.board.snapshot().flash)

    def check(self) -> list[Finding]:
        return []


class FolderProduct:
    """A package with `main.py`, or loose files among them `main.py`, as a product. Its broker keeps nothing."""

    events: Mapping[str, str] = MappingProxyType({})
    invariants: Mapping[str, str] = MappingProxyType({})

    def __init__(
        self, firmware: Path, *, wifi: Mapping[str, str] | None = None, hosts: Mapping[str, str] | None = None
    ) -> None:
        self.firmware = firmware
        self.name = firmware.name
        self._wifi, self._hosts = dict(wifi or {}), dict(hosts or {})

    @contextlib.contextmanager
    def open(self, folder: Path, plan: Plan) -> Iterator[Running]:
        """A world that begins with the drive, a network, a broker if a name leads to it, and the board with the firmware, off."""
        if plan.options:
            raise ScenarioError(f"firmware in a folder has no options: {', '.join(plan.options)}")
        with self._site(plan, _world(plan)) as site:
            yield _Running(plan, site)

    @contextlib.contextmanager
    def resume(self, folder: Path, saved: Saved) -> Iterator[Running]:
        """The same moment, with the flash as it was."""
        plan, world = saved.plan, _world(saved.plan)
        with self._site(plan, world) as site:
            world.clock.advance_to(saved.clock_us)
            site.board.restore(Snapshot(saved.flash, b""))
            yield _Running(plan, site)

    @contextlib.contextmanager
    def _site(self, plan: Plan, world: World) -> Iterator[Site]:
        with contextlib.ExitStack() as stack:
            broker = stack.enter_context(Broker.start()) if BROKER in self._hosts.values() else None
            hosts = {name: endpoint(where, broker) for name, where in self._hosts.items()}
            network = Network(world, hosts=hosts, wifi=self._wifi)
            board = stack.enter_context(Board.from_description(plan.board, world, network))
            if board.has_gnss:
                board.gnss.drive = plan.drive
            install(board, self.firmware)
            yield Site(board, network, world, BrokerBeside(broker) if broker else None)


def _world(plan: Plan) -> World:
    return World(plan.drive.start_unix_s, plan.seed) if plan.drive else World(seed=plan.seed)


def install(board: Board, firmware: Path) -> None:
    """Puts a firmware on a board: a package (a folder with `__init__.py`), or a folder of files as mpremote would copy it."""
    if not firmware.is_dir():
        raise ScenarioError(f"no folder {firmware}: name the one that holds main.py")
    if not (firmware / "main.py").is_file():
        raise ScenarioError(f"{firmware} holds no main.py: that is what a board starts")
    if (firmware / "__init__.py").is_file():
        board.install(firmware)
        return
    for path in sorted(firmware.rglob("*.py")):
        if "__pycache__" not in path.parts:
            board.installed.sources[path.relative_to(firmware).as_posix()] = path
