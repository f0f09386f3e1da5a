"""What the audit log has of an act that the gate was asked about: on what it rests, and who acted on whom."""

from __future__ import annotations

from cloud_sync.gate.gate import Gate
from cloud_sync.gate.question import Request
from cloud_sync.gate.words import said_word
from cloud_sync.model.access import StaffGrant

Detail = list[tuple[str, str | int]]


def rests_on(gate: Gate, request: Request, *, allowed: bool) -> Detail:
    """Basis and consent record of a use that is allowed, and the grant that lets a member of the staff in, if any."""
    detail: Detail = []
    if allowed:
        basis, record = gate.ground(request)
        detail += [("basis", basis), *([("record", record)] if record else [])]
    return detail + granted(gate.grant(request))


def granted(grant: StaffGrant | None) -> Detail:
    """A grant and its ticket."""
    return [] if grant is None else [("grant", grant.grant), ("ticket", grant.ticket)]


def named(actor: str, subject: str, *, allowed: bool) -> tuple[str, str]:
    """Who acted, and on whom. A denial is logged whoever they say they are, by a word where it is no identifier."""
    return (actor, subject) if allowed else (said_word(actor), said_word(subject))
