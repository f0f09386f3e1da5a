"""A board that runs the firmware in the real interpreter, a real broker, and the toy server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from hw_sim.board import Board
from hw_sim.network.broker import Broker
from hw_sim.network.net import Network
from hw_sim.world.clock import World
from hw_sim.world.drive import Drive
from tests.unit.firmware.app.toy_server import ToyServer

FIRMWARE = Path(__file__).parents[4] / "firmware"
START_S = 1_768_000_000  # 2026-01-09, 23:06:40 UTC
HEAP_BYTES = 192 * 1024  # what a release may use, on the 64-bit interpreter

INSTALL = """
from firmware import boards
from firmware.enrol import install
from firmware.flash.recordlog import RecordLog
board = boards.active()
install(RecordLog(board.region("keys"), 512), board, files["enrolment"])
"""


class Rigged:
    """A world with one device, its broker and its server."""

    def __init__(self, broker: Broker, start_unix_s: float = START_S, **settings: Any) -> None:
        self.world = World(start_unix_s=start_unix_s, seed=1)
        self.net = Network(self.world, hosts={"broker.example": (broker.host, broker.port)}, wifi={"depot": "wifi-key"})
        self.server = ToyServer(broker.host, broker.port, lambda: self.world.clock.unix_s)
        self.net.settled = self._settled
        self.board = Board.from_description("esp32s3", self.world, self.net, heap_bytes=HEAP_BYTES)
        self.fit()
        self.board.install(FIRMWARE)
        self.board.gnss.drive = Drive.demo().shifted(start_unix_s)
        self.board.execute(INSTALL, files={"enrolment": self.server.enrolment(**settings)})
        if self.board.powered:
            self.board.cut_power()
        self.board.power_on()

    def fit(self) -> None:
        """What else hangs on the board, before it gets power."""

    def _settled(self) -> bool:
        quiet = self.server.pump() and self.server.received >= self.net.up.publishes
        return quiet and (not self.net.connections or self.net.down.publishes >= self.server.sent)

    def run(self, for_s: float) -> None:
        """Let virtual time pass."""
        self.board.run(for_s=for_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        """End program and server."""
        self.board.close()
        self.server.close()


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    """One real broker for the module; devices differ by nothing but their keys, so one runs at a time."""
    with Broker.start() as running:
        yield running


@pytest.fixture
def rigged(broker: Broker) -> Iterator[Rigged]:
    """An enrolled device under power, not yet run."""
    with Rigged(broker) as it:
        yield it
