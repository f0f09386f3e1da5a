"""Incidents: what happened to personal data, when it became known, and what was done (GDPR Art. 33, 34).

Pure data in closed words: no free text, so that nothing of a person slips into a record that is kept, or into a letter to another
one. Times are Unix seconds UTC; people and references are identifiers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Affected(StrEnum):
    """What fell into the wrong hands, or was lost. The first five but one name which: a device, an account, a recipient."""

    KEY_ENCRYPTION_KEY = "key_encryption_key"
    KEY_BACKUP = "key_backup"
    DEVICE = "device"
    STAFF = "staff"
    RECIPIENT = "recipient"
    DATABASE = "database"  # a copy of the telemetry database, without keys
    OTHER = "other"  # the desk names who is concerned


class Cause(StrEnum):
    """How it came about."""

    LOST = "lost"
    STOLEN = "stolen"
    ABUSED = "abused"
    SENT_WRONG = "sent_wrong"
    ATTACKED = "attacked"
    MISTAKE = "mistake"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Reporter(StrEnum):
    """Who told of it; never by name."""

    STAFF = "staff"
    PERSON = "person"
    RECIPIENT = "recipient"
    PROCESSOR = "processor"
    AUTHORITY = "authority"
    RESEARCHER = "researcher"
    MONITORING = "monitoring"


class Risk(StrEnum):
    """To the rights and freedoms of people (GDPR Art. 33(1), 34(1))."""

    UNASSESSED = "unassessed"
    UNLIKELY = "unlikely"
    RISK = "risk"
    HIGH = "high"


class Measure(StrEnum):
    """What was done about it (GDPR Art. 33(3)(d))."""

    KEYS_ROTATED = "keys_rotated"
    KEYS_DESTROYED = "keys_destroyed"
    DEVICE_REVOKED = "device_revoked"
    DEVICE_HEALED = "device_healed"
    ACCOUNT_CLOSED = "account_closed"
    GRANTS_ENDED = "grants_ended"
    RECIPIENT_STOPPED = "recipient_stopped"
    DELETION_CONFIRMED = "deletion_confirmed"
    DATA_RESTORED = "data_restored"
    FAULT_MENDED = "fault_mended"
    STAFF_TRAINED = "staff_trained"


class Party(StrEnum):
    """Who is to be told, each with a clock of its own."""

    AUTHORITY = "authority"  # GDPR Art. 33(1)
    CONTROLLER = "controller"  # Art. 33(2), by a processor
    PERSONS = "persons"  # Art. 34(1)


class Delay(StrEnum):
    """Why somebody was told after the term (GDPR Art. 33(1), last sentence)."""

    FACTS_UNKNOWN = "facts_unknown"
    FOUND_LATE = "found_late"
    INVESTIGATION = "investigation"
    OUTAGE = "outage"


class Exempt(StrEnum):
    """Why people need not be told one by one although the risk was high (GDPR Art. 34(3)(a) to (c))."""

    UNREADABLE = "unreadable"
    RISK_ENDED = "risk_ended"
    TOLD_PUBLICLY = "told_publicly"


@dataclass(frozen=True, slots=True)
class IncidentEvent:
    """Something that was found, done or told of an incident: appended, never changed. `kind` is one of the audit log's."""

    incident_id: str
    number: int
    kind: str
    at: float
    actor: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident as its events make it.

    `which` is the device, account or recipient. It happened from `happened_from` to `happened_until`, both included, and became
    known at `known_at`, from which the clocks run. `due` is by when each party is to be told; who is not to be told is not in it.
    `late` is why one was told after that, `concerned` how many people were found (None: nobody has looked yet).
    """

    incident_id: str
    affected: Affected
    which: str
    cause: Cause
    happened_from: float
    happened_until: float
    known_at: float
    opened_at: float
    reporter: Reporter
    categories: tuple[str, ...]
    reference: str
    due: Mapping[Party, float]
    told: Mapping[Party, float]
    late: Mapping[Party, Delay]
    risk: Risk = Risk.UNASSESSED
    measures: tuple[Measure, ...] = ()
    concerned: int | None = None
    persons_told: int = 0
    exempt: Exempt | None = None
    closed_at: float | None = None

    def waits(self, party: Party) -> bool:
        """Whether the party is still to be told."""
        return self.closed_at is None and party in self.due and party not in self.told
