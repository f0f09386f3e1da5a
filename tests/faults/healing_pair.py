"""A device's firmware and a server, joined by function calls: sealing, spool, session and healing on one side, all of
`CloudSync` on the other. What the link would carry is kept in lists, so that a test can lose, delay, repeat or record it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cloud_sync.errors import StoreError
from cloud_sync.ingest.outcome import Kind
from cloud_sync.model import EPOCH_SECONDS, Fix, Precision, StatusReason, StatusReport, Stream
from cloud_sync.service import CloudSync
from cloud_sync.wire import batch, codec, status
from firmware.errors import DirectiveError
from firmware.keystore import KeyStore
from firmware.link.outbox import Outbox
from firmware.link.session import Session
from firmware.sealer import Sealer
from firmware.wire import ladder
from tests.unit.cloud_sync.service_world import GIVE, Setting
from tests.unit.firmware import aes_provider
from tests.unit.firmware.device import Device, Flash
from tests.unit.firmware.nor import Supply

aes_provider.install()

HEARTBEAT, APPLIED = 2, 3
MOST_ROUNDS = 12  # of one contact: status, answer, the next generation's status, and something over
Carry = Callable[[bytes], bool]


def everything(_: bytes) -> bool:
    """A link that loses nothing."""
    return True


class Unit:
    """The firmware after one start, without radio and sensors."""

    def __init__(self, flash: Flash, now: Callable[[], float]) -> None:
        self.flash, self.now = flash, now
        made = Device(flash)
        self.keystore: KeyStore = made.keys
        self.spool, self.sealer = made.spool, Sealer(made.keys, made.spool, flash.supply.rng.randbytes)
        self.in_force = SimpleNamespace(version=0, apply=self._apply)
        self.clock = SimpleNamespace(now_s=lambda: int(self.now()))
        self.sensors = SimpleNamespace(close=self._close)
        self.open_batch: list[int] = []  # times of fixes that wait in RAM
        self.reasons: list[int] = []
        self.feeds = 0
        self.outbox = Outbox(self.spool)
        self.keystore.boot()
        # Without its constructor: the link's parts are not there. `_apply` is what takes each downlink.
        self.session = Session.__new__(Session)
        self.session._node, self.session._outbox = self, self.outbox
        self.session._board = SimpleNamespace(random=flash.supply.rng.randbytes)
        self.session._client = SimpleNamespace(prove=lambda: None)
        self.session._healing, self.session._opened, self.session.verdicts = (), 0, 0

    # What a session asks of its node.

    def feed(self) -> None:
        """Count it."""
        self.feeds += 1

    def moved(self) -> None:
        """Nobody watches."""

    def report_soon(self, reason: int) -> None:
        """Queue a status."""
        self.reasons.append(reason)

    def on_time(self) -> None:
        """Change the day, as the application does it."""
        epoch = int(self.now()) // EPOCH_SECONDS
        if epoch > self.keystore.epoch:
            self._close()
            self.keystore.advance(epoch, int(self.now()))

    def _apply(self, directive: Any, tick: object) -> int:
        if directive.version <= self.in_force.version:
            raise DirectiveError("not newer")
        self.in_force.version = directive.version
        return APPLIED

    def _close(self) -> None:
        times, self.open_batch = self.open_batch, []
        if times:
            self.seal_fixes(times)

    # What it seals.

    def seal_fixes(self, times: list[int]) -> bytes:
        """One location envelope."""
        fixes = [Fix(time, 556_761_000, 125_683_000, Precision.CELL_100M, 8) for time in times]
        plaintext = batch.pack_location(Precision.CELL_100M, fixes, self.keystore.epoch)
        entry = self.sealer.seal(ladder.LOCATION, plaintext, self.in_force.version, times[0])
        return bytes(entry.envelope)

    def seal_status(self, reason: int = HEARTBEAT) -> bytes:
        """One status, in the words of the server's own codec."""
        self.on_time()
        report = StatusReport(
            reason=StatusReason(reason),
            time=int(self.now()),
            uptime_s=1,
            directive=self.in_force.version,
            down_next=self.keystore.down_next,
            challenge=b"challeng",
            boots=1,
            reset=1,
            battery_mv=4000,
            spooled=0,
            lost=0,
            refused=0,
            faults=0,
            heap_free=1,
            firmware="1",
        )
        plaintext = status.pack_status(report, self.keystore.epoch)
        return bytes(self.sealer.seal(ladder.STATUS, plaintext, self.in_force.version, int(self.now())).envelope)


