"""What can be wrong with a network: delays, losses, bandwidth, cuts, resolvers, captive portals."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hw_sim.errors import HwSimError
from hw_sim.network.net import Connection, Faults, Network, SocketError
from hw_sim.network.portal import BAD_REQUEST, Portal
from hw_sim.world.clock import World
from tests.system.certificates import authority
from tests.unit.hw_sim.peers import CONNACK, CONNECT, PING, PONG, Peer

S = 1_000_000


@pytest.fixture
def peer() -> Iterator[Peer]:
    """A broker of few words."""
    peer = Peer()
    yield peer
    peer.close()


@pytest.fixture
def network(peer: Peer) -> Network:
    """The peer under a name."""
    return a_network(peer)


def a_network(peer: Peer, seed: int = 1) -> Network:
    """A network of its own world, with the peer under a name."""
    return Network(World(seed=seed), hosts={"broker.example": peer.address})


def dial(network: Network, port: int = 1883) -> Connection:
    """A connection to the peer, by its name."""
    connection = network.open()
    connection.connect(network.real_address(network.resolve("broker.example"), port))
    network.world.clock.advance_to(network.world.clock.now_us + 10 * S)
    return connection


def answer_us(network: Network, connection: Connection, question: bytes = PING, size: int = len(PONG)) -> int:
    """Virtual time until the answer is whole."""
    clock, begin = network.world.clock, network.world.clock.now_us
    already = len(connection.received)
    connection.send(question)
    network.settle()
    while len(connection.received) < already + size and clock.next_us is not None:
        clock.step(clock.next_us)
    assert len(connection.received) == already + size
    return clock.now_us - begin


def connected(network: Network) -> Connection:
    """An MQTT connection that is there."""
    connection = dial(network)
    answer_us(network, connection, CONNECT, len(CONNACK))
    return connection


# --- the description


def test_faults_are_set_by_name_and_cleared() -> None:
    """Two are set, one is cleared, then all; a name that is none is refused with those that are."""
    fault = Faults()
    fault.set(loss=0.5, latency_ms=100)
    fault.clear("loss")
    assert (fault.loss, fault.latency_ms) == (0.0, 100)
    fault.clear()
    assert fault == Faults()
    with pytest.raises(HwSimError, match=r"no network fault los: .*loss"):
        fault.set(los=0.5)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("loss", 1.0, 1.1),
        ("duplicate", 0, -0.1),
        ("reorder", 0.5, "half"),
        ("latency_ms", 0, -1),
        ("jitter_ms", 86_400_000, 86_400_001),
        ("again_ms", 1, 1.5),
        ("up_bytes_s", 1, 0),
        ("down_bytes_s", None, True),
        ("cut_down_after_bytes", 0, -1),
        ("dns", "stale", "broken"),
    ],
)
def test_values_out_of_bounds_are_refused(name: str, good: object, bad: object) -> None:
    """By `set`, by assignment and at construction; what was there stays."""
    fault = Faults()
    fault.set(**{name: good})
    wrong: dict[str, Any] = {name: bad}
    for act in (lambda: fault.set(**wrong), lambda: setattr(fault, name, bad), lambda: Faults(**wrong)):
        with pytest.raises(HwSimError, match=name):
            act()
    assert getattr(fault, name) == good


# --- time


def test_jitter_varies_within_its_bound_and_repeats_with_the_seed(peer: Peer) -> None:
    """Twenty answers take 100 to 300 ms, not all the same; the same seed the same, another seed others."""

    def times(seed: int) -> list[int]:
        network = a_network(peer, seed)
        connection = connected(network)
        network.fault.set(latency_ms=100, jitter_ms=200)
        return [answer_us(network, connection) for _ in range(20)]

    first = times(1)
    assert all(100_000 <= us <= 300_000 for us in first)
    assert len(set(first)) > 10
    assert times(1) == first != times(2)


def test_a_lost_segment_comes_later_and_nothing_overtakes_it(network: Network) -> None:
    """All are lost six times: 1.5 s, doubled each time. What is said afterwards without loss comes behind it."""
    connection = connected(network)
    network.fault.set(loss=1.0)
    connection.send(PING)
    network.settle()
    network.fault.clear("loss")
    connection.send(CONNECT)
    network.settle()
    assert not connection.received[4:]
    network.world.clock.advance_to(network.world.clock.now_us + 94_499_999)
    assert not connection.received[4:]
    network.world.clock.advance_to(network.world.clock.now_us + 1)
    assert connection.received[4:] == PONG + CONNACK
    assert network.lost_segments == 6


def test_a_share_of_loss_is_a_share(network: Network) -> None:
    """Of 200 answers at 20 % some 40 are late; without it none."""
    connection = connected(network)
    assert {answer_us(network, connection) for _ in range(20)} == {0}
    network.fault.set(loss=0.2)
    late = sum(answer_us(network, connection) > 0 for _ in range(200))
    assert 25 <= late <= 55


def test_what_is_out_of_order_is_late(network: Network) -> None:
    """Under TCP reordering is a delay of those that were overtaken."""
    connection = connected(network)
    network.fault.set(reorder=1.0, reorder_ms=50)
    assert answer_us(network, connection) == 50_000


def test_a_duplicate_costs_air_time_and_comes_once(network: Network) -> None:
    """The radio carries it twice, the program reads it once."""
    connection, carried = connected(network), []
    network.on_air = lambda way, n_bytes: carried.append((way, n_bytes))
    answer_us(network, connection)
    assert carried == [("up", 2), ("down", 2)]
    network.fault.set(duplicate=1.0)
    answer_us(network, connection)
    assert carried[2:] == [("up", 2), ("down", 2), ("down", 2)]
    assert network.duplicates == 1


def test_bandwidth_down(network: Network) -> None:
    """3000 bytes at 1000 a second take 3 s; without a limit no time."""
    connection = dial(network)
    assert answer_us(network, connection, b"many", 3000) == 0
    network.fault.set(down_bytes_s=1000)
    assert abs(answer_us(network, connection, b"many", 3000) - 3 * S) < 10_000


def test_bandwidth_up_fills_the_send_buffer(network: Network) -> None:
    """5760 bytes are taken at once, more only when the link has carried them; an answer comes after its question."""
    connection = dial(network)
    network.fault.set(up_bytes_s=1000)
    sent = connection.send(bytes(10_000))
    assert (sent, connection.writable) == (5760, False)
    network.world.clock.advance_to(network.world.clock.now_us + 1 * S)
    assert connection.writable
    assert connection.send(bytes(10_000)) == 1000
    assert answer_us(network, dial(network), b"x" * 996 + b"many", 3000) == 1 * S


# --- ends


def test_cut_down_in_the_middle_of_a_packet(network: Network) -> None:
    """Of CONNACK two bytes come, then the reset."""
    connection = dial(network)
    network.fault.set(cut_down_after_bytes=2)
    connection.send(CONNECT)
    network.settle()
    assert (bytes(connection.received), connection.error) == (CONNACK[:2], 104)
    assert network.fault.cut_down_after_bytes is None
    assert answer_us(network, dial(network), CONNECT, 4) == 0


def test_cut_down_counts_over_several_answers(network: Network) -> None:
    """Two PINGRESP pass whole, of the third half."""
    connection = connected(network)
    network.fault.set(cut_down_after_bytes=5)
    for _ in range(2):
        answer_us(network, connection)
    connection.send(PING)
    network.settle()
    assert connection.received[4:] == PONG + PONG + PONG[:1]
    assert connection.error == 104


# --- names


@pytest.mark.parametrize(
    ("fault", "took_s", "addresses"),
    [
        ({}, 0, "192.0.2.1"),
        ({"latency_ms": 300}, 0.3, "192.0.2.1"),
        ({"dns": "nxdomain"}, 0, ""),
        ({"dns": "silent"}, 7, ""),
        ({"dns": "stale"}, 0, "203.0.113.1"),
        ({"loss": 1.0}, 7, ""),
        ({"half_open": True}, 0, "192.0.2.1"),  # what forgot a connection still passes questions on
    ],
)
def test_what_a_resolver_says(network: Network, fault: dict[str, object], took_s: float, addresses: str) -> None:
    """Its answer and when; without one an error, -202."""
    network.fault.set(**fault)
    answer = network.lookup("broker.example")
    assert (answer.took_us, answer.addresses, answer.errno) == (took_s * S, addresses, 0 if addresses else -202)


def test_a_stale_address_answers_nobody(network: Network) -> None:
    """The dialling neither succeeds nor fails; a name that nobody knows stays unknown."""
    network.fault.set(dns="stale")
    connection = dial(network)
    assert (connection.connected, connection.error) == (False, 0)
    with pytest.raises(SocketError):
        network.resolve("elsewhere.example")


def test_a_lost_question_is_asked_again(network: Network) -> None:
    """At 30 % most answers are there at once, some after 1 s, 2 s or 4 s, and it repeats with the seed."""
    network.fault.set(loss=0.3)
    waits = [network.lookup("broker.example").took_us / S for _ in range(100)]
    assert set(waits) <= {0, 1, 2, 4, 7}
    assert 50 < waits.count(0) < 90
    assert waits.count(1) > 5


# --- captive portal


def trusting() -> ssl.SSLContext:
    """A client that checks nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def test_a_portal_answers_for_every_name_and_address(network: Network) -> None:
    """HTTP is redirected, and the connection ends; before and after the portal the peer is there."""
    assert connected(network)
    network.fault.portal = portal = Portal(location="http://hotel.example/")
    assert network.resolve("nobody.example") == Portal.address
    connection = dial(network, 80)
    for part in (b"GET / HTTP/1.1\r\n", b"Host: example\r\n", b"\r\n"):
        assert not connection.received
        connection.send(part)
    assert connection.received.startswith(b"HTTP/1.1 302 Found\r\nLocation: http://hotel.example/\r\n")
    assert connection.ended
    assert portal.visits == 1
    network.fault.clear("portal")
    assert connected(network)


