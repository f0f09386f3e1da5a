"""Messages to a person: a purpose, a class that follows from what is in them, and a bound on how many (V-05; row 36)."""

from __future__ import annotations

from collections.abc import Callable, Collection

from cloud_sync.audit import AuditLog, Kind
from cloud_sync.errors import Denied
from cloud_sync.gate import Decision, Gate, MailClass, Request
from cloud_sync.gate.mail import COUNTED_S, MARKETING, class_of_purpose
from cloud_sync.gate.words import said_category, said_purpose, said_role
from cloud_sync.model import Action, Actor, AuditEvent, Precision, Reason
from cloud_sync.policy.vocabulary import Role
from cloud_sync.retention.civil import local_date, zone_of
from cloud_sync.stores import Clock, Database


class Mails:
    """Asks the gate for each message, and counts by the audit log."""

    def __init__(self, gate: Gate, clock: Clock, audit: AuditLog, database: Database) -> None:
        self._gate = gate
        self._database = database
        self._clock = clock
        self._audit = audit
        self._zone = zone_of(gate.policy.country)

    def send(
        self,
        *,
        actor: Actor,
        purpose: str,
        category: str,
        subject: str,
        content: Collection[MailClass],
        hand_over: Callable[[], None],
        override: Actor | None = None,
    ) -> Decision:
        """Log the message, then let `hand_over` send it; `Denied` with the reason, and then nothing is handed over.

        `category` is the data that the message is sent with (an address); `content` names every part that it has. One message,
        one question [a campaign that goes on after the person said no]. What was handed over and not taken is counted as well.
        Marketing goes out `notice.marketing_per_month` times a calendar month at most (MM-65); `override` is who decides, in the
        controller's name, that one more does, and stands in the log.
        """
        with self._database.transaction():  # counted and logged as one [messages that are asked for at once]
            decision = self._asked(actor, purpose, category, subject, frozenset(content), override)
        if not decision:
            raise Denied(decision.reason, f"denied: {decision.reason.value}: {decision.explanation}")
        hand_over()
        return decision

    def _asked(
        self,
        actor: Actor,
        purpose: str,
        category: str,
        subject: str,
        content: frozenset[MailClass],
        override: Actor | None,
    ) -> Decision:
        now, policy = self._clock.now(), self._gate.policy
        decision = self._gate.ask(Request(actor, purpose, Action.MAIL, category, subject, now, now, content=content))
        if decision and purpose in MARKETING and self._enough(subject, purpose, now):
            if override is None or override.role != Role.CONTROLLER.value:
                why = "the person has had the issues of this month: somebody of the controller decides on one more"
                decision = Decision(False, Reason.TOO_MANY_MAILS, Precision.NONE, why)
            else:
                self._audit.record(Kind.MAIL_OVERRIDDEN.value, override.id, subject, purpose=purpose)
        detail = (
            ("action", Action.MAIL.value),
            ("category", said_category(category, policy)),
            ("purpose", said_purpose(purpose, policy)),
            ("role", said_role(actor.role)),
            ("reason", decision.reason.value),
        )
        kind = Kind.MAIL_SENT if decision else Kind.GATE_DENIED
        self._audit.append(AuditEvent(kind.value, now, actor.id, subject, detail))
        return decision

    def _enough(self, subject: str, purpose: str, now: float) -> bool:
        """Whether the person has had all issues of a purpose that the calendar month may have."""
        month = local_date(now, self._zone).replace(day=1)
        events = (entry.event for entry in self._audit.entries(subject, Kind.MAIL_SENT.value))
        had = sum(
            dict(each.detail)["purpose"] == purpose and local_date(each.at, self._zone).replace(day=1) >= month
            for each in events
        )
        return had >= self._gate.policy.parameters.number("notice.marketing_per_month")


def sent(audit: AuditLog, subject: str, at: float, exempt: Collection[str]) -> int:
    """The gate's question: how many messages the person had in the 30 days before `at`, and after it [a clock set back].

    Alerts are messages too, but for those of a class that is never held back [a week of alarms that silences the service].
    """
    alerts = (each.event for each in audit.entries(subject, Kind.ALERT_SENT.value))
    counted = [event for event in alerts if class_of_purpose(str(dict(event.detail)["purpose"])).value not in exempt]
    counted += [entry.event for entry in audit.entries(subject, Kind.MAIL_SENT.value)]
    return sum(event.at > at - COUNTED_S for event in counted)
