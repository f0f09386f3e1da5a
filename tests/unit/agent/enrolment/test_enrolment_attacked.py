"""Enrolment with somebody against it: a lying board, a swapped invitation, a Ctrl-C in the midst of it, odd names and words."""

from __future__ import annotations

import importlib
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from agent.board import console
from agent.board.typed import HELLO, INSTALL, LOOK, WIPE, literal
from agent.cli import build
from agent.commands.enrol import _about
from agent.enrolment import greeting, invited
from agent.enrolment.invitation import Invitation
from agent.enrolment.settings import checked
from agent.errors import AgentConfigError, AgentError, BoardRefused, EnrolmentFileError, LinkLost, NotProven
from tests.unit.agent.enrolment.bench import Bench, note_of, plugged
from tests.unit.agent.enrolment.pulling import SETTINGS
from tests.unit.agent.enrolment.server import Server
from tests.unit.agent.enrolment.test_settings import certificate

ESCAPE = "\x1b[2J"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A board that nobody has enrolled, at the port "port"."""
    yield plugged(Bench(), monkeypatch)


def answering(patch: pytest.MonkeyPatch, program: str, answer: Any, after: str = "") -> list[str]:
    """The board lies to this program, once `after` has run; what ran."""
    run, ran = console.Console.run, [""]

    def lie(self: console.Console, code: str) -> str:
        ran.append(code)
        return json.dumps(answer) if code == program and after in ran else run(self, code)

    patch.setattr(console.Console, "run", lie)
    return ran


@pytest.mark.parametrize(
    "answer",
    [["esp32s3" + ESCAPE, "", 0, 1], ["esp32s3", ESCAPE, 0, 1], ["esp32s3", "a" * 17, 0, 1], ["x" * 33, "", 0, 1]],
    ids=["board", "device", "long device", "long board"],
)
def test_what_a_board_calls_itself_moves_no_terminal(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: list[Any]
) -> None:
    """No sentence of enrol or greet holds a word that is no board's or no pseudonym."""
    answering(monkeypatch, LOOK, answer)
    path = tmp_path / "van.answer"
    path.write_bytes(greeting.MAGIC + b"\x00\x28" + bytes(40))
    for act in (
        lambda: invited.enrol("port", Server().invitation, SETTINGS, tmp_path / "out"),
        lambda: greeting.greet("port", path),
    ):
        with pytest.raises(LinkLost, match="garbled"):
            act()


