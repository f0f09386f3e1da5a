"""Chip: one chip on a bus and a supply of its own, and what can go wrong between it and its driver.

The buses are bit-banged (`machine.SoftI2C`). They tell a missing acknowledgement of the address and a clock line that is
held low; a byte that is not acknowledged they do not tell, and a data line that is held low looks like a chip that says
zeros only. So a driver reads back what it wrote, and asks for the identity at each start.
"""

import asyncio
import time

from firmware.const import const
from firmware.errors import DriverError

# errno of a clock line that stays low: MicroPython's own number, and ESP-IDF's
_TIMED_OUT = const((110, 116))
_POWER_UP_MS = const(10)  # at least what each data sheet asks for, and the supply's own rise


class ChipSilentError(DriverError):
    """The chip does not acknowledge its address, or does not finish in time."""


class ChipIdentityError(DriverError):
    """Another chip answers, or a data line that is held low."""


class ChipNonsenseError(DriverError):
    """The chip says what it cannot mean."""


class BusHeldError(DriverError):
    """The clock line is held low."""


class Chip:
    """Registers of 8 bits address on `board.i2c(name)` behind `board.sensor_power(name, on)`; drivers derive from it.

    `stop` cuts the power at once, from any task; whoever runs the driver meanwhile gets a ChipSilentError.
    """

    def __init__(self, board, name: str, address: int):
        self._board = board
        self._name = name
        self._address = address
        self._bus = None

    @property
    def powered(self) -> bool:
        """True from the begin of a start to `stop`."""
        return self._bus is not None

    def stop(self) -> None:
        """Cut the power."""
        self._bus = None
        self._board.sensor_power(self._name, False)

    async def _power_up(self) -> None:
        """Power on from none, so that a chip that hangs or holds its bus begins anew."""
        self.stop()
        self._board.sensor_power(self._name, True)
        self._bus = self._board.i2c(self._name)
        await asyncio.sleep_ms(_POWER_UP_MS)

    def _read(self, register: int, n: int) -> bytes:
        """n bytes from a register on."""
        if self._bus is None:
            raise ChipSilentError(self._name + ": no power")
        try:
            return self._bus.readfrom_mem(self._address, register, n)
        except OSError as error:
            raise self._failure(error)

    def _write(self, register: int, data: bytes) -> None:
        """Bytes to a register on."""
        if self._bus is None:
            raise ChipSilentError(self._name + ": no power")
        try:
            self._bus.writeto_mem(self._address, register, data)
        except OSError as error:
            raise self._failure(error)

    def _failure(self, error) -> DriverError:
        if error.args and error.args[0] in _TIMED_OUT:
            return BusHeldError(self._name + ": bus is held")
        return ChipSilentError(self._name + ": no answer")

    async def _until(self, condition, timeout_ms: int, poll_ms: int) -> None:
        """Ask each `poll_ms` until the condition holds; ChipSilentError when the time is over."""
        deadline = time.ticks_add(time.ticks_ms(), timeout_ms)
        while not condition():
            if time.ticks_diff(deadline, time.ticks_ms()) <= 0:
                raise ChipSilentError(self._name + ": does not finish")
            await asyncio.sleep_ms(poll_ms)
