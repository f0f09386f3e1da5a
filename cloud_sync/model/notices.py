"""Notices: what was published when, who received it, who came from somebody else, and links that answer without a login.

Pure data. Times are Unix seconds UTC; people, companies and channels are identifiers, never names or free text.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Publication:
    """A notice came into force. `policy` is the SHA-256 of the file that it is made of, `previous` that of the one before, empty
    for the first. `changes` are the aspects that changed significantly, `purposes` those whose consents ended with it.
    """

    version: str
    policy: str
    previous: str
    at: float
    changes: tuple[str, ...]
    purposes: tuple[str, ...]
    banner_until: float

    @property
    def significant(self) -> bool:
        """Whether whoever had an earlier one is owed this one: the first, and each with a significant change."""
        return not self.previous or bool(self.changes)


@dataclass(frozen=True, slots=True)
class NoticeReceipt:
    """A person was shown a notice. Appended, never changed. `policy` is the hash of the file that the notice was made of."""

    receipt_id: str
    subject: str
    version: str
    policy: str
    at: float
    entity_id: str  # who acted
    channel: str
    act: str
    language: str


@dataclass(frozen=True, slots=True)
class NoticeSource:
    """A person whose data came from somebody else, for instance an employer, who is to be told of it (GDPR Art. 14)."""

    subject: str
    source: str
    at: float


class LinkUse(StrEnum):
    """What a link does that is opened without a login."""

    CONFIRM = "confirm"  # the second step of a sign-up
    LEAVE = "leave"  # withdraws


@dataclass(frozen=True, slots=True)
class NoticeLink:
    """A link in a message. `link` is the SHA-256 of its token: the token itself is kept nowhere. `record_id` has the address."""

    link: str
    use: LinkUse
    subject: str
    purpose: str
    record_id: str
    made_at: float
    ends_at: float