def test_a_board_that_becomes_another_at_the_end(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not said to be a device that is not in the file."""
    answering(monkeypatch, LOOK, ["esp32s3", "b" * 16, 0, 1], after=WIPE)
    with pytest.raises(BoardRefused, match="is not that device"):
        invited.enrol("port", Server().invitation, SETTINGS, tmp_path / "out")


@pytest.mark.parametrize("program", [INSTALL, HELLO], ids=["install", "hello"])
def test_ctrl_c_leaves_no_root_in_the_boards_memory(bench: Bench, tmp_path: Path, program: str) -> None:
    """Its memory is overwritten and it starts; the same command ends well."""
    server, out, run = Server(), tmp_path / "out", console.Console.run

    def stop(self: console.Console, code: str) -> str:
        if code == program:
            raise KeyboardInterrupt
        return run(self, code)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(console.Console, "run", stop)
        with pytest.raises(KeyboardInterrupt):
            invited.enrol("port", server.invitation, SETTINGS, out)
    assert (bench.typed[-1], bench.started, "e" in bench.scope) == (WIPE, 1, False)
    invited.enrol("port", server.invitation, SETTINGS, out)
    assert server.open(out).device == bench.keys.device


def test_ctrl_c_at_a_board_that_is_gone_is_told(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where its memory cannot be overwritten any more, the sentence says so."""
    run = console.Console.run

    def stop(self: console.Console, code: str) -> str:
        if code == INSTALL:
            bench.away = True
            raise KeyboardInterrupt
        return run(self, code)

    monkeypatch.setattr(console.Console, "run", stop)
    with pytest.raises(LinkLost, match="take all its power away"):
        invited.enrol("port", Server().invitation, SETTINGS, tmp_path / "out")


def test_after_an_answer_that_is_none_the_memory_is_overwritten(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The board is still there: that one sentence of it came garbled is no reason to leave the root with it."""
    answering(monkeypatch, HELLO, "no hello")
    with pytest.raises(LinkLost, match="garbled"):
        invited.enrol("port", Server().invitation, SETTINGS, tmp_path / "out")
    assert (bench.typed[-1], bench.started) == (WIPE, 1)


@pytest.mark.parametrize("out", [".", "", "/"])
def test_a_name_that_is_none(bench: Bench, out: str) -> None:
    """A sentence, before the board is interrupted."""
    with pytest.raises(EnrolmentFileError, match="choose another --out"):
        invited.enrol("port", Server().invitation, SETTINGS, Path(out))
    assert bench.typed == []


def test_a_note_that_is_written_in_half(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is nearly full takes a part, and says no error: no keys leave this host for a device that is not noted."""
    monkeypatch.setattr(os, "write", lambda descriptor, data, write=os.write: write(descriptor, data[:30]))
    with pytest.raises(AgentError, match="cannot be written"):
        invited.enrol("port", Server().invitation, SETTINGS, tmp_path / "out")
    assert not bench.keys.enrolled


def test_a_private_key_does_not_go_to_the_board() -> None:
    """A PEM file with certificate and key, as some tools write them, is no certificate of an authority."""
    ca = certificate()
    broker = {"host": "h", "port": 8883, "tls": True, "ca": ca}
    checked({"wifi": {"ssid": "depot", "key": ""}, "broker": broker})
    broker["ca"] = ca + "-----BEGIN PRIVATE KEY-----\nMC4=\n-----END PRIVATE KEY-----\n"
    with pytest.raises(AgentConfigError, match=r"broker.ca .*private key"):
        checked({"wifi": {"ssid": "depot", "key": ""}, "broker": broker})


def test_words_of_any_kind_arrive_as_they_are(bench: Bench, tmp_path: Path) -> None:
    """Nothing in a password or a name ends the text that is typed, or is taken for a program."""
    draw = random.Random(1)
    for _ in range(300):
        data = draw.randbytes(draw.randrange(80))
        assert eval(bytes(literal(data)).removeprefix(b"e = ")) == data  # noqa: S307 - what a board does with it
    words = [
        '"); import os #',
        "'\\\"\\x00\n\r\t\x03\x04\x01\0",
        "пароль 🔑\u2028\u202e",
        "\\u0041\\",
        "{}%s" + "ü" * 60,
    ]
    for n, word in enumerate(words):
        broker = {"host": "h", "port": 1883, "user": word, "password": word}
        wifi = {"ssid": "ü" * 16, "key": "\"'\\); #x\\n"}
        invited.enrol(
            "port", Server().invitation, checked({"wifi": wifi, "broker": broker}), tmp_path / str(n), again=True
        )
        assert (bench.settings["broker"], bench.settings["wifi"]) == (broker, wifi)


def test_a_note_of_somebody_else_is_not_believed(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder of many it could say that a board is no device of anybody's, or that their file is whole."""
    note_of(tmp_path / "out").touch()
    user = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: user)
    with pytest.raises(EnrolmentFileError, match="somebody else's; choose another --out"):
        invited.enrol("port", Server().invitation, SETTINGS, tmp_path / "out")
    assert (bench.typed, note_of(tmp_path / "out").exists()) == ([], True)


def test_without_any_input_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Started with its input closed, by cron for instance."""
    command = importlib.import_module("agent.commands.enrol")
    monkeypatch.setattr(command, "sys", SimpleNamespace(stdin=None))
    with pytest.raises(AgentConfigError, match="no terminal to ask at"):
        command._asked("Key")


# --- the invitation


def test_a_name_in_it_is_not_taken_for_its_fingerprint() -> None:
    """Who swaps it knows the fingerprint of the first one, and could write it into the name of theirs."""
    server = Server()
    told = "8e37 6786 2134 b001"
    for name in (f"van, fingerprint {told}: compare it", told.replace(" ", "-"), "８ｅ３７６７８６２１３４ｂ００１"):
        found = server.invitation
        object.__setattr__(found, "controller", name)
        said = _about(found)
        assert said.startswith(f"fingerprint {found.fingerprint}: compare it with")
        assert name not in said and told not in said
    assert 'of "Example Ltd"' in _about(server.invitation)


def test_an_empty_fingerprint_is_compared(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script whose variable is empty is not taken for one that compares nothing."""
    (tmp_path / "van.invitation").write_text(Server().text)
    words = ["--port", "port", "--invitation", str(tmp_path / "van.invitation"), "--out", str(tmp_path / "out")]
    end = CliRunner().invoke(build("agent"), ["agent", "enrol", *words, "--serial", "115200", "--fingerprint", ""])
    assert isinstance(end.exception, NotProven)
    assert bench.typed == []
    monkeypatch.setattr(importlib.import_module("agent.commands.enrol"), "_terminal", lambda: True)
    said = CliRunner().invoke(build("agent"), ["agent", "enrol", *words, "--serial", "115200"]).output
    assert said.count("fingerprint ") == 2  # before, and at the end, while the file is still here
    assert "before" in said.splitlines()[-3]


def test_a_clock_that_is_wrong_is_named(tmp_path: Path) -> None:
    """By which day the invitation is over, and that the clock may be what is wrong."""
    path = tmp_path / "van.invitation"
    path.write_text(Server().text)
    with pytest.raises(EnrolmentFileError, match=r"clock, 2065-\d\d-\d\d, .*has expired; ask .*set the clock"):
        Invitation.read(path, now_s=3_000_000_000)
