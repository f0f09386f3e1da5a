"""The gateway's connections: on a real mosquitto, and on servers that are none. Pauses pass on a clock that is set."""

from __future__ import annotations

import io
import random
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from select import POLLIN, POLLOUT, poll

import paho.mqtt.client as paho
import pytest

from agent.gateway import dialer as dialing
from agent.gateway.config import Broker as BrokerConfig
from agent.gateway.connection import GREET_S, LAST_RETRY_S, STEADY_S, Connection
from agent.gateway.credentials import tls_context
from agent.gateway.dialer import Dialer
from agent.gateway.link import HOLD_S, Link
from agent.gateway.log import Log
from hw_sim.network.broker import Broker, mosquitto
from tests.system.certificates import authority
from tests.unit.agent.gateway.bench import A, B, Clock

TURNS = 2000  # of 10 ms at most: what a loaded machine may take


@pytest.fixture
def broker() -> Iterator[Broker]:
    """A mosquitto that keeps sessions."""
    if mosquitto() is None:
        pytest.skip("no mosquitto on this machine")
    with Broker.start("mosquitto", persistent=True) as made:
        yield made


class Bench:
    """A link, what it has told, and a loop for it."""

    def __init__(self, address: tuple[str, int], config: BrokerConfig | None = None) -> None:
        self.clock = Clock()
        self.log = io.StringIO()
        self.ups = self.downs = 0
        self.acknowledgements: list[int] = []
        self.downlinks: list[tuple[str, int, bytes, bool]] = []
        dialer = Dialer(address, tls_context(config) if config else None)
        self.link = Link(dialer, "test", None, Log(self.log, now_s=self.clock), where="broker b:1", now_s=self.clock)
        self.link.tell(self)

    def broker_up(self) -> None:
        """Of Receiver."""
        self.ups += 1

    def broker_down(self) -> None:
        """Of Receiver."""
        self.downs += 1

    def acknowledged(self, handle: int) -> None:
        """Of Receiver."""
        self.acknowledgements.append(handle)

    def downlink(self, device: str, downlink: int, envelope: bytes, again: bool) -> None:
        """Of Receiver."""
        self.downlinks.append((device, downlink, envelope, again))

    def turn(self, wait_ms: float = 10) -> None:
        """One turn of a loop; time passes as in a real one."""
        poller, owners = poll(), {}
        for connection in self.link.connections:
            if (fd := connection.fileno()) >= 0:
                owners[fd] = connection
                poller.register(fd, POLLIN | POLLOUT * connection.wants_write)
        poller.register(self.link.dialer.fileno(), POLLIN)
        for fd, _ in poller.poll(wait_ms):
            if fd in owners:
                owners[fd].read(self.clock())
            else:
                self.link.dialed()
        self.clock.pass_s(0.05)
        self.link.tick()
        for connection in self.link.connections:
            connection.write(self.clock())

    def until(self, condition: Callable[[], object], wait_ms: float = 10) -> None:
        """Turns until it holds."""
        for _ in range(TURNS):
            if condition():
                return
            self.turn(wait_ms)
        raise AssertionError(f"it did not come true; log: {self.log.getvalue()}")

    def events(self, event: str) -> list[str]:
        """Lines of that event."""
        return [line for line in self.log.getvalue().splitlines() if f" {event} " in line]


@pytest.fixture
def bench(broker: Broker) -> Iterator[Bench]:
    """Connected."""
    made = Bench((broker.host, broker.port))
    made.link.start()
    made.until(lambda: made.ups)
    yield made
    made.link.close()


class Server:
    """The server's side of the broker."""

    def __init__(self, broker: Broker) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.ready = threading.Event()
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="server")
        self.client.on_connect = lambda client, *_: client.subscribe("bl/1/+/up", qos=1)
        self.client.on_subscribe = lambda *_: self.ready.set()
        self.client.on_message = lambda client, data, message: self.heard.append((message.topic, message.payload))
        self.client.connect(broker.host, broker.port)
        self.client.loop_start()
        assert self.ready.wait(5)

    def send(self, device: str, envelope: bytes) -> None:
        """A downlink, at the broker when this returns."""
        self.client.publish(f"bl/1/{device}/down", envelope, qos=1).wait_for_publish(5)

    def close(self) -> None:
        """Gone."""
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def server(broker: Broker) -> Iterator[Server]:
    """Listening."""
    with closing(Server(broker)) as made:
        yield made


