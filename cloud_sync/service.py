"""CloudSync: everything behind one object, for integrators.

    with CloudSync.open(Config.from_toml("cloud-sync.toml"), clock=SystemClock()) as cloud:
        enrolment = cloud.enrol(subject="s-1", settings={...})
        cloud.consent.give("s-1", "tracking", Evidence("s-1", "demo-1", "app", "tapped_allow", "en"))
        cloud.start()

Opening checks keys, schema and policy, and replays the tombstones over whatever store it finds, before anything is served.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from cloud_sync.audit import AuditLog, Ed25519Signer, Kind
from cloud_sync.config import Config
from cloud_sync.consent import ConsentLedger, Evidence
from cloud_sync.directive import DirectiveDesk, Permission, compile_permission
from cloud_sync.erasure.erase import Eraser, ErasureReceipt
from cloud_sync.errors import CloudSyncError, ConfigError, UnknownDevice
from cloud_sync.gate import Gate
from cloud_sync.ingest.answers import Answers
from cloud_sync.ingest.downlinks import DownlinkSealer
from cloud_sync.ingest.leave import Leave
from cloud_sync.ingest.outcome import Outcome
from cloud_sync.ingest.pipeline import Ingest
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.keys.wrap import FileKeyEncryptionKey, KeyEncryptionKey
from cloud_sync.model import EPOCH_SECONDS, Actor, ConsentRecord, Device, Fix, Precision
from cloud_sync.mqtt.publisher import MqttDownlinks
from cloud_sync.mqtt.subscriber import Subscriber
from cloud_sync.policy import Policy, PolicyArchive
from cloud_sync.read.reader import LocationQuery, Reader
from cloud_sync.retention.sweep import Sweeper, SweepReport
from cloud_sync.retention.terms import Terms
from cloud_sync.storage.private import read_private, write_private
from cloud_sync.storage.sqlite import SqliteKeys, SqliteTelemetry, SqliteTombstones
from cloud_sync.stores import Clock, Downlinks
from cloud_sync.wire import codec

log = logging.getLogger(__name__)

ROOT_BYTES = 32
DEVICE_BYTES = 10  # 80 bits are 16 characters of base 32 (docs/wire-format.md section 2)
ENROLMENT_VERSION = 1
MOST_SETTINGS_BYTES = 4096  # the device reads the enrolment file in one piece
AUDIT_KEY_IDENTITY = b"byleave/1/audit-key"
CONTROLLER = "controller"
STOP_TIMEOUT_S = 20.0


class SystemClock:
    """The machine's clock, for production."""

    def now(self) -> float:
        """Unix seconds, UTC."""
        return time.time()


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A new device: its pseudonym, and the file that the agent hands to it in RAM and then forgets."""

    device: str
    file: bytes


class Consents:
    """A person's answers: each is one transaction of ledger, directive and audit log, then sent at once."""

    def __init__(self, cloud: CloudSync) -> None:
        self._cloud = cloud

    def request(self, subject: str, purpose: str, evidence: Evidence, *, own_initiative: bool = False) -> ConsentRecord:
        """Record that the question was put."""
        ledger = self._cloud.ledger
        return self._carry_out(lambda: ledger.request(subject, purpose, evidence, own_initiative=own_initiative))

    def give(
        self, subject: str, purpose: str, evidence: Evidence, *, precision: Precision | None = None
    ) -> ConsentRecord:
        """Record a yes; `precision` is the finest that the person allows."""
        return self._carry_out(lambda: self._cloud.ledger.give(subject, purpose, evidence, precision=precision))

    def refuse(self, subject: str, purpose: str, evidence: Evidence) -> ConsentRecord:
        """Record a no."""
        return self._carry_out(lambda: self._cloud.ledger.refuse(subject, purpose, evidence))

    def later(self, subject: str, purpose: str, evidence: Evidence) -> ConsentRecord:
        """Record "not now"."""
        return self._carry_out(lambda: self._cloud.ledger.later(subject, purpose, evidence))

    def withdraw(self, subject: str, purpose: str, evidence: Evidence) -> ConsentRecord:
        """Take a consent back; the gate is closed when this returns, the device is told at once."""
        return self._carry_out(lambda: self._cloud.ledger.withdraw(subject, purpose, evidence))

    def _carry_out(self, step: Callable[[], ConsentRecord]) -> ConsentRecord:
        with self._cloud.database.transaction():
            record = step()
            self._cloud.log_consent(record)
            outgoing = self._cloud.settle(record.pii_principal_id)
        self._cloud.send(outgoing)
        return record


