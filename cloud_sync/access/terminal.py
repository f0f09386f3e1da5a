"""Reading what lies in a person's device itself, such as its flash log: with consent alone (ePrivacy Art. 5(3); row 13).

The device's spool of sealed envelopes is exempt, as it only carries the message; an extra file is not. A remote-help tool asks here
before it sends its command, and gets an answer that is in the audit log already.
"""

from __future__ import annotations

from cloud_sync.audit import Kind
from cloud_sync.errors import Denied
from cloud_sync.gate import Decision, Gate, Request
from cloud_sync.gate.entry import granted
from cloud_sync.gate.words import said_category, said_purpose, said_role
from cloud_sync.model import Action, Actor, AuditEvent
from cloud_sync.stores import AuditSink, Clock


class Terminal:
    """The leave to read from a device."""

    def __init__(self, gate: Gate, clock: Clock, audit: AuditSink) -> None:
        self._gate = gate
        self._clock = clock
        self._audit = audit

    def demand(
        self,
        actor: Actor,
        subject: str,
        *,
        device: str,
        purpose: str,
        category: str,
        fields: frozenset[str] = frozenset(),
    ) -> Decision:
        """The gate's answer, for which fields of what lies there; `Denied` with the reason. Either is logged, with the device."""
        now = self._clock.now()
        request = Request(actor, purpose, Action.TERMINAL, category, subject, now, now, fields=fields)
        decision = self._gate.ask(request, device=device)
        policy = self._gate.policy
        detail: list[tuple[str, str | int]] = [
            ("action", Action.TERMINAL.value),
            ("category", said_category(category, policy)),
            ("purpose", said_purpose(purpose, policy)),
            ("role", said_role(actor.role)),
            ("device", device),
            ("reason", decision.reason.value),
            *granted(self._gate.grant(request)),
        ]
        kind = Kind.GATE_ALLOWED if decision else Kind.GATE_DENIED
        self._audit.append(AuditEvent(kind.value, now, actor.id, subject, tuple(detail)))
        if not decision:
            raise Denied(decision.reason, f"denied: {decision.reason.value}: {decision.explanation}")
        return decision
