"""MQTT 3.1.1 as a wire tap sees it: whole packets out of a byte stream, counts, and which answers are still due.

Packet types and their numbers: MQTT 3.1.1, table 2.1; remaining length: section 2.2.3.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

Direction = Literal["up", "down"]
Packet = bytes  # a name that the attribute `bytes` of Traffic does not hide

NAMES = (
    *("reserved0", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP"),
    *("SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "reserved15"),
)
ANSWERS = {"CONNECT": "CONNACK", "SUBSCRIBE": "SUBACK", "UNSUBSCRIBE": "UNSUBACK", "PINGREQ": "PINGRESP"}
PACKET_LIMIT_BYTES = 1 << 20  # far above any envelope; beyond it the stream is not the MQTT that we know


def name_of(packet: bytes) -> str:
    """Name of a packet's type."""
    return NAMES[packet[0] >> 4]


def topic_of(packet: bytes) -> str:
    """Topic of a PUBLISH packet, empty if it is cut short."""
    body = _body(packet)
    size = int.from_bytes(body[:2], "big")
    return body[2 : 2 + size].decode("utf-8", "replace")


def payload_of(packet: bytes) -> bytes:
    """Payload of a PUBLISH packet (section 3.3.3)."""
    body = _body(packet)
    at = 2 + int.from_bytes(body[:2], "big")
    return body[at + 2 :] if packet[0] >> 1 & 3 else body[at:]


def publish_id(packet: bytes) -> int | None:
    """Packet identifier of a PUBLISH with QoS 1 or 2."""
    if not packet[0] >> 1 & 3:
        return None
    body = _body(packet)
    at = 2 + int.from_bytes(body[:2], "big")
    return int.from_bytes(body[at : at + 2], "big")


def _body(packet: bytes) -> bytes:
    at = 1
    while packet[at] & 0x80:
        at += 1
    return packet[at + 1 :]


class Splitter:
    """Cuts a byte stream into packets; gives up for good (`lost`) where it cannot be MQTT."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self.lost = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The packets that `data` completes."""
        self._rest += data
        while not self.lost:
            size = self._size()
            if size is None or len(self._rest) < size:
                return
            packet = bytes(self._rest[:size])
            del self._rest[:size]
            yield packet

    def take_rest(self) -> bytes:
        """What is no whole packet yet, handed out as it is."""
        rest = bytes(self._rest)
        self._rest.clear()
        return rest

    def _size(self) -> int | None:
        length = 0
        for i in range(1, min(len(self._rest), 5)):
            length |= (self._rest[i] & 0x7F) << 7 * (i - 1)
            if not self._rest[i] & 0x80:
                self.lost = length > PACKET_LIMIT_BYTES
                return None if self.lost else 1 + i + length
        self.lost = len(self._rest) >= 5
        return None


@dataclass
class Traffic:
    """What went one way: packets and bytes by type, PUBLISH packets and bytes by topic, bytes in all.

    `heard` is told the kind and size of each packet, and of each piece of a stream that is not MQTT ("stream").
    """

    packets: Counter[str] = field(default_factory=Counter)
    bytes: Counter[str] = field(default_factory=Counter)
    publish: dict[str, tuple[int, int]] = field(default_factory=dict)
    total_bytes: int = 0
    heard: list[Callable[[str, int], None]] = field(default_factory=list, repr=False, compare=False)

    def count(self, packet: Packet) -> None:
        """Adds one packet."""
        name = name_of(packet)
        self._tell(name, len(packet))
        self.packets[name] += 1
        self.bytes[name] += len(packet)
        if name == "PUBLISH":
            topic = topic_of(packet)
            packets, size = self.publish.get(topic, (0, 0))
            self.publish[topic] = packets + 1, size + len(packet)

    def stream(self, size: int) -> None:
        """A piece of a stream that is not MQTT has passed."""
        self._tell("stream", size)

    def _tell(self, kind: str, size: int) -> None:
        for hear in self.heard:
            hear(kind, size)

    @property
    def publishes(self) -> int:
        """PUBLISH packets of all topics."""
        return self.packets["PUBLISH"]


class Due:
    """Answers that a broker owes: they must be here before virtual time may pass."""

    def __init__(self) -> None:
        self._acks: set[int] = set()
        self._others: Counter[str] = Counter()

    def sent(self, packet: bytes) -> None:
        """The device sent this packet."""
        name = name_of(packet)
        if name == "PUBLISH":
            number = publish_id(packet)
            if number is not None:
                self._acks.add(number)
        elif name in ANSWERS:
            self._others[ANSWERS[name]] += 1

    def came(self, packet: bytes) -> None:
        """The broker sent this one."""
        name = name_of(packet)
        if name in ("PUBACK", "PUBREC"):
            self._acks.discard(int.from_bytes(_body(packet)[:2], "big"))
        elif self._others[name]:
            self._others[name] -= 1

    def __bool__(self) -> bool:
        return bool(self._acks) or any(self._others.values())

    def __str__(self) -> str:
        return ", ".join([*(f"PUBACK {n}" for n in sorted(self._acks)), *(n for n, c in self._others.items() if c)])


class Capture:
    """The bytes that passed, oldest dropped beyond a limit [a soak test of a month must not fill the host's memory]."""

    def __init__(self, limit_bytes: int = 64 << 20) -> None:
        self._parts: deque[tuple[Direction, bytes]] = deque()
        self._size = 0
        self._limit_bytes = limit_bytes
        self.dropped_bytes = 0

    def add(self, direction: Direction, data: bytes) -> None:
        """Appends what passed."""
        self._parts.append((direction, data))
        self._size += len(data)
        while self._size > self._limit_bytes:
            _, old = self._parts.popleft()
            self._size -= len(old)
            self.dropped_bytes += len(old)

    def data(self, direction: Direction | None = None) -> bytes:
        """All that is kept of one direction, or of both in order."""
        return b"".join(data for way, data in self._parts if direction in (None, way))
