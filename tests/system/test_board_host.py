"""The simulator on its host: other interpreters, the command line, the fixtures."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hw_sim.board import Board, RunEnd
from hw_sim.cli import sim
from hw_sim.errors import ChildFailed, NoInterpreter
from hw_sim.interpreter import starting
from hw_sim.interpreter.child import VARIABLE
from hw_sim.interpreter.engine import SHIMS_HEAP_BYTES
from hw_sim.network.broker import Broker, NoBroker
from hw_sim.network.net import Network
from hw_sim.world.clock import World

pytestmark = pytest.mark.micropython

DATA = Path(__file__).parents[1] / "data" / "trajectories"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A firmware that turns the receiver on, prints, sleeps."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "part.py").write_text("WORD = 'from the package'\n")
    (folder / "main.py").write_text(
        "import machine, time\nfrom tiny.part import WORD\nmachine.Pin(21, machine.Pin.OUT, value=1)\nprint(WORD)\n"
        "while True: time.sleep(1)\n"
    )
    return folder


def test_an_interpreter_named_by_the_environment(board: Board, package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program of its own instead of the wheel runs the same firmware, its modules in a heap larger by their size."""
    other = Path(sys.executable).with_name("micropython")
    monkeypatch.setenv(VARIABLE, str(other))
    board.install(package)
    board.power_on()
    assert board.run(for_s=10) is RunEnd.TIME
    assert str(board.console) == "from the package\n"


def test_a_program_that_is_no_micropython_is_an_error(
    board: Board, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interpreter that ends at once, or is none, raises and names what happened."""
    board.install(package)
    monkeypatch.setenv(VARIABLE, shutil.which("false") or "false")
    board.power_on()
    with pytest.raises(ChildFailed, match="ended with code 1"):
        board.run(for_s=10)
    monkeypatch.setenv(VARIABLE, "/nowhere")
    with pytest.raises(NoInterpreter, match="BYLEAVE_MICROPYTHON"):
        board.reset()


def below(pid: int) -> int:
    """How many processes descend from this one."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return len(found) + sum(map(below, map(int, found)))


def test_no_child_outlives_its_board(board: Board, package: Path) -> None:
    """A running program is a process beneath this one; after close it is gone and so are its pipes."""

    def files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    if not Path("/proc/self/fd").exists():
        pytest.skip("needs /proc")
    board.install(package)
    board.power_on()  # from the first start on there is the process that starts interpreters
    board.cut_power()
    before = below(os.getpid()), files()
    for _ in range(3):
        board.power_on()
        board.run(for_s=10)
        assert below(os.getpid()) == before[0] + 1
        board.cut_power()
    board.close()
    assert (below(os.getpid()), files()) == before


def test_what_starts_interpreters_may_be_killed(board: Board, package: Path) -> None:
    """A board that runs then closes in order, and the next start brings another."""
    board.install(package)
    board.power_on()
    board.run(for_s=10)
    [starter] = [nursery._process for nursery in starting._nurseries.values()]
    starter.kill()
    starter.wait()
    board.cut_power()
    board.power_on()
    board.run(for_s=10)
    assert [nursery._process.pid for nursery in starting._nurseries.values()] != [starter.pid]
    board.close()


def test_what_starts_interpreters_ends_with_the_one_who_simulates() -> None:
    """When a process with a running board is killed, the process that starts its interpreters ends."""
    source = (
        "import os, sys; from hw_sim.board import Board; from hw_sim.network.net import Network;"
        "from hw_sim.world.clock import World; world = World(seed=1);"
        "board = Board.from_description('esp32s3', world, Network(world));"
        "board.program('import time\\nwhile True:\\n    time.sleep(1)'); board.power_on(); board.run(for_s=3);"
        "print('runs', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", source]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as simulating:
        assert simulating.stdout is not None
        assert simulating.stdout.readline() == b"runs\n"
        assert below(simulating.pid) == 2
        simulating.kill()
        simulating.wait()
        # It holds the other end of this pipe as long as it lives.
        assert simulating.stdout.read() == b""


def test_sim_run_shows_what_happened(package: Path, broker: Broker) -> None:
    """The command drives the board along a file and prints figures as JSON."""
    drive = str(DATA / "around-visnjan-with-car.gpx")
    arguments = ["run", drive, "--firmware", str(package), "--broker", f"{broker.host}:{broker.port}", "--minutes", "5"]
    result = CliRunner().invoke(sim, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    figures = json.loads(result.output)
    assert figures["console"] == "from the package\n"
    assert figures["virtual_s"] == 300
    assert 299 < figures["receiver_powered_s"] < 300
    assert figures["heap_free_min_bytes"] > 150_000
    assert "104 samples" in figures["drive"]
    plain = CliRunner().invoke(sim, arguments)
    assert plain.output.startswith("from the package\ndrive")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["run", "none.gpx"], "none.gpx"),
        (["run", "--board", "none"], "there are esp32, esp32s3, pico2_w, pico_w"),
        (["run", "--broker", "nonsense"], "HOST:PORT"),
        (["run", "--firmware", "none"], "no folder none"),
        (["run"], "--firmware"),
    ],
)
def test_sim_run_says_what_is_wrong(arguments: list[str], word: str, broker: Broker) -> None:
    """Each bad argument ends with exit 1 and one line that names it; the like good run is above."""
    named = [] if "--broker" in arguments else ["--broker", f"{broker.host}:{broker.port}"]
    result = CliRunner().invoke(sim, [*arguments, *named])
    assert result.exit_code == 1
    assert word in result.output
    assert "Traceback" not in result.output


