"""One person's readings as they are committed, behind the gate, for one actor and purpose: what a live subscription stands on.

    follower = reader.follow(LOCATION, Query(actor, "tracking", "s-1", start=now, end=now))
    for row in committed:                       # rows of `StoredEnvelope`, after their commit
        for fix in follower.tell(row): ...      # none finer than permitted; `Denied` once the leave is gone
    follower.close()

Answers are kept from one envelope to the next, and what they rest on is looked at in every call: the person's consent records,
restriction, devices, grant and relation, in the stores themselves, so that a withdrawal in another process counts as well.
"""

from __future__ import annotations

from typing import Generic

from cloud_sync.audit import Kind
from cloud_sync.errors import Denied, LinkError
from cloud_sync.model import Reason, StoredEnvelope
from cloud_sync.read.answers import Answers
from cloud_sync.read.asking import Asking
from cloud_sync.read.query import Query, Readings
from cloud_sync.read.sources import Item, Source
from cloud_sync.stores import Clock

#: An entry of the audit log at least so often while something is told: an entry for each fix would be a track of its own.
NOTE_AFTER_S = 900.0


class Follower(Generic[Item]):
    """Decides and narrows one envelope after the other. Not for two threads at once."""

    def __init__(self, reader: Asking, source: Source[Item], query: Query, clock: Clock) -> None:
        """The audit log has the subscription before anything is told; `Denied` when the act as such is not allowed."""
        self._reader = reader
        self.source = source
        self.query = query
        self._clock = clock
        self._opener = reader.opener()
        self._answers: Answers | None = None
        self._mark: tuple[object, ...] = ()
        self._told = self._unreadable = 0
        self.open = True
        reader.demand(source, query)
        self._noted_at = clock.now()
        reader.note(Kind.GATE_ALLOWED, source, query, Reason.ALLOWED, 0)

    def tell(self, row: StoredEnvelope) -> Readings[Item]:
        """What of a newly committed envelope may be told; of another stream or person nothing. `Denied` ends the subscription.

        1. What kept answers rest on is compared [a withdrawal between two envelopes]. 2. The act as such is decided anew when
        it has changed. 3. Each reading is decided by its capture. 4. What was told is logged, at the end and in between.
        """
        if not self.open:
            raise LinkError("the subscription is closed; open another one")
        if not self._reader.concerns(row, self.source, self.query):
            return Readings()
        now = self._clock.now()
        try:
            answers = self._fresh(now)
        except Denied:
            self.close()
            raise
        told = self._reader.narrowed(row, self.source, answers, now, self._opener)
        self._told += len(told)
        self._unreadable += told.unreadable
        if now - self._noted_at >= NOTE_AFTER_S:
            self._note(now)
        return told

    def holds(self) -> bool:
        """Whether what was told last was decided on what still is; if not, the act as such is decided anew: `Denied`."""
        now = self._clock.now()
        answers, mark = self._answers, self._mark
        in_time = answers is not None and answers.since <= now < answers.until
        if in_time and mark == self._reader.mark(self.source, self.query, now):
            return True
        self._answers = None
        self._reader.demand(self.source, self.query)
        return False

    def forget(self) -> None:
        """Keep no key: some may be destroyed now."""
        self._answers = None
        self._opener.forget()

    def close(self) -> None:
        """Log what was told since the last entry; closing twice is harmless."""
        if self.open:
            self.open = False
            self._note(self._clock.now())

    def _fresh(self, now: float) -> Answers:
        mark = self._reader.mark(self.source, self.query, now)
        if self._answers is None or mark != self._mark or not self._answers.since <= now < self._answers.until:
            self._opener.forget()
            self._reader.demand(self.source, self.query)
            self._answers, self._mark = self._reader.answers(self.source, self.query), mark
            self._answers.of(now, now)
        return self._answers

    def _note(self, now: float) -> None:
        if self._told or self._unreadable:
            self._reader.note(Kind.GATE_ALLOWED, self.source, self.query, Reason.ALLOWED, self._told, self._unreadable)
        self._told = self._unreadable = 0
        self._noted_at = now
