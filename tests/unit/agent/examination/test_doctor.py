"""The doctor around its findings: the command, what is typed, and how a board is left.

The parts themselves are asked in tests/system/test_board_doctor.py.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from agent.board import console, programs, typed
from agent.cli import build
from agent.errors import AgentConfigError, AgentError, BoardRefused, Findings, LinkLost
from agent.examination import brokers, chip, doctor, links, monitor, sensors, storage
from agent.examination.doctor import Wish
from agent.examination.findings import (
    BOARD,
    NOT_ASKED,
    OK,
    SEEN_CHARS,
    WRONG,
    Device,
    Finding,
    not_asked,
    ok,
    wrong,
)
from agent.examination.releases import version_of
from agent.release import make
from agent.release.names import Names
from hw_sim.interpreter.installed import Installed

GIVEN = Device("esp32s3", enrolled=False, settings={"wifi": {"ssid": "depot", "key": "secret-key"}}, given=True)
TYPED = {
    "identity": chip.IDENTITY,
    "slots": chip.SLOTS,
    "memory": chip.MEMORY,
    "clock": chip.CLOCK,
    "battery": BOARD + chip.BATTERY,
    "pins": BOARD + chip.PINS,
    "logs": BOARD + storage.LOGS,
    "spool": BOARD + storage.SPOOL,
    "waiting": BOARD + storage.WAITING,
    "files": storage.FILES,
    "known": BOARD + doctor.KNOWN,
    "unpowered": BOARD + doctor.UNPOWERED,
    "reset": doctor.RESET,
    "join": GIVEN.told + links.JOIN,
    "broker": brokers.program(GIVEN),
    "modem": BOARD + links.MODEM,
    "modem off": BOARD + links.MODEM_OFF,
    "serial": GIVEN.told + links.SERIAL.format(ping=b"", there=b"", away=b""),
    "receiver": BOARD + sensors.RECEIVER.format(standby=1, sleep=b""),
    "at rest": BOARD + monitor.AT_REST,
    **{
        name: BOARD + sensors.SENSOR.format(nobody=1, tells=each.tells, name="light")
        for name, each in sensors.CHIPS.items()
    },
}


def test_a_release_keeps_each_name_that_is_typed() -> None:
    """What the doctor and the monitor type is the same in a release's short names, and small enough for any board."""
    installed = Installed()
    installed.add(make.firmware_folder(), "auto")
    names = Names.read(installed.built().names.read_bytes())
    assert len(names.short) > 300
    for name, program in TYPED.items():
        assert names.program(program.encode()).decode() == program, name
        assert len(program) < 2500, name
        compile(program, name, "exec")


class FakeConsole:
    """A console of which each program fails, but for what `says` has."""

    port = "port"

    def __init__(self, says: dict[str, str | AgentError]) -> None:
        self._says = says
        self.done: list[str] = []

    def run(self, code: str) -> str:
        said = self._says.get(code, BoardRefused("the board says: OSError: 5"))
        self.done.append("unpowered" if doctor.UNPOWERED in code else "wiped" if code == typed.WIPE else "asked")
        if isinstance(said, AgentError):
            raise said
        return said

    def hold(self) -> None:
        self.done.append("held")

    def interrupt(self) -> None:
        self.done.append("stopped")

    def leave(self, code: str) -> None:
        assert code == doctor.RESET
        self.done.append("started")

    def close(self) -> None:
        self.done.append("closed")


HERE: dict[str, str | AgentError] = {
    programs.REACH: "",
    chip.IDENTITY: json.dumps(["board", "1.29.0", 1, "/slot/firmware/__init__.mpy", "0.1.0", 1]),
    chip.SLOTS: "null",
    BOARD + doctor.UNPOWERED: "null",
    typed.WIPE: "",
}


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, FakeConsole]]:
    """`there["port"]` is what the doctor finds."""
    there: dict[str, FakeConsole] = {}
    monkeypatch.setattr(doctor, "Console", lambda port: there[port])
    yield there


def run(*words: str) -> Result:
    """The command."""
    return CliRunner().invoke(build(), ["agent", "doctor", "--port", "port", *words])


def test_the_board_is_left_as_it_was(plugged: dict[str, FakeConsole]) -> None:
    """Unpowered, its memory wiped, started, let go; whatever was found, and also when somebody ends it by Ctrl-C. Its watchdog
    is held before anything else."""
    plugged["port"] = board = FakeConsole(HERE)
    assert WRONG in {finding.state for finding in doctor.examine("port", Wish())}
    assert board.done[0] == "held"
    assert board.done[-4:] == ["unpowered", "wiped", "started", "closed"]

    def told(finding: Finding) -> None:
        raise KeyboardInterrupt

    plugged["port"] = board = FakeConsole(HERE)
    with pytest.raises(KeyboardInterrupt):
        doctor.examine("port", Wish(), told)
    assert board.done[-4:] == ["unpowered", "wiped", "started", "closed"]


GARBAGE = [
    "null",
    "[]",
    "5",
    '"x"',
    '{"a": 1}',
    "[[[]]]",
    "[1, 2, 3, 4, 5, 6]",
    "[null, null]",
    '["says"]',
    "",
    "no JSON",
    "1e999",
]


