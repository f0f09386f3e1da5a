"""Cases in plain values, as the gate is asked them: requests and facts."""

from __future__ import annotations

from cloud_sync.consent import Coverage
from cloud_sync.gate import Facts, MailClass, Request, StaffGrant
from cloud_sync.model import Action, Actor, Precision
from tests.properties.gate_oracle import Case

NOW = 1_800_000_000.0
DAY = 86_400.0
SUBJECT = "s-1"
GRANTS = ("none", "good", "over", "not yet", "too long", "other person", "other purpose", "other category", "no ticket")


def request_of(case: Case) -> Request:
    """The case as the gate is asked."""
    return Request(
        Actor(SUBJECT if case.own else "a-2", case.role, case.mfa),
        case.purpose,
        Action(case.action),
        case.category,
        SUBJECT,
        NOW,
        NOW - case.age_s,
        precision=None if case.wanted is None else Precision(case.wanted),
        fields=case.fields,
        recipient=case.recipient,
        reference=case.reference,
        content=frozenset(MailClass(name) for name in case.content),
    )


def facts_of(case: Case) -> Facts:
    """The case as the stores know it."""
    capture, use = case.given
    covered = capture and use
    return Facts(
        device_known=case.known,
        coverage=Coverage(covered, use, Precision(case.consented) if covered else Precision.NONE),
        restricted=case.restricted,
        erased=case.erased,
        contract_ended=False,
        child=case.child,
        grant=grant_of(case),
        related=case.related,
        approvals=frozenset([*(f"b-{n}" for n in range(case.approvals)), SUBJECT if case.own else "a-2"]),
        mails=case.mails,
    )


def grant_of(case: Case) -> StaffGrant | None:
    """A grant of the kind that the case names; each but `good` is it with one thing changed."""
    kind = case.grant
    if kind == "none":
        return None
    opened = {"over": NOW - 3600, "not yet": NOW + 1, "too long": NOW - 3601}.get(kind, NOW - 600)
    return StaffGrant(
        "g-1",
        SUBJECT if case.own else "a-2",
        case.role,
        "s-2" if kind == "other person" else SUBJECT,
        frozenset({"unheard_of"} if kind == "other purpose" else {case.purpose}),
        frozenset({"unheard_of"} if kind == "other category" else {case.category}),
        "" if kind == "no ticket" else "T-1",
        "a-9",
        opened,
        opened + (86_400 if kind == "too long" else 3600),
    )
