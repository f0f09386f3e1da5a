"""Rights of people as the façade has them: `cloud.rights`, which opens, identifies, decides, does, answers and closes cases."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from cloud_sync.audit import AuditLog, Kind
from cloud_sync.disclosure.export import Export
from cloud_sync.disclosure.export import Kind as Copy
from cloud_sync.erasure.receipt import ErasureReceipt
from cloud_sync.errors import Denied
from cloud_sync.gate import Gate, Request
from cloud_sync.gate.words import said_role, said_word
from cloud_sync.keys.personkeys import PersonKeys
from cloud_sync.model import Action, Actor, AuditEvent, Reason
from cloud_sync.model.rights import Case, CaseEvent
from cloud_sync.policy import Policy
from cloud_sync.policy.vocabulary import Role
from cloud_sync.read.rows import iso
from cloud_sync.records import Records
from cloud_sync.restriction import Restrictions
from cloud_sync.rights import Carry, Desk, Documents, IdentityLinks
from cloud_sync.rights.carry import Acts
from cloud_sync.rights.cases import CaseBook
from cloud_sync.rights.rules import is_person
from cloud_sync.rights.terms import LOG, raise_alarms
from cloud_sync.stores import Clock, Database

HANDLING: Final = "rights_handling"
#: Roles whose work cases are; staff need a grant of a ticket for each person.
OFFICE: Final = frozenset({Role.DPO.value, Role.CONTROLLER.value})


class Rights(Desk):
    """The desk, and beside it who is who (`identity`) and what each right does (`carry`)."""

    def __init__(
        self,
        *,
        database: Database,
        people: PersonKeys,
        audit: AuditLog,
        clock: Clock,
        policy: Policy,
        gate: Gate,
        restrictions: Restrictions,
        records: Records,
        export: Callable[..., Export],
        erase: Callable[..., ErasureReceipt],
    ) -> None:
        book = CaseBook(database, people, audit, clock)
        self._audit = audit
        self._gate = gate

        def copy(folder: str | Path, subject: str, actor: Actor, portable: bool) -> Export:
            return export(folder, subject, actor=actor, kind=Copy.PORTABILITY if portable else Copy.ACCESS)

        acts = Acts(copy, lambda subject, by: erase(subject=subject, actor=by), restrictions)
        self.carry = Carry(book, acts)
        super().__init__(
            book,
            policy,
            begin=self.carry.begin,
            end=self.carry.end,
            decided=self._documents_end,
            untold=self.carry.untold,
        )
        self.documents = Documents(self, book, records)
        self.identity = IdentityLinks(self, database, clock)

    def read(self, case_id: str, *, actor: Actor) -> list[tuple[CaseEvent, bytes | None]]:
        """What happened to a case, with what was written; None where that is gone.

        For the person, logged in with a second factor; for the privacy office and the controller, where the policy lets them read
        for rights handling; for staff with a grant for that. `Denied` for others. A restriction of the
        person does not keep the desk from reading what they asked.
        """
        case, now = self.get(case_id), self._book.clock.now()
        allowed = is_person(actor, case.subject) or self._office(actor, case.subject, now)
        reason = Reason.ALLOWED if allowed else Reason.ROLE_NOT_PERMITTED
        detail = (("record", case_id), ("role", said_role(actor.role)), ("reason", reason.value))
        kind = Kind.CASE_READ if allowed else Kind.GATE_DENIED
        people = (actor.id, case.subject) if allowed else (said_word(actor.id), said_word(case.subject))
        self._audit.append(AuditEvent(kind.value, now, *people, detail))
        if not allowed:
            raise Denied(reason, f"denied: {reason.value}: this role does not read cases")
        return self._book.contents(case_id)

    def copy_of(self, subject: str) -> list[dict[str, Any]]:
        """A person's cases as their own copy has them."""
        return [self._row(case) for case in self.of(subject)]

    def _office(self, actor: Actor, subject: str, now: float) -> bool:
        if (actor.role, Action.READ, HANDLING) not in self._policy.grants:
            return False
        if actor.role in OFFICE:
            return True
        request = Request(actor, HANDLING, Action.READ, LOG, subject, now, now)
        return self._gate.grant(request) is not None and (actor.mfa or self._policy.access.staff_mfa != "required")

    def _documents_end(self, case: Case) -> None:
        self.documents.decided(case)

    def alarm(self) -> int:
        """Raise what is due, now; the sweep does it. How many."""
        return raise_alarms(self._book)

    def counts(self) -> tuple[int, int, int]:
        """How many cases wait for an answer, how many of these are past their alarm, and how many past their due moment."""
        now, waiting = self._book.clock.now(), [case for case in self.of(closed=False) if case.pending]
        return len(waiting), sum(c.alarm_at <= now for c in waiting), sum(c.due_at <= now for c in waiting)

    def _row(self, case: Case) -> dict[str, Any]:
        events = [
            {"kind": event.kind, "time": iso(event.at), "detail": event.detail, "written": _text(content)}
            for event, content in self._book.contents(case.case_id)
        ]
        return {
            "case": case.case_id,
            "right": case.right.value,
            "channel": case.channel.value,
            "received": iso(case.received_at),
            "due_before": iso(case.due_at),
            "state": case.state.value,
            "outcome": case.outcome,
            "reason": case.reason,
            "evidence": case.evidence,
            "events": events,
        }


def _text(content: bytes | None) -> str | None:
    return None if content is None else content.decode(errors="replace")
