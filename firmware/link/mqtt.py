"""MQTT 3.1.1 client: one connection, QoS 1 both ways, every wait bounded."""

import asyncio

from firmware.const import const
from firmware.errors import LinkError
from firmware.link import packets

_CONNECT_TIMEOUT_MS = const(15_000)  # name, TCP and CONNACK each: two SYN retries on a bad radio take 7 s
_ACK_TIMEOUT_MS = const(8_000)  # PUBACK and SUBACK; then one repetition with DUP, then the connection is given up
_WRITE_TIMEOUT_MS = const(10_000)  # a stack that takes no byte for so long has lost its peer
_KEEPALIVE_S = const(60)  # what the broker is told; the client pings at half of it


class MqttClient:
    """Client of one broker over a transport (`TcpTransport`, or anything with its four methods).

    `on_message(topic, message)` is called for each PUBLISH, before it is acknowledged; it must not wait. When the
    connection breaks, `error` holds the LinkError, every waiting call raises, and `on_change()` is called.
    """

    def __init__(self, transport, client_id: str, user: str, password: str, *, on_message, on_change=None):
        self._transport = transport
        self._client_id = client_id
        self._user = user
        self._password = password
        self._on_message = on_message
        self._on_change = on_change
        self._packet_id = 0
        self._waiting: dict = {}  # packet id -> Event; bounded by the callers, see `publish`
        self._lock: "asyncio.Lock" = None
        self._connected: "asyncio.Event" = None
        self._reader: "asyncio.Task" = None
        self.error = LinkError("not connected")

    @property
    def connected(self) -> bool:
        """True from CONNACK to the first failure."""
        return self.error is None

    async def connect(self, host: str, port: int) -> None:
        """Open a connection with a clean session; LinkError if the broker is silent or refuses."""
        await self.disconnect()
        self._waiting = {}
        self._lock = asyncio.Lock()
        self._connected = asyncio.Event()
        await self._transport.open(host, port, _CONNECT_TIMEOUT_MS)
        self.error = None
        self._reader = asyncio.create_task(self._read())
        try:
            await self._write(packets.connect(self._client_id, self._user, self._password, _KEEPALIVE_S))
            await asyncio.wait_for_ms(self._connected.wait(), _CONNECT_TIMEOUT_MS)
        except asyncio.TimeoutError:
            self._fail(LinkError("no CONNACK"))
        except asyncio.CancelledError:
            self._fail(LinkError("cancelled"))
            raise
        if self.error is not None:
            raise self.error

    async def subscribe(self, topic: str) -> None:
        """Subscribe with QoS 1 and wait for the SUBACK."""
        packet_id = self._next_id()
        await self._acknowledged(packet_id, packets.subscribe(packet_id, topic), None)

    async def publish(self, topic: str, message: bytes) -> None:
        """Publish with QoS 1 and wait for the PUBACK, which says only that the broker has it.

        Unanswered, it is sent once more with the same identifier and DUP; then the connection is taken for half open.
        Callers run a bounded number of these at once.
        """
        packet_id = self._next_id()
        again = packets.publish(packet_id, topic, message, dup=True)
        await self._acknowledged(packet_id, packets.publish(packet_id, topic, message), again)

    async def disconnect(self) -> None:
        """Say good-bye if that is possible, and close the socket; never raises."""
        if self.error is None:
            try:
                await self._write(packets.DISCONNECT_PACKET)
            except LinkError:
                pass  # already noted in self.error
        self._fail(LinkError("not connected"))
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.cancel()

    async def _acknowledged(self, packet_id: int, first: bytes, second: "bytes | None") -> None:
        event = asyncio.Event()
        self._waiting[packet_id] = event
        try:
            for data in (first, second):
                if data is None:
                    continue
                await self._write(data)
                try:
                    await asyncio.wait_for_ms(event.wait(), _ACK_TIMEOUT_MS)
                    break
                except asyncio.TimeoutError:
                    pass  # the broker may have lost it
        finally:
            self._waiting.pop(packet_id, None)
        if not event.is_set():
            self._fail(LinkError("no acknowledgement from the broker"))
        if self.error is not None:
            raise self.error

    async def _write(self, data: bytes) -> None:
        """One packet at a time on the stream."""
        if self.error is not None:
            raise self.error
        async with self._lock:
            try:
                await asyncio.wait_for_ms(self._transport.write(data), _WRITE_TIMEOUT_MS)
            except asyncio.TimeoutError:
                self._fail(LinkError("broker takes no bytes"))
            except LinkError as error:
                self._fail(error)
        if self.error is not None:
            raise self.error

    async def _read(self) -> None:
        """Reader task: takes packets until the connection ends; finds a half-open one by PINGREQ."""
        parser = packets.Parser()
        pinged = False
        while self.error is None:
            try:
                received = await asyncio.wait_for_ms(self._transport.fill(parser), _KEEPALIVE_S * 500)
                pinged = False
                for packet in received:
                    await self._take(packet)
            except asyncio.TimeoutError:
                if pinged:
                    self._fail(LinkError("broker is silent"))
                else:
                    pinged = True
                    await self._ping()
            except LinkError as error:
                self._fail(error)
            except MemoryError:  # the connection must not stand with nobody who reads
                self._fail(LinkError("no memory for what the broker sends"))

    async def _ping(self) -> None:
        try:
            await self._write(packets.PINGREQ_PACKET)
        except LinkError:
            pass  # already noted in self.error

    async def _take(self, packet: tuple) -> None:
        kind = packet[0]
        if not self._connected.is_set():
            if kind != packets.CONNACK:  # [MQTT-3.2.0-1]
                raise LinkError("first packet is no CONNACK")
            self._connected.set()
        elif kind == packets.PUBLISH:
            self._on_message(packet[1], packet[2])
            if packet[3]:
                await self._write(packets.puback(packet[3]))
        elif kind in (packets.PUBACK, packets.SUBACK):
            # An identifier that nobody waits for is a late answer to a repeated packet: harmless.
            event = self._waiting.get(packet[1])
            if event is not None:
                event.set()
        elif kind == packets.CONNACK:
            raise LinkError("second CONNACK")

    def _next_id(self) -> int:
        """Next free identifier, 1 to 65535 [MQTT-2.3.1-1]; zero is none, and one that is waiting is not given again."""
        while True:
            self._packet_id = self._packet_id % 65535 + 1
            if self._packet_id not in self._waiting:
                return self._packet_id

    def _fail(self, error: LinkError) -> None:
        """First failure of a connection: close the socket and wake everyone who waits."""
        if self.error is None:
            self.error = error
        self._transport.close()
        if self._connected is not None:
            self._connected.set()
        for event in list(self._waiting.values()):
            event.set()
        if self._on_change is not None:
            self._on_change()
