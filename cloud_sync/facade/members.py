"""People whose data somebody else hands over: the holder of a group, or a company with a list. Nothing of it is anybody's consent.

1. What a holder gives of a member is kept as given by them, and the member is told (GDPR Art. 14; CG-11).
2. People on a company's list wait, restricted, until something shows that they agreed, or that another ground holds (CG-82); the
   company's declaration is kept and shows nothing of the kind (CG-83).
3. Who was here by themselves before the list is not restricted by it [a list of strangers shuts their devices off]; and everybody
   on it is invited, and in the group with their own yes alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cloud_sync.audit import AuditLog, Kind
from cloud_sync.consent import ConsentLedger, Evidence
from cloud_sync.consent.groups import check_certificate
from cloud_sync.errors import ConsentError
from cloud_sync.facade.bounds import Groups
from cloud_sync.gate.words import check_word
from cloud_sync.model import ConsentBound, LawfulBasis
from cloud_sync.model.keeping import Ground, Restriction
from cloud_sync.records import Records
from cloud_sync.restriction import Restrictions

MOST_AT_ONCE = 10_000  # people of one list; each is an entry of the log and a directive


class Members:
    """What holders and companies bring in."""

    def __init__(
        self,
        *,
        groups: Groups,
        ledger: ConsentLedger,
        records: Records,
        restrictions: Restrictions,
        audit: AuditLog,
        provided: Callable[[str, str], object],
        informed: Callable[[str], bool],
    ) -> None:
        """`provided(subject, source)` begins the term in which the person is told; `informed(subject)`: they opened a notice
        themselves.
        """
        self._informed = informed
        self._groups = groups
        self._ledger = ledger
        self._records = records
        self._restrictions = restrictions
        self._audit = audit
        self._provided = provided

    def provide(self, group: str, subject: str, category: str, content: bytes, holder: Evidence) -> str:
        """Keep what the holder says of a member, a telephone number for instance; the record's id. Who gave it is in the log."""
        self._groups.check_holder(group, holder)
        if subject not in self._groups.members(group):
            raise ConsentError(f"{subject} is not in group {group}: invite them, and wait for their yes")
        record = self._records.put(category, {subject: content})
        self._provided(subject, holder.entity_id)
        self._audit.record(
            Kind.GROUP_PROVIDED, holder.entity_id, subject, group=group, category=category, record=record
        )
        return record

    def hand_over(
        self, group: str, subjects: Sequence[str], holder: Evidence, *, digest: str, role: str = "account_holder"
    ) -> ConsentBound:
        """A company's list, under its signed declaration (`digest`: SHA-256 of its text, hex); what is kept of the declaration.

        Everybody on it is invited. Of whom nothing is known but the list waits, restricted; the same list again closes nobody who
        was admitted from it.
        """
        self._groups.check_holder(group, holder)
        people, asked = sorted({*subjects}), {*self._groups.members(group), *self._groups.asked(group)}
        if not 1 <= len(people) <= MOST_AT_ONCE:
            raise ConsentError(f"a list names 1 to {MOST_AT_ONCE} people")
        check_certificate(len(people), digest)
        for subject in people:
            # Restricted before they are asked: what is cut short leaves somebody closed, never somebody open.
            if not (self._was_here(subject) or self._was_admitted(group, subject)):
                self._restrictions.restrict(subject, Ground.UNPROVEN, by=holder.entity_id, reference=group)
            if subject not in asked:
                self._groups.invite(group, subject, holder)
                self._provided(subject, holder.entity_id)
        return self._groups.certify(group, holder, count=len(people), digest=digest, role=role)

    def waiting(self, group: str) -> list[str]:
        """Who of a group's people waits, in order."""
        in_force = self._restrictions.in_force()
        return sorted({each.subject for each in in_force if (each.ground, each.reference) == (Ground.UNPROVEN, group)})

    def admit(self, subject: str, *, basis: LawfulBasis, reference: str, by: str) -> int:
        """Another ground than consent holds for a person, by the document of this reference; how many lists they waited on.

        ConsentError for consent: that is the person's own, and admits by itself; and for whoever handed the list over
        [a declaration under another name].
        """
        if basis is LawfulBasis.CONSENT:
            raise ConsentError("consent is given by the person alone: ask them, and their yes admits them")
        if any(each.by == by for each in self._waiting(subject)):
            raise ConsentError(f"{by} handed the list over: somebody else looks at the document, and admits")
        return self._lift(subject, by=by, basis=basis.value, legal_ref=check_word(reference, "reference"))

    def agreed(self, subject: str) -> None:
        """After an answer: whoever has now agreed themselves waits no longer."""
        if self._waiting(subject) and self._agreed(subject):
            self._lift(subject, by=subject, basis=LawfulBasis.CONSENT.value)

    def _was_here(self, subject: str) -> bool:
        """Whether the person has acted themselves, be it with a no: what there is of them, no company has brought."""
        answered = any(record.entity_id == subject for record in self._ledger.records(subject))
        return (answered or self._informed(subject)) and not self._waiting(subject)

    def _agreed(self, subject: str) -> bool:
        given = (record for record in self._ledger.records(subject) if record.entity_id == subject)
        purposes = {record.purpose for record in given}
        return any(self._groups.effective(subject, purpose).open for purpose in purposes)

    def _was_admitted(self, group: str, subject: str) -> bool:
        """On another ground than consent, which is asked about anew each time."""
        said = (dict(entry.event.detail) for entry in self._audit.entries(subject, Kind.GROUP_ADMITTED.value))
        return any(each.get("group") == group and each.get("basis") != LawfulBasis.CONSENT.value for each in said)

    def _waiting(self, subject: str) -> list[Restriction]:
        return [each for each in self._restrictions.in_force(subject) if each.ground is Ground.UNPROVEN]

    def _lift(self, subject: str, *, by: str, **detail: str) -> int:
        waiting = self._waiting(subject)
        for each in waiting:
            self._restrictions.lift(each.restriction_id, by=by, told=True)
            self._audit.record(Kind.GROUP_ADMITTED, by, subject, group=each.reference, **detail)
        return len(waiting)
