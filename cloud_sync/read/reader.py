"""Purpose-bound reads: the gate first, then the keys, then the audit log, then the answer.

Whoever reads names a purpose. Every read and every denial is in the audit log before the reader gets anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from cloud_sync.audit import Kind
from cloud_sync.errors import Denied
from cloud_sync.gate import Decision, Gate, Request
from cloud_sync.gate.words import said_role, said_word
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.model import AuditEvent, MotionEvent, PlaceEvent, Reading, Reason, StoredEnvelope
from cloud_sync.model.access import Cursor
from cloud_sync.policy import Policy
from cloud_sync.read.answers import Answers, terms_of
from cloud_sync.read.follow import Follower
from cloud_sync.read.narrow import Report
from cloud_sync.read.opener import NEVER, Opener, day_end
from cloud_sync.read.query import Fixes, Piece, Query, Readings
from cloud_sync.read.sources import ENVIRONMENT, LOCATION, MOTION, PLACES, STATUS, TIME, Item, Source, Timed
from cloud_sync.stores import AuditSink, Clock, Database, KeyDatabase, TombstoneStore

__all__ = ["Fixes", "Query", "Reader", "Readings"]

NOTHING: Final[Mapping[str, str | int]] = MappingProxyType({})
FRESH_S: Final = 1.0  # rows that were looked up serve so long: a slow recipient has them looked up for each piece
MOST_PIECE: Final = 2000  # readings of one piece, but for those of its last envelope (64 at most)


class Reader:
    """Opens sealed envelopes for those who may."""

    def __init__(
        self,
        *,
        database: Database,
        store: KeyDatabase,
        keys: LadderKeys,
        tombstones: TombstoneStore,
        gate: Gate,
        policy: Policy,
        clock: Clock,
        audit: AuditSink,
    ) -> None:
        self._database = database
        self._parts = (database, store, keys, tombstones)
        self._gate = gate
        self._policy = policy
        self._clock = clock
        self._audit = audit

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
            answers, opener = self.answers(source, query), Opener(*self._parts)
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
        return Follower(self, source, query, self._clock, Opener(*self._parts))

    def read_envelope(self, row: StoredEnvelope, source: Source[Item], query: Query) -> Readings[Item]:
        """One stored envelope, decided, narrowed and logged by itself; the span of the query does not matter.

        Of another stream or person it is empty. For one after the other there is `follow`, which keeps answers and entries few.
        """
        now = self._clock.now()
        decision = self.demand(source, query)
        told: Readings[Item] = Readings()
        if self.concerns(row, source, query):
            told = self.narrowed(row, source, self.answers(source, query), now, Opener(*self._parts))
        self.note(Kind.GATE_ALLOWED, source, query, decision.reason, len(told), told.unreadable)
        return told

    # What reads, exports, disclosures and subscriptions share

    def demand(self, source: Source[Any], query: Query) -> Decision:
        """The gate's answer on the act as such, now; a denial is logged and raised."""
        now = self._clock.now()
        decision = source.told_at_all(self._ask(source, query, now, now))
        if not decision:
            self.note(Kind.GATE_DENIED, source, query, decision.reason, 0)
            raise Denied(decision.reason, f"denied: {decision.reason.value}: {decision.explanation}")
        return decision

    def concerns(self, row: StoredEnvelope, source: Source[Any], query: Query) -> bool:
        """Whether the row is of the source's stream and of the person's device [one person's envelope told as another's]."""
        device = self._database.device(row.id.device)
        return row.id.stream == source.stream and device is not None and device.subject == query.subject

    def mark(self, source: Source[Any], query: Query, now: float) -> tuple[object, ...]:
        """What kept answers and keys rest on; another mark, other answers. The last is how many erasures there were."""
        category = source.category(self._policy, query.purpose)
        erasures = self._parts[3].count()
        return *self._gate.mark(query.actor, query.subject, query.purpose, category, now), erasures

    def answers(self, source: Source[Any], query: Query) -> Answers:
        """The gate's answers about what was captured when."""
        category = source.category(self._policy, query.purpose)
        return Answers(
            lambda capture, now: self._ask(source, query, capture, now),
            self._gate.boundaries(query.subject),
            terms_of(self._policy, category, query.purpose),
        )

    def narrowed(
        self, row: StoredEnvelope, source: Source[Item], answers: Answers, now: float, opener: Opener
    ) -> Readings[Item]:
        """What of one row may be told, in its own order.

        A row whose oldest reading is denied is opened only where an answer lies in the rest of its day [withdrawn and given again
        while the batch was being filled]; that it does not open is not told then.
        """
        told: Readings[Item] = Readings()
        denied = not answers.of(row.oldest_capture, now)
        if denied and answers.alike(row.oldest_capture, max(row.oldest_capture, day_end(row.id.epoch))):
            return told
        items = opener.items(row, source)
        if items is None:
            told.unreadable = int(not denied)
            return told
        if not items:
            return told
        times = [item.time for item in items]
        one = answers.of_all(min(times), max(times), now)
        for item in items:
            # Each one by its own time [a purpose that was closed and opened again while the batch was being filled].
            decision = one or answers.of(item.time, now)
            narrow = source.narrow(item, decision) if decision else None
            if narrow is not None:
                told.append(narrow)
        return told

    def note(
        self,
        kind: Kind,
        source: Source[Any],
        query: Query,
        reason: Reason,
        count: int,
        unreadable: int = 0,
        more: Mapping[str, str | int] = NOTHING,
    ) -> None:
        """One entry for one read; what a caller may have made up is replaced by a word [free text in the log]."""
        now = self._clock.now()
        detail: list[tuple[str, str | int]] = [
            ("action", query.action.value),
            ("category", source.category(self._policy, query.purpose)),
            ("purpose", query.purpose if query.purpose in self._policy.purposes else "undeclared"),
            ("role", said_role(query.actor.role)),
            ("captured_first", int(query.start)),
            ("captured_last", int(query.end)),
            ("reason", reason.value),
            ("count", count),
        ]
        if unreadable:
            detail.append(("unreadable", unreadable))
        if query.recipient is not None:
            detail.append(("recipient", query.recipient if query.recipient in self._policy.recipients else "unlisted"))
        request = self._request(source, query, now, now)
        if kind is Kind.GATE_ALLOWED:
            basis, record = self._gate.ground(request)
            detail += [("basis", basis), *([("record", record)] if record else [])]
        grant = self._gate.grant(request)
        if grant is not None:
            detail += [("grant", grant.grant), ("ticket", grant.ticket)]
        people = query.actor.id, query.subject
        if kind is Kind.GATE_DENIED:  # a denial is logged whoever they say they are
            people = said_word(people[0]), said_word(people[1])
        self._audit.append(AuditEvent(kind.value, now, *people, (*detail, *more.items())))

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

    def _request(self, source: Source[Any], query: Query, captured_at: float, now: float) -> Request:
        return Request(
            actor=query.actor,
            purpose=query.purpose,
            action=query.action,
            category=source.category(self._policy, query.purpose),
            subject=query.subject,
            at=now,
            captured_at=captured_at,
            precision=query.precision,
            fields=query.fields | {TIME} if query.fields else frozenset(),
            recipient=query.recipient,
            reference=query.reference,
            span=(query.start, query.end),
        )

    def _ask(self, source: Source[Any], query: Query, captured_at: float, now: float) -> Decision:
        return self._gate.ask(self._request(source, query, captured_at, now))


def _time(item: Timed) -> int:
    return item.time


def _behind(row: StoredEnvelope, top: int, told: Sequence[Timed], before: Cursor | None) -> Cursor:
    """How far one is behind a row of which these were told."""
    until = max((item.time for item in told), default=NEVER)
    if before is not None and (before.row.device, before.row.epoch) == (row.id.device, row.id.epoch):
        until = max(until, before.until)
    return Cursor(row.id, row.oldest_capture, until, top)
