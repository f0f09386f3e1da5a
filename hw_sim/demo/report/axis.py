"""The timeline's axis, which is broken at each step: hours and months of one story side by side, each to a scale of its own.

Within a step, a wait that is far longer than everything else is cut short, and events of one instant stand side by side.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import TypeAlias

from hw_sim.demo.chronicle import Chronicle, Told
from hw_sim.demo.gauges import Value

MOST_WEIGHT_S = 4 * 3600.0  # ninety-one days are drawn no wider than four hours: what matters there is their end
LONG_SHARE, LONG_TIMES = 0.12, 20  # a wait is long if it is this share of its step, and so often the usual one
CUT_WIDTH = 12.0  # of a wait that was cut short
EVENT_WIDTH = 14.0  # between events of one instant: two digits
TAIL = 8.0  # at the end of a step, so that its last state is seen

Samples: TypeAlias = "list[dict[str, Value]]"


@dataclass(frozen=True)
class Segment:
    """One step on the page, from `left` to `right`; `xs` has the place of each sample, `cuts` of each wait cut short."""

    told: Told
    samples: Samples
    left: float
    right: float
    xs: tuple[float, ...]
    cuts: tuple[float, ...]

    def time_after(self, x: float) -> float:
        """Time of the first sample right of a place."""
        at = min(bisect_right(self.xs, x), len(self.xs) - 1)
        return time_of(self.samples[at])


@dataclass(frozen=True)
class Piece:
    """A value that held from one place to another."""

    left: float
    right: float
    value: Value


def segments(
    chronicle: Chronicle, steps: Iterable[Told], left: float, right: float, *, gap: float, least: float
) -> list[Segment]:
    """The steps side by side: each has its least width, and of the rest as much as the root of its duration says."""
    told = list(steps)
    weights = [math.sqrt(min(MOST_WEIGHT_S, each.end - each.start)) for each in told]
    rest = right - left - gap * (len(told) - 1) - least * len(told)
    made, x = [], left
    for each, weight in zip(told, weights, strict=True):
        wide = least + (rest * weight / sum(weights) if sum(weights) else rest / len(told))
        own = [sample for sample in chronicle.samples if sample["step"] == each.step]
        made.append(_segment(each, own, x, x + wide))
        x += wide + gap
    return made


def _segment(told: Told, samples: Samples, left: float, right: float) -> Segment:
    """Places of the samples: fixed widths for waits that are cut and for events of one instant, the rest to scale."""
    times = [told.start, *map(time_of, samples)]
    waits = [max(0.0, after - before) for before, after in pairwise(times)]
    usual = median([wait for wait in waits if wait] or [0.0])
    long = max(LONG_TIMES * usual, LONG_SHARE * sum(waits))
    fixed: list[float | None] = [
        CUT_WIDTH if wait > long else EVENT_WIDTH if not wait and "event" in sample else None
        for wait, sample in zip(waits, samples, strict=True)
    ]
    room = max(0.0, right - left - TAIL)
    taken = sum(width for width in fixed if width)
    squeeze = min(1.0, 0.8 * room / taken) if taken else 1.0
    free = sum(wait for wait, width in zip(waits, fixed, strict=True) if width is None)
    scale = (room - taken * squeeze) / free if free else 0.0
    x, xs, cuts = left, [], []
    for wait, width in zip(waits, fixed, strict=True):
        step = wait * scale if width is None else width * squeeze
        if width == CUT_WIDTH:
            cuts.append(x + step / 2)
        x += step
        xs.append(x)
    return Segment(told, samples, left, right, tuple(xs), tuple(cuts))


def pieces(segment: Segment, key: str, before: Value) -> list[Piece]:
    """How a gauge ran through a step, equal values joined; `before` is what it read when the step began."""
    made: list[Piece] = []
    x, value = segment.left, before
    for at, sample in zip(segment.xs, segment.samples, strict=True):
        read = sample.get(key)  # None: the part was away
        if read == value:
            continue
        if at > x:
            made.append(Piece(x, at, value))
        x, value = at, read
    if segment.right > x:
        made.append(Piece(x, segment.right, value))
    return made


def last_before(chronicle: Chronicle, key: str, step: str) -> Value:
    """What a gauge read last before a step; at the very beginning, what it reads first."""
    earlier = [told.step for told in chronicle.outcomes]
    done = set(earlier[: earlier.index(step)])
    read = [sample.get(key) for sample in chronicle.samples if sample["step"] in done]
    return read[-1] if read else next((sample.get(key) for sample in chronicle.samples), None)


def keys_of(chronicle: Chronicle, prefix: str) -> list[str]:
    """Gauges whose name begins so, in the order in which they appeared."""
    return list(dict.fromkeys(key for sample in chronicle.samples for key in sample if key.startswith(prefix)))


def time_of(sample: dict[str, Value]) -> float:
    """When a sample was taken, in Unix seconds."""
    time = sample["time"]
    return float(time) if isinstance(time, (int, float)) else 0.0
