"""What a rule has seen of one device: levels by time, so that captures that come late are put where they belong. Pure.

Devices send what is new before what has waited, and a repeat comes whenever a verdict was lost. So a rule remembers how far it is
and the last levels; what is older than that is run again from there, with all readings since, and an alarm that was told is known
by its time.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from cloud_sync.alarms.watch import UNKNOWN, Memory, Watch

#: Of a device whose level changes each minute these are an hour; of most it is weeks. What is older is a level nobody knows.
MOST_MARKS: Final = 64
MOST_TOLD: Final = 64
#: Captures that are older than a day when they come in raise nothing: it is over, and the readings are there to be looked at.
LATE_S: Final = 86_400


class Alarmed(NamedTuple):
    """From when to before when something was so that is to be told."""

    start: int
    end: float


@dataclass
class History:
    """One rule, one device. Times are those of captures, Unix seconds."""

    last: int = -1
    marks: list[Memory] = field(default_factory=list)
    told: list[int] = field(default_factory=list)

    def before(self, at: int, origin: Memory = UNKNOWN) -> Memory:
        """What was remembered before a moment; `origin` before anything was."""
        place = bisect_left(self.marks, at, key=lambda mark: mark.at)
        return self.marks[place - 1] if place else origin

    def take(
        self,
        watch: Watch,
        items: Sequence[Any],
        *,
        armed: Sequence[tuple[float, bool]] = (),
        quiet_s: int = 0,
        origin: Memory = UNKNOWN,
    ) -> list[int]:
        """Run over readings, in order of time, all of them that there are from the first one on; when what is to be told began.

        What lies within `quiet_s` of something that was told, or is the same one still, is not told again.
        """
        if not items:
            return []
        first = items[0].time
        memory = self.before(first, origin)
        self.marks = [mark for mark in self.marks if mark.at < first]
        found: list[Alarmed] = []
        for item in items:
            after, fires = watch.step(memory, item, _armed(armed, item.time))
            if after != memory:
                found = [each if each.end < math.inf else Alarmed(each.start, item.time) for each in found]
                self.marks.append(after)
            if fires:
                found.append(Alarmed(item.time, math.inf if after != memory and after.level is not None else item.time))
            memory = after
        self.last = max(self.last, items[-1].time)
        self.marks = self.marks[-MOST_MARKS:]
        return [each.start for each in found if self._new(each, quiet_s)]

    def forget(self, start: int, end: int) -> None:
        """Remember no moment from `start` to before `end`; a level of before is one that nobody knows any more."""
        if any(start <= mark.at < end for mark in self.marks):
            self.marks = [mark for mark in self.marks if mark.at >= end]
        self.told = [at for at in self.told if not start <= at < end]
        if start <= self.last < end:
            self.last = start - 1

    def _new(self, each: Alarmed, quiet_s: int) -> bool:
        known = any(each.start - quiet_s <= told < max(each.end, each.start + quiet_s) for told in self.told)
        if not known:
            self.told = sorted([*self.told, each.start])[-MOST_TOLD:]
        return not known

    def to_value(self) -> list[Any]:
        """As JSON."""
        return [self.last, [list(mark) for mark in self.marks], self.told]

    @classmethod
    def of_value(cls, value: Iterable[Any]) -> History:
        """Out of JSON."""
        last, marks, told = value
        return cls(last, [Memory(level, at) for level, at in marks], list(told))


def _armed(changes: Sequence[tuple[float, bool]], at: float) -> bool:
    """Whether the rule was armed at a moment: the last change up to it says so; before the first it was not."""
    state = False
    for since, armed in changes:
        if since > at:
            break
        state = armed
    return state
