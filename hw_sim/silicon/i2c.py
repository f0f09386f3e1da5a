"""I2C: buses described by their pins, the chips on them, the board's controllers, and what can go wrong with the wires.

**The program's side** is `machine.SoftI2C(scl, sda, *, freq, timeout)` and `machine.I2C(id, *, scl, sda, freq, timeout)`
with `scan`, `readfrom`, `readfrom_into`, `writeto`, `writevto`, `readfrom_mem`, `readfrom_mem_into`, `writeto_mem`
(addrsize 8); on SoftI2C also `start`, `stop`, `write`, `readinto`. What it meets, after MicroPython v1.29,
`extmod/machine_i2c.c` and `ports/esp32/machine_i2c.c`; an RP2's `I2C` says EIO for ENODEV (`ports/rp2/machine_i2c.c`):

| on the wires | `SoftI2C` | `I2C` |
|---|---|---|
| nobody acknowledges the address: no such chip, no power, still starting | OSError ENODEV | OSError ENODEV |
| a data byte is not acknowledged | no error: `writeto` returns fewer acknowledgements than bytes | OSError ENODEV |
| SCL held low, or no supply for the pull-ups | OSError ETIMEDOUT after `timeout` µs | the same |
| SDA held low alone | **no error: every address acknowledges, every byte reads 0x00** | OSError ETIMEDOUT |
| a chip stretches the clock for longer than `timeout` | OSError ETIMEDOUT | the same |

ETIMEDOUT is 116 on the chip (newlib's number) and 110 here: compare with `errno.ETIMEDOUT`, never with the number.
`timeout` is 50 000 µs unless given; a scan of a dead bus waits for it 112 times. Each byte takes nine bit times at `freq`.

**The tester's side**: `board.sensors["temperature"]` (`"light"`, `"motion"`) is the chip, its `.fault` (ChipFaults) what is
wrong with it, its `.bus` the I2cBus; `bus.hold("sda")`, `bus.hold("scl", by=chip)` and `bus.release()` short a line.
"""

import contextlib
import errno
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from hw_sim.chips.base import I2cChip
from hw_sim.errors import DeviceError
from hw_sim.world.clock import VirtualClock

BITS_PER_BYTE = 9  # eight and the acknowledgement
Line = Literal["sda", "scl"]


class I2cBus:
    """Two wires with chips on them. `pulled_up` tells whether the pull-up resistors have a supply."""

    def __init__(self, clock: VirtualClock, sda: int, scl: int, pulled_up: Callable[[], bool] = lambda: True) -> None:
        self._clock = clock
        self.sda, self.scl = sda, scl
        self._pulled_up = pulled_up
        self.chips: list[I2cChip] = []
        self._held: Line | None = None
        self._holder: tuple[I2cChip, int] | None = None
        self._spoken_to: list[I2cChip] = []
        self._wants_address = False
        self._owed_ns = 0  # less than a microsecond, not yet told to the clock

    def attach(self, chip: I2cChip) -> None:
        """Solders a chip to the wires."""
        self.chips.append(chip)
        chip.bus = self

    # --- faults of the wires

    def hold(self, line: Line, *, by: I2cChip | None = None) -> None:
        """Holds a line low: until `release()`, or with `by` until that chip's supply goes, as a chip that hangs does it."""
        self._held = line
        self._holder = None if by is None else (by, by.power_ons)

    def release(self) -> None:
        """Nobody holds a line any more."""
        self._held = self._holder = None

    @property
    def held(self) -> Line | None:
        """The line that is held low at present."""
        if self._holder is not None:
            chip, life = self._holder
            if not chip.powered or chip.power_ons != life:
                self.release()
        return self._held

    @property
    def scl_low(self) -> bool:
        """The clock line stays low when everybody lets it go."""
        return not self._pulled_up() or self.held == "scl"

    @property
    def sda_low(self) -> bool:
        """The data line stays low when everybody lets it go."""
        return not self._pulled_up() or self.held == "sda"

    # --- what a controller does on the wires

    def start(self, speed: "Controller") -> None:
        """START, or a repeated one: what follows is an address."""
        self._pass_bits(1, speed.freq_hz)
        self._release_clock(speed.timeout_us, 0)
        self._spoken_to = []
        self._wants_address = True

    def stop(self, speed: "Controller") -> None:
        """STOP: the chips that were spoken to act on what they heard."""
        self._pass_bits(1, speed.freq_hz)
        for chip in self._spoken_to:
            chip.end()
        self._spoken_to = []
        self._wants_address = False
        self._release_clock(speed.timeout_us, 0)

    def write(self, byte: int, speed: "Controller") -> bool:
        """One byte to the chips; whether one of them acknowledges it. A data line held low looks like it."""
        self._pass_bits(BITS_PER_BYTE, speed.freq_hz)
        self._release_clock(speed.timeout_us, self._stretch_us())
        if self.sda_low:
            return True
        if self._wants_address:
            self._wants_address = False
            self._spoken_to = [chip for chip in self.chips if chip.address == byte >> 1 and chip.begin(bool(byte & 1))]
            self._release_clock(speed.timeout_us, self._stretch_us())
            return bool(self._spoken_to)
        acknowledged = [chip.take(byte) for chip in self._spoken_to]  # all of them hear it
        return any(acknowledged)

    def read(self, speed: "Controller") -> int:
        """One byte from the chip that was spoken to; 0xFF if there is none, since the wire is pulled up."""
        self._pass_bits(BITS_PER_BYTE, speed.freq_hz)
        self._release_clock(speed.timeout_us, self._stretch_us())
        byte = 0x00 if self.sda_low else 0xFF
        for chip in self._spoken_to:
            byte &= chip.give()
        return byte

    def _stretch_us(self) -> int:
        return max((chip.fault.stretch_us for chip in self._spoken_to), default=0)

    def _release_clock(self, timeout_us: int, stretch_us: int) -> None:
        """The clock line goes high when nobody holds it; DeviceError(ETIMEDOUT) if that takes longer than `timeout_us`."""
        waits_us = timeout_us if self.scl_low or stretch_us > timeout_us else stretch_us
        if waits_us:
            self.spend(waits_us)
        if self.scl_low or stretch_us > timeout_us:
            raise DeviceError(errno.ETIMEDOUT)

    def _pass_bits(self, bits: int, freq_hz: int) -> None:
        self._owed_ns += bits * 1_000_000_000 // freq_hz
        us, self._owed_ns = divmod(self._owed_ns, 1000)
        self.spend(us)

    def spend(self, us: int) -> None:
        """Time that the wires take."""
        self._clock.advance_to(self._clock.now_us + us)


