"""Who is let in to another's data: by a relation that lasts, or as staff by a grant; and with a second factor where one is due."""

from __future__ import annotations

from cloud_sync.gate.book import RELATED, USERS, Book, Line
from cloud_sync.gate.question import Denial, Facts, Request
from cloud_sync.model import Action, Reason
from cloud_sync.model.access import StaffGrant

_REQUIRED = "required"


def let_in(request: Request, book: Book, facts: Facts, _line: Line) -> Denial | None:
    """20. Who sees another's data has a relation that lasts. 21., 22. The staff has a grant. 23. A second factor was seen."""
    actor, access = request.actor, book.policy.access
    if actor.role in book.staff:
        # A count of many people shows nobody: it needs no ticket about one [CT-42], only a purpose that has statistics.
        grant = None if request.action is Action.STATISTICS else _by_grant(request, book, facts)
        return grant or (None if actor.mfa else _factor(access.staff_mfa))
    if actor.role in RELATED and actor.id != request.subject and not facts.related:
        return Reason.RELATION_MISSING, f"no relation of this {actor.role} to the person is in force"
    return None if actor.mfa or actor.role not in USERS else _factor(access.user_mfa)


def _factor(rule: str) -> Denial | None:
    return (Reason.MFA_MISSING, "log in with a second factor") if rule == _REQUIRED else None


def covers(grant: StaffGrant, request: Request) -> bool:
    """Whether a grant was opened for this request, at whatever time."""
    return (
        grant.staff == request.actor.id
        and grant.role == request.actor.role
        and grant.subject == request.subject
        and request.purpose in grant.purposes
        and request.category in grant.categories
    )


def _by_grant(request: Request, book: Book, facts: Facts) -> Denial | None:
    """A grant for exactly this, by a ticket or by somebody else, no longer than the policy lets one last (V-04)."""
    grant, access = facts.grant, book.policy.access
    if grant is None or not covers(grant, request):
        return Reason.TICKET_MISSING, "no grant lets this member of the staff in: open one for an open ticket"
    if not grant.ticket and (access.ticket_required or grant.opened_by == grant.staff):
        return Reason.TICKET_MISSING, "the grant rests on no ticket"
    over = book.grant_term.over(grant.opened_at, request.at)
    if over or not grant.opened_at <= request.at < grant.ends_at:
        return Reason.GRANT_EXPIRED, "the grant is over, or its ticket is closed"
    return None
