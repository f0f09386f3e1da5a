"""Words for the life of a board: why it started, what a program typed at the prompt is, what is read and kept of it."""

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from hw_sim.world.clock import VirtualClock

if TYPE_CHECKING:
    from hw_sim.silicon.snapshot import Rest


class Cause(enum.IntEnum):
    """`machine.reset_cause()` of the ESP32 port."""

    POWER_ON = 1
    HARD = 2
    WATCHDOG = 3
    DEEP_SLEEP = 4
    SOFT = 5


class HeapReading(NamedTuple):
    """Free and used bytes of the heap after a collection, at a virtual time in s since the world began."""

    at_s: float
    free_bytes: int
    used_bytes: int


class Snapshot(NamedTuple):
    """What survives in a board that has power: flash, retained memory; in `rest` all else that it takes to go on from there."""

    flash: bytes
    retained: bytes
    rest: "Rest | None" = None


@dataclass
class Job:
    """A program typed at the prompt, with files that exist in RAM only."""

    source: str
    files: dict[str, bytes] = field(default_factory=dict)


class RealTimeClock:
    """The chip's clock, in µs since 2000-01-01, where it begins at power-on; it goes on in deep sleep.

    Awake it has the crystal and is right. Asleep it has an RC oscillator, which is fast by `asleep_ppm` (slow if negative).
    """

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._offset_us = -clock.now_us
        self._asleep_since_us: int | None = None
        self.asleep_ppm = 0

    @property
    def us(self) -> int:
        """What it says."""
        return self._clock.now_us + self._offset_us

    @us.setter
    def us(self, us: int) -> None:
        self._offset_us = us - self._clock.now_us

    def true_us(self, us: int) -> int:
        """How long an alarm takes that is to ring after so many of its µs asleep."""
        return us * 1_000_000 // (1_000_000 + self.asleep_ppm)

    def sleep(self) -> None:
        """From now on it has the RC oscillator."""
        self._asleep_since_us = self._clock.now_us

    def wake(self) -> None:
        """From now on it has the crystal."""
        if self._asleep_since_us is not None:
            self._offset_us += (self._clock.now_us - self._asleep_since_us) * self.asleep_ppm // 1_000_000
            self._asleep_since_us = None
