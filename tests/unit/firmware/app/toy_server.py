"""A small server: opens what a device sends, answers with verdicts, time and one directive."""

from __future__ import annotations

import json
import os
import queue
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import paho.mqtt.client as paho

from cloud_sync.model import StatusReport, Stream, Verdict, VerdictCode
from cloud_sync.wire import batch, codec, downlink, envelope, ladder, readings, status

BOOT, HEARTBEAT, APPLIED, CHALLENGE_WANTED, FAULT, STOPPED = range(1, 7)  # reasons of a status
EXACT, CELL_100M = 0, 1
GNSS = 1
DAY_S = 86_400


class ToyServer:
    """One device's server. `pump()` handles what has come and is the network's condition for having settled."""

    def __init__(self, host: str, port: int, now: Callable[[], float], device: str = "aaaaaaaaaaaaaaaa") -> None:
        self.device, self.now = device, now
        self.root = os.urandom(32)
        self.first_epoch = int(now()) // DAY_S
        self.statuses: list[StatusReport] = []
        self.fixes: list[Any] = []
        self.readings: list[Any] = []  # of `environment`
        self.motion: list[Any] = []
        self.versions: list[int] = []  # of each location envelope
        self.numbers: dict[tuple[int, ...], bytes] = {}
        self.conflicts = 0  # numbers that came with two digests
        self.received = 0
        self.sent = 0
        self.directive: list[Any] | None = None
        self.with_challenge = True
        self.with_time = True
        self.verdicts = True
        self._down_next = 0
        self._came: queue.Queue[bytes] = queue.Queue()
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self._client.on_message = lambda client, data, message: self._came.put(message.payload)
        subscribed: queue.Queue[bool] = queue.Queue()
        self._client.on_subscribe = lambda *args: subscribed.put(True)
        self._client.connect(host, port)
        self._client.loop_start()
        self._client.subscribe(f"bl/1/{device}/up", 1)
        subscribed.get(timeout=5)

    @property
    def reasons(self) -> list[int]:
        """Reasons of the statuses so far."""
        return [int(report.reason) for report in self.statuses]

    def gaps(self) -> set[int]:
        """Seconds between one fix and the next; 0 is in it if one came twice."""
        times = sorted(fix.time for fix in self.fixes)
        return {b - a for a, b in pairwise(times)}

    def close(self) -> None:
        """End the connection."""
        self._client.disconnect()
        self._client.loop_stop()

    def enrolment(self, **settings: Any) -> bytes:
        """Enrolment file of docs/architecture.md; a section that is None is left out."""
        whole = {
            "board": "esp32s3",
            "wifi": {"ssid": "depot", "key": "wifi-key"},
            "broker": {"host": "broker.example", "port": 1883, "user": "", "password": "", "tls": False},
        } | settings
        text = json.dumps({name: value for name, value in whole.items() if value is not None})
        return codec.pack([1, self.device, self.root, 0, self.first_epoch, int(self.now()), text])

    def permit(
        self,
        version: int,
        *,
        zones: list[list[int]] | None = None,
        hours: list[list[int]] | None = None,
        rest: int = 0,
        **changes: int,
    ) -> None:
        """Send this directive after the next status that reports a lower version; exact, each 10 s, unless changed."""
        now = int(self.now())
        d = {"version": version, "issued_at": now, "lease_until": now + 30 * DAY_S, "sensors": GNSS, "precision": EXACT}
        d |= {"fields": 0, "interval": 10, "batch": 20, "batch_age": 300, "spool_age": DAY_S, "heartbeat": 600}
        self.directive = [*(d | changes).values(), zones or [], hours or [], [rest] + [0] * 6, [], 0, 0]

    def pump(self) -> bool:
        """Handle all that has come."""
        with_work = False
        while not self._came.empty():
            with_work = True
            self._handle(self._came.get())
        return not with_work

    def send(self, value: list[Any]) -> None:
        """Seal and publish one downlink."""
        chain = ladder.step(ladder.down_chain(self.root), Stream.DOWN, self._down_next)
        key = ladder.seal_key(chain, Stream.DOWN)
        sealed = downlink.seal_downlink(self.device, 0, self._down_next, key, os.urandom(13), value)
        self._down_next += 1
        self.publish(sealed)
        self.sent += 1

    def publish(self, payload: bytes) -> None:
        """Publish bytes towards the device, as anybody could; returns when the broker has them."""
        self._client.publish(f"bl/1/{self.device}/down", payload, 1).wait_for_publish(5)

    def send_directive(self, challenge: bytes = b"") -> None:
        """Send the directive with this challenge, or none."""
        assert self.directive is not None
        self.send([2, [*self.directive, challenge]])

    def _handle(self, payload: bytes) -> None:
        self.received += 1
        parsed = envelope.parse_uplink(payload)
        _, stream, epoch, counter, version = parsed.header
        spine = ladder.spine(self.root, stream)
        for _ in range(epoch - self.first_epoch):
            spine = ladder.next_spine(spine, stream)
        chain = ladder.step(ladder.day_chain(spine, stream), stream, counter)
        plaintext = envelope.open_uplink(self.device, parsed, ladder.seal_key(chain, stream))
        number = tuple(parsed.header[:4])
        fresh = number not in self.numbers
        self.conflicts += self.numbers.setdefault(number, parsed.digest) != parsed.digest
        if stream == Stream.LOCATION and fresh:
            self.fixes += batch.unpack_location(plaintext, epoch)
            self.versions.append(version)
        if stream == Stream.ENVIRONMENT and fresh:
            self.readings += readings.unpack_environment(plaintext, epoch)
        if stream == Stream.MOTION and fresh:
            self.motion += readings.unpack_motion(plaintext, epoch)
        if self.verdicts:
            self.send(downlink.verdicts_value([Verdict(*number, parsed.digest, VerdictCode.STORED)]))
        if stream == Stream.STATUS:
            self._answer(status.unpack_status(plaintext, epoch))

    def _answer(self, report: StatusReport) -> None:
        self.statuses.append(report)
        challenge = report.challenge
        if self.directive is not None and report.directive < self.directive[0]:
            self.send_directive(challenge if self.with_challenge else b"")
        elif report.time is None and self.with_time:
            self.send(downlink.time_value(int(self.now()), challenge))
