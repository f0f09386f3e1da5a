"""Erasure as the façade has it: one path through every part that holds something of a person, its receipt, and its replay.

The register of this installation is composed here and nowhere else; `erasure.places` says what each place's fate is.
"""

from __future__ import annotations

import logging
import math
from abc import ABC, abstractmethod
from collections import defaultdict
from dataclasses import replace
from typing import Final, Protocol, runtime_checkable

from cloud_sync.access import Confirmations
from cloud_sync.backups import keys_horizon
from cloud_sync.disclosure.reaching import Withdrawing
from cloud_sync.erasure import places
from cloud_sync.erasure.erase import Eraser
from cloud_sync.erasure.receipt import ErasureReceipt
from cloud_sync.erasure.register import MICRO, Part, Register, mark_of
from cloud_sync.erasure.witness import Witness
from cloud_sync.errors import CloudSyncError, UnknownDevice
from cloud_sync.facade.bounds import Ages
from cloud_sync.facade.keeping import Keeping
from cloud_sync.facade.kept import Remaining
from cloud_sync.facade.limits import PersonLimits
from cloud_sync.facade.live import Live
from cloud_sync.facade.recipients import Recipients
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.model.access import Delivery
from cloud_sync.model.keeping import Ground, Restriction
from cloud_sync.policy import Policy
from cloud_sync.records import Records
from cloud_sync.releases.store import ReleaseStore
from cloud_sync.restriction import Restrictions
from cloud_sync.storage.keys import KeyRows
from cloud_sync.storage.tombstones import TombstoneRows
from cloud_sync.stores import RESTORED, Clock, Database, Downlinks, Sink

log = logging.getLogger(__name__)

CHECKED: Final = "records.checked"  # of the key store: the restore after which keys without records were looked for


@runtime_checkable
class Forgetting(Protocol):
    """A link that can take away what a broker retains of a device."""

    def forget(self, device: str) -> None: ...


