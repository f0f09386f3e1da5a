"""The one clock of a simulated world: it stands still until somebody waits."""

import heapq
import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

State: TypeAlias = tuple[int, tuple[int, ...], float | None]  # of random.Random


class Handle:
    """A callback that waits for its time; `cancel()` drops it."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """The callback will not run."""
        self.callback = None


class VirtualClock:
    """Microseconds since the start of the world, and what happens when.

    Callbacks of one instant run in the order in which they were asked for, so that a run can be repeated exactly.
    """

    def __init__(self, start_unix_s: float = 0.0) -> None:
        self.start_unix_s = start_unix_s
        self.now_us = 0
        self._events: list[tuple[int, int, Handle]] = []
        self._order = itertools.count()

    @property
    def unix_s(self) -> float:
        """Unix time of the world, in seconds."""
        return self.start_unix_s + self.now_us / 1e6

    def us_of(self, unix_s: float) -> int:
        """Virtual time in µs of a Unix time in seconds."""
        return round((unix_s - self.start_unix_s) * 1e6)

    def at(self, us: int, callback: Callable[[], None]) -> Handle:
        """Runs `callback` at `us`, or at once with the next step if that is past."""
        handle = Handle(callback)
        heapq.heappush(self._events, (max(us, self.now_us), next(self._order), handle))
        return handle

    def after(self, us: int, callback: Callable[[], None]) -> Handle:
        """Runs `callback` `us` from now."""
        return self.at(self.now_us + us, callback)

    @property
    def next_us(self) -> int | None:
        """Time of the next callback, None if there is none."""
        while self._events and self._events[0][2].callback is None:
            heapq.heappop(self._events)
        return self._events[0][0] if self._events else None

    def step(self, limit_us: int) -> bool:
        """Goes to the next callback up to `limit_us` and runs it; without one goes to `limit_us` and returns False."""
        due = self.next_us
        if due is None or due > limit_us:
            self.now_us = max(self.now_us, limit_us)
            return False
        self.now_us = max(self.now_us, due)
        handle = heapq.heappop(self._events)[2]
        callback, handle.callback = handle.callback, None  # it waits no longer
        if callback is not None:
            callback()
        return True

    def advance_to(self, us: int) -> None:
        """Goes to `us` and runs everything due on the way."""
        while self.step(us):
            pass


@dataclass
class World:
    """What all simulated parts share: a clock, and a seed from which each part draws its own random numbers."""

    start_unix_s: float = 1_768_000_000.0  # 2026-01-09 23:06:40 UTC
    seed: int = 0
    clock: VirtualClock = field(init=False)
    _streams: dict[str, list[random.Random]] = field(init=False, default_factory=dict, repr=False, compare=False)
    _kept: dict[str, list[State]] = field(init=False, default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        """The clock begins at the start of the world."""
        self.clock = VirtualClock(self.start_unix_s)

    def random(self, name: str) -> random.Random:
        """The random numbers of one named part: the same seed and name give the same numbers."""
        stream, streams = random.Random(f"{self.seed}/{name}"), self._streams.setdefault(name, [])
        streams.append(stream)
        kept = self._kept.get(name, [])
        if len(kept) >= len(streams):
            stream.setstate(kept[len(streams) - 1])
        return stream

    def streams(self) -> dict[str, list[list[Any]]]:
        """How far the random numbers of each name have come, as plain data; those from which none was drawn are left out."""
        found = {}
        for name, streams in self._streams.items():
            fresh = random.Random(f"{self.seed}/{name}").getstate()
            if any(stream.getstate() != fresh for stream in streams):
                found[name] = [[v, list(inner), rest] for v, inner, rest in (stream.getstate() for stream in streams)]
        return found

    def resume_streams(self, found: Mapping[str, Sequence[Sequence[Any]]]) -> None:
        """Goes on from what `streams` gave, also those that nobody has asked for yet; ValueError or TypeError for else."""
        for name, states in found.items():
            self._kept[name] = [(int(v), tuple(map(int, inner)), rest) for v, inner, rest in states]
            for stream, state in zip(self._streams.get(name, []), self._kept[name], strict=False):
                stream.setstate(state)
