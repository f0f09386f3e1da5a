"""A server's core on files, and devices that seal as the real ones do: what tests of keys, ingest, sweep and erasure share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cloud_sync.audit import AuditLog, Ed25519Signer
from cloud_sync.consent import ConsentLedger, Evidence
from cloud_sync.directive.atrest import SealedAtRest
from cloud_sync.directive.compile import Permission, compile_permission
from cloud_sync.directive.desk import DirectiveDesk
from cloud_sync.erasure.erase import Eraser
from cloud_sync.gate import Gate
from cloud_sync.ingest.answers import Answers
from cloud_sync.ingest.downlinks import DownlinkSealer
from cloud_sync.ingest.leave import Leave
from cloud_sync.ingest.outcome import Outcome
from cloud_sync.ingest.pipeline import Ingest
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.keys.personkeys import PersonKeys
from cloud_sync.keys.wrap import FileKeyEncryptionKey
from cloud_sync.model import (
    EPOCH_SECONDS,
    UPLINK_STREAMS,
    AuditEvent,
    Device,
    DirectiveState,
    Fix,
    Header,
    Motion,
    MotionEvent,
    Precision,
    Reading,
    Sensor,
    StatusReason,
    StatusReport,
    Stream,
)
from cloud_sync.policy import Policy, load_policy
from cloud_sync.read.reader import Reader
from cloud_sync.restriction import Holds
from cloud_sync.retention.sweep import Sweeper
from cloud_sync.retention.terms import Terms
from cloud_sync.storage.open import open_keys, open_telemetry, open_tombstones
from cloud_sync.wire import batch, downlink, envelope, ladder, readings, status
from tests.unit.cloud_sync.storage.places import places

TODAY = 20_500
NOON = TODAY * EPOCH_SECONDS + 43_200.0
KEK = bytes(range(32))
POLICY = Path(__file__).parents[4] / "cloud_sync" / "policy" / "profiles" / "demo.toml"
EVIDENCE = Evidence("s-1", "demo-1", "app", "tapped_allow", "en")


def apart(directory: Path) -> Path:
    """The demo's policy, in which light has a purpose and thus a consent of its own: `opening_alarm`."""
    text = POLICY.read_text("utf-8").replace('"theft_alarm"', '"theft_alarm", "opening_alarm"')
    both = text[text.index('[[rule]]\ncategory = "environment"') : text.index('[[rule]]\ncategory = "motion"')]
    warm = both.replace('"temperature", "light"', '"temperature"')
    lit = both.replace('"temperature", "light"', '"light"').replace("condition_monitoring", "opening_alarm")
    motion = text[text.index('[[rule]]\ncategory = "motion"') : text.index('[[rule]]\ncategory = "contact"')]
    text = text.replace(motion, motion.replace(', "opening_alarm"', "")).replace(both, warm + lit)
    path = directory / "apart.toml"
    path.write_text(text, "utf-8")
    return path


@dataclass
class FakeClock:
    """A clock that stands until it is set."""

    at: float = NOON

    def now(self) -> float:
        """Unix seconds."""
        return self.at


class WorldAudit(AuditLog):
    """The audit log, with its events at hand."""

    @property
    def events(self) -> list[AuditEvent]:
        """All events, in order."""
        return [entry.event for entry in self.entries()]


@dataclass
class ListLink:
    """Downlinks, caught."""

    sent: list[tuple[str, bytes]] = field(default_factory=list)

    def send(self, device: str, sealed: bytes) -> None:
        """Keep it."""
        self.sent.append((device, sealed))


