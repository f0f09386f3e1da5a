"""`byleave agent enrol` by invitation, as somebody gives it: what it asks, what it shows, and what it refuses."""

from __future__ import annotations

import hashlib
import importlib
import json
import re
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat import primitives
from typer.testing import CliRunner, Result

from agent.board.typed import INSTALL
from agent.cli import build
from agent.errors import AgentError
from tests.unit.agent.enrolment.bench import Bench, plugged
from tests.unit.agent.enrolment.server import Server

SECRET = "correct-horse"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A board that nobody has enrolled, at the port "port"."""
    yield plugged(Bench(), monkeypatch)


@pytest.fixture
def server(tmp_path: Path) -> Server:
    """Its invitation lies in van.invitation."""
    one = Server()
    (tmp_path / "van.invitation").write_text(one.text + "\n")
    return one


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """Somebody at the terminal, who answers each question with SECRET; what was asked, and whether the answer is hidden."""
    asked: list[tuple[str, bool]] = []

    def prompt(question: str, *, hide_input: bool, **_: object) -> str:
        asked.append((question, hide_input))
        return SECRET

    monkeypatch.setattr("typer.prompt", prompt)
    return asked


def run(folder: Path, *words: str) -> Result:
    """The command, with these options."""
    begin = ["agent", "enrol", "--port", "port", "--invitation", str(folder / "van.invitation")]
    return CliRunner().invoke(build(), [*begin, "--out", str(folder / "van.enrolment"), *words])


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether somebody sits at one; they do."""
    there = [True]
    monkeypatch.setattr(importlib.import_module("agent.commands.enrol"), "_terminal", lambda: there[-1])
    return there


def settings(folder: Path) -> str:
    """board.json, private."""
    path = folder / "board.json"
    path.touch(mode=0o600)
    path.write_text(
        json.dumps(
            {"wifi": {"ssid": "depot", "key": SECRET}, "broker": {"host": "h", "port": 1883, "password": SECRET}}
        )
    )
    return str(path)


def test_words_for_people(bench: Bench, server: Server, tmp_path: Path) -> None:
    """Whose invitation it is and its fingerprint, to be compared; the device; its code, and what to do next. No secret."""
    said = run(tmp_path, "--settings", settings(tmp_path))
    assert said.exit_code == 0, said.output
    assert re.search('invitation until [0-9-]{10} of "Example Ltd"\n', said.output)
    assert (
        f"fingerprint {server.invitation.fingerprint}: compare it with what `byleave sync invite` printed"
        in said.output
    )
    assert f"esp32s3 at port is device {bench.keys.device} and has started" in said.output
    out = tmp_path / "van.enrolment"
    digits = hashlib.sha256(out.read_bytes()).hexdigest()[:20]
    code = " ".join(digits[at : at + 4] for at in range(0, 20, 4))
    assert f"confirmation code {code}: tell it to whoever admits this board" in said.output
    # Without the code: a line that is pasted into the mail with the file would bring both by one way.
    assert f"byleave sync admit {out} --confirm CODE" in said.output.replace("\n", " ")
    assert SECRET not in said.output
    assert server.open(tmp_path / "van.enrolment").root.hex() not in said.output


def test_one_object_for_machines(bench: Bench, server: Server, tmp_path: Path) -> None:
    """With --json, and nothing else."""
    told = ["--fingerprint", server.invitation.fingerprint]
    figures = json.loads(run(tmp_path, "--settings", settings(tmp_path), "--json", *told).output)
    digits = hashlib.sha256((tmp_path / "van.enrolment").read_bytes()).hexdigest()
    assert digits.startswith(figures.pop("confirmation").replace(" ", ""))
    assert figures == {
        "port": "port", "board": "esp32s3", "device": bench.keys.device, "generation": 0, "epoch": bench.keys.epoch,
        "fingerprint": server.invitation.fingerprint, "enrolment": str(tmp_path / "van.enrolment"),
    }  # fmt: skip


def test_secrets_are_asked_for_and_not_shown(
    bench: Bench, server: Server, tmp_path: Path, answering: list[tuple[str, bool]]
) -> None:
    """Key and password by hidden prompts, only where they are needed."""
    words = ["--wifi-ssid", "depot", "--broker", "broker.example:1884", "--broker-user", "van"]
    said = run(tmp_path, *words)
    assert said.exit_code == 0, said.output
    assert answering == [("Key of the Wi-Fi network", True), ("Password at the broker", True)]
    assert (bench.settings["wifi"]["key"], bench.settings["broker"]["password"]) == (SECRET, SECRET)
    assert (bench.settings["broker"]["port"], bench.settings["board"]) == (1884, "esp32s3")
    assert SECRET not in said.output


