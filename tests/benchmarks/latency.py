"""From publishing to the commit: messages at a steady rate through a real broker, for some seconds.

Each message's way begins when its packet is handed to the socket and ends when the transaction of its batch has committed; both
processes read the same monotonic clock of the machine. Beside other load the figures say more of that load than of the server.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from cloud_sync.config import BrokerConfig, Config
from cloud_sync.model import StoredEnvelope
from cloud_sync.service import CloudSync
from tests.benchmarks.ingest import CLIENT, DEVICES, NOON, POLICY, ROOT, _prepare, publish_packet
from tests.unit.cloud_sync.ingest.ingest_world import FakeClock
from tests.unit.cloud_sync.mqtt.mqtt_broker import Broker, available, until

RATES = (1_000, 10_000)  # messages a second
SECONDS = 5
TICK_S = 0.001  # what is due is sent so often
GATE_MS, STRETCH_MS = 10.0, 5.0  # p99 at the higher rate


def run(*, quick: bool = False) -> dict[str, object]:
    """Median and 99th percentile in milliseconds at each rate, and the load of the machine beside it."""
    if not available():
        return {"skipped": "mosquitto is not installed"}
    seconds = 2 if quick else SECONDS
    found: dict[str, object] = {"gate_p99_ms": GATE_MS, "stretch_p99_ms": STRETCH_MS}
    with tempfile.TemporaryDirectory() as name:
        for rate in RATES:
            home = Path(name) / str(rate)
            (home / "stores").mkdir(parents=True)
            (home / "broker").mkdir()
            sealed = _prepare(home / "stores", 20, rate * seconds)
            waits = sorted(_round(home, sealed, rate))
            found[f"{rate}_per_s"] = {
                "p50_ms": 1000 * statistics.median(waits),
                "p99_ms": 1000 * waits[int(0.99 * (len(waits) - 1))],
                "most_ms": 1000 * waits[-1],
                "load_1_min": os.getloadavg()[0],
            }
    return found


def _round(home: Path, sealed: list[tuple[str, bytes]], rate: int) -> list[float]:
    """Seconds that each message took."""
    broker = Broker(home / "broker", persistent=False).start()
    try:
        command = [sys.executable, "-m", "tests.benchmarks.latency", str(broker.port), str(home), str(len(sealed))]
        server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None and server.stdout.readline() == "serving\n"
        sent = _publish(broker.port, sealed, rate)
        committed = json.loads(server.stdout.readline())
        assert server.wait(60) == 0
    finally:
        broker.kill()
    order = _names(sealed)
    return [committed[name][n // DEVICES] - sent[n] for n, name in enumerate(order)]


def _names(sealed: Sequence[tuple[str, bytes]]) -> list[str]:
    return [topic.split("/")[2] for topic, _ in sealed]


def _publish(port: int, sealed: list[tuple[str, bytes]], rate: int) -> list[float]:
    """Send at the rate; when each was handed to the socket."""
    packets = [publish_packet(topic, payload, n % 65_535 + 1) for n, (topic, payload) in enumerate(sealed)]
    sent: list[float] = []
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04load")
        assert sock.recv(4) == b"\x20\x02\x00\x00"
        threading.Thread(target=_discard, args=(sock, 4 * len(packets)), daemon=True).start()
        began = time.monotonic()
        while len(sent) < len(packets):
            due = min(len(packets), int((time.monotonic() - began) * rate))
            if due > len(sent):
                now = time.monotonic()
                sock.sendall(b"".join(packets[len(sent) : due]))
                sent += [now] * (due - len(sent))
            time.sleep(TICK_S)
    return sent


def _discard(sock: socket.socket, size: int) -> None:
    while size > 0:
        size -= len(sock.recv(65_536)) or size


def _serve(port: int, home: Path, count: int) -> None:
    """The server; at the end, by device, when each of its envelopes had committed, in the order of their numbers."""
    times: dict[str, list[float]] = {}

    def committed(rows: Sequence[StoredEnvelope]) -> None:
        now = time.monotonic()
        for row in rows:
            times.setdefault(row.id.device, []).append(now)

    config = Config.in_directory(
        home / "stores", policy=POLICY, broker=BrokerConfig("127.0.0.1", port, client_id=CLIENT)
    )
    with CloudSync.open(config, clock=FakeClock(float(NOON))) as cloud:
        cloud.sweep()
        cloud.ingest._committed = committed
        cloud.start()
        assert cloud.wait_connected(30)
        sys.stdout.write("serving\n")
        sys.stdout.flush()
        until(lambda: cloud.messages_handled >= count, 120)
    sys.stdout.write(json.dumps(times) + "\n")


if __name__ == "__main__":
    _serve(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
