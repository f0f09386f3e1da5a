"""A board's UART on a pseudo-terminal: every byte at the line's pace, both ways, and what a wire does wrong."""

from __future__ import annotations

import contextlib
import os
import time
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from hw_sim.board import Board
from hw_sim.errors import HwSimError
from hw_sim.network.gateway import WireFaults
from hw_sim.network.net import Network
from hw_sim.shell import wire as wires
from hw_sim.shell.port import Port
from hw_sim.shell.wire import Wire, attach
from hw_sim.silicon import description
from hw_sim.silicon.uart import UartPort
from hw_sim.world.clock import World

SAID = bytes(range(256)) * 2
BAUD = 9_600  # 512 bytes take 533 ms
FAST = 1e6  # virtual time is not held up


class Line:
    """An open UART of a board, and a host at the other end."""

    def __init__(self, port: Port, *, most_speed: float = FAST) -> None:
        self.world, self.port = World(seed=3), port
        self.wire = Wire(self.world, port, baudrate=BAUD, most_speed=most_speed)
        self.uart = UartPort(self.world.clock, self.wire, self.world.random("uart"))
        self.uart.start(BAUD, 4096)
        self.host = -1
        self.plug()

    def plug(self) -> None:
        """The host opens the port."""
        self.host = os.open(self.port.name, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self.host)

    def pull(self) -> None:
        """The host closes it."""
        os.close(self.host)

    def pass_ms(self, ms: int) -> None:
        """So much virtual time."""
        self.world.clock.advance_to(self.world.clock.now_us + 1000 * ms)

    def heard(self) -> bytes:
        """What the host has heard since."""
        try:
            return os.read(self.host, 4096)
        except BlockingIOError:
            return b""


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    """A line whose port has a name."""
    with Port(tmp_path / "van.uart", option="--uart") as port:
        yield Line(port)


def test_bytes_pass_both_ways_at_the_lines_pace(line: Line) -> None:
    """Half a kilobyte takes half a second of virtual time each way, and arrives as it was said."""
    line.uart.write(SAID)
    line.pass_ms(500)
    assert line.heard() == b""
    line.pass_ms(40)
    assert line.heard() == SAID
    os.write(line.host, SAID)
    line.pass_ms(wires.POLL_US // 1000 + 500)
    heard = line.uart.read(4096)
    assert len(heard) == 480  # four of its pieces
    line.pass_ms(60)
    assert heard + line.uart.read(4096) == SAID
    assert (line.wire.up, line.wire.down) == (512, 512)


def test_what_the_host_says_first_is_heard_when_the_wire_listens(line: Line) -> None:
    """A line at rest is looked at by the shell, not by the clock: no virtual event keeps a sleeping board busy."""
    os.write(line.host, b"hello")
    assert line.world.clock.next_us is None
    line.wire.listen()
    assert line.wire.in_use
    line.pass_ms(20)
    assert line.uart.read(9) == b"hello"
    line.pass_ms(wires.REST_US // 1000 + 20)
    assert not line.wire.in_use
    assert line.world.clock.next_us is None


def test_a_host_that_says_too_much_waits(line: Line) -> None:
    """What the line has not taken yet stays with the host, whose port is full in the end; all of it passes, at the line's pace."""
    said, heard, sent = os.urandom(1 << 17), b"", 0
    line.wire.listen()
    while len(heard) < len(said):
        with contextlib.suppress(BlockingIOError):
            sent += os.write(line.host, said[sent : sent + 4096])
        assert sent <= len(heard) + (1 << 15)  # Linux keeps some 20 KB of a pseudo-terminal
        line.wire.listen()
        line.pass_ms(500)
        heard += line.uart.read(4096)
    assert heard == said
    assert line.world.clock.now_us >= len(said) * 1_000_000 * 10 // BAUD


def test_what_nobody_has_open_is_lost(line: Line) -> None:
    """A pulled adapter: what the board says meanwhile is gone, what comes after passes again."""
    line.pull()
    line.uart.write(b"gone")
    line.pass_ms(1000)
    line.plug()
    line.uart.write(b"there")
    line.pass_ms(1000)
    assert line.heard() == b"there"


@pytest.mark.parametrize(
    ("fault", "least", "most"),
    [
        (WireFaults(pulled=True), 0, 0),
        (WireFaults(lose=0.1), 400, 511),
        (WireFaults(burst_bytes=100), 612, 612),
        (WireFaults(noise=0.1), 512, 512),
    ],
    ids=["pulled", "lose", "burst", "noise"],
)
def test_faults_of_the_wire(line: Line, fault: WireFaults, least: int, most: int) -> None:
    """Each does its damage both ways, and none once it is over."""
    line.wire.fault = fault
    line.uart.write(SAID)
    line.pass_ms(1000)
    up = line.heard()
    os.write(line.host, SAID)
    line.pass_ms(1000)
    down = line.uart.read(4096)
    assert least <= len(up) <= most
    assert least <= len(down) <= most
    assert SAID not in (up, down)
    assert (SAID in up) is (SAID in down) is (fault.burst_bytes > 0)
    line.wire.fault = WireFaults()
    line.uart.write(SAID)
    line.pass_ms(1000)
    assert line.heard() == SAID


def test_virtual_time_waits_for_the_host_while_the_line_is_in_use(tmp_path: Path) -> None:
    """At ten times the host's pace a second of the line takes a tenth of one; with the line at rest an hour takes none."""
    with Port() as port:
        line = Line(port, most_speed=10)
        line.uart.write(b"?")
        began = time.monotonic()
        line.pass_ms(1000)
        assert time.monotonic() - began >= 0.08
        line.wire.fault = WireFaults(pulled=True)
        line.pass_ms(wires.REST_US // 1000)
        assert not line.wire.in_use
        began = time.monotonic()
        line.pass_ms(3_600_000)
        assert time.monotonic() - began < 5


@pytest.mark.parametrize("name", ["esp32", "esp32s3", "pico_w", "pico2_w"])
def test_the_link_hangs_where_the_firmware_has_it(name: str) -> None:
    """The description's table [link] names the UART and pins that the firmware's file of that board opens."""
    source = Path(__file__).parents[3] / "firmware" / "boards" / f"{name}.py"
    [told] = [row for row in source.read_text().splitlines() if row.strip().startswith("PINS_LINK")]
    link = description.load(name).link
    assert link is not None
    assert told.strip() == f"PINS_LINK = ({link.uart}, {link.tx}, {link.rx})"


def test_a_board_without_a_link_says_so(tmp_path: Path) -> None:
    """Its own table is missing, or the UART has a chip already: a sentence says which."""
    world = World()
    text = 'name = "bare"\nmachine = "Generic ESP32S3 module with ESP32S3"\nflash_bytes = 4194304\n'
    path = tmp_path / "bare.toml"
    path.write_text(text)
    with (
        Port() as port,
        Board.from_description(path, world, Network(world)) as board,
        pytest.raises(HwSimError, match=r"bare has no table \[link\]"),
    ):
        attach(board, port)
    path.write_text(text + "[link]\nuart = 2\ntx = 12\nrx = 13\n")
    with Port() as port, Board.from_description(path, world, Network(world)) as board:
        attach(board, port)
        with pytest.raises(HwSimError, match="UART 2 of its table"):
            attach(board, port)


def test_a_name_that_is_taken_is_refused_by_its_option(tmp_path: Path) -> None:
    """The sentence names the option that was given, not another."""
    taken = tmp_path / "taken"
    taken.touch()
    with pytest.raises(HwSimError, match="--uart: something has that name"):
        Port(taken, option="--uart")