def test_a_portal_takes_mqtt_for_bad_http(network: Network) -> None:
    """CONNECT is answered with 400, and the peer hears nothing of it."""
    network.fault.portal = Portal()
    connection = dial(network)
    connection.send(CONNECT)
    assert (bytes(connection.received), connection.ended) == (BAD_REQUEST, True)
    assert network.captured() == b""


def test_a_portal_without_a_certificate_ends_tls_with_an_alert(network: Network) -> None:
    """A client of its own says hello and gets a fatal alert."""
    network.fault.portal = Portal()
    with pytest.raises(ssl.SSLError, match=r"(?i)alert handshake failure"):
        handshake(dial(network, 8883), trusting())


def test_a_portal_with_a_certificate_is_not_the_server(network: Network) -> None:
    """Who trusts nobody is shaken hands with and redirected; who checks refuses."""
    network.fault.portal = Portal(certificate=authority("hotel").certify("portal.example"))
    ask = handshake(dial(network, 8883), trusting())
    assert ask(b"GET / HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 302")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(dial(network, 8883), ssl.create_default_context())


def test_a_portal_wants_pem() -> None:
    """What is no certificate is refused."""
    with pytest.raises(HwSimError, match="PEM"):
        Portal(certificate=(b"no", b"no"))


def handshake(connection: Connection, context: ssl.SSLContext) -> Callable[[bytes], bytes]:
    """TLS over a simulated connection; what asks over it."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname="broker.example")

    def pass_on() -> None:
        data = outgoing.read()
        while data:
            data = data[connection.send(data) :]
        incoming.write(bytes(connection.received))
        connection.received.clear()

    for _ in range(4):
        try:
            client.do_handshake()
            break
        except ssl.SSLWantReadError:
            pass_on()
    pass_on()

    def ask(question: bytes) -> bytes:
        client.write(question)
        pass_on()
        return client.read()

    return ask