def test_upwards(bench: Bench, server: Server) -> None:
    """Envelopes arrive under their devices' topics and are acknowledged by their handles, each once."""
    handles = [
        bench.link.publish(device, envelope) for device, envelope in ((A, b"\0\1"), (B, b"\xff" * 1024), (A, b"3"))
    ]
    assert None not in handles
    assert len(set(handles)) == 3
    bench.until(lambda: len(bench.acknowledgements) == 3)
    bench.until(lambda: len(server.heard) == 3)
    assert sorted(bench.acknowledgements) == sorted(h for h in handles if h)
    assert server.heard == [(f"bl/1/{A}/up", b"\0\1"), (f"bl/1/{B}/up", b"\xff" * 1024), (f"bl/1/{A}/up", b"3")]


def test_downwards_until_taken(bench: Bench, server: Server) -> None:
    """A downlink comes again, marked, on each new connection of its device until it is acknowledged, and waits meanwhile."""
    bench.link.listen(A)
    connection = bench.link.connections[1]
    bench.until(lambda: connection.up)
    server.send(A, b"first")
    server.send(B, b"another's")
    bench.until(lambda: bench.downlinks)
    bench.link.leave(A)
    server.send(A, b"second")
    bench.link.listen(A)
    bench.until(lambda: len(bench.downlinks) == 3)
    assert [(device, envelope, again) for device, _, envelope, again in bench.downlinks] == [
        (A, b"first", False),
        (A, b"first", True),
        (A, b"second", False),
    ]
    assert bench.downlinks[0][1] == bench.downlinks[1][1] != bench.downlinks[2][1]
    bench.link.acknowledge(A, bench.downlinks[1][1])
    bench.turn()
    bench.link.leave(A)
    bench.downlinks.clear()
    bench.link.listen(A)
    bench.until(lambda: bench.downlinks)
    assert [(envelope, again) for _, _, envelope, again in bench.downlinks] == [(b"second", True)]


def test_the_first_answer_is_not_for_nobody(bench: Bench, server: Server) -> None:
    """Where the broker has no session of the device, its first envelope goes out once an answer to it would be heard."""
    server.client.on_message = lambda client, data, message: client.publish(f"bl/1/{A}/down", b"answer", qos=1)
    bench.link.listen(A)
    handles = [bench.link.publish(A, b"first"), bench.link.publish(A, b"second")]
    assert bench.link.connections[0].wants_write is False
    other = bench.link.publish(B, b"nobody listens for this one")
    assert bench.link.connections[0].wants_write is True
    bench.until(lambda: len(bench.acknowledgements) == 3)
    assert bench.acknowledgements == [other, *handles]
    bench.until(lambda: len(bench.downlinks) >= 2)
    assert {(device, envelope) for device, _, envelope, _ in bench.downlinks} == {(A, b"answer")}


