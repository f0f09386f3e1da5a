"""A whole gateway over years: cards that take nothing, ports that others have, adapters that come and go, clocks that jump."""

from __future__ import annotations

import errno
import fcntl
import io
import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.errors import AgentError, PortBusy
from agent.gateway import local, metrics, service
from agent.gateway import log as gateway_log
from agent.gateway.config import Config, load
from agent.gateway.contact import OUT_LIMIT_BYTES
from agent.gateway.doors import SOCKET
from agent.gateway.frames import ACCEPTED, DOWN, PING, STATE, TAKEN, UP, Frame
from agent.gateway.local import listen_tcp
from agent.gateway.log import Log
from agent.gateway.loop import Gateway
from agent.gateway.notify import Notify
from agent.gateway.serialports import Ports, _Refused
from hw_sim.network.broker import Broker
from tests.unit.agent.gateway import test_loop as whole
from tests.unit.agent.gateway.bench import A, B, Clock
from tests.unit.agent.gateway.test_link import Server
from tests.unit.agent.gateway.test_loop import Bench, Port, configured
from tests.unit.agent.gateway.test_medium import refusing
from tests.unit.agent.gateway.test_serialports import fill

ports, broker, look_often = whole.ports, whole.broker, whole._look_often  # fixtures
bench, alone = whole.bench, whole.alone


def descriptors() -> int:
    """How many this process has open."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - counted, not looked at


def nowhere() -> str:
    """A broker that is not there."""
    with listen_tcp(0) as gone:
        return f"127.0.0.1:{gone.getsockname()[1]}"


# --- a card that takes nothing at the start


def test_a_read_only_card_at_the_start(tmp_path: Path, broker: Broker, ports: list[Port]) -> None:
    """With the broker there envelopes pass by the spool, accepted with its PUBACK, and downlinks arrive; all is said."""
    spool = tmp_path / "spool"
    spool.mkdir(mode=0o700)
    with refusing(spool, errno.EROFS), closing(Server(broker)) as server, pytest.MonkeyPatch.context() as card:
        card.setattr("agent.gateway.doors.listen_unix", fails)
        made = Bench(tmp_path, configured(tmp_path, f"{broker.host}:{broker.port}"), ports)
        made.until(lambda: made.gateway.link.connected)
        first = ports[0]
        made.contact(first)
        first.say(UP, 7, b"sealed")
        made.until(lambda: first.take(ACCEPTED))
        made.until(lambda: server.heard == [(f"bl/1/{A}/up", b"sealed")])
        made.until(lambda: all(connection.up for connection in made.gateway.link.connections))
        server.send(A, b"verdict")
        made.until(lambda: DOWN in first.kinds())
        down = first.take(DOWN)
        assert down is not None
        first.say(TAKEN, down.number)
        figures = made.gateway.figures()
        assert (figures.spool_taking, figures.spool_writable, figures.spool_trouble) == (
            False,
            False,
            "Read-only file system",
        )
        assert figures.line.endswith("SPOOL CANNOT BE WRITTEN")
        assert "CANNOT BE WRITTEN (Read-only file system)" in service.told(json.loads(metrics.as_json(figures)))
        assert "byleave_gateway_spool_writable 0\n" in metrics.text(figures)
        assert made.events()[:2] == ["started", "port-open"]
        assert "spool-failing cannot be written (Read-only file system)" in made.log.getvalue()
        assert not (spool / "spool.db").exists()
        made.gateway.spool.medium.trouble = "No space left on device"
        made.until(lambda: made.events().count("spool-failing") == 2)
        assert "spool-failing cannot be written (No space left on device)" in made.log.getvalue()
        broker.stop()
        made.until(lambda: first.take(STATE) == Frame(STATE, 0, b"\0"))
    made.until((spool / SOCKET).exists)
    made.gateway.spool.medium.hurry()
    made.until(lambda: first.take(STATE) == Frame(STATE, 0, b"\1"))
    made.until(lambda: "spool-taking" in made.events())
    made.contact(first)
    first.say(UP, 1, b"later")
    made.until(lambda: first.take(ACCEPTED))
    assert made.gateway.figures().spool_envelopes == 1
    made.gateway.close()


def fails(*_: object) -> None:
    """No socket there."""
    raise OSError(errno.EROFS, "Read-only file system")


def test_status_without_a_folder_is_its_users_alone(
    tmp_path: Path, ports: list[Port], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the folder takes no socket the answer comes all the same, to this user and root, and from them only."""
    with monkeypatch.context() as card:
        card.setattr("agent.gateway.doors.listen_unix", fails)
        made = Bench(tmp_path, configured(tmp_path, nowhere()), ports)
        assert asked(made, lambda: service.ask(tmp_path / "spool"))["name"] == made.gateway.name
        uid = os.geteuid()
        with monkeypatch.context() as others:
            others.setattr("agent.gateway.local._peer", lambda _: uid + 4711)
            with socket.socket(socket.AF_UNIX) as stranger:
                stranger.connect(local._nameless(tmp_path / "spool" / SOCKET))
                stranger.setblocking(False)
                for _ in range(3):
                    made.gateway.turn()
                assert stranger.recv(100) == b""
            with pytest.raises(AgentError):
                asked(made, lambda: service.ask(tmp_path / "spool"))
    made.until((tmp_path / "spool" / SOCKET).exists)
    assert asked(made, lambda: service.ask(tmp_path / "spool"))["name"] == made.gateway.name
    made.gateway.close()


