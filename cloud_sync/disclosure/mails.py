"""Messages to a person: a purpose, a class that follows from what is in them, and a bound on how many (V-05; row 36)."""

from __future__ import annotations

from collections.abc import Callable, Collection

from cloud_sync.audit import AuditLog, Kind
from cloud_sync.errors import Denied
from cloud_sync.gate import Decision, Gate, MailClass, Request
from cloud_sync.gate.mail import COUNTED_S, class_of_purpose
from cloud_sync.gate.words import said_role
from cloud_sync.model import Action, Actor, AuditEvent
from cloud_sync.stores import Clock, Database


class Mails:
    """Asks the gate for each message, and counts by the audit log."""

    def __init__(self, gate: Gate, clock: Clock, audit: AuditLog, database: Database) -> None:
        self._gate = gate
        self._database = database
        self._clock = clock
        self._audit = audit

    def send(
        self,
        *,
        actor: Actor,
        purpose: str,
        category: str,
        subject: str,
        content: Collection[MailClass],
        hand_over: Callable[[], None],
    ) -> Decision:
        """Log the message, then let `hand_over` send it; `Denied` with the reason, and then nothing is handed over.

        `category` is the data that the message is sent with (an address); `content` names every part that it has. One message,
        one question [a campaign that goes on after the person said no]. What was handed over and not taken is counted as well.
        """
        with self._database.transaction():  # counted and logged as one [messages that are asked for at once]
            decision = self._asked(actor, purpose, category, subject, frozenset(content))
        if not decision:
            raise Denied(decision.reason, f"denied: {decision.reason.value}: {decision.explanation}")
        hand_over()
        return decision

    def _asked(
        self, actor: Actor, purpose: str, category: str, subject: str, content: frozenset[MailClass]
    ) -> Decision:
        now, policy = self._clock.now(), self._gate.policy
        decision = self._gate.ask(Request(actor, purpose, Action.MAIL, category, subject, now, now, content=content))
        detail = (
            ("action", Action.MAIL.value),
            ("category", category if policy.rules_of(category) else "undeclared"),
            ("purpose", purpose if purpose in policy.purposes else "undeclared"),
            ("role", said_role(actor.role)),
            ("reason", decision.reason.value),
        )
        kind = Kind.MAIL_SENT if decision else Kind.GATE_DENIED
        self._audit.append(AuditEvent(kind.value, now, actor.id, subject, detail))
        return decision


def sent(audit: AuditLog, subject: str, at: float, exempt: Collection[str]) -> int:
    """The gate's question: how many messages the person had in the 30 days before `at`, and after it [a clock set back].

    Alerts are messages too, but for those of a class that is never held back [a week of alarms that silences the service].
    """
    alerts = (each.event for each in audit.entries(subject, Kind.ALERT_SENT.value))
    counted = [event for event in alerts if class_of_purpose(str(dict(event.detail)["purpose"])).value not in exempt]
    counted += [entry.event for entry in audit.entries(subject, Kind.MAIL_SENT.value)]
    return sum(event.at > at - COUNTED_S for event in counted)
