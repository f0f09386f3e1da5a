"""Downlinks on their way to the broker: a bounded queue that the subscriber's thread empties.

Losing a downlink loses nothing: every contact of a device begins with a `status`, and what it missed is said again.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable

from cloud_sync.mqtt.client import ReadAheadClient

MAX_WAITING = 20_000  # while the broker is away: about 10 MB; the oldest give way, their devices will ask again
MAX_UNACKNOWLEDGED = 4000  # handed to the client and not yet with the broker; more would only move the queue


CLEARED = ("up", "down")  # topics of a device under which a broker may have been made to keep a message

_Message = tuple[str, str, bytes]  # device, topic below its own, payload; an empty one clears what is retained


class MqttDownlinks:
    """`cloud_sync.stores.Downlinks` over the connection of a `Subscriber`."""

    def __init__(self) -> None:
        self._waiting: deque[_Message] = deque(maxlen=MAX_WAITING)
        self._unacknowledged: dict[int, _Message] = {}
        self._acknowledged: Counter[str] = Counter()
        self._sent: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._wake: Callable[[], None] = lambda: None

    def attach(self, wake: Callable[[], None]) -> None:
        """`wake` is called after each `send`, to break the network thread out of its wait."""
        self._wake = wake

    def send(self, device: str, envelope: bytes) -> None:
        """Queue `envelope` for `bl/1/<device>/down`; returns at once."""
        with self._lock:
            self._waiting.append((device, "down", envelope))
            self._sent[device] += 1
        self._wake()

    def forget(self, device: str) -> None:
        """Queue what clears the device's retained messages. Nothing here is retained; somebody else's may be, and hold what is
        erased; returns at once.
        """
        with self._lock:
            self._waiting.extend((device, topic, b"") for topic in CLEARED)
            self._sent[device] += 1  # the one that goes down
        self._wake()

    def sent(self, device: str | None = None) -> int:
        """How many downlinks were handed over, of one device or of all."""
        with self._lock:
            return self._sent[device] if device else self._sent.total()

    def published(self, device: str | None = None) -> int:
        """How many downlinks the broker has acknowledged, of one device or of all."""
        with self._lock:
            return self._acknowledged[device] if device else self._acknowledged.total()

    # For the network thread

    def drain(self, client: ReadAheadClient) -> None:
        """Hand what waits to the client, as far as the bound allows; only while it is connected."""
        room = MAX_UNACKNOWLEDGED - len(self._unacknowledged)
        if not self._waiting or room <= 0:
            return
        with self._lock:
            batch = [self._waiting.popleft() for _ in range(min(room, len(self._waiting)))]
        mids = client.publish_all([(f"bl/1/{device}/{topic}", payload) for device, topic, payload in batch])
        self._unacknowledged.update(zip(mids, batch, strict=True))

    def acknowledged(self, mid: int) -> None:
        """The broker has this one."""
        sent = self._unacknowledged.pop(mid, None)
        if sent is not None and sent[1] == "down":
            with self._lock:
                self._acknowledged[sent[0]] += 1

    def reconnected(self) -> None:
        """What the broker had not acknowledged goes out again, before the rest."""
        with self._lock:
            self._waiting.extendleft(reversed(self._unacknowledged.values()))
        self._unacknowledged.clear()
