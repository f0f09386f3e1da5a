"""What a program learns of the bytes that it wrote on a UART."""

import pytest

from hw_sim.board import Board
from hw_sim.network.net import Network
from hw_sim.world.clock import World

pytestmark = pytest.mark.micropython

WRITE = """
import machine, time
uart = machine.UART(1, 9600)
print(uart.txdone())
begin = time.ticks_ms()
uart.write(b"A" * 96)
print(uart.txdone())
uart.flush()
print(uart.txdone(), time.ticks_diff(time.ticks_ms(), begin))
"""


def test_flush_waits_until_the_line_is_free(world: World) -> None:
    """96 bytes at 9600 baud take 100 ms, and `txdone` says so before and after."""
    with Board.from_description("esp32s3", world, Network(world)) as board:
        board.program(WRITE)
        board.power_on()
        board.run(for_s=5)
        assert str(board.console).split() == ["True", "False", "True", "100"]
