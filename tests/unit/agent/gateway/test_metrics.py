"""The figures, and the two sockets on which somebody may ask for them."""

from __future__ import annotations

import dataclasses
import json
import re
import socket
from collections.abc import Callable
from pathlib import Path
from select import poll

import pytest

from agent.errors import AgentConfigError, AgentError
from agent.gateway import local, metrics, service
from agent.gateway.local import MOST_AT_ONCE, TIMEOUT_S, Answers, ask_unix, listen_tcp, listen_unix
from agent.gateway.metrics import Figures, PortFigures, noise_of

COUNTS = {"up": 7, "dropped_crc": 2, "dropped_taken": 5, "limited_up": 1, "limited_bytes": 1039}
FIGURES = Figures(
    name="0123456789ab",
    up_s=12.5,
    broker="broker.example:8883",
    tls=True,
    connected=True,
    broker_losses=1,
    broker_refusals=2,
    spool_taking=True,
    spool_envelopes=3,
    spool_bytes=3672,
    spool_most_bytes=64 << 20,
    spool_oldest_s=4.25,
    spool_expired=0,
    spool_set_aside=0,
    spool_writable=True,
    spool_trouble="",
    aside_files=0,
    aside_bytes=0,
    aside_dropped=0,
    ports_lost=6,
    ports_refused=9,
    stalled_bytes=0,
    in_flight=2,
    stalled_s=0.0,
    counts=COUNTS,
    ports=(
        PortFigures("/dev/ttyUSB0", "contact", 100, 20, COUNTS),
        PortFigures("/dev/ttyUSB1", "open"),
        PortFigures('/dev/a"b\\c', "refused"),
    ),
)


@pytest.mark.parametrize("evil", ["a\nforged: 9 envelopes", "a\x1b[2Jb", "a\x9b31mb", "a\rb", "a\u202eb", "a\u2028b"])
def test_no_port_writes_on_the_terminal_of_who_asks(evil: str) -> None:
    """A port's name is whatever somebody has called a link; in words it has no line of its own, and no terminal obeys it."""
    plain = service.told(json.loads(metrics.as_json(FIGURES)))
    ports = (dataclasses.replace(FIGURES.ports[0], port=evil), *FIGURES.ports[1:])
    words = service.told(json.loads(metrics.as_json(dataclasses.replace(FIGURES, ports=ports))))
    assert len(words.split("\n")) == len(plain.split("\n")) and words.replace("\n", "").isprintable()
    report = service.Report([("port", True, evil), ("spool", True, "x")])
    assert len(report.told().split("\n")) == 2 and report.told().replace("\n", "").isprintable()


def test_every_metric_of_the_page_is_one() -> None:
    """docs/gateway.md names no other, and `events_total` counts what it says."""
    text = (Path(__file__).parents[4] / "docs" / "gateway.md").read_text()
    named = set(re.findall(r"byleave_gateway_\w+", text))
    assert len(named) > 10
    assert named <= set(re.findall(r"^# TYPE (\w+)", metrics.text(FIGURES), re.MULTILINE))


def test_noise_is_of_the_line() -> None:
    """Damaged frames and limits are counted, bytes that nobody looked at as frames of full size; a late TAKEN is no noise."""
    assert noise_of(COUNTS) == 2 + 1 + 2
    assert noise_of({"up": 5, "taken": 1, "dropped_taken": 1, "dropped_stranger": 1}) == 0


def test_text_is_what_prometheus_reads() -> None:
    """Each metric has help and type before it and a number after it; labels are kinds and ports."""
    lines = metrics.text(FIGURES).splitlines()
    named: set[str] = set()
    for line in lines:
        if line.startswith("#"):
            named.add(line.split()[2])
            continue
        found = re.fullmatch(r'(byleave_gateway_[a-z_]+)(\{(kind|port)="(?:[^"\\]|\\.)*"\})? [0-9.]+', line)
        assert found, line
        assert found[1] in named
    assert "byleave_gateway_broker_connected 1" in lines
    assert "byleave_gateway_spool_oldest_seconds 4.250" in lines
    assert 'byleave_gateway_events_total{kind="up"} 7' in lines
    assert 'byleave_gateway_port_open{port="/dev/ttyUSB1"} 1' in lines
    assert 'byleave_gateway_port_open{port="/dev/a\\"b\\\\c"} 0' in lines
    assert 'byleave_gateway_port_noise_total{port="/dev/ttyUSB0"} 5' in lines


