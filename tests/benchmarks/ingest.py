"""Durable ingest beside a bare paho subscriber that discards: the same messages, the same broker, interleaved rounds.

Every consumer is a process of its own. It connects at QoS 1 to a persistent session whose messages already wait at a
fresh mosquitto; the clock runs from before the connection and stops

- for `bare`, paho's `loop_start`, at the last `on_message`;
- for `durable`, the whole server, when each message is verified, checked and committed with `synchronous=FULL` and the broker
  has taken over the last of the verdicts;
- for `silent` at the last commit: no verdicts, to show what they cost; nothing but this file runs that way;
- for `postgresql` as for `durable`, with the telemetry database on a PostgreSQL server of its own on the same machine,
  `synchronous_commit=on`, and the keys in a file; the server's CPU is not in its `cpu_ratio`;
- for `unguarded` as for `durable`, with every question about leave answered yes at once and nothing told to the audit log;
  `guarded` is what an envelope of `durable` costs over it;
- for `naive` as for `durable`, with a commit for each message, and fewer messages.

`ratio` is one of rates, on the wall clock; `cpu_ratio` one of CPU seconds of the two processes over the same span, all their
threads, which other load disturbs less. Both are better when higher, and only those within one round mean anything.
"""

from __future__ import annotations

import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import paho.mqtt.client as paho

from cloud_sync.config import BrokerConfig, Config
from cloud_sync.consent import Evidence
from cloud_sync.ingest import pipeline
from cloud_sync.model import EPOCH_SECONDS, Fix, Precision, Reason
from cloud_sync.mqtt.publisher import MqttDownlinks
from cloud_sync.mqtt.subscriber import Messages, Subscriber
from cloud_sync.service import CloudSync
from cloud_sync.storage.moving import move
from cloud_sync.storage.open import open_telemetry
from cloud_sync.storage.sqlite import SqliteTelemetry
from cloud_sync.wire import batch
from hw_sim.demo.fleet.device import SealingDevice
from hw_sim.fleet.line import publish_packet
from hw_sim.world.drive import Drive
from tests.unit.cloud_sync.mqtt.mqtt_broker import Broker, available, until
from tests.unit.cloud_sync.storage.cluster import binaries, cluster

ROOT = Path(__file__).parents[2]
POLICY = ROOT / "cloud_sync" / "policy" / "profiles" / "demo.toml"
DAY = 20_500
NOON = DAY * EPOCH_SECONDS + 43_200
DEVICES = 20
ROUNDS = 5
MESSAGES = 12_000  # half a second a consumer: long beside the connection, short beside the drift of the machine
NAIVE_SHARE = 6  # a commit for each message is that much slower; a rate needs no more of them
KINDS = ("bare", "durable", "unguarded", "silent", "naive", "postgresql")
GATES = {1: 1.0, 20: 0.8}
GATE_GUARDED = 1.3  # CPU of an envelope with all questions asked, over none
GATE_POSTGRESQL = 0.8  # of SQLite's rate, in the same round
CLIENT = "bench"


class _Clock:
    """Stands still: an hour before noon for enrolment and consent, at noon for ingest."""

    at = NOON - 3600.0

    def now(self) -> float:
        return self.at


def _prepare(directory: Path, fixes: int, messages: int) -> list[tuple[str, bytes]]:
    """An installation with consents, and sealed messages of its devices in the order of their arrival."""
    clock = _Clock()
    with CloudSync.open(Config.in_directory(directory, policy=POLICY, broker=None), clock=clock) as cloud:
        files = []
        for n in range(DEVICES):
            files.append(cloud.enrol(subject=f"s-{n}", settings={}).file)
            cloud.consent.give(f"s-{n}", "tracking", Evidence(f"s-{n}", "demo-1", "app", "tapped_allow", "en"))
    trackers = [SealingDevice(file, Drive.demo()) for file in files]
    sealed = []
    for n in range(messages):
        tracker, counter = trackers[n % DEVICES], n // DEVICES
        times = range(NOON - 3000 + counter, NOON - 3000 + counter + 10 * fixes, 10)
        drive = [
            Fix(time, 556_761_000 + 9_000 * (i + counter), 125_683_000 + 15_000 * i, Precision.CELL_100M, 8)
            for i, time in enumerate(times)
        ]
        plaintext = batch.pack_location(Precision.CELL_100M, drive, DAY)
        sealed.append((tracker.up_topic, tracker.sealed(plaintext).payload))
    return sealed


