"""The demo's stage: a broker, a server, a network and one board, wired together in one virtual time.

This is a composition root: the one kind of place in hw_sim that imports the products.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from cloud_sync.config import BrokerConfig, Config
from cloud_sync.service import CloudSync
from hw_sim.board import Board
from hw_sim.broker import Broker
from hw_sim.clock import World
from hw_sim.demo.observer import Observer
from hw_sim.drive import Drive
from hw_sim.errors import SettleTimeout
from hw_sim.net import Connection, Network

CONNECT_TIMEOUT_S = 5.0  # of real time; a broker on loopback answers in milliseconds
SUBJECT = "person-1"  # the data subject's pseudonym in this installation
OPERATOR = "operator-1"
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
POLICY = Path(str(files("cloud_sync"))) / "policy" / "profiles" / "demo.toml"


class WorldClock:
    """The server's clock reads the world's virtual time."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> float:
        """Unix seconds, UTC."""
        return self._world.clock.unix_s


@dataclass
class Stage:
    """Everything that takes part. Open it with `opened`, which also takes it down again."""

    world: World
    drive: Drive
    network: Network
    board: Board
    broker: Broker
    cloud: CloudSync
    observer: Observer
    device: str = ""
    _connection: Connection | None = None
    _subacks: int = 0
    _missed_downlinks: int | None = None  # None until the device has subscribed on this connection

    @property
    def up_topic(self) -> str:
        """Where the device publishes."""
        return f"bl/1/{self.device}/up"

    @property
    def down_topic(self) -> str:
        """Where the server publishes."""
        return f"bl/1/{self.device}/down"

    def enrol(self) -> None:
        """Make a device known to the server and install keys and settings on the board, through memory only."""
        settings = {
            "board": "esp32s3",
            "wifi": {"ssid": WIFI_NAME, "key": WIFI_KEY},
            "broker": {"host": BROKER_NAME, "port": 1883, "user": "", "password": "", "tls": False},
        }
        enrolment = self.cloud.enrol(subject=SUBJECT, settings=settings)
        self.device = enrolment.device
        self.board.execute(INSTALL, files={"enrolment": enrolment.file})

    def settled(self) -> bool:
        """Whether the server has handled all that the device published, and the device's socket has all the answers.

        What the server published while the device was not subscribed is lost by design (clean session), so the count
        starts anew with each subscription.
        """
        published, _ = self.network.up.publish.get(self.up_topic, (0, 0))
        if self.cloud.messages_handled < published:
            return False
        arrived, _ = self.network.down.publish.get(self.down_topic, (0, 0))
        sent = self.cloud.downlinks_sent(self.device)
        subacks = self.network.down.packets["SUBACK"]
        connection = self.network.connections[-1] if self.network.connections else None
        if connection is not self._connection:
            self._connection, self._subacks, self._missed_downlinks = connection, subacks, None
        if self._missed_downlinks is None and subacks > self._subacks:
            self._missed_downlinks = sent - arrived
        return self._missed_downlinks is None or arrived >= sent - self._missed_downlinks


@contextlib.contextmanager
def opened(folder: Path, *, seed: int, heap_bytes: int = 192 * 1024) -> Iterator[Stage]:
    """A stage with its files in `folder`: broker started, server running, board installed, nothing enrolled yet."""
    drive = Drive.demo()
    world = World(start_unix_s=drive.start_unix_s, seed=seed)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(POLICY, folder / "policy.toml")
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(Broker.start())
        network = Network(world, hosts={BROKER_NAME: (broker.host, broker.port)}, wifi={WIFI_NAME: WIFI_KEY})
        cloud = CloudSync.open(
            Config.in_directory(
                folder, policy=folder / "policy.toml", broker=BrokerConfig(host=broker.host, port=broker.port)
            ),
            clock=WorldClock(world),
        )
        stack.enter_context(contextlib.closing(cloud))
        observer = stack.enter_context(Observer.watching(broker.host, broker.port))
        board = stack.enter_context(
            contextlib.closing(Board.from_description("esp32s3", world, network, heap_bytes=heap_bytes))
        )
        board.gnss.drive = drive
        board.install(FIRMWARE)
        stage = Stage(world, drive, network, board, broker, cloud, observer)
        network.settled = stage.settled
        cloud.start()
        if not cloud.wait_connected(CONNECT_TIMEOUT_S):
            raise SettleTimeout(
                f"the server did not reach the broker within {CONNECT_TIMEOUT_S:.0f} s: {cloud.link_state}"
            )
        yield stage
