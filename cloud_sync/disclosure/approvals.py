"""Two signatures and a reference before an authority is told anything (clause table, V-22)."""

from __future__ import annotations

from cloud_sync.access.words import check_word
from cloud_sync.audit import Kind
from cloud_sync.errors import ConfigError
from cloud_sync.gate import Request
from cloud_sync.model import Actor, AuditEvent
from cloud_sync.model_access import Approval
from cloud_sync.policy import Policy
from cloud_sync.stores import AuditSink, Clock, Database


class Approvals:
    """Who approved of telling a recipient about a person, under which reference."""

    def __init__(self, database: Database, policy: Policy, clock: Clock, audit: AuditSink) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock
        self._audit = audit

    def approve(self, reference: str, recipient: str, subject: str, *, by: Actor) -> Approval:
        """One signature; a person's second one counts as the first. ConfigError for a recipient that the policy does not know."""
        if recipient not in self._policy.recipients:
            raise ConfigError(f"{recipient} is no recipient of the policy")
        words = check_word(reference, "reference"), recipient, check_word(subject, "subject"), check_word(by.id, "by")
        made = Approval(*words, self._clock.now())
        with self._database.transaction():
            self._database.put_approval(made)
            detail = (("legal_ref", reference), ("recipient", recipient), ("role", by.role))
            self._audit.append(AuditEvent(Kind.DISCLOSURE_APPROVED.value, made.at, by.id, subject, detail))
        return made

    def of(self, request: Request) -> frozenset[str]:
        """The gate's question: who approved of what this request discloses."""
        found = self._database.approvals(request.reference, request.recipient or "", request.subject)
        return frozenset(approval.approver for approval in found)
