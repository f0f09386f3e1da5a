"""Classes of messages to a person. The class follows from what is in a message, never from what its sender calls it."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from types import MappingProxyType
from typing import Final

#: A service mail is counted over so long (clause table, V-05: `max_per_30d`).
COUNTED_S: Final = 30 * 86_400


class MailClass(StrEnum):
    """What a part of a message is, in the order in which a part makes the whole message one of its class."""

    SAFETY = "safety"
    LEGAL = "legal"
    SECURITY = "security"
    SERVICE = "service"
    MARKETING = "marketing"
    PARTNER_MARKETING = "partner_marketing"


_ORDER: Final = MappingProxyType({each: place for place, each in enumerate(MailClass)})

#: Purposes that are marketing, and those that make a picture of a person: names of the clause table, section 5.3.
PARTNER_MARKETING: Final = frozenset({"partner_marketing"})
MARKETING: Final = (
    frozenset({"marketing", "own_marketing", "newsletter", "loyalty", "market_study"}) | PARTNER_MARKETING
)
PROFILING: Final = frozenset({"personalisation", "profiling", "credit_check", "eligibility", "fraud_prevention"})

_CLASS_OF: Final = MappingProxyType(
    {
        **dict.fromkeys(("safety_notice", "theft_alarm", "geofence_alert"), MailClass.SAFETY),
        **dict.fromkeys(("legal_notice", "rights_handling"), MailClass.LEGAL),
        "security": MailClass.SECURITY,
        **dict.fromkeys(MARKETING, MailClass.MARKETING),
        **dict.fromkeys(PARTNER_MARKETING, MailClass.PARTNER_MARKETING),
    }
)


def class_of_purpose(purpose: str) -> MailClass:
    """The one class that a message for this purpose may be of; what no list names is service."""
    return _CLASS_OF.get(purpose, MailClass.SERVICE)


def class_of_content(parts: Collection[MailClass]) -> MailClass | None:
    """The class of a message with these parts: one promotion makes it marketing, whatever else is in it; None without parts."""
    return max(parts, key=_ORDER.__getitem__, default=None)
