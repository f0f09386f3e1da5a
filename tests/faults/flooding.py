"""One device sends as fast as a socket takes it, ten others at their own pace: what becomes of the ten.

The flood comes over a plain socket of a process of its own: thousands of messages a call, QoS 1, acknowledgements discarded. The
server is a process of its own as well, behind a real mosquitto. `poisoned` is a valid envelope whose tag is wrong, `scattered` the
same under numbers all over the day, each of which leads to another key of four chains, `repeated` one that is stored already,
`denied` an authentic one without leave. `quiet` is no flood at all: what the ten wait for anyhow.
"""

from __future__ import annotations

import logging
import multiprocessing
import socket
import statistics
import time
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from cloud_sync.config import BrokerConfig, Config
from cloud_sync.ingest.outcome import Kind
from cloud_sync.model import COUNTERS, Header, Precision, VerdictCode
from cloud_sync.service import CloudSync
from cloud_sync.wire import codec
from cloud_sync.wire.envelope import seal_uplink
from hw_sim.fleet.line import publish_packet
from tests.faults.killed_server import RunningClock, T, evidence
from tests.unit.cloud_sync.ingest.ingest_world import NOON, POLICY, TODAY, FakeClock, ListLink, Tracker
from tests.unit.cloud_sync.mqtt.mqtt_broker import Broker, Publisher, until

KINDS = ("poisoned", "scattered", "repeated", "denied")
QUIET = "quiet"
OTHERS = 10
EVERY_S = 0.1  # each of the others sends one
TIMELY_S = 1.0  # a verdict within this is in time
PIECE = 2000  # messages of one call of the flood


class _Lines(logging.Handler):
    """Counts what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1


def serve(config: Config, clock: RunningClock, pipe: Connection) -> None:
    """The server; to each word through the pipe it answers with messages handled, entries of its log, lines, CPU seconds, and how
    many messages were beyond their device's share.
    """
    lines = _Lines()
    logging.getLogger().addHandler(lines)
    with CloudSync.open(config, clock=clock) as cloud:
        cloud.start()
        cloud.wait_connected(30)
        pipe.send("serving")
        while pipe.recv() != "stop":
            beyond = cloud.ingest.counts[Kind.BEYOND_SHARE]
            pipe.send((cloud.messages_handled, cloud.database.leaf_count(), lines.count, time.process_time(), beyond))


def pour(port: int, topic: str, payloads: list[bytes], until_s: float) -> None:
    """Publish the same messages without a pause."""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04pour")
        assert sock.recv(4) == b"\x20\x02\x00\x00"
        sock.settimeout(5)
        piece = b"".join(publish_packet(topic, payloads[n % len(payloads)], n + 1) for n in range(PIECE))
        while time.monotonic() < until_s:
            sock.sendall(piece)
            left = 4 * PIECE
            while left > 0:
                left -= len(sock.recv(65_536))


def _scattered(device: str, n: int) -> bytes:
    """Sealed under a key that nobody has, and numbered as if it were one of the day's."""
    header = Header(0, 1 + n % 4, TODAY, n * 2557 % COUNTERS, 1000)
    return seal_uplink(device, header, n.to_bytes(4, "big"), bytes(32), bytes(60))


