"""CloudSync: everything behind one object, for integrators.

    with CloudSync.open(Config.from_toml("cloud-sync.toml"), clock=SystemClock()) as cloud:
        enrolment = cloud.enrol(subject="s-1", settings={...})
        cloud.consent.give("s-1", "tracking", Evidence("s-1", "demo-1", "app", "tapped_allow", "en"))
        cloud.start()

Opening checks keys, schema and policy, and replays the tombstones over whatever store it finds, before anything is served.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from cloud_sync.audit import AuditLog, Kind
from cloud_sync.config import Config
from cloud_sync.consent import ConsentLedger
from cloud_sync.consents import Consents, log_consent
from cloud_sync.devices import CONTROLLER, Devices, Enrolment
from cloud_sync.directive import DirectiveDesk, Permission, SealedAtRest, compile_permission
from cloud_sync.erasure.belonging import check_belonging
from cloud_sync.erasure.erase import Eraser, ErasureReceipt
from cloud_sync.erasure.witness import Witness
from cloud_sync.errors import CloudSyncError, UnknownDevice
from cloud_sync.gate import Gate
from cloud_sync.ingest.answers import Answers
from cloud_sync.ingest.downlinks import DownlinkSealer
from cloud_sync.ingest.healing import Healing
from cloud_sync.ingest.leave import Leave
from cloud_sync.ingest.outcome import Outcome
from cloud_sync.ingest.pipeline import Ingest
from cloud_sync.keys.generations import Generations
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.keys.personkeys import PersonKeys
from cloud_sync.keys.wrap import KeyEncryptionKey
from cloud_sync.limits import Limits, PersonLimits
from cloud_sync.mqtt.publisher import MqttDownlinks
from cloud_sync.mqtt.subscriber import Subscriber
from cloud_sync.opening import check_together, key_encryption_key, signer
from cloud_sync.policy import Policy, PolicyArchive
from cloud_sync.read.reader import Reader
from cloud_sync.reads import Reads
from cloud_sync.releases.offers import Offers
from cloud_sync.releases.store import FILE as RELEASES
from cloud_sync.releases.store import ReleaseStore
from cloud_sync.retention.sweep import Sweeper, SweepReport
from cloud_sync.retention.terms import Terms
from cloud_sync.storage.sqlite import SqliteKeys, SqliteTelemetry, SqliteTombstones
from cloud_sync.stores import Clock, Downlinks

__all__ = ["CloudSync", "Enrolment", "SystemClock"]

log = logging.getLogger(__name__)

STOP_TIMEOUT_S = 20.0


class SystemClock:
    """The machine's clock, for production."""

    def now(self) -> float:
        """Unix seconds, UTC."""
        return time.time()


