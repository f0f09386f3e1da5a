"""How long what of a stream may stay, and how finely, counted from capture by the policy's terms.

An envelope carries the fields of several rules, each with a term of its own, and positions become coarser step by step. So at
any age there is one `Extent` that the rules still alive permit together: the finest of their precisions, all of their fields. It
only ever shrinks. An envelope goes when no rule is alive, and is sealed anew when it holds more than its extent
(docs/decisions/0019-retention.md).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from cloud_sync.model import EPOCH_SECONDS, UPLINK_STREAMS, Precision, Stream
from cloud_sync.policy import Period, Policy, Rule
from cloud_sync.policy.vocabulary import SIDE_FIELDS, STREAM_FIELDS

CAPTURE_SLACK_S: Final = 60  # captures may lie so far outside their epoch (docs/wire-format.md section 6)
#: The level of an envelope as it came: whatever the device was permitted to tell.
AS_IT_CAME: Final = 0
_PRECISION_BITS: Final = 3
#: Without these a batch has no reading, so that to drop them is to drop the batch.
_ALWAYS: Final = frozenset({"time"})


@dataclass(frozen=True, slots=True)
class Extent:
    """What may be held of a stream: no position finer than `precision`, no field but these."""

    stream: Stream
    precision: Precision
    fields: frozenset[str]

    @property
    def level(self) -> int:
        """The extent as a number, for the row of an envelope that holds no more: precision, and a bit for each missing field."""
        missing = sum(1 << n for n, field in enumerate(STREAM_FIELDS[self.stream]) if field not in self.fields)
        return missing << _PRECISION_BITS | int(self.precision)

    @classmethod
    def of_level(cls, stream: Stream, level: int) -> Extent:
        """The extent of a number."""
        missing = level >> _PRECISION_BITS
        fields = frozenset(field for n, field in enumerate(STREAM_FIELDS[stream]) if not missing >> n & 1)
        return cls(stream, Precision(level & (1 << _PRECISION_BITS) - 1), fields)

    def holds(self, other: Extent) -> bool:
        """Whether nothing of `other` goes beyond this one."""
        return self.precision <= other.precision and self.fields >= other.fields


@dataclass(frozen=True, slots=True)
class _Stage:
    """A rule's precision until the end of a term from capture."""

    rule: Rule
    precision: Precision
    until: Period


class Terms:
    """The retention schedule of the streams. A stream that no rule declares may not stay at all."""

    def __init__(self, policy: Policy) -> None:
        self._stages: dict[int, tuple[_Stage, ...]] = {
            stream: tuple(stage for rule in policy.rules_of_stream(stream) for stage in _stages(rule))
            for stream in UPLINK_STREAMS
        }
        self._last: dict[int, tuple[Period, ...]] = {
            stream: tuple(dict.fromkeys(_last_term(rule) for rule in policy.rules_of_stream(stream)))
            for stream in UPLINK_STREAMS
        }
        self._first: dict[int, tuple[Period, ...]] = {
            stream: tuple(dict.fromkeys(stage.until for stage in stages)) if stream != Stream.STATUS else ()
            for stream, stages in self._stages.items()
        }
        self._shortest = {stream: max((t.shortest_s for t in terms), default=0) for stream, terms in self._last.items()}

    def over(self, stream: int, capture: float, now: float) -> bool:
        """Whether the term of a capture (Unix seconds) has ended: the longest of the stream's."""
        if now - capture < self._shortest[stream]:  # nearly always, and calendar arithmetic is dear
            return False
        return all(term.end(capture) <= now for term in self._last[stream])

    def day_over(self, stream: int, epoch: int, now: float) -> bool:
        """Whether the term of every capture of an epoch has ended."""
        return all(self.over(stream, last, now) for last in lasts_of(epoch))

    def end(self, stream: int, capture: float) -> float:
        """Unix seconds at which the last term of a capture ends; the capture itself where no rule declares the stream."""
        return max((term.end(capture) for term in self._last[stream]), default=capture)

    def certainly_kept_from(self, stream: Stream, now: float) -> float:
        """Captures from this Unix second on are within their last term, whatever the calendar does."""
        starts = [term.latest_start(now) for term in self._last[stream]]
        return math.nextafter(min(starts, default=now), math.inf)

    # Steps

    def steps_down(self, stream: int) -> bool:
        """Whether anything of the stream goes before the rest."""
        return len(self._first[stream]) > 1

    def permitted(self, stream: Stream, capture: float, now: float) -> Extent | None:
        """What of a capture may be held now; None when its last term is over."""
        alive: dict[int, _Stage] = {}
        for stage in self._stages[stream]:
            if id(stage.rule) not in alive and now < stage.until.end(capture):
                alive[id(stage.rule)] = stage
        return _together(stream, alive.values()) if alive else None

    def beyond(self, stream: Stream, level: int, capture: float, now: float) -> bool:
        """Whether an envelope of this level holds more of a capture than it may, though not all of it has to go."""
        extent = self.permitted(stream, capture, now)
        return extent is not None and not extent.holds(self._held(stream, level, capture))

    def within_until(self, stream: Stream, level: int, capture: float) -> float:
        """Unix seconds from which an envelope of this level holds more of a capture than it may."""
        held = self._held(stream, level, capture)
        for end in sorted(term.end(capture) for term in self._first[stream]):
            extent = self.permitted(stream, capture, end)
            if extent is None or not extent.holds(held):
                return end
        return self.end(stream, capture)

    def due_before(self, stream: Stream, level: int, now: float) -> float:
        """Captures from this Unix second on are within what an envelope of this level may hold, whatever the calendar does."""
        ends = sorted((term.latest_start(now) for term in self._first[stream]), reverse=True)
        for last in ends:  # the latest capture of which this term is over; of earlier ones it is over as well
            extent = self.permitted(stream, last, now)
            if extent is None or not extent.holds(self._held(stream, level, last)):
                return math.nextafter(last, math.inf)
        return -math.inf

    def _held(self, stream: Stream, level: int, capture: float) -> Extent:
        if level != AS_IT_CAME:
            return Extent.of_level(stream, level)
        full = self.permitted(stream, capture, capture)
        return full or Extent(stream, Precision.EXACT, frozenset(STREAM_FIELDS[stream]))


def lasts_of(epoch: int) -> tuple[float, ...]:
    """Captures of an epoch of which one's term ends last, whatever the calendar does.

    Within a calendar day a later capture's term ends later. From one day to the next it need not [a month from January 29th,
    12:00, ends after one from the 30th, 00:01]; an epoch's captures lie in the day itself and beside it (`CAPTURE_SLACK_S`, and a
    step before).
    """
    start = float(epoch * EPOCH_SECONDS)
    return start - 1, start + EPOCH_SECONDS - 1, start + EPOCH_SECONDS + CAPTURE_SLACK_S


def _stages(rule: Rule) -> Iterator[_Stage]:
    yield _Stage(rule, rule.precision, rule.retention)
    if rule.has_position:  # what has no position has nothing that a step could make coarser
        for step in rule.steps:
            yield _Stage(rule, step.precision, step.retention)


def _last_term(rule: Rule) -> Period:
    return list(_stages(rule))[-1].until


def _together(stream: Stream, stages: Iterable[_Stage]) -> Extent:
    """Rules of positions say how fine these are; what a rule lists beside an exact position goes with a coarser one."""
    found = list(stages)
    precision = min((stage.precision for stage in found if stage.rule.has_position), default=Precision.NONE)
    fields = _ALWAYS.union(*(stage.rule.fields for stage in found))
    return Extent(stream, precision, fields if precision is Precision.EXACT else fields.difference(SIDE_FIELDS))
