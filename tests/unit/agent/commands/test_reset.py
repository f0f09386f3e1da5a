"""`byleave agent reset`: what it asks, what it prints, and the file for a data protection officer."""

from __future__ import annotations

import io
import json
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import agent.commands  # noqa: F401 - with each command's module
from agent.board.asking import Board
from agent.enrolment import enrolment
from agent.errors import BoardRefused
from agent.flashing import flashing
from agent.reset import factory
from agent.reset import proof as proofs
from tests.unit.agent.commands.test_json_page import held, page
from tests.unit.agent.commands.test_secrets import ended
from tests.unit.agent.owned import enrolled, left
from tests.unit.agent.prompted import PORT, AtPrompt, Prompted, a_board
from tests.unit.firmware.device import DEVICE

pytestmark = pytest.mark.micropython


class Typed(io.StringIO):
    """Somebody at a terminal."""

    def isatty(self) -> bool:
        """It is one."""
        return True


@pytest.fixture
def pico(monkeypatch: pytest.MonkeyPatch) -> Iterator[Prompted]:
    """An enrolled Pico W at the command's port."""
    with a_board("pico_w") as one:
        enrolled(one)
        monkeypatch.setattr(factory, "Console", one.console)
        monkeypatch.setattr(proofs, "Console", one.console)
        monkeypatch.setattr(sys.modules["agent.commands.reset"], "Console", one.console)
        yield one


FACTORY = ("reset", "--port", PORT, "--factory")


