"""Cases: what a person asks under a right, when that is due, and what became of it.

Pure data. Times are Unix seconds UTC; people and references are identifiers, never names or free text. What a person wrote stands
in no field of these but `CaseEvent.sealed`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Right(StrEnum):
    """What is asked. Withdrawing a consent is none of these: it acts at once, without a case."""

    ACCESS = "access"  # GDPR Art. 15
    PORTABILITY = "portability"  # Art. 20
    RECTIFICATION = "rectification"  # Art. 16
    ERASURE = "erasure"  # Art. 17
    RESTRICTION = "restriction"  # Art. 18
    OBJECTION = "objection"  # Art. 21
    HUMAN_REVIEW = "human_review"  # Art. 22(3)
    ASSURANCE = "assurance"  # proof of the security measures, to a customer (Art. 28(3)(h))
    QUESTION = "question"
    COMPLAINT = "complaint"


class Channel(StrEnum):
    """How it came. All open the same case."""

    PORTAL = "portal"
    MAIL = "mail"
    LETTER = "letter"
    PHONE = "phone"
    IN_PERSON = "in_person"
    BROKER = "broker"
    OWN = "own"  # nobody asked: the company opened the case by itself


class CaseState(StrEnum):
    """How far a case has come; a state is never gone back to."""

    OPEN = "open"
    IDENTIFIED = "identified"
    DECIDED = "decided"
    ANSWERED = "answered"
    CLOSED = "closed"


class Identity(StrEnum):
    """By what the company knows that the person is who they say."""

    NONE = ""
    LOGIN = "login"  # with a second factor
    LINK = "link"  # opened from the address on file
    DOCUMENT = "document"  # a masked copy, after a recorded doubt
    NOT_ASKED = "not_asked"  # the company opened the case by itself


class Doubt(StrEnum):
    """Why neither a login nor a link to the address on file is enough (GDPR Art. 12(6))."""

    NO_ADDRESS = "no_address_on_file"
    ADDRESS_DISPUTED = "address_disputed"
    ACCOUNT_TAKEN_OVER = "account_taken_over"
    CONTRADICTORY = "contradictory_data"


class Outcome(StrEnum):
    """What was decided."""

    GRANTED = "granted"
    PARTLY = "partly"
    REFUSED = "refused"


class RefusalCode(StrEnum):
    """Why not, or not in full (GDPR Art. 12(4), 12(5), 15(4), 17(3), 21(1))."""

    NOT_IDENTIFIED = "not_identified"
    CONTRACT = "contract"
    LEGAL_OBLIGATION = "legal_obligation"
    LEGAL_CLAIM = "legal_claim"
    RIGHTS_OF_OTHERS = "rights_of_others"
    UNFOUNDED = "unfounded"
    EXCESSIVE = "excessive"
    COMPELLING_GROUNDS = "compelling_grounds"
    DATA_IS_RIGHT = "data_is_right"
    DOES_NOT_APPLY = "does_not_apply"


@dataclass(frozen=True, slots=True)
class Case:
    """One right that a person uses. Cases of one `message` are linked and due together.

    `due_at` is the moment at which the last day is over; `promise_at` and `law_at` are the two dates of which it is the earlier.
    `purpose` is what an objection is against, or the decision that is reviewed, `rule_owner` who answers for an automated
    decision that is to be reviewed.
    """

    case_id: str
    message: str
    subject: str
    right: Right
    channel: Channel
    received_at: float
    keyed_at: float
    promise_at: float
    law_at: float
    due_at: float
    alarm_at: float
    target_at: float
    state: CaseState = CaseState.OPEN
    identity: Identity = Identity.NONE
    purpose: str = ""
    rule_owner: str = ""
    outcome: str = ""
    reason: str = ""
    reviewer: str = ""
    authority: str = ""
    extended_at: float | None = None
    carried_at: float | None = None
    decided_at: float | None = None
    answered_at: float | None = None
    closed_at: float | None = None
    evidence: str = ""
    alarmed: int = 0  # 1 once its alarm was raised, 2 once it was late

    @property
    def pending(self) -> bool:
        """Whether the person still waits for an answer."""
        return self.state not in (CaseState.ANSWERED, CaseState.CLOSED)


@dataclass(frozen=True, slots=True)
class CaseEvent:
    """Something that happened to a case: appended, never changed. `sealed` is what the person wrote or was told, under their key;
    `digest` the SHA-256 of it in the clear with a salt that is sealed with it, so that a proof outlives the content.
    """

    case_id: str
    number: int
    kind: str
    at: float
    actor: str
    detail: str
    digest: str = ""
    sealed: bytes = b""


@dataclass(frozen=True, slots=True)
class IdentityLink:
    """A link that was sent to the address on file. `link` is the SHA-256 of its token: the token itself is kept nowhere."""

    link: str
    message: str
    made_at: float
    ends_at: float
    used_at: float | None = None
