"""An RP2 hears nothing while it erases flash: no fix may be put together from what is left of two solutions."""

from __future__ import annotations

import ast

import pytest

from hw_sim.board import Board
from hw_sim.demo.stage import FIRMWARE
from hw_sim.errors import ChildFailed
from hw_sim.network.net import Network
from hw_sim.world.clock import World
from hw_sim.world.drive import Drive

pytestmark = pytest.mark.micropython

# The receiver gives a solution a second; meanwhile four erases a second, each at another moment of it. A device erases once
# in ten envelopes.
ERASING = """
import asyncio
from firmware.boards import active
from firmware.drivers.gnss import Gnss
board = active()
region = board.region("spool")
{bare}
async def erase():
    n = 0
    while True:
        region.program(4096, bytes(600))
        region.erase(1)
        n += 1
        await asyncio.sleep_ms(137 + n % 90)
async def main():
    gnss = Gnss(board, "{protocol}")
    await gnss.start(1)
    erasing = asyncio.create_task(erase())
    while True:
        print(await gnss.fix(5000), gnss.errors)
asyncio.run(main())
"""
BARE = "board.quietly = lambda work, *args: work(*args)"
SECONDS = 120


class Heard:
    """What the driver made of the receiver's solutions while flash was erased."""

    def __init__(self, name: str, protocol: str, bare: str = "") -> None:
        drive = Drive.demo()
        world = World(start_unix_s=drive.start_unix_s, seed=3)
        with Board.from_description(name, world, Network(world)) as board:
            board.gnss.drive = drive
            board.install(FIRMWARE)
            board.program(ERASING.format(bare=bare, protocol=protocol))
            board.power_on()
            self.silent = False
            try:
                board.run(for_s=SECONDS)
            except ChildFailed as error:
                self.silent = "GnssSilentError" in str(error)
            lines = [line.rpartition(" ") for line in str(board.console).splitlines() if line.startswith("(")]
            self.fixes = [fix for fix in (ast.literal_eval(line[0]) for line in lines) if fix[6] > 1]
            self.errors = int(lines[-1][2]) if lines else 0
            self.said = {(each.time, each.lat_e7, each.lon_e7) for each in board.gnss.emitted}
            self.erases = board.flash.erases
            self.lost_bytes = board.uarts[0].lost_bytes if name.startswith("pico") else 0


@pytest.mark.parametrize("name", ["pico_w", "pico2_w"])
@pytest.mark.parametrize("protocol", ["ubx", "nmea"])
def test_erasing_costs_solutions_and_corrupts_none(name: str, protocol: str) -> None:
    """Bytes are lost, and yet each fix is one that the receiver gave, none arrives in part, and nearly all arrive."""
    heard = Heard(name, protocol)
    assert heard.erases > 300
    assert heard.lost_bytes > 0
    known = heard.said if protocol == "ubx" else {time for time, _, _ in heard.said}
    found = [fix[:3] if protocol == "ubx" else fix[0] for fix in heard.fixes]
    assert set(found) <= known
    assert len(found) == len(set(found)) > 0.8 * len(heard.said) > 60
    assert heard.errors == 0


def test_without_the_pause_erases_break_solutions() -> None:
    """The same with erases at any moment: the driver meets broken frames until it gives up; so the test above tells."""
    heard = Heard("pico_w", "nmea", BARE)
    assert heard.silent or heard.errors > 0
    assert len(heard.fixes) < 0.8 * SECONDS


def test_an_esp32_hears_while_it_erases() -> None:
    """The ESP32's UART goes on by itself: every solution arrives."""
    heard = Heard("esp32", "ubx")
    assert {fix[:3] for fix in heard.fixes} >= heard.said - {max(heard.said)}
