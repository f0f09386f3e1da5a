"""An MQTT broker without sockets, threads or processes: every packet is a step to stop at, and all that it holds is plain data.

MQTT 3.1.1, QoS 0 and 1, as far as one device and one server need it: sessions that outlive their connection (section 4.1), what
waits is delivered behind the CONNACK and once more with DUP while it has no PUBACK (section 4.4), retained messages
(section 3.3.1.3). A topic filter ends in `#` or names one topic. Whatever else is no MQTT here: the connection ends.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from hw_sim.network.connection import ECONNREFUSED, Connection
from hw_sim.network.net import Endpoint, Network
from hw_sim.network.traffic import Splitter, name_of, payload_of, publish_id, topic_of
from hw_sim.world.clock import World

ADDRESS: Endpoint = ("127.0.0.1", 1883)  # nobody listens there; it is only looked up
MOST_WAITING = 1000  # messages that one session holds: mosquitto's max_queued_messages
Message = tuple[str, bytes]


@dataclass
class Session:
    """What a broker keeps of one client: its filters, and what it was sent and has not acknowledged, in that order."""

    filters: list[str] = field(default_factory=list)
    waiting: list[tuple[int, str, bytes]] = field(default_factory=list)  # packet id, topic, payload
    packet_id: int = 0

    def wants(self, topic: str) -> bool:
        """Whether a filter matches."""
        return any(topic == each or (each.endswith("#") and topic.startswith(each[:-1])) for each in self.filters)

    def keep(self, topic: str, payload: bytes) -> bytes:
        """The message waits for its PUBACK from now on; its packet."""
        self.packet_id = self.packet_id % 65535 + 1
        self.waiting = [*self.waiting[1 - MOST_WAITING :], (self.packet_id, topic, payload)]
        return _publish(self.packet_id, topic, payload)


class LocalBroker:
    """Takes packets and gives packets, at once. `on_publish` hears what comes for whoever is not on the simulated network."""

    def __init__(self) -> None:
        self.sessions: dict[str, Session] = {}
        self.retained: dict[str, bytes] = {}
        self.running = True
        self.on_publish: Callable[[str, bytes], None] = lambda topic, payload: None
        # What is to be remembered of the moment at which it says something; told back when the client hears that word.
        self.on_word: Callable[[], object] = lambda: None
        self.on_heard: Callable[[object], None] = lambda moment: None
        self._wires: dict[str, Wire] = {}

    def publish(self, topic: str, payload: bytes) -> None:
        """A message of somebody beside the simulated network, with QoS 1; lost while the broker does not run."""
        if not self.running:
            return
        for client, session in self.sessions.items():
            if session.wants(topic):
                packet = session.keep(topic, payload)
                if client in self._wires:
                    self._wires[client].push(packet)

    def stop(self) -> None:
        """It dies with all that it had in memory; connections end."""
        self.running = False
        for wire in list(self._wires.values()):  # hanging up takes it away
            wire.hang_up()
        self.sessions, self.retained, self._wires = {}, {}, {}

    def start(self) -> None:
        """One that knows nothing."""
        self.running = True

    def state(self) -> Mapping[str, Any]:
        """All that it holds, as plain data."""
        sessions = {name: (list(s.filters), list(s.waiting), s.packet_id) for name, s in self.sessions.items()}
        return {"sessions": sessions, "retained": dict(self.retained), "running": self.running}

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on with that."""
        self.sessions = {name: Session(list(f), list(w), p) for name, (f, w, p) in state["sessions"].items()}
        self.retained, self.running = dict(state["retained"]), state["running"]

    # --- from a client

    def take(self, wire: Wire, packet: bytes) -> None:
        """One whole packet of a client."""
        handler = {
            "CONNECT": self._connect,
            "SUBSCRIBE": self._subscribe,
            "UNSUBSCRIBE": self._unsubscribe,
            "PUBLISH": self._published,
            "PUBACK": self._acknowledged,
            "PINGREQ": self._ping,
            "DISCONNECT": self._disconnect,
        }.get(name_of(packet))
        if handler is None or (wire.client is None and handler != self._connect):
            wire.hang_up()
        else:
            handler(wire, packet)

    def gone(self, wire: Wire) -> None:
        """The connection has ended; its session stays."""
        if wire.client is not None and self._wires.get(wire.client) is wire:
            del self._wires[wire.client]

    def _connect(self, wire: Wire, packet: bytes) -> None:
        body = _body(packet)
        clean, client = bool(body[7] & 2), _text(body, 10)[0]
        known = client in self.sessions and not clean
        if not known:
            self.sessions[client] = Session()
        if client in self._wires:  # another connection of the same name takes its place [MQTT-3.1.4-2]
            self._wires[client].hang_up()
        wire.client = client
        self._wires[client] = wire
        wire.push(bytes((0x20, 2, known, 0)))
        for number, topic, payload in self.sessions[client].waiting:
            wire.push(_publish(number, topic, payload, again=True))

    def _subscribe(self, wire: Wire, packet: bytes) -> None:
        body, session = _body(packet), self._session(wire)
        at, codes = 2, []
        while at < len(body):
            topic, at = _text(body, at)
            codes.append(min(1, body[at]))
            at += 1
            if topic not in session.filters:
                session.filters.append(topic)
        wire.push(bytes((0x90, 2 + len(codes))) + body[:2] + bytes(codes))
        for topic, payload in self.retained.items():
            if session.wants(topic):
                wire.push(session.keep(topic, payload))

    def _unsubscribe(self, wire: Wire, packet: bytes) -> None:
        body, session, at = _body(packet), self._session(wire), 2
        while at < len(body):
            topic, at = _text(body, at)
            session.filters = [each for each in session.filters if each != topic]
        wire.push(bytes((0xB0, 2)) + body[:2])

    def _published(self, wire: Wire, packet: bytes) -> None:
        number, topic, payload = publish_id(packet), topic_of(packet), payload_of(packet)
        if packet[0] & 1:
            self.retained = {name: kept for name, kept in self.retained.items() if name != topic}
            if payload:
                self.retained[topic] = payload
        self.on_publish(topic, payload)
        if number is not None:
            wire.push(b"\x40\x02" + number.to_bytes(2, "big"))

    def _acknowledged(self, wire: Wire, packet: bytes) -> None:
        number, session = int.from_bytes(packet[2:4], "big"), self._session(wire)
        session.waiting = [each for each in session.waiting if each[0] != number]

    def _ping(self, wire: Wire, packet: bytes) -> None:
        wire.push(b"\xd0\x00")

    def _disconnect(self, wire: Wire, packet: bytes) -> None:
        self.gone(wire)

    def _session(self, wire: Wire) -> Session:
        return self.sessions[wire.client or ""]


