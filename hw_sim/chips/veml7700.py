"""A VEML7700 light sensor on I2C: register map, integration times, gains, saturation, power saving, currents.

After the data sheet 84286 (register tables 1 to 8, "Auto-memorization") and the application note 84323 (start-up,
power-saving times, correction). Words are little-endian. In shutdown, and until the first integration after it is over,
the result registers keep what was measured last; after power-on that is 0. A change of gain, integration time or power
saving begins a new integration. Resolution at gain 2 and 800 ms is 0.0036 lx; newer issues of the note say 0.0042.

The response bends at high light: what is counted is the inverse of the note's correction polynomial, at all gains, so
that a driver has to apply the polynomial. The specimen is exact: the ±10 % tolerance of the data sheet is not modelled.

Integration times that the tables do not name, and reserved bits that are set, are acknowledged by the chip and what follows
is nowhere described: NotSimulated. The white channel answers as the light channel times WHITE_RATIO.
"""

from collections.abc import Callable
from typing import ClassVar

from hw_sim.chips.base import WordChip
from hw_sim.errors import NotSimulated
from hw_sim.world.clock import World

CONFIG, HIGH_THRESHOLD, LOW_THRESHOLD, POWER_SAVING, ALS, WHITE, INTERRUPT, IDENTITY = range(8)
SHUT_DOWN, INTERRUPT_ENABLED = 1 << 0, 1 << 1
RESERVED = {CONFIG: 0xE40C, POWER_SAVING: 0xFFF8}
CROSSED_LOW, CROSSED_HIGH = 1 << 15, 1 << 14
RESETS = {CONFIG: SHUT_DOWN, HIGH_THRESHOLD: 0, LOW_THRESHOLD: 0, POWER_SAVING: 0}
ID_WORD = 0xC481  # slave address option 0x20 above, device 0x81 below
START_US = 2_500  # from SD = 0 to the first integration, note 84323
INTEGRATION_US = {12: 25_000, 8: 50_000, 0: 100_000, 1: 200_000, 2: 400_000, 3: 800_000}
PAUSE_US = (500_000, 1_000_000, 2_000_000, 4_000_000)  # of power saving modes 1 to 4, on top of the integration time
GAINS = (1.0, 2.0, 0.125, 0.25)
FINEST_LX = 0.0036  # at gain 2, 800 ms
SATURATED = 0xFFFF
CORRECTION = (6.0135e-13, -9.3924e-9, 8.1488e-5, 1.0023)  # of x⁴, x³, x², x
WHITE_RATIO = 2.0  # of daylight, roughly; nobody here reads it
MEASURING_UA, SHUTDOWN_UA = 45.0, 0.5  # data sheet, basic characteristics
LOOK_BACK = 10_000  # integrations that are evaluated for the interrupt flags after nobody looked for long


def corrected_lx(counted_lx: float) -> float:
    """The correction of note 84323: true light from light that was counted linearly."""
    a, b, c, d = CORRECTION
    return (((a * counted_lx + b) * counted_lx + c) * counted_lx + d) * counted_lx


def counted_lx(true_lx: float) -> float:
    """The inverse of `corrected_lx`, which rises everywhere above 0."""
    low, high = 0.0, max(1.0, true_lx)
    while high - low > 1e-6 * max(1.0, high):
        middle = (low + high) / 2
        low, high = (middle, high) if corrected_lx(middle) < true_lx else (low, middle)
    return (low + high) / 2


