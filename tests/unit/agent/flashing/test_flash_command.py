"""`byleave agent flash` as a person meets it: what it shows, and what it says of a board that is not as it should be."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import agent.commands.flash  # noqa: F401 - found by its module name below
from agent.commands import bars
from agent.errors import AgentConfigError, NoPrompt, PortError
from agent.flashing import flashing, uf2
from agent.flashing.flashing import flash
from tests.system.flashable import a_uf2
from tests.unit.agent.flashing.pulling import PORT, Case, small

flash_command = sys.modules["agent.commands.flash"]  # in the package that name is the command itself


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A bare board with slots, and its release."""
    return small(tmp_path_factory.mktemp("releases"), "bare, slots")


@pytest.fixture
def folder(case: Case) -> Path:
    """That release; the board is as it was at first."""
    case.board.restore(case.first)
    return case.folder


def test_a_bar_says_each_thing_that_is_done(case: Case, folder: Path) -> None:
    """In order, and what takes long with how much of it there is."""
    shown: list[tuple[str, int, int]] = []
    with case.plugged():
        flash(PORT, folder=folder, show=lambda *words: shown.append(words))
    assert list(dict.fromkeys(what for what, _, _ in shown)) == ["sending", "reading back", "starting it"]
    sent = [(done, total) for what, done, total in shown if what == "sending"]
    assert (
        sent[0][0] == 0
        and sent[-1][0] == sent[-1][1] > 0
        and [done for done, _ in sent] == sorted(done for done, _ in sent)
    )


def test_a_bar_that_was_full_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody knows the length of is no share of what was before it, and its time goes on."""
    shown = io.StringIO()
    shown.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setenv("TERM", "xterm")
    with bars.shown() as show:
        show("sending", 8192, 8192)
        show("starting it", 0, 0)
    last = shown.getvalue().rpartition("starting it")[2]
    assert "100%" in shown.getvalue() and "%" not in last


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda board: setattr(board, "python", "circuitpython"),
            r"circuitpython runs there.*needs MicroPython.*--image",
        ),
        (
            lambda board: setattr(board, "talks", b"21.5 C\r\n"),
            r"prints by itself while it waits at its prompt \(21\.5 C\).*boot\.py",
        ),
        (lambda board: setattr(board, "talks", b"\x1b[2J\r\n"), r"prints by itself.*\(\[2J\)"),
    ],
    ids=["CircuitPython", "talks", "clears the screen"],
)
def test_a_prompt_that_cannot_be_used_is_told_apart(
    case: Case, folder: Path, change: Callable[[object], None], sentence: str
) -> None:
    """Before anything is written; with MicroPython there, and silence, the same command ends well."""
    before = (case.board.python, case.board.talks)
    change(case.board)
    try:
        with case.plugged(), pytest.raises(NoPrompt, match=sentence) as refused:
            flash(PORT, folder=folder)
        assert "\x1b" not in str(refused.value)
    finally:
        case.board.python, case.board.talks = before
    assert case.board.durable() == case.first
    with case.plugged():
        assert flash(PORT, folder=folder).version == "new"


def test_another_python_is_not_asked_for_a_boot_loader(case: Case, folder: Path) -> None:
    """A Pico with CircuitPython goes there by its button, and is said so."""
    case.board.python = "circuitpython"
    try:
        with case.plugged(), pytest.raises(NoPrompt, match=r"circuitpython runs there.*hold BOOTSEL"):
            uf2.write(PORT, uf2.Uf2Image("pico_w", a_uf2()), flashing.quiet)
    finally:
        case.board.python = "micropython"


def test_a_board_that_is_not_back_has_its_micropython(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be at a port of another name; nothing is written again."""
    image = tmp_path / "PICO.UF2"  # as a FAT drive spells it
    image.write_bytes(a_uf2())
    monkeypatch.setattr(uf2, "write", lambda *words: None)
    monkeypatch.setattr(flashing, "BACK_S", 0)
    with pytest.raises(PortError, match=r"MicroPython was sent.*no such port.*without --image goes on"):
        flash_command.flash(port="/dev/none", image_file=image)


@pytest.mark.parametrize("image", [None, Path("esp32.bin")], ids=["no image", "a .bin"])
def test_a_drive_is_a_picos(image: Path | None) -> None:
    """Named where none is used, it is a mistake."""
    with pytest.raises(AgentConfigError, match=r"--drive: only a Pico"):
        flash_command.flash(port="/dev/none", image_file=image, drive=Path("/media"))


def test_json_is_one_object_and_nothing_of_what_the_board_says(
    case: Case, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard output; nothing on standard error."""
    with case.plugged():
        flash_command.flash(port=PORT, release=folder, as_json=True)
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert said.err == "" and said.out.count("\n") == 1
    assert (told["port"], told["version"], told["way"], told["sent_bytes"]) == (
        PORT,
        "new",
        "slot",
        told["total_bytes"],
    )
    assert "said" not in told
