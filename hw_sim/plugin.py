"""pytest fixtures: a world, a broker, a network and a board in it; pytest loads them by itself."""

from collections.abc import Iterator

import pytest

from hw_sim.board import Board
from hw_sim.broker import Broker, NoBroker
from hw_sim.child import find_interpreter
from hw_sim.clock import World
from hw_sim.errors import NoInterpreter
from hw_sim.net import Network

BROKER_NAME = "broker.example"
WIFI_NAME, WIFI_KEY = "depot", "a key of the depot"


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