class Pair:
    """A device, enrolled at a server, over starts and cuts."""

    def __init__(self, directory: Path, supply: Supply | None = None, sector_bytes: int = 4096) -> None:
        self.setting = Setting(directory)
        self.cloud: CloudSync = self.setting.open()
        self.supply = supply or Supply()
        self.flash = Flash(self.supply, sector_bytes, spool_sectors=4)
        self.sent: list[bytes] = []  # every uplink that crossed the link
        self.heard: list[bytes] = []  # every downlink
        self.kinds: list[Kind] = []
        self.enrol()
        self.cloud.consent.give("s-1", "tracking", GIVE)
        self.unit = self.start()

    def enrol(self) -> None:
        """By a file that the server has made."""
        enrolment = self.cloud.enrol(subject="s-1", settings={})
        _, self.name, root, generation, first_epoch, now_s, _ = codec.unpack(enrolment.file)
        self.root = bytes(root)
        Device(self.flash).keys.enrol(self.name, bytearray(root), generation, first_epoch, now_s)

    @property
    def topic(self) -> str:
        """Where the device publishes."""
        return f"bl/1/{self.name}/up"

    @property
    def now(self) -> int:
        """The time of both."""
        return int(self.setting.clock.at)

    def pass_s(self, seconds: float) -> None:
        """Time passes on both sides."""
        self.setting.clock.at += seconds

    def start(self) -> Unit:
        """Power on, or on again; the directive in force lies in flash."""
        version = self.unit.in_force.version if hasattr(self, "unit") else 0
        self.unit = Unit(self.flash, self.setting.clock.now)
        self.unit.in_force.version = version
        return self.unit

    def restart_server(self) -> None:
        """The process ended; another one opens the stores, after a second start if the first one failed."""
        self.cloud.close()
        try:
            self.cloud = self.setting.open()
        except StoreError:
            self.cloud = self.setting.open()

    def up(self, envelope: bytes) -> list[bytes]:
        """One uplink; the downlinks that it calls for, none of a server that dies over it."""
        before = len(self.setting.link.sent)
        try:
            outcomes = self.cloud.handle([(self.topic, envelope)])
        except StoreError:
            self.restart_server()
            return []
        self.sent.append(envelope)
        self.kinds += [outcome.kind for outcome in outcomes]
        answers = [sealed for _, sealed in self.setting.link.sent[before:]]
        self.heard += answers
        return answers

    def down(self, envelope: bytes) -> None:
        """One downlink arrives."""
        self.unit.session._apply(envelope)

    def contact(self, up: Carry = everything, down: Carry = everything) -> None:
        """One contact, begun by a status; `up` and `down` say which messages the link carries."""
        unit = self.unit
        unit.seal_status()
        unit.sealer.begin()
        unit.outbox.begin()
        for _ in range(MOST_ROUNDS):
            entry = unit.outbox.next()
            while entry is not None:
                for answer in self.up(bytes(entry.envelope)) if up(bytes(entry.envelope)) else ():
                    if down(answer):
                        self.down(answer)
                entry = unit.outbox.next()
            if not unit.reasons:
                return
            unit.seal_status(unit.reasons.pop(0))
        raise AssertionError("a contact without an end")

    def generation(self) -> tuple[int, int]:
        """(device's, server's)."""
        device = self.cloud.database.device(self.name)
        assert device is not None
        return self.unit.keystore.generation, device.generation

    def in_step(self) -> bool:
        """Both work in one generation, and nothing waits for a verdict."""
        mine, theirs = self.generation()
        return mine == theirs and not self.unit.spool.count()

    def stored(self, stream: Stream = Stream.LOCATION) -> int:
        """Envelopes of a stream at the server."""
        return self.cloud.database.count_envelopes(self.name, stream)

    def close(self) -> None:
        """Close the stores."""
        self.cloud.close()


def header_of(envelope: bytes) -> list[Any]:
    """The header of an envelope of either direction, unverified."""
    return list(codec.unpack(envelope)[0])


def is_answer(pair: Pair) -> Carry:
    """Tells the envelopes in which the device answers an offer: the status that waits for its verdict."""

    def found(envelope: bytes) -> bool:
        healing = pair.unit.session._healing
        _, *number, _ = header_of(envelope)
        return bool(healing) and list(healing[0][:4]) == number

    return found