class Veml7700(WordChip):
    """The light sensor. `illuminance_lx(unix_s)` is what falls on it."""

    senses: ClassVar[str] = "light"
    honours: ClassVar[tuple[str, ...]] = ("identity", "frozen")
    byteorder = "little"

    def __init__(self, world: World, address: int = 0x10) -> None:
        super().__init__(world, address)
        self.illuminance_lx: Callable[[float], float] = lambda unix_s: 0.0
        self._registers = dict(RESETS)
        self._done = 0  # integrations finished before the present run of them
        self._began_us: int | None = None  # of that run; None in shutdown
        self._seen = 0  # the last integration that is in the registers
        self._counts = self._white = 0
        self._flags = self._outside_high = self._outside_low = 0

    def _wake(self) -> None:
        self._registers = dict(RESETS)
        self._done = self._seen = self._counts = self._white = 0
        self._flags = self._outside_high = self._outside_low = 0
        self._begin_integrations()

    def _die(self) -> None:
        self._began_us = None

    # --- integrations

    @property
    def _integration_us(self) -> int:
        return INTEGRATION_US[self._registers[CONFIG] >> 6 & 15]

    @property
    def _period_us(self) -> int:
        saving = self._registers[POWER_SAVING]
        return self._integration_us + (PAUSE_US[saving >> 1 & 3] if saving & 1 else 0)

    @property
    def resolution_lx(self) -> float:
        """Light of one count at the present gain and integration time, without the correction."""
        gain = GAINS[self._registers[CONFIG] >> 11 & 3]
        return FINEST_LX * (2.0 / gain) * (800_000 / self._integration_us)

    def _begin_integrations(self) -> None:
        if self._registers[CONFIG] & SHUT_DOWN:
            self._began_us = None
            self.on_state("shutdown", SHUTDOWN_UA)
            return
        self._began_us = self._clock.now_us + START_US
        share = self._integration_us / self._period_us
        self.on_state("measuring", round(MEASURING_UA * share + SHUTDOWN_UA * (1 - share), 3))

    @property
    def converted(self) -> int:
        """Integrations that were finished since the supply came."""
        if self._began_us is None or self.fault.frozen:
            return self._done
        running_us = self._clock.now_us - self._began_us - self._integration_us
        return self._done if running_us < 0 else self._done + 1 + running_us // self._period_us

    def _catch_up(self) -> None:
        """What was measured since somebody looked: all of it if interrupts are on, else the last."""
        newest = self.converted
        if newest <= self._seen:
            return
        watched = self._registers[CONFIG] & INTERRUPT_ENABLED
        for number in range(max(self._seen + 1, newest - LOOK_BACK) if watched else newest, newest + 1):
            self._integrate(number)
        self._seen = newest

    def _integrate(self, number: int) -> None:
        began_us = (self._began_us or 0) + (number - self._done - 1) * self._period_us
        middle_us = began_us + self._integration_us // 2
        true_lx = max(0.0, self.illuminance_lx(self._clock.start_unix_s + middle_us / 1e6))
        counts = counted_lx(true_lx) / self.resolution_lx
        self._counts = min(SATURATED, round(counts))
        self._white = min(SATURATED, round(counts * WHITE_RATIO))
        if self._registers[CONFIG] & INTERRUPT_ENABLED:
            self._compare()

    def _compare(self) -> None:
        """Flags rise after as many results in a row beyond a threshold as ALS_PERS says: 1, 2, 4, 8."""
        needed = 1 << (self._registers[CONFIG] >> 4 & 3)
        self._outside_high = self._outside_high + 1 if self._counts > self._registers[HIGH_THRESHOLD] else 0
        self._outside_low = self._outside_low + 1 if self._counts < self._registers[LOW_THRESHOLD] else 0
        self._flags |= CROSSED_HIGH * (self._outside_high >= needed) | CROSSED_LOW * (self._outside_low >= needed)

    # --- registers

    def read_word(self, register: int) -> int:
        """Command codes 0 to 7; reading the interrupt status clears it."""
        self._catch_up()
        if register == ALS:
            return self._counts
        if register == WHITE:
            return self._white
        if register == INTERRUPT:
            flags, self._flags = self._flags, 0
            return flags
        if register == IDENTITY:
            return ID_WORD if self.fault.identity is None else self.fault.identity
        if register not in self._registers:
            raise NotSimulated(f"veml7700: command code 0x{register:02X}, which the data sheet does not name")
        return self._registers[register]

    def write_word(self, register: int, value: int) -> None:
        """Command codes 0 to 3; results cannot be written."""
        if register in (ALS, WHITE, INTERRUPT, IDENTITY):
            return
        if register not in self._registers or value & RESERVED.get(register, 0):
            raise NotSimulated(f"veml7700: 0x{value:04X} in command code 0x{register:02X} sets what is reserved")
        if register == CONFIG and value >> 6 & 15 not in INTEGRATION_US:
            raise NotSimulated(f"veml7700: ALS_IT code {value >> 6 & 15:04b}, which the data sheet does not name")
        self._catch_up()
        before = dict(self._registers)
        done = self.converted
        self._registers[register] = value
        if self._measures_as(before):
            return
        self._done = self._seen = done
        self._begin_integrations()

    def _measures_as(self, before: dict[int, int]) -> bool:
        """Nothing changed but thresholds, persistence and interrupts."""
        timing = SHUT_DOWN | 0x1BC0
        same = not (before[CONFIG] ^ self._registers[CONFIG]) & timing
        return same and before[POWER_SAVING] == self._registers[POWER_SAVING]
