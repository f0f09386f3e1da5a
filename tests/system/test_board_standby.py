"""The receiver's driver in MicroPython with the simulated M10: standby without a switch, and a supply that dips."""

from __future__ import annotations

from pathlib import Path

import pytest

import firmware
import hw_sim
from hw_sim.board import Board
from hw_sim.chips import m10_config as cfg
from hw_sim.network.net import Network
from hw_sim.world.clock import World
from hw_sim.world.drive import Drive

pytestmark = pytest.mark.micropython

PROGRAM = """
import asyncio, time
from firmware.boards import esp32s3
from firmware.drivers import parts
from firmware.errors import DriverError
gnss = parts.receiver(esp32s3.Board(), "ubx", {"receiver": KIND})
async def fixed():
    for _ in range(12):
        fix = await gnss.fix(15_000)
        if fix[6] >= 2:
            return fix[1:3]
async def main():
    gnss.stop()
    await asyncio.sleep(5)
    print("off", not gnss.powered)
    for _ in range(ROUNDS):
        await gnss.start(5)
        print("fix", await fixed())
        gnss.stop()
        await asyncio.sleep(5)
        print("off", not gnss.powered)
        await asyncio.sleep(600)
    await gnss.start(5)
    while True:
        try:
            print("fix", await fixed())
        except DriverError as error:
            print(type(error).__name__)
            break
asyncio.run(main())
"""


@pytest.fixture
def unswitched(tmp_path: Path, world: World, network: Network, board: Board) -> Board:
    """The reference board with a receiver whose supply is always on, its EXTINT where the load switch was."""
    del board  # its fixture skips where there is no interpreter
    text = (Path(hw_sim.__file__).parent / "boards" / "esp32s3.toml").read_text()
    assert "power_pin = 21" in text
    (tmp_path / "unswitched.toml").write_text(text.replace("power_pin = 21", "extint_pin = 21"))
    return Board.from_description(tmp_path / "unswitched.toml", world, network)


def run(board: Board, kind: str, *, rounds: int, for_s: float) -> list[str]:
    """What the program prints in that time."""
    board.gnss.drive = Drive.parked(53.4, -2.9)
    board.install(Path(firmware.__file__).parent)
    board.program(PROGRAM.replace("KIND", repr(kind)).replace("ROUNDS", str(rounds)))
    board.power_on()
    board.run(for_s=for_s)
    return str(board.console).splitlines()


def test_standby_in_place_of_a_switch(unswitched: Board) -> None:
    """From the device's start on it sleeps unless it is wanted; fixes come hot; the meter has standby's 46 µA."""
    with unswitched as board:
        lines = run(board, "standby", rounds=2, for_s=100)
        assert lines[0] == "off True" and lines[1].startswith("fix (53") and lines[2] == "off True"
        mark = board.meter.mark()
        board.run(for_s=400)
        rows = [row for row in board.meter.since(mark).rows if row.part == "gnss"]
        assert [row.state for row in rows] == ["software standby"]
        assert rows[0].microcoulomb == pytest.approx(46 * 400)
        board.run(for_s=1000)
        lines = str(board.console).splitlines()
        assert [line[:5] for line in lines[3:6]] == ["fix (", "off T", "fix ("]
        assert board.gnss.power_ons == 1  # its supply never went


def test_a_dip_of_the_supply_is_healed(world: World, board: Board) -> None:
    """RAM is lost, with BBR or without it: fixes go on, and the receiver is configured as before."""
    lines = run(board, "switched", rounds=0, for_s=100)
    assert lines[0] == "off True" and lines[-1].startswith("fix (53")
    for backup in (True, False):
        board.gnss.backup_power(backup)
        board.gnss.power(False)
        world.clock.advance_to(world.clock.now_us + 1000)
        board.gnss.power(True)
        before = len(str(board.console).splitlines())
        board.run(for_s=120)
        lines = str(board.console).splitlines()[before:]
        assert len(lines) > 5 and all(line.startswith("fix (53") for line in lines)
        assert (board.gnss.config[cfg.NAV_PVT], board.gnss.config[cfg.OUT_NMEA]) == (1, 0)
        assert board.gnss.config[cfg.RATE_MEAS] == 5000
    board.gnss.power(False)  # for good
    board.run(for_s=60)
    assert str(board.console).splitlines()[-1] == "GnssSilentError"
