"""The gate, asked once for many envelopes of one batch.

An answer holds for a whole stretch of capture times: it can change only at the times that the gate names (`Gate.boundaries`:
answers, groups, the age) and where a retention term ends. So one answer a stretch is asked for, inside the transaction of the
batch. A leave is kept for later batches, by these rules, each with what it stops:

1. Each transaction begins with the question whether anything has changed that leaves rest on (`Database.standing_mark`), and
   whoever answered since is asked about anew [a withdrawal in another process].
2. Only a leave is kept, never a refusal: what ends one is in that mark, what ends a refusal may be in another store [a
   restriction that is lost with a restored database and lifted beside it; a refusal empties the device's spool].
3. No mark is held while answers from before it are [a store that fails between the question and the forgetting].
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Final, NamedTuple

from cloud_sync.gate import Gate
from cloud_sync.ingest.screen import Sums, Told, Visits
from cloud_sync.model import Device, Precision, Reason, Sensor, Stream
from cloud_sync.model.consent import StandingMark
from cloud_sync.policy import Policy
from cloud_sync.stores import ChangeStore

MOST_KEPT: Final = 50_000  # leaves, each of a device and stream: some 40 MB; with one more all begin anew


class Leave:
    """Whose leave there is to store an envelope."""

    def __init__(self, gate: Gate, policy: Policy, changes: ChangeStore) -> None:
        self._gate = gate
        self._changes = changes
        self._mark: StandingMark | None = None
        self._kept: dict[str, dict[tuple[str, int], _Kept]] = {}  # by person; by device and stream
        self._count = 0  # of all of them
        self._aggregate_s = policy.device.aggregate_s
        self._places = frozenset(place.circle.place for place in policy.places)
        childs_s = policy.children.safeguards.retention_max.shortest_s
        #: By stream: no term ends sooner after a capture, of whoever; a rule's steps end after its own term.
        self.shortest_s: dict[int, int] = {
            stream: min((childs_s, *(rule.retention.shortest_s for rule in policy.rules_of_stream(stream))))
            for stream in Stream
        }

    def batch(self, now: float) -> LeaveOfBatch:
        """The answers of one transaction, inside it."""
        self._forget_changed()
        return LeaveOfBatch(self, now)

    def _forget_changed(self) -> None:
        mark, before = self._changes.standing_mark(), self._mark
        if mark is not None and mark == before:
            return
        self._mark = None  # until everything from before is forgotten: either of the questions may fail
        same = mark is not None and before is not None and mark[2:] == before[2:]
        answered = self._changes.answered_since(before) if same and before else None
        if answered is None:
            self._kept.clear()
            self._count = 0
        for subject in answered or ():
            self._count -= len(self._kept.pop(subject, ()))
        self._mark = mark

    def kept(self, device: Device, stream: int, now: float) -> _Stretch | None:
        """The leave of an earlier batch, if it still holds at `now`."""
        kept = self._kept.get(device.subject, {}).get((device.device, stream))
        if kept is None or kept.device != device or not kept.since <= now < kept.until:
            return None
        return kept.stretch

    def keep(self, device: Device, stream: int, now: float, boundaries: Sequence[float], stretch: _Stretch) -> None:
        """A leave of now, with every time at which it could end; what is no leave, or hangs on an age, is not kept."""
        if self._mark is None or stretch.reason is not Reason.ALLOWED:
            return
        if device.subject not in self._kept and not self._gate.ageless(device.subject):
            return
        if self._count >= MOST_KEPT:
            self._kept.clear()
            self._count = 0
        place = bisect_right(boundaries, now)
        since = boundaries[place - 1] if place else -math.inf
        until = boundaries[place] if place < len(boundaries) else math.inf
        kept = self._kept.setdefault(device.subject, {})
        self._count += (device.device, stream) not in kept
        kept[device.device, stream] = _Kept(device, since, until, stretch)

    def boundaries(self, subject: str) -> list[float]:
        """Unix seconds at which an answer about a subject's captures can change."""
        return self._gate.boundaries(subject)

    def newest(self, subject: str) -> float:
        """Unix seconds of the person's newest answer, or of what bounds it."""
        return self._gate.newest(subject)

    def ask(self, device: Device, stream: Stream, capture: float, now: float, told: Told | None) -> Reason:
        """The gate's answer for one capture; before it, whether the policy has such places, and tells so closely."""
        if isinstance(told, Visits) and not told.places <= self._places:
            return Reason.PURPOSE_NOT_DECLARED
        if stream is Stream.ENVIRONMENT and self._aggregate_s > (told.span_s if isinstance(told, Sums) else 0):
            return Reason.PRECISION_TOO_FINE
        sensors = told.sensors if isinstance(told, Sums) else told if isinstance(told, Sensor) else Sensor(0)
        precision = Precision.NONE if isinstance(told, Visits) else told if isinstance(told, Precision) else None
        decision = self._gate.admit(device, stream, captured_at=capture, at=now, precision=precision, sensors=sensors)
        if decision and isinstance(told, Visits) and decision.places is not None and not told.places <= decision.places:
            return Reason.PRECISION_TOO_FINE
        return decision.reason


