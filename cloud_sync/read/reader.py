"""Purpose-bound reads: the gate first, then the keys, then the audit log, then the answer.

Whoever reads names a purpose. Every read and every denial is in the audit log before the reader gets anything.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from cloud_sync.audit import Kind
from cloud_sync.errors import ConfigError, Denied, KeyDestroyed, SealBroken, WireFormatError
from cloud_sync.gate import Decision, Gate, Request
from cloud_sync.keys.daychain import DayChain
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.model import (
    EPOCH_SECONDS,
    Action,
    Actor,
    AuditEvent,
    Device,
    Fix,
    Precision,
    Reason,
    StoredEnvelope,
    Stream,
)
from cloud_sync.policy import Policy
from cloud_sync.read.coarsen import coarsen
from cloud_sync.stores import AuditSink, Clock, Database, KeyDatabase, TombstoneStore
from cloud_sync.wire.batch import unpack_location
from cloud_sync.wire.envelope import open_uplink, parse_uplink

MOST_TIME_S = 2**34  # beyond the years of the wire format (2328)
COARSEST = Precision.REGION  # what is coarser has no cells (docs/wire-format.md section 5)
LEEWAY_EPOCHS = 1  # a capture may lie 60 s outside its epoch (docs/wire-format.md section 6)


@dataclass(frozen=True, slots=True)
class LocationQuery:
    """Who wants the fixes of whom, why, captured from `start` to before `end` (Unix seconds)."""

    actor: Actor
    purpose: str
    subject: str
    start: float
    end: float
    recipient: str | None = None
    precision: Precision | None = None


class Fixes(list[Fix]):
    """The answer to a query, and how many envelopes of its days are stored but did not open: a gap is no absence.

    A key is gone or does not fit, the row is damaged, or its contents break the format.
    """

    def __init__(self, fixes: Iterable[Fix] = (), unreadable: int = 0) -> None:
        super().__init__(fixes)
        self.unreadable = unreadable


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
        self._store = store
        self._keys = keys
        self._tombstones = tombstones
        self._gate = gate
        self._policy = policy
        self._clock = clock
        self._audit = audit

    def location(self, query: LocationQuery) -> Fixes:
        """The fixes in order of time, none finer than permitted; `Denied` with the reason."""
        if not all(math.isfinite(time) and abs(time) <= MOST_TIME_S for time in (query.start, query.end)):
            raise ConfigError("start and end are Unix seconds; name the span of time that is wanted")
        now = self._clock.now()
        # 1. The gate, for the act as such; nothing is opened before [a denied reader must not even learn what is there].
        decision = self._ask(query, now, now)
        if decision and decision.precision > COARSEST:
            why = f"{decision.precision.name.lower()} is all that may be known, and no position is as coarse"
            decision = Decision(False, Reason.PRECISION_TOO_FINE, Precision.NONE, why)
        if not decision:
            self._note(Kind.GATE_DENIED, query, now, decision.reason, 0)
            raise Denied(decision.reason, f"denied: {decision.reason.value}: {decision.explanation}")
        # 2. The gate again for what was captured when: consent, term and precision of that moment count.
        fixes = Fixes()
        answers = _Answers(self, query, now)
        for device in self._database.devices_of(query.subject):
            self._of_device(device, query, answers, fixes)
        fixes.sort(key=lambda fix: fix.time)
        # 3. The audit log, then 4. the answer [a read that nobody can see].
        self._note(Kind.GATE_ALLOWED, query, now, decision.reason, len(fixes), fixes.unreadable)
        return fixes

    def _of_device(self, device: Device, query: LocationQuery, answers: _Answers, found: Fixes) -> None:
        first = max(0, int(query.start) // EPOCH_SECONDS - LEEWAY_EPOCHS)
        last = int(query.end) // EPOCH_SECONDS + LEEWAY_EPOCHS
        chains: dict[tuple[int, int], DayChain | None] = {}
        for row in self._database.envelopes(device.device, Stream.LOCATION, first, last):
            chain = self._chain(row, chains)
            if not answers.of(row.oldest_capture):
                continue
            try:
                fixes = self._open(row, chain) if chain else None
            except (KeyDestroyed, SealBroken, WireFormatError):  # shredded meanwhile, or the row was damaged
                fixes = None
            if fixes is None:
                found.unreadable += 1
                continue
            for fix in fixes:
                # Each fix by its own time [a purpose that was closed and opened again while the batch was being filled].
                decision = answers.of(fix.time)
                if not decision or decision.precision > COARSEST:
                    continue
                # The span is held against the coarse time [narrow spans that probe for a finer one].
                coarse = coarsen(fix, decision.precision)
                if query.start <= coarse.time < query.end:
                    found.append(coarse)

    def _chain(self, row: StoredEnvelope, chains: dict[tuple[int, int], DayChain | None]) -> DayChain | None:
        """The day's keys; None if they are destroyed or a tombstone covers the day."""
        device, generation, stream, epoch, _ = row.id
        if (generation, epoch) not in chains:
            leaf = self._store.leaf(device, generation, stream, epoch)
            erased = leaf is None or self._tombstones.covers(device, stream, epoch)
            chains[generation, epoch] = self._keys.open_leaf(leaf) if leaf and not erased else None
        return chains[generation, epoch]

    def _open(self, row: StoredEnvelope, chain: DayChain) -> list[Fix]:
        plaintext = open_uplink(row.id.device, parse_uplink(row.payload), chain.key(row.id.counter))
        chain.confirm()
        return unpack_location(plaintext, row.id.epoch)

    def _ask(self, query: LocationQuery, captured_at: float, now: float) -> Decision:
        request = Request(
            actor=query.actor,
            purpose=query.purpose,
            action=_action(query),
            category=self._category(query.purpose),
            subject=query.subject,
            at=now,
            captured_at=captured_at,
            precision=query.precision,
            recipient=query.recipient,
        )
        return self._gate.ask(request)

    def _category(self, purpose: str) -> str:
        """The category of positions that declares the purpose, or any, so that the gate can say what is wrong."""
        rules = [rule for rule in self._policy.rules_of_stream(Stream.LOCATION) if rule.has_position]
        declared = [rule.category for rule in rules if purpose in rule.purposes]
        return next(iter(declared or [rule.category for rule in rules]), "")

    def _boundaries(self, subject: str) -> list[float]:
        records = self._database.consents(subject)
        ends = (record.validity_until for record in records if record.validity_until is not None)
        return sorted({*(record.event_time for record in records), *ends})

    def _note(
        self, kind: Kind, query: LocationQuery, now: float, reason: Reason, count: int, unreadable: int = 0
    ) -> None:
        """One entry for one read; what a caller may have made up is replaced by a word [free text in the log]."""
        detail: list[tuple[str, str | int]] = [
            ("action", _action(query).value),
            ("purpose", query.purpose if query.purpose in self._policy.purposes else "undeclared"),
            ("role", query.actor.role),
            ("captured_first", int(query.start)),
            ("captured_last", int(query.end)),
            ("reason", reason.value),
            ("count", count),
        ]
        if unreadable:
            detail.append(("unreadable", unreadable))
        if query.recipient is not None:
            detail.append(("recipient", query.recipient if query.recipient in self._policy.recipients else "unlisted"))
        self._audit.append(AuditEvent(kind.value, now, query.actor.id, query.subject, tuple(detail)))


def _action(query: LocationQuery) -> Action:
    return Action.READ if query.recipient is None else Action.DISCLOSE


class _Answers:
    """The gate's answers of one read: one for each stretch of capture times in which none can differ."""

    def __init__(self, reader: Reader, query: LocationQuery, now: float) -> None:
        self._reader = reader
        self._query = query
        self._now = now
        self._boundaries = reader._boundaries(query.subject)
        rule = reader._policy.rule(reader._category(query.purpose), query.purpose)
        self._shortest_s = rule.retention.shortest_s if rule else 0
        self._known: dict[tuple[int, float], Decision] = {}

    def of(self, capture: float) -> Decision:
        """The decision on what was captured at `capture`."""
        # Near the end of its term each capture is asked for by itself.
        old = capture if self._now - capture >= self._shortest_s else 0.0
        key = (bisect_right(self._boundaries, capture), old)
        if key not in self._known:
            self._known[key] = self._reader._ask(self._query, capture, self._now)
        return self._known[key]