def _preload(port: int, messages: list[tuple[str, bytes]]) -> None:
    """Make the persistent session, then publish everything at QoS 1 over a plain socket until the broker has it all."""
    session = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=CLIENT, clean_session=False)
    subscribed = threading.Event()
    session.on_subscribe = lambda *args: subscribed.set()
    session.connect("127.0.0.1", port)
    session.loop_start()
    session.subscribe("bl/1/+/up", qos=1)
    assert subscribed.wait(10)
    session.disconnect()
    session.loop_stop()
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04load")
        assert sock.recv(4) == b"\x20\x02\x00\x00"
        reader = threading.Thread(target=_discard, args=(sock, 4 * len(messages)))
        reader.start()
        packets = [publish_packet(topic, payload, n % 65_535 + 1) for n, (topic, payload) in enumerate(messages)]
        sock.sendall(b"".join(packets))
        reader.join(60)


def _discard(sock: socket.socket, size: int) -> None:
    while size > 0:
        size -= len(sock.recv(65_536))


class Cost(NamedTuple):
    """What one consumer needed for all its messages: seconds of the wall clock and of the CPU."""

    wall_s: float
    cpu_s: float


def _spent(since: Cost | None = None) -> Cost:
    start = since or Cost(0.0, 0.0)
    return Cost(time.perf_counter() - start.wall_s, time.process_time() - start.cpu_s)


def _bare(port: int, count: int) -> Cost:
    """What paho's `loop_start` needs to receive and discard."""
    done, left = threading.Event(), [count]

    def on_message(client: object, userdata: object, message: object) -> None:
        left[0] -= 1
        if not left[0]:
            done.set()

    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=CLIENT, clean_session=False)
    client.on_message = on_message
    start = _spent()
    client.connect("127.0.0.1", port)
    client.loop_start()
    assert done.wait(120)
    spent = _spent(start)
    client.disconnect()
    client.loop_stop()
    return spent


def _server(kind: str, port: int, count: int, directory: Path) -> Cost:
    """What the server needs to commit, acknowledge and, unless it is silent, answer."""
    clock = _Clock()
    clock.at = float(NOON)
    broker = BrokerConfig("127.0.0.1", port, client_id=CLIENT)
    whole = kind in ("durable", "unguarded", "postgresql")
    config = Config.in_directory(directory, policy=POLICY, broker=broker if whole else None)
    if kind == "postgresql":
        config = replace(config, database=cluster().place(directory, "telemetry"))
    with CloudSync.open(config, clock=clock) as cloud:
        cloud.sweep()  # the day has begun: its leaves are stored
        if kind == "unguarded":
            unguard(cloud)
        start = _spent()
        cloud.start()
        if whole:
            _wait(lambda: cloud.messages_handled >= count)
            _wait(lambda: cloud.downlinks_published() == cloud.downlinks_sent())
            spent = _spent(start)
            assert cloud.downlinks_sent() * 12 >= count
        else:
            spent = _other(kind, broker, cloud, count, start)
        assert cloud.database.count_envelopes() >= count
    return spent


def _other(kind: str, broker: BrokerConfig, cloud: CloudSync, count: int, start: Cost) -> Cost:
    """The server's own parts behind its own subscriber, put together in another way."""

    def one_by_one(messages: Messages) -> None:
        for message in messages:
            cloud.handle([message])

    link = cloud.link
    assert isinstance(link, MqttDownlinks)
    subscriber = Subscriber(broker, cloud.ingest.handle if kind == "silent" else one_by_one, link)
    subscriber.start()
    _wait(lambda: subscriber.handled >= count)
    _wait(lambda: link.published() == link.sent())
    spent = _spent(start)
    subscriber.stop()
    return spent


class _Yes:
    """Stands for `ingest.leave.Leave`, and for the audit log: everything is allowed, nothing is kept."""

    def batch(self, now: float) -> _Yes:
        return self

    def reason(self, *question: object) -> Reason:
        return Reason.ALLOWED

    def newest(self, subject: str) -> float:
        return 0.0

    def append(self, event: object) -> int:
        return 0


def unguard(cloud: CloudSync) -> None:
    """The same path without gate, leave, floors and log; for this measurement alone."""
    cloud.ingest._leave = cloud.ingest._audit = _Yes()  # type: ignore[assignment]
    pipeline._Batch._below_floor = lambda self, item: False  # type: ignore[method-assign]


def _move(stores: Path) -> None:
    """The telemetry database to PostgreSQL, as `byleave sync move` does it."""
    source, target = SqliteTelemetry(stores / "telemetry.db"), open_telemetry(cluster().place(stores, "telemetry"))
    move(source, target)
    source.close()
    target.close()


