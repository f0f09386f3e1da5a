"""Purpose-bound reads: the gate first, then the keys, then the audit log, then the answer.

Whoever reads names a purpose. Every read and every denial is in the audit log before the reader gets anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from cloud_sync.audit import Kind
from cloud_sync.model import MotionEvent, PlaceEvent, Reading, StoredEnvelope
from cloud_sync.model.access import Cursor
from cloud_sync.read.answers import Answers
from cloud_sync.read.asking import Asking
from cloud_sync.read.follow import Follower
from cloud_sync.read.narrow import Report
from cloud_sync.read.opener import NEVER, Opener
from cloud_sync.read.query import Fixes, Piece, Query, Readings
from cloud_sync.read.sources import ENVIRONMENT, LOCATION, MOTION, PLACES, STATUS, Item, Source, Timed

__all__ = ["Fixes", "Query", "Reader", "Readings"]

FRESH_S: Final = 1.0  # rows that were looked up serve so long: a slow recipient has them looked up for each piece
MOST_PIECE: Final = 2000  # readings of one piece, but for those of its last envelope (64 at most)


class Reader(Asking):
    """Opens sealed envelopes for those who may."""

    def location(self, query: Query) -> Fixes:
        """The fixes in order of time, none finer than permitted; `Denied` with the reason."""
        return self.read(LOCATION, query)

    def places(self, query: Query) -> Readings[PlaceEvent]:
        """Events of places in order of time, with the names of the policy in force; `Denied` with the reason."""
        found = self.read(PLACES, query)
        names = {place.circle.place: place.name for place in self._policy.places}
        found[:] = [replace(event, name=names.get(event.place or 0, "")) for event in found]
        return found

    def environment(self, query: Query) -> Readings[Reading]:
        """Temperature and light in order of time, of these what the purpose has; `Denied` with the reason."""
        return self.read(ENVIRONMENT, query)

    def motion(self, query: Query) -> Readings[MotionEvent]:
        """Steps in which something happened, in order of time; `Denied` with the reason."""
        return self.read(MOTION, query)

    def status(self, query: Query) -> Readings[Report]:
        """Reports of the devices about themselves, in order of time; `Denied` with the reason."""
        return self.read(STATUS, query)

    def read(self, source: Source[Item], query: Query) -> Readings[Item]:
        """All of one source in order of time; the read is in the audit log before it is answered."""
        query.check()
        # 1. The gate, for the act as such; nothing is opened before [a denied reader must not even learn what is there].
        decision = self.demand(source, query)
        # 2. The gate again for what was captured when: consent, term and precision of that moment count.
        found = self._collected(source, query)
        found.sort(key=_time)
        # 3. The audit log, then 4. the answer [a read that nobody can see].
        self.note(Kind.GATE_ALLOWED, source, query, decision.reason, len(found), found.unreadable)
        return found

    def pieces(
        self, source: Source[Item], query: Query, after: Cursor | None = None, most: int = MOST_PIECE
    ) -> Iterator[Piece[Item]]:
        """The same in bounded memory: pieces of one device each, of about `most` readings, those behind `after`.

        Where a day has been sealed anew since, coarser or cut, what of it was told is not told again.

        The gate is asked again for each piece, when it is fetched, and `Denied` ends the rest [a withdrawal in the middle]. The
        caller logs: `note` before the first piece, and what was told at the end.
        """
        query.check()
        self.demand(source, query)
        return self._asked_anew(source, query, after, most)

    def _asked_anew(self, source: Source[Item], query: Query, after: Cursor | None, most: int) -> Iterator[Piece[Item]]:
        while True:
            now = self._clock.now()
            mark = self.mark(source, query, now)
            answers, opener = self.answers(source, query), self.opener()
            for piece in self._pieces(source, query, now, after, most, answers, opener):
                then = self._clock.now()
                if self.mark(source, query, then) != mark or not answers.hold(then) or not opener.stand():
                    break  # what was found rests on answers or keys that no longer hold: this piece is made anew
                self.demand(source, query)
                yield piece
                after = piece.last
                if not 0 <= self._clock.now() - now <= FRESH_S:
                    break  # rows and answers are of then: the rest is looked up anew
                answers.watch()
                opener.watch()
            else:
                return
            self.demand(source, query)

    def _collected(self, source: Source[Item], query: Query) -> Readings[Item]:
        """Every piece, as one answer to one question: redone if what it rests on has changed while it was collected."""
        while True:
            found: Readings[Item] = Readings()
            mark = self.mark(source, query, self._clock.now())
            for piece in self._asked_anew(source, query, None, MOST_PIECE):
                found += piece
                found.unreadable += piece.unreadable
            if self.mark(source, query, self._clock.now()) == mark:
                return found
            self.demand(source, query)

    def follow(self, source: Source[Item], query: Query) -> Follower[Item]:
        """A person's readings as they are committed, for one actor and purpose; `Denied` when the act as such is not allowed."""
        return Follower(self, source, query, self._clock)

    def _pieces(
        self,
        source: Source[Item],
        query: Query,
        now: float,
        after: Cursor | None,
        most: int,
        answers: Answers,
        opener: Opener,
    ) -> Iterator[Piece[Item]]:
        answers.watch()
        opener.watch()
        for device in self._database.devices_of(query.subject):
            if after is not None and after.row.device != device.device:
                continue  # this one was told before
            piece: Piece[Item] | None = None
            for row, told_until, top in opener.rows(
                device.device, source.stream, query.start, min(query.end, now), after
            ):
                told = self.narrowed(row, source, answers, now, opener)
                # The span is held against the coarse time [narrow spans that probe for a finer one].
                new = [item for item in told if query.start <= item.time < query.end and item.time > told_until]
                at = _behind(row, top, new, after if piece is None else piece.last)
                piece = piece if piece is not None else Piece(at)  # an empty piece is false, and may count a gap
                piece += new
                piece.unreadable += told.unreadable
                piece.last = at
                if len(piece) >= most:
                    yield piece
                    piece, after = None, at
            if piece is not None:
                yield piece
            after = None


def _time(item: Timed) -> int:
    return item.time


def _behind(row: StoredEnvelope, top: int, told: Sequence[Timed], before: Cursor | None) -> Cursor:
    """How far one is behind a row of which these were told."""
    until = max((item.time for item in told), default=NEVER)
    if before is not None and (before.row.device, before.row.epoch) == (row.id.device, row.id.epoch):
        until = max(until, before.until)
    return Cursor(row.id, row.oldest_capture, until, top)
