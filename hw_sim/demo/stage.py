"""The demo's stage: a broker, a server, a network and one board, wired together in one virtual time.

This is a composition root: the one kind of place in hw_sim that imports the products.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from threading import Event
from time import monotonic
from typing import TypeAlias, TypeVar

from cloud_sync.config import BrokerConfig, Config
from cloud_sync.model import Fix
from cloud_sync.service import CloudSync, Enrolment
from hw_sim.board import Board
from hw_sim.demo.exhibits import Exhibits
from hw_sim.demo.observer import Observer
from hw_sim.demo.shipping import ship
from hw_sim.errors import HwSimError, SettleTimeout
from hw_sim.network.broker import HOST, Broker, Kind
from hw_sim.network.net import Connection, Network
from hw_sim.world.clock import World
from hw_sim.world.drive import Drive
from hw_sim.world.surroundings import Surroundings

CONNECT_TIMEOUT_S = 5.0  # of real time; a broker on loopback answers in milliseconds
Server: TypeAlias = CloudSync
MOST_UNACKNOWLEDGED = 20  # mosquitto's max_inflight_messages
SUBJECT = "person-1"  # the data subject's pseudonym in this installation
OPERATOR = "operator-1"
SWEEP_STEP_S = 23 * 3600  # a server's clock may be a day ahead of its last sweep at most
WIFI_NAME, WIFI_KEY = "depot", "correct horse battery staple"
BROKER_NAME = "broker.example"  # the name in the device's settings; the network resolves it to the real broker
# What the agent types at the board's prompt: the enrolment comes in memory and is never a file on the board.
INSTALL = """
from firmware import boards, enrol
from firmware.flash.recordlog import RecordLog
from firmware.keystore import SLOT_BYTES
board = boards.active()
enrol.install(RecordLog(board.region("keys"), SLOT_BYTES), board, files["enrolment"])
"""
FIRMWARE = Path(str(files("firmware")))
ship()
POLICY = Path(str(files("cloud_sync"))) / "policy" / "profiles" / "demo.toml"


class WorldClock:
    """The server's clock: the world's virtual time, wrong by `offset_s` seconds."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.offset_s = 0.0

    def now(self) -> float:
        """Unix seconds, UTC."""
        return self._world.clock.unix_s + self.offset_s


