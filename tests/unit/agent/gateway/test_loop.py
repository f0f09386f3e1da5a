"""A whole gateway in this process: real pseudo-terminals, a real mosquitto, a real spool."""

from __future__ import annotations

import io
import json
import os
import signal
import tty
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agent.errors import AgentConfigError, GatewayBusy
from agent.gateway import frames, metrics
from agent.gateway.config import Config, load
from agent.gateway.credentials import NAME
from agent.gateway.doors import SOCKET
from agent.gateway.frames import ACCEPTED, BYE, DOWN, HELLO, PING, PONG, STATE, TAKEN, UP, WELCOME, Frame, pack
from agent.gateway.local import listen_tcp
from agent.gateway.log import Log
from agent.gateway.loop import OVERDUE_S, Gateway
from agent.gateway.notify import Notify
from hw_sim.network.broker import Broker, mosquitto
from tests.unit.agent.gateway.bench import A, B
from tests.unit.agent.gateway.test_link import Server
from tests.unit.agent.gateway.test_serialports import fill

TURNS = 300  # of a quarter of a second at most; a loaded machine may take so many


class Port:
    """A device's end of a line whose port is a link in a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = folder / name
        self.parser = frames.Parser()
        self.heard: list[Frame] = []
        self.master = self._slave = -1
        self.plug()

    def plug(self) -> None:
        """In, as another device file."""
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self.master, False)
        self.name.symlink_to(os.ttyname(self._slave))

    def pull(self) -> None:
        """Out."""
        if self.master >= 0:
            self.name.unlink()
            os.close(self.master)
            os.close(self._slave)
            self.master = -1

    def say(self, kind: int, number: int = 0, body: bytes = b"") -> None:
        """One frame."""
        os.write(self.master, pack(kind, number, body))

    def hello(self, device: str = A) -> None:
        """Begin a contact."""
        self.say(HELLO, 0, b"\1" + device.encode())

    def listen(self) -> None:
        """Take what has come."""
        try:
            while data := os.read(self.master, 65_536):
                self.heard += self.parser.feed(data)
        except (BlockingIOError, OSError):
            pass

    def kinds(self) -> list[int]:
        """Of what was heard."""
        return [frame.kind for frame in self.heard]

    def take(self, kind: int) -> Frame | None:
        """The first frame of that kind, and it is gone."""
        found = next((frame for frame in self.heard if frame.kind == kind), None)
        if found is not None:
            self.heard.remove(found)
        return found


class Bench:
    """A gateway, its ports and its log."""

    def __init__(self, folder: Path, config: Config, ports: list[Port]) -> None:
        self.folder, self.config, self.ports = folder, config, ports
        self.log = io.StringIO()
        self.gateway = self.make()
        self.gateway.start()

    def make(self) -> Gateway:
        """A gateway on the folder."""
        return Gateway(self.config, account=None, context=None, log=Log(self.log), notify=Notify({}))

    def until(self, condition: Callable[[], object]) -> None:
        """Turns until it holds."""
        for _ in range(TURNS):
            for port in self.ports:
                port.listen()
            if condition():
                return
            self.gateway.turn()
        raise AssertionError(f"it did not come true; log: {self.log.getvalue()}")

    def contact(self, port: Port, device: str = A) -> None:
        """HELLO until WELCOME."""
        port.hello(device)
        self.until(lambda: port.take(WELCOME))

    def events(self) -> list[str]:
        """Names of what was logged."""
        return [line.split()[1] for line in self.log.getvalue().splitlines()]


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ports are looked for each turn or so."""
    monkeypatch.setattr("agent.gateway.loop.SCAN_S", 0.02)


@pytest.fixture
def broker() -> Iterator[Broker]:
    """A mosquitto."""
    if mosquitto() is None:
        pytest.skip("no mosquitto on this machine")
    with Broker.start("mosquitto") as made:
        yield made


@pytest.fixture
def ports(tmp_path: Path) -> Iterator[list[Port]]:
    """Two of them."""
    made = [Port(tmp_path, "port0"), Port(tmp_path, "port1")]
    yield made
    for port in made:
        port.pull()


