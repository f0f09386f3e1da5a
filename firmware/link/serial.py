"""Serial link to a gateway (docs/serial-link.md): its frames, which stand in for MQTT's packets, and the UART they pass.

What comes over a wire may be anything: a frame that does not fit its length and its CRC-32 is dropped without a word, and the
next zero byte begins a new one. Whoever missed an answer asks again.
"""

import asyncio
import binascii
import struct
import time

from firmware.const import const
from firmware.errors import LinkError
from firmware.link import packets

_VERSION = const(1)
_HELLO, _WELCOME, _UP, _ACCEPTED, _DOWN, _TAKEN, _PING, _PONG, _BYE, _STATE = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
_AGAIN = const(0x80)  # bit of the type: sent before, perhaps
_HEAD = const(">BHH")  # type, number, length of the body
_FRAME_BYTES = const(9)  # head and CRC-32
# Between two zeros: an envelope of 1024 bytes in its frame, and one byte of stuffing for each 254. What is longer is noise.
_MAX_STUFFED_BYTES = const(1038)
_READ_BYTES = const(512)
# The line rests: a gateway's USB adapter hands on what it has after 16 ms (FTDI AN232B-04, latency timer). Whoever never
# rests, noise say, is waited for a second at most.
_REST_MS = const(20)
_RESTS = const(50)


def frame(kind: int, number: int, body: bytes = b"") -> bytes:
    """One frame as it passes the wire; it begins with a zero too, which ends whatever noise was there before."""
    data = struct.pack(_HEAD, kind, number, len(body)) + body
    data += struct.pack(">I", binascii.crc32(data))
    out = b"\x00"
    for part in data.split(b"\x00"):  # COBS: Cheshire and Baker, IEEE/ACM Transactions on Networking 7(2), 1999
        whole = len(part) // 254 * 254
        for at in range(0, whole, 254):
            out += b"\xff" + part[at : at + 254]
        out += bytes((len(part) - whole + 1,)) + part[whole:]
    return out + b"\x00"


def unframe(stuffed: bytes):
    """(type, number, body) of what stood between two zeros, or None if it is no whole frame."""
    data, at = b"", 0
    while at < len(stuffed):
        code = stuffed[at]
        if not code:
            return None
        data += stuffed[at + 1 : at + code]
        at += code
        if code < 255 and at < len(stuffed):
            data += b"\x00"
    if at != len(stuffed) or len(data) < _FRAME_BYTES:
        return None
    kind, number, length = struct.unpack(_HEAD, data[:5])
    if len(data) != length + _FRAME_BYTES or struct.unpack(">I", data[-4:])[0] != binascii.crc32(data[:-4]):
        return None
    return (kind, number, data[5:-4])


