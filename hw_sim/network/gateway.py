"""A gateway at the other end of a board's serial link, as docs/serial-link.md has it: frames here, a real broker there.

It is a tester's gateway: written apart from the firmware, with every fault of a wire on call.
"""

import random
import struct
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from hw_sim.errors import DeviceError
from hw_sim.network.connection import Connection
from hw_sim.network.net import Network
from hw_sim.network.traffic import Splitter, name_of, payload_of, publish_id
from hw_sim.world.clock import World

HELLO, WELCOME, UP, ACCEPTED, DOWN, TAKEN, PING, PONG, BYE, STATE = range(1, 11)
AGAIN = 0x80
VERSION = 1
REPEAT_US = 4_000_000  # a DOWN that was not taken is said again after so long
REPEATS = 3
FRAME_LIMIT_BYTES = 1038  # between two zeros: an envelope of 1024 bytes, head, CRC and stuffing


def stuff(data: bytes) -> bytes:
    """COBS, as its paper has it."""
    out, block = bytearray(), bytearray()
    for byte in data:
        if byte:
            block.append(byte)
        if not byte or len(block) == 254:
            out += bytes((len(block) + 1,)) + block
            block.clear()
    return bytes(out + bytes((len(block) + 1,)) + block)


def unstuff(data: bytes) -> bytes | None:
    """What was stuffed, or None if nothing was."""
    out, at = bytearray(), 0
    while at < len(data):
        code = data[at]
        if not code or at + code > len(data):
            return None
        out += data[at + 1 : at + code]
        at += code
        if code < 255 and at < len(data):
            out.append(0)
    return bytes(out)


def frame(kind: int, number: int = 0, body: bytes = b"") -> bytes:
    """One frame with a zero at each end."""
    data = struct.pack(">BHH", kind, number, len(body)) + body
    return b"\0" + stuff(data + struct.pack(">I", zlib.crc32(data))) + b"\0"


def unframe(data: bytes) -> tuple[int, int, bytes] | None:
    """Type, number and body, or None."""
    whole = unstuff(data)
    if whole is None or len(whole) < 9 or struct.pack(">I", zlib.crc32(whole[:-4])) != whole[-4:]:
        return None
    kind, number, length = struct.unpack(">BHH", whole[:5])
    return (kind, number, whole[5:-4]) if length == len(whole) - 9 else None


@dataclass(slots=True)  # a misspelt fault is an error, not a test that is green for nothing
class WireFaults:
    """What is wrong with the wire; assign `WireFaults()` for nothing.

    `pulled`: nothing passes. `noise`: share of bytes that arrive as something else. `lose`: share of bytes that do not
    arrive. `burst_bytes`: so much noise before each piece that is sent either way.
    """

    pulled: bool = False
    noise: float = 0.0
    lose: float = 0.0
    burst_bytes: int = 0

    def damaged(self, data: bytes, rng: random.Random) -> bytes:
        """What arrives of `data`."""
        if self.pulled:
            return b""
        data = bytes(b for b in data if rng.random() >= self.lose)
        data = bytes(rng.randrange(256) if rng.random() < self.noise else b for b in data)
        return rng.randbytes(self.burst_bytes) + data


