"""A TMP117 thermometer on I2C: register map, conversions and their time, averaging, alerts, EEPROM, currents.

After the data sheet SNOSD82D (rev. D, September 2022): sections 6.5 (currents), 7.3 and 7.4 (modes), 7.6 (registers).
The reading errs as a stated model: an offset of the specimen, uniform within ±0.07 °C, plus white noise of one LSB
(7.8125 m°C) standard deviation divided by the square root of the averaged conversions, together never more than
±0.1 °C, the sheet's limit from -20 to 50 °C. Everything else is exact.

A change of the configuration begins a new conversion; that in progress is lost. During power-up (1.5 ms) and soft reset
(2 ms) the chip does not acknowledge. The ALERT pin and the general-call reset are not simulated.
"""

from collections.abc import Callable
from typing import ClassVar

from hw_sim.chips.base import WordChip
from hw_sim.errors import NotSimulated
from hw_sim.world.clock import Handle, World

TEMPERATURE, CONFIG, HIGH_LIMIT, LOW_LIMIT, UNLOCK, EEPROM1, EEPROM2, OFFSET, EEPROM3, DEVICE_ID = *range(9), 15
HIGH_ALERT, LOW_ALERT, DATA_READY, EEPROM_BUSY = 1 << 15, 1 << 14, 1 << 13, 1 << 12
THERM_MODE, SOFT_RESET, UNLOCKED = 1 << 4, 1 << 1, 1 << 15
WRITABLE = 0x0FFC  # of the configuration: MOD, CONV, AVG, T/nA, POL, DR/Alert
SHUTDOWN, ONE_SHOT = 1, 3  # MOD; 0 and 2 are continuous
NO_RESULT = 0x8000
FACTORY = {CONFIG: 0x0220, HIGH_LIMIT: 0x6000, LOW_LIMIT: 0x8000, EEPROM1: 0, EEPROM2: 0, OFFSET: 0, EEPROM3: 0}
IDENTITY = 0x0117
LSB_C = 0.0078125
CONVERSION_US = 15_500
AVERAGES = (1, 8, 32, 64)
ACTIVE_US = (
    15_500,
    125_000,
    500_000,
    1_000_000,
)  # of a conversion with its averages, in the sheet's table of cycle times
CYCLE_US = (
    0,
    125_000,
    250_000,
    500_000,
    1_000_000,
    4_000_000,
    8_000_000,
    16_000_000,
)  # by CONV, if longer than ACTIVE_US
POWER_UP_US, RESET_US, PROGRAM_US = 1_500, 2_000, 7_000
ACTIVE_UA, STANDBY_UA, SHUTDOWN_UA = 135.0, 1.25, 0.15  # section 6.5, typical at 25 °C
OFFSET_C, LIMIT_C = 0.07, 0.1