def asked(made: Bench, question: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What it answers while the gateway turns; its error is raised."""
    answers: list[dict[str, Any] | AgentError] = []

    def ask() -> None:
        try:
            answers.append(question())
        except AgentError as error:
            answers.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    made.until(lambda: answers)
    thread.join()
    if isinstance(answers[0], AgentError):
        raise answers[0]
    return answers[0]


# --- ports that others have


def named(folder: Path, names: list[str], *, wait: bool = False) -> Config:
    """A gateway of these ports."""
    return load(ports=names, broker=nowhere(), spool=folder / "spool", wait=wait)


@pytest.fixture
def held(ports: list[Port]) -> Iterator[list[int]]:
    """Another program has both ports open: its descriptors."""
    others = [os.open(port.name, os.O_RDWR | os.O_NOCTTY) for port in ports]
    for other in others:
        fcntl.flock(other, fcntl.LOCK_EX)
    yield others
    for other in others:
        os.close(other)


@pytest.mark.parametrize("pattern", [False, True])
def test_every_port_is_held_at_the_start(
    tmp_path: Path, ports: list[Port], held: list[int], monkeypatch: pytest.MonkeyPatch, pattern: bool
) -> None:
    """Exit code 4 and who has them, also beside a pattern that finds nothing; nothing is logged. With one free it starts."""
    monkeypatch.setattr("agent.board.holders.holders", lambda name: ["byleave (process 4711)"])
    config = named(tmp_path, [str(port.name) for port in ports] + [f"{tmp_path}/none*"] * pattern)
    log = io.StringIO()
    gateway = Gateway(config, account=None, context=None, log=Log(log), notify=Notify({}))
    monkeypatch.setattr(gateway, "turn", gateway.stop)
    with pytest.raises(PortBusy) as busy:
        gateway.run()
    assert busy.value.exit_code == 4
    for port in ports:
        assert f"{port.name}: another program has the port open: byleave (process 4711)" in str(busy.value)
    assert str(busy.value).endswith("or let the gateway wait for it with --wait")
    assert log.getvalue() == ""
    fcntl.flock(held[1], fcntl.LOCK_UN)
    made = Bench(tmp_path, config, ports)
    assert made.events() == ["started", "port-refused", "port-open"]
    assert list(made.gateway.ports.lines) == [str(ports[1].name)]
    made.gateway.close()


def test_a_refusal_of_many_ports_is_short(tmp_path: Path) -> None:
    """Three of them are named, and the others counted."""
    names = [f"{tmp_path}/more{n}" for n in range(6)]
    found = Ports(names, 115_200, lambda _: None)
    found._refused = {name: _Refused(2.0, 2.0, f"{name}: held", busy=True) for name in names}
    assert found.held == "; ".join(f"{name}: held" for name in names[:3]) + "; and so are 3 others"


def test_one_device_that_is_held_under_two_names(tmp_path: Path, ports: list[Port], held: list[int]) -> None:
    """It is asked for once, and its refusal is that of both names."""
    by_id = tmp_path / "by-id"
    by_id.symlink_to(os.path.realpath(ports[0].name))
    found = Ports([str(ports[0].name), str(by_id)], 115_200, lambda _: None)
    assert found.scan(0.0) == ([], [])
    assert found.held.startswith(f"{ports[0].name}: another program has the port open")
    assert str(by_id) not in found.held


def test_a_pattern_has_found_another(tmp_path: Path, ports: list[Port], held: list[int]) -> None:
    """The ports that were named are held, and there is one to serve all the same."""
    other = Port(tmp_path, "other0")
    made = Bench(tmp_path, named(tmp_path, [*(str(port.name) for port in ports), f"{tmp_path}/other*"]), ports)
    assert list(made.gateway.ports.lines) == [str(other.name)]
    made.gateway.close()
    other.pull()


@pytest.mark.parametrize("how", ["wait", "pattern", "another that is not there"])
def test_there_is_something_to_wait_for(tmp_path: Path, ports: list[Port], held: list[int], how: str) -> None:
    """Told to wait, named by a pattern, or with a port that may be plugged in yet: it starts, says so, and has them later."""
    names = [str(port.name) for port in ports]
    if how == "pattern":
        names = [f"{tmp_path}/port*"]
    elif how != "wait":
        names.append(f"{tmp_path}/later")
    made = Bench(tmp_path, named(tmp_path, names, wait=how == "wait"), ports)
    assert made.events() == ["started", "port-refused", "port-refused"]
    assert [port.state for port in made.gateway.figures().ports] == ["refused", "refused"]
    for other in held:
        fcntl.flock(other, fcntl.LOCK_UN)
    made.gateway.ports._refused.clear()
    made.until(lambda: len(made.gateway.ports.lines) == 2)
    made.gateway.close()


def test_a_port_that_is_taken_later_is_no_end(
    tmp_path: Path, ports: list[Port], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pulled, and another program was faster when it came back: a reported state, and served again afterwards."""
    monkeypatch.setattr("agent.gateway.serialports.FIRST_RETRY_S", 0.02)
    ports.pop().pull()
    made = Bench(tmp_path, named(tmp_path, [str(ports[0].name)]), ports)
    made.contact(ports[0])
    ports[0].pull()
    made.until(lambda: "port-gone" in made.events())
    ports[0].plug()
    other = os.open(ports[0].name, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(other, fcntl.LOCK_EX)
    made.until(lambda: "port-refused" in made.events())
    os.close(other)
    made.until(lambda: made.events().count("port-open") == 2)
    made.contact(ports[0])
    made.gateway.close()


# --- adapters that come and go


def test_adapters_come_and_go_a_thousand_times(tmp_path: Path, ports: list[Port]) -> None:
    """Under ever new names: descriptors, contacts and all that is remembered of ports stay as many as there are ports."""
    clock = Clock()
    log = io.StringIO()
    config = configured(tmp_path, nowhere())
    gateway = Gateway(
        config, account=None, context=None, log=Log(log, now_s=clock), notify=Notify({}), now_s=clock
    )  # fmt: skip
    gateway.start()
    before, kept = 0, []
    for n in range(1000):
        port = Port(tmp_path, f"port-{n}")
        os.write(port.master, b"\0noise\0" * 20)
        gateway._scan(clock())
        assert str(port.name) in gateway.contacts
        kept.append(gateway.ports.lines[str(port.name)])  # so that none is closed by the collector
        gateway._read_line(kept[-1], clock())
        port.pull()
        clock.pass_s(2.0)
        gateway._scan(clock())
        if n == 10:
            before = descriptors()
    assert descriptors() <= before + 5  # not 990; other tests' are collected meanwhile
    assert not any(line._port.is_open for line in kept)
    assert len(gateway.contacts) == len(gateway.hub.contacts) == len(gateway.ports.lines) == 2
    remembered = (gateway.ports._devices, gateway.ports._opened, gateway.ports._refused, gateway._reporter._noise)
    assert max(len(each) for each in remembered) <= 3
    assert gateway.figures().ports_lost == 1000
    assert len(gateway.figures().counts) < 30
    assert len(log.getvalue()) < 60_000
    gateway.close()


def test_an_adapter_comes_back_under_another_name(bench: Bench, broker: Broker) -> None:
    """ttyUSB0 is ttyUSB7 now: the device's contact goes on there, and what it had sent is at the broker once."""
    first, second = bench.ports
    with closing(Server(broker)) as server:
        bench.contact(first)
        first.say(UP, 1, b"before")
        bench.until(lambda: first.take(ACCEPTED))
        first.name.rename(first.name.with_name("port7"))
        first.name = first.name.with_name("port7")
        bench.until(lambda: bench.events().count("port-open") == 3)
        assert sorted(bench.gateway.ports.lines) == [str(second.name), str(first.name)]
        bench.contact(first)
        for number, envelope in ((1, b"before"), (2, b"after")):
            first.say(UP, number, envelope)
            bench.until(lambda: first.take(ACCEPTED))
        bench.until(lambda: (f"bl/1/{A}/up", b"after") in server.heard)
        assert len(bench.gateway.hub.contacts) == 2


def test_ports_that_are_stuck_hold_up_nobody(alone: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flow control that never lets a byte out: turns go on, what waits is bounded, and the end is not waited for."""
    monkeypatch.setattr("agent.gateway.loop.LAST_WORDS_S", 0.1)
    stuck, good = alone.ports
    alone.contact(stuck)
    alone.contact(good, B)
    alone.ports.remove(stuck)
    assert str(stuck.name) in alone.gateway.ports.lines, alone.log.getvalue()
    line = alone.gateway.ports.lines[str(stuck.name)]
    fill(line, alone.gateway._now_s())
    contact = alone.gateway.contacts[str(stuck.name)]
    for n in range(1, 400):
        stuck.say(PING)
        if n % 40 == 0:
            good.say(UP, n, bytes([n % 256]) * 8)
            alone.until(lambda: good.take(ACCEPTED))
    assert contact._out_bytes <= OUT_LIMIT_BYTES
    began_s = time.monotonic()
    alone.gateway.close()
    assert time.monotonic() - began_s < 2.0
    alone.gateway = alone.make()


# --- a clock that jumps


def test_a_clock_that_begins_in_1970(tmp_path: Path, ports: list[Port], monkeypatch: pytest.MonkeyPatch) -> None:
    """It jumps by fifty years with envelopes in the spool, and back: nothing expires, no contact ends, only the log tells."""
    years = iter([1970, 2026, 1999])
    now = {"year": next(years)}

    class Wall(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return datetime(now["year"], 1, 1, tzinfo=UTC)

    monkeypatch.setattr(gateway_log, "datetime", Wall)
    monkeypatch.setattr(time, "time", lambda: Wall.now().timestamp())
    made = Bench(tmp_path, configured(tmp_path, nowhere()), ports)
    made.contact(ports[0])
    for number, year in enumerate([1970, *years], 1):
        now["year"] = year
        ports[0].say(UP, number, b"x" * number)
        made.until(lambda: ports[0].take(ACCEPTED))
        assert made.gateway.spool.expire() == 0
        made.gateway._log.say("broker-gone", "as a mark")
    assert (made.gateway.spool.count, made.gateway.spool.oldest_age_s() < 60) == (3, True)
    assert made.gateway.contacts[str(ports[0].name)].device == A
    assert [line[:4] for line in made.log.getvalue().splitlines() if "mark" in line] == ["1970", "2026", "1999"]
    made.gateway.close()


def test_nothing_but_the_log_asks_for_the_time_of_day() -> None:
    """What waits, expires or is tried again goes by a clock that nobody sets."""
    rooms = Path(service.__file__).parent.glob("*.py")
    asks = {
        path.name for path in rooms if re.search(r"\btime\.time\(|datetime\.now|utcnow|localtime", path.read_text())
    }
    assert asks == {"log.py"}