def test_the_proof_is_a_file_of_its_own(
    pico: Prompted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """--json says one object, the file says the same and is 0600: board, pseudonym, regions with size and hash, times, version."""
    proof = tmp_path / "erased.json"
    assert ended(monkeypatch, *FACTORY, "--yes", "--json", "--proof", proof) == 0
    said = capsys.readouterr()
    found, written = json.loads(said.out), json.loads(proof.read_text())
    assert {**written, "port": PORT, "proof": str(proof)} == found
    assert stat.S_IMODE(proof.stat().st_mode) == 0o600
    assert (written["proven"], written["device"], written["board"]) == (True, DEVICE, "pico_w")
    assert [row["bytes"] for row in written["regions"]] == [8192, 8192, 507_904, 81_920]
    assert all(len(row["sha256"]) == 64 for row in written["regions"])
    assert written["began"][10] == "T"
    assert written["began"] <= written["ended"]
    assert written["byleave"][0].isdigit()
    assert said.err == ""
    assert left(pico) == []
    held(page()["reset --factory"], found)
    assert ended(monkeypatch, "proof", proof, "--port", PORT, "--json") == 0
    held(page()["proof"], json.loads(capsys.readouterr().out))


def test_whoever_stops_it_is_told_that_nothing_is_proven(
    pico: Prompted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C in its midst: 130 as of a shell, a sentence, no file and no object."""

    def stopped(*words: object, **named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(factory, "reset", stopped)
    assert ended(monkeypatch, *FACTORY, "--yes", "--json", "--proof", tmp_path / "erased.json") == 130
    said = capsys.readouterr()
    assert said.out == ""
    assert "stopped. The board is NOT proven empty" in said.err
    assert list(tmp_path.iterdir()) == []


def test_a_proof_is_never_written_over(
    pico: Prompted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is there, or a folder that is not: said before anything is erased."""
    there = tmp_path / "there.json"
    there.write_text("of another board")
    kept = left(pico)
    for proof in (there, tmp_path / "no" / "folder.json"):
        assert ended(monkeypatch, *FACTORY, "--yes", "--proof", proof) == 2
        assert str(proof) in capsys.readouterr().err
    assert there.read_text() == "of another board"
    assert left(pico) == kept


def test_a_person_types_the_pseudonym(
    pico: Prompted, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody to ask, or another word: nothing is erased. The device's pseudonym: it is, and the words say what was done."""
    kept = left(pico)
    monkeypatch.setattr(sys, "stdin", io.StringIO(DEVICE + "\n"))
    assert ended(monkeypatch, *FACTORY) == 2
    assert "on a terminal, or add --yes" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdin", Typed("yes\n"))
    assert ended(monkeypatch, *FACTORY) == 1
    said = capsys.readouterr().err
    assert f"is device {DEVICE}" in said
    assert "not confirmed; nothing was erased" in said
    assert left(pico) == kept
    monkeypatch.setattr(sys, "stdin", Typed(DEVICE + "\n"))
    assert ended(monkeypatch, *FACTORY) == 0
    out = capsys.readouterr().out
    assert "spool   124 sectors erased, all read 0xFF, SHA-256 c2640fd1" in out
    assert f"proven empty, its memory overwritten, and it is no device. It was device {DEVICE}." in out
    assert left(pico) == []


def test_what_is_not_proven_has_no_proof(
    pico: Prompted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bad sector: exit code 10, the address on standard error, no file, no object."""
    pico.board.flash.break_sector(pico.board.partitions["bl_keys"].offset // 4096)
    proof = tmp_path / "erased.json"
    assert ended(monkeypatch, *FACTORY, "--yes", "--json", "--proof", proof) == 10
    said = capsys.readouterr()
    assert said.out == ""
    assert "0x14000 (keys) does not erase" in said.err
    assert not proof.exists()


def test_without_factory_it_starts_again_and_erases_nothing(
    pico: Prompted, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The board's program starts anew; options of a factory reset without it are a mistake."""
    kept, erases = left(pico), pico.board.flash.erases
    assert ended(monkeypatch, "reset", "--port", PORT, "--release-too") == 2
    assert "add --factory" in capsys.readouterr().err
    boots = pico.board.counters["boots"]
    assert ended(monkeypatch, "reset", "--port", PORT, "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    held(page()["reset"], printed)
    assert printed["restarted"] is True
    assert printed["said"].startswith("started ")
    assert pico.board.counters["boots"] > boots
    assert pico.board.watchdog.deadline_us is not None  # its program is at work
    assert (left(pico), pico.board.flash.erases) == (kept, erases)
    reset_it(pico)
    assert ended(monkeypatch, "reset", "--port", PORT) == 0
    assert capsys.readouterr().out == f"the board at {PORT} has started its program again: not started: not enrolled\n"


def reset_it(pico: Prompted) -> None:
    """Makes it no device."""
    factory.reset(PORT, device=None)


def test_what_another_program_prints_is_not_shown(
    pico: Prompted, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As by the monitor: it could be about somebody."""
    said = "47.28535, 8.56524  started 0.1.0  \x1b[31mRED"
    real = AtPrompt.restart
    monkeypatch.setattr(AtPrompt, "restart", lambda console: real(console) and said)
    assert ended(monkeypatch, "reset", "--port", PORT) == 0
    assert capsys.readouterr().out == f"the board at {PORT} has started its program again: started 0.1.0\n"
    assert ended(monkeypatch, "reset", "--port", PORT, "--json") == 0
    assert json.loads(capsys.readouterr().out)["said"] == "started 0.1.0"
    for judged in (flashing._judge, _enrolled_and_says):
        with pytest.raises(BoardRefused, match="does not start") as refused:
            judged(PORT, f"not started: no SIM  not started: {said}")
        assert "not started: no SIM" in str(refused.value) and "47.28" not in str(refused.value)


def _enrolled_and_says(port: str, said: str) -> None:
    class Starts:
        """A console of a board that has become its device, and says this at its start."""

        held, port = False, PORT

        def restart(self) -> str:
            """As Console."""
            return said

        def interrupt(self) -> None:
            """As Console."""

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(enrolment, "look", lambda console: Board("pico_w", "a" * 16, 0, 0))
        enrolment.started(Starts(), "a" * 16)  # type: ignore[arg-type]
