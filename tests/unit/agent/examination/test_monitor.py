"""The monitor: it listens, waits for a cable that was pulled, and types nothing."""

from __future__ import annotations

import json
import os
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import serial
from typer.testing import CliRunner, Result

from agent.cli import build
from agent.errors import PortBusy, PortError
from agent.examination import monitor
from agent.examination.findings import Unanswered
from agent.examination.monitor import Monitor
from agent.said.log import Line

STATUS = "status 1 (3, 0, 1, 1, 3900, 0, 0, 0, 32, 61440, '0.1.0', '', 1, 0)"
LISTENING = "listening at port; Ctrl-C ends it"
Piece = bytes | OSError | KeyboardInterrupt


class Port:
    """Says these pieces, one a read, then nothing; an error is raised. Each read takes a second of the clock."""

    def __init__(self, pieces: list[Piece], clock: list[float]) -> None:
        self._pieces, self._clock = pieces, clock
        self.in_waiting, self.closed = 0, False

    def read(self, size: int = 1) -> bytes:
        self._clock[0] += 1
        piece = self._pieces.pop(0) if self._pieces else b""
        if isinstance(piece, bytes):
            return piece
        raise piece

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def plug(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., list[float]]]:
    """A function: what is found at each try to open the port; the clock."""
    made: list[Port] = []

    def plugged(*found: list[Piece] | PortError | PortBusy) -> list[float]:
        clock, waiting = [0.0], list(found)

        def opened(port: str) -> Port:
            one = waiting.pop(0)
            if not isinstance(one, list):
                raise one
            made.append(Port(one, clock))
            return made[-1]

        monkeypatch.setattr(monitor, "opened", opened)
        return clock

    yield plugged
    assert all(port.closed for port in made)


def watched(clock: list[float], for_s: float, *, raw: bool = False) -> tuple[Monitor, list[str], list[str]]:
    """A monitor that has watched, the lines that it showed, and what it said itself."""
    lines: list[Line] = []
    said: list[str] = []

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    one = Monitor("port", lines.append, said.append, raw=raw, clock=lambda: clock[0], sleep=sleep)
    one.watch(for_s)
    return one, [line.text for line in lines], said


def test_lines_are_shown_and_others_counted(plug: Callable[..., list[float]]) -> None:
    """Of five lines three are byleave's; the status is kept; it ends when its time is over."""
    clock = plug([b"started 0.1.0\r\n47.2852\r\ncon", b"tact\r\n" + STATUS.encode() + b"\n", b"hello\n"])
    one, lines, said = watched(clock, 10)
    assert lines[:2] == ["started 0.1.0", "contact"] and len(lines) == 3
    assert (one.watched.lines, one.watched.others, one.watched.gone, said) == (3, 2, 0, [LISTENING])
    assert one.watched.status is not None and one.watched.status.boots == 1
    assert clock[0] == 10


def test_a_pulled_cable_is_waited_for(plug: Callable[..., list[float]]) -> None:
    """Gone while it listens, then missing, then busy, then there again: half a line of before is no line."""
    clock = plug([b"contact\ndirec", OSError("gone")], PortError("no"), PortBusy("mpremote"), [b"tive 7\nanswered\n"])
    one, lines, said = watched(clock, 20)
    assert lines == ["contact", "answered"]
    assert (one.watched.gone, one.watched.others) == (1, 1)
    assert said == [LISTENING, "the cable was pulled, or the board sleeps; waiting for it", "it is there again"]