class _Stretch(NamedTuple):
    """One answer, for captures from `first` to before `end`."""

    told: Told | None
    first: float
    end: float
    reason: Reason


class _Kept(NamedTuple):
    """An answer about a device as it was, for uses from `since` to before `until`."""

    device: Device
    since: float
    until: float
    stretch: _Stretch


class LeaveOfBatch:
    """Answers at one moment, inside one transaction."""

    def __init__(self, leave: Leave, now: float) -> None:
        self._leave = leave
        self._now = now
        self._boundaries: dict[str, list[float]] = {}
        self._newest: dict[str, float] = {}
        self._answers: dict[tuple[str, int, Told | None, int, float], Reason] = {}
        self._last: dict[tuple[str, int], _Stretch] = {}

    def newest(self, subject: str) -> float:
        """As `Leave.newest`."""
        if subject not in self._newest:
            self._newest[subject] = self._leave.newest(subject)
        return self._newest[subject]

    def reason(self, device: Device, stream: int, capture: float, told: Told | None) -> Reason:
        """`Reason.ALLOWED`, or why an envelope whose oldest reading is `capture` may not stay."""
        last = self._last.get((device.device, stream))
        if last is not None and last.told is told and last.first <= capture < last.end:
            return last.reason
        # Near the end of a term each capture is asked for by itself.
        recent_from = math.nextafter(self._now - self._leave.shortest_s[stream], math.inf)
        if last is None and capture >= recent_from:
            kept = self._leave.kept(device, stream, self._now)
            if kept is not None and kept.told is told and kept.first <= capture < kept.end:
                self._last[device.device, stream] = kept._replace(first=max(recent_from, kept.first))
                return kept.reason
        return self._ask(device, stream, capture, told, recent_from)

    def _ask(self, device: Device, stream: int, capture: float, told: Told | None, recent_from: float) -> Reason:
        boundaries = self._boundaries.get(device.subject)
        if boundaries is None:
            boundaries = self._boundaries[device.subject] = self._leave.boundaries(device.subject)
        old = capture if capture < recent_from else 0.0
        place = bisect_right(boundaries, capture)
        key = (device.device, stream, told, place, old)
        reason = self._answers.get(key)
        if reason is None:
            reason = self._leave.ask(device, Stream(stream), capture, self._now, told)
            self._answers[key] = reason
        if not old:
            first = boundaries[place - 1] if place else -math.inf
            end = boundaries[place] if place < len(boundaries) else math.inf
            self._last[device.device, stream] = _Stretch(told, max(recent_from, first), end, reason)
            self._leave.keep(device, stream, self._now, boundaries, _Stretch(told, first, end, reason))
        return reason
