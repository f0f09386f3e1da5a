"""CloudSync: everything behind one object, for integrators.

    with CloudSync.open(Config.from_toml("cloud-sync.toml"), clock=SystemClock()) as cloud:
        enrolment = cloud.enrol(subject="s-1", settings={...})
        cloud.consent.give("s-1", "tracking", Evidence("s-1", "demo-1", "app", "tapped_allow", "en"))
        cloud.start()

Opening checks keys, schema and policy, and replays the tombstones over whatever store it finds, before anything is served.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from cloud_sync.audit import AuditLog, Kind
from cloud_sync.backups import keys_horizon
from cloud_sync.config import Config
from cloud_sync.consent import ConsentLedger
from cloud_sync.directive import DirectiveDesk, Permission, SealedAtRest, compile_permission
from cloud_sync.erasure.belonging import check_belonging
from cloud_sync.erasure.erase import Eraser
from cloud_sync.erasure.witness import Witness
from cloud_sync.facade.admitting import Admitting
from cloud_sync.facade.aggregating import Aggregating
from cloud_sync.facade.alarms import Alarming
from cloud_sync.facade.backups import Backing
from cloud_sync.facade.bounds import Ages, BoundDesk, Groups
from cloud_sync.facade.boundwitness import BoundWitness
from cloud_sync.facade.consents import Consents, log_consent
from cloud_sync.facade.devices import CONTROLLER, Enrolment
from cloud_sync.facade.erasing import Erasing
from cloud_sync.facade.guarding import Guarding
from cloud_sync.facade.keeping import Keeping
from cloud_sync.facade.keyroom import KeyRoom
from cloud_sync.facade.limits import Limits, PersonLimits
from cloud_sync.facade.live import Live, Lives
from cloud_sync.facade.losing import check_lost
from cloud_sync.facade.notices import Noticing
from cloud_sync.facade.opening import check_regions, check_together, provider, ring, signer, wrap_signer_anew
from cloud_sync.facade.outlets import Outlets
from cloud_sync.facade.reads import Reads
from cloud_sync.facade.rights import Rights
from cloud_sync.gate import Gate
from cloud_sync.ingest.answers import Answers
from cloud_sync.ingest.downlinks import DownlinkSealer
from cloud_sync.ingest.healing import Healing
from cloud_sync.ingest.hello import DeskLater
from cloud_sync.ingest.leave import Leave
from cloud_sync.ingest.pipeline import Ingest
from cloud_sync.keys.generations import Generations
from cloud_sync.keys.invitations import InvitationKeys
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.keys.personkeys import PersonKeys
from cloud_sync.keys.rotation import Rotation
from cloud_sync.keys.wrap import KeyEncryptionKey
from cloud_sync.mqtt.publisher import MqttDownlinks
from cloud_sync.policy import Policy, PolicyArchive
from cloud_sync.read.reader import Reader
from cloud_sync.releases.offers import Offers
from cloud_sync.releases.store import FILE as RELEASES
from cloud_sync.releases.store import ReleaseStore
from cloud_sync.retention.checkpoint import clock_in_doubt
from cloud_sync.retention.sweep import SweepReport
from cloud_sync.retention.terms import Terms
from cloud_sync.statistics import Statistics
from cloud_sync.storage.open import open_keys, open_telemetry, open_tombstones
from cloud_sync.stores import Clock, Downlinks

__all__ = ["CloudSync", "Enrolment", "SystemClock"]

log = logging.getLogger(__name__)

REWRAPPED_A_SWEEP = 20_000  # rows: about a second, in pieces that let ingest in between


class SystemClock:
    """The machine's clock, for production."""

    def now(self) -> float:
        """Unix seconds, UTC."""
        return time.time()


