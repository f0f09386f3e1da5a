"""Groups and ages as the façade takes them: ledger of bounds, directives and audit log in one transaction, then told at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

from cloud_sync.audit import AuditLog, Kind
from cloud_sync.consent import ConsentLedger, Evidence, Narrowing
from cloud_sync.consent.ages import AgeLedger
from cloud_sync.consent.choices import Conflict, Effective, conflict, effective, wish_of
from cloud_sync.consent.groups import GroupLedger
from cloud_sync.facade.boundwitness import BoundWitness
from cloud_sync.facade.consents import Outgoing, log_consent
from cloud_sync.gate.words import said_role
from cloud_sync.model import BoundKind, ConsentBound, Precision
from cloud_sync.policy import Policy
from cloud_sync.policy.vocabulary import Role
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

    def carry_out(
        self, step: Callable[[], ConsentBound], concerned: Callable[[], Sequence[str]], **more: str
    ) -> ConsentBound:
        """One transaction of the step, its audit entry and the directives of whoever it concerns, then sent at once.

        `more` stands in the entry beside what the step says.
        """
        with self.database.transaction():
            bound = step()
            self._log(bound, more)
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

    def _log(self, bound: ConsentBound, more: Mapping[str, str]) -> None:
        """Who set what, where; never an age, and not its month."""
        if bound.kind is BoundKind.DECLARED:
            self.audit.record(Kind.AGE_DECLARED.value, bound.entity_id, bound.subject, record=bound.record_id)
            return
        detail: dict[str, str | int] = {"group": bound.group, "record": bound.record_id, **more}
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

    def invite(self, group: str, subject: str, holder: Evidence) -> ConsentBound:
        """Ask a person to be in the group; nothing of it holds for them before they `accept`."""
        return self._desk.carry_out(lambda: self._groups.invite(group, subject, holder), list)

    def accept(self, group: str, subject: str, evidence: Evidence) -> ConsentBound:
        """The person's own yes to an invitation: what the group narrows holds for them from now on. It opens nothing."""
        step = partial(self._groups.accept, group, subject, evidence, parent=self._parent(subject))
        return self._desk.carry_out(step, lambda: [subject])

    def decline(self, group: str, subject: str, evidence: Evidence) -> ConsentBound:
        """The person's no to an invitation; it is not repeated for a month."""
        step = partial(self._groups.decline, group, subject, evidence, parent=self._parent(subject))
        return self._desk.carry_out(step, list)

    def invited(self, group: str) -> list[str]:
        """Who was invited and may still accept, in order."""
        return self._groups.invited(group)

    def asked(self, group: str) -> list[str]:
        """Who was invited within the last month, whatever they have answered, in order."""
        return self._groups.asked(group)

    def invitations(self, subject: str) -> list[ConsentBound]:
        """What a person may still accept, for them to see; who invites is `entity_id`."""
        return self._groups.invitations(subject)

    def _parent(self, subject: str) -> str:
        """Who told the age of a person that is a child, if it was somebody else."""
        bounds = self._desk.ledger.bounds(subject)
        told = [bound.entity_id for bound in bounds.own if bound.kind is BoundKind.DECLARED]
        return told[-1] if told and bounds.minor(self._desk.policy, self._desk.clock.now()) else ""

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

    def certify(
        self, group: str, holder: Evidence, *, count: int, digest: str, role: str = Role.ACCOUNT_HOLDER.value
    ) -> ConsentBound:
        """Keep a company's declaration about `count` people (`digest`: SHA-256 of its text, hex). It is no consent of anybody.

        `role` is that of who signed, for the log.
        """
        step = partial(self._groups.certify, group, holder, count=count, digest=digest)
        return self._desk.carry_out(step, list, role=said_role(role))

    def choose(self, group: str, purpose: str, holder: Evidence, *, open: bool) -> ConsentBound:
        """What the holder would have for all. Where consent is asked for a no narrows and a yes binds nobody, and is only shown;
        where it is not (a contract), both are settings, of which a no closes.
        """
        if self._desk.policy.consent_rules(purpose):
            closed = self._groups.settings(group).get(purpose)
            if open and closed is not None:
                self.lift(group, purpose, holder)
            elif not open and (closed is None or not closed.closed):
                self.narrow(group, purpose, holder)
        return self._desk.carry_out(
            lambda: self._groups.wish(group, purpose, holder, closed=not open), lambda: self._groups.members(group)
        )

    # Whose choice holds, as members and holder see it

    def effective(self, subject: str, purpose: str) -> Effective:
        """What holds for a person, and whose choice that is."""
        now, ledger = self._desk.clock.now(), self._desk.ledger
        own = ledger.state_at(subject, purpose, now)
        return effective(self._desk.policy, purpose, own, ledger.bounds(subject), now)

    def conflicts(self, group: str) -> list[Conflict]:
        """Where the holder and a member who has answered want different things; the holder sees all, each member their own."""
        wanted = {purpose: not bound.closed for purpose, bound in self._groups.wishes(group).items()}
        wanted |= {purpose: False for purpose, bound in self._groups.settings(group).items() if bound.closed}
        now, found = self._desk.clock.now(), []
        for subject in self._groups.members(group):
            for purpose, holder_open in sorted(wanted.items()):
                own = self._desk.ledger.state_at(subject, purpose, now)
                row = conflict(group, subject, purpose, holder_open, own, self.effective(subject, purpose))
                found += [row] if row else []
        return found

    def conflicts_of(self, subject: str) -> list[Conflict]:
        """The same of all groups of a person."""
        groups = self._desk.ledger.bounds(subject).members_of(self._desk.clock.now())
        return [row for group in groups for row in self.conflicts(group) if row.subject == subject]

    def closed(self, subject: str) -> frozenset[str]:
        """Purposes on which nobody is asked, and which a holder has closed for a person."""
        bounds, now = self._desk.ledger.bounds(subject), self._desk.clock.now()
        wished = {
            event.purpose for events in bounds.groups.values() for event in events if event.kind is BoundKind.WISHED
        }
        contract = (purpose for purpose in wished if not self._desk.policy.consent_rules(purpose))
        return frozenset(each for each in contract if (wish := wish_of(bounds, each, now)) is not None and wish.closed)

    def check_holder(self, group: str, holder: Evidence) -> None:
        """ConsentError unless the group is there and is held by who acts."""
        self._groups.check_holder(group, holder)

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
