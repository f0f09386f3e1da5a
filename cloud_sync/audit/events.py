"""Audit events: closed kinds, closed keys, values that are identifiers, enumerations or counts. No free text.

A leaf of the log is a commitment: it tells the kind and the time of an event, and binds the rest (actor, subject,
detail) under a random salt of its own. Whoever is shown event and salt can check them; once the salt is erased, nobody
can tell whom the entry was about, and every other entry still verifies.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from dataclasses import replace
from enum import StrEnum
from typing import Any, Final

from cloud_sync.errors import AuditError
from cloud_sync.model import AuditEvent

SALT_BYTES: Final = 16
#: Key of an event's detail that holds its salt in the store; it never stands in the leaf.
SALT: Final = "salt"
#: Identifiers of this product are at most 64 characters (hashes in hex); counts fit 53 bits, so that JSON keeps them.
_WORD = re.compile(r"[A-Za-z0-9_.:/-]{0,64}", re.ASCII)
_MOST_COUNT: Final = 2**53 - 1


class Kind(StrEnum):
    """What can be logged."""

    POLICY_LOADED = "policy.loaded"
    DEVICE_ENROLLED = "device.enrolled"
    DEVICE_REVOKED = "device.revoked"
    DEVICE_HEALED = "device.healed"
    CONSENT_REQUESTED = "consent.requested"
    CONSENT_GIVEN = "consent.given"
    CONSENT_REFUSED = "consent.refused"
    CONSENT_LATER = "consent.later"
    CONSENT_WITHDRAWN = "consent.withdrawn"
    CONSENT_EXPIRED = "consent.expired"
    DIRECTIVE_SENT = "directive.sent"
    DIRECTIVE_APPLIED = "directive.applied"
    GATE_ALLOWED = "gate.allowed"
    GATE_DENIED = "gate.denied"
    INGEST_REFUSED = "ingest.refused"
    INGEST_INCIDENT = "ingest.incident"
    LIMITS_SET = "limits.set"
    LIMITS_CLEARED = "limits.cleared"
    LIMITS_READ = "limits.read"
    RESTRICTION_SET = "restriction.set"
    RESTRICTION_LIFTED = "restriction.lifted"
    RETENTION_SWEPT = "retention.swept"
    ERASURE_DONE = "erasure.done"
    RESTORE_REPLAYED = "restore.replayed"
    CHECKPOINT_MADE = "checkpoint.made"


_KINDS: Final = frozenset(kind.value for kind in Kind)
# Beyond the years of the wire format (2328); not a number and infinity are outside as well.
_MOST_TIME_S: Final = 2.0**34

#: Keys that a detail may have; another one needs a line here, so that somebody looks at what it would carry.
DETAIL_KEYS: Final = frozenset(
    {
        *("action", "basis", "captured_first", "captured_last", "category", "channel", "count", "counter", "device"),
        *(
            "epoch",
            "first_epoch",
            "generation",
            "language",
            "last_epoch",
            "notice",
            "policy",
            "precision",
            "purpose",
            "reason",
        ),
        *("recipient", "record", "role", "resealed", "size", "stream", "tombstone", "unreadable", "version"),
    }
)


def check_event(event: AuditEvent) -> None:
    """Raise AuditError unless the event is of a known kind and says nothing but words and counts."""
    if event.kind not in _KINDS:
        raise AuditError(f"unknown kind of audit event: {event.kind!r}")
    if not 0 <= event.at < _MOST_TIME_S:
        raise AuditError(f"{event.kind}: the time is no Unix time")
    keys = [key for key, _ in event.detail]
    if len(set(keys)) != len(keys) or not DETAIL_KEYS.issuperset(keys):
        raise AuditError(f"{event.kind}: keys of the detail are unknown or repeated: {sorted(keys)}")
    for value in (event.actor, event.subject, *(value for _, value in event.detail)):
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise AuditError(f"{event.kind}: a value is neither a word nor a count")
        if isinstance(value, str) and not _WORD.fullmatch(value):
            raise AuditError(f"{event.kind}: a value is no identifier; free text does not go into the log")
        if isinstance(value, int) and abs(value) > _MOST_COUNT:
            raise AuditError(f"{event.kind}: a count is out of range")


def canonical(value: Any) -> bytes:
    """JSON with sorted keys, no spaces, ASCII: the same bytes for the same value, on every machine."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def at_ms(event: AuditEvent) -> int:
    """Time of an event in whole milliseconds, as the leaf has it: floats have no canonical form."""
    return round(event.at * 1000)


def commitment(event: AuditEvent, salt: bytes) -> str:
    """HMAC-SHA256 under the salt over actor, subject and detail, in hex."""
    hidden = {"actor": event.actor, "subject": event.subject, "detail": [list(pair) for pair in event.detail]}
    return hmac.new(salt, canonical(hidden), hashlib.sha256).hexdigest()


def leaf_bytes(event: AuditEvent, salt: bytes) -> bytes:
    """The leaf of an event: what is in the log for good."""
    check_event(event)
    if len(salt) != SALT_BYTES:
        raise AuditError("the salt of an audit event has 16 bytes")
    return canonical({"v": 1, "kind": event.kind, "at_ms": at_ms(event), "commitment": commitment(event, salt)})


def salted(event: AuditEvent, salt: bytes) -> AuditEvent:
    """The event as the store keeps it, beside the leaf: with its salt."""
    return replace(event, detail=(*event.detail, (SALT, salt.hex())))


def unsalted(stored: AuditEvent) -> tuple[AuditEvent, bytes]:
    """An event and its salt out of the store; the salt is empty once the entry has been made unlinkable."""
    detail = tuple(pair for pair in stored.detail if pair[0] != SALT)
    salt = next((value for key, value in stored.detail if key == SALT), "")
    try:
        return replace(stored, detail=detail), bytes.fromhex(str(salt))
    except ValueError:
        raise AuditError("the salt of an audit event is damaged") from None


def forgotten(stored: AuditEvent) -> AuditEvent:
    """What stays of a stored event when its subject is erased: kind and time, as the leaf says them anyway."""
    return AuditEvent(kind=stored.kind, at=stored.at, actor="", subject="", detail=())
