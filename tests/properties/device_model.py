"""The plain model of a device: what must be true of it, in lists and numbers, without flash, keys or recovery."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from tests.properties.device_world import DAY_S, ENVIRONMENT, LOCATION, MOTION, Number

GNSS, TEMPERATURE, LIGHT, SHAKEN = 1, 2, 4, 8  # bits of `sensors`
ANY = GNSS | TEMPERATURE | LIGHT | SHAKEN
SENSORS_OF = {LOCATION: GNSS, ENVIRONMENT: TEMPERATURE | LIGHT, MOTION: SHAKEN}
AHEAD = 4096  # versions that a directive may leap


@dataclass(frozen=True)
class Terms:
    """A directive, in the fields that the machine draws."""

    version: int
    issued_s: int
    lease_s: int
    sensors: int
    interval_s: int
    spool_age_s: int

    def value(self, challenge: bytes) -> list[Any]:
        """The downlink's array."""
        numbers = [self.version, self.issued_s, self.lease_s, self.sensors, 0, 0, self.interval_s, 20, 300]
        return [2, [*numbers, self.spool_age_s, 600, [], [], [0] * 7, [], 0, 0, challenge]]

    def permits(self) -> set[tuple[str, int]]:
        """All that it permits, as a set: widening is having more."""
        has = {("sensor", bit) for bit in (GNSS, TEMPERATURE, LIGHT, SHAKEN) if self.sensors & bit}
        has |= {("interval", s) for s in INTERVALS_S if s >= self.interval_s}
        has |= {("age", s) for s in AGES_S if s <= self.spool_age_s}
        return has

    def within(self, other: Terms) -> bool:
        """True if it permits nothing that the other does not."""
        return self.permits() <= other.permits() and self.lease_s <= other.lease_s


INTERVALS_S = (10, 60, 600)
AGES_S = (DAY_S, 7 * DAY_S)


@dataclass(frozen=True)
class Waiting:
    """An envelope in the spool."""

    position: int
    stream: int
    envelope: bytes = field(repr=False)
    time_s: int


@dataclass
class Rules:
    """The directive's side: what is in force, what a cut may have to finish, which readings may wait in the spool."""

    terms: Terms | None = None
    highest: int = 0
    had: int = ANY  # without a record nobody knows

    def lost(self, sensors: int) -> set[int]:
        """Streams that lose a sensor to a directive with these."""
        return {stream for stream, bits in SENSORS_OF.items() if self.had & bits & ~sensors}

    def judge(self, new: Terms, answered: bool) -> str:
        """ "refuse", "ask" or "apply"."""
        highest = self.highest - 1 if self.terms is None and self.highest else self.highest
        if not highest < new.version <= highest + AHEAD:
            return "refuse"
        narrower = self.terms is not None and new.within(self.terms)
        return "apply" if answered or narrower else "ask"

    def after(self, new: Terms, answered: bool) -> Rules:
        """What a directive makes of it."""
        verdict = self.judge(new, answered)
        if verdict == "refuse":
            return replace(self)
        if verdict == "ask":
            return Rules(None, self.highest, self.had & new.sensors)
        return Rules(new, new.version, new.sensors)


@dataclass
class Numbers:
    """Which numbers were given out, and how far the next ones may lie."""

    used: set[Number] = field(default_factory=set)
    keys: set[bytes] = field(default_factory=set)
    _last: dict[Number, int] = field(default_factory=dict)  # (generation, stream, epoch) -> counter
    _starts: dict[Number, int] = field(default_factory=dict)  # since that one was given
    _started: dict[int, int] = field(default_factory=dict)  # epoch -> starts in it

    def start(self, epoch: int) -> None:
        """A start that skips numbers, so far as they were reserved."""
        self._started[epoch] = self._started.get(epoch, 0) + 1
        for row in self._starts:
            self._starts[row] += 1

    def give(self, number: Number, key: bytes, leap: int) -> None:
        """A number with its key: new, above all before it, and no further than starts can have skipped."""
        *row, counter = number
        least = self._last.get(tuple(row), -1) + 1
        starts = self._starts.get(tuple(row), self._started.get(number[2], 0))
        assert number not in self.used, f"number {number} was given out twice"
        assert key not in self.keys, f"the key of {number} was given out before"
        assert least <= counter <= least + leap * starts, f"{number}: from {least} on, behind {starts} starts"
        self.used.add(number)
        self.keys.add(key)
        self._last[tuple(row)], self._starts[tuple(row)] = counter, 0


@dataclass
class Model:
    """One device."""

    rules: Rules = field(default_factory=Rules)
    pending: list[Waiting] = field(default_factory=list)
    numbers: Numbers = field(default_factory=Numbers)
    spooled: int = 0
    lost: int = 0  # given up, and told in `status`
    released: int = 0
    purged: int = 0
    generation: int = 0
    epoch: int = 0
    confirmed: bool = False  # the server has told the time since the start

    def without(self, missing: list[Waiting]) -> None:
        """These wait no more."""
        self.pending = [waiting for waiting in self.pending if waiting not in missing]
