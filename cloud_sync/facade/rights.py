"""Rights of people as the façade has them: `cloud.rights`, which opens, identifies, decides, does, answers and closes cases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from cloud_sync.access.controls import Proof
from cloud_sync.audit import AuditLog, Kind
from cloud_sync.disclosure.export import Export, Exporter
from cloud_sync.disclosure.export import Kind as Copy
from cloud_sync.disclosure.handover import HandOver
from cloud_sync.disclosure.importing import Imported, Importer
from cloud_sync.erasure.receipt import ErasureReceipt
from cloud_sync.errors import ConfigError, Denied
from cloud_sync.gate import Gate, Request
from cloud_sync.gate.entry import named
from cloud_sync.gate.words import said_role
from cloud_sync.keys.personkeys import PersonKeys
from cloud_sync.model import Action, Actor, AuditEvent, Reason
from cloud_sync.model.rights import Case, CaseEvent, Identity, Right
from cloud_sync.notices.letters import Letters
from cloud_sync.policy import Policy
from cloud_sync.policy.vocabulary import RecipientKind, Role
from cloud_sync.read.rows import iso
from cloud_sync.records import Records
from cloud_sync.restriction import Restrictions
from cloud_sync.rights import Carry, Desk, Documents, IdentityLinks
from cloud_sync.rights.automated import Automated
from cloud_sync.rights.carry import Acts
from cloud_sync.rights.cases import CaseBook
from cloud_sync.rights.directory import Directory
from cloud_sync.rights.exceptions import Exceptions, exceptions
from cloud_sync.rights.letters import Stays, enclosure
from cloud_sync.rights.partly import PartErasure, erase_beside_contract
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
        exporter: Exporter,
        erase: Callable[..., ErasureReceipt],
        controls: Callable[[], list[Proof]],
        consented: Callable[[str, str], bool],
        folder: Path,
    ) -> None:
        book = CaseBook(database, people, audit, clock)
        self._audit = audit
        self._gate = gate
        self._records = records
        self._controls = controls

        def copy(folder: str | Path, subject: str, actor: Actor, portable: bool, withhold: Mapping[str, str]) -> Export:
            kind = Copy.PORTABILITY if portable else Copy.ACCESS
            return exporter.write(folder, subject, actor=actor, kind=kind, withhold=withhold)

        def partly(subject: str, by: str) -> PartErasure:
            now = clock.now()
            devices = database.devices_of(subject)
            return erase_beside_contract(
                *(records, policy, subject, now),
                lambda: bool(devices and erase(subject=subject, start=0.0, end=now, actor=by).held),
            )

        acts = Acts(
            export=copy,
            erase=lambda subject, by: erase(subject=subject, actor=by),
            erase_partly=partly,
            hand_over=HandOver(exporter, database, audit, clock, folder).send,
            rewrite=records.rewrite,
            assurance=self._assurance,
            restrictions=restrictions,
            purposes=policy.purposes,
        )
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
        self.directory = Directory(policy, database, clock)
        self._importer = Importer(records, database, audit, clock)
        self.automated = Automated(
            policy=policy,
            records=records,
            desk=self,
            audit=audit,
            clock=clock,
            closed=restrictions.closed,
            consented=consented,
        )

    def exceptions(self, case_id: str) -> Exceptions:
        """What the person's data was used for between the receipt of an objection and the moment from which it held."""
        return exceptions(self.get(case_id), self._book.database, self._audit, frozenset(self._policy.purposes))

    def letter(self, case_id: str, made: Export | PartErasure | None = None) -> str:
        """The letter of a decided case: reason, where to turn, and what stays or is withheld, in `made` or in the store.

        To whom nobody has identified it tells nothing of a person [a stranger who asks for an erasure and learns what is held].
        ConfigError for a case that is not decided, and for what came of another person's.
        """
        case, now = self.get(case_id), self._book.clock.now()
        told = self.carry.recipients(case) if case.right is Right.RECTIFICATION and case.carried_at is not None else ()
        text = Letters(self._policy).answer(case, "en", recipients=told, now=now)
        return f"{text}\n{enclosure(self._policy, self._stays(case, made))}"

    def import_copy(self, folder: str | Path, *, subject: str, category: str, by: str) -> Imported:
        """Take in a portability copy of another installation, as records of a category; ConfigError says what is not right."""
        return self._importer.take(folder, subject=subject, category=category, by=by)

    def _stays(self, case: Case, made: Export | PartErasure | None) -> list[Stays]:
        if made is not None and made.subject != case.subject:
            raise ConfigError("this copy, or erasure, is another person's: name what came of this case")
        if case.identity is Identity.NONE:
            return []
        if isinstance(made, Export):
            return [(self._legal(what, purpose), 0, why, None) for what, purpose, why in made.withheld]
        if isinstance(made, PartErasure):
            return [(each.what, each.count, each.why, each.review_at) for each in made.kept]
        if case.right is not Right.ERASURE:
            return []
        parts = sorted((p.category, p.ground, p.review_at or 0.0) for p in self._records.of(case.subject) if p.ground)
        return [(what, len(list(g)), why, review or None) for (what, why, review), g in groupby(parts)]

    def _legal(self, what: str, purpose: str) -> str:
        """What is withheld, with the law that its rule names."""
        rule = self._policy.rule(what, purpose)
        return f"{what} for {purpose}" + (f" ({rule.legal_ref})" if rule is not None and rule.legal_ref else "")

    def _assurance(self) -> dict[str, Any]:
        """Controls with their newest results, and who processes data for the company."""
        kinds = (RecipientKind.PROCESSOR, RecipientKind.SUB_PROCESSOR)
        listed = [each for each in self._policy.recipients.values() if each.kind in kinds and each.enabled]
        return {
            "as_of": iso(self._book.clock.now()),
            "policy": {"id": self._policy.id, "version": self._policy.version, "sha256": self._policy.hash},
            "baseline": str(self._policy.parameters["security.baseline"]),
            "controls": [
                {
                    "control": proof.control.name,
                    "says": proof.control.says,
                    "passed": proof.passed,
                    "fresh": proof.fresh,
                    "at": None if proof.at is None else iso(proof.at),
                }
                for proof in self._controls()
            ],
            "processors": [{"recipient": each.id, "region": each.region} for each in listed],
        }

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
        people = named(actor.id, case.subject, allowed=allowed)
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
