"""BH1750FVI: illuminance by one measurement at a time, in the range that fits (ROHM technical note 2009.04, rev. B).

The chip has no identity register, and nothing that was written can be read back. What can be told nevertheless:

1. nobody acknowledges at the chip's other address [a data line that is held low acknowledges everything and says 0];
2. after power-on the result is 0 [another chip, or a bus that says ones];
3. each command is acknowledged.

What cannot be told: a photodiode or a converter that is dead says 0, as darkness does.
"""

import asyncio

from firmware.const import const
from firmware.drivers.commands import Commanded
from firmware.drivers.i2c import ChipIdentityError, ChipSilentError

_ADDRESS = const(0x23)  # ADDR to ground
_OTHER_ADDRESS = const(0x5C)  # ADDR to the supply; on this bus nobody is there
_ONE_TIME_H = const(0x20)  # the chip powers itself down behind it
_ONE_TIME_H2 = const(0x21)  # half a step
_MTREG_HIGH = const(0x40)  # bits 7:5 of the measurement time register
_MTREG_LOW = const(0x60)  # bits 4:0
_MTREG_DEFAULT = const(69)
_LONGEST_MS = const(180)  # of a measurement at the default time; 120 ms is typical
_MARGIN_MS = const(5)  # of our own clock, and of a sleep that ends early
# (command, measurement time register, steps of the command in a step of H)
_MIDDLE = const((_ONE_TIME_H, 69, 1))  # 0.83 lx a count, to 54 600 lx
_BRIGHT = const((_ONE_TIME_H, 31, 1))  # to 121 500 lx, the most that the chip can tell
_DIM = const((_ONE_TIME_H2, 138, 2))  # 0.21 lx a count
_FEW = const(100)  # counts at MIDDLE below which a step of 1 % is too coarse
_SATURATED = const(65_535)


class Bh1750(Commanded):
    """`read` powers the chip, takes one reading in the range that fits, and cuts the power again."""

    def __init__(self, board, name: str = "light"):
        super().__init__(board, name, _ADDRESS)

    async def read(self) -> float:
        """Illuminance in lx, 121 557 at most. DriverError after at most 0.7 s; no power afterwards."""
        try:
            await self._power_up()
            self._plausible()
            if self._counts():
                raise ChipIdentityError("light: no BH1750")
            return await self._measure()
        finally:
            self.stop()

    def _plausible(self) -> None:
        """ChipIdentityError if the other address answers too."""
        try:
            self._hear(1, _OTHER_ADDRESS)
        except ChipSilentError:
            return
        raise ChipIdentityError("light: every address answers")

    async def _measure(self) -> float:
        span = _MIDDLE
        counts = await self._one_time(span)
        if counts < _FEW or counts == _SATURATED:
            span = _DIM if counts < _FEW else _BRIGHT
            counts = await self._one_time(span)
        self._plausible()
        # 1.2 counts a lux at the default time, in proportion to the time (technical note, "measurement result").
        return counts * _MTREG_DEFAULT / (1.2 * span[1] * span[2])

    async def _one_time(self, span: tuple) -> int:
        command, mtreg, _ = span
        self._tell(_MTREG_HIGH | mtreg >> 5)
        self._tell(_MTREG_LOW | mtreg & 0x1F)
        self._tell(command)
        # There is no flag of its end, and before it the result is the one of before.
        await asyncio.sleep_ms(_LONGEST_MS * mtreg // _MTREG_DEFAULT + _MARGIN_MS)
        return self._counts()

    def _counts(self) -> int:
        return int.from_bytes(self._hear(2), "big")