def configured(folder: Path, broker: str) -> Config:
    """A gateway of that folder's ports."""
    return load(ports=[f"{folder}/port*"], broker=broker, spool=folder / "spool")


@pytest.fixture
def bench(tmp_path: Path, broker: Broker, ports: list[Port]) -> Iterator[Bench]:
    """Running, and connected."""
    made = Bench(tmp_path, configured(tmp_path, f"{broker.host}:{broker.port}"), ports)
    made.until(lambda: made.gateway.link.connected)
    yield made
    made.gateway.close()


@pytest.fixture
def alone(tmp_path: Path, ports: list[Port]) -> Iterator[Bench]:
    """Running, and no broker anywhere."""
    with listen_tcp(0) as gone:
        nowhere = gone.getsockname()[1]
    made = Bench(tmp_path, configured(tmp_path, f"127.0.0.1:{nowhere}"), ports)
    yield made
    made.gateway.close()


def test_a_contact(bench: Bench, broker: Broker) -> None:
    """Envelopes of two lines get to the broker byte for byte, a downlink to its device; each is acknowledged when it is taken."""
    first, second = bench.ports
    with closing(Server(broker)) as server:
        bench.contact(first)
        bench.contact(second, B)
        sent = [bytes([n]) * (1024 - n) for n in range(8)]
        for n, envelope in enumerate(sent):
            bench.ports[n % 2].say(UP, n + 1, envelope)
        bench.until(lambda: first.kinds().count(ACCEPTED) == second.kinds().count(ACCEPTED) == 4)
        assert [frame.number for frame in first.heard] == [1, 3, 5, 7]
        bench.until(lambda: len(server.heard) == 8)
        assert sorted(server.heard) == sorted((f"bl/1/{(A, B)[n % 2]}/up", envelope) for n, envelope in enumerate(sent))
        bench.until(lambda: bench.gateway.spool.count == 0)
        bench.until(lambda: all(connection.up for connection in bench.gateway.link.connections))
        server.send(B, b"sealed")
        bench.until(lambda: DOWN in second.kinds())
        down = second.take(DOWN)
        assert down is not None
        assert (down.body, DOWN in first.kinds()) == (b"sealed", False)
        device = bench.gateway.link._devices[B]
        assert device._heard
        second.say(TAKEN, down.number)
        bench.until(lambda: not device._heard)
        first.say(BYE)
        bench.until(lambda: len(bench.gateway.link.connections) == 2)


def test_nobody_is_named(bench: Bench) -> None:
    """A device's pseudonym is in no log line, no metric and no status."""
    bench.contact(bench.ports[0])
    bench.ports[0].say(UP, 1, b"x")
    bench.until(lambda: bench.ports[0].take(ACCEPTED))
    bench.ports[0].pull()
    bench.until(lambda: "port-gone" in bench.events())
    figures = bench.gateway.figures()
    assert figures.counts["up"] == 1
    for text in (bench.log.getvalue(), metrics.text(figures), metrics.as_json(figures).decode()):
        assert A not in text


def test_without_a_broker(alone: Bench, broker: Broker, tmp_path: Path) -> None:
    """Envelopes are accepted and wait; another gateway on the same folder, with a broker, brings them there."""
    port = alone.ports[0]
    alone.contact(port)
    for n in range(1, 4):
        port.say(UP, n, bytes([n]) * 100)
    alone.until(lambda: port.kinds().count(ACCEPTED) == 3)
    alone.until(lambda: "broker-gone" in alone.events())
    assert alone.gateway.spool.count == 3
    alone.gateway.close()
    with closing(Server(broker)) as server:
        alone.config = configured(tmp_path, f"{broker.host}:{broker.port}")
        alone.gateway = alone.make()
        alone.gateway.start()
        alone.until(lambda: len(server.heard) == 3)
        assert sorted(payload for _, payload in server.heard) == [bytes([n]) * 100 for n in range(1, 4)]
        alone.until(lambda: alone.gateway.spool.count == 0)


