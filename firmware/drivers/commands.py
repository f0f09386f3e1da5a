"""Commanded: a chip without registers, which is told by single bytes and then heard."""

import asyncio
import time

from firmware.drivers.i2c import Chip, ChipNonsenseError, ChipSilentError


class Commanded(Chip):
    """What SHT4x and BH1750 share beside the supply. Nothing can be read back, so acknowledgements are counted."""

    def _tell(self, command: int) -> None:
        """One command, with a STOP behind it."""
        if self._bus is None:
            raise ChipSilentError(self._name + ": no power")
        try:
            heard = self._bus.writeto(self._address, bytes((command,)))
        except OSError as error:
            raise self._failure(error)
        if heard != 1:
            raise ChipNonsenseError(self._name + ": command not acknowledged")

    def _hear(self, n: int, address: int = 0) -> bytes:
        """n bytes, from another address if one is given; ChipSilentError while nobody acknowledges."""
        if self._bus is None:
            raise ChipSilentError(self._name + ": no power")
        try:
            return self._bus.readfrom(address or self._address, n)
        except OSError as error:
            raise self._failure(error)

    async def _answer(self, n: int, timeout_ms: int) -> bytes:
        """n bytes from a chip that does not acknowledge before it has them; ChipSilentError when the time is over."""
        deadline = time.ticks_add(time.ticks_ms(), timeout_ms)
        while True:
            try:
                return self._hear(n)
            except ChipSilentError:
                if time.ticks_diff(deadline, time.ticks_ms()) <= 0:
                    raise
            await asyncio.sleep_ms(2)
