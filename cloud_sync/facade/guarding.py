"""Security of the installation as the façade has it: accounts, lock-outs, remote help, corrections, jobs, controls, the watch."""

from __future__ import annotations

import logging
import threading

from cloud_sync.access import Confirmations, Controls, Corrections, Help, Jobs, Lockout, Logins, StaffAccess, Watch
from cloud_sync.audit import AuditLog
from cloud_sync.consent import ConsentLedger
from cloud_sync.erasure.witness import Witness
from cloud_sync.errors import CloudSyncError
from cloud_sync.facade.bounds import Groups
from cloud_sync.facade.members import Members
from cloud_sync.facade.notices import Notices
from cloud_sync.facade.running import STOP_TIMEOUT_S, Running
from cloud_sync.facade.trials import trials_of
from cloud_sync.gate import Gate
from cloud_sync.keys.personkeys import PersonKeys
from cloud_sync.records import Records
from cloud_sync.restriction import Holds, Restrictions
from cloud_sync.storage.keys import KeyRows
from cloud_sync.storage.tombstones import TombstoneRows
from cloud_sync.stores import Database

log = logging.getLogger(__name__)


class Guarding(Running):
    """The part of `CloudSync` that watches over it. The watch has a thread of its own while the service runs."""

    audit: AuditLog
    database: Database
    gate: Gate
    groups: Groups
    holds: Holds
    ledger: ConsentLedger
    notices: Notices
    records: Records
    restrictions: Restrictions
    staff: StaffAccess
    _store: KeyRows
    _tombstones: TombstoneRows
    _witness: Witness

    def _prepare_guard(self) -> None:
        """Before the gate, which asks who is locked out, and before the staff's access, which asks for accounts."""
        self.lockout = Lockout(self.database, self.policy, self.clock, self.audit)
        self.audit.heard_by(self.lockout.heard)
        self.logins = Logins(self.database, self.policy, self.clock, self.audit, locked=self.lockout.shut)

    def _prepare_guarding(self, people: PersonKeys) -> None:
        """Behind the gate."""
        self.help = Help(self.staff, self.audit, self.clock)
        self.confirmations = Confirmations(self.database, self.policy, self.clock, self.audit)
        self.jobs = Jobs(self.policy, self.gate, self.clock, self.audit)
        self.corrections = Corrections(
            database=self.database,
            records=self.records,
            people=people,
            gate=self.gate,
            clock=self.clock,
            audit=self.audit,
            held=lambda part: self.holds.view().held_record(part.subject, part.category, part.created_at) is not None,
        )
        self.people = Members(
            groups=self.groups,
            ledger=self.ledger,
            records=self.records,
            restrictions=self.restrictions,
            audit=self.audit,
            provided=lambda subject, source: self.notices.provided(subject, source),  # noqa: PLW0108 - made later
            informed=lambda who: any(each.entity_id == who for each in self.database.notice_receipts(who)),
        )
        trials = trials_of(self)
        self.controls = Controls(self.database, self.policy, self.clock, self.audit, trials)
        probes = {
            "store": lambda: self.database.leaf_count() >= 0,
            "ingest": lambda: not self._batches.failing,
            "sweep": trials["sweep_runs"],
            "accounts": lambda: not self.logins.review_due,
        }
        if self.config.broker is not None:
            probes["broker"] = lambda: self._subscriber is not None and self._subscriber.connected
        self.watch = Watch(self.database, self.policy, self.clock, self.audit, probes)
        self._watching: threading.Thread | None = None

    def start(self) -> None:
        """Start the service, and the watch over it."""
        super().start()
        if self._watching is None:
            self._watching = threading.Thread(target=self._watch_for_ever, name="cloud-sync-watch", daemon=True)
            self._watching.start()

    def stop(self) -> None:
        """Stop both."""
        super().stop()
        if self._watching is not None:
            self._watching.join(STOP_TIMEOUT_S)
            self._watching = None

    def _watch_for_ever(self) -> None:
        while not self._stopping.wait(self.watch.interval_s):
            try:
                self.watch.look()
                if self.controls.due:
                    self.controls.test()
            except CloudSyncError:
                log.exception("the watch could not look; it looks again in %d s", self.watch.interval_s)