@pytest.mark.parametrize(
    ("pieces", "hint"),
    [
        ([], "nothing has come for 30 s. A device that sleeps"),
        ([b"\x80\xff"], "something comes, and no whole line of it for 30 s: another speed"),
        ([b"47.2852\n"], "what has come in 30 s is not byleave's"),
    ],
    ids=["silent", "bytes", "another program"],
)
def test_a_silence_is_explained_once(plug: Callable[..., list[float]], pieces: list[Piece], hint: str) -> None:
    """At its start it says that it listens; after 30 s without a line of byleave's, once, what that may mean; and never before."""
    _, _, said = watched(plug(list(pieces)), 29)
    assert said == [LISTENING]
    _, _, said = watched(plug(list(pieces)), 100)
    assert len(said) == 2
    assert said[1].startswith(hint)
    _, _, said = watched(plug([*pieces, b"\ncontact\n"]), 100)
    assert said == [LISTENING]


def test_a_pulled_cable_is_no_silence(plug: Callable[..., list[float]]) -> None:
    """What is amiss was said already."""
    _, _, said = watched(plug([OSError("gone")], *[PortError("no")] * 300), 100)
    assert len(said) == 2


def test_a_cable_that_never_comes_back_ends_with_the_time(plug: Callable[..., list[float]]) -> None:
    """--for counts while nobody is there too."""
    clock = plug([OSError("gone")], *[PortError("no")] * 40)
    one, lines, _ = watched(clock, 10)
    assert lines == [] and one.watched.gone == 1
    assert 10 <= clock[0] < 11


@pytest.mark.parametrize("error", [PortError("no such port"), PortBusy("in use")])
def test_a_port_that_cannot_be_had_is_told_at_once(plug: Callable[..., list[float]], error: Exception) -> None:
    """Before it has listened there is nothing to wait for."""
    clock = plug(error)
    with pytest.raises(type(error)):
        watched(clock, 10)


def test_raw_shows_a_board_that_is_nobodys(plug: Callable[..., list[float]]) -> None:
    """Only once the board has said that it is not enrolled, and no longer once it says that it has started, or was away."""
    rows = [b"one\n", b"not started: not enrolled\n", b"tw\x1bo\n", b"started 0.1.0\n", b"three\n"]
    clock = plug([*rows, b"not started: not enrolled\n", OSError()], [b"four\n"])
    one, lines, _ = watched(clock, 20, raw=True)
    assert lines == [*("not started: not enrolled", "tw.o", "started 0.1.0"), "not started: not enrolled"]
    assert one.watched.others == 3
    clock = plug(rows[:3])
    assert watched(clock, 20)[1] == ["not started: not enrolled"]


def run(*words: str) -> Result:
    """The command."""
    return CliRunner().invoke(build(), ["agent", "monitor", "--port", "port", *words])


def test_the_command_ends_cleanly_at_ctrl_c(plug: Callable[..., list[float]]) -> None:
    """What came is there, and what was not shown is said."""
    plug([b"contact\n", b"47.2852\n1\n2\n", KeyboardInterrupt()])
    done = run()
    assert done.exit_code == 0
    assert done.stdout == "contact\n\n3 lines that are not byleave's\n"
    assert done.stderr == f"({LISTENING})\n"


def test_json_is_one_object(plug: Callable[..., list[float]]) -> None:
    """Lines, counts and the last status, in machine's words; nothing else on stdout."""
    plug([b"contact\n47.2852\n", STATUS.encode() + b"\n", KeyboardInterrupt()])
    done = run("--json")
    found = json.loads(done.stdout)
    assert (found["port"], found["others"], found["gone"]) == ("port", 1, 0)
    assert found["lines"][0] == "contact" and "47" not in done.stdout
    assert done.stderr == ""
    assert found["status"]["battery_mv"] == 3900 and "generation" not in found["status"]


def test_once_goes_alone() -> None:
    """What it would not do with the others is said, before the board is touched."""
    for words in (("--for", "3"), ("--raw",), ("--names", "names.json")):
        done = run("--once", *words)
        assert done.exit_code != 0 and "--once goes with" in str(done.exception)


AT_REST = [3, 7, 4, 1, 3900, "0.1.0", 1, "", 2, 4096, 0, 0]


