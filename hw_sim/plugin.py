"""The pytest plugin: worlds, boards, brokers, faults and scenarios as fixtures. pytest loads it by itself.

In a project that does not use it, it costs nothing: nothing of the simulator is imported before a test asks for a fixture.
`board` is silicon with the firmware that the marker names, or none. `stage` is byleave at work: its firmware on the board, a
real broker and a real server, all in one virtual time; `cloud` is its server. See docs/simulator/testing.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from hw_sim.board import Board
    from hw_sim.demo.stage import Server, Stage
    from hw_sim.faults import Ongoing, Site
    from hw_sim.network.broker import Broker
    from hw_sim.network.net import Network
    from hw_sim.scenario.messages import Message
    from hw_sim.scenario.run import Run
    from hw_sim.scenario.wiring import Wiring
    from hw_sim.world.clock import World

BROKER_NAME = "broker.example"
WIFI_NAME, WIFI_KEY = "depot", "a key of the depot"
SEED = 1
MARKER = (
    'board(description="esp32s3", *, firmware=None, wifi=None, hosts=None, drive=None): what the fixture `board` is: the name '
    'or TOML file of a board, the folder of its firmware, access points with their keys, hosts that lead to "broker", "nobody" '
    "or HOST:PORT, and a drive; paths begin at the root of the project"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--sim-seed`."""
    parser.getgroup("byleave").addoption(
        "--sim-seed", type=int, default=None, metavar="N", help=f"seed of simulated worlds ({SEED} unless given)"
    )


def pytest_configure(config: pytest.Config) -> None:
    """`@pytest.mark.board`."""
    config.addinivalue_line("markers", MARKER)


@pytest.fixture
def sim_seed(request: pytest.FixtureRequest) -> int:
    """The seed of this run."""
    given = request.config.getoption("--sim-seed")
    return SEED if given is None else int(given)


@pytest.fixture
def _wiring(request: pytest.FixtureRequest) -> Wiring:
    """What the closest marker `board` says."""
    from hw_sim.errors import HwSimError
    from hw_sim.scenario.wiring import Wiring

    mark = request.node.get_closest_marker("board")
    try:
        return Wiring.of(mark.args, mark.kwargs, request.config.rootpath) if mark else Wiring()
    except HwSimError as error:
        raise pytest.UsageError(f"{request.node.nodeid}: @pytest.mark.board: {error}") from None


@pytest.fixture
def world(sim_seed: int, _wiring: Wiring) -> World:
    """A world of its own clock, by the seed of the run; it begins with the marker's drive, if there is one."""
    from hw_sim.world.clock import World

    return World(_wiring.drive.start_unix_s, sim_seed) if _wiring.drive else World(seed=sim_seed)


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """A real broker on loopback, one for the session; skips where none is installed."""
    from hw_sim.network.broker import Broker, NoBroker

    try:
        running = Broker.start()
    except NoBroker as error:
        pytest.skip(str(error))
    with running:
        yield running


@pytest.fixture
def network(world: World, _wiring: Wiring, request: pytest.FixtureRequest) -> Network:
    """A network with the marker's access points and hosts; without any one access point (WIFI_NAME, WIFI_KEY) and no hosts."""
    from hw_sim.network.net import Network

    beside = request.getfixturevalue("broker") if _wiring.needs_broker else None
    wifi = {WIFI_NAME: WIFI_KEY} if _wiring.wifi is None else dict(_wiring.wifi)
    return Network(world, hosts=_wiring.endpoints(beside), wifi=wifi)


@pytest.fixture
def board(world: World, network: Network, _wiring: Wiring) -> Iterator[Board]:
    """The board that the marker describes, with its firmware, off; without a marker a bare ESP32-S3. Skips without interpreter."""
    from hw_sim.board import Board

    _need_interpreter()
    with Board.from_description(_wiring.description, world, network) as board:
        _wiring.equip(board)
        yield board


