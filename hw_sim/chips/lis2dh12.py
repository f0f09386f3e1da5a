"""An LIS2DH12 accelerometer on I2C: registers, data rates, resolutions, high-pass filter, interrupts, currents.

After the data sheet DocID025056 (operating modes, current consumption, section 8) and the application note AN5005. Bit 7
of the sub-address asks for auto-increment; without it every further byte is of the same register. Samples come at the
nominal data rate and are exact: no zero-g offset, no noise but what the recording has. The filter starts from zero when the
chip leaves power-down, so that gravity looks like a shock until REFERENCE is read or it has settled. For 5 ms after power
the chip boots and does not acknowledge.

What the world does is looked up ahead for at most a second, so `acceleration_mg` must be a function of time alone; assign
another one to change the world. An hour at 25 Hz with an interrupt armed costs a fraction of a second of real time.

NotSimulated, by register: FIFO, click, 6D and 4D, self-test, activity, temperature, big-endian data, HPM = 01.
"""

from typing import ClassVar

from hw_sim.chips import lis_registers as reg
from hw_sim.chips.base import I2cChip
from hw_sim.chips.lis_events import ACTIVE, Sense, Settings, State, Still, Times, run, steady_until_s
from hw_sim.world.clock import Handle, World

BOOT_US = 5_000
TURN_ON_US = 1_000  # AN5005, turn-on times: from power-down to low-power mode; 1.6 ms to normal
FRESH, OVERRUN = 0x0F, 0xF0  # of STATUS_REG
AHEAD_US = 1_000_000
STEADY_AHEAD_US = 3600_000_000  # where the world says that nothing changes: so far at once
LOOK_BACK = 2_000  # samples: more than twenty time constants of the slowest filter, and than any DURATION