class CloudSync(Reads, Devices):
    """The server. Its methods may be called from any thread."""

    def __init__(
        self,
        config: Config,
        *,
        clock: Clock,
        policy: Policy,
        archive: PolicyArchive,
        kek: KeyEncryptionKey,
        link: Downlinks | None,
    ) -> None:
        """Use `open`."""
        self.config, self.clock, self.policy = config, clock, policy
        with ExitStack() as stack:
            self._open_stores(stack)
            self._compose(policy, archive, kek, link)
            self._stores = stack.pop_all()

    def _open_stores(self, stack: ExitStack) -> None:
        """All three, closed by `stack` again when the next one cannot be opened."""
        self.database = SqliteTelemetry(self.config.database)
        stack.callback(self.database.close)
        self._store = SqliteKeys(self.config.keys)
        stack.callback(self._store.close)
        self._tombstones = SqliteTombstones(self.config.tombstones)
        stack.callback(self._tombstones.close)

    def _compose(self, policy: Policy, archive: PolicyArchive, kek: KeyEncryptionKey, link: Downlinks | None) -> None:
        config, clock = self.config, self.clock
        self.audit = AuditLog(self.database, clock, signer(config, kek, self.database.leaf_count()))
        self.ledger = ConsentLedger(self.database, clock, policy, policies=archive.by_hash)
        self.gate = Gate(policy, self.ledger, self.database)
        self.consent = Consents(self.database, self.ledger, self.audit, self.settle, self._consented)
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
        self.releases = ReleaseStore(config.database.with_name(RELEASES))
        self._answers = Answers(
            database=self.database,
            keys=self._keys,
            desk=self._desk,
            permission=self.permission,
            audit=self.audit,
            healing=Healing(database=self.database, generations=self._generations, desk=self._desk, audit=self.audit),
            updates=Offers(self.releases, self._desk).answer,
        )
        terms = Terms(policy)
        self.ingest = Ingest(
            database=self.database,
            keys=self._keys,
            clock=clock,
            leave=Leave(self.gate, self.database, policy),
            desk=self._answers,
            audit=self.audit,
            terms=terms,
        )
        stores: dict[str, Any] = {"database": self.database, "store": self._store, "keys": self._keys, "clock": clock}
        self._sweeper = Sweeper(**stores, terms=terms, audit=self.audit)
        self._witness = Witness(self.database, self._tombstones)
        self._eraser = Eraser(**stores, tombstones=self._tombstones, audit=self.audit, doom=self.limits.doom)
        self._reader = Reader(**stores, tombstones=self._tombstones, gate=self.gate, policy=policy, audit=self.audit)
        self._subscriber: Subscriber | None = None
        self._stopping = threading.Event()
        self._sweeping: threading.Thread | None = None

    @classmethod
    def open(cls, config: Config, *, clock: Clock, link: Downlinks | None = None) -> CloudSync:
        """Open the stores, replay tombstones, record what the policy ended; `link` replaces the broker in tests.

        A database that was restored from a backup is served only after every directive has jumped and every consent of which
        an answer is lost has been closed. ConfigError, PolicyError or StoreError say what is missing and what to do.
        """
        check_together(config)
        archive = PolicyArchive(config.policies)
        policy = archive.keep(config.policy)
        kek = key_encryption_key(config)
        cloud = cls(config, clock=clock, policy=policy, archive=archive, kek=kek, link=link)
        try:
            check_belonging(cloud.database, cloud._store, cloud._tombstones)
            cloud._at_rest.migrate()
            cloud._eraser.replay()
            cloud._sweeper.catch_up(cloud._witness.swept())
            cloud.limits.replay(cloud._tombstones.all(), cloud._store.people())
            cloud._recover()
            cloud.limits.close_lost()
            cloud._begin_policy()
            cloud._witness.note_all()
        except BaseException:
            cloud.close()
            raise
        return cloud

    # Permissions

    def permission(self, subject: str) -> Permission:
        """What a person's devices may sense now; as of their last answer at least [a clock that is slow must not take
        back what they gave after it].
        """
        answered = max((record.event_time for record in self.database.consents(subject)), default=0.0)
        opened = self.ledger.open_consents(subject, max(self.clock.now(), answered))
        own = self.limits.in_force(subject)
        return compile_permission(self.policy, opened, restricted=own.lost, zones=own.zones, hours=own.hours)

    def settle(self, subject: str) -> list[tuple[str, bytes]]:
        """Bring all devices of a person in line with what is permitted now; what to `send` after the commit."""
        devices = [device for device in self.database.devices_of(subject) if device.revoked_at is None]
        now = self.clock.now()
        return [(device.device, envelope) for device in devices for envelope in self._answers.settle(device, now)]

    def send(self, outgoing: Sequence[tuple[str, bytes]]) -> None:
        """Hand sealed downlinks to the link."""
        for device, envelope in outgoing:
            self.link.send(device, envelope)

    # Retention, erasure; reading is in `Reads`

    def sweep(self, *, clock_confirmed: bool = False) -> SweepReport:
        """Destroy what has outlived its term, and record consents that have lapsed; hourly, or at any time."""
        report = self._sweeper.sweep(clock_confirmed=clock_confirmed)
        if not report.halted:
            self._settle_consents()
            self._witness.note_sweep(report.at)
        self._witness.note()
        return report

    def erase(
        self, *, subject: str, start: float | None = None, end: float | None = None, actor: str | None = None
    ) -> ErasureReceipt:
        """Erase what was captured of a person from `start` to before `end` (Unix seconds); without them all, the audit log's too.

        An end that is to come keeps what is captured until then from being stored, until tomorrow's end at most; no end means
        today's. Neither revokes a device nor withdraws a consent: what is captured after it is stored as before.
        An erasure of everything takes the person's limits along; whoever had any is not sensed until they answer anew (`limits`).
        UnknownDevice for a subject without a device, unless it is everything of somebody who ever set limits.
        """
        devices, whole = self.database.devices_of(subject), start is None and end is None
        if not devices and not (whole and self.limits.known(subject)):
            raise UnknownDevice("no device was ever enrolled for this subject: there is nothing to erase")
        receipt = self._eraser.erase(subject, devices, start, end, actor or subject)
        if whole:
            self.limits.forget(subject)
        self._witness.note()
        return receipt

    # Running

    def handle(self, messages: Sequence[tuple[str, bytes]]) -> list[Outcome]:
        """Ingest messages and send what they call for; everything is committed when it returns."""
        outcomes = self.ingest.handle(messages)
        self._sealer.answer(outcomes)
        return outcomes

    def start(self) -> None:
        """Sweep once, then keep sweeping, and connect to the broker, now or as soon as it is there. Returns at once."""
        if self._sweeping is not None:
            return
        self._stopping.clear()
        self._sweeping = threading.Thread(target=self._sweep_for_ever, name="cloud-sync-sweep", daemon=True)
        self._sweeping.start()
        if self.config.broker is not None:
            self._subscriber = Subscriber(self.config.broker, self.handle, self._mqtt_link)
            self._subscriber.start()

    def stop(self) -> None:
        """Finish the batch at hand, leave the broker, stop sweeping; `start` may follow."""
        self._stopping.set()
        if self._subscriber is not None:
            self._subscriber.stop(STOP_TIMEOUT_S)
            self._subscriber = None
        if self._sweeping is not None:
            self._sweeping.join(STOP_TIMEOUT_S)
            self._sweeping = None

    def close(self) -> None:
        """Stop and close the stores."""
        self.stop()
        self._stores.close()

    def __enter__(self) -> CloudSync:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Counters, for whoever waits until all is settled

    @property
    def link_state(self) -> str:
        """How the connection to the broker is, in words."""
        return self._subscriber.state if self._subscriber else "not started"

    def wait_connected(self, timeout_s: float) -> bool:
        """Whether the subscription stands within the time."""
        return self._subscriber is not None and self._subscriber.wait_connected(timeout_s)

    @property
    def messages_handled(self) -> int:
        """Messages from the broker that have been committed and answered, since `start`."""
        return self._subscriber.handled if self._subscriber else 0

    def downlinks_sent(self, device: str | None = None) -> int:
        """Downlinks handed to the link over the broker, of one device or of all."""
        return self._mqtt_link.sent(device)

    def downlinks_published(self, device: str | None = None) -> int:
        """Those that the broker has acknowledged."""
        return self._mqtt_link.published(device)

    # Parts

    def _consented(self, subject: str, outgoing: Sequence[tuple[str, bytes]]) -> None:
        self._witness.note(subject)
        self.send(outgoing)

    def _recover(self) -> None:
        """A database that is behind its witness was restored, or cut: nobody knows what it lost, so the safe side is taken."""
        lost, people = self._witness.entries_lost(), self._witness.people_lost()
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
        self._witness.accept()
        self.send(outgoing)

    def _begin_policy(self) -> None:
        """A policy that was not in force before is logged, and every directive is brought in line with it."""
        loaded = self.audit.entries(kind=Kind.POLICY_LOADED.value)
        if loaded and dict(loaded[-1].event.detail).get("policy") == self.policy.hash:
            return
        self.audit.record(Kind.POLICY_LOADED.value, CONTROLLER, policy=self.policy.hash)
        self._settle_consents(everybody=True)

    def _settle_consents(self, *, everybody: bool = False) -> None:
        with self.database.transaction():
            ended = self.ledger.settle()
            for record in ended:
                log_consent(self.audit, record)
            subjects = {record.pii_principal_id for record in ended}
            if everybody:
                subjects |= {device.subject for device in self.database.all_devices()}
            outgoing = [item for subject in sorted(subjects) for item in self.settle(subject)]
        for record in ended:
            self._witness.note(record.pii_principal_id)
        self.send(outgoing)

    def _sweep_for_ever(self) -> None:
        while True:
            try:
                self.sweep()
            except CloudSyncError:
                log.exception("the sweep failed; it is tried again in %d s", self.policy.sweep_s)
            if self._stopping.wait(self.policy.sweep_s):
                return