def _wait(condition: Callable[[], bool]) -> None:
    until(condition, 120)


def _round(kind: str, directory: Path, messages: list[tuple[str, bytes]]) -> Cost:
    """What an envelope costs one consumer, in a process of its own, on a broker of its own."""
    if kind == "naive":
        messages = messages[: len(messages) // NAIVE_SHARE]
    with tempfile.TemporaryDirectory() as scratch:
        broker = Broker(Path(scratch), persistent=False).start()
        try:
            _preload(broker.port, messages)
            stores = Path(scratch) / "stores"
            shutil.copytree(directory, stores)
            if kind == "postgresql":
                _move(stores)
            command = [sys.executable, "-m", "tests.benchmarks.ingest", kind, str(broker.port), str(len(messages))]
            out = subprocess.run([*command, str(stores)], cwd=ROOT, check=True, capture_output=True, text=True)
            wall_s, cpu_s = json.loads(out.stdout.splitlines()[-1])
            return Cost(wall_s / len(messages), cpu_s / len(messages))
        finally:
            broker.kill()


def run(quick: bool) -> dict[str, object]:
    """Rates in envelopes a second and their ratios, medians over interleaved rounds, for 1 and 20 fixes an envelope."""
    if not available():
        return {"skipped": "mosquitto is not installed"}
    figures: dict[str, object] = {}
    kinds = [kind for kind in KINDS if kind != "postgresql" or binaries()]
    rounds, messages = (2, MESSAGES // 4) if quick else (ROUNDS, MESSAGES)
    for fixes, gate in GATES.items():
        with tempfile.TemporaryDirectory() as directory:
            sealed = _prepare(Path(directory), fixes, messages)
            costs = [{kind: _round(kind, Path(directory), sealed) for kind in kinds} for _ in range(rounds)]
        size = statistics.median(len(payload) for _, payload in sealed)
        facts = {"envelope_bytes": size, "rounds": rounds, "messages": messages}
        figures[f"{fixes}_fixes"] = {"gate": gate, **_figures(costs), **facts}
    return figures


def _figures(costs: list[dict[str, Cost]]) -> dict[str, float]:
    """Ratios of each round, their median and range; medians of the costs themselves."""
    ratios = [cost["bare"].wall_s / cost["durable"].wall_s for cost in costs]
    cpu_ratios = [cost["bare"].cpu_s / cost["durable"].cpu_s for cost in costs]
    median = statistics.median
    return {
        "ratio": median(ratios),
        "ratio_least": min(ratios),
        "ratio_most": max(ratios),
        "cpu_ratio": median(cpu_ratios),
        "cpu_ratio_least": min(cpu_ratios),
        "cpu_ratio_most": max(cpu_ratios),
        "ratio_without_verdicts": median(cost["bare"].wall_s / cost["silent"].wall_s for cost in costs),
        "cpu_ratio_without_verdicts": median(cost["bare"].cpu_s / cost["silent"].cpu_s for cost in costs),
        "guarded_gate": GATE_GUARDED,
        "guarded": median(cost["durable"].cpu_s / cost["unguarded"].cpu_s for cost in costs),
        **_beside_sqlite(costs),
        "ratio_to_naive": median(cost["naive"].wall_s / cost["durable"].wall_s for cost in costs),
        **{f"{kind}_per_s": median(1 / cost[kind].wall_s for cost in costs) for kind in costs[0]},
        **{f"{kind}_cpu_us": median(1e6 * cost[kind].cpu_s for cost in costs) for kind in costs[0]},
    }


def _beside_sqlite(costs: list[dict[str, Cost]]) -> dict[str, float]:
    """The rate on PostgreSQL over that on SQLite, where there is one: median and range."""
    ratios = [cost["durable"].wall_s / cost["postgresql"].wall_s for cost in costs if "postgresql" in cost]
    if not ratios:
        return {}
    return {
        "postgresql_ratio_gate": GATE_POSTGRESQL,
        "postgresql_ratio": statistics.median(ratios),
        "postgresql_ratio_least": min(ratios),
        "postgresql_ratio_most": max(ratios),
    }


def _consume(kind: str, port: str, count: str, directory: str) -> None:
    bare = kind == "bare"
    cost = _bare(int(port), int(count)) if bare else _server(kind, int(port), int(count), Path(directory))
    sys.stdout.write(json.dumps(cost) + "\n")


if __name__ == "__main__":
    _consume(*sys.argv[1:])