class Lis2dh12(I2cChip):
    """The accelerometer. `on_interrupt[1]` and `[2]` hear the levels of its pins INT1 and INT2."""

    senses: ClassVar[str] = "motion"
    honours: ClassVar[tuple[str, ...]] = ("identity", "frozen")
    boot_us: ClassVar[int] = BOOT_US

    def __init__(self, world: World, address: int = 0x18) -> None:
        super().__init__(world, address)
        self.pins = {1: 0, 2: 0}
        self.interrupt_levels = {1: 0, 2: 0}
        self._sense: Sense = Still()
        self._reset_registers()

    def _reset_registers(self) -> None:
        self._registers = bytearray(0x40)
        for register, value in reg.RESETS.items():
            self._registers[register] = value
        self._settings, self._state = Settings(), State()
        self._done = 0  # samples before the present run of them
        self._began_us: float | None = None  # of that run; None in power-down
        self._taken = 0  # samples of this run that are in the state
        self._sample = (0.0, 0.0, 0.0)
        self._status = 0
        self._held: dict[int, int] = {}  # outputs that wait for their high byte (BDU)
        self._timer: Handle | None = None
        self._ahead: tuple[int, State] | None = None
        self._pointer, self._increment, self._named = 0, False, False

    # --- the world, supply

    @property
    def acceleration_mg(self) -> Sense:
        """The world: Unix time in s to (x, y, z) in mg, gravity included."""
        return self._sense

    @acceleration_mg.setter
    def acceleration_mg(self, sense: Sense) -> None:
        self._catch_up()
        self._sense = sense
        self._look_ahead()

    def _wake(self) -> None:
        self._reset_registers()
        self.on_state("power-down", reg.LOW_POWER_UA[0])

    def _die(self) -> None:
        self._forget_plan()
        self._reset_registers()
        self._show_pins()

    # --- samples

    @property
    def rate_hz(self) -> float:
        """Samples a second; 0 in power-down."""
        return reg.rate_hz_of(self._registers)

    def _start_run(self) -> None:
        """Rate or mode changed: samples are counted anew; from power-down the filter begins at zero."""
        was_off = self._began_us is None
        self._done, self._taken = self._done + self._taken, 0
        rate_hz, mode = self.rate_hz, reg.mode_of(self._registers)
        self.on_state(mode if rate_hz else "power-down", reg.current_ua_of(self._registers))
        if not rate_hz:
            self._began_us = None
            return
        self._period_us = 1e6 / rate_hz
        settle_us = 6 * self._period_us if mode == reg.HIGH_RESOLUTION else 0.0  # the first one comes after 7/ODR
        self._began_us = self._clock.now_us + (TURN_ON_US if was_off else 0) + settle_us
        if was_off:
            self._state.mean = 0.0, 0.0, 0.0

    @property
    def converted(self) -> int:
        """Samples taken since the supply came."""
        return self._done + self._newest()

    def _newest(self) -> int:
        if self._began_us is None or self.fault.frozen:
            return self._taken
        # Half a microsecond, since events happen at whole ones and a period need not be whole.
        return max(self._taken, int((self._clock.now_us + 0.5 - self._began_us) // self._period_us))

    def _times_s(self, first: int, last: int) -> Times:
        begin_s = self._clock.start_unix_s + (self._began_us or 0.0) / 1e6
        return Times(begin_s, self._period_us / 1e6, first, last)

    @property
    def _works(self) -> bool:
        """Each sample has a consequence: a generator that is not latched yet, or the filter."""
        pairs = zip(self._state.generators, self._settings.rules, strict=True)
        return bool(self._settings.follow) or any(generator.waits(rule) for generator, rule in pairs)

    def _armed(self) -> bool:
        pairs = zip(self._state.generators, self._settings.rules, strict=True)
        return any(generator.waits(rule) for generator, rule in pairs)

    def _catch_up(self) -> None:
        """Takes the samples that came since somebody looked."""
        newest = self._newest()
        if newest <= self._taken:
            return
        if self._works:
            first = self._taken + 1 if self._armed() else max(self._taken + 1, newest - LOOK_BACK)
            run(self._state, self._settings, self._sense, self._times_s(first, newest))
        self._arrived(newest)
        self._show_pins()

    def _arrived(self, newest: int) -> None:
        """The output registers hold sample number `newest`."""
        overrun = self._status & FRESH or newest - self._taken > 1
        self._status |= FRESH | (OVERRUN if overrun else 0)
        self._taken = newest
        x, y, z = self._sense(self._times_s(newest, newest)[0])
        if self._registers[reg.CTRL_REG2] & 0x08:  # FDS; the mean has moved already, by k of the way
            keep = 1.0 - self._settings.follow
            mx, my, mz = self._state.mean
            x, y, z = (x - mx) / keep, (y - my) / keep, (z - mz) / keep
        self._sample = x, y, z

    # --- looking ahead, so that a pin changes in time without an event for each sample

    def _forget_plan(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._ahead = None

    def _look_ahead(self) -> None:
        """Plans the next change of a pin, or the next look."""
        self._forget_plan()
        if self._began_us is None or not self._pins_wait():
            return
        last = self._taken + max(1, int(self._ahead_us() / self._period_us))
        if self._registers[reg.CTRL_REG3] & 0x10 and not self._status & FRESH:
            last = self._taken + 1  # data ready on INT1
        state = self._state.copy()
        times_s = self._times_s(self._taken + 1, last)
        number = self._taken + run(state, self._settings, self._sense, times_s, until_change=True)
        self._ahead = number, state
        self._timer = self._clock.at(-int(-(self._began_us + number * self._period_us) // 1), self._meet)

    def _ahead_us(self) -> float:
        """How far to look: further while the world says that nothing changes, so that hours of sleep take few looks."""
        now_s = self._clock.unix_s
        steady_us = (steady_until_s(self._sense, now_s) - now_s) * 1e6
        return min(STEADY_AHEAD_US, max(AHEAD_US, steady_us))

    def _pins_wait(self) -> bool:
        """A pin may change by itself."""
        wired = self._registers[reg.CTRL_REG3] & 0x60 | self._registers[reg.CTRL_REG6] & 0x60
        data_ready = self._registers[reg.CTRL_REG3] & 0x10 and not self._status & FRESH
        return bool(data_ready) or bool(wired and self._armed())

    def _meet(self) -> None:
        ahead = self._ahead
        if ahead is None or self.fault.frozen:
            self._timer = self._clock.after(AHEAD_US, self._meet)
            return
        number, state = ahead
        if number > self._taken:  # else somebody looked at this very moment
            self._state = state
            self._arrived(number)
            self._show_pins()
        self._look_ahead()

    def _show_pins(self) -> None:
        first, second = (bool(generator.source & ACTIVE) for generator in self._state.generators)
        ctrl3, ctrl6 = self._registers[reg.CTRL_REG3], self._registers[reg.CTRL_REG6]
        inverted = bool(ctrl6 & 0x02)
        ready = bool(ctrl3 & 0x10 and self._status & FRESH)
        levels = {
            1: bool(ctrl3 & 0x40 and first) or bool(ctrl3 & 0x20 and second) or ready,
            2: bool(ctrl6 & 0x40 and first) or bool(ctrl6 & 0x20 and second),
        }
        for number, active in levels.items():
            level = int(active != inverted) if self.powered else 0
            if level != self.pins[number]:
                self.pins[number] = level
                if number in self.on_interrupt:
                    self.on_interrupt[number](level)

    # --- the wires

    def _begin(self, read: bool) -> None:
        self._named = read

    def _take(self, byte: int) -> bool:
        if not self._named:
            self._pointer, self._increment, self._named = byte & 0x3F, bool(byte & 0x80), True
            return True
        self.write_register(self._pointer, byte)
        self._next()
        return True

    def _give(self) -> int:
        value = self.read_register(self._pointer)
        self._next()
        return value

    def _next(self) -> None:
        if self._increment:
            self._pointer = self._pointer + 1 & 0x3F

    # --- registers

    def read_register(self, register: int) -> int:
        """Reads a register, with what that does: flags, latches, the filter. Reserved ones read as 0."""
        self._catch_up()
        if reg.OUT_X_L <= register <= reg.OUT_Z_H:
            return self._read_output(register)
        if register == reg.WHO_AM_I:
            return reg.IDENTITY if self.fault.identity is None else self.fault.identity & 0xFF
        if register == reg.STATUS:
            return self._status
        if register in (reg.INT1_SRC, reg.INT2_SRC):
            return self._read_source(register == reg.INT2_SRC)
        if register == reg.REFERENCE and self._registers[reg.CTRL_REG2] >> 6 in (0, 2):
            self._state.fresh = True
            self._look_ahead()
        return self._registers[register]

    def _read_output(self, register: int) -> int:
        axis, high = divmod(register - reg.OUT_X_L, 2)
        word = reg.output_word(self._registers, axis, self._sample[axis])
        if self._registers[reg.CTRL_REG4] & 0x80:  # BDU: both bytes of one sample
            word = self._held.pop(axis, word) if high else self._held.setdefault(axis, word)
        if not high:
            return word & 0xFF
        self._status &= ~(0x11 << axis)
        if not self._status & 0x07:
            self._status = 0  # ZYXDA and ZYXOR go with the last axis
            self._show_pins()
            self._look_ahead()
        return word >> 8

    def _read_source(self, second: bool) -> int:
        """INT_SRC: reading it ends a latched interrupt."""
        generator = self._state.generators[second]
        source = generator.source
        if self._settings.rules[second].latched and source & ACTIVE:
            generator.source, generator.held = 0, 0
            self._show_pins()
            self._look_ahead()
        return source

    def write_register(self, register: int, value: int) -> None:
        """Writes a register; a changed rate, mode or scale begins a new run of samples."""
        reg.check_write(register, value)
        self._catch_up()
        before = bytes(self._registers)
        self._registers[register] = value & 0x7F if register == reg.CTRL_REG5 else value  # BOOT clears itself
        if reg.rate_hz_of(before) != self.rate_hz or reg.mode_of(before) != reg.mode_of(self._registers):
            self._start_run()
        self._settings = reg.settings_of(self._registers)
        for generator, rule in zip(self._state.generators, self._settings.rules, strict=True):
            if not rule.events:
                generator.source = generator.held = 0
        self._show_pins()
        self._look_ahead()
