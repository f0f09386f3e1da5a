"""A simulated board without a radio, the real gateway as a process at its line, and everything that crosses it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from cloud_sync.model import Stream
from hw_sim.demo import story
from hw_sim.demo.exhibits import Exhibits
from hw_sim.demo.stage import INSTALL, Stage
from hw_sim.network.gateway import ACCEPTED, HELLO, UP, WELCOME, unframe
from hw_sim.shell.port import Port
from hw_sim.shell.wire import Wire, attach
from hw_sim.world.clock import VirtualClock
from tests.system.gateways import GatewayProcess, a_gateway
from tests.system.rig import (
    a_stage,
    locations,
    spooled,
)
from tests.unit.cloud_sync.mqtt.mqtt_broker import until

WAIT_S = 30.0
HOUR_S = 3_600
ANSWER = {HELLO: WELCOME, UP: ACCEPTED}
PATIENCE_US = 4_000_000  # the firmware repeats after 8 s


class Tap:
    """Every frame that crossed the wire, in its order: (type without bit 7, number, body).

    It holds virtual time where the gateway owes an answer for long: a busy host is no dead one.
    """

    def __init__(self, wire: Wire, port: Port, clock: VirtualClock) -> None:
        self.frames: list[tuple[int, int, bytes]] = []
        self._wire, self._port, self._clock = wire, port, clock
        self._owed: dict[tuple[int, int], int] = {}  # answers by type and number: since when, in virtual time
        self._rest = {"up": b"", "down": b""}
        self._receive, self._emit, self._poll = wire.receive, wire.emit, wire._poll
        wire.receive, wire.emit, wire._poll = self._up, self._down, self._patiently  # type: ignore[method-assign]

    def bodies(self, kind: int) -> list[bytes]:
        """Of all frames of a type."""
        return [body for each, _, body in self.frames if each == kind]

    def _up(self, data: bytes) -> None:
        for kind, number, _ in self._whole("up", data):
            if kind in ANSWER:
                self._owed.setdefault((ANSWER[kind], number), self._clock.now_us)
        self._receive(data)

    def _down(self, data: bytes) -> None:
        for kind, number, _ in self._whole("down", data):
            self._owed.pop((kind, number), None)
        self._emit(data)

    def _whole(self, way: str, data: bytes) -> list[tuple[int, int, bytes]]:
        *parts, self._rest[way] = (self._rest[way] + data).split(b"\0")
        found = [(whole[0] & 0x7F, *whole[1:]) for whole in map(unframe, parts) if whole is not None]
        self.frames += found
        return found

    def _patiently(self) -> None:
        self._poll()
        end_s = time.monotonic() + WAIT_S
        while any(self._clock.now_us - since_us > PATIENCE_US for since_us in self._owed.values()):
            assert time.monotonic() < end_s, f"no answer: {self._owed}"
            self._port.wait(0.01)
            self._wire.listen()


class Wired:
    """A stage whose board has a gateway in place of a radio."""

    def __init__(self, stage: Stage, wire: Wire, port: Port, gateway: GatewayProcess) -> None:
        self.stage, self.wire, self.gateway = stage, wire, gateway
        self.tap = Tap(wire, port, stage.world.clock)

    def between_contacts(self) -> None:
        """Until the line rests."""
        self.stage.board.run(for_s=300, until=lambda: not self.wire.in_use)

    def drain(self) -> None:
        """Until the device keeps nothing. After a power cut it refuses downlinks of numbers that it may have used, until the server
        has heard of that: those verdicts come in the next contact, an hour later.
        """
        end = self.stage.world.clock.unix_s + 3 * HOUR_S
        while spooled(self.stage) or self.wire.in_use:
            assert self.stage.world.clock.unix_s < end, self.stage.board.console.tail()
            self.stage.board.run(for_s=20)

    def opened_by(self) -> list[bytes]:
        """Keys that open what passed: the root, and each envelope's own of those that are stored."""
        stage = self.stage
        keys = [stage.exhibits.root] if stage.exhibits else []
        for stream in (Stream.LOCATION, Stream.STATUS):
            for row in stage.cloud.database.envelopes(stage.device, stream, 0, 2**17):
                leaf = stage.cloud._store.leaf(*row.id[:4])
                assert leaf is not None
                keys.append(stage.cloud._keys.open_leaf(leaf).key(row.id.counter))
        return keys


@contextlib.contextmanager
def a_wired_drive(folder: Path, **device: object) -> Iterator[Wired]:
    """A device on its drive whose only link is the line to a gateway process; the first batch is stored."""
    with (
        a_stage(folder, **device) as stage,
        Port(folder / "van.uart") as port,
        a_gateway(folder, [folder / "van.uart"], stage.port) as gateway,
    ):
        wired = Wired(stage, attach(stage.board, port), port, gateway)
        enrolment = stage.cloud.enrol(
            subject=stage.subject, settings={"board": "esp32s3", "serial": {"baudrate": wired.wire.baudrate}}
        )
        stage.device = enrolment.device
        stage.board.execute(INSTALL, files={"enrolment": enrolment.file})
        stage.exhibits = Exhibits.of(enrolment.file, stage.board, stage.cloud)
        story.consent(stage)
        until(lambda: "port-open" in gateway.said() and "broker-there" in gateway.said(), WAIT_S)
        stage.board.power_on()
        stage.board.run(for_s=900, until=lambda: locations(stage) > 0)
        wired.between_contacts()
        assert locations(stage) >= 1
        yield wired
        assert stage.board.radio.active_s == 0
