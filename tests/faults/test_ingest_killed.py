"""An ingest process that is killed at any moment, against a real broker: nothing acknowledged is lost, nothing is doubled."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_sync.model import Stream, VerdictCode
from cloud_sync.storage.open import open_telemetry
from tests.unit.cloud_sync.ingest.ingest_world import NOON, TODAY, Tracker, World
from tests.unit.cloud_sync.mqtt.mqtt_broker import Broker, Publisher, available, until
from tests.unit.cloud_sync.storage.places import places

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.skipif(not available(), reason="mosquitto is not installed"),
]
ROOT = Path(__file__).parents[2]
T = int(NOON) - 3600
COUNT = 300

# The server process. With `die` it kills itself between the commit of a batch and its acknowledgement, and says so before.
SERVER = """
import os, signal, sys
from pathlib import Path
from cloud_sync.config import BrokerConfig
from cloud_sync.mqtt.subscriber import Subscriber
from tests.unit.cloud_sync.ingest.ingest_world import World

directory, port, die = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
world = World(directory)
committed = 0

def handle(messages):
    global committed
    outcomes = world.ingest.handle(messages)
    committed += len(messages)
    if die and committed >= die:
        os.kill(os.getpid(), signal.SIGKILL)
    world.sealer.answer(outcomes)

subscriber = Subscriber(BrokerConfig("127.0.0.1", port), handle)
world.sealer._link = subscriber.downlinks
subscriber.start()
print("started", flush=True)
for line in sys.stdin:
    print(subscriber.handled, int(subscriber.connected), flush=True)
subscriber.stop()
"""


class Server:
    """One server process."""

    def __init__(self, directory: Path, port: int, die: int = 0) -> None:
        command = [sys.executable, "-c", SERVER, str(directory), str(port), str(die)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(command, cwd=ROOT, text=True, **pipes)
        assert self.process.stdout and self.process.stdout.readline() == "started\n"

    def handled(self) -> int:
        """How many messages this process has committed and answered."""
        return self._ask()[0]

    def connected(self) -> bool:
        """Whether its subscription stands."""
        return self._ask()[1] == 1

    def _ask(self) -> list[int]:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return [int(word) for word in self.process.stdout.readline().split()]

    def kill(self) -> None:
        """kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> None:
        """End as an operator would."""
        self.process.communicate(timeout=20)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A running mosquitto."""
    (tmp_path / "broker").mkdir()
    broker = Broker(tmp_path / "broker").start()
    yield broker
    broker.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def directory(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the stores are, on each engine."""
    monkeypatch.setenv("BYLEAVE_TEST_STORE", request.param)
    (tmp_path / "stores").mkdir()
    return tmp_path / "stores"


@pytest.fixture
def tracker(directory: Path) -> Tracker:
    """An enrolled device with consent; the stores are closed again."""
    world = World(directory)
    world.clock.at = NOON - 7200
    tracker = world.enrol()
    world.consent()
    world.close()
    return tracker


def counters(directory: Path, tracker: Tracker) -> list[int]:
    """The counters of all rows, as another process reads them."""
    database = open_telemetry(places(directory).database)
    rows = database.envelopes(tracker.name, Stream.LOCATION, TODAY, TODAY)
    database.close()
    return [row.id.counter for row in rows]


class Spool:
    """The device's side: what it has sealed and not yet heard a verdict of is sent again at every contact."""

    def __init__(self, tracker: Tracker, publisher: Publisher) -> None:
        self._tracker = tracker
        self._publisher = publisher
        self._opened = 0
        self.waiting: dict[int, bytes] = {}

    def add(self, counters: range) -> None:
        """Seal and publish, without waiting for the broker."""
        for counter in counters:
            self.waiting[counter] = self._tracker.fixes([T + counter], counter=counter)
            self._publisher.client.publish(self._tracker.topic, self.waiting[counter], qos=1)

    def send(self) -> None:
        """Publish everything that waits, and wait until the broker has it."""
        self._publisher.publish(self._tracker.topic, *self.waiting.values())

    def listen(self) -> bool:
        """Take the verdicts that have come; whether nothing waits any more."""
        for _, sealed in self._publisher.heard[self._opened :]:
            self._opened += 1
            for line in self._tracker.open(sealed):
                assert line.code is VerdictCode.STORED
                self.waiting.pop(line.counter, None)
        return not self.waiting


@pytest.mark.parametrize("die", [1, COUNT])
def test_killed_between_commit_and_acknowledgement(broker: Broker, directory: Path, tracker: Tracker, die: int) -> None:
    """The batch is committed and not acknowledged: it comes again, each envelope has one row and gets its verdict."""
    session = Server(directory, broker.port)  # the persistent session exists before anything is published
    until(session.connected)
    session.stop()
    publisher = Publisher(broker.port)
    spool = Spool(tracker, publisher)
    spool.add(range(COUNT))
    dying = Server(directory, broker.port, die)
    assert dying.process.wait(20) == -signal.SIGKILL
    assert len(counters(directory, tracker)) >= die
    again = Server(directory, broker.port)
    until(lambda: again.handled() > 0)
    until(spool.listen)  # without sending anything again: the broker has kept what was not acknowledged
    again.stop()
    assert counters(directory, tracker) == list(range(COUNT))
    publisher.close()


def test_killed_at_random_moments_while_messages_flow(broker: Broker, directory: Path, tracker: Tracker) -> None:
    """Three kills at moments that a seed chooses, then one contact: one row and one verdict for every envelope."""
    chance = random.Random(4711)
    server = Server(directory, broker.port)
    until(server.connected)
    publisher = Publisher(broker.port)
    spool = Spool(tracker, publisher)
    for turn in range(3):
        wanted = len(counters(directory, tracker)) + chance.randrange(1, COUNT // 2)
        spool.add(range(turn * COUNT, (turn + 1) * COUNT))
        until(lambda: len(counters(directory, tracker)) >= wanted)  # noqa: B023 - used within the turn
        server.kill()
        server = Server(directory, broker.port)
    until(lambda: len(counters(directory, tracker)) == 3 * COUNT)
    spool.send()
    until(spool.listen)
    server.stop()
    assert counters(directory, tracker) == list(range(3 * COUNT))
    publisher.close()
