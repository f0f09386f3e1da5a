"""What a program on a board cannot reach: files and terminal of the host that simulates it."""

import pytest

from hw_sim.board import Board
from hw_sim.network.net import Network
from hw_sim.world.clock import World

pytestmark = pytest.mark.micropython

REACH = """
import os, uos, vfs
for module in (os, uos, vfs):
    print(hasattr(module, "VfsPosix"), hasattr(module, "VfsLfs2"), end=" ")
import termios
for attempt in ("termios.tcgetattr(0)", "from termios import ECHO"):
    try:
        exec(attempt)
    except ImportError as error:
        print("none", end=" ")
print(hasattr(vfs, "rom_ioctl"))
"""


@pytest.mark.parametrize("name", ["esp32s3", "pico_w"])
def test_the_hosts_files_and_terminal_are_none_of_the_boards(world: World, name: str) -> None:
    """The interpreter's own way to the host's files is gone under each of its names, the board's file system is not."""
    with Board.from_description(name, world, Network(world)) as board:
        board.program(REACH)
        board.power_on()
        board.run(for_s=5)
        assert str(board.console).split() == ["False", "True"] * 3 + ["none"] * 2 + [str("romfs" in board.partitions)]
