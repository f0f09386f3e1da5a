"""Downlinks on their way to the broker: a bounded queue that the subscriber's thread empties.

Losing a downlink loses nothing: every contact of a device begins with a `status`, and what it missed is said again.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable

import paho.mqtt.client as paho

MAX_WAITING = 20_000  # while the broker is away: about 10 MB; the oldest give way, their devices will ask again
MAX_UNACKNOWLEDGED = 1000  # handed to the client and not yet with the broker; more would only move the queue


class MqttDownlinks:
    """`cloud_sync.stores.Downlinks` over the connection of a `Subscriber`."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[str, bytes]] = deque(maxlen=MAX_WAITING)
        self._unacknowledged: dict[int, str] = {}
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
            self._waiting.append((device, envelope))
            self._sent[device] += 1
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

    def drain(self, client: paho.Client) -> None:
        """Hand everything that waits to the client; only while it is connected."""
        while self._waiting and len(self._unacknowledged) < MAX_UNACKNOWLEDGED:
            with self._lock:
                device, envelope = self._waiting.popleft()
            info = client.publish(f"bl/1/{device}/down", envelope, qos=1)
            self._unacknowledged[info.mid] = device

    def acknowledged(self, mid: int) -> None:
        """The broker has this one."""
        device = self._unacknowledged.pop(mid, None)
        if device is not None:
            with self._lock:
                self._acknowledged[device] += 1
