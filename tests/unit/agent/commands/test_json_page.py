"""docs/agent-json.md is what the commands print: each field with its type, none that the page lacks, none for nothing."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from agent.board.asking import Board
from agent.cli import build
from agent.commands import agent as group
from agent.enrolment.greeting import Greeting
from agent.examination import monitor
from agent.examination.findings import ok, wrong
from agent.flashing.filing import Sent
from agent.flashing.flashing import Flashed
from agent.flashing.looking import Running
from agent.release import make
from agent.said.log import Line
from agent.said.statuses import Status
from tests.unit.agent.commands.test_secrets import proof_file
from tests.unit.agent.enrolment.bench import Bench, plugged
from tests.unit.agent.enrolment.server import Server
from tests.unit.agent.examination.test_monitor import ASKED, AT_REST, STATUS
from tests.unit.agent.gateway.test_metrics import FIGURES
from tests.unit.agent.release.test_release import small  # noqa: F401 - a fixture

PAGE = Path(__file__).parents[4] / "docs" / "agent-json.md"
Rows = dict[str, str]
DEVICE = Board("pico_w", "abcdefghijklmnop", 0, 20_000)


def page() -> dict[str, Rows]:
    """Type by field, by command."""
    found: dict[str, Rows] = {}
    for section in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
        name = section.partition("\n")[0].strip("`")
        found[name] = dict(re.findall(r"^\| `([^`]+)` \| ([^|]+?) \|", section, re.MULTILINE))
        assert len(found[name]) == section.count("\n| `"), name  # each row is read, and none twice
    return found


def kind(value: object) -> str:
    """In the page's words."""
    if isinstance(value, list):
        return "list of strings" if value and all(isinstance(each, str) for each in value) else "list"
    return {str: "string", bool: "boolean", int: "number", float: "number", dict: "object", type(None): "null"}[
        type(value)
    ]


def fields(value: Any, documented: Rows, at: str = "") -> Iterator[tuple[str, object]]:
    """(path, value) of each field, down to what the page tells of."""
    if isinstance(value, dict) and at and f"{at}{{}}" in " ".join(documented):
        for each in value.values():
            yield from fields(each, documented, f"{at}{{}}")
    elif isinstance(value, dict) and "of numbers" not in documented.get(at, ""):
        for name, each in value.items():
            path = f"{at}.{name}" if at else name
            yield path, each
            yield from fields(each, documented, path)
    elif isinstance(value, list):
        for each in value:
            yield from fields(each, documented, f"{at}[]")


def held(documented: Rows, printed: Any) -> None:
    """What was printed has each field of the page with its type, and no other."""
    found = list(fields(printed, documented))
    assert {path for path, _ in found} - set(documented) == set()
    for path, value in found:
        kinds = documented[path].split(" or ")
        same = kind(value) in kinds or (value == [] and "list of strings" in kinds)
        same = same or ("object of numbers" in kinds and all(kind(each) == "number" for each in dict(value).values()))  # type: ignore[call-overload]
        assert same, (path, value)
    # Each object has all of its fields: what lies in a null, an empty list or an optional object is not missed.
    empty = {path for path, value in found if value in (None, [])}
    absent = {path for path in documented if path not in {path for path, _ in found}}
    for path in absent:
        optional = "left out" in documented[path] or any(path.startswith((f"{each}.", f"{each}[]")) for each in empty)
        behind = any(path.startswith((f"{each}.", f"{each}[]")) for each in absent if each != path)
        assert optional or behind, path


def run(*words: str, code: int = 0) -> Any:
    """The object that `byleave agent … --json` prints."""
    done = CliRunner().invoke(build("agent"), ["agent", *words, "--json"])
    assert getattr(done.exception, "exit_code", done.exit_code) == code, (done.output, done.exception)
    return json.loads(done.stdout)


def instead(monkeypatch: pytest.MonkeyPatch, module: str, name: str, found: Callable[..., Any]) -> None:
    """A command's module calls this in place of what would need a board."""
    monkeypatch.setattr(importlib.import_module(module), name, found)


def test_each_command_is_on_the_page() -> None:
    """All that have --json, and no other."""
    with_json = {command.callback.__name__ for command in group.registered_commands if command.callback} - {"names"}
    assert {name.split()[0] for name in page()} == with_json