def test_held_for_a_while_only(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A subscription that does not come about holds envelopes back for some seconds; one that is given up not at all."""
    monkeypatch.setattr(Connection, "open", lambda self: None)
    bench.link.listen(A)
    began_s = bench.clock()
    handle = bench.link.publish(A, b"first")
    bench.until(lambda: bench.acknowledgements, wait_ms=1)
    assert bench.acknowledgements == [handle]
    assert HOLD_S <= bench.clock() - began_s < HOLD_S + 2
    bench.link.listen(B)
    bench.link.publish(B, b"second")
    assert bench.link.connections[0].wants_write is False
    bench.link.leave(B)
    assert bench.link.connections[0].wants_write is True


def test_nothing_held_outlives_the_connection(bench: Bench) -> None:
    """What was held when the broker went is the hub's again, and is not sent besides."""
    bench.link.listen(A)
    bench.link.publish(A, b"first")
    bench.link.renew()
    assert bench.downs == 1
    bench.until(lambda: bench.ups == 2 and bench.link.connections[1].up)
    handle = bench.link.publish(A, b"again")
    bench.until(lambda: bench.acknowledgements)
    assert bench.acknowledgements == [handle]


def test_broker_goes_and_comes(bench: Bench, broker: Broker) -> None:
    """Said once each way; devices' connections come back with it, and what waited meanwhile arrives."""
    bench.link.listen(A)
    bench.until(lambda: bench.link.connections[1].up)
    broker.restart(keep_sessions=True)
    bench.until(lambda: bench.downs)
    assert bench.link.publish(A, b"x") is None
    bench.until(lambda: bench.ups == 2)
    bench.until(lambda: bench.link.connections[1].up)
    with closing(Server(broker)) as server:
        server.send(A, b"after")
        bench.until(lambda: bench.downlinks)
    assert bench.downlinks[0][2] == b"after"
    assert (bench.downs, bench.link.losses) == (1, 1)
    assert (len(bench.events("broker-there")), len(bench.events("broker-gone"))) == (2, 1)
    assert A not in bench.log.getvalue()


def test_acknowledged_on_its_own_connection_alone(bench: Bench) -> None:
    """A TAKEN that comes after the connection was lost acknowledges nothing on the next one, whose identifiers are new."""
    bench.link.listen(A)
    device = bench.link._devices[A]
    acked: list[int] = []
    device.connection.ack = acked.append  # type: ignore[method-assign]
    device.message(5, b"old", False)
    bench.link.acknowledge(A, 5)
    bench.link.acknowledge(A, 5)
    assert acked == [5]
    device.message(6, b"old", False)
    device.link_down("lost")
    bench.link.acknowledge(A, 6)
    assert acked == [5]


@pytest.mark.parametrize("name", ["+", "#", "a" * 15, "a" * 17, "A" * 16, "a" * 15 + "/", "a" * 15 + "\n", ""])
def test_a_device_is_no_pattern(name: str) -> None:
    """What is no pseudonym becomes no topic [a `+` would fetch the downlinks of all devices]."""
    bench = Bench(("127.0.0.1", 1))
    with pytest.raises(ValueError, match="16 characters"):
        bench.link.listen(name)
    bench.link.close()


# --- brokers that are none


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Somebody at a port."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        made.settimeout(5)
        yield made


def at(listener: socket.socket) -> Bench:
    """A link that has begun towards it."""
    host, port = listener.getsockname()
    made = Bench((host, port))
    made.link.start()
    return made


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"\x20\x02\x00\x05", "it refuses: not authorized"),
        (b"\x20\x02\x00\x04", "it refuses: bad user name or password"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"x" * 99, "it speaks no mqtt"),
        (b"\x20\xff\xff\xff\x7f" + b"x" * 100, "it speaks no mqtt"),  # a packet of 256 MB
        (b"\x20\x00", "it speaks no mqtt"),
        (b"\x20\x02\x00\x00\x32\x01\x00", "it speaks no mqtt"),
        (b"", "it has closed the connection"),
    ],
)
def test_who_answers_something_else(listener: socket.socket, answer: bytes, why: str) -> None:
    """The connection is given up with a reason and tried again; nothing is raised, and nothing large gathered."""
    bench = at(listener)
    bench.until(lambda: bench.link.connections[0].fileno() >= 0)
    peer = listener.accept()[0]
    bench.turn()
    peer.sendall(answer)
    if not answer:
        peer.close()
    bench.until(lambda: bench.link.connections[0].fileno() < 0)
    assert why in bench.events("broker-gone")[0].lower()
    bench.until(lambda: bench.link.connections[0].attempts == 2)
    bench.link.close()
    peer.close()


def test_who_answers_nothing(listener: socket.socket) -> None:
    """After its time a connection is given up."""
    bench = at(listener)
    bench.until(lambda: bench.link.connections[0].fileno() >= 0)
    began_s = bench.clock()
    bench.until(lambda: bench.link.refusals, wait_ms=0)
    assert GREET_S <= bench.clock() - began_s < GREET_S + 1.5
    assert "no answer to its greeting" in bench.events("broker-gone")[0]
    bench.link.close()


def test_a_broker_that_is_away_is_said_once(listener: socket.socket) -> None:
    """However often it is tried."""
    address = listener.getsockname()
    listener.close()
    bench = Bench(address)
    bench.link.start()
    bench.until(lambda: bench.link.refusals == 6, wait_ms=1)
    assert len(bench.events("broker-gone")) == 1
    assert "Connection refused" in bench.events("broker-gone")[0]
    assert (bench.downs, bench.link.losses) == (0, 0)
    bench.link.close()


