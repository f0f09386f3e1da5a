"""Words for the life of a board: why it started, what a program typed at the prompt is, what is read and kept of it."""

import enum
from dataclasses import dataclass, field
from typing import NamedTuple


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
    """What survives in a board that has power: flash, retained memory."""

    flash: bytes
    retained: bytes


@dataclass
class Job:
    """A program typed at the prompt, with files that exist in RAM only."""

    source: str
    files: dict[str, bytes] = field(default_factory=dict)