@dataclass
class Stage:
    """Everything that takes part. Open it with `opened`, which also takes it down again.

    Broker and server can be stopped and started again on the way; `broker`, `cloud` and `observer` are those of now. A chronicle
    hooks in by `on_look` (a moment to be kept), `on_event` (something that happened) and `on_read` (fixes that were served).
    """

    world: World
    drive: Drive
    network: Network
    board: Board
    config: Config
    clock: WorldClock
    port: int
    broker_kind: Kind
    surroundings: Surroundings
    device: str = ""
    subject: str = SUBJECT  # whose tracker is on the stage
    exhibits: Exhibits | None = None
    on_look: Callable[[], None] = lambda: None
    on_event: Callable[[str], None] = lambda label: None
    on_read: Callable[[Sequence[Fix]], None] = lambda fixes: None
    _trackers: int = 1
    _broker: Broker | None = None
    _cloud: CloudSync | None = None
    _observer: Observer | None = None
    _parts: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _handled_before: int = 0  # messages that servers of before have handled
    _written_off: int | None = 0  # messages that died with a broker; None until that is known
    _connection: Connection | None = None
    _subacks: int = 0
    _gone_downlinks: int = 0  # that died with a broker, before the device had acknowledged them
    _missed_downlinks: int | None = None  # None until the device has subscribed on this connection

    @property
    def broker(self) -> Broker:
        """The broker; HwSimError while there is none."""
        return _there(self._broker, "broker")

    @property
    def cloud(self) -> CloudSync:
        """The server; HwSimError while it is closed."""
        return _there(self._cloud, "server")

    @property
    def observer(self) -> Observer:
        """The eavesdropper at the broker; HwSimError before the first broker."""
        return _there(self._observer, "observer")

    @property
    def up_topic(self) -> str:
        """Where the device publishes."""
        return f"bl/1/{self.device}/up"

    @property
    def down_topic(self) -> str:
        """Where the server publishes."""
        return f"bl/1/{self.device}/down"

    def start_broker(self) -> None:
        """A broker that knows nothing, on the port of the one before; returns when server and eavesdropper are there."""
        self.take_broker(Broker(self.broker_kind, self.port))

    def take_broker(self, broker: Broker) -> None:
        """The same with a broker that runs already."""
        self._broker = broker
        if self._observer is None:
            self._observer = self._parts.enter_context(Observer.watching(HOST, self.port))
        _await("the eavesdropper", self._observer.connected.is_set)
        if self._cloud is not None:
            self._await_server(self._cloud)

    def stop_broker(self) -> None:
        """The broker dies with all that it had; returns when server and eavesdropper have seen it."""
        broker, self._broker = self.broker, None
        broker.stop()
        self._written_off = None
        if self._cloud is not None:
            self._gone_downlinks = self._cloud.downlinks_sent(self.device) - self.network.up.packets["PUBACK"]
        _await("the end of the eavesdropper's link", lambda: not self.observer.connected.is_set())
        if self._cloud is not None:
            cloud = self._cloud
            _await("the end of the server's link", lambda: cloud.link_state != "connected")

    def open_server(self) -> None:
        """The server opens its files and starts; with a broker it returns when the two are connected."""
        self._cloud = CloudSync.open(self.config, clock=self.clock)
        self._cloud.start()
        if self._broker is not None:
            self._await_server(self._cloud)

    def close_server(self) -> None:
        """The server ends in order. What the broker takes meanwhile waits there for the next one."""
        cloud, self._cloud = self.cloud, None
        cloud.close()
        self._handled_before += cloud.ingest.counts.total()
        self._missed_downlinks = None  # the next one counts from 0

    def close(self) -> None:
        """Take everything down."""
        self.board.close()
        if self._cloud is not None:
            self.close_server()
        self._parts.close()
        if self._broker is not None:
            self._broker.stop()

    def _await_server(self, cloud: CloudSync) -> None:
        if not cloud.wait_connected(CONNECT_TIMEOUT_S):
            raise SettleTimeout(
                f"the server did not reach the broker within {CONNECT_TIMEOUT_S:.0f} s: {cloud.link_state}"
            )

    def _unhandled(self, cloud: CloudSync) -> int:
        """Messages that a broker has taken from the device or the eavesdropper, and no server has handled."""
        injected = sum(count for topic, count in self.observer.injected.items() if topic.endswith("/up"))
        taken = self.network.down.packets["PUBACK"] + injected
        return taken - self._handled_before - cloud.messages_handled

    def pass_time(self, until_unix_s: float) -> None:
        """Time passes while the board is off or asleep; the server, if there is one, sweeps at least once a day."""
        clock = self.world.clock
        while clock.unix_s < until_unix_s:
            clock.advance_to(clock.us_of(min(until_unix_s, clock.unix_s + SWEEP_STEP_S)))
            if self._cloud is not None:
                self._cloud.sweep()

    def another_tracker(self, subject: str) -> None:
        """The board goes off and leaves the stage; another person's comes, with the firmware and not enrolled yet."""
        self._trackers += 1
        if self.board.powered:
            self.board.cut_power()
        self.board.close()
        self.board = a_board(self.world, self.network, self.drive, self.board.heap_bytes)
        self.board.rng = self.world.random(f"board/{self._trackers}")
        self.surroundings = around(self.board)
        self.subject, self.device = subject, ""

    def enrol(self) -> Enrolment:
        """Make a device known to the server and install keys and settings on the board, through memory only."""
        settings = {
            "board": "esp32s3",
            "wifi": {"ssid": WIFI_NAME, "key": WIFI_KEY},
            "broker": {"host": BROKER_NAME, "port": 1883, "user": "", "password": "", "tls": False},
        }
        enrolment = self.cloud.enrol(subject=self.subject, settings=settings)
        self.device = enrolment.device
        self.board.execute(INSTALL, files={"enrolment": enrolment.file})
        return enrolment

    def await_server(self) -> None:
        """Return once the server has handled all that the broker has taken for it."""
        _await("the server", lambda: self._unhandled(self.cloud) <= (self._written_off or 0))

    def settled(self) -> bool:
        """Whether the server has handled all that the broker took for it, and the device's socket has all the answers.

        What the server published while the device was away waits at the broker, unless that died, and comes before the
        SUBACK; so the count starts anew with each subscription. With MOST_UNACKNOWLEDGED downlinks on their way a broker holds the
        next ones back. Without a server nothing more is to be waited for.
        """
        if self._cloud is None:
            return True
        connection = self.network.connections[-1] if self.network.connections else None
        if connection is not self._connection:
            self._connection, self._missed_downlinks = connection, None
            self._subacks = self.network.down.packets["SUBACK"]
            if self._written_off is None:  # what the old broker still said has been read by now
                self._written_off = self._unhandled(self._cloud)
        if self._written_off is None:
            return True
        if self._unhandled(self._cloud) > self._written_off:
            return False
        return self._answered(self._cloud)

    def _answered(self, cloud: CloudSync) -> bool:
        """Whether all downlinks since the device's subscription are at its socket."""
        arrived, _ = self.network.down.publish.get(self.down_topic, (0, 0))
        sent = cloud.downlinks_sent(self.device) + self.observer.injected[self.down_topic]
        subacks = self.network.down.packets["SUBACK"]
        if sent - self.network.up.packets["PUBACK"] - self._gone_downlinks >= MOST_UNACKNOWLEDGED:
            return True
        if self._missed_downlinks is None and subacks > self._subacks:
            self._missed_downlinks = sent - arrived
        return self._missed_downlinks is None or arrived >= sent - self._missed_downlinks


