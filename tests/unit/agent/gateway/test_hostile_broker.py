"""Brokers that are hostile, broken or slow: no queue grows without a bound, and nothing of theirs bars a device's downlinks."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from agent.gateway.client import QUEUE_LIMIT_PACKETS, QUEUE_PACKETS, Client
from agent.gateway.downs import MOST_DOWNS
from agent.gateway.link import HOLD_S, MOST_HEARD, MOST_HELD
from agent.gateway.loop import OVERDUE_S
from tests.unit.agent.gateway.bench import A, B, Rig
from tests.unit.agent.gateway.test_link import Bench

CONNACK = b"\x20\x02\x00\x00"
TOPIC = f"bl/1/{A}/down".encode()


def suback(code: int = 1) -> bytes:
    """To a client's first SUBSCRIBE."""
    return b"\x90\x03\x00\x01" + bytes((code,))


def publish(mid: int, payload: bytes, *, topic: bytes = TOPIC, head: int = 0x32) -> bytes:
    """A PUBLISH (MQTT 3.1.1 section 3.3), QoS 1 unless `head` says otherwise."""
    body = struct.pack(">H", len(topic)) + topic + struct.pack(">H", mid) + payload
    size, length = len(body), b""
    while not length or size:
        length += bytes((size & 127 | (128 if size > 127 else 0),))
        size >>= 7
    return bytes((head,)) + length + body


class Hostile:
    """A broker of a few bytes, and the link that believes in it; A's downlinks are wanted."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(5)
        self.bench = Bench(self.listener.getsockname())
        self.bench.link.start()
        self.up = self.accept(CONNACK)
        self.bench.until(lambda: self.bench.ups)

    def accept(self, *answers: bytes) -> socket.socket:
        """The next connection, which hears these."""
        count = len(self.bench.link.connections)
        self.bench.until(lambda: self.bench.link.connections[count - 1].fileno() >= 0)
        peer = self.listener.accept()[0]
        peer.setblocking(False)
        for answer in answers:
            peer.sendall(answer)
        return peer

    def device(self, code: int = 1) -> socket.socket:
        """The connection of A's downlinks."""
        self.bench.link.listen(A)
        return self.accept(CONNACK, suback(code))

    def heard(self, peer: socket.socket, what: bytes) -> None:
        """Turns until the broker has read that."""
        said = bytearray()

        def found() -> bool:
            with suppress(BlockingIOError):
                said.extend(peer.recv(65_536))
            return what in said

        self.bench.until(found)

    def close(self) -> None:
        """All of it."""
        self.bench.link.close()
        self.listener.close()


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    """Connected upwards."""
    with closing(Hostile()) as made:
        yield made


def test_a_downlink_at_the_bound_passes(hostile: Hostile) -> None:
    """What the negative cases below change one thing of."""
    peer = hostile.device()
    peer.sendall(publish(7, b"x" * 1024))
    hostile.bench.until(lambda: hostile.bench.downlinks)
    assert hostile.bench.downlinks == [(A, 7, b"x" * 1024, False)]
    hostile.bench.link.acknowledge(A, 7)
    hostile.heard(peer, b"\x40\x02\x00\x07")


@pytest.mark.parametrize("size", [1025, 65_536, 1_000_000])
def test_what_no_frame_holds_bars_nothing_behind_it(hostile: Hostile, size: int) -> None:
    """Its front alone is read, so that it can be acknowledged; the next downlink comes on the same connection."""
    peer = hostile.device()
    hostile.bench.until(lambda: hostile.bench.link._devices[A].settled)
    peer.setblocking(True)
    sender = threading.Thread(target=peer.sendall, args=(publish(8, b"x" * size) + publish(9, b"y"),))
    sender.start()
    hostile.bench.until(lambda: len(hostile.bench.downlinks) == 2)
    sender.join(5)
    assert hostile.bench.downlinks == [(A, 8, b"", False), (A, 9, b"y", False)]
    assert hostile.bench.events("downlinks-gone") == []


def test_what_was_not_subscribed_does_not_fill_the_window(hostile: Hostile) -> None:
    """A message of another topic is acknowledged and for nobody."""
    peer = hostile.device()
    peer.sendall(publish(3, b"x", topic=f"bl/1/{B}/down".encode()) + publish(4, b"x", topic=b"\xff\xff"))
    hostile.heard(peer, b"\x40\x02\x00\x03\x40\x02\x00\x04")
    assert hostile.bench.downlinks == []


def test_messages_of_qos_2_are_not_kept(hostile: Hostile) -> None:
    """Nobody asked for them, and the client would keep 65,535 of 64 KiB."""
    peer = hostile.device()
    hostile.bench.until(lambda: hostile.bench.link._devices[A].settled)
    peer.sendall(publish(1, b"x" * 1000, head=0x34))
    hostile.bench.until(lambda: hostile.bench.events("downlinks-gone"))
    assert "it speaks no mqtt" in hostile.bench.events("downlinks-gone")[0].lower()


