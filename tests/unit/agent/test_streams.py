"""Every command with standard streams that are closed, full, unread, or of another encoding."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.unit.agent.boardless import LINES, REFUSED
from tests.unit.agent.boardless import tried as lines

ROOT = Path(__file__).parents[3]
LOST = "byleave: standard output takes nothing (No space left on device)"


def codes(how: str, *, well: bool) -> list[int]:
    """What each ends with that is tried so: it all went well, or could not be printed."""
    return [2 if n == REFUSED else 0 if well else 1 for n in lines(how)]


@dataclass(frozen=True)
class Tried:
    """All commands under all conditions."""

    folder: Path
    codes: dict[str, list[int]]

    def said(self, how: str, side: str) -> str:
        """What all of them printed under that condition, on `out` or `err`."""
        return (self.folder / f"{how}.{side}").read_bytes().decode("utf-8", "replace")


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Tried:
    """Once."""
    folder = tmp_path_factory.mktemp("streams")
    command = [sys.executable, "-m", "tests.unit.agent.boardless", str(folder)]
    environment = {**os.environ, "COLUMNS": "40"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    return Tried(folder, json.loads((folder / "codes.json").read_text()))


def test_as_they_should_be(tried: Tried) -> None:
    """Each ends well, but for the one that has nobody to ask; no escape sequence on a terminal of no name."""
    assert tried.codes["usual"] == codes("usual", well=True)
    assert "Gerät" in tried.said("usual", "out")
    assert "\x1b" not in tried.said("usual", "out") + tried.said("usual", "err")
    assert tried.said("usual", "err").count("byleave: a factory reset asks whether the board is meant") == 1


@pytest.mark.parametrize("how", ["closed", "unheard", "all closed", "silent"])
def test_nobody_listens(tried: Tried, how: str) -> None:
    """Streams that were closed, and errors that nobody can be told: the same codes, no traceback, the same words."""
    assert tried.codes[how] == codes(how, well=True)
    assert "Traceback" not in tried.said(how, "err")
    if how in ("unheard", "silent"):
        assert tried.said(how, "out") == tried.said("encoding", "out").replace("\\xe4", "ä")


@pytest.mark.parametrize("how", ["full", "all full"])
def test_a_full_disk(tried: Tried, how: str) -> None:
    """Each that prints ends with 1, and with one sentence where it can be said; no second traceback at its end."""
    assert tried.codes[how] == codes(how, well=False)
    said = tried.said(how, "err")
    assert "Traceback" not in said and "Exception ignored" not in said
    assert said.count(LOST) == (len(LINES) - 1 if how == "full" else 0)


def test_nobody_reads_any_more(tried: Tried) -> None:
    """As behind `head -1`: it ends with 1, and says nothing of it."""
    assert tried.codes["unread"] == codes("unread", well=False)
    said = tried.said("unread", "err")
    assert not any(word in said for word in ("Traceback", "Exception ignored", "BrokenPipe", "standard output"))


def test_another_encoding(tried: Tried) -> None:
    """A letter that it has not is written as its number, and all else as it is."""
    assert tried.codes["encoding"] == codes("encoding", well=True)
    said = tried.said("encoding", "out").splitlines()
    assert "ok    board        Ger\\xe4t" in said
    assert set(said) <= set(tried.said("usual", "out").replace("ä", "\\xe4").splitlines())
