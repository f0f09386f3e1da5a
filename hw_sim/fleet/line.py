"""One MQTT 3.1.1 connection that carries many devices: QoS 1 both ways, a clean session, back again after a loss.

Source of the packets: MQTT 3.1.1, sections 3.1 to 3.14. It is the load generator's own: it publishes prepared payloads with as
little work as possible, and tells when the broker takes no more.
"""

import asyncio
import random
import struct
from typing import Protocol

from hw_sim.network.traffic import Splitter, payload_of, publish_id, topic_of

KEEPALIVE_S = 60
CONNECT_S = 5.0
FIRST_RETRY_S, LAST_RETRY_S = 0.1, 5.0
FILTERS_AT_ONCE = 100  # in one SUBSCRIBE; some brokers bound the packet
MOST_UNACKNOWLEDGED = 60_000  # packet identifiers have 16 bits
MOST_BUFFERED_BYTES = 256 * 1024  # in this process; beyond it the broker is behind, and nothing more is written
_CONNACK, _PUBLISH, _PUBACK, _SUBACK = 2, 3, 4, 9
_PINGREQ, _DISCONNECT = b"\xc0\x00", b"\xe0\x00"


class Hears(Protocol):
    """What a line tells."""

    def up(self, line: "Line") -> None:
        """It is connected and subscribed, for the first time or again."""

    def heard(self, topic: str, payload: bytes) -> None:
        """A message came."""

    def acknowledged(self) -> None:
        """The broker has taken over a message."""


def packet(first: int, body: bytes) -> bytes:
    """A packet with its remaining length (section 2.2.3)."""
    size, length = len(body), b""
    while True:
        size, low = divmod(size, 128)
        length += bytes([low | (0x80 if size else 0)])
        if not size:
            return bytes([first]) + length + body


def publish_packet(topic: str, payload: bytes, mid: int) -> bytes:
    """A PUBLISH of QoS 1 (section 3.3)."""
    return packet(0x32, text(topic) + struct.pack("!H", mid) + payload)


def text(value: str) -> bytes:
    """A string with its length (section 1.5.3)."""
    data = value.encode()
    return struct.pack("!H", len(data)) + data


class Line(asyncio.Protocol):
    """`run` keeps it connected until `close`; `publish` while it `is_free`."""

    def __init__(self, host: str, port: int, name: str, topics: list[str], hears: Hears) -> None:
        self.losses = 0
        self.fault = ""  # why it is not connected
        self._address, self._name, self._topics, self._hears = (host, port), name, topics, hears
        self._transport: asyncio.Transport | None = None
        self._splitter = Splitter()
        self._mid = 0
        self._unacknowledged = 0
        self._paused = self._closing = self._subscribed = False
        self._subacks = 0
        self._gone = asyncio.Event()

    @property
    def is_up(self) -> bool:
        """Connected and subscribed."""
        return self._subscribed

    @property
    def is_free(self) -> bool:
        """The broker takes what is published now."""
        return self._subscribed and not self._paused and self._unacknowledged < MOST_UNACKNOWLEDGED

    def publish(self, topic: str, payload: bytes) -> None:
        """At QoS 1; what becomes of it is for the verdict to say."""
        assert self._transport is not None  # noqa: S101 - is_free was asked
        self._unacknowledged += 1
        self._transport.write(publish_packet(topic, payload, self._next()))

    async def run(self) -> None:
        """Connect, and connect again, until `close`."""
        pause_s, loop = FIRST_RETRY_S, asyncio.get_running_loop()
        while not self._closing:
            self._gone.clear()
            try:
                async with asyncio.timeout(CONNECT_S):
                    await loop.create_connection(lambda: self, *self._address)
            except OSError as error:  # TimeoutError is one
                self.fault = str(error) or "no connection in time"
            else:
                pause_s = FIRST_RETRY_S
                await self._alive()
            if not self._closing:
                await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))
                pause_s = min(LAST_RETRY_S, 2 * pause_s)

    async def _alive(self) -> None:
        """Ping until the connection is gone."""
        while not self._gone.is_set():
            try:
                async with asyncio.timeout(KEEPALIVE_S / 2):
                    await self._gone.wait()
            except TimeoutError:
                if self._transport is not None:
                    self._transport.write(_PINGREQ)

    def close(self) -> None:
        """Leave the broker for good."""
        self._closing = True
        if self._transport is not None:
            self._transport.write(_DISCONNECT)
            self._transport.close()
        self._gone.set()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Introduce this client."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - of TCP
        self._transport = transport
        self._splitter, self._unacknowledged, self._subacks, self._paused = Splitter(), 0, 0, False
        transport.set_write_buffer_limits(high=MOST_BUFFERED_BYTES)
        transport.write(packet(0x10, text("MQTT") + b"\x04\x02" + struct.pack("!H", KEEPALIVE_S) + text(self._name)))

    def connection_lost(self, exc: Exception | None) -> None:
        """The broker is gone, or has ended it."""
        self.losses += self._subscribed and not self._closing
        self.fault = str(exc) if exc else "the broker closed the connection"
        self._subscribed, self._transport = False, None
        self._gone.set()

    def pause_writing(self) -> None:
        """The broker reads slower than this process writes."""
        self._paused = True

    def resume_writing(self) -> None:
        """It has caught up."""
        self._paused = False

    def data_received(self, data: bytes) -> None:
        """Packets from the broker."""
        for whole in self._splitter.feed(data):
            self._take(whole)
        if self._splitter.lost and self._transport is not None:
            self._transport.abort()

    def _take(self, whole: bytes) -> None:
        kind = whole[0] >> 4
        if kind == _PUBLISH:
            self._acknowledge(whole)
            self._hears.heard(topic_of(whole), payload_of(whole))
        elif kind == _PUBACK:
            self._unacknowledged -= 1
            self._hears.acknowledged()
        elif kind == _CONNACK:
            self._welcomed(whole[3])
        elif kind == _SUBACK:
            self._subacks += 1
            if self._subacks * FILTERS_AT_ONCE >= len(self._topics):
                self._subscribed = True
                self._hears.up(self)

    def _acknowledge(self, whole: bytes) -> None:
        mid = publish_id(whole)
        if mid is not None and self._transport is not None:
            self._transport.write(struct.pack("!BBH", 0x40, 2, mid))

    def _welcomed(self, code: int) -> None:
        """Subscribe, unless the broker refused."""
        assert self._transport is not None  # noqa: S101 - a packet has come over it
        if code:
            self.fault = f"the broker refused the connection (code {code}, MQTT 3.1.1 section 3.2.2.3)"
            self._transport.close()
            return
        for begin in range(0, len(self._topics), FILTERS_AT_ONCE):
            filters = b"".join(text(topic) + b"\x01" for topic in self._topics[begin : begin + FILTERS_AT_ONCE])
            self._transport.write(packet(0x82, struct.pack("!H", self._next()) + filters))

    def _next(self) -> int:
        self._mid = self._mid % 65_535 + 1
        return self._mid