def test_a_subscription_without_acknowledgements_is_refused(hostile: Hostile) -> None:
    """At QoS 0 a downlink would be gone before the device has it: that is said, and not passed over."""
    hostile.device(code=0)
    hostile.bench.until(lambda: hostile.bench.events("downlinks-gone"))
    assert "QoS 1" in hostile.bench.events("downlinks-gone")[0]


def test_identifiers_that_are_remembered_are_bounded(hostile: Hostile) -> None:
    """A broker that gives out all there are costs no more than some of them; the first are still acknowledged."""
    assert MOST_HEARD > MOST_DOWNS
    device = hostile.device()
    hostile.bench.until(lambda: hostile.bench.link._devices[A].settled)
    made = hostile.bench.link._devices[A]
    for mid in range(1, 3 * MOST_HEARD):
        made.message(mid, b"x", False)
    assert len(made._heard) == MOST_HEARD
    hostile.bench.link.acknowledge(A, 64)
    hostile.heard(device, b"\x40\x02\x00\x40")


def test_a_broker_that_asks_and_does_not_read(hostile: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers to its questions are not gathered without end: it is given up."""
    uplink = hostile.bench.link.connections[0]
    monkeypatch.setattr(Client, "write", lambda self: None)  # its socket takes nothing
    hostile.up.sendall(b"\xc0\x00" * (QUEUE_LIMIT_PACKETS + 600))
    hostile.bench.until(lambda: hostile.bench.downs)
    assert uplink.fileno() < 0


def test_a_broker_that_acknowledges_and_does_not_read(hostile: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is handed no more than a few windows, however often it says that it has all."""
    link = hostile.bench.link
    monkeypatch.setattr(Client, "write", lambda self: None)
    handed = 0
    while handed < 5000 and link.publish(B, b"x" * 1024) is not None:
        handed += 1
        hostile.up.sendall(b"\x40\x02" + struct.pack(">H", handed))
        if handed % 50 == 0:
            heard = range(1, handed + 1)
            hostile.bench.until(lambda heard=heard: hostile.bench.acknowledgements == list(heard))  # type: ignore[misc]
    assert 64 <= handed <= QUEUE_PACKETS


def test_one_port_does_not_hold_the_window(hostile: Hostile) -> None:
    """Envelopes that wait for their device's subscription are few; more of them go at once."""
    link = hostile.bench.link
    link.listen(A)
    held = [link.publish(A, b"%d" % n) for n in range(MOST_HELD - 1)]
    assert None not in held and len(link._devices[A].held) == MOST_HELD - 1
    assert link.publish(A, b"one more") and link._devices[A].held == []
    assert link.publish(A, b"and more") and link._devices[A].held == []
    assert HOLD_S < 8
    hostile.heard(hostile.up, b"and more")


def test_devices_that_come_and_go_before_a_slow_host_do_not_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who no longer wants a connection no longer waits for one."""
    asked, goes_on = threading.Event(), threading.Event()

    def hangs(*_: object, **__: object) -> socket.socket:
        asked.set()
        goes_on.wait(20)
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", hangs)
    bench = Bench(("broker.example", 1883))
    bench.link.start()
    bench.turn(0)
    assert asked.wait(5)
    bench.link.connected = True
    for _ in range(50):
        bench.link.listen(A)
        bench.link.leave(A)
    bench.link.listen(A)
    assert len(bench.link.dialer._asked) == 1
    goes_on.set()
    bench.link.close()


def test_one_acknowledgement_that_never_comes(tmp_path: Path) -> None:
    """Though all others do: the envelope is overdue after a while, which a loop answers with a new connection, and then it
    goes again. Until then a repeat of the device's is known and not published."""
    rig = Rig(tmp_path)
    forwarder = rig.hub.forwarder
    assert rig.spool.take(A, b"forgotten", "p") and rig.spool.commit()
    rig.turn()
    lost = next(iter(rig.broker.open))
    for n in range(20):
        rig.clock.pass_s(OVERDUE_S / 20)
        assert rig.spool.take(B, b"%d" % n, "p") and rig.spool.commit()
        rig.turn()
        for handle in [handle for handle in rig.broker.open if handle != lost]:
            rig.broker.answer(handle)
        assert forwarder.stalled_s() < 1
    assert forwarder.overdue_s() >= OVERDUE_S
    rig.broker.down()
    assert forwarder.overdue_s() == 0
    rig.broker.up()
    rig.turn()
    assert rig.broker.published[-1] == (A, b"forgotten")
    rig.broker.answer()
    assert (forwarder.overdue_s(), rig.spool.count) == (0, 0)


def test_an_identifier_that_still_waits_is_not_given_twice(hostile: Hostile) -> None:
    """After 65,535 others it would be its turn: what was not sent has no handle, and the old one's PUBACK is the old one's."""
    link = hostile.bench.link
    first = link.publish(B, b"first")
    client = link.connections[0]._client
    assert first and client
    client._last_mid = 0
    assert link.publish(B, b"not sent") is None
    second = link.publish(B, b"second")
    hostile.up.sendall(b"\x40\x02\x00\x01" + b"\x40\x02\x00\x02")
    hostile.bench.until(lambda: len(hostile.bench.acknowledgements) == 2)
    assert hostile.bench.acknowledgements == [first, second]
