"""Whether a recipient that is listed may get anything at all today: enabled, bound, instructed, reviewed, reachable in law, and
approved of. And whether anything may be sold.
"""

from __future__ import annotations

from datetime import date

from cloud_sync.gate.question import Denial, Facts, Request
from cloud_sync.model import Reason
from cloud_sync.policy import Policy, Recipient
from cloud_sync.policy.vocabulary import SALE_PURPOSES, RecipientKind
from cloud_sync.retention.civil import local_date, zone_of

ADVISERS = "advisers"  # lawyers, debt collectors: what a case of theirs names, and nothing else (CG-61)


def refused(request: Request, policy: Policy, facts: Facts, recipient: Recipient) -> Denial | None:
    """The first of 14. to 18. that fails.

    14. The recipient is enabled (V-21), 14a. its agreement has not run out, 14b. a processor has accepted the policy in
    force, where the policy wants that, and 14c. works within its instructions (GDPR Art. 28(3)). 15. Its yearly review is not
    overdue (V-07).
    16. Its region is allowed, or an instrument that the policy accepts covers the transfer (V-07).
    17. An authority gives a legal reference. 18. Two others than the one who discloses have approved of it (V-22). 18a. An order or
    a case that somebody signed names what leaves, where the recipient gets nothing else.
    """
    if not recipient.enabled:
        return Reason.RECIPIENT_DISABLED, f"{recipient.id} is not enabled"
    today = local_day(request.at, policy)
    return (
        _unbound(request, policy, facts, recipient, today)
        or _unreviewed(policy, recipient, today)
        or _unreferenced(request, policy, facts, recipient)
    )


def unsold(request: Request, policy: Policy, facts: Facts) -> Denial | None:
    """A sale or a publication, unless the policy lets the right holder's signature or a court's order open exactly this (X-18)."""
    if request.purpose not in SALE_PURPOSES:
        return None
    keys, others = policy.parameters.words("recipients.sale"), facts.approvals - {request.actor.id, request.subject}
    if "agreement" in keys and request.subject in facts.approvals:
        return None
    if "court" in keys and len(others) >= policy.parameters.number("recipients.authority.approvals"):
        return None
    why = "nothing is sold or published" + (f", but what is signed for by {' or '.join(keys)}" if keys else "")
    return Reason.NO_SALE, why


def local_day(at: float, policy: Policy) -> date:
    """The day that the calendar of the company's country shows: agreements and reviews end with it."""
    return local_date(at, zone_of(policy.country)).to_stdlib()


def _unbound(request: Request, policy: Policy, facts: Facts, recipient: Recipient, today: date) -> Denial | None:
    """An agreement that ran out this morning binds nobody; nor does one to an older policy, or for something else."""
    if recipient.until is not None and today > recipient.until:
        why = f"the agreement with {recipient.id} ran out on {recipient.until}: sign it anew, and say so in the policy"
        return Reason.AGREEMENT_ENDED, why
    if recipient.bound and policy.parameters.flag("recipients.flowdown") and not facts.accepted:
        why = f"{recipient.id} has not accepted version {policy.version} of the policy"
        return Reason.POLICY_NOT_ACCEPTED, why
    if recipient.scope and request.purpose not in recipient.scope:
        return Reason.OUT_OF_INSTRUCTION, f"{recipient.id} has no instruction for {request.purpose}"
    return None


def _unreviewed(policy: Policy, recipient: Recipient, today: date) -> Denial | None:
    beyond = recipient.beyond
    due = min((day for day in (recipient.due, beyond.due if beyond else None) if day is not None), default=None)
    if due is not None and today > due:
        return (
            Reason.REVIEW_OVERDUE,
            f"the review of {recipient.id} was due on {due}: review it, and say so in the policy",
        )
    if not policy.region_allowed(recipient.region) and (beyond is None or beyond.mechanism not in policy.mechanisms):
        return Reason.TRANSFER_NOT_COVERED, f"nothing covers a transfer to {recipient.region}, where {recipient.id} is"
    return None


def _unreferenced(request: Request, policy: Policy, facts: Facts, recipient: Recipient) -> Denial | None:
    if recipient.kind is RecipientKind.AUTHORITY:
        return _authority(request, policy, facts, recipient)
    own = frozenset((request.subject,))  # an order is the person's own; a case is none of theirs to sign
    signed = facts.approvals & own if recipient.on_order else facts.approvals - own
    if (recipient.on_order or recipient.of == ADVISERS) and not (request.reference and signed):
        why = f"{recipient.id} gets what an order or a case names: name its reference, once somebody has signed it"
        return Reason.ORDER_MISSING, why
    return None


def _authority(request: Request, policy: Policy, facts: Facts, recipient: Recipient) -> Denial | None:
    """Two signatures and a reference in place of good faith."""
    if not request.reference:
        return Reason.LEGAL_REF_MISSING, f"{recipient.id} is an authority: name the legal reference of its order"
    others = facts.approvals - {request.actor.id, request.subject}
    needed = policy.parameters.number("recipients.authority.approvals")
    if len(others) < needed:
        return Reason.APPROVALS_MISSING, f"{len(others)} of {needed:.0f} approvals by others than who asks"
    return None