@dataclass(frozen=True)
class Controller:
    """The board's end of a bus: `SoftI2C` if `soft`, else the chip's own controller. Errors are DeviceError."""

    bus: I2cBus
    soft: bool
    freq_hz: int
    timeout_us: int
    refused: int = errno.ENODEV  # what the program hears of a byte that nobody acknowledges

    def open(self) -> None:
        """A software bus begins with a STOP and cares not whether it worked (`mp_hal_i2c_init`)."""
        if self.soft:
            with contextlib.suppress(DeviceError):
                self.bus.stop(self)

    def write(self, address: int, data: bytes, *, stop: bool = True) -> int:
        """Writes to an address; the number of data bytes that were acknowledged. ENODEV, ETIMEDOUT."""
        self._address(address << 1)
        acknowledged = self.write_raw(data)
        if not self.soft and acknowledged < len(data):
            self.bus.stop(self)
            raise DeviceError(self.refused)
        if stop:
            self.bus.stop(self)
        return acknowledged

    def read(self, address: int, n: int, *, stop: bool = True) -> bytes:
        """Reads n bytes from an address. ENODEV, ETIMEDOUT."""
        self._address(address << 1 | 1)
        data = self.read_raw(n)
        if stop:
            self.bus.stop(self)
        return data

    def read_mem(self, address: int, memory: bytes, n: int) -> bytes:
        """Writes `memory`, then reads n bytes after a repeated START.

        Where a chip acknowledges its address but not `memory`, SoftI2C gives back what was in the buffer: zeros here.
        """
        if self.write(address, memory, stop=False) < len(memory):
            self.bus.stop(self)
            return bytes(n)
        return self.read(address, n)

    def _address(self, byte: int) -> None:
        if not self.soft and self.bus.sda_low:  # the hardware sees that it does not own the wire
            self.bus.spend(self.timeout_us)
            raise DeviceError(errno.ETIMEDOUT)
        self.bus.start(self)
        if not self.bus.write(byte, self):
            self.bus.stop(self)
            raise DeviceError(self.refused)

    def write_raw(self, data: bytes) -> int:
        """Writes bytes until one is not acknowledged; the number of those that were."""
        for count, byte in enumerate(data):
            if not self.bus.write(byte, self):
                return count
        return len(data)

    def read_raw(self, n: int) -> bytes:
        """Reads n bytes."""
        return bytes([self.bus.read(self) for _ in range(n)])