class Tmp117(WordChip):
    """The thermometer. `temperature_c(unix_s)` is what surrounds it; `noise_scale` 0 makes it perfect."""

    senses: ClassVar[str] = "temperature"
    honours: ClassVar[tuple[str, ...]] = ("identity", "frozen")
    boot_us: ClassVar[int] = POWER_UP_US

    def __init__(self, world: World, address: int = 0x48, *, noise_scale: float = 1.0) -> None:
        super().__init__(world, address)
        self.temperature_c: Callable[[float], float] = lambda unix_s: 20.0
        self._rng = world.random(f"tmp117/{address}")
        self._noise_scale = noise_scale
        self._offset_c = self._rng.uniform(-OFFSET_C, OFFSET_C)
        self.eeprom = dict(FACTORY)
        self._registers = dict(FACTORY)
        self._timer: Handle | None = None
        self._up_us = self._busy_until_us = 0
        self._done = 0  # conversions finished before the present run of them
        self._began_us: int | None = None  # of that run; None in shutdown
        self._seen = 0  # the last conversion that is in the registers
        self._result = NO_RESULT
        self._flags = 0

    # --- supply and modes

    def _wake(self) -> None:
        self._done = self._seen = 0
        self._up_us = self._on_since_us + POWER_UP_US
        self._load()

    def _load(self) -> None:
        """Power-up and soft reset: registers from the EEPROM, no result."""
        self._registers = dict(self.eeprom)
        self._registers[UNLOCK] = 0
        self._result, self._flags = NO_RESULT, 0
        self._busy_until_us = 0
        self._begin_conversions(self._up_us)

    def _die(self) -> None:
        self._stop_timer()
        self._began_us = None

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

    @property
    def _ready_us(self) -> int:
        return self._up_us

    @property
    def _mode(self) -> int:
        return self._registers[CONFIG] >> 10 & 3

    @property
    def _averages(self) -> int:
        return self._registers[CONFIG] >> 5 & 3

    @property
    def _active_us(self) -> int:
        return AVERAGES[self._averages] * CONVERSION_US

    @property
    def _cycle_us(self) -> int:
        return max(ACTIVE_US[self._averages], CYCLE_US[self._registers[CONFIG] >> 7 & 7])

    def _begin_conversions(self, at_us: int) -> None:
        self._stop_timer()
        self._began_us = at_us
        if self._mode == SHUTDOWN:
            self._sleep()
        elif self._mode == ONE_SHOT:
            self.on_state("active", ACTIVE_UA)
            self._timer = self._clock.at(at_us + self._active_us, self._finish_one_shot)
        else:
            share = self._active_us / self._cycle_us
            self.on_state("continuous", round(ACTIVE_UA * share + STANDBY_UA * (1 - share), 3))

    def _finish_one_shot(self) -> None:
        self._catch_up()
        self._registers[CONFIG] = self._registers[CONFIG] & ~0x0C00 | SHUTDOWN << 10
        self._sleep()

    def _sleep(self) -> None:
        self._done, self._began_us = self.converted, None
        self.on_state("shutdown", SHUTDOWN_UA)

    # --- conversions

    @property
    def converted(self) -> int:
        """Conversions that were finished since the supply came."""
        if self._began_us is None or self.fault.frozen:
            return self._done
        running_us = self._clock.now_us - self._began_us - self._active_us
        if running_us < 0:
            return self._done
        return self._done + 1 + (0 if self._mode == ONE_SHOT else running_us // self._cycle_us)

    def _catch_up(self) -> None:
        """What was converted since somebody looked: all of it where a limit could be crossed, else the last."""
        newest = self.converted
        if newest <= self._seen:
            return
        limits = self._registers[HIGH_LIMIT], self._registers[LOW_LIMIT]
        watched = limits != (FACTORY[HIGH_LIMIT], FACTORY[LOW_LIMIT])
        for number in range(self._seen + 1 if watched else newest, newest + 1):
            self._convert(number)
        self._seen = newest
        self._flags |= DATA_READY

    def _convert(self, number: int) -> None:
        began_us = self._began_us or 0
        at_us = began_us + self._active_us + (number - self._done - 1) * self._cycle_us
        value = self.temperature_c(self._clock.start_unix_s + at_us / 1e6) + self._error_c()
        steps = round(value / LSB_C) + _signed(self._registers[OFFSET])
        self._result = max(-0x8000, min(0x7FFF, steps)) & 0xFFFF
        self._alert(_signed(self._result), _signed(self._registers[HIGH_LIMIT]), _signed(self._registers[LOW_LIMIT]))

    def _error_c(self) -> float:
        white = self._rng.gauss(0.0, LSB_C / AVERAGES[self._averages] ** 0.5)
        return max(-LIMIT_C, min(LIMIT_C, (self._offset_c + white) * self._noise_scale))

    def _alert(self, value: int, high: int, low: int) -> None:
        """Section 7.4.4: in alert mode both flags stay until they are read, in therm mode LOW is the hysteresis of HIGH."""
        if value > high:
            self._flags |= HIGH_ALERT
        if value < low:
            self._flags = self._flags & ~HIGH_ALERT if self._registers[CONFIG] & THERM_MODE else self._flags | LOW_ALERT

    # --- registers

    def read_word(self, register: int) -> int:
        """Section 7.6; a read of temperature or configuration clears Data_Ready, of the configuration the alerts too."""
        self._catch_up()
        if register == TEMPERATURE:
            self._flags &= ~DATA_READY
            return self._result
        if register == CONFIG:
            flags = self._flags
            self._flags &= HIGH_ALERT if self._registers[CONFIG] & THERM_MODE else 0
            return self._registers[CONFIG] | flags | self._busy
        if register == UNLOCK:
            return self._registers[UNLOCK] | (self._busy and 1 << 14)
        if register == DEVICE_ID:
            return IDENTITY if self.fault.identity is None else self.fault.identity
        if register not in self._registers:
            raise NotSimulated(f"tmp117: register 0x{register:02X}, which the data sheet does not name")
        return self._registers[register]

    @property
    def _busy(self) -> int:
        return EEPROM_BUSY if self._clock.now_us < self._busy_until_us else 0

    def write_word(self, register: int, value: int) -> None:
        """Section 7.6; what is read-only stays, and so does what is written while the EEPROM is being programmed."""
        if self._busy or register in (TEMPERATURE, DEVICE_ID):
            return
        if register not in self._registers:
            raise NotSimulated(f"tmp117: register 0x{register:02X}, which the data sheet does not name")
        self._catch_up()
        if register == CONFIG and value & SOFT_RESET:
            self._done = self._seen = self.converted
            self._up_us = self._clock.now_us + RESET_US
            self._load()
            return
        self._set(register, value)
        if register != UNLOCK and self._registers[UNLOCK] & UNLOCKED:
            self.eeprom[register] = self._registers[register]
            self._busy_until_us = self._clock.now_us + PROGRAM_US

    def _set(self, register: int, value: int) -> None:
        if register != CONFIG:
            self._registers[register] = value & UNLOCKED if register == UNLOCK else value
            return
        self._done = self._seen = self.converted
        self._registers[CONFIG] = value & WRITABLE
        self._begin_conversions(self._clock.now_us)


def _signed(word: int) -> int:
    return word - 0x10000 if word & 0x8000 else word
