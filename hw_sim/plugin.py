"""pytest fixtures, which pytest loads by itself: a world, a broker, a network and a board in it, or a whole stage.

`board` is bare silicon on an empty network. `stage` is the product at work: real firmware on the board, a real broker and a
real server, all in one virtual time; `cloud` is its server.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hw_sim.board import Board
from hw_sim.errors import NoInterpreter
from hw_sim.interpreter.child import find_interpreter
from hw_sim.network.broker import Broker, NoBroker
from hw_sim.network.net import Network
from hw_sim.world.clock import World

if TYPE_CHECKING:
    from hw_sim.demo.stage import Server, Stage

BROKER_NAME = "broker.example"
WIFI_NAME, WIFI_KEY = "depot", "a key of the depot"


def pytest_configure(config: pytest.Config) -> None:
    """Boards run byleave's firmware as it is shipped."""
    from hw_sim.demo.shipping import ship  # not before it is known that pytest runs

    ship()


@pytest.fixture
def world() -> World:
    """A world of its own clock, seed 1."""
    return World(seed=1)


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """A real broker on loopback, one for the session; skips where none is installed."""
    try:
        running = Broker.start()
    except NoBroker as error:
        pytest.skip(str(error))
    with running:
        yield running


@pytest.fixture
def network(world: World) -> Network:
    """A network with one access point (WIFI_NAME, WIFI_KEY) and no hosts; give `hosts` what a test needs."""
    return Network(world, wifi={WIFI_NAME: WIFI_KEY})


@pytest.fixture
def board(world: World, network: Network) -> Iterator[Board]:
    """An ESP32-S3 board without firmware, off; skips where there is no interpreter."""
    try:
        find_interpreter()
    except NoInterpreter as error:
        pytest.skip(str(error))
    with Board.from_description("esp32s3", world, network) as board:
        yield board


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Broker, server and a board with the firmware, wired together in a folder of the test; nothing is enrolled yet.

    `stage.enrol()` and `stage.board.power_on()` begin its life; skips where there is no interpreter or no broker.
    """
    from hw_sim.demo.stage import opened  # needs the products, which a tester of bare boards may not have

    try:
        find_interpreter()
        with opened(tmp_path, seed=1) as stage:
            yield stage
    except (NoBroker, NoInterpreter) as error:
        pytest.skip(str(error))


@pytest.fixture
def cloud(stage: Stage) -> Server:
    """The server of `stage`, a `cloud_sync.service.CloudSync`; one that a test closes and opens is `stage.cloud`."""
    return stage.cloud
