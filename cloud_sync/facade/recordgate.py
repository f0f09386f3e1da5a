"""Records behind the gate: each question about one is decided as any other, and in the audit log before anybody gets anything."""

from __future__ import annotations

from cloud_sync.audit import AuditLog, Kind
from cloud_sync.consent import ConsentLedger
from cloud_sync.errors import Denied
from cloud_sync.gate import Decision, Gate
from cloud_sync.gate.entry import Detail, named, rests_on
from cloud_sync.gate.words import said_purpose, said_role, said_word
from cloud_sync.model import AuditEvent, Device, Precision, Reason
from cloud_sync.policy import Policy
from cloud_sync.records import Asked
from cloud_sync.stores import Clock


class _Everybody:
    """A device table for the gate's question about records, which come from no device: whoever has a record is known."""

    def devices_of(self, subject: str) -> list[Device]:
        """One that stands for the record."""
        return [Device("record", subject, 0, 0.0)]


class RecordGate:
    """The gate as records have it: the same policy, ledger and facts, and no device. Before `behind` it denies everything."""

    def __init__(self, policy: Policy, ledger: ConsentLedger, clock: Clock, audit: AuditLog) -> None:
        self._policy = policy
        self._ledger = ledger
        self._clock = clock
        self._audit = audit
        self._gate: Gate | None = None

    def behind(self, gate: Gate) -> None:
        """Take over the facts of this gate, which is made after the records that it asks about."""
        self._gate = Gate(self._policy, self._ledger, _Everybody(), known=gate._known)  # type: ignore[arg-type]

    def demand(self, asked: Asked) -> None:
        """Allow, or raise `Denied`."""
        now = self._clock.now()
        decision = self._decide(asked, now)
        kind = Kind.GATE_ALLOWED if decision else Kind.GATE_DENIED
        people = named(asked.actor.id, asked.subject, allowed=bool(decision))
        self._audit.append(AuditEvent(kind.value, now, *people, tuple(self._detail(asked, decision, now))))
        if not decision:
            raise Denied(decision.reason, f"denied: {decision.reason.value}: {decision.explanation}")

    def _detail(self, asked: Asked, decision: Decision, now: float) -> Detail:
        request = asked.request(now)
        detail: Detail = [
            ("action", request.action.value),
            ("category", asked.category),
            ("purpose", said_purpose(asked.purpose, self._policy)),
            ("role", said_role(asked.actor.role)),
            ("reason", decision.reason.value),
            ("count", int(bool(decision) and asked.found)),
        ]
        if asked.recipient is not None:
            listed = asked.recipient in self._policy.recipients
            detail.append(("recipient", asked.recipient if listed else "unlisted"))
        if asked.reference:
            detail.append(("legal_ref", said_word(asked.reference)))
        return detail if self._gate is None else detail + rests_on(self._gate, request, allowed=bool(decision))

    def _decide(self, asked: Asked, now: float) -> Decision:
        if asked.ground:
            why = f"kept for one reason alone ({asked.ground}): stored, and not used"
            return Decision(False, Reason.RESTRICTED, Precision.NONE, why)
        if self._gate is None:
            return Decision(False, Reason.PURPOSE_NOT_DECLARED, Precision.NONE, "no gate: nothing is handed out")
        decision = self._gate.ask(asked.request(now), clock_started_at=asked.clock_started_at)
        if decision and asked.over:
            why = "the term of this record is over: it is to be destroyed"
            return Decision(False, Reason.EXPIRED, Precision.NONE, why)
        return decision
