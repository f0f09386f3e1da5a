"""Durable ingest beside a bare paho subscriber that discards: the same messages, the same broker, interleaved rounds.

Both consumers connect to a persistent session whose messages wait at mosquitto, and the clock runs from the connection to the
last message: for paho to its `on_message`, for us until it is verified, checked, committed with `synchronous=FULL`,
acknowledged, and its verdict sealed and handed to the broker. Only ratios of one run mean anything.
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import paho.mqtt.client as paho

from cloud_sync.config import BrokerConfig, Config
from cloud_sync.consent import Evidence
from cloud_sync.model import EPOCH_SECONDS, Fix, Header, Precision, Stream
from cloud_sync.service import CloudSync
from cloud_sync.wire import batch, codec, envelope, ladder
from tests.unit.cloud_sync.mqtt.mqtt_broker import Broker, available, until

ROOT = Path(__file__).parents[2]
POLICY = ROOT / "cloud_sync" / "policy" / "profiles" / "demo.toml"
DAY = 20_500
NOON = DAY * EPOCH_SECONDS + 43_200
DEVICES = 20
ROUNDS = 5
MESSAGES = (
    12_000  # a round lasts about half a second: long beside the connection, short beside the drift of the machine
)
GATES = {1: 1.0, 20: 0.8}
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
    chains = []
    for file in files:
        _, device, root, _, _, _, _ = codec.unpack(file)
        chains.append([device, ladder.day_chain(ladder.spine(root, Stream.LOCATION), Stream.LOCATION)])
    sealed = []
    for n in range(messages):
        at, counter = n % DEVICES, n // DEVICES
        device, chain = chains[at]
        times = range(NOON - 3000 + counter, NOON - 3000 + counter + 10 * fixes, 10)
        drive = [
            Fix(time, 556_761_000 + 9_000 * (i + counter), 125_683_000 + 15_000 * i, Precision.CELL_100M, 8)
            for i, time in enumerate(times)
        ]
        plaintext = batch.pack_location(Precision.CELL_100M, drive, DAY)
        header = Header(0, Stream.LOCATION, DAY, counter, 1)
        key = ladder.seal_key(chain, Stream.LOCATION)
        sealed.append((f"bl/1/{device}/up", envelope.seal_uplink(device, header, os.urandom(4), key, plaintext)))
        chains[at][1] = ladder.step(chain, Stream.LOCATION)
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
        packets = [_publish(topic, payload, n % 65_535 + 1) for n, (topic, payload) in enumerate(messages)]
        sock.sendall(b"".join(packets))
        reader.join(60)


def _publish(topic: str, payload: bytes, mid: int) -> bytes:
    body = struct.pack("!H", len(topic)) + topic.encode() + struct.pack("!H", mid) + payload
    length, size = b"", len(body)
    while True:
        size, low = divmod(size, 128)
        length += bytes([low | (0x80 if size else 0)])
        if not size:
            return b"\x32" + length + body


def _discard(sock: socket.socket, size: int) -> None:
    while size > 0:
        size -= len(sock.recv(65_536))


def _bare(port: int, count: int) -> float:
    """Seconds that paho's `loop_start` takes to receive and discard."""
    done, left = threading.Event(), [count]

    def on_message(client: object, userdata: object, message: object) -> None:
        left[0] -= 1
        if not left[0]:
            done.set()

    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=CLIENT, clean_session=False)
    client.on_message = on_message
    start = time.perf_counter()
    client.connect("127.0.0.1", port)
    client.loop_start()
    assert done.wait(120)
    elapsed = time.perf_counter() - start
    client.disconnect()
    client.loop_stop()
    return elapsed


def _durable(port: int, count: int, directory: Path) -> float:
    """Seconds that the server takes to commit, acknowledge and answer."""
    clock = _Clock()
    clock.at = float(NOON)
    config = Config.in_directory(directory, policy=POLICY, broker=BrokerConfig("127.0.0.1", port, client_id=CLIENT))
    with CloudSync.open(config, clock=clock) as cloud:
        cloud.sweep()  # the day has begun: its leaves are stored
        start = time.perf_counter()
        cloud.start()
        until(lambda: cloud.messages_handled >= count, 120)
        elapsed = time.perf_counter() - start
        assert cloud.database.count_envelopes() == count
        wanted = cloud.downlinks_sent()
        until(lambda: cloud.downlinks_published() == wanted)
    return elapsed


def _round(kind: str, directory: Path, messages: list[tuple[str, bytes]]) -> float:
    """Envelopes a second of one consumer, in a process of its own, on a broker of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        broker = Broker(Path(scratch), persistent=False).start()
        try:
            _preload(broker.port, messages)
            stores = Path(scratch) / "stores"
            shutil.copytree(directory, stores)
            command = [sys.executable, "-m", "tests.benchmarks.ingest", kind, str(broker.port), str(len(messages))]
            out = subprocess.run([*command, str(stores)], cwd=ROOT, check=True, capture_output=True, text=True)
            return len(messages) / float(out.stdout.split()[-1])
        finally:
            broker.kill()


def run(quick: bool) -> dict[str, object]:
    """Rates in envelopes a second and their ratios, medians over interleaved rounds, for 1 and 20 fixes an envelope."""
    if not available():
        return {"skipped": "mosquitto is not installed"}
    figures: dict[str, object] = {}
    rounds, messages = (2, MESSAGES // 4) if quick else (ROUNDS, MESSAGES)
    for fixes, gate in GATES.items():
        with tempfile.TemporaryDirectory() as directory:
            sealed = _prepare(Path(directory), fixes, messages)
            pairs = [
                (_round("bare", Path(directory), sealed), _round("durable", Path(directory), sealed))
                for _ in range(rounds)
            ]
        ratios = [durable / bare for bare, durable in pairs]
        figures[f"{fixes}_fixes"] = {
            "ratio": statistics.median(ratios),
            "ratio_least": min(ratios),
            "ratio_most": max(ratios),
            "gate": gate,
            "durable_per_s": statistics.median(durable for _, durable in pairs),
            "bare_paho_per_s": statistics.median(bare for bare, _ in pairs),
            "envelope_bytes": statistics.median(len(payload) for _, payload in sealed),
            "rounds": rounds,
            "messages": messages,
        }
    return figures


def _consume(kind: str, port: str, count: str, directory: str) -> None:
    elapsed = _bare(int(port), int(count)) if kind == "bare" else _durable(int(port), int(count), Path(directory))
    sys.stdout.write(f"{elapsed}\n")


if __name__ == "__main__":
    _consume(*sys.argv[1:])
