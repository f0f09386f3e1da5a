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
    INVITATION_MADE = "invitation.made"
    INVITATION_ENDED = "invitation.ended"
    CONSENT_REQUESTED = "consent.requested"
    CONSENT_GIVEN = "consent.given"
    CONSENT_REFUSED = "consent.refused"
    CONSENT_LATER = "consent.later"
    CONSENT_WITHDRAWN = "consent.withdrawn"
    CONSENT_EXPIRED = "consent.expired"
    CONSENT_PENDING = "consent.pending"
    GROUP_FOUNDED = "group.founded"
    GROUP_INVITED = "group.invited"
    GROUP_DECLINED = "group.declined"
    GROUP_JOINED = "group.joined"
    GROUP_LEFT = "group.left"
    GROUP_NARROWED = "group.narrowed"
    GROUP_LIFTED = "group.lifted"
    GROUP_CERTIFIED = "group.certified"
    GROUP_WISHED = "group.wished"
    GROUP_PROVIDED = "group.provided"
    GROUP_ADMITTED = "group.admitted"
    AGE_DECLARED = "age.declared"
    DIRECTIVE_APPLIED = "directive.applied"
    GATE_ALLOWED = "gate.allowed"
    GATE_DENIED = "gate.denied"
    TICKET_OPENED = "ticket.opened"
    TICKET_CLOSED = "ticket.closed"
    ACCESS_OPENED = "access.opened"
    ACCESS_CLOSED = "access.closed"
    ACCESS_REFUSED = "access.refused"
    ACCESS_LOCKED = "access.locked"
    ACCESS_UNLOCKED = "access.unlocked"
    LOGIN_ALLOWED = "login.allowed"
    LOGIN_REFUSED = "login.refused"
    STAFF_ENLISTED = "staff.enlisted"
    STAFF_ATTESTED = "staff.attested"
    STAFF_STRUCK = "staff.struck"
    STAFF_REVIEWED = "staff.reviewed"
    HELP_ASKED = "help.asked"
    HELP_ACCEPTED = "help.accepted"
    HELP_ENDED = "help.ended"
    RECORD_CORRECTED = "record.corrected"
    CONTROL_TESTED = "control.tested"
    WATCH_ALARM = "watch.alarm"
    WATCH_GAP = "watch.gap"
    WATCH_OVER = "watch.over"
    PROCESSOR_TOLD = "processor.told"
    PROCESSOR_CONFIRMED = "processor.confirmed"
    PROCESSOR_ESCALATED = "processor.escalated"
    RELATION_BEGUN = "relation.begun"
    RELATION_ENDED = "relation.ended"
    DISCLOSURE_APPROVED = "disclosure.approved"
    DISCLOSURE_BEGUN = "disclosure.begun"
    DISCLOSURE_SILENT = "disclosure.silent"
    DISCLOSURE_TOLD = "disclosure.told"
    RECIPIENT_ACCEPTED = "recipient.accepted"
    RECIPIENT_TOLD = "recipient.told"
    RECIPIENT_LATE = "recipient.late"
    RECIPIENTS_COMPARED = "recipients.compared"
    EXPORT_BEGUN = "export.begun"
    EXPORT_HANDED_OVER = "export.handed_over"
    EXPORT_IMPORTED = "export.imported"
    DECISION_MADE = "decision.made"
    MAIL_SENT = "mail.sent"
    ALERT_SENT = "alert.sent"
    INGEST_REFUSED = "ingest.refused"
    INGEST_INCIDENT = "ingest.incident"
    LIMITS_SET = "limits.set"
    LIMITS_CLEARED = "limits.cleared"
    LIMITS_READ = "limits.read"
    RESTRICTION_SET = "restriction.set"
    RESTRICTION_LIFTED = "restriction.lifted"
    RETENTION_SWEPT = "retention.swept"
    HOLD_PLACED = "hold.placed"
    HOLD_RELEASED = "hold.released"
    HOLD_RESEALED = "hold.resealed"
    HOLD_ACCEPTED = "hold.accepted"
    RECORD_RESTRICTED = "record.restricted"
    ERASURE_HELD = "erasure.held"
    ERASURE_DONE = "erasure.done"
    ERASURE_LATE = "erasure.late"
    QUALITY_ASKED = "quality.asked"
    QUALITY_CONFIRMED = "quality.confirmed"
    QUALITY_STALE = "quality.stale"
    RESTORE_REPLAYED = "restore.replayed"
    CASE_OPENED = "case.opened"
    CASE_DOUBTED = "case.doubted"
    CASE_IDENTIFIED = "case.identified"
    CASE_CARRIED = "case.carried"
    CASE_DECIDED = "case.decided"
    CASE_EXTENDED = "case.extended"
    CASE_ANSWERED = "case.answered"
    CASE_CLOSED = "case.closed"
    CASE_ALARM = "case.alarm"
    CASE_LATE = "case.late"
    CASE_READ = "case.read"
    NOTICE_PUBLISHED = "notice.published"
    NOTICE_PROVIDED = "notice.provided"
    NOTICE_RECEIVED = "notice.received"
    NOTICE_OVERDUE = "notice.overdue"
    MAIL_OVERRIDDEN = "mail.overridden"
    BREACH_OPENED = "breach.opened"
    BREACH_ASSESSED = "breach.assessed"
    BREACH_MEASURED = "breach.measured"
    BREACH_CONCERNED = "breach.concerned"
    BREACH_TOLD = "breach.told"
    BREACH_EXEMPTED = "breach.exempted"
    BREACH_CLOSED = "breach.closed"
    BREACH_RESTORED = "breach.restored"
    BREACH_ALARM = "breach.alarm"
    BREACH_LATE = "breach.late"
    ALARM_SET = "alarm.set"
    ALARM_ARMED = "alarm.armed"
    ALARM_DISARMED = "alarm.disarmed"
    ALARM_REMOVED = "alarm.removed"
    ALARM_UNDELIVERED = "alarm.undelivered"
    STATISTICS_RELEASED = "statistics.released"
    RELINK_TRIED = "relink.tried"
    CALL_TOLD = "call.told"
    CALL_REFUSED = "call.refused"
    CALL_RECORDED = "call.recorded"
    KEYS_ROTATED = "keys.rotated"
    KEYS_AGED = "keys.aged"
    KEYS_BACKED_UP = "keys.backed_up"
    BACKUP_MADE = "backup.made"
    BACKUP_ENDED = "backup.ended"
    BACKUP_RESTORED = "backup.restored"
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
            "group",
            "invitation",
            "language",
            "last_epoch",
            "notice",
            "policy",
            "precision",
            "purpose",
            "reason",
        ),
        *("commitment", "delivery", "grant", "legal_ref", "link", "other", "ticket"),
        *("held", "hold", "late_max_s", "late_p99_s", "records", "review_at", "stepped"),
        *("after", "before", "control", "instruction", "makes", "on_behalf_of", "probe", "seconds"),
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


def event_of(value: dict[str, Any]) -> AuditEvent:
    """An event out of JSON; AuditError, or what a missing or misshapen part raises (KeyError, TypeError, ValueError)."""
    detail = tuple((str(key), entry) for key, entry in value["detail"])
    event = AuditEvent(str(value["kind"]), float(value["at"]), str(value["actor"]), str(value["subject"]), detail)
    check_event(event)
    return event


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
