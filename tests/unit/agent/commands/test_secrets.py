"""What holds for every command of the group `agent`, those that will come too: where secrets may be, and how a command ends."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import os
import pkgutil
import re
import resource
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import pytest
import typer
import typer.main
from typer.testing import CliRunner

import agent
from agent import errors, files
from agent.cli import build, main
from agent.commands import agent as group
from agent.errors import AgentError
from tests.unit.agent.enrolment.server import Server
from tests.unit.agent.reset.proofs import SOUND

REPOSITORY = Path(__file__).parents[4]
SECRET = "hunter2-of-the-depot"
NOBODY = "/dev/pts/nobody"
SECRET_WORDS = {"key", "password", "passphrase", "secret", "secrets", "psk", "pin", "token", "root", "credentials"}
BOARD = {
    "board": "esp32s3",
    "wifi": {"ssid": "depot", "key": SECRET},
    "broker": {"host": "h", "port": 1883, "user": ""},
}
ENROLMENT = b"\x97\x01\xb0" + b"a" * 16 + b"\xc4\x20" + SECRET.encode().ljust(32) + b"\0\0\0\xa2{}"


def options(of: typer.Typer = group) -> list[tuple[str, str, Any, Any]]:
    """(command, option, type of its value, what typer knows of it) for all of them."""
    found = []
    for command in of.registered_commands:
        assert command.callback is not None
        hints = get_type_hints(command.callback, include_extras=True)
        for name, parameter in inspect.signature(command.callback).parameters.items():
            kind, told = get_args(hints[parameter.name])
            found.append((command.callback.__name__, name, kind, told))
    return found


def spelt(of: typer.Typer = group) -> Iterator[tuple[str, Any]]:
    """(command, option or argument as the command line has it) for all of them."""
    for name, command in typer.main.get_command(of).commands.items():  # type: ignore[attr-defined]
        yield from ((name, parameter) for parameter in command.params if parameter.name != "help")


def taking_secrets(of: typer.Typer = group) -> list[tuple[str, str]]:
    """(command, option) of each whose value is a secret by its name, or may come from a variable."""
    found = []
    kinds = {(command, name): str(kind) for command, name, kind, _ in options(of)}
    for command, parameter in spelt(of):
        words = set(re.split(r"[-_ ]", "-".join([parameter.name, *parameter.opts, parameter.metavar or ""]).lower()))
        harmless = getattr(parameter, "is_flag", False) or "Path" in kinds[command, parameter.name]
        if parameter.envvar or (words & SECRET_WORDS and not harmless):
            found.append((command, parameter.name))
    return found


def ended(monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> int:
    """Exit code of `byleave agent …`."""
    monkeypatch.setattr(sys, "argv", ["byleave", "agent", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


def invited(folder: Path, *words: str | Path) -> list[str | Path]:
    """`enrol` by a sound invitation, with these options."""
    path = folder / "van.invitation"
    path.write_text(Server().text)
    return [
        "enrol",
        "--port",
        NOBODY,
        "--invitation",
        path,
        "--out",
        folder / "van.enrolment",
        "--trust-invitation",
        *words,
    ]


def gateway(folder: Path, password: Path) -> list[str | Path]:
    """A configuration that names a file with a password."""
    config = folder / "gateway.toml"
    config.write_text(
        f'ports = ["/dev/pts/none*"]\n[spool]\nfolder = "{folder / "spool"}"\n'
        f'[broker]\nhost = "127.0.0.1"\nport = 9\nuser = "u"\npassword_file = "{password}"\n'
    )
    return ["gateway", "--config", config, "--check"]


def proof_file(folder: Path) -> Path:
    """Of a factory reset, without a board."""
    path = folder / "erased.json"
    path.write_text(json.dumps(SOUND))
    return path


Words = Callable[[Path, Path], list[str | Path]]
# Each option that names a file: None for one that holds no secret; else what is in it, and a command line that reads it.
# A new option is to be put here: whoever adds one says whether a secret is in it.
FILES: dict[tuple[str, str], tuple[bytes, Words] | None] = {
    ("enrol", "file"): (ENROLMENT, lambda folder, path: ["enrol", "--port", NOBODY, "--file", path]),
    ("enrol", "settings"): (json.dumps(BOARD).encode(), lambda folder, path: invited(folder, "--settings", path)),
    ("enrol", "secrets"): (
        f'wifi_key = "{SECRET}"\n'.encode(),
        lambda folder, path: invited(folder, "--wifi-ssid", "depot", "--broker", "h:1883", "--secrets", path),
    ),
    ("doctor", "settings"): (
        json.dumps(BOARD).encode(),
        lambda folder, path: ["doctor", "--port", NOBODY, "--settings", path],
    ),
    # No option, but what the file of one names.
    ("gateway", "password_file"): (SECRET.encode(), gateway),
    ("enrol", "invitation"): None,
    ("enrol", "out"): None,  # written by agent.files.write_private
    ("enrol", "tls_ca"): None,
    ("greet", "answer"): None,  # sealed
    ("proof", "file"): None,
    ("reset", "proof"): None,  # written by agent.files.write_private
    ("monitor", "names"): None,
    ("names", "file"): None,
    ("flash", "image_file"): None,
    ("flash", "release"): None,
    ("flash", "drive"): None,
    ("release", "out"): None,
    ("gateway", "config"): None,
    ("gateway", "spool"): None,
    ("gateway", "tls_ca"): None,
}
READ = {key: found for key, found in FILES.items() if found is not None}


def test_every_option_that_names_a_file_is_known_here() -> None:
    """Walks the commands as they are registered: an option of type path that nobody has judged fails here."""
    paths = {(command, name) for command, name, kind, _ in options() if "Path" in str(kind)}
    assert len(paths) > 8
    assert sorted(paths) == sorted(set(FILES) - {("gateway", "password_file")})


def test_no_option_takes_a_secret_as_its_value() -> None:
    """What is on a command line is in the shell's history and in the list of processes: no option's value is a secret, none comes
    from a variable."""
    assert len(list(spelt())) > 30
    assert taking_secrets() == []


@pytest.mark.parametrize(
    "option",
    [
        typer.Option("--wifi-key"),
        typer.Option("--of-the-broker", metavar="PASSWORD"),
        typer.Option("--pin"),
        typer.Option("--harmless", envvar="BYLEAVE_HARMLESS"),
    ],
    ids=["spelt", "metavar", "short", "variable"],
)
def test_an_option_that_would_take_a_secret_is_seen(option: Any) -> None:
    """However the parameter behind it is called; the same as a switch, or as a file, is none."""

    def harmless(value: str = "") -> None:
        """As a command."""

    for kind, seen in ((str, True), (Path, bool(option.envvar)), (bool, bool(option.envvar))):
        one = typer.Typer()
        one.callback()(lambda: None)
        harmless.__annotations__ = {"value": Annotated[kind, option], "return": None}
        one.command()(harmless)
        assert (taking_secrets(one) == [("harmless", "value")]) is seen, kind


@pytest.mark.parametrize("of", READ, ids="-".join)
def test_a_file_with_a_secret_is_its_owners_alone(
    of: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Readable by others, or a link: refused by name, with 1 or 2, and without a word of what is in it. As 0600 it is read."""
    content, words = READ[of]
    path = tmp_path / "secret"
    path.write_bytes(content)
    path.chmod(0o600)
    line = words(tmp_path, path)
    assert ended(monkeypatch, *line) in (3, 11)  # no such port; no such broker: the file was taken
    said = "".join(capsys.readouterr())
    assert SECRET not in said
    assert "NOT  credentials" not in said
    for mode in (0o640, 0o604, 0o610):
        path.chmod(mode)
        refused(monkeypatch, capsys, line, path)
    path.chmod(0o600)
    path.rename(tmp_path / "behind")
    path.symlink_to(tmp_path / "behind")
    refused(monkeypatch, capsys, line, path)
    path.unlink()
    os.mkfifo(path, 0o600)
    refused(monkeypatch, capsys, line, path)


def refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: list[str | Path], path: Path
) -> None:
    """It ends with 1 or 2 (a check with 11) and a sentence that names the file and nothing of it."""
    checks = "--check" in line
    assert ended(monkeypatch, *line) in ((11,) if checks else (1, 2))
    said = capsys.readouterr()
    assert str(path) in (said.out if checks else said.err)
    assert "NOT  credentials" in said.out or not checks
    assert SECRET not in said.err + said.out


def test_no_dump_of_the_process_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-\\ would write a root or a password to disk, where the system allows core files: whichever command it is."""
    limits: list[Any] = []
    monkeypatch.setattr(resource, "setrlimit", lambda *limit: limits.append(limit))
    for words in (["enrol", "--port", "x"], ["doctor", "--port", "x"], ["gateway", "--check"]):
        limits.clear()
        assert CliRunner().invoke(build("agent"), ["agent", *words]).exit_code != 0
        assert [(kind, soft) for kind, (soft, _) in limits] == [(resource.RLIMIT_CORE, 0)]


def test_what_is_written_is_its_owners_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outputs with something about a device are 0600 whatever the umask, and never written through a link."""
    path, other = tmp_path / "out", tmp_path / "other"
    other.write_text("of somebody")
    path.symlink_to(other)
    before = os.umask(0)
    try:
        files.write_private(path, b"data")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600
    assert not path.is_symlink()
    assert (path.read_bytes(), other.read_text()) == (b"data", "of somebody")


