"""A command at a board that somebody stops: by a signal wherever it stands, once or twice; and what is done with its watchdog."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.board.line import Line
from agent.board.typed import HELLO, INSTALL, WIPE
from agent.cli import main
from agent.enrolment import greeting, invited
from agent.errors import BoardRefused, LinkLost
from agent.stopping import PATIENCE_S, heeded, shielded
from tests.unit.agent.enrolment.bench import Bench, plugged
from tests.unit.agent.enrolment.pulling import FORMER, SETTINGS
from tests.unit.agent.enrolment.server import Server

SIGNALS = {signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGINT: None}


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A board that nobody has enrolled, at the port "port"."""
    yield plugged(Bench(), monkeypatch)


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said to whoever sits at the terminal goes nowhere."""
    monkeypatch.setattr("agent.stopping._SAYS", b"")


def hit(number: int) -> None:
    """The signal comes now."""
    os.kill(os.getpid(), number)


def stopped(number: int, act: Callable[[], object]) -> None:
    """`act` ends as Ctrl-C ends it, or with a shell's exit code; and the signals are again whose they were."""
    before = {each: signal.getsignal(each) for each in SIGNALS}
    with pytest.raises(KeyboardInterrupt if number == signal.SIGINT else SystemExit) as end, heeded():
        act()
    assert getattr(end.value, "code", None) == SIGNALS[signal.Signals(number)]
    assert {each: signal.getsignal(each) for each in SIGNALS} == before


def halfway(patch: pytest.MonkeyPatch, at: int, number: int) -> None:
    """The signal comes when so many bytes of what holds the root have been typed."""
    write, hot = Line.write, [False]

    def half(self: Line, data: bytes) -> int:
        hot[0] = hot[0] or b"bytearray" in data
        if hot[0] and at < len(data):
            write(self, data[:at])
            patch.undo()
            hit(number)
        return write(self, data)

    patch.setattr(Line, "write", half)


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_while_the_root_is_typed_leaves_none_of_it(bench: Bench, tmp_path: Path, number: int) -> None:
    """At bytes throughout: the board's memory is overwritten and it starts; the same command ends well."""
    server = Server()
    for n, at in enumerate(range(8, 128, 24) if number == signal.SIGTERM else (56,)):
        out, started = tmp_path / str(n), bench.started
        with pytest.MonkeyPatch.context() as patch:
            halfway(patch, at, number)
            stopped(number, lambda out=out: invited.enrol("port", server.invitation, SETTINGS, out, again=True))  # type: ignore[misc]
        assert (bench.typed[-1], bench.started, "e" in bench.scope) == (WIPE, started + 1, False)
    invited.enrol("port", server.invitation, SETTINGS, out, again=True)
    assert server.open(out).device == bench.keys.device


@pytest.mark.parametrize("program", [INSTALL, HELLO], ids=["install", "hello"])
def test_a_second_signal_does_not_end_the_cleaning(bench: Bench, tmp_path: Path, program: str) -> None:
    """Impatience, or a service manager that sends both: the wipe comes to its end."""
    wiped: list[str] = []

    def signals(text: str) -> None:
        if text == program:
            hit(signal.SIGTERM)
        if text == WIPE:
            for number in SIGNALS:
                hit(number)
            wiped.append(text)

    bench.before = signals
    stopped(signal.SIGTERM, lambda: invited.enrol("port", Server().invitation, SETTINGS, tmp_path / "out"))
    assert (wiped, bench.typed[-1], bench.started, "e" in bench.scope) == ([WIPE], WIPE, 1, False)


def test_a_signal_while_a_refusal_is_cleaned_ends_nothing(bench: Bench, tmp_path: Path) -> None:
    """The board has refused, and its memory is being overwritten: that is done, and the refusal is what the command says."""
    refuses(bench)
    bench.before = lambda text: hit(signal.SIGTERM) if text == WIPE else None
    with pytest.raises(BoardRefused, match="no such settings"), heeded():
        invited.enrol("port", Server().invitation, SETTINGS, tmp_path / "out")
    assert (bench.typed[-1], bench.started, "e" in bench.scope) == (WIPE, 1, False)


def test_a_signal_at_a_board_that_is_gone_is_told(bench: Bench, tmp_path: Path) -> None:
    """Where its memory cannot be overwritten any more, the sentence says so, whatever ended the command."""

    def signals(text: str) -> None:
        if text == INSTALL:
            bench.away = True
            hit(signal.SIGHUP)

    bench.before = signals
    with pytest.raises(LinkLost, match="take all its power away"), heeded():
        invited.enrol("port", Server().invitation, SETTINGS, tmp_path / "out")