@contextlib.contextmanager
def opened(
    folder: Path,
    *,
    seed: int,
    drive: Drive | None = None,
    policy: Path = POLICY,
    broker: bool = True,
    heap_bytes: int = 192 * 1024,
) -> Iterator[Stage]:
    """A stage with its files in `folder`: broker started, server running, board installed, nothing enrolled yet.

    The world begins with the drive. Without `broker` its port is known and nobody listens there yet.
    """
    drive = drive or Drive.demo()
    world = World(start_unix_s=drive.start_unix_s, seed=seed)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(policy, folder / "policy.toml")
    with Broker.start() as first:
        stage = _wired(
            Config.in_directory(folder, policy=folder / "policy.toml", broker=BrokerConfig(host=HOST, port=first.port)),
            first.kind,
            world,
            drive,
            heap_bytes,
        )
        with contextlib.closing(stage):
            if broker:
                stage.take_broker(first)
            else:
                first.stop()
            stage.open_server()
            yield stage


def _wired(config: Config, kind: Kind, world: World, drive: Drive, heap_bytes: int) -> Stage:
    """A stage on which nothing runs yet."""
    port = config.broker.port if config.broker else 0
    network = Network(world, hosts={BROKER_NAME: (HOST, port)}, wifi={WIFI_NAME: WIFI_KEY})
    board = a_board(world, network, drive, heap_bytes)
    stage = Stage(world, drive, network, board, config, WorldClock(world), port, kind, around(board))
    network.settled = stage.settled
    return stage


def a_board(world: World, network: Network, drive: Drive, heap_bytes: int) -> Board:
    """A board with the firmware, on that drive, off."""
    board = Board.from_description("esp32s3", world, network, heap_bytes=heap_bytes)
    board.gnss.drive = drive
    board.install(FIRMWARE)
    return board


def around(board: Board) -> Surroundings:
    """Recorded temperature, light and motion around the board's sensors, on whatever drive it is."""
    return Surroundings.recorded(lambda: board.gnss.drive).around(board.sensors)


Part = TypeVar("Part")


def _there(part: Part | None, name: str) -> Part:
    if part is None:
        raise HwSimError(f"there is no {name} now")
    return part


def _await(what: str, holds: Callable[[], bool]) -> None:
    """Return once it holds; SettleTimeout when that takes too long in real time."""
    deadline = monotonic() + CONNECT_TIMEOUT_S
    while not holds():
        if monotonic() > deadline:
            raise SettleTimeout(f"{what}: not within {CONNECT_TIMEOUT_S:.0f} s")
        Event().wait(0.005)
