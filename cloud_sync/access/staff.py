"""Access of the staff: a ticket or another person opens a short grant, and nothing lasts longer than what it rests on (V-04).

The gate asks `grant_for` with every request of a member of the staff, out of the store, so that a ticket that is closed in another
process ends the access at once. Reads under a grant carry grant and ticket in the audit log, where the person sees them.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection
from dataclasses import replace
from enum import StrEnum
from typing import Final

from cloud_sync.audit import Kind
from cloud_sync.errors import ConfigError, Denied
from cloud_sync.gate import Request, covers
from cloud_sync.gate.words import check_word, nothing_told, said_role
from cloud_sync.model import Actor, AuditEvent, LawfulBasis, Reason
from cloud_sync.model.access import StaffGrant, Ticket
from cloud_sync.policy import Policy
from cloud_sync.stores import AuditSink, Clock, Database

ID_BYTES: Final = 10
REMOTE_HELP: Final = "remote_help"
MOST_PAIRS: Final = 64  # purposes × categories of one grant: each has an entry of its own in the log


def _in_order(_: str) -> StrEnum | None:
    return None


class StaffAccess:
    """Tickets and grants of one installation. Each change is one transaction with its entry in the audit log."""

    def __init__(
        self,
        database: Database,
        policy: Policy,
        clock: Clock,
        audit: AuditSink,
        *,
        closed: Callable[[], None] = nothing_told,
        standing: Callable[[str], StrEnum | None] = _in_order,
    ) -> None:
        """`closed` hears after each commit that lets somebody out [a restored backup that forgets it is found by it].

        `standing` says what has lapsed of the account of a member of the staff, None of one in order.
        """
        self._standing = standing
        self._database = database
        self._policy = policy
        self._clock = clock
        self._audit = audit
        self._closed = closed

    # Tickets

    def open_ticket(self, ticket: str, subject: str, *, by: str) -> Ticket:
        """A case about one person, from now on; the same again is the one that is open. ConfigError for one of another person."""
        check_word(ticket, "ticket")
        known = self._database.ticket(ticket)
        if known is not None and known.subject != subject:
            raise ConfigError(f"ticket {ticket} is about another person; open one of its own")
        if known is not None and known.closed_at is None:
            return known
        made = Ticket(ticket, check_word(subject, "subject"), self._clock.now())
        with self._database.transaction():
            self._database.put_ticket(made)
            self._log(Kind.TICKET_OPENED, by, subject, ticket=ticket)
        return made

    def close_ticket(self, ticket: str, *, by: str) -> int:
        """Close it, and with it every grant that rests on it; how many these were. Grants of before do not come back."""
        with self._database.transaction():
            known = self._database.ticket(ticket)
            if known is None:
                raise ConfigError(f"there is no ticket {ticket}")
            if known.closed_at is not None:
                return 0
            now = self._clock.now()
            self._database.put_ticket(replace(known, closed_at=now))
            ended = [grant for grant in self._database.grants_of_ticket(ticket) if grant.ends_at > grant.opened_at]
            for grant in ended:
                self._end(grant, by)
            self._log(Kind.TICKET_CLOSED, by, known.subject, ticket=ticket, count=len(ended))
        self._closed()
        return len(ended)

    # Grants

    def open(
        self,
        staff: Actor,
        subject: str,
        *,
        purposes: Collection[str],
        categories: Collection[str],
        by: Actor,
        ticket: str = "",
        for_s: float | None = None,
        accepted: bool = False,
    ) -> StaffGrant:
        """Let a member of the staff in, for `policy.access.grant_ttl` or `for_s` seconds, the shorter.

        Remote help that rests on no consent is `accepted` by the person in the session (`access.help`), or nobody opens it.

        `Denied` says what is missing. 1. The policy lets the role in at all. 2. Second factors were seen [a stolen password].
        3. The grant rests on an open ticket about this person, or, where the policy asks for none, was opened by somebody else
        [staff who let themselves in]. 4. What it is for is declared, so that the log says something [a grant for everything].
        """
        pairs = self.may_open(staff, subject, purposes=purposes, categories=categories, by=by, ticket=ticket)
        if not accepted and any(self._in_session(*pair) for pair in pairs):
            why = "the person accepts remote help in the session: ask them"
            raise self._refuse((Reason.CONSENT_MISSING, why), staff, subject, by)
        with self._database.transaction():
            # Asked again where nothing can come between [a ticket that is closed while a grant is being opened for it].
            refused = self._refused(staff, subject, by, ticket)
            if refused is None:
                grant = self._grant(staff, subject, purposes, categories, by, ticket, for_s)
                for purpose, category in pairs:
                    about = {"purpose": purpose, "category": category, "role": staff.role, "grant": grant.grant}
                    self._log(Kind.ACCESS_OPENED, by.id, subject, **about, ticket=ticket)
                return grant
        raise self._refuse(refused, staff, subject, by)

    def may_open(
        self,
        staff: Actor,
        subject: str,
        *,
        purposes: Collection[str],
        categories: Collection[str],
        by: Actor | None = None,
        ticket: str = "",
    ) -> list[tuple[str, str]]:
        """The pairs of purpose and category that such a grant would be for; `Denied` and logged, as `open` has it."""
        who = by or staff
        for word, what in ((staff.id, "staff"), (who.id, "by"), (subject, "subject")):
            check_word(word, what)
        refused = self._refused(staff, subject, who, ticket)
        if refused is not None:
            raise self._refuse(refused, staff, subject, who)
        return self._declared(purposes, categories)

    def _refuse(self, refused: tuple[StrEnum, str], staff: Actor, subject: str, by: Actor) -> Denied:
        """Log it, outside of any transaction that would take the entry back; the error to raise."""
        reason, why = refused
        self._log(Kind.ACCESS_REFUSED, by.id, subject, role=said_role(staff.role), reason=reason.value)
        return Denied(reason, f"denied: {reason.value}: {why}")

    def _grant(
        self,
        staff: Actor,
        subject: str,
        purposes: Collection[str],
        categories: Collection[str],
        by: Actor,
        ticket: str,
        for_s: float | None,
    ) -> StaffGrant:
        now = self._clock.now()
        ends_at = self._policy.access.grant_ttl.end(now)
        grant = StaffGrant(
            grant=secrets.token_hex(ID_BYTES),
            staff=staff.id,
            role=staff.role,
            subject=subject,
            purposes=frozenset(purposes),
            categories=frozenset(categories),
            ticket=ticket,
            opened_by=by.id,
            opened_at=now,
            ends_at=ends_at if for_s is None else min(ends_at, now + max(0.0, for_s)),
        )
        self._database.put_grant(grant)
        return grant

    def close(self, grant: str, *, by: str) -> None:
        """Take a grant back, now; one that is over stays over."""
        with self._database.transaction():
            known = self._database.grant(grant)
            if known is None:
                raise ConfigError("there is no such grant")
            if known.ends_at > known.opened_at:
                self._end(known, by)
        self._closed()

    def grants(self, subject: str) -> list[StaffGrant]:
        """Every grant for a person's data, the newest first: the person may see them."""
        return self._database.grants(subject)

    def grant_for(self, request: Request) -> StaffGrant | None:
        """What the actor's access rests on: a grant for exactly this, the one that lasts longest, else any of theirs.

        One whose ticket cannot carry it any more is over, whatever its row says [a grant that outlives its ticket].
        """
        own = [self._carried(grant) for grant in self._database.grants(request.subject, request.actor.id)]
        fitting = [grant for grant in own if covers(grant, request)]
        return max(fitting or own, key=lambda grant: (self._ends_at(grant), grant.opened_at), default=None)

    # Parts

    def _carried(self, grant: StaffGrant) -> StaffGrant:
        if grant.ends_at > grant.opened_at and self._standing(grant.staff) is not None:
            return replace(grant, ends_at=grant.opened_at)
        if not grant.ticket or grant.ends_at <= grant.opened_at:
            return grant
        ticket = self._database.ticket(grant.ticket)
        stands = ticket is not None and ticket.closed_at is None and ticket.subject == grant.subject
        return grant if stands else replace(grant, ends_at=grant.opened_at)

    def _refused(self, staff: Actor, subject: str, by: Actor, ticket: str) -> tuple[StrEnum, str] | None:
        access = self._policy.access
        if (who := self._who(staff, by)) is not None:
            return who
        if not ticket:
            if access.ticket_required:
                return Reason.TICKET_MISSING, "name the ticket: nobody is let in without one"
            return (Reason.TICKET_MISSING, "somebody else must open it") if by.id == staff.id else None
        known = self._database.ticket(ticket)
        if known is None or known.closed_at is not None or known.subject != subject:
            return Reason.TICKET_MISSING, f"there is no open ticket {ticket} about this person"
        return None

    def _who(self, staff: Actor, by: Actor) -> tuple[StrEnum, str] | None:
        access = self._policy.access
        if staff.role not in access.roles:
            return Reason.ROLE_NOT_PERMITTED, f"role {staff.role} is none of those that access.roles lets in"
        if access.staff_mfa == "required" and not (staff.mfa and by.mfa):
            return Reason.MFA_MISSING, "log in with a second factor"
        lapsed = self._standing(staff.id)
        return (lapsed, "the account of this member of the staff is not in order") if lapsed is not None else None

    def _declared(self, purposes: Collection[str], categories: Collection[str]) -> list[tuple[str, str]]:
        pairs = [(purpose, category) for purpose in sorted(purposes) for category in sorted(categories)]
        declared = [pair for pair in pairs if self._policy.rule(pair[1], pair[0]) is not None]
        missing = {*purposes, *categories} - {word for pair in declared for word in pair}
        if missing or not declared:
            raise ConfigError(
                f"no rule of the policy is for {', '.join(sorted(missing)) or 'nothing'}; name what the ticket needs"
            )
        if len(declared) > MOST_PAIRS:
            raise ConfigError(
                f"a grant is for {MOST_PAIRS} categories and purposes at most; name what the ticket needs"
            )
        return declared

    def _in_session(self, purpose: str, category: str) -> bool:
        rule = self._policy.rule(category, purpose)
        return purpose == REMOTE_HELP and rule is not None and rule.basis is not LawfulBasis.CONSENT

    def _ends_at(self, grant: StaffGrant) -> float:
        return min(grant.ends_at, self._policy.access.grant_ttl.end(grant.opened_at))

    def _end(self, grant: StaffGrant, by: str) -> None:
        self._database.put_grant(replace(grant, ends_at=grant.opened_at))
        self._log(Kind.ACCESS_CLOSED, by, grant.subject, grant=grant.grant, ticket=grant.ticket, role=grant.role)

    def _log(self, kind: Kind, by: str, subject: str, **detail: str | int) -> None:
        self._audit.append(AuditEvent(kind.value, self._clock.now(), by, subject, tuple(sorted(detail.items()))))
