"""Types of consent: the events of the ledger, and what bounds a person's consent beside their own answers.

Pure data, as the rest of `model`, which offers them too. Times are Unix seconds UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from cloud_sync.model.link import Precision


class ConsentState(StrEnum):
    """States of a consent record; only `given` opens the gate (ISO/IEC TS 27560 event_state, DPV terms)."""

    REQUESTED = "requested"
    GIVEN = "given"
    REFUSED = "refused"
    LATER = "later"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    PENDING = "pending"  # below the age of consent: a parent has not confirmed by a second channel


class EntityRole(StrEnum):
    """In which role somebody acted on a consent; empty in records from before it was kept."""

    DATA_SUBJECT = "data_subject"
    PARENT = "parent"
    CONTROLLER = "controller"
    REPRESENTATIVE = "representative"  # somebody else, who narrowed for the person
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class ConsentRecord:
    """One event of the append-only consent ledger. Field names follow ISO/IEC TS 27560; no personal data in clear.

    What is the same for all who answered under one policy (parties, storage, terms, rights) is not copied into every row: it
    follows from the policy of that hash, and `consent.complete` puts both together.
    """

    record_id: str
    pii_principal_id: str  # the data subject's pseudonym in this installation
    purpose: str
    pii_type: tuple[str, ...]  # data categories of the policy
    event_state: ConsentState
    event_time: float
    privacy_notice: str  # version of the notice that was answered
    policy_hash: str  # SHA-256 of the policy file in force
    precision: Precision  # the finest the person allows
    validity_until: float | None
    entity_id: str  # who acted (the person, or a parent)
    channel: str  # where: app, portal, letter, …
    affirmative_act: str  # what they did; empty only for expiry
    language: str
    schema_version: str = "ISO/IEC TS 27560:2023"
    notice_hash: str = ""  # SHA-256 of what the notice says of this purpose; empty in records from before it was kept
    entity_role: str = ""  # an EntityRole; empty in records from before


class BoundKind(StrEnum):
    """What can bound a consent: groups of accounts and companies, and the age of the person."""

    FOUNDED = "founded"
    INVITED = "invited"
    DECLINED = "declined"
    JOINED = "joined"
    LEFT = "left"
    NARROWED = "narrowed"
    LIFTED = "lifted"
    CERTIFIED = "certified"
    WISHED = "wished"  # the holder would have a purpose open; opens nothing
    DECLARED = "declared"


@dataclass(frozen=True, slots=True)
class ConsentBound:
    """One event that bounds consents and never makes one; append-only, no personal data in clear.

    FOUNDED, NARROWED, LIFTED, WISHED and CERTIFIED are about a group and have no subject; INVITED, DECLINED, JOINED and LEFT name
    both, and JOINED alone bounds anything; DECLARED names the subject alone. Of an age there is never a birthday: `at_least` years
    are certain, and a young person is `turns` years old for certain at the beginning of `month` ("2031-04").
    """

    record_id: str
    kind: BoundKind
    at: float
    entity_id: str  # who acted: the holder of the group, a parent, …
    channel: str
    affirmative_act: str
    subject: str = ""
    group: str = ""
    purpose: str = ""
    precision: Precision = Precision.EXACT  # NARROWED: the finest that is left, where it is not closed
    closed: bool = False
    count: int = 0  # CERTIFIED: for how many people
    digest: str = ""  # CERTIFIED: SHA-256 of the declaration, in hex
    country: str = ""
    at_least: int = 0
    turns: int = 0
    month: str = ""

    @property
    def scope(self) -> str:
        """Whom it is about: `account`, which is nobody's consent, or `person`."""
        return "person" if self.subject else "account"

    @property
    def method(self) -> str:
        """How an age was made sure of: nobody can verify one, so either the person said it or somebody else did."""
        return "self_declared" if self.entity_id == self.subject else "declared_by_other"


class StandingMark(NamedTuple):
    """What a database has last been told of answers, bounds and restrictions: as long as it is the same, so are these."""

    answers: int  # place of the last answer in the ledger
    answer: str  # and its record
    bound: str  # the last record of groups and ages
    restrictions: tuple[str, ...]  # those in force
    contract: str = ""  # what was drawn by lot when a contract last began or ended
