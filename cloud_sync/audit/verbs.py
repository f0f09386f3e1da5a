"""What was done with data, in thirteen words: the operations that make up processing (Directive 95/46 Art. 2(b)).

Each entry about somebody's data has one; entries about the installation itself, its staff and its policy have none.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final

from cloud_sync.audit.events import Kind
from cloud_sync.errors import AuditError
from cloud_sync.model import Action, AuditEvent


class Verb(StrEnum):
    """The thirteen."""

    COLLECT = "collect"
    RECORD = "record"
    ORGANISE = "organise"
    STORE = "store"
    ALTER = "alter"
    RETRIEVE = "retrieve"
    CONSULT = "consult"
    USE = "use"
    DISCLOSE = "disclose"
    COMBINE = "combine"
    BLOCK = "block"
    ERASE = "erase"
    DESTROY = "destroy"


_OF_KIND: Final = MappingProxyType(
    {
        Kind.DEVICE_ENROLLED: Verb.COLLECT,  # from here on a device of the person's may collect
        **dict.fromkeys(
            (Kind.GROUP_PROVIDED, Kind.AGE_DECLARED, Kind.CONSENT_REQUESTED, Kind.CONSENT_GIVEN), Verb.RECORD
        ),
        **dict.fromkeys(
            (Kind.CONSENT_REFUSED, Kind.CONSENT_LATER, Kind.CONSENT_WITHDRAWN, Kind.CONSENT_PENDING), Verb.RECORD
        ),
        **dict.fromkeys((Kind.GROUP_JOINED, Kind.GROUP_LEFT, Kind.RELATION_BEGUN), Verb.ORGANISE),
        Kind.RELATION_ENDED: Verb.ORGANISE,
        **dict.fromkeys((Kind.HOLD_PLACED, Kind.RECORD_RESTRICTED, Kind.ERASURE_HELD), Verb.STORE),
        Kind.RECORD_CORRECTED: Verb.ALTER,
        Kind.EXPORT_BEGUN: Verb.RETRIEVE,
        **dict.fromkeys((Kind.MAIL_SENT, Kind.ALERT_SENT), Verb.USE),
        Kind.DISCLOSURE_BEGUN: Verb.DISCLOSE,
        **dict.fromkeys((Kind.STATISTICS_RELEASED, Kind.RELINK_TRIED), Verb.COMBINE),
        Kind.RESTRICTION_SET: Verb.BLOCK,
        Kind.ERASURE_DONE: Verb.ERASE,
        Kind.RETENTION_SWEPT: Verb.DESTROY,
    }
)
_OF_ACTION: Final = MappingProxyType(
    {
        Action.READ: Verb.CONSULT,
        Action.TERMINAL: Verb.RETRIEVE,
        Action.EXPORT: Verb.RETRIEVE,
        Action.DISCLOSE: Verb.DISCLOSE,
        Action.STATISTICS: Verb.COMBINE,
        Action.MAIL: Verb.USE,
    }
)


def verb_of(event: AuditEvent) -> Verb | None:
    """What an entry says was done; None where nothing was done with anybody's data, a denial among them."""
    if event.kind == Kind.GATE_ALLOWED:
        action = dict(event.detail).get("action")
        return next((verb for known, verb in _OF_ACTION.items() if known == action), None)
    return next((verb for kind, verb in _OF_KIND.items() if kind == event.kind), None)


def named(word: str) -> Verb:
    """One of the thirteen; AuditError for any other word [an operation that nobody has thought of is none that is allowed]."""
    try:
        return Verb(word)
    except ValueError:
        raise AuditError(f"{word[:40]} is no operation on data; one of {', '.join(Verb)}") from None
