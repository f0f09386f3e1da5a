"""The other end of a board's UART on a pseudo-terminal: what a USB adapter at these pins is to a gateway (docs/serial-link.md)."""

from __future__ import annotations

import random
from collections.abc import Callable
from time import monotonic

from hw_sim.board import Board
from hw_sim.errors import HwSimError
from hw_sim.network.gateway import WireFaults
from hw_sim.shell.port import Port
from hw_sim.silicon.uart import BITS_PER_BYTE
from hw_sim.world.clock import World

BAUDRATE = 115_200
MOST_SPEED = 20.0  # a device waits 8 s for an answer, a loaded host some 100 ms before it gives one
REST_US = (
    16_000_000  # the longest that a device waits without a word of its own: 15 s for WELCOME, as for the last verdict
)
POLL_US = 10_000  # an FTDI adapter hands on what it has after 16 ms (AN232B-04, latency timer)
AHEAD_BYTES = 1024  # an adapter takes no more from its host than it has room for; 256 to some thousand
PIECE_BYTES = 120  # of its FIFO's 128 an ESP32 hands on at once (ESP-IDF, UART_FULL_THRESH_DEFAULT)
CREDIT_S = 0.1  # of real time that was not used: a host that was busy elsewhere may catch up with so much of it


class Wire:
    """A chip on a UART; whoever has `port` open is at its other end, and who closes it has pulled the adapter out.

    Bytes pass at the line's speed in virtual time. Whoever has the port lives in the host's time: so while the line is in use,
    until REST_US after the last byte, virtual time goes at most `most_speed` times as fast as that.
    `fault` is what is wrong with the wire. `up` and `down` count the bytes that passed from the board and to it.
    """

    def __init__(
        self, world: World, port: Port, *, baudrate: int = BAUDRATE, most_speed: float = MOST_SPEED, name: str = "wire"
    ) -> None:
        self._clock, self._port, self._baudrate = world.clock, port, baudrate
        self._most_speed = most_speed
        self._rng: random.Random = world.random(name)
        self.emit: Callable[[bytes], None] = lambda data: None
        self.fault = WireFaults()
        self.up = self.down = 0
        self._rests_us = -1  # the line is in use until then
        self._polling = False
        self._due_s = 0.0  # by the host's clock: when virtual time may go on
        self._said_us = 0  # when the last byte towards the board will have passed

    @property
    def baudrate(self) -> int:
        """Speed of the wire."""
        return self._baudrate

    @property
    def in_use(self) -> bool:
        """Bytes have passed just now."""
        return self._polling

    def power(self, on: bool) -> None:
        """It has its own supply."""

    backup_power = power

    def receive(self, data: bytes) -> None:
        """Bytes from the board."""
        data = self.fault.damaged(data, self._rng)
        self.up += len(data)
        if data:
            self._port.write(data)
        self._use()
        self.listen()

    def listen(self) -> None:
        """Hands the board what the other end has said, no faster than the line takes it."""
        self._port.flush()
        byte_us = BITS_PER_BYTE * 1e6 / self._baudrate
        while self._said_us <= self._clock.now_us + AHEAD_BYTES * byte_us and (data := self._port.read()):
            data = self.fault.damaged(data, self._rng)
            self.down += len(data)
            self._said_us = max(self._said_us, self._clock.now_us) + round(len(data) * byte_us)
            for at in range(0, len(data), PIECE_BYTES):
                self.emit(data[at : at + PIECE_BYTES])
            self._use()

    def _use(self) -> None:
        self._rests_us = self._clock.now_us + REST_US
        if not self._polling:
            self._polling = True
            self._due_s = monotonic()
            self._clock.after(POLL_US, self._poll)

    def _poll(self) -> None:
        """Once in POLL_US while the line is in use: the host's time passes too."""
        self._due_s = max(self._due_s, monotonic() - CREDIT_S) + POLL_US / 1e6 / self._most_speed
        self.listen()
        while (left_s := self._due_s - monotonic()) > 0:
            self._port.wait(left_s)
            self.listen()
        self._polling = self._clock.now_us < self._rests_us
        if self._polling:
            self._clock.after(POLL_US, self._poll)


def attach(board: Board, port: Port, *, baudrate: int = BAUDRATE, most_speed: float = MOST_SPEED) -> Wire:
    """Puts a wire to `port` on the pins of the board's serial link; HwSimError for a board whose description names none."""
    link = board.description.link
    if link is None:
        raise HwSimError(f"board {board.name} has no table [link] with uart, tx and rx: say there which pins lead out")
    if link.uart in board.uarts:
        raise HwSimError(f"board {board.name}: UART {link.uart} of its table [link] has another chip already")
    wire = Wire(board.world, port, baudrate=baudrate, most_speed=most_speed)
    board.attach_uart(link.uart, link.tx, link.rx, wire)
    return wire
