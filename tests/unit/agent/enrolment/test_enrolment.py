"""Enrolment by the agent: the file, and the order of things. The board itself is in tests/system/test_shell.py."""

from __future__ import annotations

import ast
import hashlib
import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.board import console
from agent.board.programs import REACH
from agent.board.typed import DIGEST, LOOK, literal
from agent.cli import build
from agent.enrolment import enrolment
from agent.enrolment.enrolment import FILE_LIMIT_BYTES, EnrolmentFile, enrol
from agent.errors import AgentError, AlreadyEnrolled, BoardRefused, EnrolmentFileError, LinkLost, NoFirmware
from agent.reset.factory import RESET

DEVICE, OTHER = "abcdefghijklmnop", "qrstuvwxyz234567"
ROOT = bytes(range(32, 64))
DATA = b"\x97\x01\xb0" + DEVICE.encode() + b"\xc4\x20" + ROOT + b"\x00\xcd\x50\x00\xce\x65\x00\x00\x00\xa2{}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An enrolment file as `byleave sync enrol` writes it."""
    path = tmp_path / "van.enrolment"
    path.touch(mode=0o600)
    path.write_bytes(DATA)
    return path


class FakeBoard:
    """A console that does what it is told; `takes` False for one whose flash does not hold, `fails` for what ends by an error."""

    def __init__(
        self,
        device: str = "",
        *,
        takes: bool = True,
        says: str = "",
        known: bool = True,
        fails: dict[str | bytes, AgentError] | None = None,
    ) -> None:
        self.port, self._device, self._takes, self._says, self._known = "port", device, takes, says, known
        self._fails = fails or {}
        self.typed: list[str | bytes] = []
        self.closed, self._heard = False, b""
        self.at_prompt, self.held = True, False

    def run(self, code: str | bytes) -> str:
        if code == REACH:
            return ""
        self.typed.append(code)
        if code in self._fails:
            raise self._fails[code]
        if code == enrolment._INSTALL and self._takes:
            self._device = DEVICE
        if code == DIGEST:
            return json.dumps(hashlib.sha256(self._heard).hexdigest())
        if isinstance(code, bytes):
            self._heard = ast.literal_eval(code.decode().removeprefix("e = bytearray(")[:-1])
        return json.dumps(["esp32s3", self._device, 0, 20000] if self._known else None)

    def hold(self) -> None:
        """A watchdog of the running program."""
        self.held = True

    def interrupt(self) -> None:
        """It is at its prompt."""
        self.typed.append("interrupt")

    def leave(self, code: str) -> None:
        self.at_prompt = False
        self.typed.append(code)

    def restart(self) -> str:
        self.at_prompt = False
        self.typed.append("restart")
        if "restart" in self._fails:
            raise self._fails["restart"]
        return self._says

    def close(self) -> None:
        self.closed = True

    def plugged(self, patch: pytest.MonkeyPatch) -> FakeBoard:
        patch.setattr(enrolment, "Console", lambda port: self)
        patch.setattr(enrolment, "empty", lambda prompt: (self.typed.append("emptied"), self.hold()))
        return self


