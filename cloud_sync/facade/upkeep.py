"""What a company looks after by itself: fields that nobody uses, keys that are old, consents from before the policy held.

Each is an answer to a question of the policy, worked out from what is stored and logged; nothing of it is about one person's data.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cloud_sync.audit import Kind
from cloud_sync.consent.standing import began_at
from cloud_sync.model import EPOCH_SECONDS, UPLINK_STREAMS, AuditEvent, ConsentState, Stream
from cloud_sync.policy import Policy, Rule
from cloud_sync.policy.vocabulary import Role
from cloud_sync.stores import AuditSink, Clock, Database

log = logging.getLogger(__name__)

ACTOR: Final = "upkeep"
#: Categories that the product itself keeps and reads.
_OWN: Final = frozenset({"audit", "consent_ledger"})
_LOOKED_AT: Final = "upkeep/keys"  # the day on which the ages of keys were last looked at
_USES: Final = (Kind.GATE_ALLOWED.value, Kind.DISCLOSURE_BEGUN.value)  # a person's own copy is no use for a purpose


@dataclass(frozen=True, slots=True)
class AgedKey:
    """A device whose keys are older than the policy lets them be; heal it, and a new generation begins."""

    device: str
    generation: int
    since: float  # Unix seconds: its enrolment, or its last healing


@dataclass(frozen=True, slots=True)
class Early:
    """A consent that was given before the day from which the policy holds, and is to be collected anew."""

    subject: str
    purpose: str
    record_id: str
    given_at: float


class Upkeep:
    """These questions over one installation."""

    def __init__(self, *, database: Database, policy: Policy, clock: Clock, audit: AuditSink) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock
        self._audit = audit

    def surplus(self) -> list[str]:
        """Each `category.field` of which something is stored, and that no purpose has read for `purpose.surplus_after`; in order.

        A record is read as a whole, and its reading counts for all fields of the rule; that people look at their own data is no use
        of it.
        """
        since = self._policy.parameters.period("purpose.surplus_after").before(self._clock.now())
        read = {pair for kind in _USES for pair in self._used(kind, since)}
        rules = [rule for rule in self._stored() if rule.category not in _OWN]
        return sorted({f"{r.category}.{f}" for r in rules for f in r.fields} - read)

    def aged_keys(self) -> list[AgedKey]:
        """Devices whose keys are older than `security.device_key_max`, longest first."""
        oldest = self._policy.parameters.period("security.device_key_max").before(self._clock.now())
        devices = [
            each for each in self._database.all_devices() if each.revoked_at is None and each.enrolled_at <= oldest
        ]
        healed: dict[str, float] = {}
        for _, event in self._database.audit_events(kind=Kind.DEVICE_HEALED.value) if devices else ():
            healed[str(dict(event.detail).get("device", ""))] = event.at
        found = [AgedKey(d.device, d.generation, max(d.enrolled_at, healed.get(d.device, 0.0))) for d in devices]
        return sorted((each for each in found if each.since <= oldest), key=lambda each: (each.since, each.device))

    def alarm(self) -> int:
        """One entry in the log for each device whose keys have become too old since; looked at once a day, with the sweep.
        How many.
        """
        now = self._clock.now()
        today = str(int(now) // EPOCH_SECONDS)
        if self._database.mark(_LOOKED_AT) == today:
            return 0
        told = {
            (dict(event.detail).get("device"), dict(event.detail).get("generation"))
            for _, event in self._database.audit_events(kind=Kind.KEYS_AGED.value)
        }
        aged = [each for each in self.aged_keys() if (each.device, each.generation) not in told]
        with self._database.transaction():
            for each in aged:
                detail: tuple[tuple[str, str | int], ...] = (("device", each.device), ("generation", each.generation))
                self._audit.append(AuditEvent(Kind.KEYS_AGED.value, now, ACTOR, "", detail))
            self._database.set_mark(_LOOKED_AT, today)
        if aged:
            log.warning("the keys of %d devices are older than security.device_key_max: heal them", len(aged))
        return len(aged)

    def early_consents(self) -> list[Early]:
        """Consents that count as given before the policy held (`policy.effective`), flagged to be collected anew, oldest first."""
        start = began_at(self._policy)
        return [
            Early(record.pii_principal_id, record.purpose, record.record_id, record.event_time)
            for record in self._database.all_consents()
            if start is not None and record.event_state is ConsentState.GIVEN and record.event_time < start
        ]

    def _used(self, kind: str, since: float) -> Iterator[str]:
        for _, event in self._database.audit_events(kind=kind):
            detail = dict(event.detail)
            if event.at >= since and detail.get("role") != Role.DATA_SUBJECT.value:
                rule = self._policy.rule(str(detail.get("category", "")), str(detail.get("purpose", "")))
                if rule is not None:
                    yield from (f"{rule.category}.{field}" for field in rule.fields)

    def _stored(self) -> Iterator[Rule]:
        """Rules of what there is anything of; a device's status is the product's own."""
        records = set(self._database.categories_of_parts())
        streams = {stream for stream in UPLINK_STREAMS if stream is not Stream.STATUS and self._database.levels(stream)}
        for rule in self._policy.rules:
            if rule.stream in streams or (rule.stream is None and rule.category in records):
                yield rule