@dataclass
class Flood:
    """One flood of one kind; `run` returns its figures."""

    home: Path
    kind: str
    seconds: float
    waits: list[float] = field(default_factory=list)

    def run(self) -> dict[str, float]:
        """Prepare, flood, wait until the last of the others has its verdict."""
        (self.home / "stores").mkdir()
        (self.home / "broker").mkdir()
        broker = Broker(self.home / "broker", persistent=False).start()
        config = Config.in_directory(self.home / "stores", policy=POLICY, broker=BrokerConfig("127.0.0.1", broker.port))
        try:
            others, flooding = self._prepare(config)
            return self._measure(config, broker.port, others, flooding)
        finally:
            broker.kill()

    def _prepare(self, config: Config) -> tuple[list[Tracker], tuple[str, list[bytes]]]:
        clock = FakeClock(NOON - 7200)
        with CloudSync.open(replace(config, broker=None), clock=clock, link=ListLink()) as cloud:
            trackers = []
            for n in range(OTHERS + 1):
                enrolment = cloud.enrol(subject=f"s-{n}", settings={})
                _, device, root, _, first_epoch, _, _ = codec.unpack(enrolment.file)
                trackers.append(Tracker(device, first_epoch, root))
                if n or self.kind != "denied":
                    cloud.consent.give(f"s-{n}", T, evidence(f"s-{n}"), precision=Precision.CELL_100M)
            clock.at = NOON
            cloud.sweep()
            sealed = trackers[0].fixes([int(NOON) - 60], version=1000)
            if self.kind == "repeated":
                cloud.handle([(trackers[0].topic, sealed)])
        if self.kind == "poisoned":
            sealed = sealed[:-1] + bytes([sealed[-1] ^ 1])
        flood = [_scattered(trackers[0].name, n) for n in range(PIECE)] if self.kind == "scattered" else [sealed]
        return trackers[1:], (trackers[0].topic, flood)

    def _measure(
        self, config: Config, port: int, others: list[Tracker], flooding: tuple[str, list[bytes]]
    ) -> dict[str, float]:
        forks = multiprocessing.get_context("forkserver")
        forks.set_forkserver_preload(["tests.faults.flooding"])
        pipe, theirs = multiprocessing.Pipe()
        clock = RunningClock(time.time())
        server = forks.Process(target=serve, args=(config, clock, theirs), daemon=True)
        server.start()
        assert pipe.poll(60) and pipe.recv() == "serving"
        publisher = Publisher(port)
        before = self._ask(pipe)
        began = time.monotonic()
        ends = began + (0.0 if self.kind == QUIET else self.seconds)
        flood = forks.Process(target=pour, args=(port, *flooding, ends), daemon=True)
        flood.start()
        sent = self._send(others, publisher, clock, began)
        after, took = self._ask(pipe), time.monotonic() - began
        self._hear(publisher, others, sent, wait_s=30.0)
        flood.join(30)
        pipe.send("stop")
        server.join(60)
        publisher.close()
        return self._figures(before, after, took, len(sent))

    @staticmethod
    def _ask(pipe: Connection) -> tuple[int, int, int, float, int]:
        pipe.send("")
        assert pipe.poll(60)
        found: tuple[int, int, int, float, int] = pipe.recv()
        return found

    def _send(
        self, others: list[Tracker], publisher: Publisher, clock: RunningClock, began: float
    ) -> dict[tuple[str, int], float]:
        """Each of the others, every so often, one envelope; what was sent, and when."""
        sent: dict[tuple[str, int], float] = {}
        turn = 0
        while time.monotonic() < began + self.seconds:
            for tracker in others:
                sealed = tracker.fixes([int(clock.now()) - 1], counter=turn, version=1000)
                sent[tracker.name, turn] = time.monotonic()
                publisher.client.publish(tracker.topic, sealed, qos=1)
            turn += 1
            while time.monotonic() < began + turn * EVERY_S:
                self._hear(publisher, others, sent)
                time.sleep(0.002)
        return sent

    def _hear(
        self, publisher: Publisher, others: list[Tracker], sent: dict[tuple[str, int], float], wait_s: float = 0.0
    ) -> None:
        """Verdicts that have come, with how long each took; with `wait_s` until none is missing."""
        by_name = {tracker.name: tracker for tracker in others}

        def heard_all() -> bool:
            while publisher.heard:
                topic, sealed = publisher.heard.pop(0)
                tracker = by_name.get(topic.split("/")[2])
                for line in tracker.open(sealed) if tracker else ():
                    assert line.code is VerdictCode.STORED
                    self.waits.append(time.monotonic() - sent[topic.split("/")[2], line.counter])
            return len(self.waits) >= len(sent)

        if wait_s:
            until(heard_all, wait_s)
        else:
            heard_all()

    def _figures(self, before: tuple[Any, ...], after: tuple[Any, ...], took: float, count: int) -> dict[str, float]:
        handled = after[0] - before[0]
        waits = sorted(self.waits)
        return {
            "handled_per_s": handled / took,
            "cpu_us_each": 1e6 * (after[3] - before[3]) / max(1, handled),
            "beyond_share": after[4] - before[4],
            "others_sent": count,
            "others_in_time": sum(wait <= TIMELY_S for wait in waits) / count,
            "others_p50_ms": 1000 * statistics.median(waits),
            "others_p99_ms": 1000 * waits[int(0.99 * (len(waits) - 1))],
            "log_entries": after[1] - before[1],
            "log_lines": after[2] - before[2],
        }