def test_a_status_at_rest() -> None:
    """What a board says at its prompt, and nothing of another form; a full spool and many starts are its faults."""
    told = monitor.status_of(AT_REST)
    assert told is not None
    assert (told.boots, told.directive, told.spooled, told.generation, told.faults) == (3, 7, 4, 2, ())
    assert "generation 2" in told.sentence() and "after" not in told.sentence()
    full = monitor.status_of([*AT_REST[:9], 100, 4, 2])
    assert full is not None and (len(full.faults), full.update) == (2, "on trial")
    assert monitor.status_of(None) is None
    for answer in (5, [], AT_REST[:-1], [*AT_REST[:5], 5, *AT_REST[6:]], {"a": 1}, [None] * 12):
        with pytest.raises(Unanswered):
            monitor.status_of(answer)


ASKED = b"status 0 (3601, 7, 3, 2, 3890, 5, 1, 0, 128, 61440, '0.1.0', '', 1, 0)\r\n"


def test_a_status_of_a_program_that_was_at_work() -> None:
    """What it said at Ctrl-C counts, with the generation of the prompt; of an earlier start, or for another reason, it does not."""
    at_rest = monitor.status_of(AT_REST)
    assert at_rest is not None
    told = monitor.joined(at_rest, b"contact\r\n" + ASKED + b"Traceback (most recent call last):\r\n>>> ")
    assert told is not None
    assert (told.uptime_s, told.generation, told.faults) == (3601, 2, ("the temperature sensor fails",))
    assert told.sentence().startswith("status: asked at the cable after 3601 s; start 3 (hard)")
    for other in (b"", b"status 0 (", ASKED.replace(b" 3, 2", b" 2, 2"), ASKED.replace(b"status 0", b"status 2")):
        assert monitor.joined(at_rest, other) is at_rest
    assert monitor.joined(None, ASKED) is None


@pytest.mark.parametrize(
    ("at", "value"),
    [(5, "\x1b[2J47.2852"), (7, "\x1b]0;47.2852\x07"), (5, "abcdefghijklmnop"), (7, "ValueError 47.2852:1 x")],
)
def test_a_board_at_its_prompt_is_believed_no_more(at: int, value: str) -> None:
    """What it says of its release and of its crash has their forms, or is not shown."""
    told = monitor.status_of([*AT_REST[:at], value, *AT_REST[at + 1 :]])
    assert told is not None and "in a form that is not shown" in told.sentence()
    assert value not in told.sentence() + json.dumps(told.facts())
    for number in (-1, 1 << 32):
        with pytest.raises(Unanswered):
            monitor.status_of([number, *AT_REST[1:]])


def test_a_port_that_opens_and_cannot_be_read(plug: Callable[..., list[float]]) -> None:
    """It is tried some times a second, and not a thousand."""
    clock = plug(*[[OSError("gone")] for _ in range(20)])
    one, _, _ = watched(clock, 10)
    assert one.watched.gone < 10


def test_it_types_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a real port: whoever is at the other end hears not one byte, and nobody else may open the port meanwhile."""
    fd, other = os.openpty()
    tty.setraw(other)
    os.set_blocking(fd, False)
    name = os.ttyname(other)
    lines: list[Line] = []

    def told(line: Line) -> None:
        lines.append(line)
        with pytest.raises(serial.SerialException):
            serial.Serial(name, exclusive=True)
        raise KeyboardInterrupt

    really = monitor.opened

    def opened(port: str) -> monitor.Port:
        line = really(port)
        os.write(fd, b"contact\r\n")
        return line

    monkeypatch.setattr(monitor, "opened", opened)
    with pytest.raises(KeyboardInterrupt):
        Monitor(name, told, lambda text: None).watch(20)
    assert [line.text for line in lines] == ["contact"]
    with pytest.raises(BlockingIOError):
        os.read(fd, 1)
    os.close(other)
    os.close(fd)
    with pytest.raises(PortError):
        Monitor(str(Path("/dev/pts/nobody")), told, lambda text: None).watch(1)
