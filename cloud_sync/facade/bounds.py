"""Groups and ages as the façade takes them: ledger of bounds, directives and audit log in one transaction, then told at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from cloud_sync.audit import AuditLog, Kind
from cloud_sync.consent import ConsentLedger, Evidence, Narrowing
from cloud_sync.consent.ages import AgeLedger
from cloud_sync.consent.groups import GroupLedger
from cloud_sync.facade.boundwitness import BoundWitness
from cloud_sync.facade.consents import Outgoing, log_consent
from cloud_sync.model import BoundKind, ConsentBound, Precision
from cloud_sync.policy import Policy
from cloud_sync.retention.checkpoint import clock_in_doubt
from cloud_sync.stores import Clock, Database

Settle = Callable[[str], Outgoing]
Done = Callable[[str, Outgoing], None]


@dataclass(frozen=True, slots=True)
class BoundDesk:
    """What groups and ages share: where they are kept, who is told, and what outlives a restore."""

    database: Database
    ledger: ConsentLedger
    clock: Clock
    policy: Policy
    audit: AuditLog
    witness: BoundWitness
    settle: Settle  # brings a person's devices in line, inside the transaction
    done: Done  # hears of it after the commit

    def carry_out(self, step: Callable[[], ConsentBound], concerned: Callable[[], Sequence[str]]) -> ConsentBound:
        """One transaction of the step, its audit entry and the directives of whoever it concerns, then sent at once."""
        with self.database.transaction():
            bound = step()
            self._log(bound)
            subjects = concerned()
            doubt = clock_in_doubt(self.database, self.clock.now())
            settled = [self.ledger.settle(subject, clock_in_doubt=doubt) for subject in subjects]
            for record in [ended for each in settled for ended in each]:
                log_consent(self.audit, record)
            outgoing = {subject: self.settle(subject) for subject in subjects}
        self.witness.note(bound)
        for subject, sealed in outgoing.items():
            self.done(subject, sealed)
        return bound

    def _log(self, bound: ConsentBound) -> None:
        """Who set what, where; never an age, and not its month."""
        if bound.kind is BoundKind.DECLARED:
            self.audit.record(Kind.AGE_DECLARED.value, bound.entity_id, bound.subject, record=bound.record_id)
            return
        detail: dict[str, str | int] = {"group": bound.group, "record": bound.record_id}
        if bound.purpose:
            detail |= {"purpose": bound.purpose, "precision": bound.precision.name.lower()}
        if bound.count:
            detail["count"] = bound.count
        self.audit.record(f"group.{bound.kind}", bound.entity_id, bound.subject, **detail)


class Groups:
    """Groups of accounts and companies: their holder narrows what members' consents open, and never widens it."""

    def __init__(self, desk: BoundDesk) -> None:
        self._desk = desk
        self._groups = GroupLedger(desk.database, desk.clock, desk.policy)

    def found(self, group: str, holder: Evidence) -> ConsentBound:
        """Begin a group; who does so holds it."""
        return self._desk.carry_out(lambda: self._groups.found(group, holder), list)

    def add(self, group: str, subject: str, holder: Evidence) -> ConsentBound:
        """Put a person in: what the group narrows holds for them from now on. It opens nothing."""
        return self._desk.carry_out(lambda: self._groups.add(group, subject, holder), lambda: [subject])

    def remove(self, group: str, subject: str, holder: Evidence) -> ConsentBound:
        """Take a person out: their own choice holds again, as they made it."""
        return self._desk.carry_out(lambda: self._groups.remove(group, subject, holder), lambda: [subject])

    def narrow(self, group: str, purpose: str, holder: Evidence, *, precision: Precision | None = None) -> ConsentBound:
        """Close a purpose for all members, or leave positions no finer than `precision`; their devices are told at once."""
        return self._desk.carry_out(
            lambda: self._groups.narrow(group, purpose, holder, precision=precision),
            lambda: self._groups.members(group),
        )

    def lift(self, group: str, purpose: str, holder: Evidence) -> ConsentBound:
        """Take a narrowing back: for each member their own choice holds again, a no included."""
        return self._desk.carry_out(
            lambda: self._groups.lift(group, purpose, holder), lambda: self._groups.members(group)
        )

    def certify(self, group: str, holder: Evidence, *, count: int, digest: str) -> ConsentBound:
        """Keep a company's declaration about `count` people (`digest`: SHA-256 of its text, hex). It is no consent of anybody."""
        return self._desk.carry_out(lambda: self._groups.certify(group, holder, count=count, digest=digest), list)

    def members(self, group: str) -> list[str]:
        """Who is in the group, in order."""
        return self._groups.members(group)

    def settings(self, group: str) -> dict[str, ConsentBound]:
        """What the group narrows, by purpose."""
        return self._groups.settings(group)

    def narrowing(self, subject: str, purpose: str) -> Narrowing:
        """What all groups of a person leave of a purpose now, and which of them say so."""
        return self._desk.ledger.bounds(subject).narrowing_at_use(purpose, self._desk.clock.now())


class Ages:
    """What is known of people's ages: below the age of consent a parent answers, by two channels (`consent.confirm`)."""

    def __init__(self, desk: BoundDesk) -> None:
        self._desk = desk
        self._ages = AgeLedger(desk.database, desk.clock, desk.policy, child_lost=desk.witness.child_lost)

    def declare(self, subject: str, born: date, evidence: Evidence, *, country: str | None = None) -> ConsentBound:
        """Keep from a birth date who answers, and forget it; consents that the wrong one gave are closed. `country` as "DK"."""
        return self._desk.carry_out(
            lambda: self._ages.declare(subject, born, evidence, country=country), lambda: [subject]
        )

    def known(self, subject: str) -> bool:
        """Whether an age was ever declared of the person."""
        return self._desk.ledger.bounds(subject).age is not None

    def forget(self, subject: str, until: float) -> None:
        """Whole-person erasure, inside its transaction: since when a child is of age goes.

        That they are a child stays [an erasure that makes an adult of them], until somebody else tells the age anew.
        """
        self._desk.database.forget_months(subject, until)

    def child(self, subject: str, purpose: str) -> bool:
        """Whether the person is known to be below the age of consent for a purpose."""
        return self._desk.ledger.child(subject, purpose)
