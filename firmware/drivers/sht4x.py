"""SHT4x (SHT40, SHT41, SHT45): temperature by one measurement at a time (Sensirion SHT4x data sheet, sections 4.4 to 4.8).

The chip measures humidity with each temperature. No stream carries it, so it is checked for damage and not kept.
"""

import asyncio

from firmware.const import const
from firmware.drivers.commands import Commanded
from firmware.drivers.i2c import ChipIdentityError, ChipNonsenseError

_ADDRESS = const(0x44)  # of the versions -A; -B has 0x45
_MEASURE_HIGH_PRECISION = const(0xFD)
_READ_SERIAL_NUMBER = const(0x89)
_SOFT_RESET = const(0x94)
_RESET_MS = const(2)  # 1 ms at most
_MEASURE_MS = const(9)  # 8.3 ms at most; until then the chip does not acknowledge
_ANSWER_LIMIT_MS = const(50)
_POLYNOMIAL = const(0x31)  # CRC-8, begins with 0xFF, over two bytes (table 6)
# the range of the chip, -40 to 125 °C
_LEAST_DC = const(-400)
_MOST_DC = const(1250)


class Sht4x(Commanded):
    """`read` powers the chip, takes one reading and cuts the power again."""

    def __init__(self, board, name: str = "temperature"):
        super().__init__(board, name, _ADDRESS)

    async def read(self) -> int:
        """Temperature in 0.1 °C, rounded down. DriverError after at most a quarter of a second; no power afterwards."""
        try:
            await self._power_up()
            # Where the supply cannot be switched, this is what ends a measurement of before.
            self._tell(_SOFT_RESET)
            await asyncio.sleep_ms(_RESET_MS)
            await self._identify()
            return await self._convert()
        finally:
            self.stop()

    async def _identify(self) -> None:
        """There is no identity register: a serial number in two words of sound checksums is what no other chip says."""
        self._tell(_READ_SERIAL_NUMBER)
        answer = await self._answer(6, _ANSWER_LIMIT_MS)
        if not sound(answer) or not any(answer[:2] + answer[3:5]):
            raise ChipIdentityError("temperature: no SHT4x")

    async def _convert(self) -> int:
        self._tell(_MEASURE_HIGH_PRECISION)
        await asyncio.sleep_ms(_MEASURE_MS)
        answer = await self._answer(6, _ANSWER_LIMIT_MS)
        if not sound(answer):
            raise ChipNonsenseError("temperature: wrong checksum")
        reading_dc = (answer[0] << 8 | answer[1]) * 1750 // 65535 - 450
        if not _LEAST_DC <= reading_dc <= _MOST_DC:
            raise ChipNonsenseError("temperature: out of range")
        return reading_dc


def sound(answer: bytes) -> bool:
    """Whether each word of an answer has its checksum behind it."""
    for at in range(0, len(answer), 3):
        check = 0xFF
        for byte in answer[at : at + 2]:
            check ^= byte
            for _ in range(8):
                check = (check << 1 ^ _POLYNOMIAL) & 0xFF if check & 0x80 else check << 1
        if answer[at + 2 : at + 3] != bytes((check,)):
            return False
    return True
