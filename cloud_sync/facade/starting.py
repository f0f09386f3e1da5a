"""What happens between opening the stores and serving: what they may have lost is found out, and the safe side is taken.

The stores may be any: those of yesterday, restored ones, ones of which a machine died in the middle. Whatever was erased is
erased again, whoever may have withdrawn is closed, and the policy in force is in the log, before anything is handed out.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod

from cloud_sync.alarms import AlarmDesk
from cloud_sync.audit import Continuity, Kind
from cloud_sync.config import Config
from cloud_sync.directive import DirectiveDesk, SealedAtRest
from cloud_sync.erasure.belonging import check_belonging
from cloud_sync.erasure.erase import Eraser
from cloud_sync.facade.backups import Backups
from cloud_sync.facade.boundwitness import BoundWitness
from cloud_sync.facade.breaches import Breaches
from cloud_sync.facade.consents import log_consent
from cloud_sync.facade.devices import CONTROLLER
from cloud_sync.facade.keeping import Keeping
from cloud_sync.facade.limits import Limits
from cloud_sync.facade.losing import check_lost, keep_texts
from cloud_sync.facade.permitting import Permitting
from cloud_sync.policy import PolicyArchive
from cloud_sync.retention.sweep import Sweeper
from cloud_sync.storage.tombstones import TombstoneRows

log = logging.getLogger(__name__)


class Starting(Permitting, ABC):
    """The part of `CloudSync` that makes whatever store it finds fit to serve."""

    alarms: AlarmDesk
    backups: Backups
    breaches: Breaches
    config: Config
    continuity: Continuity
    _at_rest: SealedAtRest
    _bounds: BoundWitness
    _desk: DirectiveDesk
    _eraser: Eraser
    _keeping: Keeping
    _sweeper: Sweeper
    _tombstones: TombstoneRows

    @abstractmethod
    def _replay_erasures(self) -> None:
        """`Erasing._replay_erasures`."""

    @abstractmethod
    def _finish_devices(self) -> None:
        """`Devices._finish_devices`."""

    @abstractmethod
    def _close_restored(self) -> None:
        """`Outlets._close_restored`."""

    def _make_ready(self, archive: PolicyArchive) -> None:
        """Check, replay and recover, in an order in which nothing is served, or sealed, on what is gone."""
        check_belonging(self.database, self._store, self._tombstones)
        self.backups.admit()
        if lost := self._witness.entries_lost():
            self.continuity.restored(lost)  # what is appended below is no part of the backup
        check_lost(self.database, self.policy, archive, self.config.policy)
        self._at_rest.migrate()
        self._eraser.replay()
        self._replay_erasures()
        self.records.replay()
        self._keeping.replay_waiting()
        self._sweeper.catch_up(self._witness.swept())
        self.limits.replay(self._tombstones.all(), self._store.people())
        self._recover()
        self.alarms.replay()
        self.breaches.replay()
        self.limits.close_lost()
        self._begin_policy()
        keep_texts(self.database, archive, self.clock.now())
        self._witness.note_all()
        self._keeping.note_all()
        self._bounds.note_all(self._people())
        self.backups.replayed()

    def _recover(self) -> None:
        """A database that is behind its witness was restored, or cut: nobody knows what it lost, so the safe side is taken."""
        lost = self._witness.entries_lost()
        people = sorted({*self._witness.people_lost(), *self._bounds.lost(self._people())})
        ended = self.records.behind()
        self._finish_devices()  # it adds to the log, of which the witness must be asked first
        if not lost and not people and not ended:
            return
        log.error(
            "the database was restored or cut: %d audit entries and answers of %d people are lost", lost, len(people)
        )
        if ended:
            log.warning("%d people or records had a ground that has ended since: it is put back", len(ended))
        with self.database.transaction():
            self.audit.record(Kind.RESTORE_REPLAYED.value, CONTROLLER, reason="restored", count=lost)
            # 1. Beyond every version and number that may have been used since [a device refuses what it has seen].
            self._desk.restored()
            # 2. A withdrawal may be among what is lost: closed until the person answers anew.
            closed = [record for subject in people for record in self.ledger.close_restored(subject)]
            for record in closed:
                log_consent(self.audit, record)
            # 3. The devices are told; floors rise with what narrows [captures from after the lost withdrawal].
            #    A zone, too, may have been drawn under a directive that is lost.
            everybody = {device.subject for device in self.database.all_devices()}
            limited = {subject for subject in everybody if self.limits.in_force(subject) != Limits()}
            # 4. A contract may have ended since, and a purpose: the witness knows which.
            ours = {*people, *limited, *self.records.recall()}
            outgoing = [item for subject in sorted(ours) for item in self.settle(subject)]
            # 5. Whoever was let in may have been let out since.
            self._close_restored()
        self._witness.accept()
        self._bounds.accept(self._people())
        self.send(outgoing)

    def _people(self) -> list[str]:
        """Everybody who has a device or ever answered."""
        answered = {record.pii_principal_id for record in self.database.all_consents()}
        return sorted(answered | {device.subject for device in self.database.all_devices()})

    def _begin_policy(self) -> None:
        """A policy that was not in force before is logged, and every directive is brought in line with it."""
        published = self.notices.publish()
        loaded = self.audit.entries(kind=Kind.POLICY_LOADED.value)
        if not published and loaded and dict(loaded[-1].event.detail).get("policy") == self.policy.hash:
            return
        self.audit.record(Kind.POLICY_LOADED.value, CONTROLLER, policy=self.policy.hash)
        self._settle_consents(everybody=True)