def test_dead_host_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a name is looked up, or a host does not answer, turns go on; the end does not wait for it either."""
    asked, goes_on = threading.Event(), threading.Event()

    def hangs(*_: object, **__: object) -> socket.socket:
        asked.set()
        goes_on.wait(20)
        raise TimeoutError

    monkeypatch.setattr(dialing.socket, "create_connection", hangs)
    bench = Bench(("broker.example", 1883))
    bench.link.start()
    bench.until(asked.is_set)
    for _ in range(50):
        bench.turn(wait_ms=0)
    assert bench.link.connections[0].attempts == 1
    goes_on.set()
    bench.until(lambda: bench.link.refusals)
    assert "no answer" in bench.events("broker-gone")[0]
    bench.link.close()


def test_pauses() -> None:
    """They double up to half a minute, a quarter more or less; a connection that stood for a while begins with the first again."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = gone.getsockname()
    bench = Bench(address)
    connection = Connection(bench.link.dialer, bench.link, "x", rng=random.Random(1))
    pauses, now_s = [], 0.0
    connection.open()
    for _ in range(9):
        connection.tick(now_s)
        connection.dialed(None, "refused", now_s)
        pauses.append(connection._again_at_s - now_s)
        now_s = connection._again_at_s
    for n, pause in enumerate(pauses):
        assert 0.75 <= pause / min(0.5 * 2**n, LAST_RETRY_S) <= 1.25
    assert len({round(pause / min(0.5 * 2**n, LAST_RETRY_S), 6) for n, pause in enumerate(pauses)}) == 9
    connection._up_at_s = now_s
    connection._lost("x", now_s + STEADY_S)
    assert connection._again_at_s - now_s - STEADY_S <= 0.5 * 1.25
    bench.link.close()


def test_one_failure_is_everybodys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits behind an attempt that failed is told at once: it is the same host."""
    dials: list[object] = []
    goes_on = threading.Event()

    def hangs(*where: object, **__: object) -> socket.socket:
        dials.append(where)
        goes_on.wait(20)
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(dialing.socket, "create_connection", hangs)
    dialer = Dialer(("b", 1), None)
    for who in range(5):
        dialer.ask(who)
    goes_on.set()
    poller, results = poll(), []
    poller.register(dialer.fileno(), POLLIN)
    while len(results) < 5 and poller.poll(5000):
        results += dialer.results()
    assert sorted(results) == [(who, None, "Connection refused") for who in range(5)]
    assert len(dials) <= 2
    dialer.close()


# --- TLS


@pytest.fixture
def secured() -> Iterator[Broker]:
    """A mosquitto with a certificate for `localhost`."""
    if mosquitto() is None:
        pytest.skip("no mosquitto on this machine")
    with Broker.start("mosquitto", tls=authority("gateway").certify("localhost")) as made:
        yield made


@pytest.mark.parametrize(
    ("host", "ca", "why"),
    [
        ("localhost", "gateway", ""),
        ("127.0.0.1", "gateway", "its certificate does not hold: IP address mismatch"),
        ("localhost", "other", "its certificate does not hold: unable to get local issuer"),
    ],
)
def test_tls(secured: Broker, tmp_path: Path, host: str, ca: str, why: str) -> None:
    """The right name under the right authority is connected to, and envelopes pass; another name, or authority, is not."""
    pem = tmp_path / "ca.pem"
    pem.write_bytes(authority(ca).pem)
    bench = Bench((host, secured.tls_port), BrokerConfig(host=host, ca_file=pem))
    bench.link.start()
    bench.until(lambda: bench.ups or bench.link.refusals)
    assert bench.ups == (not why)
    if why:
        assert why in bench.events("broker-gone")[0]
    else:
        for _ in range(40):  # more than one record of TLS
            bench.link.publish(A, bytes(1000))
        bench.until(lambda: len(bench.acknowledgements) == 40)
    bench.link.close()


def test_private_names_of_paho() -> None:
    """What is built upon is still there."""
    assert callable(paho.Client._create_socket)
    assert callable(paho.Client._sock_recv)
    assert callable(paho.Client._sock_send)
    made = paho.Client(paho.CallbackAPIVersion.VERSION2)
    assert {"command", "to_process"} <= set(made._in_packet)
    assert (len(made._in_messages), len(made._out_packet)) == (0, 0)