class CloudSync(Reads, Lives, Admitting, KeyRoom, Guarding, Outlets, Erasing, Backing, Noticing, Alarming):
    """The server. Its methods may be called from any thread."""

    def __init__(
        self,
        config: Config,
        *,
        clock: Clock,
        policy: Policy,
        archive: PolicyArchive,
        root: KeyEncryptionKey,
        link: Downlinks | None,
    ) -> None:
        """Use `open`."""
        self.config, self.clock, self.policy = config, clock, policy
        with ExitStack() as stack:
            self._open_stores(stack)
            self._compose(policy, archive, root, link)
            self._stores = stack.pop_all()

    def _open_stores(self, stack: ExitStack) -> None:
        """All three, closed by `stack` again when the next one cannot be opened."""
        self.database = open_telemetry(self.config.database)
        stack.callback(self.database.close)
        self._store = open_keys(self.config.keys)
        stack.callback(self._store.close)
        self._tombstones = open_tombstones(self.config.tombstones)
        stack.callback(self._tombstones.close)

    def _compose(self, policy: Policy, archive: PolicyArchive, root: KeyEncryptionKey, link: Downlinks | None) -> None:
        config, clock = self.config, self.clock
        kek = ring(config, root, self._store, clock.now())
        self.rotation = Rotation(
            self._store, kek, clock, keys_horizon(policy).end, lambda: wrap_signer_anew(config, kek)
        )
        self.audit = AuditLog(self.database, clock, signer(config, kek, self.database.leaf_count()))
        self._bounds = BoundWitness(self.database, self._tombstones)
        self.ledger = ConsentLedger(
            self.database,
            clock,
            policy,
            policies=archive.by_hash,
            bounds=self.database,
            child_lost=self._bounds.child_lost,
        )
        self._keeping = Keeping(
            database=self.database,
            store=self._store,
            kek=kek,
            witness=self._tombstones,
            policy=policy,
            ledger=self.ledger,
            clock=clock,
            audit=self.audit,
            settle=self.settle,
            done=self._consented,
        )
        self.restrictions, self.holds = self._keeping.restrictions, self._keeping.holds
        self.records = self._keeping.records
        self._prepare_guard()
        known = self._prepare_access()
        self.gate = Gate(policy, self.ledger, self.database, known=known)
        self._keeping.behind(self.gate)
        self.consent = Consents(
            self.database, self.ledger, self.audit, self.settle, self._consented, clock=clock, policies=archive.by_hash
        )
        bounds = BoundDesk(
            database=self.database,
            ledger=self.ledger,
            clock=clock,
            policy=policy,
            audit=self.audit,
            witness=self._bounds,
            settle=self.settle,
            done=self._consented,
        )
        self.groups, self.ages = Groups(bounds), Ages(bounds)
        self._keys = LadderKeys(self._store, kek, self._tombstones)
        self._mqtt_link = MqttDownlinks()
        self.link: Downlinks = link or self._mqtt_link
        self._sealer = DownlinkSealer(self.database, self._keys, self.link)
        people = PersonKeys(self._store, kek, clock)
        self._at_rest = SealedAtRest(self.database, people)
        self._desk = DirectiveDesk(self.database, policy, clock, self._sealer.seal, self._at_rest)
        self.limits = PersonLimits(
            database=self.database,
            keys=self._keys,
            people=people,
            witness=self._tombstones,
            desk=self._desk,
            audit=self.audit,
            settle=self.settle,
            done=self._consented,
        )
        self._generations = Generations(self._store, kek, self._keys)
        self._invitations = InvitationKeys(self._store, kek)
        self.releases = ReleaseStore(config.folder / RELEASES)
        self._answers = Answers(
            database=self.database,
            keys=self._keys,
            desk=self._desk,
            permission=self.permission,
            audit=self.audit,
            healing=Healing(database=self.database, generations=self._generations, desk=self._desk, audit=self.audit),
            updates=Offers(self.releases, self._desk).answer,
        )
        self.live = Live(self.database)
        terms = Terms(policy)
        taking: dict[str, Any] = {
            "database": self.database,
            "keys": self._keys,
            "clock": clock,
            "leave": Leave(self.gate, policy, self.database),
            "audit": self.audit,
            "terms": terms,
            "committed": self._committed,
        }
        self.ingest = Ingest(**taking, desk=self._answers)
        self._hellos = Ingest(**taking, desk=DeskLater())
        stores: dict[str, Any] = {"database": self.database, "store": self._store, "keys": self._keys, "clock": clock}
        self._witness = Witness(self.database, self._tombstones)
        self._sweeper = self._keeping.sweeper(self._store, self._keys, self._tombstones, terms, self._witness)
        self._reader = Reader(**stores, tombstones=self._tombstones, gate=self.gate, policy=policy, audit=self.audit)
        self.statistics = Statistics(
            database=self.database,
            witness=self._tombstones,
            reader=self._reader,
            policy=policy,
            clock=clock,
            audit=self.audit,
        )
        self._aggregating = Aggregating(
            database=self.database,
            store=self._store,
            keys=self._keys,
            policy=policy,
            terms=terms,
            statistics=self.statistics,
            audit=self.audit,
        )
        self._prepare_outlets()
        self._prepare_erasing()
        self._prepare_backups(self._tombstones)
        self._prepare_rights(people)
        self._prepare_alarms(people)
        self._prepare_guarding(people)
        self._prepare_notices(archive, people=self._people, settle=self.settle, done=self._consented)
        self._eraser = Eraser(**stores, tombstones=self._tombstones, audit=self.audit, parts=self._register)
        self._prepare_to_run()

    @classmethod
    def open(cls, config: Config, *, clock: Clock, link: Downlinks | None = None) -> CloudSync:
        """Open the stores, replay tombstones, record what the policy ended; `link` replaces the broker in tests.

        A database that was restored from a backup is served only after every directive has jumped and every consent of which
        an answer is lost has been closed. ConfigError, PolicyError or StoreError say what is missing and what to do.
        """
        check_together(config)
        archive = PolicyArchive(config.policies)
        policy = archive.keep(config.policy)
        check_regions(config, policy)
        root = provider(config)
        cloud = cls(config, clock=clock, policy=policy, archive=archive, root=root, link=link)
        try:
            check_belonging(cloud.database, cloud._store, cloud._tombstones)
            cloud.backups.admit()
            check_lost(cloud.database, policy, archive)
            cloud._at_rest.migrate()
            cloud._eraser.replay()
            cloud._replay_erasures()
            cloud.records.replay()
            cloud._keeping.replay_waiting()
            cloud._sweeper.catch_up(cloud._witness.swept())
            cloud.limits.replay(cloud._tombstones.all(), cloud._store.people())
            cloud._recover()
            cloud.limits.close_lost()
            cloud._begin_policy()
            cloud._witness.note_all()
            cloud._keeping.note_all()
            cloud._bounds.note_all(cloud._people())
            cloud.backups.replayed()
        except BaseException:
            cloud.close()
            raise
        return cloud

    # Permissions

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

    # Retention; reading is in `Reads`, erasure in `Erasing`

    def sweep(self, *, clock_confirmed: bool = False) -> SweepReport:
        """Destroy what has outlived its term, and record consents that have lapsed; hourly, or at any time."""
        self.breaches.alarm()
        self.rights.alarm()  # also where nothing is destroyed: no deadline waits for a clock to be confirmed
        self._cases = self.rights.counts()
        self.overdue.alarm()
        halts = self._sweeper.halts(clock_confirmed=clock_confirmed)
        over = [] if halts else self._aggregating.before(self.clock.now())
        report = self._sweeper.sweep(clock_confirmed=clock_confirmed)
        if not report.halted:
            self._aggregating.after(over)
            self._settle_consents()
            self._erase_waiting()
            self._erase_reported()
            self.logins.close_unused()
            self.confirmations.escalate()
            self.notices.restrict_overdue()  # not while a clock that leapt may have made it so
            self.notices.expire()
            self._expire_invitations()
            self.recipients.look_after()
            self._keep_horizons()
            self.upkeep.alarm()
            self._witness.note_sweep(report.at)
            self.rotation.work(REWRAPPED_A_SWEEP)
        self._sweep_alarms(halted=report.halted)
        self._witness.note()
        self._swept = report
        return report

    def close(self) -> None:
        """Stop, end all subscriptions, and close the stores."""
        self.stop()
        self.alarms.stop()
        self.live.close()
        self._stores.close()

    def __enter__(self) -> CloudSync:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Parts

    def _prepare_rights(self, people: PersonKeys) -> None:
        self.rights = Rights(
            database=self.database,
            people=people,
            audit=self.audit,
            clock=self.clock,
            policy=self.policy,
            gate=self.gate,
            restrictions=self.restrictions,
            records=self.records,
            exporter=self._exporter,
            erase=self.erase,
            controls=lambda: self.controls.proofs(),  # noqa: PLW0108 - made after the rights
            consented=lambda subject, purpose: purpose in self.ledger.open_now(subject),
            folder=self.config.folder,
        )

    def _consented(self, subject: str, outgoing: Sequence[tuple[str, bytes]]) -> None:
        self._witness.note(subject)
        self.send(outgoing)
        self.people.agreed(subject)

    def _recover(self) -> None:
        """A database that is behind its witness was restored, or cut: nobody knows what it lost, so the safe side is taken."""
        lost = self._witness.entries_lost()
        people = sorted({*self._witness.people_lost(), *self._bounds.lost(self._people())})
        self._finish_devices()  # it adds to the log, of which the witness must be asked first
        if not lost and not people:
            return
        log.error(
            "the database was restored or cut: %d audit entries and answers of %d people are lost", lost, len(people)
        )
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
            outgoing = [item for subject in sorted({*people, *limited}) for item in self.settle(subject)]
            # 4. Whoever was let in may have been let out since.
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

    def _settle_consents(self, *, everybody: bool = False) -> None:
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
