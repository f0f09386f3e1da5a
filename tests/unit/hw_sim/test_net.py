"""Simulated sockets over real TCP: faults, settling, addresses; the peer is a plain server of the test."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from hw_sim.errors import SettleTimeout
from hw_sim.network.net import Connection, Faults, Network, SocketError
from hw_sim.world.clock import World

CONNECT = bytes.fromhex("100d00044d51545404020000000161")
CONNACK = bytes.fromhex("20020000")
PUBLISH = bytes.fromhex("3209") + b"\x00\x03a/b\x00\x07hi"
PUBACK = bytes.fromhex("40020007")


class Peer:
    """Answers whatever it is told to, byte string for byte string."""

    def __init__(self, answers: dict[bytes, bytes]) -> None:
        self._answers = answers
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._listener.getsockname()
        self.heard = b""
        self.saw_end = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._talk(client)

    def _talk(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            while data := client.recv(4096):
                self.heard += data
                for question, answer in self._answers.items():
                    if question in data:
                        client.sendall(answer)
        self.saw_end.set()

    def close(self) -> None:
        """Listens no more."""
        self._listener.close()


@pytest.fixture
def peer() -> Iterator[Peer]:
    """A broker of few words."""
    peer = Peer({CONNECT: CONNACK, PUBLISH: PUBACK, b"ping": b"pong"})
    yield peer
    peer.close()


@pytest.fixture
def network(peer: Peer) -> Network:
    """The peer under a name, a short bound."""
    return Network(World(), hosts={"broker.example": peer.address}, bound_s=1.0)


def dial(network: Network) -> Connection:
    """A connection to the peer, by its name."""
    connection = network.open()
    connection.connect(network.real_address(network.resolve("broker.example"), 1883))
    return connection


def test_mqtt_answers_are_there_after_settling(network: Network, peer: Peer) -> None:
    """What the broker owes is in the buffer when settle returns; both ways are counted and captured."""
    connection = dial(network)
    connection.send(CONNECT)
    network.settle()
    assert connection.received == CONNACK
    connection.send(PUBLISH)
    network.settle()
    assert connection.received == CONNACK + PUBACK
    assert (network.up.publish, network.down.packets["PUBACK"]) == ({"a/b": (1, len(PUBLISH))}, 1)
    assert network.captured("up") == peer.heard == CONNECT + PUBLISH
    assert network.captured() == CONNECT + CONNACK + PUBLISH + PUBACK


def test_plain_streams_get_their_answer_too(network: Network) -> None:
    """A stream that is not MQTT is carried as it is."""
    connection = dial(network)
    connection.send(b"ping")
    network.settle()
    assert connection.received == b"pong"


def test_settle_raises_when_an_answer_does_not_come(network: Network) -> None:
    """PINGREQ, which this peer does not know: SettleTimeout names the missing answer; counted if so wished."""
    network.bound_s = 0.05
    connection = dial(network)
    connection.send(CONNECT)
    network.settle()
    connection.send(bytes.fromhex("c000"))
    with pytest.raises(SettleTimeout, match="PINGRESP"):
        network.settle()
    network.raise_on_timeout = False
    network.settle()
    assert network.settle_timeouts == 2


def test_settle_asks_the_composition_root(network: Network) -> None:
    """Time may not pass before the condition agrees, though nothing is owed by the broker."""
    asked = []
    dial(network)

    def settled() -> bool:
        asked.append(1)
        return len(asked) >= 3

    network.settled = settled
    network.settle()
    assert len(asked) == 3


def test_names_and_addresses(network: Network, peer: Peer) -> None:
    """A known name has an address that leads to the peer; an unknown one has none, an unknown address no route."""
    address = network.resolve("broker.example")
    assert address == "192.0.2.1"
    assert network.real_address(address, 1883) == peer.address
    with pytest.raises(SocketError) as unknown:
        network.resolve("elsewhere.example")
    assert unknown.value.errno == -202
    with pytest.raises(SocketError) as lost:
        network.real_address("198.51.100.7", 1883)
    assert lost.value.errno == 113


def test_down_has_no_names_and_no_route(network: Network) -> None:
    """Without the fault both work; with it neither does."""
    network.resolve("broker.example")
    network.fault.down = True
    with pytest.raises(SocketError):
        network.resolve("broker.example")
    connection = network.open()
    connection.connect(("127.0.0.1", 1))
    assert connection.error == 113


def test_refused(network: Network, peer: Peer) -> None:
    """A connection that works is refused under the fault, and by a port where nobody listens."""
    assert dial(network).connected
    network.fault.refuse = True
    assert dial(network).error == 111
    network.fault = Faults()
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        connection = network.open()
        connection.connect(unused.getsockname())
    assert connection.error == 111


def test_dropped_packets_go_one_way_only(network: Network, peer: Peer) -> None:
    """A lost PUBACK: the peer heard the PUBLISH, the board gets no answer and settle does not wait for it."""
    connection = dial(network)
    connection.send(CONNECT)
    network.settle()
    network.fault.drop = lambda direction, packet: direction == "down" and packet[0] >> 4 == 4
    connection.send(PUBLISH)
    network.settle()
    assert connection.received == CONNACK
    assert peer.heard == CONNECT + PUBLISH
    network.fault.drop = lambda direction, packet: direction == "up" and packet[0] >> 4 == 3
    connection.send(PUBLISH)
    network.settle()
    assert peer.heard == CONNECT + PUBLISH


def test_cut_in_the_middle_of_a_packet(network: Network, peer: Peer) -> None:
    """After 5 more bytes the connection breaks: the peer got exactly those, then the end; the board an error."""
    connection = dial(network)
    connection.send(CONNECT)
    network.settle()
    network.fault.cut_after(5)
    with pytest.raises(SocketError) as broken:
        connection.send(PUBLISH)
    assert broken.value.errno == 104
    assert peer.saw_end.wait(2)
    assert peer.heard == CONNECT + PUBLISH[:5]
    assert (connection.readable, connection.connected) == (True, False)


def test_half_open_swallows_and_stays_so(network: Network, peer: Peer) -> None:
    """Bytes vanish without an error until the send buffer is full, and the connection never comes back to life."""
    connection = dial(network)
    connection.send(CONNECT)
    network.settle()
    network.fault.half_open = True
    sent = 0
    while connection.writable:
        sent += connection.send(PUBLISH)
    assert sent == 5760
    assert not connection.error
    network.fault = Faults()
    network.settle()
    assert connection.send(PUBLISH) == 0
    assert peer.heard == CONNECT


def test_latency_is_virtual(network: Network) -> None:
    """The answer is here in real time, and at the board only 300 ms later by its clock."""
    network.fault.latency_ms = 300
    connection = dial(network)
    network.world.clock.advance_to(300_000)
    connection.send(CONNECT)
    network.settle()
    network.world.clock.advance_to(599_999)
    assert not connection.received
    network.world.clock.advance_to(600_000)
    assert connection.received == CONNACK


def test_a_close_of_the_peer_is_seen(network: Network, peer: Peer) -> None:
    """When the peer closes, the board reads what came before, then the end."""
    connection = dial(network)
    connection.send(b"ping")
    network.settle()
    peer.close()
    assert connection.real is not None
    connection.real.shutdown(socket.SHUT_WR)  # so the peer's thread ends and closes
    assert peer.saw_end.wait(2)
    network.settle()
    assert (bytes(connection.received), connection.ended, connection.readable) == (b"pong", True, True)


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("literal", ["10.1.2.3", "127.0.0.1", "192.0.2.1"])
def test_an_address_in_figures_is_its_own_answer(network: Network, literal: str, down: bool) -> None:
    """No server is asked for it, so it comes at once, with a network and without; four parts below 256, or it is a name."""
    network.fault.down = down
    network.fault.dns = "silent"
    assert network.lookup(literal) == (0, literal, 0)
    for name in literal + ".1", "256" + literal[literal.index(".") :], "a" + literal:
        assert network.lookup(name).errno == -202


def test_loopback_is_the_board_itself(network: Network, peer: Peer) -> None:
    """A server of the host is reached by the name it was given, never by 127.0.0.1 and its port."""
    assert dial(network).connected
    assert network.real_address("broker.example", 1883) == peer.address
    with pytest.raises(SocketError) as refused:
        network.real_address(*peer.address)
    assert refused.value.errno == 111
