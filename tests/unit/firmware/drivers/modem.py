"""A modem's port for the driver under CPython: the simulated SIM7080G behind a simulated UART, in the virtual loop's time."""

from __future__ import annotations

import asyncio
from typing import Any

from hw_sim.chips.sim7080g import Sim7080g
from hw_sim.silicon.uart import UartPort
from hw_sim.world.clock import World
from tests.unit.firmware.link import micro

POLL_S = 0.01


class ModemPort:
    """What `firmware.boards.modem.Port` is on a board; `modem` is the chip. The world's clock follows the loop's."""

    def __init__(self) -> None:
        self.world = World(seed=1)
        self.modem = Sim7080g(self.world)
        self.modem.on_status = self._status
        self.uart = self
        self.pressed: list[tuple[float, bool]] = []
        self.wire = b""  # all that the modem said
        self._awake = False
        self._line = UartPort(self.world.clock, self.modem, self.world.random("uart"))
        self._say, self._began_us, self._loop = self.modem.emit, 0, None
        self.modem.emit = self._note
        self._line.start(115_200, 2048)
        self.modem.power(True)

    def _status(self, awake: bool) -> None:
        self._awake = awake

    def _note(self, data: bytes) -> None:
        self.wire += data
        self._say(data)

    def sync(self) -> None:
        """The world comes to where the virtual loop is."""
        loop: Any = micro._current[-1] if micro._current else None
        if loop is not None and loop is not self._loop:
            self._loop, self._began_us = loop, self.world.clock.now_us - int(loop.now_s * 1e6)
        if loop is not None:
            self.world.clock.advance_to(max(self._began_us + int(loop.now_s * 1e6), self.world.clock.now_us))

    @property
    def now_s(self) -> float:
        """Seconds of the world."""
        return self.world.clock.now_us / 1e6

    # --- the port

    def key(self, pressed: bool) -> None:
        """PWRKEY."""
        self.sync()
        self.pressed.append((self.now_s, pressed))
        self.modem.key(pressed)

    def awake(self) -> bool:
        """STATUS."""
        self.sync()
        return self._awake

    def any(self) -> int:
        """Bytes that wait."""
        self.sync()
        return len(self._line.received)

    def read(self, n: int) -> bytes:
        """Bytes that wait."""
        return self._line.read(n)

    def write(self, data: bytes | str) -> int:
        """To the modem."""
        self.sync()
        self._line.write(data.encode() if isinstance(data, str) else data)
        return len(data)


class Reader:
    """asyncio.StreamReader over such a port."""

    def __init__(self, uart: ModemPort) -> None:
        self._uart = uart

    async def read(self, n: int) -> bytes:
        """Bytes as they come."""
        while not self._uart.any():
            await asyncio.sleep(POLL_S)
        return self._uart.read(n)