class SerialLink:
    """Radio, transport and codec of the serial link in one (see `firmware.link.links`); `board.uart_link(baudrate)`."""

    PINGREQ_PACKET = frame(_PING, 0)
    DISCONNECT_PACKET = frame(_BYE, 0)

    def __init__(self, board, device: str):
        self._board = board
        self._device = device
        self._uart = None
        self._stream: "asyncio.StreamReader" = None
        self._heard_ms = 0  # ticks at the last byte

    # As a radio: the port is opened once. Closed between contacts it would save nothing that a sleep does not.

    def radio_connect(self, settings: dict) -> None:
        """Open the port."""
        self._uart = self._board.uart_link(settings["serial"]["baudrate"])

    def radio_connected(self) -> bool:
        """True once it is open; whether anybody listens, a HELLO finds out."""
        return self._uart is not None

    def radio_off(self) -> None:
        """Nothing: a task that still waits for the port must not find it gone."""

    # As a transport.

    async def open(self, host: str, port: int, timeout_ms: int) -> None:
        """Begin to listen, to what comes from now on. Where the broker is, the gateway knows."""
        uart = self._uart
        while uart is not None and uart.any():
            uart.read(_READ_BYTES)
        self._stream = asyncio.StreamReader(uart)

    def prove(self) -> None:
        """Nothing: a line has no address."""

    async def fill(self, parser) -> list:
        """Wait for bytes and give them to the parser."""
        data = await self._port().read(_READ_BYTES)
        self._heard_ms = time.ticks_ms()  # type: ignore[assignment]  # an int before
        return parser.feed(data) if data else []

    async def rest(self) -> None:
        """Wait until nothing has come for a moment: flash is written next, and in the 45 ms of an erase a UART keeps what its
        FIFO holds, 128 bytes on an ESP32 and 32 on an RP2, while one frame after the other may be on its way. What begins
        within it is lost all the same; the gateway says it again.
        """
        for _ in range(_RESTS):
            left_ms = _REST_MS - time.ticks_diff(time.ticks_ms(), self._heard_ms)
            if not 0 < left_ms <= _REST_MS:
                return
            await asyncio.sleep_ms(left_ms)

    async def write(self, data: bytes) -> None:
        """Hand all bytes to the port; bound it from outside."""
        stream = self._port()
        stream.write(data)
        await stream.drain()

    def _port(self):
        if self._stream is None:
            raise LinkError("not connected")
        return self._stream

    def close(self) -> None:
        """Listen no more."""
        self._stream = None

    # As a codec.

    def connect(self, client_id: str, user: str, password: str, keepalive_s: int) -> bytes:
        """HELLO: who is here. The gateway subscribes for it."""
        return frame(_HELLO, 0, bytes((_VERSION,)) + client_id.encode())

    def subscribe(self, packet_id: int, topic: str):
        """None: HELLO has said it, and more than that the gateway does not fetch."""

    unsubscribe = subscribe

    def publish(self, packet_id: int, topic: str, message: bytes, dup: bool = False) -> bytes:
        """UP: one envelope."""
        return frame(_UP | _AGAIN if dup else _UP, packet_id, message)

    def puback(self, packet_id: int) -> bytes:
        """TAKEN: a DOWN has come."""
        return frame(_TAKEN, packet_id)

    def Parser(self):  # noqa: N802 - it stands where the class of packets.py does
        """A parser for one connection."""
        return FrameParser("bl/1/" + self._device + "/down")


class FrameParser:
    """Frames out of a byte stream, in pieces of any size, as tuples of `firmware.link.packets.decode`.

    LinkError only where the gateway says that there is no broker.
    """

    def __init__(self, topic: str):
        self._topic = topic
        self._buffer = b""
        self._noise = False  # more came than a frame can be: wait for a zero
        self._welcome = False

    def feed(self, data: bytes) -> list:
        """Return what `data` completes."""
        found = []
        parts = data.split(b"\x00")
        for n, part in enumerate(parts):
            if self._noise or len(self._buffer) + len(part) > _MAX_STUFFED_BYTES:
                self._noise, self._buffer = True, b""
            else:
                self._buffer += part
            if n + 1 < len(parts):  # a zero follows
                packet = self._packet(unframe(self._buffer)) if self._buffer else None
                self._buffer, self._noise = b"", False
                if packet:
                    found.append(packet)
        return found

    def _packet(self, whole):
        if whole is None:
            return None
        kind, number, body = whole
        kind, again = kind & ~_AGAIN, kind & _AGAIN
        if kind == _ACCEPTED and not body:
            return (packets.PUBACK, number)
        if kind == _DOWN and number:
            return (packets.PUBLISH, self._topic, body, number, again)
        if kind in (_WELCOME, _PONG, _STATE) and len(body) == 1:
            if not body[0]:
                raise LinkError("the gateway has no broker")
            if kind == _PONG:
                return (packets.PINGRESP,)
            if kind == _WELCOME and not self._welcome:  # of a HELLO that came twice there are two
                self._welcome = True
                return (packets.CONNACK, 1)
        return None
