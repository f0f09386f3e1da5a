"""Boards that answer anything: what is made of it is an error of the agent's, and nothing of it moves a terminal."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.board import programs, typed
from agent.errors import AgentError, BoardRefused, LinkLost, NoPrompt, NotProven
from agent.examination import chip, doctor
from agent.examination.doctor import Wish
from agent.examination.findings import BOARD, ask, wrong
from agent.flashing import filing, flashing, looking, slotting, uf2, writing
from agent.flashing.uf2 import Uf2Image
from tests.unit.agent.examination.test_doctor import HERE, FakeConsole

NESTED = "[" * 60_000
ESCAPE = "\x1b[2J\x1b]0;owned\x07"
FOUND = {
    "machine": "ESP32S3", "python": "1.29.0", "mpy": 6, "packed": 1, "regions": True, "used": 0, "segment": 128,
    "heap": 300_000, "free": 10**6, "built": 0, "start": "",
}  # fmt: skip


class Liar:
    """A console that answers each program with this; what was done to it."""

    port = "/dev/x"

    def __init__(self, answer: str | Callable[[str], str]) -> None:
        self._answer = answer
        self.done: list[str] = []

    def run(self, code: str) -> str:
        """Lies, but for its greeting."""
        if code == writing.GREETING:
            return "micropython\r\n!\r\n"
        return self._answer if isinstance(self._answer, str) else self._answer(code)

    def interrupt(self) -> None:
        """Notes it."""
        self.done.append("interrupted")

    def restart(self, seconds: float) -> str:
        """Notes it."""
        self.done.append("restarted")
        return ""

    def leave(self, code: str) -> None:
        """Notes it."""
        self.done.append("left")

    def close(self) -> None:
        """Notes it."""
        self.done.append("closed")


def at(console: Any) -> Any:
    """As the functions under test want one."""
    return console


OTHERS = ["", "null", "5", "[]", "{}", NESTED, '{"machine": 5}', "\x04\x04>", "1e999"]


CHANGES: list[dict[str, object]] = [
    {"machine": 5},
    {"start": []},
    {"heap": "x"},
    {"segment": -1},
    {"free": 1e300},
    {"more": 1},
    {"heap": 1 << 70},
]


@pytest.mark.parametrize("answer", [*OTHERS, *(json.dumps(FOUND | change) for change in CHANGES)])
def test_what_is_no_answer_to_the_first_question_is_no_prompt(answer: str) -> None:
    """Of one change to an answer that is taken; a name is shown without what a terminal obeys."""
    assert flashing.look(at(Liar(json.dumps(FOUND)))).board == "esp32s3"
    with pytest.raises(NoPrompt, match="not MicroPython as byleave knows it"):
        flashing.look(at(Liar(answer)))
    odd = flashing.look(at(Liar(json.dumps(FOUND | {"machine": ESCAPE + "ESP32S3" * 100}))))
    assert odd.machine.isprintable() and len(odd.machine) <= 80


@pytest.mark.parametrize("answer", [*OTHERS, "micropython\r\n", "!\r\n!\r\n", "!"])
def test_what_is_no_greeting_is_no_prompt(answer: str) -> None:
    """The name of a Python and a mark, which a board of any other kind does not say."""
    console = Liar("")
    flashing.greet(at(console))
    console.run = lambda code: answer  # type: ignore[method-assign]
    with pytest.raises(NoPrompt, match="not MicroPython as byleave knows it"):
        flashing.greet(at(console))


ROW = [0, 0, 63, 1, True, True, False, 9, 1, "aa", True]


@pytest.mark.parametrize("answer", [*OTHERS, *(json.dumps(rows) for rows in (
    [ROW], [ROW, ROW], [ROW, [1, 64, 63, 1]], [ROW, [2, *ROW[1:]]], [ROW, [1, *ROW[1:9], 5, True]], [ROW, ["1", *ROW[1:]]],
))])  # fmt: skip
def test_what_are_no_slots_proves_nothing(answer: str) -> None:
    """Two rows of their form, or exit code 10."""
    one, other = slotting._slots(at(Liar("")), json.dumps([ROW, [1, 64, 63, 0, False, False, False]]))
    assert (one.digest, other.size) == ("aa", 0)
    with pytest.raises(NotProven, match="answer cannot be read"):
        slotting._slots(at(Liar("")), answer)


@pytest.mark.parametrize("answer", ["", "null", "[]", NESTED, "x"])
def test_what_are_no_hashes_proves_nothing(answer: str) -> None:
    """Of files, and of the room for them."""
    assert filing.hashes(at(Liar('{"/a": "00"}')), ["/a"]) == {"/a": "00"}
    for asked in (
        lambda: filing.hashes(at(Liar(answer)), []),
        lambda: filing._check_room(at(Liar(answer)), {"/a": b""}),
    ):
        with pytest.raises(NotProven, match="answer cannot be read"):
            asked()


def test_a_board_that_lies_is_listed_without_what_a_terminal_obeys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several lines the last counts, and no more of it than a version has."""
    answers = {programs.LOOK: json.dumps(FOUND), programs.VERSION: f"boot\r\n{ESCAPE}0.1.0 {'9' * 5000}\r\n"}
    monkeypatch.setattr(looking, "Console", lambda port: Liar(lambda code: answers[code]))
    there = looking.running("/dev/x")
    assert there.words.isprintable() and len(there.version) <= 16