class Gateway:
    """A chip on the board's UART; `board.attach_uart` puts it there. `counts` are frames by direction and type."""

    def __init__(self, world: World, network: Network, broker: tuple[str, int], *, baudrate: int = 115_200) -> None:
        self.world, self._network, self._broker = world, network, broker
        self._baudrate = baudrate
        self._rng: random.Random = world.random("gateway")
        self.emit: Callable[[bytes], None] = lambda data: None
        self.fault = WireFaults()
        self.counts: Counter[str] = Counter()
        self.device = ""
        self._heard = bytearray()
        self._connection: Connection | None = None
        self._split = Splitter()
        self._numbers: dict[int, int] = {}  # packet identifier at the broker -> number of the device's UP
        self._next_id = 0
        self._untaken: dict[int, int] = {}  # DOWN by number -> how often it was said

    @property
    def baudrate(self) -> int:
        """Speed of the wire."""
        return self._baudrate

    def power(self, on: bool) -> None:
        """It has its own supply."""

    def backup_power(self, on: bool) -> None:
        """It has its own supply."""

    # --- the wire

    def receive(self, data: bytes) -> None:
        """Bytes from the board."""
        for byte in self.fault.damaged(data, self._rng):
            if byte:
                self._heard.append(byte)
                continue
            if 0 < len(self._heard) <= FRAME_LIMIT_BYTES:
                self._take(unframe(bytes(self._heard)))
            self._heard.clear()

    def _say(self, kind: int, number: int = 0, body: bytes = b"") -> None:
        self.counts[f"said {kind & ~AGAIN}"] += 1
        data = self.fault.damaged(frame(kind, number, body), self._rng)
        if data:
            self.emit(data)

    def _take(self, whole: tuple[int, int, bytes] | None) -> None:
        if whole is None:
            self.counts["noise"] += 1
            return
        kind, number, body = whole
        kind &= ~AGAIN
        self.counts[f"heard {kind}"] += 1
        if kind == HELLO and len(body) == 17 and body[0] == VERSION:
            self._hello(body[1:].decode("ascii", "replace"))
        elif kind == UP:
            self._up(number, body)
        elif kind == TAKEN and self._untaken.pop(number, None) is not None:
            self._send(struct.pack(">BBH", 0x40, 2, number))
        elif kind == PING:
            self._say(PONG, 0, self._state())
        elif kind == BYE:
            self._hang_up()

    def _state(self) -> bytes:
        there = self._connection is not None and self._connection.connected
        return b"\1" if there else b"\0"

    def _hello(self, device: str) -> None:
        if self._connection is not None and self.device == device and self._connection.connected:
            self._say(WELCOME, 0, b"\1")
            return
        self._hang_up()
        self.device = device
        self._split, self._numbers, self._untaken = Splitter(), {}, {}
        self._connection = self._network.open()
        self._connection.heard = self._from_broker
        self._connection.connect(self._broker)
        client = f"gateway-{device}".encode()
        body = b"\0\4MQTT\4\0" + struct.pack(">HH", 0, len(client)) + client  # the session is kept, no keep-alive
        self._send(bytes((0x10, len(body))) + body)
        if self._connection is not None and self._connection.error:
            self._lost()

    def _up(self, number: int, body: bytes) -> None:
        if self._connection is None or not self._connection.connected:
            self._lost()
            return
        self._next_id = self._next_id % 65535 + 1
        self._numbers[self._next_id] = number
        topic = f"bl/1/{self.device}/up".encode()
        rest = struct.pack(">H", len(topic)) + topic + struct.pack(">H", self._next_id) + body
        self._send(bytes((0x32, len(rest) & 127 | 128, len(rest) >> 7)) + rest)

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._send(b"\xe0\0")
            self._network.close(self._connection)
            self._connection = None

    def _lost(self) -> None:
        if self._connection is not None:
            self._network.close(self._connection)
            self._connection = None
        self._say(STATE, 0, b"\0")

    # --- the broker

    def _send(self, data: bytes) -> None:
        try:
            if self._connection is not None:
                self._connection.send(data)
        except DeviceError:
            self._lost()

    def _from_broker(self) -> None:
        connection = self._connection
        if connection is None:
            return
        data = bytes(connection.received)
        connection.received.clear()
        for packet in list(self._split.feed(data)):
            self._answer(packet)
        if connection.ended or connection.error:
            self._lost()

    def _answer(self, packet: bytes) -> None:
        name = name_of(packet)
        if name == "CONNACK":
            topic = f"bl/1/{self.device}/down".encode()
            rest = b"\0\1" + struct.pack(">H", len(topic)) + topic + b"\1"
            self._send(bytes((0x82, len(rest))) + rest)
            self._say(WELCOME, 0, b"\1")  # before what has waited at the broker
        elif name == "PUBACK":
            number = self._numbers.pop(int.from_bytes(packet[2:4], "big"), None)
            if number is not None:
                self._say(ACCEPTED, number)
        elif name == "PUBLISH":
            self._down(publish_id(packet) or 0, payload_of(packet), packet[0] & 8)

    def _down(self, number: int, body: bytes, again: int) -> None:
        said = self._untaken.get(number, 0)
        self._untaken[number] = said + 1
        self._say(DOWN | (AGAIN if said or again else 0), number, body)
        if said < REPEATS:
            connection = self._connection
            self.world.clock.after(REPEAT_US, lambda: self._once_more(connection, number, body))

    def _once_more(self, connection: Connection | None, number: int, body: bytes) -> None:
        if connection is self._connection and number in self._untaken:
            self._down(number, body, 1)