def test_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Listed, asked, and one that does not answer."""
    row = {"port": "/dev/ttyACM0", "usb": "2e8a:0005", "board": "pico_w"}
    instead(monkeypatch, "agent.commands.ports", "find_ports", lambda: [row])
    held(page()["ports"], run("ports"))
    instead(
        monkeypatch,
        "agent.commands.ports",
        "running",
        lambda port: Running("pico_w", "Pico W", "1.29.0", "0.1.0", True),
    )
    printed = run("ports", "--look")
    held(page()["ports"], printed)
    assert printed["ports"][0]["runs"]["enrolled"] is True
    monkeypatch.undo()
    held(page()["ports"], run("ports", "--look", "--port", "/dev/pts/nobody"))


def test_flash(monkeypatch: pytest.MonkeyPatch) -> None:
    """Into a slot, and as files."""
    for slot in (1, None):
        sent = Sent("slot" if slot else "files", slot, 10, 20, 30)
        done = Flashed("pico_w", "0.1.0", 1, sent, 4.5, True, "started 0.1.0")
        instead(monkeypatch, "agent.flashing.flashing", "flash", lambda *words, done=done, **named: done)
        held(page()["flash"], run("flash", "--port", "p"))


def test_enrol(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By an invitation to a board, and a prepared file."""
    plugged(Bench(), monkeypatch)
    server = Server()
    (tmp_path / "van.invitation").write_text(server.text + "\n")
    settings = tmp_path / "board.json"
    settings.touch(0o600)
    settings.write_text(
        json.dumps({"wifi": {"ssid": "d", "key": "a key of it"}, "broker": {"host": "h", "port": 1883}})
    )
    words = ["enrol", "--port", "port", "--invitation", str(tmp_path / "van.invitation"), "--settings", str(settings)]
    printed = run(*words, "--out", str(tmp_path / "out"), "--fingerprint", server.invitation.fingerprint)
    held(page()["enrol"], printed)
    assert "fingerprint" in printed
    instead(monkeypatch, "agent.enrolment.enrolment", "enrol", lambda *words, **named: DEVICE)
    printed = run("enrol", "--port", "port", "--file", "van.enrolment")
    held(page()["enrol"], printed)
    assert printed["file_deleted"] is True


def test_greet(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a board opened."""
    instead(monkeypatch, "agent.enrolment.greeting", "greet", lambda *words: Greeting(DEVICE, 1, 0))
    held(page()["greet"], run("greet", "--port", "p", "--answer", "a"))


def test_doctor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Findings, and the code of one that is wrong."""
    found = [ok("board", "there"), wrong("keys", "damaged", "mend it")]
    instead(monkeypatch, "agent.commands.doctor", "examine", lambda *words: found)
    printed = run("doctor", "--port", "p", code=11)
    held(page()["doctor"], printed)
    assert printed["findings"][0]["do"] == ""


def test_monitor(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a status, and before one came; and --once with and without a program at work."""
    status = Status.read(STATUS)
    assert status is not None

    class Watching:
        def __init__(self, port: str, told: Callable[[Line], None], *words: Any, **named: Any) -> None:
            told(Line("contact", "contact"))
            self.watched = monitor.Watched(1, 0, 0, told_status.pop())

        def watch(self, for_s: float | None) -> None:
            pass

    told_status = [None, status]
    instead(monkeypatch, "agent.commands.monitor", "Monitor", Watching)
    for _ in range(2):
        held(page()["monitor"], run("monitor", "--port", "p"))
    at_rest = monitor.status_of(AT_REST)
    for each in (monitor.joined(at_rest, ASKED), at_rest, None):
        instead(monkeypatch, "agent.commands.monitor", "once", lambda port, each=each: each)
        held(page()["monitor --once"], run("monitor", "--port", "p", "--once"))


def test_proof(tmp_path: Path) -> None:
    """A file alone. What `reset` and `proof --port` print is held against the page in test_reset.py, where a board is emptied."""
    held(page()["proof"], run("proof", str(proof_file(tmp_path))))


def test_gateway(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its figures, a check of a broker that is not there, and its unit."""
    instead(monkeypatch, "agent.gateway.service", "ask", lambda folder: json.loads(json.dumps(asdict(FIGURES))))
    held(page()["gateway --status"], run("gateway", "--status", "--spool", str(tmp_path)))
    check = [
        "gateway",
        "--check",
        "--broker",
        "127.0.0.1:9",
        "--port",
        "/dev/none*",
        "--spool",
        str(tmp_path / "spool"),
    ]
    held(page()["gateway --check"], run(*check, code=11))
    held(page()["gateway --unit"], run("gateway", "--unit"))


def test_release(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, small: Path) -> None:  # noqa: F811
    """Of a firmware of few modules."""
    real = make.make
    instead(monkeypatch, "agent.release.make", "make", lambda board, out, parts=None: real(board, out, folder=small))
    held(page()["release"], run("release", "--board", "pico_w", "--out", str(tmp_path / "out")))


def test_a_page_that_is_not_so_is_seen() -> None:
    """A field too many, too few, or of another type: one thing each of a page that holds."""
    documented = {"a": "list", "a[].b": "string", "c": "number or null", "c.d": "string", "e": "string or left out"}
    sound = {"a": [{"b": "x"}], "c": None}
    held(documented, sound)
    for printed in (
        {**sound, "f": 1},
        {"a": [{"b": "x"}]},
        {**sound, "a": [{"b": 1}]},
        {**sound, "a": [{}]},
        {**sound, "c": "x"},
    ):
        with pytest.raises(AssertionError):
            held(documented, printed)
