"""What a gateway meets in tests: cables that are pulled, devices that speak docs/serial-link.md, a server that judges.

A device here seals nothing: its envelopes are random bytes, which is all that a gateway can see of real ones. Its times are a
tenth of the firmware's, so that a campaign has many contacts.
"""

from __future__ import annotations

import hashlib
import random
import struct
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from hw_sim.network.gateway import (
    ACCEPTED,
    AGAIN,
    BYE,
    DOWN,
    FRAME_LIMIT_BYTES,
    HELLO,
    PONG,
    STATE,
    TAKEN,
    UP,
    VERSION,
    WELCOME,
    WireFaults,
    frame,
    unframe,
)
from hw_sim.shell.port import Port
from tests.unit.cloud_sync.mqtt.mqtt_broker import until

ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"  # docs/wire-format.md section 2
LEAST_BYTES, MOST_BYTES = 60, 1024  # of an envelope
WINDOW = 4  # on their way at most
ANSWER_S, HELLO_S, VERDICT_S, REST_S = 0.8, 1.5, 1.5, 0.05
TURN_S = 0.003


def digest(envelope: bytes) -> bytes:
    """What a verdict names."""
    return hashlib.sha256(envelope).digest()[:8]


def mixed(name: str) -> str:
    """Sixteen characters that a device may be called by."""
    return "".join(ALPHABET[byte & 31] for byte in hashlib.sha256(name.encode()).digest()[:16])