class Wire:
    """Stands where a connection has the host's socket: the other end is the broker, in the same process."""

    def __init__(self, network: LocalNetwork) -> None:
        self._network = network
        self._split = Splitter()
        self._down: deque[tuple[bytes, object]] = deque()
        self._over = False
        self.client: str | None = None

    def sendall(self, data: bytes) -> None:
        """Bytes of the board, one packet at a time where it is MQTT."""
        self._network.on_step("up", data)
        for packet in self._split.feed(data):
            self._network.broker.take(self, packet)
        if self._split.lost:
            self.hang_up()

    def recv(self, size: int) -> bytes:
        """The next packet for the board; b"" once the broker is gone, BlockingIOError while there is nothing."""
        if self._down:
            packet, moment = self._down.popleft()
            self._network.on_step("down", packet)
            self._network.broker.on_heard(moment)
            return packet
        if self._over:
            return b""
        raise BlockingIOError

    def push(self, packet: bytes) -> None:
        """The broker says this."""
        self._down.append((packet, self._network.broker.on_word()))

    def hang_up(self) -> None:
        """The broker ends it."""
        self._over = True
        self._network.broker.gone(self)

    def close(self) -> None:
        """The board ends it, or is no more."""
        self._network.broker.gone(self)

    def setsockopt(self, *option: object) -> None:
        """It has none."""

    def setblocking(self, flag: bool) -> None:
        """It never blocks."""

    def settimeout(self, timeout_s: float | None) -> None:
        """It never waits."""


class LocalConnection(Connection):
    """A simulated socket whose other end is the local broker."""

    def __init__(self, network: LocalNetwork) -> None:
        super().__init__(network)
        self._local = network

    def _dial(self, address: Endpoint) -> None:
        if address != ADDRESS:
            super()._dial(address)
            return
        self._local.on_step("connect", b"")
        if not self._local.broker.running:
            self.error = ECONNREFUSED
            return
        self._real = cast(socket.socket, Wire(self._local))
        self._later(self._opened)


class LocalNetwork(Network):
    """A network on which a name leads to a broker in the same process; any other name may lead to a real address.

    `on_step(way, packet)` hears each step before it takes effect: "connect", "up" and "down"; real addresses have none.
    """

    def __init__(self, world: World, *, name: str, wifi: dict[str, str], broker: LocalBroker | None = None) -> None:
        super().__init__(world, hosts={name: ADDRESS}, wifi=wifi)
        self.broker = broker or LocalBroker()
        self.on_step: Callable[[str, bytes], None] = lambda way, packet: None

    def open(self) -> Connection:
        """A new socket."""
        connection = LocalConnection(self)
        self.connections.append(connection)
        return connection


def _body(packet: bytes) -> bytes:
    at = 1
    while packet[at] & 0x80:
        at += 1
    return packet[at + 1 :]


def _text(body: bytes, at: int) -> tuple[str, int]:
    """A string with its length before it, and where it ends (MQTT 3.1.1 section 1.5.3)."""
    size = int.from_bytes(body[at : at + 2], "big")
    return body[at + 2 : at + 2 + size].decode("utf-8", "replace"), at + 2 + size


def _publish(number: int, topic: str, payload: bytes, *, again: bool = False) -> bytes:
    name = topic.encode()
    body = len(name).to_bytes(2, "big") + name + number.to_bytes(2, "big") + payload
    return bytes((0x32 | 8 * again,)) + _length(len(body)) + body


def _length(size: int) -> bytes:
    """Remaining length (section 2.2.3)."""
    found = bytearray()
    while True:
        size, low = divmod(size, 128)
        found.append(low | 0x80 * bool(size))
        if not size:
            return bytes(found)
