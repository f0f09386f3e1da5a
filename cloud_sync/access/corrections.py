"""Corrections of records: by the person, or for them by staff whom a ticket lets in; the log says who changed what for whom.

The log has a hash of the value before and of the one after, under the person's key: whoever has the values and the key can prove
what was changed, and after an erasure nobody can guess them. The value before stays in backups until they expire, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from cloud_sync.audit import Kind
from cloud_sync.errors import Denied
from cloud_sync.gate import Gate, Request
from cloud_sync.gate.book import STAFF
from cloud_sync.gate.entry import granted
from cloud_sync.gate.words import UNDECLARED, said_role
from cloud_sync.keys.personkeys import PersonKeys
from cloud_sync.model import Action, Actor, AuditEvent, LawfulBasis, Reason
from cloud_sync.model.keeping import RecordPart
from cloud_sync.policy.vocabulary import Role
from cloud_sync.stores import AuditSink, Clock, Database

#: Who may change a record that they may read; planners and the like only see.
CORRECTING: Final = STAFF | {Role.DATA_SUBJECT.value}
IDENTITY: Final = b"byleave/1/correction"


class Correctable(Protocol):
    """Records: read behind the gate, and written anew by whoever has asked it."""

    def read(self, record_id: str, *, actor: Actor, purpose: str, subject: str) -> bytes: ...
    def rewrite(self, record_id: str, subject: str, content: bytes) -> RecordPart: ...


@dataclass(frozen=True, slots=True)
class Correction:
    """What was changed: hashes in hex, and the entry of the log."""

    record: str
    before: str
    after: str
    entry: int


class Corrections:
    """Corrections of one installation's records."""

    def __init__(
        self,
        *,
        database: Database,
        records: Correctable,
        people: PersonKeys,
        gate: Gate,
        clock: Clock,
        audit: AuditSink,
        held: Callable[[RecordPart], bool],
    ) -> None:
        """`held(part)`: a legal hold is on it."""
        self._held = held
        self._database = database
        self._records = records
        self._people = people
        self._gate = gate
        self._clock = clock
        self._audit = audit

    def correct(self, record: str, content: bytes, *, actor: Actor, purpose: str, subject: str) -> Correction:
        """Replace a person's part of a record; from the commit on everybody reads the new value.

        `Denied` as a read of it would be, for roles that only see, and while it is held; KeyDestroyed where there is none.
        """
        old = self._records.read(record, actor=actor, purpose=purpose, subject=subject)
        self._check(record, actor, purpose, subject)
        before, after = (self.hash_of(subject, value) for value in (old, content))
        with self._database.transaction():
            part = self._records.rewrite(record, subject, content)
            now = self._clock.now()
            detail: list[tuple[str, str | int]] = [
                *(("record", record), ("category", part.category), ("purpose", purpose), ("role", actor.role)),
                *(("on_behalf_of", subject), ("before", before), ("after", after)),
            ]
            request = Request(actor, purpose, Action.READ, part.category, subject, now, now)
            detail += granted(self._gate.grant(request))
            entry = self._audit.append(AuditEvent(Kind.RECORD_CORRECTED.value, now, actor.id, subject, tuple(detail)))
        return Correction(record, before, after, entry)

    def _check(self, record: str, actor: Actor, purpose: str, subject: str) -> None:
        """`Denied`, and logged, for whoever may read this part and not change it."""
        part = next((each for each in self._database.parts(record) if each.subject == subject), None)
        refused = self._refused(actor, part)
        if refused is None:
            return
        reason, why = refused
        detail = (
            *(("action", "correct"), ("category", part.category if part else UNDECLARED), ("purpose", purpose)),
            *(("role", said_role(actor.role)), ("reason", reason.value)),
        )
        self._audit.append(AuditEvent(Kind.GATE_DENIED.value, self._clock.now(), actor.id, subject, detail))
        raise Denied(reason, f"denied: {reason.value}: {why}")

    def _refused(self, actor: Actor, part: RecordPart | None) -> tuple[Reason, str] | None:
        """What a law wants kept is not the person's to rewrite, for whatever purpose it serves besides: they ask for rectification
        (GDPR Art. 16), and somebody decides. What is held for a claim is evidence, and nobody's.
        """
        if actor.role not in CORRECTING:
            return Reason.ROLE_NOT_PERMITTED, f"role {said_role(actor.role)} sees and changes nothing"
        if part is not None and self._held(part):
            return Reason.ACTION_NOT_PERMITTED, "it is held as evidence: correct it when the hold is released"
        rules = self._gate.policy.rules_of(part.category) if part is not None else ()
        by_law = not rules or any(rule.basis is LawfulBasis.LEGAL_OBLIGATION for rule in rules)
        if actor.role not in STAFF and by_law:
            return Reason.ACTION_NOT_PERMITTED, "the law keeps this as it is: open a case for rectification"
        return None

    def hash_of(self, subject: str, value: bytes) -> str:
        """The hash of a value as the log has it, in hex."""
        return self._people.digest(subject, value, IDENTITY)