class CloudSync:
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
        self.database = SqliteTelemetry(config.database)
        self._store = SqliteKeys(config.keys)
        self._tombstones = SqliteTombstones(config.tombstones)
        self.audit = AuditLog(self.database, clock, _signer(config, kek, self.database.leaf_count()))
        self.ledger = ConsentLedger(self.database, clock, policy, policies=archive.by_hash)
        self.gate = Gate(policy, self.ledger, self.database)
        self.consent = Consents(self)
        self._keys = LadderKeys(self._store, kek, self._tombstones)
        self._mqtt_link = MqttDownlinks()
        self.link: Downlinks = link or self._mqtt_link
        self._sealer = DownlinkSealer(self.database, self._keys, self.link)
        self._answers = Answers(
            database=self.database,
            keys=self._keys,
            desk=DirectiveDesk(self.database, policy, clock, self._sealer.seal),
            permission=self.permission,
            audit=self.audit,
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
        self._eraser = Eraser(**stores, tombstones=self._tombstones, audit=self.audit)
        self._reader = Reader(**stores, tombstones=self._tombstones, gate=self.gate, policy=policy, audit=self.audit)
        self._subscriber: Subscriber | None = None
        self._stopping = threading.Event()
        self._sweeping: threading.Thread | None = None

    @classmethod
    def open(cls, config: Config, *, clock: Clock, link: Downlinks | None = None) -> CloudSync:
        """Open the stores, replay tombstones, record what the policy ended; `link` replaces the broker in tests.

        ConfigError, PolicyError or StoreError say what is missing and what to do.
        """
        archive = PolicyArchive(config.policies)
        policy = archive.keep(config.policy)
        kek = _key_encryption_key(config)
        cloud = cls(config, clock=clock, policy=policy, archive=archive, kek=kek, link=link)
        try:
            cloud._eraser.replay()
            cloud._begin_policy()
        except BaseException:
            cloud.close()
            raise
        return cloud

    # Devices

    def enrol(self, *, subject: str, settings: Mapping[str, Any]) -> Enrolment:
        """A fresh pseudonym and fresh keys for one attempt; the root is in the returned file and nowhere else."""
        text = json.dumps(settings, separators=(",", ":"))
        if len(text.encode()) > MOST_SETTINGS_BYTES:
            raise ConfigError(f"settings are longer than {MOST_SETTINGS_BYTES} bytes; leave out what no device needs")
        now = self.clock.now()
        first_epoch = int(now) // EPOCH_SECONDS
        device = base64.b32encode(os.urandom(DEVICE_BYTES)).decode("ascii").lower()
        root = os.urandom(ROOT_BYTES)
        self._keys.enrol(device, root, 0, first_epoch)
        with self.database.transaction():
            self.database.add_device(Device(device, subject, 0, now))
            self._answers.enrol(device)
            self.audit.record(Kind.DEVICE_ENROLLED.value, CONTROLLER, subject, device=device)
        return Enrolment(device, codec.pack([ENROLMENT_VERSION, device, root, 0, first_epoch, int(now), text]))

    def permission(self, subject: str) -> Permission:
        """What a person's devices may sense now."""
        return compile_permission(self.policy, self.ledger.open_consents(subject, self.clock.now()))

    def settle(self, subject: str) -> list[tuple[str, bytes]]:
        """Bring all devices of a person in line with what is permitted now; what to `send` after the commit."""
        devices = [device for device in self.database.devices_of(subject) if device.revoked_at is None]
        return [(device.device, envelope) for device in devices for envelope in self._answers.settle(device)]

    def send(self, outgoing: Sequence[tuple[str, bytes]]) -> None:
        """Hand sealed downlinks to the link."""
        for device, envelope in outgoing:
            self.link.send(device, envelope)

    def log_consent(self, record: ConsentRecord) -> None:
        """One step of the ledger, in the audit log."""
        self.audit.record(
            f"consent.{record.event_state.value}",
            record.entity_id,
            record.pii_principal_id,
            purpose=record.purpose,
            record=record.record_id,
            notice=record.privacy_notice,
            precision=record.precision.name.lower(),
        )

    # Reading, retention, erasure

    def read_location(
        self,
        *,
        actor: Actor,
        purpose: str,
        subject: str,
        start: float,
        end: float,
        recipient: str | None = None,
        precision: Precision | None = None,
    ) -> list[Fix]:
        """Fixes captured from `start` to before `end` (Unix seconds), none finer than permitted; `Denied(reason)`."""
        return self._reader.location(LocationQuery(actor, purpose, subject, start, end, recipient, precision))

    def sweep(self, *, clock_confirmed: bool = False) -> SweepReport:
        """Destroy what has outlived its term, and record consents that have lapsed; hourly, or at any time."""
        report = self._sweeper.sweep(clock_confirmed=clock_confirmed)
        if not report.halted:
            self._settle_consents()
        return report

    def erase(
        self, *, subject: str, start: float | None = None, end: float | None = None, actor: str | None = None
    ) -> ErasureReceipt:
        """Erase a person's data of whole UTC days from `start` to before `end`; all of it without them."""
        devices = self.database.devices_of(subject)
        if not devices:
            raise UnknownDevice("no device was ever enrolled for this subject: there is nothing to erase")
        return self._eraser.erase(subject, devices, start, end, actor or subject)

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
        for store in (self.database, self._store, self._tombstones):
            store.close()

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
                self.log_consent(record)
            subjects = {record.pii_principal_id for record in ended}
            if everybody:
                subjects |= {device.subject for device in self.database.all_devices()}
            outgoing = [item for subject in sorted(subjects) for item in self.settle(subject)]
        self.send(outgoing)

    def _sweep_for_ever(self) -> None:
        while True:
            try:
                self.sweep()
            except CloudSyncError:
                log.exception("the sweep failed; it is tried again in %d s", self.policy.sweep_s)
            if self._stopping.wait(self.policy.sweep_s):
                return


def _key_encryption_key(config: Config) -> FileKeyEncryptionKey:
    """The key file; made for an empty installation only [a new key beside old stores would lose every one of theirs]."""
    if not Path(config.key_encryption_key).exists() and not Path(config.keys).exists():
        return FileKeyEncryptionKey.create(config.key_encryption_key)
    return FileKeyEncryptionKey.open(config.key_encryption_key)


def _signer(config: Config, kek: KeyEncryptionKey, leaves: int) -> Ed25519Signer:
    """The key of the audit log, wrapped in its file; made for an empty log only."""
    path = Path(config.audit_key)
    if path.exists():
        return Ed25519Signer(config.origin, kek.unwrap(read_private(path), AUDIT_KEY_IDENTITY))
    if leaves:
        raise ConfigError(f"{path}: the key of the audit log is missing; restore it, proofs given out depend on it")
    seed = secrets.token_bytes(ROOT_BYTES)
    write_private(path, kek.wrap(seed, AUDIT_KEY_IDENTITY))
    return Ed25519Signer(config.origin, seed)