def test_no_port_has_counts_of_envelopes() -> None:
    """What a port's device does is in no metric of that port; `--status` has it."""
    busy = dataclasses.replace(FIGURES.ports[0], counts=COUNTS | {"up": 1_000_000}, read_bytes=123_456_789)
    assert metrics.text(dataclasses.replace(FIGURES, ports=(busy, *FIGURES.ports[1:]))) == metrics.text(FIGURES)
    assert json.loads(metrics.as_json(FIGURES))["ports"][0]["counts"]["up"] == 7


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        ("GET /metrics HTTP/1.1", "200 OK"),
        ("GET /metrics?x=1 HTTP/1.0", "200 OK"),
        ("HEAD /metrics HTTP/1.1", "200 OK"),
        ("GET / HTTP/1.1", "404 Not Found"),
        ("POST /metrics HTTP/1.1", "405 Method Not Allowed"),
        ("\x00\xff", "405 Method Not Allowed"),
    ],
)
def test_http(request_line: str, status: str) -> None:
    """One path, read only; HEAD has no body, and the length is that of the body."""
    answer = metrics.answer(request_line.encode("latin-1") + b"\r\nHost: x\r\n\r\n", FIGURES)
    assert answer is not None
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 " + status.encode())
    length = re.search(rb"Content-Length: (\d+)", head)
    assert length is not None
    assert len(body) == (0 if request_line.startswith("HEAD") else int(length[1]))


def test_half_a_request() -> None:
    """It is waited for, but not for ever more of it."""
    assert metrics.answer(b"GET /metrics HTTP/1.1\r\nHost:", FIGURES) is None
    assert metrics.answer(b"G" * 4096, FIGURES) is not None


# --- on sockets


def served(door: Answers, until: Callable[[], bool], now_s: float = 0.0) -> None:
    """Turns of a loop until something is so; a second at most, in which nothing moves."""
    while not until():
        poller = poll()
        for fd, events in door.polled().items():
            poller.register(fd, events)
        ready = poller.poll(1000)
        assert ready, "nothing moves any more"
        for fd, _ in ready:
            door.ready(fd, now_s)


def heard_of(sock: socket.socket) -> bytes:
    """All that it says until it ends."""
    sock.settimeout(2)
    said = b""
    while piece := sock.recv(65_536):
        said += piece
    return said


def test_a_scrape_in_pieces() -> None:
    """A supervisor that sends its request byte by byte is answered, on loopback alone, and the connection closed."""
    listener = listen_tcp(0)
    door = Answers(listener, lambda heard: metrics.answer(heard, FIGURES))
    assert listener.getsockname()[0] == "127.0.0.1"
    with socket.create_connection(listener.getsockname()) as client:
        served(door, lambda: len(door.polled()) == 2)
        for byte in b"GET /metrics HTTP/1.1\r\n\r\n":
            client.send(bytes((byte,)))
            served(door, lambda: True)
        served(door, lambda: len(door.polled()) == 1)
        assert heard_of(client).endswith(metrics.text(FIGURES).encode())
    door.close()


def test_who_does_not_speak_is_closed() -> None:
    """A client without a word is closed after its time, one more than there are places at once; the others are served."""
    listener = listen_tcp(0)
    door = Answers(listener, lambda heard: metrics.answer(heard, FIGURES))
    silent = [socket.create_connection(listener.getsockname()) for _ in range(MOST_AT_ONCE)]
    served(door, lambda: len(door.polled()) == MOST_AT_ONCE + 1)
    with socket.create_connection(listener.getsockname()) as late:
        door.ready(listener.fileno(), 0.0)
        assert heard_of(late) == b""
    door.tick(TIMEOUT_S - 0.1)
    assert len(door.polled()) == MOST_AT_ONCE + 1
    door.tick(TIMEOUT_S)
    assert len(door.polled()) == 1
    assert heard_of(silent[0]) == b""
    for client in silent:
        client.close()
    door.close()


def test_port_that_is_taken() -> None:
    """The sentence names the key."""
    with listen_tcp(0) as first, pytest.raises(AgentConfigError, match="metrics_port"):
        listen_tcp(first.getsockname()[1])


def test_status_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder however deep: this user's alone; what a killed gateway has left is replaced; the answer is whole."""
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    path = folder / "status.sock"
    listen_unix(path).close()
    big = dataclasses.replace(FIGURES, ports=FIGURES.ports * 2000)  # more than a socket holds at once
    door = Answers(listen_unix(path), lambda heard: metrics.as_json(big))
    assert path.stat().st_mode & 0o777 == 0o600
    with local._Short(path) as name, socket.socket(socket.AF_UNIX) as client:
        client.connect(name)
        client.setblocking(False)
        said = b""

        def whole() -> bool:
            nonlocal said
            while True:
                try:
                    piece = client.recv(65_536)
                except BlockingIOError:
                    return False
                said += piece
                if not piece:
                    return True

        served(door, whole)
    assert len(json.loads(said)["ports"]) == 6000
    door.close()


def test_no_gateway(tmp_path: Path) -> None:
    """Nobody there, nobody any more, and no folder: a sentence that says what to name."""
    path = tmp_path / "status.sock"
    with pytest.raises(AgentError, match="no gateway runs"):
        ask_unix(path)
    listen_unix(path).close()
    with pytest.raises(AgentError, match="no gateway runs"):
        ask_unix(path)
    with pytest.raises(AgentError, match="no gateway runs"):
        ask_unix(tmp_path / "none" / "status.sock")


def test_a_file_in_the_way_stays(tmp_path: Path) -> None:
    """What is no socket is not deleted."""
    path = tmp_path / "status.sock"
    path.write_text("mine")
    with pytest.raises(OSError, match="no socket"):
        listen_unix(path)
    assert path.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [path]
