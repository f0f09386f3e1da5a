"""An SHT4x thermometer and hygrometer on I2C: commands, their times, checksums, currents.

After the Sensirion data sheet SHT4x (version 6): table 1 and 2 (accuracy), 4 (electrical), 5 (timing), 6 (checksum), 7 and
8 (commands). The chip has no registers: a command is one byte, the answer two words with a checksum each. While it is busy
it does not acknowledge at all, nor a read for which there is no answer; an answer is given once. The reading errs as a
stated model: an offset of the specimen, uniform within ±0.2 °C (the SHT40's typical accuracy), and white noise of a third
of the repeatability 0.04 °C. Humidity is exact.

NotSimulated: the heater's commands, the reset by general call, more than one byte to a transaction.
"""

from collections.abc import Callable
from typing import ClassVar

from hw_sim.chips.base import CommandChip
from hw_sim.errors import NotSimulated
from hw_sim.world.clock import World

MEASURE_US = {0xFD: 6_900, 0xF6: 3_700, 0xE0: 1_300}  # typical; at most 8.3, 4.5, 1.6 ms
SERIAL_NUMBER, SOFT_RESET = 0x89, 0x94
HEATERS = {0x39, 0x32, 0x2F, 0x24, 0x1E, 0x15}
POWER_UP_US = RESET_US = 1_000  # at most
SERIAL_US = 100  # the sheet names no time; shorter than any command's
MEASURING_UA, IDLE_UA = 320.0, 0.08
OFFSET_C, NOISE_C = 0.2, 0.04 / 3


def checksum(data: bytes) -> int:
    """CRC-8: polynomial 0x31, begins with 0xFF."""
    crc = 0xFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x31) & 0xFF if crc & 0x80 else crc << 1
    return crc


class Sht4x(CommandChip):
    """The sensor. `temperature_c(unix_s)` and `humidity(unix_s)` in % are what surrounds it; `noise_scale` 0: perfect.

    `pace` makes a specimen slower than the typical one: 1.2 is the slowest that the sheet allows.
    """

    senses: ClassVar[str] = "temperature"
    honours: ClassVar[tuple[str, ...]] = ("identity", "frozen", "checksum")
    boot_us: ClassVar[int] = POWER_UP_US

    def __init__(self, world: World, address: int = 0x44, *, noise_scale: float = 1.0) -> None:
        super().__init__(world, address)
        self.temperature_c: Callable[[float], float] = lambda unix_s: 20.0
        self.humidity: Callable[[float], float] = lambda unix_s: 50.0
        self.pace = 1.0
        self._rng = world.random(f"sht4x/{address}")
        self.serial_number = self._rng.getrandbits(32) | 1
        self._noise_scale = noise_scale
        self._offset_c = self._rng.uniform(-OFFSET_C, OFFSET_C)

    def _forget(self) -> None:
        super()._forget()
        self._busy_until_us = 0
        self._answer = b""

    def _wake(self) -> None:
        self._forget()
        self.on_state("idle", IDLE_UA)

    @property
    def _ready_us(self) -> int:
        return max(self._on_since_us + POWER_UP_US, self._busy_until_us)

    # --- the wires

    def begin(self, read: bool) -> bool:
        """It does not acknowledge while it is busy, nor a read when it has no answer."""
        return super().begin(read) and not (read and not self._answer)

    def _command(self, byte: int) -> bool:
        self._answer = b""
        if byte in MEASURE_US:
            self._measure(round(MEASURE_US[byte] * self.pace))
        elif byte == SERIAL_NUMBER:
            self._busy_until_us = self._clock.now_us + SERIAL_US
            serial = self.serial_number if self.fault.identity is None else self.fault.identity
            self._answer = self._words(serial >> 16 & 0xFFFF, serial & 0xFFFF)
        elif byte == SOFT_RESET:
            self._busy_until_us = self._clock.now_us + RESET_US
        elif byte in HEATERS:
            raise NotSimulated(f"sht4x: command 0x{byte:02X}, the heater")
        else:
            return False
        return True

    def _give(self) -> int:
        return self._answer[self._said] if self._said < len(self._answer) else 0xFF

    def end(self) -> None:
        """STOP: what was read is gone."""
        if self._said:
            self._answer = b""

    def _words(self, first: int, second: int) -> bytes:
        words = [value.to_bytes(2, "big") for value in (first, second)]
        return b"".join(word + bytes((checksum(word) ^ self.fault.checksum,)) for word in words)

    # --- measurements

    def _measure(self, takes_us: int) -> None:
        self.on_state("measuring", MEASURING_UA)
        self._busy_until_us = self._clock.now_us + takes_us
        if self.fault.frozen:
            self._busy_until_us = 1 << 62
            return
        self._timer = self._clock.at(self._busy_until_us, self._finish)

    def _finish(self) -> None:
        self._timer = None
        self._done += 1
        unix_s = self._clock.unix_s
        error_c = (self._offset_c + self._rng.gauss(0.0, NOISE_C)) * self._noise_scale
        celsius = round((self.temperature_c(unix_s) + error_c + 45.0) / 175.0 * 65_535)
        humidity = round((self.humidity(unix_s) + 6.0) / 125.0 * 65_535)
        self._answer = self._words(*(max(0, min(65_535, value)) for value in (celsius, humidity)))
        self.on_state("idle", IDLE_UA)
