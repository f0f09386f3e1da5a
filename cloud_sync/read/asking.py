"""What reads, exports, disclosures and subscriptions share: the gate's answers, what of a row may be told, and the log's entries.

Whoever reads names a purpose. Every read and every denial is in the audit log before the reader gets anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from cloud_sync.audit import Kind
from cloud_sync.errors import Denied
from cloud_sync.gate import Decision, Gate, Request
from cloud_sync.gate.entry import Detail, named, rests_on
from cloud_sync.gate.words import said_purpose, said_role
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.model import AuditEvent, Reason, StoredEnvelope
from cloud_sync.policy import Policy
from cloud_sync.read.answers import Answers, terms_of
from cloud_sync.read.opener import Opener, day_end
from cloud_sync.read.query import Query, Readings
from cloud_sync.read.sources import TIME, Item, Source
from cloud_sync.stores import AuditSink, Clock, Database, KeyDatabase, TombstoneStore

NOTHING: Final[Mapping[str, str | int]] = MappingProxyType({})


class Asking:
    """Asks the gate about readings, opens envelopes for what it allows, and tells the audit log."""

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
        self._store = store
        self._keys = keys
        self._tombstones = tombstones
        self._gate = gate
        self._policy = policy
        self._clock = clock
        self._audit = audit

    def opener(self) -> Opener:
        """One that holds no key yet."""
        return Opener(self._database, self._store, self._keys, self._tombstones)

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
        erasures = self._tombstones.count()
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
        allowed = kind is Kind.GATE_ALLOWED
        detail: Detail = [
            ("action", query.action.value),
            ("category", source.category(self._policy, query.purpose)),
            ("purpose", said_purpose(query.purpose, self._policy)),
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
        detail += rests_on(self._gate, self._request(source, query, now, now), allowed=allowed)
        people = named(query.actor.id, query.subject, allowed=kind is not Kind.GATE_DENIED)
        self._audit.append(AuditEvent(kind.value, now, *people, (*detail, *more.items())))

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