def test_findings_are_shown_without_what_a_terminal_obeys() -> None:
    """And what is nested without end is no answer."""
    assert wrong("board", ESCAPE + "x", "do").seen.isprintable()
    lies: dict[str, str | AgentError] = {chip.IDENTITY: json.dumps([ESCAPE, ESCAPE, 1, "/rom", ESCAPE, 1])}
    found = list(doctor.examined(at(FakeConsole(HERE | lies)), Wish(quick=True), 0))
    assert all(finding.seen.isprintable() for finding in found) and found[0].part == "board"
    with pytest.raises(Exception, match="cannot be read"):
        ask(at(Liar(NESTED)), "")


def test_memory_is_overwritten_whatever_became_of_the_supplies() -> None:
    """A release that cannot be loaded any more: a Wi-Fi key of `--settings` may lie there."""
    board = FakeConsole({typed.WIPE: "", BOARD + doctor.UNPOWERED: BoardRefused("the board says: ImportError")})
    doctor.left(at(board))
    assert board.done == ["unpowered", "wiped"]


def test_ctrl_c_ends_what_the_board_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part's program may run for twelve seconds yet, with its supplies on, and takes no other: it is stopped first."""

    class Busy(FakeConsole):
        def run(self, code: str) -> str:
            if code == chip.MEMORY:
                raise KeyboardInterrupt
            return super().run(code)

    board = Busy(HERE)
    monkeypatch.setattr(doctor, "Console", lambda port: board)
    with pytest.raises(KeyboardInterrupt):
        doctor.examine("port", Wish())
    assert board.done[-6:] == ["stopped", "asked", "unpowered", "wiped", "started", "closed"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), NotProven("bytes"), BoardRefused("no"), RuntimeError()])
def test_flashing_that_ends_otherwise_starts_the_board_again(
    monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """At Ctrl-C, or where bytes were changed, a program still waits for the rest of a piece: it is stopped. Where the cable is
    gone there is nothing to do."""
    console = Liar(json.dumps(FOUND))

    def fails(*rest: object) -> None:
        raise fault

    monkeypatch.setattr(flashing, "Console", lambda port: console)
    monkeypatch.setattr(flashing, "_checked", fails)
    fault: BaseException = error
    with pytest.raises(type(error)):
        flashing.flash("/dev/x")
    assert console.done == ["interrupted", "restarted", "closed"]
    fault, console.done = LinkLost("gone"), []
    with pytest.raises(LinkLost):
        flashing.flash("/dev/x")
    assert console.done == ["closed"]


def test_another_board_does_not_go_to_its_boot_loader(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A .uf2 for a Pico W at the port of a Pico 2 W: refused, and that board goes on as what it was."""
    machine = "Raspberry Pi Pico 2 W with RP2350\r\n"
    console = Liar(lambda code: machine)
    monkeypatch.setattr(uf2, "Console", lambda port: console)
    monkeypatch.setattr(uf2, "DRIVE_S", 0.0)
    pico = Uf2Image("pico_w", b"")
    with pytest.raises(BoardRefused, match="RP2350 is no pico_w"):
        uf2.write("/dev/x", pico, flashing.quiet, tmp_path)
    assert console.done == ["restarted", "closed"]
    machine, console.done = "Raspberry Pi Pico W with RP2040\r\n", []
    with pytest.raises(LinkLost, match="no drive"):
        uf2.write("/dev/x", pico, flashing.quiet, tmp_path)
    assert console.done == ["left", "closed"]


def test_what_is_somebodys_own_is_not_tidied_away(tmp_path: Path) -> None:
    """Only folders that are a release's by their form, and that no start file names."""
    own = ["release-photos", "release-0123456789ab.old", "release-0123456789AB", "other"]
    kept, old = "release-0123456789ab", "release-cdefcdefcdef"
    for name in (*own, kept, old):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a").write_text("x")
    (tmp_path / "release-notes.txt").write_text("x")
    (tmp_path / "release-aaaaaaaaaaaa").write_text("a file of that name")

    def ilistdir(place: str) -> list[tuple[str, int]]:
        return [(each.name, 0x4000 if each.is_dir() else 0x8000) for each in (tmp_path / place.strip("/")).iterdir()]

    def inside(work: Callable[[Path], None]) -> Callable[[str], None]:
        return lambda name: work(tmp_path / name.strip("/"))

    shim = types.SimpleNamespace(ilistdir=ilistdir, remove=inside(os.remove), rmdir=inside(os.rmdir))
    scope = {"os": shim, "sys": sys, "feed": lambda: None}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(writing.FILES + writing.TIDY.format(kept=["/" + kept]), scope)  # noqa: S102 - what is typed
    left = sorted(each.name for each in tmp_path.iterdir())
    assert left == sorted([*own, kept, "release-notes.txt", "release-aaaaaaaaaaaa"])