class Cable:
    """An adapter under a constant name, as udev gives it one; pulled it is gone, plugged again it has another number."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.port: Port | None = None
        self.plug()

    def plug(self) -> None:
        """It is there again."""
        if self.port is None:
            self.port = Port(self.path)

    def pull(self) -> None:
        """Whoever has it open is hung up on."""
        if self.port is not None:
            self.port.close()
            self.port = None

    def write(self, data: bytes) -> None:
        """Says something, to nobody if nobody is there."""
        if self.port is not None:
            self.port.write(data)

    def read(self) -> bytes:
        """What was said."""
        if self.port is None:
            return b""
        self.port.flush()
        return self.port.read()


@dataclass
class Device:
    """One device at one cable. It keeps an envelope until its verdict has come; one that `trusts` keeps it until ACCEPTED only."""

    name: str
    cable: Cable
    chance: random.Random
    trusts: bool = False
    takes: bool = True  # it says TAKEN
    patience: float = 1.0  # how much longer than usual it waits for answers
    fault: WireFaults = field(default_factory=WireFaults)
    made: dict[bytes, bytes] = field(default_factory=dict)  # by digest
    kept: dict[bytes, bytes] = field(default_factory=dict)
    accepted: set[bytes] = field(default_factory=set)
    judged: set[bytes] = field(default_factory=set)
    downs: list[bytes] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    state: int | None = None  # of the gateway, as it said last in this contact
    _stands: bool = False
    _due: deque[bytes] = field(default_factory=deque)
    _under_way: dict[int, tuple[bytes, float, bool]] = field(default_factory=dict)
    _number: int = 0
    _heard: bytes = b""
    _next_s: float = 0.0
    _deadline_s: float = 0.0

    def make(self, size: int | None = None) -> bytes:
        """One more envelope to be sent."""
        envelope = self.chance.randbytes(size or self.chance.randint(LEAST_BYTES, MOST_BYTES))
        key = digest(envelope)
        self.made[key] = self.kept[key] = envelope
        self._due.append(key)
        return envelope

    @property
    def stands(self) -> bool:
        """It is in a contact."""
        return self._stands

    def say(self, kind: int, number: int = 0, body: bytes = b"") -> None:
        """One frame on the line."""
        self.counts[f"said {kind & ~AGAIN}"] += 1
        self.cable.write(self.fault.damaged(frame(kind, number, body), self.chance))

    def half(self) -> None:
        """Half a frame, before the cable is pulled."""
        whole = frame(UP, 7, self.chance.randbytes(500))
        self.cable.write(whole[: self.chance.randrange(1, len(whole))])

    def end(self, bye: bool = False) -> None:
        """The contact is over; what was not answered is due again."""
        if bye and self._stands:
            self.say(BYE)
        self._stands, self.state, self._heard, self._under_way = False, None, b"", {}
        self._next_s = time.monotonic() + REST_S * (1 + self.chance.random())
        self._deadline_s = 0.0
        self._due = deque(self.kept)

    def turn(self) -> None:
        """Hears what has come, and says what is due."""
        for kind, number, body in self._frames():
            self._take(kind & ~AGAIN, number, body)
        now = time.monotonic()
        if self._stands:
            self._go_on(now)
        elif self._deadline_s and now > self._deadline_s:
            self.counts["no welcome"] += 1
            self.end()
        elif not self._deadline_s and self.kept and now > self._next_s:
            self._deadline_s = now + HELLO_S * self.patience
            self.say(HELLO, 0, bytes((VERSION,)) + self.name.encode())

    def _frames(self) -> Iterable[tuple[int, int, bytes]]:
        *parts, self._heard = (self._heard + self.fault.damaged(self.cable.read(), self.chance)).split(b"\0")
        self._heard = self._heard[-FRAME_LIMIT_BYTES - 1 :]
        for part in parts:
            whole = unframe(part) if part else None
            if whole is not None:
                yield whole
            elif part:
                self.counts["noise"] += 1

    def _take(self, kind: int, number: int, body: bytes) -> None:
        self.counts[f"heard {kind}"] += 1
        if kind in (WELCOME, PONG, STATE) and len(body) == 1:
            self.state = body[0]
            if not body[0]:
                self.counts["sent to rest"] += 1
                self.end()
            elif kind == WELCOME and not self._stands:
                self._stands, self._deadline_s = True, 0.0
        elif kind == ACCEPTED and number in self._under_way:
            key, _, _ = self._under_way.pop(number)
            self.accepted.add(key)
            if self.trusts:
                self.kept.pop(key, None)
            self._deadline_s = time.monotonic() + VERDICT_S * self.patience
        elif kind == DOWN and self._stands and not self.takes:
            self.counts["not taken"] += 1
        elif kind == DOWN and self._stands:
            self.say(TAKEN, number)
            self.downs.append(body)
            if body[:1] == b"V":
                self.judged.add(body[1:9])
                self.kept.pop(body[1:9], None)

    def _go_on(self, now: float) -> None:
        while self._due and len(self._under_way) < WINDOW:
            key = self._due.popleft()
            if key in self.kept:
                self._number = self._number % 65535 + 1
                self._under_way[self._number] = key, now + ANSWER_S * self.patience, False
                self.say(UP, self._number, self.kept[key])
        for number, (key, due_s, again) in list(self._under_way.items()):
            if now < due_s:
                continue
            if again:
                self.counts["no answer"] += 1
                self.end()
                return
            self._under_way[number] = key, now + ANSWER_S * self.patience, True
            self.say(UP | AGAIN, number, self.kept.get(key, self.made[key]))
        if not self._under_way and not self._due and (not self.kept or now > self._deadline_s):
            self.end(bye=True)


class Server:
    """The other side of the broker, with a session that it keeps: counts what arrives, and judges it."""

    def __init__(self, port: int, *, name: str = "server") -> None:
        self.arrived: Counter[bytes] = Counter()
        self.wrong: list[str] = []
        self.topics: dict[bytes, str] = {}
        self._subscribed = threading.Event()
        self.client = client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=name, clean_session=False, protocol=paho.MQTTv311
        )
        client.max_inflight_messages_set(0)
        client.max_queued_messages_set(0)
        client.reconnect_delay_set(0.1, 0.5)  # type: ignore[arg-type]
        client.on_message = self._take
        client.on_subscribe = lambda *args: self._subscribed.set()
        client.on_connect = lambda c, *args: c.subscribe("bl/1/+/up", qos=1)
        client.connect("127.0.0.1", port)
        client.loop_start()
        until(self._subscribed.is_set)

    def _take(self, client: paho.Client, data: object, message: paho.MQTTMessage) -> None:
        key = digest(bytes(message.payload))
        self.arrived[key] += 1
        self.topics[key] = message.topic
        self.send(message.topic.split("/")[2], b"V" + key + bytes(40))

    def send(self, device: str, downlink: bytes) -> None:
        """One downlink for a device."""
        self.client.publish(f"bl/1/{device}/down", downlink, qos=1)

    def close(self) -> None:
        """It goes, in order."""
        self.client.disconnect()
        self.client.loop_stop()


def live(devices: Iterable[Device], enough: Callable[[], bool], timeout_s: float, *, must: bool = True) -> bool:
    """The devices live until `enough()`; False, or AssertionError if it `must` be, after that time."""
    devices, end_s = list(devices), time.monotonic() + timeout_s
    while not enough():
        if time.monotonic() > end_s:
            assert not must, {d.name: (d.state, d.stands, len(d.kept), dict(d.counts)) for d in devices}
            return False
        for device in devices:
            device.turn()
        time.sleep(TURN_S)
    return True


def downlink_of(n: int, size: int) -> bytes:
    """A downlink that is no verdict, told apart by its number."""
    return b"D" + struct.pack(">I", n) + random.Random(n).randbytes(size - 5)