@pytest.mark.parametrize("answer", GARBAGE)
@pytest.mark.parametrize("reach", [True, False], ids=["known", "unknown"])
def test_answers_of_another_form_are_findings(answer: str, reach: bool) -> None:
    """A board that says anything to everything, or to all behind the first questions: no exception leaves, nothing is well."""

    class Odd(FakeConsole):
        def run(self, code: str) -> str:
            known = {
                BOARD + doctor.KNOWN: json.dumps(["esp32s3", True, 20000, {"battery": {}, "parts": 5, "wifi": {}}]),
                chip.IDENTITY: HERE[chip.IDENTITY],
            }
            return str(known[code]) if reach and code in known else answer

    found = list(doctor.examined(Odd({}), Wish(receiver=True), 20000 * 86_400))
    assert {finding.state for finding in found} <= {OK, WRONG, NOT_ASKED}
    assert any(finding.state == WRONG for finding in found)
    assert all(finding.do for finding in found if finding.state == WRONG)


def test_a_board_that_goes_away_is_told(plugged: dict[str, FakeConsole]) -> None:
    """Nothing more is typed, and the exit code is that of a lost link, not of a finding."""
    plugged["port"] = board = FakeConsole({**HERE, chip.MEMORY: LinkLost("port: went away")})
    done = run()
    assert isinstance(done.exception, LinkLost)
    assert board.done[-2:] == ["asked", "closed"]


def test_the_command_tells_findings_and_ends_with_11(plugged: dict[str, FakeConsole]) -> None:
    """For people a line each and what to do, for machines one object; code 11 either way."""
    plugged["port"] = FakeConsole(HERE)
    done = run("--quick")
    assert isinstance(done.exception, Findings) and done.exception.exit_code == 11
    assert "ok    release" in done.stdout and "in a slot" in done.stdout
    assert "WRONG keys" in done.stdout and "do: " in done.stdout
    plugged["port"] = FakeConsole(HERE)
    done = run("--json")
    found = json.loads(done.stdout)
    assert found["wrong"] > 0 and {row["state"] for row in found["findings"]} <= {OK, WRONG, NOT_ASKED}
    assert all(row["do"] for row in found["findings"] if row["state"] == WRONG)


def test_a_healthy_board_ends_with_0(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing wrong, something not asked: that is no failure."""
    found = [ok("board", "there"), not_asked("radio", "--quick leaves it out")]
    command = importlib.import_module("agent.commands.doctor")  # the package has the function under that name
    monkeypatch.setattr(command, "examine", lambda port, wish, told: [told(each) or each for each in found])
    done = run("--quick")
    assert done.exit_code == 0
    assert done.stdout.endswith("nothing wrong of 1 part, 1 not asked\n")


@pytest.mark.parametrize(("count", "seen"), [(1, "1 envelope waits"), (2, "2 envelopes wait")])
def test_one_envelope_waits_and_two_wait(count: int, seen: str) -> None:
    """Noun and verb go with the number."""
    board = FakeConsole({BOARD + storage.SPOOL: "[124, 0, 1]", BOARD + storage.WAITING: f"[{count}, 0, 8192]"})
    finding = storage.spool(board, Device("pico_w", enrolled=True))
    assert finding == ok("spool", f"{seen}, 0 given up, 8 KiB free")


def test_settings_of_a_file_are_as_private_as_they_should_be(plugged: dict[str, FakeConsole], tmp_path: Path) -> None:
    """A file that others may read is refused before the board is touched; the key in it is in no text of the wish."""
    file = tmp_path / "board.json"
    file.write_text(json.dumps(GIVEN.settings | {"broker": {"host": "b", "port": 1883}}))
    file.chmod(0o644)
    done = run("--settings", str(file))
    assert isinstance(done.exception, AgentConfigError) and "others" in str(done.exception)
    for text in (repr(GIVEN), repr(Wish(settings=GIVEN.settings)), str(done.exception)):
        assert "secret-key" not in text


def test_sentences_are_bounded() -> None:
    """Whatever a board says."""
    assert len(ok("board", "x" * 1000).seen) == len(wrong("board", "x" * 1000, "do").seen) == SEEN_CHARS


MANIFEST = bytes.fromhex("92c40d 9701 a5") + b"board" + b"\xa3" + b"1.2"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"1.2", b"1.\n"),
        (b"\xa31.2", b"\xa41.2"),
        (b"\xa31.2", b"\xa0"),
        (b"\xa31.2", b""),
        (b"\x97\x01", b"\x97\x02"),
        (b"\x92\xc4", b"\x92\xc5"),
        (b"board", b""),
        (MANIFEST, b""),
    ],
)
def test_versions_of_manifests(old: bytes, new: bytes) -> None:
    """The name in a signed manifest, and nothing of what is cut, or has a control character in its place."""
    assert version_of(MANIFEST) == "1.2"
    assert old in MANIFEST
    assert version_of(MANIFEST.replace(old, new)) == ""


def test_the_doctors_waits_end_before_the_consoles() -> None:
    """Each program is over before the console takes the board for lost: its sleeps are counted."""
    join = 60 * 0.2
    modem = 16 + 6
    receiver = 0.4 + 4 * 1.3 + 0.7
    serial = 40 * 0.1
    assert max(join, modem, receiver, serial) < console.RUN_S - 5
    assert "range(60)" in links.JOIN and "sleep_ms(200)" in links.JOIN
    assert "16000" in links.MODEM and "6000" in links.MODEM