def test_a_board_is_enrolled_and_the_file_is_gone(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes, installation, a second look, the wipe, the start; then the file is overwritten and deleted."""
    (file.parent / "hard-link").hardlink_to(file)
    board = FakeBoard().plugged(monkeypatch)
    assert enrol("port", file).device == DEVICE
    look = LOOK
    assert board.typed == [look, LITERAL, DIGEST, enrolment._INSTALL, look, enrolment._WIPE, look, "restart"]
    assert board.closed
    assert not file.exists()
    assert (file.parent / "hard-link").read_bytes() == bytes(len(DATA))


def test_keep_keeps_it(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `keep` the file stays as it was."""
    FakeBoard().plugged(monkeypatch)
    enrol("port", file, keep=True)
    assert file.read_bytes() == DATA


def test_another_device_is_replaced_only_when_asked(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A board that is a device stays it and goes on with its work, and the file stays; with `again` it becomes the new one."""
    board = FakeBoard(OTHER).plugged(monkeypatch)
    with pytest.raises(AlreadyEnrolled, match=f"{OTHER} already"):
        enrol("port", file)
    assert board.typed == [LOOK, "restart"]
    assert file.exists()
    board.typed.clear()
    assert enrol("port", file, again=True).device == DEVICE
    # Emptied before anything secret is in its memory; also where an earlier try was cut off behind its keys.
    assert board.typed[:3] == [LOOK, "emptied", LITERAL]
    cut = FakeBoard("").plugged(monkeypatch)
    file.touch(mode=0o600)
    file.write_bytes(DATA)
    assert enrol("port", file, again=True).device == DEVICE
    assert "emptied" in cut.typed


def test_the_same_device_is_only_started(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a cable pulled too early for the answer, the next try installs nothing again [new numbers from 0 under old keys];
    what the first one left in memory it wipes."""
    board = FakeBoard(DEVICE).plugged(monkeypatch)
    assert enrol("port", file).device == DEVICE
    assert board.typed == [LOOK, enrolment._WIPE, LOOK, "restart"]
    assert not file.exists()


@pytest.mark.parametrize(
    ("board", "error"),
    [
        (FakeBoard(takes=False), BoardRefused),
        (FakeBoard(says="not started: settings lack wifi"), BoardRefused),
        (FakeBoard(known=False), NoFirmware),
    ],
    ids=["flash", "start", "firmware"],
)
def test_a_board_that_does_not_become_it_leaves_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch, board: FakeBoard, error: type[Exception]
) -> None:
    """What was not verified is not done: the file stays for the next try, and the port is let go."""
    board.plugged(monkeypatch)
    with pytest.raises(error):
        enrol("port", file)
    assert file.read_bytes() == DATA
    assert board.closed


LITERAL = bytes(literal(DATA))
NO_POWER = "root key may still be in the board's memory.*take all its power away"


@pytest.mark.parametrize("at", [LITERAL, enrolment._INSTALL], ids=["bytes", "install"])
@pytest.mark.parametrize("also", [{}, {"restart": LinkLost("gone")}], ids=["starts", "does not start"])
def test_a_refusal_is_wiped_from_memory(
    file: Path, monkeypatch: pytest.MonkeyPatch, at: str | bytes, also: dict[str | bytes, AgentError]
) -> None:
    """Once bytes went to the board, its error is told after the wipe and a restart, as it was [a root left in a memory]."""
    refusal = BoardRefused("the board says: MemoryError")
    board = FakeBoard(fails={at: refusal, **also}).plugged(monkeypatch)
    with pytest.raises(BoardRefused) as error:
        enrol("port", file)
    assert error.value is refusal
    assert board.typed[-3:] == [at, enrolment._WIPE, "restart"]
    assert file.read_bytes() == DATA


def test_a_replacement_that_is_refused_or_does_not_start_is_reset(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `--again` held is a watchdog that only a hard reset stops; where the board is no device any more, that is said."""
    refusal = BoardRefused("the board says: WireError")
    refusing = FakeBoard(OTHER, fails={enrolment._INSTALL: refusal}).plugged(monkeypatch)
    with pytest.raises(BoardRefused, match=r"^the board says: WireError\. .*is erased, .*reset and is no device"):
        enrol("port", file, again=True)
    assert refusing.typed[-2:] == [enrolment._WIPE, RESET]
    silent = FakeBoard(OTHER, says="not started: settings lack wifi").plugged(monkeypatch)
    with pytest.raises(BoardRefused, match="enrolled and does not start"):
        enrol("port", file, again=True)
    assert silent.typed[-3:] == ["restart", "interrupt", RESET]


def test_a_check_that_fails_is_wiped_from_memory(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A board whose flash does not hold has the bytes in its memory all the same."""
    board = FakeBoard(takes=False).plugged(monkeypatch)
    with pytest.raises(BoardRefused, match="try again"):
        enrol("port", file)
    assert board.typed[-2:] == [enrolment._WIPE, "restart"]


@pytest.mark.parametrize("wipe", [BoardRefused("the board says: NameError"), LinkLost("gone")], ids=["fails", "lost"])
def test_a_wipe_that_fails_is_told(file: Path, monkeypatch: pytest.MonkeyPatch, wipe: AgentError) -> None:
    """The first error keeps its code and sentence, and says what is still to do."""
    refusal = BoardRefused("the board says: MemoryError")
    FakeBoard(fails={enrolment._INSTALL: refusal, enrolment._WIPE: wipe}).plugged(monkeypatch)
    with pytest.raises(BoardRefused, match=f"^the board says: MemoryError.*{NO_POWER}"):
        enrol("port", file)


@pytest.mark.parametrize("at", [LITERAL, enrolment._INSTALL, enrolment._WIPE], ids=["bytes", "install", "wipe"])
def test_a_lost_link_says_to_take_the_power_away(file: Path, monkeypatch: pytest.MonkeyPatch, at: str | bytes) -> None:
    """There is nothing to wipe by: only without power does a memory forget. Nothing more is typed."""
    board = FakeBoard(fails={at: LinkLost("port: went away")}).plugged(monkeypatch)
    with pytest.raises(LinkLost, match=f"^port: went away.*{NO_POWER}") as error:
        enrol("port", file)
    assert error.value.exit_code == 9
    assert board.typed[-1] == at


def test_a_link_lost_before_the_bytes_says_no_more(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A board that was only looked at holds nothing."""
    FakeBoard(fails={LOOK: LinkLost("port: went away")}).plugged(monkeypatch)
    with pytest.raises(LinkLost, match=r"^port: went away$"):
        enrol("port", file)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o610])
def test_a_file_that_others_may_use_is_refused(file: Path, mode: int) -> None:
    """Any right of group or others is one too many; the sentence says what to do."""
    assert EnrolmentFile.read(file).device == DEVICE
    file.chmod(mode)
    with pytest.raises(EnrolmentFileError, match=r"others on this machine.*enrol anew.*chmod 600"):
        EnrolmentFile.read(file)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        DATA[:-1],
        DATA[:62],
        DATA[:60],
        DATA + b"\x00",
        b"\x96" + DATA[1:],
        b"\x97\x02" + DATA[2:],
        DATA[:3] + b"A" + DATA[4:],
        DATA[:19] + b"\xc4\x21" + DATA[21:],
        DATA + bytes(FILE_LIMIT_BYTES),
    ],
    ids=[
        "empty",
        "cut",
        "no settings",
        "half a time",
        "a byte more",
        "six fields",
        "version 2",
        "capital letter",
        "root of 33",
        "too long",
    ],
)
def test_a_damaged_file_is_refused_before_the_board_is_touched(
    file: Path, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    """One thing wrong in its form, and no board is interrupted for it; no text holds its bytes."""
    board = FakeBoard().plugged(monkeypatch)
    file.write_bytes(data)
    with pytest.raises(EnrolmentFileError, match="no enrolment, or damaged") as error:
        enrol("port", file)
    assert board.typed == []
    assert ROOT.hex() not in str(error.value)


def test_what_is_no_file_is_refused(file: Path) -> None:
    """A missing one, a folder, a link to another place, a named pipe."""
    link, pipe = file.parent / "link", file.parent / "pipe"
    link.symlink_to(file)
    os.mkfifo(pipe, 0o600)
    for path in (file.parent / "gone", file.parent, link, pipe):
        with pytest.raises(EnrolmentFileError):
            EnrolmentFile.read(path)


def test_its_bytes_are_in_no_text_of_it(file: Path) -> None:
    """A log or a traceback that shows the object shows no key."""
    assert repr(ROOT)[2:-1] not in repr(EnrolmentFile.read(file))
    assert "path=" in repr(EnrolmentFile.read(file))


def test_the_command_says_what_it_did(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a person in words, with --json as one object; neither says a key."""
    FakeBoard().plugged(monkeypatch)
    run = CliRunner().invoke
    words = ["agent", "enrol", "--port", "port", "--file", str(file)]
    told = run(build(), [*words, "--keep"])
    assert told.exit_code == 0
    assert f"esp32s3 at port is device {DEVICE}" in told.output
    assert "kept" in told.output
    figures = json.loads(run(build(), [*words, "--json"]).output)
    expected = {"port": "port", "board": "esp32s3", "device": DEVICE, "generation": 0, "epoch": 20000}
    assert figures == {**expected, "file_deleted": True}


def test_what_a_board_says_is_made_fit_to_print() -> None:
    """Control characters of a board move no cursor, and a flood of text ends."""
    assert console._printable(b"\x1b[2Jgone\r\n\xff") == "[2Jgone  \ufffd"
    assert len(console._printable(b"x" * 5000)) == console.SAID_CHARS
