"""Types of a permission: lawful bases, actions, who asks, and why an answer is what it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class LawfulBasis(StrEnum):
    """GDPR Art. 6(1)(a), (b), (c), (f)."""

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGAL_OBLIGATION = "legal_obligation"
    LEGITIMATE_INTEREST = "legitimate_interest"


class Action(StrEnum):
    """What somebody wants to do with personal data; the gate answers each."""

    SENSE = "sense"
    INGEST = "ingest"
    READ = "read"
    EXPORT = "export"
    DISCLOSE = "disclose"
    STATISTICS = "statistics"
    MAIL = "mail"  # a message to the person
    TERMINAL = "terminal"  # reading what lies in the person's device itself (ePrivacy Art. 5(3))


class Reason(StrEnum):
    """Why the gate allowed or denied: a closed list, in the order in which the checks run."""

    ALLOWED = "allowed"
    TOKEN_LOCKED = "token_locked"  # noqa: S105 - a reason, not a token
    SOURCE_UNDECLARED = "source_undeclared"
    CONTENT_FORBIDDEN = "content_forbidden"
    DEVICE_UNKNOWN = "device_unknown"
    CATEGORY_UNKNOWN = "category_unknown"
    PURPOSE_MISSING = "purpose_missing"
    PURPOSE_NOT_DECLARED = "purpose_not_declared"
    NO_SALE = "no_sale"
    ACTION_NOT_PERMITTED = "action_not_permitted"
    ROLE_NOT_PERMITTED = "role_not_permitted"
    CONSENT_MISSING = "consent_missing"
    CONSENT_NOT_AT_CAPTURE = "consent_not_at_capture"
    CONTRACT_ENDED = "contract_ended"
    PURPOSE_ENDED = "purpose_ended"
    PRECISION_TOO_FINE = "precision_too_fine"
    RESTRICTED = "restricted"
    EXPIRED = "expired"
    ERASED = "erased"
    RECIPIENT_NOT_LISTED = "recipient_not_listed"
    RECIPIENT_DISABLED = "recipient_disabled"
    AGREEMENT_ENDED = "agreement_ended"
    POLICY_NOT_ACCEPTED = "policy_not_accepted"
    OUT_OF_INSTRUCTION = "out_of_instruction"
    REVIEW_OVERDUE = "review_overdue"
    TRANSFER_NOT_COVERED = "transfer_not_covered"
    LEGAL_REF_MISSING = "legal_ref_missing"
    APPROVALS_MISSING = "approvals_missing"
    ORDER_MISSING = "order_missing"
    CHILD_PROTECTED = "child_protected"
    RELATION_MISSING = "relation_missing"
    TICKET_MISSING = "ticket_missing"
    GRANT_EXPIRED = "grant_expired"
    MFA_MISSING = "mfa_missing"
    MAIL_CLASS_MISMATCH = "mail_class_mismatch"
    TOO_MANY_MAILS = "too_many_mails"
    NOTICE_MISSING = "notice_missing"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a pseudonymous id and a role of the policy (`data_subject`, `controller`, `support`, …).

    `mfa` says that whoever authenticated the actor has seen a second factor; nothing here can check it.
    """

    id: str
    role: str
    mfa: bool = False
