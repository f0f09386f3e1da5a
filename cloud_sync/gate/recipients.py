"""Whether a recipient that is listed may get anything at all today: enabled, reviewed, reachable in law, and approved of."""

from __future__ import annotations

from datetime import UTC, date, datetime

from cloud_sync.gate.question import Facts, Request
from cloud_sync.model import Reason
from cloud_sync.policy import Policy, Recipient
from cloud_sync.policy.vocabulary import RecipientKind

Denial = tuple[Reason, str]


def refused(request: Request, policy: Policy, facts: Facts, recipient: Recipient) -> Denial | None:
    """The first of 14. to 18. that fails.

    14. The recipient is enabled (V-21). 15. Its yearly review is not overdue (V-07).
    16. Its region is allowed, or an instrument that the policy accepts covers the transfer (V-07).
    17. An authority gives a legal reference. 18. Two others than the one who discloses have approved of it (V-22).
    """
    if not recipient.enabled:
        return Reason.RECIPIENT_DISABLED, f"{recipient.id} is not enabled"
    beyond = recipient.beyond
    due = min((day for day in (recipient.due, beyond.due if beyond else None) if day is not None), default=None)
    if due is not None and _day(request.at) > due:
        return (
            Reason.REVIEW_OVERDUE,
            f"the review of {recipient.id} was due on {due}: review it, and say so in the policy",
        )
    if not policy.region_allowed(recipient.region) and (beyond is None or beyond.mechanism not in policy.mechanisms):
        return Reason.TRANSFER_NOT_COVERED, f"nothing covers a transfer to {recipient.region}, where {recipient.id} is"
    return _authority(request, policy, facts, recipient) if recipient.kind is RecipientKind.AUTHORITY else None


def _authority(request: Request, policy: Policy, facts: Facts, recipient: Recipient) -> Denial | None:
    """Two signatures and a reference in place of good faith."""
    if not request.reference:
        return Reason.LEGAL_REF_MISSING, f"{recipient.id} is an authority: name the legal reference of its order"
    others, needed = facts.approvals - {request.actor.id}, policy.parameters.number("recipients.authority.approvals")
    if len(others) < needed:
        return Reason.APPROVALS_MISSING, f"{len(others)} of {needed:.0f} approvals by others than who asks"
    return None


def _day(at: float) -> date:
    return datetime.fromtimestamp(at, UTC).date()
