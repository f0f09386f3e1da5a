"""What a person's devices may sense now, and how it reaches them: after an answer, a policy, or an end that came by itself."""

from __future__ import annotations

from collections.abc import Sequence

from cloud_sync.audit import AuditLog
from cloud_sync.consent import ConsentLedger
from cloud_sync.directive import Permission, compile_permission
from cloud_sync.erasure.witness import Witness
from cloud_sync.facade.bounds import Groups
from cloud_sync.facade.consents import log_consent
from cloud_sync.facade.limits import PersonLimits
from cloud_sync.facade.members import Members
from cloud_sync.facade.notices import Notices
from cloud_sync.ingest.answers import Answers
from cloud_sync.policy import Policy
from cloud_sync.records import Records
from cloud_sync.restriction import Restrictions
from cloud_sync.retention.checkpoint import clock_in_doubt
from cloud_sync.storage.keys import KeyRows
from cloud_sync.stores import Clock, Database, Downlinks


class Permitting:
    """The part of `CloudSync` that keeps devices in line with what is permitted."""

    audit: AuditLog
    clock: Clock
    database: Database
    groups: Groups
    ledger: ConsentLedger
    limits: PersonLimits
    link: Downlinks
    notices: Notices
    people: Members
    policy: Policy
    records: Records
    restrictions: Restrictions
    _answers: Answers
    _store: KeyRows
    _witness: Witness

    def permission(self, subject: str) -> Permission:
        """What a person's devices may sense now: their consents within all bounds, and their own limits."""
        own = self.limits.in_force(subject)
        return compile_permission(
            self.policy,
            self.ledger.open_now(subject),
            restricted=own.lost or self.restrictions.restricted(subject) or self.notices.closed(subject),
            ended=self.records.contract_ended(subject),
            closed=self.restrictions.purposes(subject) | self.groups.closed(subject),
            zones=own.zones,
            hours=own.hours,
            finest=self.ledger.finest(subject),
        )

    def settle(self, subject: str) -> list[tuple[str, bytes]]:
        """Bring all devices of a person in line with what is permitted now; what to `send` after the commit.

        One whose ladders were lost with a key store can be told nothing: it is enrolled anew.
        """
        self.records.answered(subject)  # what a consent kept ends with it
        devices = [device for device in self.database.devices_of(subject) if device.revoked_at is None]
        devices = [device for device in devices if self._store.down(device.device) is not None]
        now = self.clock.now()
        return [(device.device, envelope) for device in devices for envelope in self._answers.settle(device, now)]

    def send(self, outgoing: Sequence[tuple[str, bytes]]) -> None:
        """Hand sealed downlinks to the link."""
        for device, envelope in outgoing:
            self.link.send(device, envelope)

    def _consented(self, subject: str, outgoing: Sequence[tuple[str, bytes]]) -> None:
        self._witness.note(subject)
        self.send(outgoing)
        self.people.agreed(subject)

    def _settle_consents(self, *, everybody: bool = False) -> None:
        """Record consents that have lapsed, and tell the devices of these people; with `everybody`, all devices."""
        with self.database.transaction():
            ended = self.ledger.settle(clock_in_doubt=clock_in_doubt(self.database, self.clock.now()))
            for record in ended:
                log_consent(self.audit, record)
            subjects = {record.pii_principal_id for record in ended}
            if everybody:
                subjects |= {device.subject for device in self.database.all_devices()}
            outgoing = [item for subject in sorted(subjects) for item in self.settle(subject)]
        for record in ended:
            self._witness.note(record.pii_principal_id)
        self.send(outgoing)
