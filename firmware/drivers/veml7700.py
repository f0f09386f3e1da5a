"""VEML7700: illuminance with gain and integration time by itself (Vishay 84286, and application note 84323)."""

import asyncio

from firmware.const import const
from firmware.drivers.i2c import Chip, ChipIdentityError, ChipNonsenseError

_ADDRESS = const(0x10)
_ALS_CONF = const(0x00)
_ALS = const(0x04)
_ID = const(0x07)
_IDENTITY = const(0xC481)  # device code 0x81, and 0xC4 for this address
_ALS_SD = const(1)  # shutdown
_GAIN_2 = const(0b01 << 11)
_GAIN_1_8 = const(0b10 << 11)
_IT_25_MS = const(0b1100 << 6)
_IT_100_MS = const(0)
# Light of a count in 0.1 mlx at gain 2 and 800 ms (data sheet 84286; its latest issues say 42, less than a class of light
# apart). It goes with 1/gain and 1/time.
_FINEST = const(36)
# (configuration, integration time in ms, light of a count in 0.1 mlx)
_MIDDLE = const((_GAIN_1_8 | _IT_100_MS, 100, _FINEST * 16 * 8))
_BRIGHT = const((_GAIN_1_8 | _IT_25_MS, 25, _FINEST * 16 * 32))
_DIM = const((_GAIN_2 | _IT_100_MS, 100, _FINEST * 8))
# counts at MIDDLE: below, a step of 1 % is too coarse; above, the application note shortens
_FEW = const(100)
_MANY = const(10_000)
_SATURATED = const(65_535)
_MOST_LX = const(1_000_000)  # of what has no measure any more
_START_MS = const(5)  # from the end of shutdown to the first integration: 2.5 ms at least


class Veml7700(Chip):
    """`read` powers the chip, takes one reading in the range that fits, and cuts the power again."""

    def __init__(self, board, name: str = "light"):
        super().__init__(board, name, _ADDRESS)

    async def read(self) -> float:
        """Illuminance in lx, a million when the chip is blinded. DriverError after at most half a second; no power
        afterwards.
        """
        try:
            await self._power_up()
            if self._word(_ID) != _IDENTITY:
                raise ChipIdentityError("light: no VEML7700")
            return await self._measure()
        finally:
            self.stop()

    async def _measure(self) -> float:
        span = _MIDDLE
        counts = await self._counts(span)
        if not _FEW <= counts <= _MANY:
            span = _DIM if counts < _FEW else _BRIGHT
            counts = await self._counts(span)
        if counts == _SATURATED:
            return _MOST_LX
        lx = counts * span[2] / 10_000
        return lx if span[0] & _GAIN_2 else min(corrected(lx), _MOST_LX)  # the correction runs away beyond the sun

    async def _counts(self, span: tuple) -> int:
        configuration, integration_ms, _ = span
        # Changed in shutdown only: else the integration that runs would end under the new configuration.
        self._write(_ALS_CONF, (configuration | _ALS_SD).to_bytes(2, "little"))
        self._write(_ALS_CONF, configuration.to_bytes(2, "little"))
        # There is no flag of its end. Its oscillator may be slow by some percent; half as long again is safe.
        await asyncio.sleep_ms(_START_MS + integration_ms * 3 // 2)
        counts = self._word(_ALS)
        # A chip that lost its supply meanwhile, or a data line held low, says 0 as darkness does.
        if self._word(_ALS_CONF) != configuration or self._word(_ID) != _IDENTITY:
            raise ChipNonsenseError("light: configuration not as written")
        return counts

    def _word(self, register: int) -> int:
        return int.from_bytes(self._read(register, 2), "little")


def corrected(lx: float) -> float:
    """Illuminance at the gain of 1/8, whose counts fall behind in bright light (application note, figure 24)."""
    return (((6.0135e-13 * lx - 9.3924e-9) * lx + 8.1488e-5) * lx + 1.0023) * lx