class Tracker:
    """A device: its ladders, and a counter a stream and day."""

    def __init__(self, name: str, first_epoch: int = TODAY, root: bytes | None = None) -> None:
        self.name = name
        self.root = root or os.urandom(32)
        self.topic = f"bl/1/{name}/up"
        self._spines = {stream: (first_epoch, ladder.spine(self.root, stream)) for stream in UPLINK_STREAMS}
        self._first_epoch = first_epoch
        self._down = (0, ladder.down_chain(self.root))
        self._counters: dict[tuple[int, int], int] = {}
        self._chains: dict[tuple[int, int], tuple[int, bytes]] = {}

    def key(self, stream: int, epoch: int, counter: int) -> bytes:
        """K(0, epoch, counter), derived from the root like the device's own, remembered forward for speed."""
        at, chain = self._chains.get((stream, epoch), (0, b""))
        if not chain or at > counter:
            spine = ladder.spine(self.root, stream)
            for _ in range(epoch - self._first_epoch):
                spine = ladder.next_spine(spine, stream)
            at, chain = 0, ladder.day_chain(spine, stream)
        chain = ladder.step(chain, stream, counter - at)
        self._chains[stream, epoch] = (counter, chain)
        return ladder.seal_key(chain, stream)

    def seal(
        self,
        plaintext: bytes,
        *,
        stream: int = Stream.LOCATION,
        epoch: int = TODAY,
        counter: int | None = None,
        version: int = 1,
    ) -> bytes:
        """The next envelope of the stream, or that of a given counter."""
        if counter is None:
            counter = self._counters.get((stream, epoch), 0)
            self._counters[stream, epoch] = counter + 1
        header = Header(0, stream, epoch, counter, version)
        return envelope.seal_uplink(self.name, header, os.urandom(4), self.key(stream, epoch, counter), plaintext)

    def fixes(
        self,
        times: Sequence[int],
        *,
        precision: int = Precision.CELL_100M,
        place: tuple[int, int] = (556_761_000, 125_683_000),
        **kwargs: Any,
    ) -> bytes:
        """A location envelope with one fix at each Unix second, all at one place (degrees × 10⁷)."""
        fixes = [Fix(time, *place, Precision(precision), 8) for time in times]
        epoch = kwargs.setdefault("epoch", times[0] // EPOCH_SECONDS)
        return self.seal(batch.pack_location(precision, fixes, epoch), **kwargs)

    def environment(self, rows: Sequence[tuple[int, int | None, int | None]], **kwargs: Any) -> bytes:
        """An environment envelope of (Unix second, 0.1 °C, lx); its sensors are those that the first row has."""
        _, temperature, light = rows[0]
        sensors = Sensor.TEMPERATURE * (temperature is not None) | Sensor.LIGHT * (light is not None)
        epoch = kwargs.setdefault("epoch", rows[0][0] // EPOCH_SECONDS)
        plaintext = readings.pack_environment(sensors, 60, [Reading(row[0], 60, *row[1:]) for row in rows], epoch)
        return self.seal(plaintext, stream=Stream.ENVIRONMENT, **kwargs)

    def motion(self, rows: Sequence[tuple[int, int]], **kwargs: Any) -> bytes:
        """A motion envelope of (Unix second, bits of events)."""
        epoch = kwargs.setdefault("epoch", rows[0][0] // EPOCH_SECONDS)
        plaintext = readings.pack_motion(60, [MotionEvent(time, 60, Motion(bits)) for time, bits in rows], epoch)
        return self.seal(plaintext, stream=Stream.MOTION, **kwargs)

    def status(self, **kwargs: Any) -> bytes:
        """A status envelope; keyword arguments are fields of the report, or those of `seal`."""
        sealing = {name: kwargs.pop(name) for name in ("epoch", "counter", "version") if name in kwargs}
        epoch = sealing.get("epoch", TODAY)
        values: dict[str, Any] = {
            "reason": StatusReason.BOOT,
            "time": epoch * EPOCH_SECONDS + 100,
            "uptime_s": 1,
            "directive": 0,
            "down_next": 0,
            "challenge": b"challeng",
            "boots": 1,
            "reset": 1,
            "battery_mv": 4000,
            "spooled": 0,
            "lost": 0,
            "refused": 0,
            "faults": 0,
            "heap_free": 100_000,
            "firmware": "1",
        }
        report = StatusReport(**{**values, **kwargs})
        return self.seal(status.pack_status(report, epoch), stream=Stream.STATUS, **sealing)

    def open(self, sealed: bytes) -> Any:
        """The meaning of a downlink."""
        _, number = downlink.peek_downlink(sealed)
        at, chain = self._down if self._down[0] <= number else (0, ladder.down_chain(self.root))
        chain = ladder.step(chain, Stream.DOWN, number - at)
        self._down = (number, chain)
        return downlink.read_value(downlink.open_downlink(self.name, sealed, ladder.seal_key(chain, Stream.DOWN)))


def holds_of(policy: Policy, database: Any, audit: AuditLog, clock: FakeClock, witness: Any) -> Holds:
    """Legal holds, with the categories of the policy."""
    categories = {s: frozenset(rule.category for rule in policy.rules_of_stream(s)) for s in UPLINK_STREAMS}
    return Holds(database, audit, clock, witness, categories)


class World:
    """The core of a server in a directory; opening another World on the same directory is a restart."""

    def __init__(self, directory: Path, clock: FakeClock | None = None, policy_file: Path = POLICY) -> None:
        self.directory = directory
        self.clock = clock or FakeClock()
        database, keys, tombstones = places(directory)
        self.database = open_telemetry(database)
        self.store = open_keys(keys)
        self.tombstones = open_tombstones(tombstones)
        self.keys = LadderKeys(self.store, FileKeyEncryptionKey(KEK), self.tombstones)
        self.audit = WorldAudit(self.database, self.clock, Ed25519Signer.generate("test"))
        self.link = ListLink()
        self.sealer = DownlinkSealer(self.database, self.keys, self.link)
        policy = load_policy(policy_file)
        self.ledger = ConsentLedger(self.database, self.clock, policy)
        self.gate = Gate(policy, self.ledger, self.database)
        self.terms = Terms(policy)
        at_rest = SealedAtRest(self.database, PersonKeys(self.store, FileKeyEncryptionKey(KEK), self.clock))
        self.desk = DirectiveDesk(self.database, policy, self.clock, self.sealer.seal, at_rest)
        self.answers = Answers(
            database=self.database, keys=self.keys, desk=self.desk, permission=self.permission, audit=self.audit
        )
        self.ingest = Ingest(
            database=self.database,
            keys=self.keys,
            clock=self.clock,
            leave=Leave(self.gate, policy, self.database),
            desk=self.answers,
            audit=self.audit,
            terms=self.terms,
        )
        shared = {"database": self.database, "store": self.store, "keys": self.keys, "clock": self.clock}
        self.holds = holds_of(policy, self.database, self.audit, self.clock, self.tombstones)
        self.sweeper = Sweeper(
            **shared, tombstones=self.tombstones, terms=self.terms, audit=self.audit, holds=self.holds
        )
        self.eraser = Eraser(**shared, tombstones=self.tombstones, audit=self.audit)
        self.reader = Reader(**shared, tombstones=self.tombstones, gate=self.gate, policy=policy, audit=self.audit)
        self.policy = policy

    def permission(self, subject: str) -> Permission:
        """What the person's devices may sense now."""
        return compile_permission(self.policy, self.ledger.open_consents(subject, self.clock.now()))

    def enrol(self, name: str = "a" * 16, subject: str = "s-1", first_epoch: int = TODAY) -> Tracker:
        """A new device and its server side."""
        tracker = Tracker(name, first_epoch)
        self.keys.enrol(name, tracker.root, 0, first_epoch)
        self.database.add_device(Device(name, subject, 0, self.clock.now()))
        self.desk.enrol(name)
        self.audit.append(AuditEvent("device.enrolled", self.clock.now(), "controller", subject))
        return tracker

    def consent(
        self,
        subject: str = "s-1",
        precision: Precision | None = Precision.CELL_100M,
        purpose: str = "tracking",
    ) -> None:
        """The person says yes, now; a purpose without positions has no precision."""
        evidence = Evidence(subject, "demo-1", "app", "tapped_allow", "en")
        self.ledger.give(subject, purpose, evidence, precision=precision)

    def floors(self, name: str, *floors: int) -> None:
        """Set the consent floors of a device."""
        location, environment, motion, state = floors
        self.database.put_directive_state(
            DirectiveState(name, max(floors), b"", 0, b"", 0, 0, (location, environment, motion, state))
        )

    def take(self, tracker: Tracker, *payloads: bytes) -> list[Outcome]:
        """Ingest these payloads from the tracker's topic, in one batch."""
        return self.ingest.handle([(tracker.topic, payload) for payload in payloads])

    def close(self) -> None:
        """Close all files."""
        for store in (self.database, self.store, self.tombstones):
            store.close()
