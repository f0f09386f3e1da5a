"""Signatures under a reference: two before an authority is told anything (clause table, V-22), the right holder's before
anything is sold (X-18), one under an order of the person's or under an adviser's case (TT-33, CG-61).
"""

from __future__ import annotations

import math
from typing import Final

from cloud_sync.audit import Kind
from cloud_sync.errors import ConfigError, Denied
from cloud_sync.gate import Request
from cloud_sync.gate.words import check_word, said_role, said_word
from cloud_sync.model import Actor, AuditEvent, Reason
from cloud_sync.model.access import Approval
from cloud_sync.policy import Policy
from cloud_sync.policy.vocabulary import Role
from cloud_sync.stores import AuditSink, Clock, Database

#: Who answers for what the controller does: not the authority that asks, no recipient, and not the help desk.
SIGNERS: Final = frozenset(role.value for role in (Role.CONTROLLER, Role.JOINT_CONTROLLER, Role.DPO, Role.STAFF))
#: So long a signature counts: an order is carried out within the month in which a request is answered (GDPR Art. 12(3)); later
#: somebody looks again whether it still stands [a signature in a drawer that opens a person's track for good].
TERM_S: Final = 30 * 86_400.0


class Approvals:
    """Who approved of telling a recipient about a person, under which reference."""

    def __init__(self, database: Database, policy: Policy, clock: Clock, audit: AuditSink) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock
        self._audit = audit

    def approve(
        self,
        reference: str,
        recipient: str,
        subject: str,
        *,
        purpose: str,
        start: float,
        end: float,
        by: Actor,
        record: str = "",
    ) -> Approval:
        """One signature for what was captured from `start` to before `end`, or of it for one record; a second one of the
        same person counts as the first.

        `Denied` for who may not sign, logged; ConfigError for a recipient or a purpose that the policy does not know.
        1. One of the controller's own people signs [the authority that approves of its own order]. 2. A second factor was seen [a
        stolen password]. 3. Purpose and span are a part of what is signed [a signature for a day that opens a year].
        """
        allowed = by.role in SIGNERS
        self._demand(by, subject, allowed, "one of the controller's own people signs")
        return self._signed(reference, recipient, subject, purpose, (start, end), record, by)

    def sign(
        self,
        reference: str,
        recipient: str,
        subject: str,
        *,
        purpose: str,
        start: float,
        end: float,
        by: Actor,
        record: str = "",
    ) -> Approval:
        """The person's own signature for their own data: an order, or an agreement on a sale. It is none of those of an authority's
        order. Errors as of `approve`.
        """
        own = by.role == Role.DATA_SUBJECT.value and by.id == subject
        self._demand(by, subject, own, "the person signs for their own data")
        return self._signed(reference, recipient, subject, purpose, (start, end), record, by)

    def _signed(
        self,
        reference: str,
        recipient: str,
        subject: str,
        purpose: str,
        span: tuple[float, float],
        record: str,
        by: Actor,
    ) -> Approval:
        start, end = span
        if recipient not in self._policy.recipients or purpose not in self._policy.purposes:
            raise ConfigError(f"{recipient} is no recipient, or {purpose} no purpose, of the policy")
        if not (math.isfinite(start) and math.isfinite(end) and start < end):
            raise ConfigError("start and end are Unix seconds: name the span that the order is about")
        words = check_word(reference, "reference"), recipient, check_word(subject, "subject"), check_word(by.id, "by")
        named = check_word(record, "record") if record else ""
        made = Approval(*words, self._clock.now(), purpose, float(start), float(end), named)
        detail = (
            *(("legal_ref", reference), ("recipient", recipient), ("role", by.role), ("purpose", purpose)),
            *(("captured_first", int(start)), ("captured_last", int(end))),
            *((("record", record),) if record else ()),
        )
        with self._database.transaction():
            self._database.put_approval(made)
            self._audit.append(AuditEvent(Kind.DISCLOSURE_APPROVED.value, made.at, by.id, subject, detail))
        return made

    def of(self, request: Request) -> frozenset[str]:
        """The gate's question: who approved of what this request discloses, all of it, and lately."""
        if request.span is None:
            return frozenset()
        start, end = request.span
        found = self._database.approvals(request.reference, request.recipient or "", request.subject)
        return frozenset(
            each.approver
            for each in found
            if each.purpose == request.purpose
            and each.record in ("", request.record)
            and each.start <= start
            and end <= each.end
            and each.at <= request.at < each.at + TERM_S
        )

    def _demand(self, by: Actor, subject: str, allowed: bool, why: str) -> None:
        if not allowed:
            reason = Reason.ROLE_NOT_PERMITTED
        elif not by.mfa:
            reason, why = Reason.MFA_MISSING, "log in with a second factor"
        else:
            return
        detail = (("role", said_role(by.role)), ("reason", reason.value))
        refused = AuditEvent(Kind.ACCESS_REFUSED.value, self._clock.now(), said_word(by.id), said_word(subject), detail)
        self._audit.append(refused)
        raise Denied(reason, f"denied: {reason.value}: {why}")
