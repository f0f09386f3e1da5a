"""MQTT 3.1.1 client: one connection, a session that outlives it, QoS 1 both ways, every wait bounded."""

import asyncio
import time

from firmware.const import const
from firmware.errors import FirmwareError, LinkError
from firmware.link import packets

_CONNECT_TIMEOUT_MS = const(15_000)  # name, TCP and CONNACK each: two SYN retries on a bad radio take 7 s
_ACK_TIMEOUT_MS = const(8_000)  # PUBACK and SUBACK; then one repetition with DUP, then the connection is given up
_WRITE_TIMEOUT_MS = const(10_000)  # a stack that takes no byte for so long has lost its peer
_KEEPALIVE_S = const(60)  # what the broker is told; the client pings at half of it
_MAX_OPEN = const(8)  # identifiers kept of what a broken connection left unanswered: two windows of the callers


class MqttClient:
    """Client of one broker over a transport (`TcpTransport`, or anything with its four methods).

    `on_message(topic, message, again)` is called for each PUBLISH, before it is acknowledged; it must not wait; `again`
    is DUP: it may have been here before. When the connection breaks, `error` holds the LinkError, every waiting call
    raises, and `on_change()` is called. `codec` makes and parses the packets as `firmware.link.packets` does.
    """

    def __init__(self, transport, codec, client_id: str, user: str, password: str, *, on_message, on_change=None):
        self._transport = transport
        self._codec = codec
        self._client_id = client_id
        self._user = user
        self._password = password
        self._on_message = on_message
        self._on_change = on_change
        self._packet_id = 0
        self._waiting: dict = {}  # packet id -> Event; bounded by the callers, see `publish`
        self._open: list = []  # (packet id, digest) of what was published and not acknowledged, in that order
        self._passing = ""  # the subscription that is there for the time being
        self._sent_ms = time.ticks_ms()  # when the broker was last told anything
        self._lock: "asyncio.Lock" = None
        self._connected: "asyncio.Event" = None
        self._reader: "asyncio.Task" = None
        self.error = LinkError("not connected")

    @property
    def connected(self) -> bool:
        """True from CONNACK to the first failure."""
        return self.error is None

    async def connect(self, host: str, port: int) -> None:
        """Open a connection to the session that the broker keeps; LinkError if it is silent or refuses."""
        await self.disconnect()
        self._waiting = {}
        self._lock = asyncio.Lock()
        self._connected = asyncio.Event()
        await self._transport.open(host, port, _CONNECT_TIMEOUT_MS)
        self.error = None
        self._reader = asyncio.create_task(self._read())
        try:
            await self._write(self._codec.connect(self._client_id, self._user, self._password, _KEEPALIVE_S))
            await asyncio.wait_for_ms(self._connected.wait(), _CONNECT_TIMEOUT_MS)
        except asyncio.TimeoutError:
            self._fail(LinkError("no CONNACK"))
        except asyncio.CancelledError:
            self._fail(LinkError("cancelled"))
            raise
        if self.error is not None:
            raise self.error

    def prove(self) -> None:
        """This connection leads to the server; the transport may find its way without asking the next time."""
        self._transport.prove()

    async def rest(self) -> None:
        """Return when flash may be written without losing what is under way."""
        await self._transport.rest()

    async def subscribe(self, topic: str, stays: bool = False) -> None:
        """Subscribe with QoS 1 and wait for the SUBACK.

        One subscription may be there for the time being; the next, or the end of the connection, takes it back, since a
        session that outlives the connection would keep it.
        """
        if self._passing != topic:
            await self._take_back()
        if not stays:
            self._passing = topic
        packet_id = self._next_id()
        packet = self._codec.subscribe(packet_id, topic)
        if packet is not None:
            await self._acknowledged(packet_id, lambda again: None if again else packet)

    async def _take_back(self) -> None:
        """UNSUBSCRIBE, without waiting for the answer: one that is lost costs a message that nobody reads."""
        if self._passing:
            packet = self._codec.unsubscribe(self._next_id(), self._passing)
            if packet is not None:
                await self._write(packet)
            self._passing = ""

    async def publish(self, topic: str, message: bytes) -> None:
        """Publish with QoS 1 and wait for the PUBACK, which says only that the broker has it.

        Unanswered, it is sent once more with the same identifier and DUP; then the connection is taken for half open.
        The same message after that keeps its identifier [MQTT-4.4.0-1]. Callers run a bounded number of these at once.
        """
        mark = message[-8:]  # of an envelope the tag: no two have the same
        packet_id = known_id = self._id_of(mark)
        if not known_id:
            packet_id = self._next_id()
            self._open = self._open[1 - _MAX_OPEN :] + [(packet_id, mark)]
        # Made when it is sent: a window of four would lie in RAM twice otherwise.
        await self._acknowledged(
            packet_id, lambda again: self._codec.publish(packet_id, topic, message, bool(again or known_id))
        )
        self._open = [known for known in self._open if known[0] != packet_id]

    async def disconnect(self) -> None:
        """Say good-bye if that is possible, and close the socket; never raises."""
        if self.error is None:
            try:
                await self._take_back()
                await self._write(self._codec.DISCONNECT_PACKET)
            except LinkError:
                pass  # already noted in self.error
        self._fail(LinkError("not connected"))
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.cancel()

    async def _acknowledged(self, packet_id: int, packet_of) -> None:
        event = asyncio.Event()
        self._waiting[packet_id] = event
        try:
            for again in (False, True):
                data = packet_of(again)
                if data is None:
                    continue
                await self._write(data)
                data = None
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
                self._sent_ms = time.ticks_ms()
            except asyncio.TimeoutError:
                self._fail(LinkError("broker takes no bytes"))
            except LinkError as error:
                self._fail(error)
        if self.error is not None:
            raise self.error

    async def _read(self) -> None:
        """Reader task: takes packets until the connection ends; finds a half-open one by PINGREQ."""
        parser = self._codec.Parser()
        pinged = False
        while self.error is None:
            try:
                received = await asyncio.wait_for_ms(self._transport.fill(parser), _KEEPALIVE_S * 500)
                pinged = False
                for packet in received:
                    await self._take(packet)
                # Who is told something all the time must still say something [MQTT-3.1.2-23].
                if time.ticks_diff(time.ticks_ms(), self._sent_ms) >= _KEEPALIVE_S * 500:
                    await self._ping()
            except asyncio.TimeoutError:
                if pinged:
                    self._fail(LinkError("broker is silent"))
                else:
                    pinged = True
                    await self._ping()
            except LinkError as error:
                self._fail(error)
            except FirmwareError:  # of what a downlink set about: the connection must not stand with nobody who reads
                self._fail(LinkError("a downlink was not carried out"))
            except MemoryError:  # the connection must not stand with nobody who reads
                self._fail(LinkError("no memory for what the broker sends"))

    async def _ping(self) -> None:
        try:
            await self._write(self._codec.PINGREQ_PACKET)
        except LinkError:
            pass  # already noted in self.error

    async def _take(self, packet: tuple) -> None:
        kind = packet[0]
        if not self._connected.is_set():
            if kind != packets.CONNACK:  # [MQTT-3.2.0-1]
                raise LinkError("first packet is no CONNACK")
            if not packet[1]:
                self._open = []  # the broker remembers none of them either
            self._connected.set()
        elif kind == packets.PUBLISH:
            if packet[2] is not None:
                self._on_message(packet[1], packet[2], packet[4])
            if packet[3]:
                await self._write(self._codec.puback(packet[3]))
        elif kind in (packets.PUBACK, packets.SUBACK):
            # An identifier that nobody waits for is a late answer to a repeated packet: harmless.
            event = self._waiting.get(packet[1])
            if event is not None:
                event.set()
        elif kind == packets.CONNACK:
            raise LinkError("second CONNACK")

    def _next_id(self) -> int:
        """Next free identifier, 1 to 65535 [MQTT-2.3.1-1]; zero is none, and one in use is not given again."""
        while True:
            self._packet_id = self._packet_id % 65535 + 1
            if self._packet_id not in self._waiting and not any(self._packet_id == known for known, _ in self._open):
                return self._packet_id

    def _id_of(self, mark: bytes) -> int:
        """The identifier under which this message went out on an earlier connection, or 0."""
        for packet_id, known in self._open:
            if known == mark and packet_id not in self._waiting:
                return packet_id
        return 0

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
