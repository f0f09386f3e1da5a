"""A board's prompt, where what is at the port never stops talking: every wait ends, and not by silence alone."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import sys
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from agent.board import console
from agent.board.asking import look
from agent.board.console import Console
from agent.board.patience import patient
from agent.board.unopened import unopened
from agent.cli import main
from agent.errors import LinkLost, NoPrompt, PortBusy, PortError
from agent.examination.monitor import opened

NMEA = b"$GNGGA,092725.00,4717.11399,N,00833.91590,E,1,08,1.01,499.6,M,48.0,M,,*45\r\n"
EVERY_S = 0.002
TALKS_S = (
    8.0  # "for ever": much longer than SOON_S, so that a test of a command that does not end fails and does not hang
)
SOON_S = 4.0  # of a bound of 0.4 s, on a host that does other things too
ENTERS = [
    (b"\x01", b"raw REPL; CTRL-B to exit\r\n>"),
    (b"\x04", b"OK\r\nMPY: soft reboot\r\nraw REPL; CTRL-B to exit\r\n>"),
]
TAKES_CODE = (b"\x05A\x01", b"R\x01\xff\xff\x01")  # raw-paste mode, with a window that holds all of it


@contextlib.contextmanager
def port(*turns: tuple[bytes, bytes], every_s: float = EVERY_S, says: bytes = NMEA) -> Iterator[str]:
    """A pseudo-terminal whose other end answers by these turns (heard, said) and then talks for ever."""
    fd, other = os.openpty()
    tty.setraw(other)
    os.set_blocking(fd, False)
    done = Event()
    thread = Thread(target=_talk, args=(fd, list(turns), every_s, says, done))
    thread.start()
    try:
        yield os.ttyname(other)
    finally:
        done.set()
        thread.join()
        os.close(fd)
        os.close(other)


def _talk(fd: int, turns: list[tuple[bytes, bytes]], every_s: float, says: bytes, done: Event) -> None:
    heard, until_s = b"", time.monotonic() + TALKS_S
    while not done.is_set() and time.monotonic() < until_s:
        if select.select([fd], [], [], every_s)[0]:
            heard += os.read(fd, 4096)
        if not turns:
            with contextlib.suppress(BlockingIOError):
                os.write(fd, says)
        elif turns[0][0] in heard:
            heard = b""
            os.write(fd, turns.pop(0)[1])


def taken_s(work: Callable[[], object]) -> float:
    """Real time that it takes."""
    began = time.monotonic()
    work()
    return time.monotonic() - began


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An enrolment file whose form is right."""
    path = tmp_path / "van.enrolment"
    path.touch(mode=0o600)
    path.write_bytes(b"\x97\x01\xb0" + b"a" * 16 + b"\xc4\x20" + bytes(32) + b"\0\0\0\xa2{}")
    return path


