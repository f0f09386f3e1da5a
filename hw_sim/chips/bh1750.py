"""A BH1750FVI light sensor on I2C: commands, measurement times, stale results, saturation, currents.

After the ROHM technical note 2009.04 (rev. B): instruction set, measurement time register, electrical characteristics. A
command is one byte with a STOP behind it. The result register is 0 after power-on and keeps what was measured last, also in
power-down; it can be read at any time, so that who reads too early reads the result of before. There is no identity.

The specimen is exact: 1.2 counts a lux at the default time, though the note allows 0.96 to 1.44. NotSimulated: a second
byte in a transaction, which the note forbids; commands that it does not name. A new measurement time takes effect with the
next measurement command. What the chip draws between "power on" and that command is not told: as while it measures.
"""

from collections.abc import Callable
from typing import ClassVar

from hw_sim.chips.base import CommandChip
from hw_sim.errors import NotSimulated
from hw_sim.world.clock import World

POWER_DOWN, POWER_ON, RESET = 0x00, 0x01, 0x07
# (time in µs at the default time register, counts a lux), typical; the time is half as long again at most
HIGH, HIGH_2, LOW = (120_000, 1.2), (120_000, 2.4), (16_000, 0.3)
MODES = {0: HIGH, 1: HIGH_2, 3: LOW}  # by the two low bits of 0x10 (continuous) and 0x20 (one time)
MTREG_DEFAULT, MTREG_LEAST, MTREG_MOST = 69, 31, 254
SATURATED = 0xFFFF
MEASURING_UA, DOWN_UA = 120.0, 0.01


class Bh1750(CommandChip):
    """The light sensor. `illuminance_lx(unix_s)` is what falls on it; `pace` 1.5 is the slowest that the note allows."""

    senses: ClassVar[str] = "light"
    honours: ClassVar[tuple[str, ...]] = ("frozen",)

    def __init__(self, world: World, address: int = 0x23) -> None:
        super().__init__(world, address)
        self.illuminance_lx: Callable[[float], float] = lambda unix_s: 0.0
        self.pace = 1.0

    def _forget(self) -> None:
        super()._forget()
        self._on = False
        self._mtreg = MTREG_DEFAULT
        self._result = 0

    def _wake(self) -> None:
        self._forget()
        self.on_state("power-down", DOWN_UA)

    # --- the wires

    def _command(self, byte: int) -> bool:
        if byte == POWER_DOWN:
            self._down()
        elif byte == POWER_ON:
            self._stop()
            self._up("powered on")
        elif byte == RESET:
            self._result = 0 if self._on else self._result
        elif byte >> 3 == 0x08:
            self._mtreg = self._mtreg & 0x1F | (byte & 7) << 5
        elif byte >> 5 == 0x03:
            self._mtreg = self._mtreg & 0xE0 | byte & 0x1F
        elif byte & 0xCC == 0 and byte >> 4 in (1, 2) and byte & 3 in MODES:
            self._measure(MODES[byte & 3], again=byte >> 4 == 1)
        else:
            raise NotSimulated(f"bh1750: command 0x{byte:02X}, which the note does not name")
        return True

    def _give(self) -> int:
        word = self._result.to_bytes(2, "big")
        return word[self._said] if self._said < 2 else 0xFF

    # --- measurements

    def _up(self, state: str) -> None:
        self._on = True
        self.on_state(state, MEASURING_UA)

    def _down(self) -> None:
        self._stop()
        self._on = False
        self.on_state("power-down", DOWN_UA)

    def _measure(self, mode: tuple[int, float], *, again: bool) -> None:
        if not MTREG_LEAST <= self._mtreg <= MTREG_MOST:
            raise NotSimulated(f"bh1750: measurement time {self._mtreg}; the note allows {MTREG_LEAST} to {MTREG_MOST}")
        self._stop()
        self._up("measuring")
        takes_us = round(mode[0] * self.pace * self._mtreg / MTREG_DEFAULT)
        share = mode[1] * self._mtreg / MTREG_DEFAULT
        if not self.fault.frozen:
            self._timer = self._clock.after(takes_us, lambda: self._finish(mode, takes_us, share, again=again))

    def _finish(self, mode: tuple[int, float], takes_us: int, share: float, *, again: bool) -> None:
        self._timer = None
        self._done += 1
        middle_s = self._clock.unix_s - takes_us / 2e6
        counts = round(max(0.0, self.illuminance_lx(middle_s)) * share)
        if mode == LOW:
            counts *= 4  # its results are in the same unit, in steps of four
        self._result = min(SATURATED, counts)
        if again:
            self._measure(mode, again=True)
        else:
            self._down()