class Erasing(ABC):
    """The part of `CloudSync` that erases."""

    ages: Ages
    clock: Clock
    confirmations: Confirmations
    database: Database
    limits: PersonLimits
    link: Downlinks
    live: Live
    policy: Policy
    recipients: Recipients
    records: Records
    releases: ReleaseStore
    restrictions: Restrictions
    sinks: dict[str, Sink]
    _eraser: Eraser
    _keeping: Keeping
    _keys: LadderKeys
    _store: KeyRows
    _tombstones: TombstoneRows
    _witness: Witness

    @abstractmethod
    def _finish_admissions(self) -> None:
        """`Devices._finish_admissions`."""

    def _prepare_erasing(self) -> None:
        self._delivered: dict[str, list[Delivery]] = defaultdict(list)  # by person: what sinks may still hold
        self._redoing = False
        self._register = register = Register(self.database, self._tombstones)
        database = self.database
        kept = Remaining(
            database=database, tombstones=self._tombstones, records=self.records, restrictions=self.restrictions
        )
        register.add(Part(places.ERASER, forget=database.forget_subject, kept=kept.rows))
        register.add(
            Part(places.LIMITS, destroy=self._destroy_limits, beside=lambda subject, _: self.limits.tell(subject))
        )
        register.add(Part(places.RECORDS, destroy=self.records.destroy, kept=kept.records))
        register.add(
            Part(places.SINKS, destroy=self._note_deliveries, forget=self._owe_removals, beside=self._withdraw)
        )
        register.add(Part(places.ACCESS, forget=database.forget_access))
        register.add(Part(places.AGES, forget=self.ages.forget))
        register.add(Part(places.HOLDS, forget=lambda subject, _: database.unlink_holds(subject, self._names(subject))))
        register.add(Part(places.RESTRICTIONS, forget=self._forget_restrictions, kept=kept.restrictions))
        register.add(Part(places.NOTES, forget=lambda subject, _: database.forget_notes(self._names(subject), subject)))
        register.add(Part(places.CASES, forget=database.forget_cases, kept=kept.cases))
        register.add(Part(places.NOTICES, forget=database.forget_notices, kept=kept.notices))
        register.add(Part(places.INCIDENTS, forget=database.forget_concerned))
        register.add(Part(places.ALARMS, forget=database.forget_alarms))
        register.add(
            Part(
                places.INVITATIONS,
                destroy=self._store.destroy_invitations,
                beside=lambda *_: self._finish_admissions(),
            )
        )
        register.add(Part(places.RELEASES, beside=self._forget_releases))
        register.add(Part(places.LIVE, beside=lambda subject, _: self.live.forget(subject, whole=True)))
        register.add(Part(places.LINK, beside=self._clear_retained))
        register.check()

    def erase(
        self, *, subject: str, start: float | None = None, end: float | None = None, actor: str | None = None
    ) -> ErasureReceipt:
        """Erase what was captured of a person from `start` to before `end` (Unix seconds); without them everything, everywhere.

        An end that is to come keeps what is captured until then from being stored, until tomorrow's end at most; no end means
        today's. Neither revokes a device nor withdraws a consent: what is captured after it is stored as before.
        An erasure of everything takes the person's limits along; whoever had any is not sensed until they answer anew (`limits`).
        So are the person's records, but for those that a law wants kept. What a hold covers waits for its release
        (`receipt.held`), and `receipt.kept` says what stays. UnknownDevice for a span of somebody without a device, and for
        somebody whom nothing here names.
        """
        whole = start is None and end is None
        if not self.database.devices_of(subject) and not (whole and self._known(subject)):
            raise UnknownDevice("nothing here is about this subject: there is nothing to erase")
        return self._erase_now(subject, start, end, actor or subject)

    def _erase_waiting(self) -> None:
        """What had waited for holds that are released, as of when it was asked for. One that fails waits on, and stops no other."""
        for each in self._keeping.due_erasures():
            try:
                self._erase_now(each.subject, each.start, each.end, each.actor, each.at)
                self._keeping.carried_out(each)
            except CloudSyncError:
                log.exception("an erasure that had waited for a hold failed; it waits for the next sweep")

    def report_child(self, subject: str, *, by: str, reference: str = "") -> Restriction:
        """Somebody says, and it can be believed, that a person is a child whose data nobody may have (clause table, V-35).

        Restricted at once, which is within `children.report.restrict`; `review_at` is when all of it is erased, unless the report
        has turned out to be wrong by then and the restriction is lifted.
        """
        due = self._report_due(self.clock.now())
        return self.restrictions.restrict(subject, Ground.CHILD_REPORTED, by=by, reference=reference, review_at=due)

    def _report_due(self, since: float) -> float:
        return self.policy.parameters.period("children.report.erase").end(since)

    def _erase_reported(self) -> None:
        """Whoever was reported as a child so long ago, and the report stands. The restriction goes on: nothing new is collected.

        Once an erasure of everything has come after the due day nothing is left to do; one that a hold keeps waiting is waited for.
        """
        waiting = {each.subject for each in self.database.waiting() if each.start is None and each.end is None}
        for each in self.restrictions.in_force():
            due = self._report_due(each.since)
            if each.ground is not Ground.CHILD_REPORTED or due > self.clock.now() or each.subject in waiting:
                continue
            if int(self.database.mark(mark_of(each.subject)) or 0) >= due * MICRO:
                continue
            try:
                self._erase_now(each.subject, None, None, each.by)
            except CloudSyncError:
                log.exception(
                    "an erasure after a report that somebody is a child failed; it is tried with the next sweep"
                )

    def _erase_now(
        self, subject: str, start: float | None, end: float | None, by: str, until: float = math.inf
    ) -> ErasureReceipt:
        devices, whole = self.database.devices_of(subject), start is None and end is None
        recipients = {each.recipient for each in self.database.deliveries(subject)} if whole else set[str]()
        # A subscription that ends logs it, while the log may still name the person.
        ends = whole and not self._keeping.holds.of_subject(subject)
        self.live.forget(subject, whole=ends)
        receipt = self._keeping.erase(self._eraser, subject, devices, start, end, by, until)
        self.live.forget(subject, whole=ends)  # what was committed meanwhile
        if whole and receipt.held:
            self.records.erase(subject, actor=by)
            self._end_invitations(subject, min(receipt.at, until))
        elif whole:
            self._finish_person(subject, by)
        self._witness.note()
        self.confirmations.expect(receipt.entry, recipients)
        return self._receipt(receipt, recipients)

    def _known(self, subject: str) -> bool:
        return (
            self.database.names(subject)
            or self._store.person(subject) is not None
            or self.limits.known(subject)
            or subject in self._invitees()  # by a key store that knows more than a restored database
        )

    def _end_invitations(self, subject: str, until: float) -> None:
        """Evidence of nothing: no hold keeps a key that is for days to come."""
        with self.database.transaction():  # as an admission
            ended = self._store.destroy_invitations(subject, until)
        if ended:
            self._keys.vacuum()

    def _invitees(self) -> set[str]:
        return {each.subject for each in self._store.invitations()}

    def _finish_person(self, subject: str, actor: str) -> None:
        """What had waited for a hold is over with the rest; then the log says what stays."""
        waited = self._keeping.nothing_waits(subject)
        with self.database.transaction():
            if waited:
                self.restrictions.forget(subject, again=False)
                self.database.forget_subject(subject, math.inf)
            self.records.log_kept(subject, actor=actor)
        if waited:
            self.database.vacuum_erased()

    def _receipt(self, receipt: ErasureReceipt, recipients: set[str]) -> ErasureReceipt:
        """With what stays, and when the last backup is gone: counted from now [one that is made while keys still go has them]."""
        gone = self.policy.backup_horizon.end(self.clock.now()) if receipt.tombstones or not receipt.held else None
        unreadable = None if gone is None else keys_horizon(self.policy).end(self.clock.now())
        kept = tuple(self._register.kept(receipt.subject)) if receipt.whole else ()
        receipt = replace(receipt, backups_gone_at=gone, unreadable_at=unreadable)
        return replace(receipt, kept=kept, recipients=tuple(sorted(recipients)))

    # After a restore, or an erasure that was cut short

    def _replay_erasures(self) -> None:
        """Everybody whose erasure this database has not been through is erased again, with what there was until then; then keys
        that a restored key store has brought back without their records. Before anything is served.
        """
        pending = dict(self._register.pending())
        if pending:
            named = {*self.database.named(), *self._store.people(), *self._invitees()}
            everybody = {mark_of(subject): subject for subject in named}
            for name, at in pending.items():
                self._erase_again(everybody.get(name), name, at)
            self._store.vacuum_erased()
            self.database.vacuum_erased()
        restored = self._store.seen(RESTORED)
        if restored > self._store.seen(CHECKED):
            if self.records.destroy_orphans():
                self._store.vacuum_erased()
            self._store.raise_seen(CHECKED, restored)

    def _erase_again(self, subject: str | None, name: str, at: float) -> None:
        self._redoing = True
        try:
            if subject is not None:
                self._keeping.nothing_waits(subject, at)
            with self.database.transaction():
                if subject is not None:
                    with self._keys.transaction():
                        self._register.destroy(subject, at)
                    self._register.forget(subject, at)
                self._register.settle(name, at)
            if subject is not None:
                self._register.beside(subject, at)
        finally:
            self._redoing = False

    # What the parts do

    def _names(self, subject: str) -> list[str]:
        return [device.device for device in self.database.devices_of(subject)]

    def _destroy_limits(self, subject: str, until: float) -> None:
        """In a replay only what was there then: the key store may be newer than the database."""
        if not self._redoing or self.limits.older(subject, until):
            self.limits.destroy(subject)

    def _forget_restrictions(self, subject: str, until: float) -> None:
        self.restrictions.forget(subject, again=self._redoing)

    def _note_deliveries(self, subject: str, until: float) -> None:
        """Before they are forgotten."""
        self._delivered[subject] = [each for each in self.database.deliveries(subject) if each.begun_at <= until]

    def _owe_removals(self, subject: str, until: float) -> None:
        """Not in a replay: recipients were told when it was first done, and a restored name of a delivery stays for nobody."""
        if not self._redoing:
            self.recipients.owe(subject, until)

    def _withdraw(self, subject: str, until: float) -> None:
        for delivery in self._delivered.pop(subject, []):
            sink = self.sinks.get(delivery.recipient)
            if isinstance(sink, Withdrawing):
                sink.withdraw(delivery.recipient, delivery.delivery)
        self.recipients.settle()

    def _forget_releases(self, subject: str, until: float) -> None:
        for device in self.database.devices_of(subject):
            self.releases.forget(device.device, in_use=device.revoked_at is None)

    def _clear_retained(self, subject: str, until: float) -> None:
        if isinstance(self.link, Forgetting):
            for name in self._names(subject):
                self.link.forget(name)