# Command lines that come as far as a port, where there is none.
WITH_PORT: dict[str, Words] = {
    "enrol": lambda folder, path: invited(folder, "--settings", path),
    "doctor": lambda folder, path: ["doctor", "--port", NOBODY],
    "monitor": lambda folder, path: ["monitor", "--port", NOBODY],
    "flash": lambda folder, path: ["flash", "--port", NOBODY, "--board", "esp32s3"],
    "reset": lambda folder, path: ["reset", "--port", NOBODY, "--factory", "--yes"],
    "proof": lambda folder, path: ["proof", str(proof_file(folder)), "--port", NOBODY],
}


def with_port() -> list[str]:
    """Commands of one board, which all must be in WITH_PORT (or read a file first)."""
    return sorted(command for command, name, kind, _ in options() if name == "port" and kind is str)


def test_a_failed_command_says_a_sentence_and_no_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As `byleave sync`: with --json too, a failure is its exit code and a sentence on standard error; standard output is empty."""
    assert with_port() == sorted([*WITH_PORT, "greet"])
    settings = tmp_path / "board.json"
    settings.touch(0o600)
    settings.write_text(json.dumps(BOARD))
    for words in WITH_PORT.values():
        assert ended(monkeypatch, *words(tmp_path, settings), "--json") == 3
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith(f"byleave: {NOBODY}: no such port")
        assert "Traceback" not in said.err


def test_a_command_that_ends_well_prints_one_json_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those that need no board: one object, and nothing beside it."""
    for words in (["ports"], ["gateway", "--unit"]):
        assert ended(monkeypatch, *words, "--json") == 0
        assert isinstance(json.loads(capsys.readouterr().out), dict)
    with_json = {command for command, name, _, _ in options() if name == "as_json"}
    every = {command for command, _, _, _ in options()}
    assert every - with_json == {"names"}  # which prints a text again, in other words


def all_errors() -> set[type[AgentError]]:
    """Every class of error that any module of the agent has."""
    for module in pkgutil.walk_packages(agent.__path__, "agent."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found: set[type[AgentError]] = set()
    new = [AgentError]
    while new:
        found.update(new)
        new = [each for kind in new for each in kind.__subclasses__() if each.__module__.startswith("agent")]
    return found


def test_exit_codes_are_those_of_the_documents() -> None:
    """The tables of docs/first-board.md and docs/gateway.md name each code that an error has, and no other but success."""
    codes = {kind.exit_code for kind in all_errors()}
    rows = [
        int(code)
        for page in ("first-board.md", "gateway.md")
        for code in re.findall(r"^\| (\d+) \|", (REPOSITORY / "docs" / page).read_text(), re.MULTILINE)
    ]
    assert set(rows) - {0} == codes
    assert {row for row in rows if rows.count(row) > 2} == set()


def test_the_tree_of_errors_is_the_one_that_is_told() -> None:
    """The docstring of agent/errors.py has each class of that module with its code."""
    told = dict(re.findall(r"(\w+) +(\d+)  ", ast.get_docstring(ast.parse(Path(errors.__file__).read_text())) or ""))
    there = {kind.__name__: str(kind.exit_code) for kind in all_errors() if kind.__module__ == "agent.errors"}
    assert told == there
