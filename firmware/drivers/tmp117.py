"""TMP117: temperature by one conversion at a time (TI SNOSD82D, section 7)."""

import asyncio

from firmware.const import const
from firmware.drivers.i2c import Chip, ChipIdentityError, ChipNonsenseError

_ADDRESS = const(0x48)  # ADD0 to ground
_TEMP_RESULT = const(0x00)
_CONFIGURATION = const(0x01)
_DEVICE_ID = const(0x0F)
_DID = const(0x117)  # bits 11:0 of DEVICE_ID; above them the revision
_DATA_READY = const(1 << 13)
_EEPROM_BUSY = const(1 << 12)
_MOD_ONE_SHOT = const(0b11 << 10)
_AVG_8 = const(0b01 << 5)
_CONV_AVG_MASK = const(0b111 << 7 | 0b11 << 5)
_CONVERSION_MS = const(124)  # eight conversions of 15.5 ms
_CONVERSION_LIMIT_MS = const(250)  # the data sheet's longest is 8 x 17.5 ms
_BOOT_LIMIT_MS = const(100)  # the EEPROM loads in 1.5 ms
_NO_CONVERSION = const(-32_768)  # TEMP_RESULT until the first conversion: -256 °C
# the range of the chip, -55 to 150 °C
_LEAST_DC = const(-550)
_MOST_DC = const(1500)


class Tmp117(Chip):
    """`read` powers the chip, takes one reading and cuts the power again."""

    def __init__(self, board, name: str = "temperature"):
        super().__init__(board, name, _ADDRESS)

    async def read(self) -> int:
        """Temperature in 0.1 °C, rounded down. DriverError after at most half a second; no power afterwards."""
        try:
            await self._power_up()
            return await self._convert()
        finally:
            self.stop()

    async def _convert(self) -> int:
        if self._word(_DEVICE_ID) & 0xFFF != _DID:
            raise ChipIdentityError("temperature: no TMP117")
        await self._until(lambda: not self._word(_CONFIGURATION) & _EEPROM_BUSY, _BOOT_LIMIT_MS, 5)
        # 1. One conversion; writing it ends the one that began at power-on, and reading has cleared its flag.
        self._write(_CONFIGURATION, (_MOD_ONE_SHOT | _AVG_8).to_bytes(2, "big"))
        await asyncio.sleep_ms(_CONVERSION_MS)
        # 2. It has ended: the flag, beside what was written [a bus that says ones only has the flag too].
        await self._until(self._ready, _CONVERSION_LIMIT_MS, 10)
        raw = self._word(_TEMP_RESULT)
        raw -= (raw & 0x8000) << 1
        # 3. A temperature that the chip can have measured: 7.8125 m°C a step.
        reading_dc = raw * 5 // 64
        if raw == _NO_CONVERSION or not _LEAST_DC <= reading_dc <= _MOST_DC:
            raise ChipNonsenseError("temperature: out of range")
        return reading_dc

    def _ready(self) -> bool:
        configuration = self._word(_CONFIGURATION)
        if configuration & _CONV_AVG_MASK != _AVG_8:
            raise ChipNonsenseError("temperature: configuration not as written")
        return configuration & _DATA_READY != 0

    def _word(self, register: int) -> int:
        return int.from_bytes(self._read(register, 2), "big")
