"""What somebody new reads: each help tells its exit codes, and a narrow terminal cuts off no option."""

from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

from agent.cli import build
from agent.commands import EXIT_CODES
from agent.commands import agent as group
from tests.unit.agent.commands.test_secrets import all_errors, spelt

COMMANDS = sorted(command.callback.__name__ for command in group.registered_commands if command.callback)


def told(monkeypatch: pytest.MonkeyPatch, columns: int, *words: str) -> str:
    """A help on a terminal of that width."""
    monkeypatch.setenv("COLUMNS", str(columns))
    done = CliRunner().invoke(build("agent"), ["agent", *words, "--help"])
    assert done.exit_code == 0
    return done.stdout


def codes(text: str) -> set[int]:
    """Numbers that stand as exit codes behind the words."""
    behind = " ".join(text.split()).partition("Exit code")[2].partition("Example:")[0]
    return {int(code) for code in re.findall(r"(?<![\w.])(\d{1,3})(?=[:,; ]| and)", behind)}


def test_the_group_tells_every_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of all errors, and success; no other."""
    assert codes(EXIT_CODES) == {0} | {kind.exit_code for kind in all_errors()}
    page = " ".join(told(monkeypatch, 80).split())
    assert " ".join(EXIT_CODES.split()) in page


@pytest.mark.parametrize("command", COMMANDS)
def test_each_help_tells_its_exit_codes(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some, and of those that there are."""
    said = told(monkeypatch, 200, command)
    assert "Exit code" in said
    assert codes(said) <= codes(EXIT_CODES) | {128}


@pytest.mark.parametrize("columns", [20, 69, 80])
def test_no_option_is_cut_off(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each can be read as it is typed, on any terminal."""
    said = {command: told(monkeypatch, columns, command) for command in COMMANDS}
    for command, parameter in spelt():
        for option in parameter.opts:
            if option.startswith("--"):
                assert re.search(rf"{option}(?![\w-])", said[command]), (command, option)
