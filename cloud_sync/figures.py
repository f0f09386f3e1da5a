"""The service in figures: counts and times of a process, without a device and without a person."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

#: Upper bounds of the histogram of batches, in seconds: a commit takes milliseconds, a full disk or a held lock seconds.
BATCH_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Figures:
    """One moment of a process. Times are Unix seconds; None where something has not happened yet."""

    at: float
    started_at: float  # when the process opened the stores
    connected: bool
    messages: Mapping[str, int]  # by what ingest made of them
    pending: int  # read from the broker, not yet committed
    downlinks_sent: int
    downlinks_acknowledged: int
    batches: tuple[int, ...]  # per bound of BATCH_BOUNDS_S, not cumulative, and one more for all above
    batch_seconds: float  # in all
    last_commit_at: float | None
    last_sweep_at: float | None
    sweep_halted: bool
    sweep_late_s: float  # how long after its term the latest destroyed thing was destroyed, in the last sweep
    sweep_period_s: int
    store_failing: bool
    cases_waiting: int = 0  # cases of people's rights that are not answered yet, at the last sweep
    cases_alarming: int = 0  # those of them past the moment of their alarm
    cases_late: int = 0  # those past their due moment

    @property
    def ready(self) -> list[str]:
        """What keeps the service from its work; empty while nothing does."""
        found = []
        if not self.connected:
            found.append("the broker is away")
        if self.store_failing:
            found.append("the store refuses what comes in")
        if self.sweep_halted:
            found.append("the sweep has halted: look at the clock, then byleave sync sweep --confirm-clock")
        elif self.at - max(self.last_sweep_at or 0, self.started_at) > 2 * self.sweep_period_s:
            found.append("the last sweep is more than two periods ago")
        return found


@dataclass(slots=True)
class Batches:
    """How long batches took, counted by the thread that writes and read by others."""

    counts: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0
    last_at: float | None = None
    failing: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def took(self, seconds: float, at: float) -> None:
        """One batch was committed."""
        with self._lock:
            self.counts[bisect_left(BATCH_BOUNDS_S, seconds)] += 1
            self.seconds += seconds
            self.last_at, self.failing = at, False

    def failed(self) -> None:
        """A batch could not be committed; it is tried again."""
        self.failing = True

    def spread(self) -> tuple[int, ...]:
        """Counts by bound, one more for all above."""
        with self._lock:
            return tuple(self.counts[place] for place in range(len(BATCH_BOUNDS_S) + 1))