def test_a_receiver_that_talks_for_ever_is_no_board(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line of NMEA every 2 ms: the command ends within ENTER_S with code 5, and says what to do; the file stays."""
    monkeypatch.setattr(console, "ENTER_S", 0.4)

    def command() -> None:
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == NoPrompt.exit_code == 5

    with port() as name:
        monkeypatch.setattr(sys, "argv", ["byleave", "agent", "enrol", "--port", name, "--file", str(file)])
        assert 0.4 <= taken_s(command) < SOON_S
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"byleave: {name}: what talks there is no MicroPython prompt")
    assert "`byleave agent ports`" in said.err
    assert "reset button" in said.err
    assert file.exists()


def test_a_silent_port_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody there says another sentence, within the same bound."""
    monkeypatch.setattr(console, "ENTER_S", 0.4)

    def enter(name: str) -> None:
        with pytest.raises(NoPrompt, match="nobody answers"):
            Console(name)

    with port((b"never typed", b"")) as name:
        assert taken_s(lambda: enter(name)) < SOON_S


AWAKE = (b"\x03", b"\r\n>>> ")
ASLEEP = (b"\x03\x03", b"\r\nKeyboardInterrupt\r\n>>> ")  # it hears no single Ctrl-C


def test_a_board_that_sleeps_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """With patience Ctrl-C is typed until somebody answers, and what the program says at it is kept; without, or at its end, the
    sentence names sleep, reset button and --wait. That it waits is said once."""
    monkeypatch.setattr(console, "ENTER_S", 0.2)
    monkeypatch.setattr(console, "ROUSE_S", 0.05)
    said: list[str] = []
    with port(ASLEEP, *ENTERS, says=b"") as name, pytest.raises(NoPrompt, match=r"sleeps .*reset button .*--wait"):
        Console(name)
    monkeypatch.setattr(console, "ENTER_S", 8.0)
    with (
        port(ASLEEP, *ENTERS, says=b"") as name,
        patient(TALKS_S, lambda: said.append("waits")),
        Console(name) as there,
    ):
        assert b"KeyboardInterrupt" in there.last_words
    assert said == ["waits"]
    monkeypatch.setattr(console, "ENTER_S", 0.1)
    with port((b"never typed", b"")) as name, patient(0.3), pytest.raises(NoPrompt, match="nobody answers"):
        Console(name)


def test_a_port_that_is_away_while_its_board_sleeps_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A board with USB of its own: the name is not there at first; nobody waits for one that never was, without being asked."""
    link = tmp_path / "van"
    with pytest.raises(PortError, match="no such port"):
        Console(str(link))
    with (
        port(AWAKE, *ENTERS, says=b"") as name,
        patient(TALKS_S, lambda: link.symlink_to(name)),
        Console(str(link)) as there,
    ):
        assert there.at_prompt
    link.unlink()
    with patient(0.3), pytest.raises(PortError, match="no such port"):
        Console(str(link))


@pytest.mark.parametrize("name", ["socket://localhost:1", "loop://", "spy:///dev/null", "rfc2217://localhost:1"])
def test_a_line_over_a_network_is_no_port(name: str) -> None:
    """What pyserial opens by an address is refused before it is: the root of a device would pass there."""
    with pytest.raises(PortError, match="a port is a device of this computer"):
        Console(name)


@pytest.mark.parametrize("name", ["/dev/null", "/dev/zero", "/dev/tty", "."])
def test_what_is_no_serial_port_is_not_somebody_elses(name: str) -> None:
    """Nobody's program is named as one that has it, for the prompt as for the monitor."""
    for opens in (Console, opened):
        with pytest.raises(PortError, match=r"no serial port|the terminal in which you type") as raised:
            opens(name)
        assert raised.value.exit_code == 3


def test_an_adapter_that_fails_is_not_somebody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's own word for it; EBUSY alone is another program."""
    with port() as name:
        for number, kind in ((errno.EIO, PortError), (errno.EBUSY, PortBusy)):

            def fails(*_: object, number: int = number) -> int:
                raise OSError(number, os.strerror(number))

            with monkeypatch.context() as patch:
                patch.setattr("agent.board.unopened._opened", fails)
                assert type(unopened(name)) is kind


@pytest.mark.parametrize(
    "turns", [[], ENTERS[:1], [ENTERS[0], (b"\x04", b"OK\r\nMPY: soft reboot\r\n")]], ids=["first", "reset", "banner"]
)
def test_a_flood_on_the_way_to_the_prompt_ends_by_its_size(turns: list[tuple[bytes, bytes]]) -> None:
    """What never pauses is given up after LIMIT_BYTES, long before ENTER_S: neither time nor memory is its to take."""

    def enter(name: str) -> None:
        with pytest.raises(NoPrompt, match="what talks there"):
            Console(name)

    with port(*turns, every_s=0, says=NMEA * 40) as name:
        assert taken_s(lambda: enter(name)) < SOON_S


@pytest.mark.parametrize(
    ("turns", "says"),
    [([], NMEA), ([(b"\x05A\x01", b"R\x01\x01\x00")], b"\x01"), ([TAKES_CODE, (b"\x04", b"\x04")], NMEA)],
    ids=["code", "windows", "answer"],
)
@pytest.mark.parametrize("flood", [False, True], ids=["in time", "in size"])
def test_what_talks_only_behind_its_prompt_is_lost(
    monkeypatch: pytest.MonkeyPatch, turns: list[tuple[bytes, bytes]], says: bytes, flood: bool
) -> None:
    """Where the code is asked for, taken in windows, or answered: one step ends within RUN_S, or by its size."""
    with port(*ENTERS, *turns, every_s=0 if flood else EVERY_S, says=says * 40 if flood else says) as name:
        prompt = Console(name)
        monkeypatch.setattr(console, "RUN_S", 30.0 if flood else 0.4)

        def ask() -> None:
            with pytest.raises(LinkLost, match=r"same command again"):
                look(prompt)

        assert taken_s(ask) < SOON_S
        prompt.close()


def test_what_never_starts_again_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind the last command too: a port that talks and never says that it starts."""
    with port(*ENTERS) as name:
        prompt = Console(name)
        monkeypatch.setattr(console, "ENTER_S", 0.4)

        def restart() -> None:
            with pytest.raises(LinkLost, match="reset button"):
                prompt.restart()

        assert taken_s(restart) < SOON_S
        prompt.close()


@pytest.mark.parametrize("every_s", [EVERY_S, 0], ids=["in time", "in size"])
def test_a_program_that_talks_when_it_starts_has_started(monkeypatch: pytest.MonkeyPatch, every_s: float) -> None:
    """A board's own program may print for ever: it is heard for START_S, and its first words are told."""
    monkeypatch.setattr(console, "START_S", 0.3)
    with port(*ENTERS, (b"\x04", b"soft reboot\r\n"), every_s=every_s) as name, Console(name) as prompt:
        said: list[str] = []
        assert taken_s(lambda: said.append(prompt.restart())) < SOON_S
        assert said[0].startswith("$GNGGA")
        assert len(said[0]) <= console.SAID_CHARS


def test_a_prompt_that_answers_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same port, when it ends its answer: what it says is the value, and each step has its own time."""
    answers = [TAKES_CODE, (b"\x04", b"\x04" + b'["board", "", 0, 0]\r\n\x04\x04>')] * 3
    with port(*ENTERS, *answers, (b"never typed", b"")) as name, Console(name) as prompt:
        for _ in range(3):
            assert look(prompt).board == "board"
