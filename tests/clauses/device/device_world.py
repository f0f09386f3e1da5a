"""A device of section 0 of the clause table: the firmware's own modules over simulated flash and chips, in contact with
a clause test's installation.

    unit = Unit(world, "u-1")
    async def story(unit: Unit) -> None:
        await unit.contact()       # says that it starts, and takes its directive
        await unit.frames(100)     # F, a hundred times, ten seconds apart
        await unit.contact()
    unit.run_story(story)

Enrolled with what the installation made; sealed, sent, judged and answered by the real session; only radio and broker are a call.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from typing import Any, Final

from cloud_sync.ingest.outcome import Outcome
from cloud_sync.wire import codec
from tests.clauses.made import HERE, World
from tests.unit.firmware import aes_provider
from tests.unit.firmware.app.rig import Nor
from tests.unit.firmware.sensing.bench import Bench, SimBoard

from firmware.flash.recordlog import RecordLog  # isort: skip
from firmware.keystore import KeyStore  # isort: skip
from firmware.link.outbox import Outbox  # isort: skip
from firmware.link.session import Session  # isort: skip
from firmware.wire import report  # isort: skip

aes_provider.install()

#: What each sensor tells of, by the purposes of CT's profile.
SWITCHES: Final = ("tracking", "geofence_alert", "temperature_monitoring", "condition_monitoring", "theft_alarm")
#: CT's sensors as switches of the person: what its profile rests on the contract rests on a yes.
ASKED: Final = tuple(
    (f'purpose = ["{name}"]\nbasis = "contract"', f'purpose = ["{name}"]\nbasis = "consent"') for name in SWITCHES
)
STREAMS: Final = {1: "location", 2: "environment", 3: "motion", 4: "status"}


class Call:
    """In place of an MQTT client: what is published is with the installation at once, and its answers are back."""

    connected, error = True, None

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    async def connect(self, host: Any, port: Any) -> None:
        """There."""

    async def subscribe(self, topic: str, wait: bool) -> None:
        """What was sent meanwhile comes."""
        self._unit.take_down()

    async def publish(self, topic: str, envelope: bytes) -> None:
        """One message, handled."""
        self._unit.deliver(topic, envelope)

    async def rest(self) -> None:
        """Nothing waits."""

    async def disconnect(self) -> None:
        """Gone."""

    def prove(self) -> None:
        """The other end is real."""


class Unit(Bench):
    """A device of `subject`. `published` is every payload that left it, as a broker sees them, `outcomes` what became of them."""

    def __init__(self, world: World, subject: str = "u-1") -> None:
        self.home = world
        _, device, root, generation, first_epoch, now_s, _ = codec.unpack(
            world.cloud.enrol(subject=subject, settings={}).file
        )
        self.name, self.subject = device, subject
        self.board = SimBoard(int(world.now))
        self.flash = {"keys": Nor(2), "rules": Nor(2), "spool": Nor(16)}
        self._random = itertools.count(1)
        self.stops: list[list[int]] = []
        self.published: list[bytes] = []
        self.outcomes: list[Outcome] = []
        self.off_at = 0.0  # when a story switched something off
        KeyStore(RecordLog(self.region("keys"), 512)).enrol(device, bytearray(root), generation, first_epoch, now_s)
        self.boot()

    def boot(self) -> None:
        """The order of App, and the parts of a contact."""
        super().boot()
        watched, plain = self.sealer.seal, type(self.sealer).seal
        self.sealer.seal = lambda stream, *rest: (
            plain(self.sealer, stream, *rest) if stream == 4 else watched(stream, *rest)
        )
        self.settings: dict[str, Any] = {"broker": {"host": "broker.example", "port": 8883}}
        self.in_force, self.fetch, self.feed = self.rules, None, None
        self.reasons = [report.BOOT]
        self.outbox = Outbox(self.spool)
        self.board.socket_module, self.board.random = None, self.random  # type: ignore[attr-defined]
        self.session = Session(self, self.board, self.outbox)
        self.session._radio_part = _Radio()
        self.session._client = Call(self)

    # What a session asks of its node

    def moved(self) -> None:
        """The supervisor's."""

    def report_soon(self, reason: int) -> None:
        """A status is due."""
        self.reasons.append(reason)

    def seal_status(self, reason: int) -> None:
        """As App's."""
        self.on_time()
        keys, time_s = self.keystore, self.clock.now_s()
        told = (
            self.supervisor.uptime_s(),
            self.rules.version,
            keys.down_next,
            self.challenge.value,
            keys.boots,
            1,
            4000,
        )
        rest = (self.spool.count(), self.spool.lost, keys.refused, self.sensors.faults, 60_000, "1", "", 1, 0)
        plaintext = report.pack_status(reason, time_s, keys.epoch, *told, *rest)
        self.sealer.seal(4, plaintext, self.rules.version, time_s or keys.floor_s)

    # The installation

    def deliver(self, topic: str, envelope: bytes) -> None:
        """Hand one message over, and take the answers."""
        self.home.clock.at = max(self.home.clock.at, self.world_s())
        self.published.append(envelope)
        self.outcomes += self.home.cloud.handle([(topic, envelope)])
        self.take_down()

    def take_down(self) -> None:
        """Downlinks to this device, in order."""
        sent, self.home.link.sent[:] = list(self.home.link.sent), []
        for device, sealed in sent:
            if device == self.name:
                self.session._on_message(f"bl/1/{self.name}/down", sealed, 0)
            else:
                self.home.link.sent.append((device, sealed))

    async def contact(self, reason: int = report.HEARTBEAT) -> None:
        """One contact, from a status to the last verdict; what is open is sealed first."""
        self.sensors.close()
        self.home.clock.at = max(self.home.clock.at, self.world_s())
        if not self.reasons:
            self.reasons.append(reason)
        await self.session.run(False)

    # Sensing

    async def wait(self, seconds: float) -> None:
        """Time passes for the device and the installation."""
        await asyncio.sleep(seconds)
        self.home.clock.at = max(self.home.clock.at, self.world_s())

    def fix(self, place: tuple[int, int] = HERE) -> int:
        """The receiver tells of a place, whether it may run or not; how many entries the minimiser let out."""
        minimiser, now_s = self.rules.minimiser, self.clock.now_s()
        if minimiser is None or now_s is None:
            return 0
        entries = minimiser.accept((now_s, *place, 5_000, 0, 0, 3, 9), self.rules.directive.interval)
        for entry in entries:
            self.sensors.builders[0].add(entry, self.rules.directive)
        return len(entries)

    async def frames(self, count: int, *, every_s: int = 10, place: tuple[int, int] = HERE) -> None:
        """F so many times; temperature, light and motion are sampled by their own tasks meanwhile."""
        for _ in range(count):
            self.fix(place)
            await self.wait(every_s)

    def told(self) -> dict[str, list[tuple[Any, ...]]]:
        """Entries that were sealed, by stream: positions, readings, events."""
        found: dict[str, list[tuple[Any, ...]]] = {name: [] for name in STREAMS.values()}
        for stream, _, content in self.sent:
            found[STREAMS[stream]] += (
                content if isinstance(content, list) else content[-1]
            )  # events of places stand alone
        return found

    def stored(self) -> int:
        """How many of the messages that left it were stored."""
        return [str(outcome.kind) for outcome in self.outcomes].count("stored")

    def run_story(self, story: Callable[[Unit], Coroutine[Any, Any, None]]) -> None:
        """Run a story with the sensors' tasks beside it, in virtual time."""
        self.run(story)  # type: ignore[arg-type]  # a story of a Unit


class _Radio:
    """Always there."""

    def radio_connected(self) -> bool:
        """Yes."""
        return True

    def radio_off(self) -> None:
        """Nothing to do."""
