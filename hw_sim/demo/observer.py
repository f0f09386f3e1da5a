"""An eavesdropper at the broker: subscribes to everything and keeps what passes. It also injects, as a stranger."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from hw_sim.errors import SettleTimeout

CONNECT_TIMEOUT_S = 5.0  # a broker on loopback answers in milliseconds
RECONNECT_S = 0.02  # nobody else uses the broker
KEPT = 100_000  # messages kept at most: an hour of a device is a few hundred


@dataclass
class Observer:
    """Messages in order of arrival, each (topic, payload), and how many of its own it published on each topic.

    `connected` is set while the subscription stands; after a broker's restart it comes back by itself.
    """

    messages: list[tuple[str, bytes]] = field(default_factory=list)
    injected: Counter[str] = field(default_factory=Counter)
    connected: threading.Event = field(default_factory=threading.Event)
    _client: mqtt.Client | None = None

    @classmethod
    @contextlib.contextmanager
    def watching(cls, host: str, port: int) -> Iterator[Observer]:
        """Subscribe to `#` at the broker and keep what passes until the block ends."""
        observer = cls()
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="eavesdropper")
        client.on_connect = lambda c, *_: c.subscribe("#", qos=1)
        client.on_subscribe = lambda *_: observer.connected.set()
        client.on_disconnect = lambda *_: observer.connected.clear()
        client.reconnect_delay_set(RECONNECT_S, RECONNECT_S)  # type: ignore[arg-type]  # any number of seconds
        client.on_message = lambda _c, _u, message: observer._keep(message.topic, bytes(message.payload))
        client.connect(host, port)
        client.loop_start()
        if not observer.connected.wait(CONNECT_TIMEOUT_S):
            raise SettleTimeout(
                f"the broker at {host}:{port} did not accept an observer within {CONNECT_TIMEOUT_S:.0f} s"
            )
        observer._client = client
        try:
            yield observer
        finally:
            client.disconnect()
            client.loop_stop()

    def _keep(self, topic: str, payload: bytes) -> None:
        if len(self.messages) < KEPT:
            self.messages.append((topic, payload))

    def inject(self, topic: str, payload: bytes, *, times: int = 1, retain: bool = False) -> None:
        """Publish as a stranger who may write to the topic; returns when the broker has it."""
        if self._client is None:
            raise SettleTimeout("the observer is not connected")
        for each in [self._client.publish(topic, payload, qos=1, retain=retain) for _ in range(times)]:
            each.wait_for_publish(CONNECT_TIMEOUT_S)
        self.injected[topic] += times

    def await_message(self, topic: str) -> None:
        """Return once something has come on the topic."""
        deadline = time.monotonic() + CONNECT_TIMEOUT_S
        while not any(seen == topic for seen, _ in self.messages):
            if time.monotonic() > deadline:
                raise SettleTimeout(f"nothing came on {topic} within {CONNECT_TIMEOUT_S:.0f} s")
            threading.Event().wait(0.005)

    def uplinks(self, topic: str, stream: int | None = None) -> list[bytes]:
        """Payloads on a device's uplink topic, of one stream if given: the header is in the clear (wire format, 4)."""
        return [p for t, p in self.messages if t == topic and (stream is None or stream_in_clear(p) == stream)]


def stream_in_clear(envelope: bytes) -> int:
    """The stream number that anybody at the broker can read in an envelope's header, or -1 if it is none.

    Layout: array(3), array(6), version, generation (1, 2 or 3 bytes), stream (always one byte).
    """
    if len(envelope) < 6 or envelope[:3] != b"\x93\x96\x01":
        return -1
    generation_bytes = {0xCC: 2, 0xCD: 3}.get(envelope[3], 1)
    return envelope[3 + generation_bytes]
