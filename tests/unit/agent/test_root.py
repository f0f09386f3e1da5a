"""The root command: all groups are told of, and one that is used brings no other with it."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

from typer.testing import CliRunner

from agent.cli import GROUP, PURPOSES, build
from agent.words import counted


def test_each_group_has_its_line_in_the_help() -> None:
    """None is listed without a word on what it is for."""
    assert set(entry_points(group=GROUP).names) == set(PURPOSES)
    told = CliRunner().invoke(build(), ["--help"]).output
    for purpose, _ in PURPOSES.values():
        assert purpose.split(",")[0].split(":")[0][:40] in told


def test_the_agent_brings_neither_server_nor_simulator() -> None:
    """A gateway on a small machine has in its memory what it needs, and no more."""
    seen = "import sys; from agent.cli import main; sys.argv = ['byleave', 'agent', '--help']\n"
    seen += "try: main()\nexcept SystemExit: pass\n"
    seen += "print(sorted({name.partition('.')[0] for name in sys.modules} & {'cloud_sync', 'hw_sim', 'firmware'}))"
    done = subprocess.run([sys.executable, "-c", seen], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_group_that_is_not_there_is_answered_with_all_others() -> None:
    """A misspelt word is no reason to know none."""
    done = CliRunner().invoke(build("nonsense"), ["nonsense"])
    assert done.exit_code == 2
    assert "sync" in CliRunner().invoke(build("nonsense"), ["--help"]).output


def test_one_is_not_many() -> None:
    """A count goes with its noun and its verb."""
    assert [counted(n, "envelope") for n in (0, 1, 2)] == ["0 envelopes", "1 envelope", "2 envelopes"]
    assert [counted(n, "line is", "lines are") for n in (0, 1, 2)] == ["0 lines are", "1 line is", "2 lines are"]