@pytest.mark.parametrize("nobody", ["--json", "no terminal"])
def test_where_nobody_compares_the_fingerprint_is_given_or_waived(
    bench: Bench, server: Server, tmp_path: Path, terminal: list[bool], nobody: str
) -> None:
    """A script that says neither seals to nobody: exit code 2, and the board is not interrupted. Each of both goes on, both do not;
    and where it is waived nobody is told to compare."""
    words = ["--serial", "115200", *(["--json"] if nobody == "--json" else [])]
    terminal.append(nobody == "--json")
    right = ["--fingerprint", server.invitation.fingerprint]
    for more, sentence in (
        ([], "nobody compares the invitation's fingerprint"),
        ([*right, "--trust-invitation"], "leave one"),
    ):
        end = run(tmp_path, *words, *more).exception
        assert isinstance(end, AgentError) and sentence in str(end)
        assert (end.exit_code, bench.typed) == (2, [])
    assert run(tmp_path, *words, *right).exit_code == 0
    said = run(tmp_path, *words, "--trust-invitation", "--again")
    assert said.exit_code == 0 and "compare " not in said.output
    assert server.invitation.fingerprint in said.output


def test_without_a_terminal_nothing_is_asked(
    bench: Bench, server: Server, tmp_path: Path, terminal: list[bool]
) -> None:
    """A pipe is no person: what it holds is not taken for a password."""
    terminal.append(False)
    said = run(tmp_path, "--wifi-ssid", "depot", "--broker", "h", "--trust-invitation")
    assert isinstance(said.exception, AgentError)
    assert "Key of the Wi-Fi network: there is no terminal to ask at; write it into a file for --secrets" in str(
        said.exception
    )
    assert said.exception.exit_code == 2
    assert bench.typed == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--keep"], "write --invitation FILE and --out FILE, or --file FILE"),
        (["--file", "x"], "--file goes with --port, --keep, --again, --wait and --json alone"),
        (["--settings", "x", "--wifi-ssid", "depot"], "--settings goes without the options that say the same"),
        ([], "how does the device reach its server"),
        (["--settings", "/nowhere/board.json"], "cannot be read"),
        (["--serial", "115200", "--fingerprint", "0000 0000 0000 0000"], "swapped or changed on the way"),
    ],
)
def test_options_that_do_not_fit(bench: Bench, server: Server, tmp_path: Path, words: list[str], said: str) -> None:
    """Refused before the board is interrupted, and no file is left."""
    assert run(tmp_path, "--serial", "115200").exit_code == 0
    bench.typed.clear()
    (tmp_path / "van.enrolment").unlink()
    end = run(tmp_path, *words).exception
    assert isinstance(end, AgentError)
    assert said in str(end)
    assert end.exit_code == (10 if "swapped" in said else 2)
    assert bench.typed == []
    assert [path.name for path in tmp_path.iterdir()] == ["van.invitation"]


def test_an_expired_invitation(bench: Bench, tmp_path: Path) -> None:
    """Says to ask for another, before the board is interrupted."""
    (tmp_path / "van.invitation").write_text(Server(life_s=-1).text)
    end = run(tmp_path, "--serial", "115200").exception
    assert isinstance(end, AgentError) and "has expired; ask the server's operator" in str(end)
    assert (end.exit_code, bench.typed) == (1, [])


def test_without_what_seals(bench: Bench, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without the extra says what to install, before anything is read or interrupted."""
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.hpke", None)
    monkeypatch.delattr(primitives, "hpke", raising=False)
    end = run(tmp_path, "--settings", settings(tmp_path)).exception
    assert isinstance(end, AgentError) and "pip install 'byleave[agent]'" in str(end)
    assert bench.typed == []


def test_no_traceback_has_a_secret(
    bench: Bench, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Something that nobody thought of fails in the midst of it: what Python prints then has neither key nor password."""

    def broken(program: str) -> None:
        if program == INSTALL:
            raise SystemError("a bug")

    real = Bench._run
    monkeypatch.setattr(Bench, "_run", lambda self, text: (broken(text), real(self, text))[1])
    end = run(tmp_path, "--settings", settings(tmp_path))
    assert isinstance(end.exception, SystemError)
    told = "".join(traceback.format_exception(end.exception))
    locals_told = "".join(traceback.TracebackException.from_exception(end.exception, capture_locals=True).format())
    root = server.open(tmp_path / "van.enrolment").root
    for text in (told, end.output):
        assert SECRET not in text
        assert root.hex() not in text and repr(root)[2:-1] not in text
    assert repr(root)[2:-1] not in locals_told.split("attempt = ")[1].split("\n")[0]