def _need_interpreter() -> None:
    from hw_sim.errors import NoInterpreter
    from hw_sim.interpreter.child import find_interpreter

    try:
        find_interpreter()
    except NoInterpreter as error:
        pytest.skip(str(error))


@pytest.fixture
def stage(tmp_path: Path, sim_seed: int) -> Iterator[Stage]:
    """Broker, server and a board with byleave's firmware, wired together in a folder of the test; nothing is enrolled yet.

    `stage.enrol()` and `stage.board.power_on()` begin its life; skips where there is no interpreter or no broker.
    """
    from hw_sim.demo.stage import opened  # needs the products, which a tester of bare boards may not have
    from hw_sim.network.broker import NoBroker

    _need_interpreter()
    try:
        with opened(tmp_path, seed=sim_seed) as stage:
            yield stage
    except NoBroker as error:
        pytest.skip(str(error))


@pytest.fixture
def cloud(stage: Stage) -> Server:
    """The server of `stage`, a `cloud_sync.service.CloudSync`; one that a test closes and opens is `stage.cloud`."""
    return stage.cloud


@pytest.fixture
def published(network: Network) -> Callable[[], list[Message]]:
    """A function: what the board has published so far, as (topic, payload)."""
    from hw_sim.scenario.messages import published

    return lambda: published(network)


def _site_of_stage(stage: Stage) -> Site:
    from hw_sim.faults import Site

    def offset(seconds: float) -> None:
        stage.clock.offset_s = seconds

    return Site(stage.board, stage.network, stage.world, stage, offset)


@pytest.fixture
def site(request: pytest.FixtureRequest) -> Site:
    """Where faults happen: on the stage if the test has one, else on the fixture `board`."""
    from hw_sim.faults import Site
    from hw_sim.scenario.folder import BrokerBeside

    if "stage" in request.fixturenames:
        return _site_of_stage(request.getfixturevalue("stage"))
    board, wiring = request.getfixturevalue("board"), request.getfixturevalue("_wiring")
    beside = wiring.needs_broker or "broker" in request.fixturenames
    switch = BrokerBeside(request.getfixturevalue("broker")) if beside else None
    return Site(board, board.network, board.world, switch)


@pytest.fixture
def fault(site: Site) -> Iterator[Callable[..., Ongoing]]:
    """A function: `fault("gnss-silent")` begins one of the catalogue; it ends by `.end()`, with its block, or with the test.

    The test is an error if one that was armed never happened, unless it was begun with `optional=True`.
    """
    from hw_sim.faults import find

    begun: list[Ongoing] = []
    needed: list[Ongoing] = []

    def begin(name: str, *, optional: bool = False, **parameters: Any) -> Ongoing:
        begun.append(find(name).begin(site, **parameters))
        if not optional:
            needed.append(begun[-1])
        return begun[-1]

    yield begin
    for ongoing in reversed(begun):
        ongoing.end()
    if missed := [str(ongoing) for ongoing in needed if not ongoing.holds]:
        pytest.fail(f"armed and never happened: {', '.join(missed)}; nothing was tested (optional=True if it need not)")


@pytest.fixture
def scenario(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Run]:
    """A function: runs a scenario, by its file, the name of a shipped one, or its tables; `assert run.ok, run.broken`.

    Paths begin at the root of the project. The seed is that of the call, else `--sim-seed`, else the file's.
    """
    from hw_sim.scenario.scenario import Scenario, shipped

    _need_interpreter()
    root, count = request.config.rootpath, 0

    def run(what: str | Path | Mapping[str, Any], *, seed: int | None = None) -> Run:
        nonlocal count
        count += 1
        if isinstance(what, Mapping):
            found = Scenario.of(what, folder=root)
        else:
            found = Scenario.load(what if what in shipped() else root / what)
        chosen = request.config.getoption("--sim-seed") if seed is None else seed
        return found.run(tmp_path / f"scenario-{count}", seed=chosen)

    return run