def test_sim_boards_and_doctor(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list of boards; the doctor is content here, and not where the interpreter is missing."""
    assert json.loads(CliRunner().invoke(sim, ["boards", "--json"]).output)["esp32s3"][0] == "ublox_m10 on UART 1"
    good = CliRunner().invoke(sim, ["doctor", "--json"])
    assert good.exit_code == 0
    assert json.loads(good.output)["interpreter"].startswith(("wheel", VARIABLE, "PATH"))
    monkeypatch.setenv(VARIABLE, "/nowhere")
    bad = CliRunner().invoke(sim, ["doctor"])
    assert bad.exit_code == 1
    assert "pip install" in bad.output


def test_a_broker_is_real_and_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    """It answers while it lives and not after; without any installed the error says what to install."""
    import socket

    with Broker.start() as broker:
        socket.create_connection((broker.host, broker.port), timeout=2).close()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((broker.host, broker.port), timeout=2)
    monkeypatch.setattr("hw_sim.network.broker.mosquitto", lambda: None)
    monkeypatch.setattr("hw_sim.network.broker.iotcore", lambda: False)
    with pytest.raises(NoBroker, match="apt install mosquitto"):
        Broker.start()
    with pytest.raises(NoBroker, match="apt install mosquitto"):
        Broker.start("mosquitto")


SHARE = """
import gc
import {modules}
gc.collect()
print(gc.mem_alloc())
"""


@pytest.mark.parametrize(("name", "port"), [("esp32s3", "esp32"), ("pico_w", "rp2")])
def test_the_simulated_modules_take_what_the_heap_is_larger_by(world: World, name: str, port: str) -> None:
    """The allowance for modules that are C on a chip is no more than they take, so no part of it is the firmware's."""
    modules = f"machine, network, os, select, socket, time, {port}"
    board = Board.from_description(name, world, Network(world))
    with board:
        board.program(SHARE.format(modules=modules))
        board.power_on()
        board.run(for_s=1)
        simulated = int(str(board.console))
    bare = "from micropython_run import run_main; run_main(['micropython', '-c', %r])"
    native = SHARE.format(modules="machine, os, select, socket, time")
    told = subprocess.run([sys.executable, "-c", bare % native], capture_output=True, check=True, timeout=30)
    assert 0 <= simulated - int(told.stdout) - SHIMS_HEAP_BYTES[port] < 4096