def test_cable_pulled_and_back(alone: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The contact ends with its port; the other goes on; plugged in again as another device file, a contact is had anew."""
    monkeypatch.setattr("agent.gateway.serialports.FIRST_RETRY_S", 0.02)
    first, second = alone.ports
    alone.contact(first)
    alone.contact(second, B)
    os.write(first.master, pack(UP, 1, b"x" * 500)[:300])  # in the midst of a frame
    first.pull()
    alone.until(lambda: "port-gone" in alone.events())
    second.say(UP, 1, b"y")
    alone.until(lambda: second.take(ACCEPTED))
    first.plug()
    alone.until(lambda: alone.events().count("port-open") == 3)
    alone.contact(first)
    first.say(UP, 1, b"x" * 500)
    alone.until(lambda: first.take(ACCEPTED))
    assert alone.gateway.spool.count == 2
    assert alone.gateway.figures().ports_lost == 1
    assert len(alone.gateway.hub.contacts) == 2


def test_noise_beside_a_contact(alone: Bench) -> None:
    """A port that is no device is dropped, counted and said; the one beside it is served."""
    first, second = alone.ports
    alone.contact(second, B)
    for n in range(1, 6):
        os.write(first.master, b"\0" + os.urandom(1500) + b"\0\0\5abc\0")
        second.say(UP, n, bytes([n]) * 20)
        alone.until(lambda: second.take(ACCEPTED))
    alone.until(lambda: "port-noise" in alone.events())
    found = {port.port: port for port in alone.gateway.figures().ports}
    assert metrics.noise_of(found[str(first.name)].counts) >= 5
    assert metrics.noise_of(found[str(second.name)].counts) == 0
    assert (found[str(first.name)].state, found[str(second.name)].state) == ("open", "contact")


def test_device_that_does_not_read(alone: Bench) -> None:
    """What is for a line that takes nothing waits, and nobody with it; once the line takes something it is answered."""
    first, second = alone.ports
    alone.contact(first)
    alone.contact(second, B)
    alone.ports.remove(first)
    line = alone.gateway.ports.lines[str(first.name)]
    fill(line, alone.gateway._now_s())
    first.say(PING)
    contact = alone.gateway.contacts[str(first.name)]
    alone.until(lambda: contact.waiting)
    second.say(UP, 1, b"y")
    alone.until(lambda: second.take(ACCEPTED))
    assert (contact.waiting, line.idle) == (True, False)
    alone.ports.append(first)
    alone.until(lambda: first.take(PONG))


def test_end_in_order(alone: Bench) -> None:
    """Each line with a contact hears state 0, envelopes stay, the socket of the status is gone; twice is no harm."""
    first, second = alone.ports
    alone.contact(first)
    first.say(UP, 1, b"x")
    alone.until(lambda: first.take(ACCEPTED))
    alone.gateway.close()
    first.listen()
    second.listen()
    assert [(frame.kind, frame.body) for frame in first.heard] == [(STATE, b"\0")]
    assert second.heard == []
    assert not (alone.folder / "spool" / SOCKET).exists()
    assert alone.events()[-2:] == ["stopping", "stopped"]
    alone.gateway = alone.make()
    assert alone.gateway.spool.count == 1


def test_two_on_one_folder(alone: Bench) -> None:
    """The second is refused by exit code 13; after the first has ended there is room."""
    with pytest.raises(GatewayBusy) as busy:
        alone.make()
    assert busy.value.exit_code == 13
    alone.gateway.close()
    alone.gateway = alone.make()


def test_nothing_is_held_after_a_false_start(tmp_path: Path, ports: list[Port]) -> None:
    """A metrics port that is taken is a sentence, and the folder is free again."""
    with listen_tcp(0) as taken:
        number = taken.getsockname()[1]
        config = load(ports=[f"{tmp_path}/port*"], broker="127.0.0.1:1", spool=tmp_path / "spool", metrics_port=number)
        with pytest.raises(AgentConfigError, match="metrics_port"):
            Gateway(config, account=None, context=None, log=Log(io.StringIO()), notify=Notify({}))
    gateway = Gateway(config, account=None, context=None, log=Log(io.StringIO()), notify=Notify({}))
    gateway.close()


def test_one_name_for_ever(alone: Bench) -> None:
    """The name at the broker is drawn once; a damaged file of it is drawn anew, and no other gateway's is the same."""
    name = alone.gateway.name
    alone.gateway.close()
    alone.gateway = alone.make()
    assert alone.gateway.name == name
    alone.gateway.close()
    (alone.folder / "spool" / NAME).write_bytes(b"\xff\0")
    alone.gateway = alone.make()
    assert alone.gateway.name != name
    assert len(alone.gateway.name) == 12
    assert (alone.folder / "spool" / NAME).stat().st_mode & 0o077 == 0


def test_full_spool_is_said(alone: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """State 0 to the device, a line in the log, and another when there is room again."""
    port = alone.ports[0]
    alone.contact(port)
    with monkeypatch.context() as full:
        full.setattr(alone.gateway.spool, "room", lambda *_: False)
        alone.until(lambda: "spool-full" in alone.events())
        alone.until(lambda: port.take(STATE) == Frame(STATE, 0, b"\0"))
        assert json.loads(metrics.as_json(alone.gateway.figures()))["spool_taking"] is False
    alone.until(lambda: "spool-taking" in alone.events())
    alone.until(lambda: port.take(STATE) == Frame(STATE, 0, b"\1"))


def test_broker_that_acknowledges_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is connected to anew, and what was under way goes out again."""
    with monkeypatch.context() as stalled:
        stalled.setattr(bench.gateway.hub.forwarder, "stalled_s", lambda: 61.0)
        bench.gateway.turn()
    assert "broker-gone" in bench.events()
    assert "it acknowledges nothing" in bench.log.getvalue()
    bench.until(lambda: bench.gateway.link.connected)


@pytest.mark.parametrize("nameless", [True, False])
def test_a_file_in_the_place_of_the_socket_stays(
    tmp_path: Path, ports: list[Port], monkeypatch: pytest.MonkeyPatch, nameless: bool
) -> None:
    """A gateway that has not listened there deletes nothing at its end; what can be had nowhere else is said once."""
    if not nameless:
        monkeypatch.setattr("agent.gateway.local.sys.platform", "other")
    folder = tmp_path / "spool"
    folder.mkdir(mode=0o700)
    (folder / SOCKET).write_text("somebody's")
    made = Bench(tmp_path, configured(tmp_path, "127.0.0.1:1"), ports)
    for _ in range(5):
        made.gateway.turn()
    assert made.events().count("status-failed") == (not nameless)
    made.gateway.close()
    assert (folder / SOCKET).read_text() == "somebody's"


def test_a_second_signal_does_not_cut_the_end_short(alone: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C twice: state 0 is said all the same, and what came is committed."""
    close = alone.gateway.hub.close

    def again() -> None:
        signal.raise_signal(signal.SIGINT)
        close()

    monkeypatch.setattr(alone.gateway.hub, "close", again)
    monkeypatch.setattr(alone.gateway, "turn", lambda: signal.raise_signal(signal.SIGINT))
    alone.gateway.run([signal.SIGINT])
    assert alone.events()[-1] == "stopped"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    alone.gateway = alone.make()


def test_an_acknowledgement_that_is_overdue(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new connection brings the envelope to the broker again."""
    with monkeypatch.context() as late:
        late.setattr(bench.gateway.hub.forwarder, "overdue_s", lambda: OVERDUE_S)
        bench.gateway.turn()
    assert "it acknowledges nothing" in bench.log.getvalue()
    bench.until(lambda: bench.gateway.link.connected)


def test_an_envelope_that_the_disk_has_changed_is_said(alone: Bench) -> None:
    """It was accepted and goes nowhere: a line, and a count in --status and the metrics."""
    port = alone.ports[0]
    alone.contact(port)
    port.say(UP, 1, b"as it was")
    alone.until(lambda: port.take(ACCEPTED))
    spool = alone.gateway.spool
    spool.medium.db.execute("UPDATE envelopes SET envelope = x'61'")
    while spool.next_row():
        pass
    assert spool.damaged == 1
    alone.until(lambda: "spool-damaged" in alone.events())
    assert alone.gateway.figures().counts["spool_damaged"] == 1
    for _ in range(3):
        alone.gateway.turn()
    assert alone.events().count("spool-damaged") == 1