def test_a_signal_in_a_greeting_lets_the_board_go_on(bench: Bench, tmp_path: Path) -> None:
    """It stands at no prompt afterwards, and no watchdog resets it later; the same command ends well."""
    server, out, answer = Server(), tmp_path / "out", tmp_path / "answer"
    invited.enrol("port", server.invitation, SETTINGS, out)
    verdict, started = server.open(out).verdict(), bench.started
    answer.write_bytes(greeting.MAGIC + len(verdict).to_bytes(2, "big") + verdict)
    bench.before = lambda text: hit(signal.SIGTERM) if "greet" in text else None
    stopped(signal.SIGTERM, lambda: greeting.greet("port", answer))
    assert (bench.started, bench.bites) == (started + 1, False)
    bench.before = lambda text: None
    assert greeting.greet("port", answer).opened == 1


def test_the_command_ends_with_the_signals_code(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`byleave agent enrol` as it is called: 143, and no traceback."""
    (tmp_path / "van.invitation").write_text(Server().text)
    words = ["--port", "port", "--invitation", tmp_path / "van.invitation", "--out", tmp_path / "out"]
    words += ["--serial", "115200", "--trust-invitation"]
    monkeypatch.setattr(sys, "argv", ["byleave", "agent", "enrol", *map(str, words)])
    bench.before = lambda text: hit(signal.SIGTERM) if text == INSTALL else None
    with pytest.raises(SystemExit) as end:
        main()
    assert (end.value.code, bench.typed[-1]) == (143, WIPE)


def test_a_stop_that_was_lost_is_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Raised in a finalizer, nobody hears it: the next within two minutes is one of an impatient hand, the one behind them not."""
    clock, heard = [1000.0], []
    monkeypatch.setattr(sys, "unraisablehook", lambda lost: heard.append(lost.exc_type))
    monkeypatch.setattr("agent.stopping.time.monotonic", lambda: clock[0])

    class Finalized:
        def __del__(self) -> None:
            hit(signal.SIGINT)

    def act() -> None:
        Finalized()
        assert heard == [KeyboardInterrupt]
        clock[0] += PATIENCE_S - 1
        hit(signal.SIGTERM)
        clock[0] += 1
        heard.append(None)
        hit(signal.SIGTERM)

    stopped(signal.SIGTERM, act)
    assert heard == [KeyboardInterrupt, None]


def test_what_is_ignored_stays_so_and_other_threads_hear_none() -> None:
    """A command behind nohup lives on when its terminal is closed; a program that enrols in a thread keeps its own handlers."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with heeded():
            hit(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
    own, found = signal.getsignal(signal.SIGTERM), []

    def elsewhere() -> None:
        with heeded(), shielded():
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert found == [own]


# --- the watchdog that a replacement holds


def refuses(bench: Bench) -> None:
    """Its firmware takes no settings, as one of another release may."""

    def refuse(settings: object) -> None:
        raise ValueError("no such settings")

    bench.save_settings = refuse  # type: ignore[method-assign]


def test_a_replacement_that_is_refused_leaves_no_watchdog(bench: Bench, tmp_path: Path) -> None:
    """The board is no device, so nobody feeds what `--again` held: it is reset at once, and the sentence says what it is now."""
    bench.keys.enrol(FORMER, bytearray(range(32)), 0, 20_000, 20_000 * 86_400)
    refuses(bench)
    with pytest.raises(BoardRefused, match=r"no such settings.*was reset and is no device"):
        invited.enrol("port", Server().invitation, SETTINGS, tmp_path / "out", again=True)
    assert (bench.resets, bench.bites, bench.keys.enrolled) == (1, False, False)


def test_a_refusal_without_a_watchdog_resets_nothing(bench: Bench, tmp_path: Path) -> None:
    """A bare board had none, and starts softly, as before."""
    refuses(bench)
    with pytest.raises(BoardRefused, match=r"no such settings$"):
        invited.enrol("port", Server().invitation, SETTINGS, tmp_path / "out")
    assert (bench.resets, bench.started, bench.bites) == (0, 1, False)


def test_a_replacement_that_ends_well_is_fed_by_its_program(bench: Bench, tmp_path: Path) -> None:
    """It starts softly, and its program has the watchdog."""
    invited.enrol("port", Server().invitation, SETTINGS, tmp_path / "out", again=True)
    assert (bench.resets, bench.bites, bench.keys.enrolled) == (0, False, True)
