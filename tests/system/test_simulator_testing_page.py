"""docs/simulator/testing.md: its examples run, in the folder of the worked example, and its lists are whole."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from hw_sim import plugin
from hw_sim.scenario.events import EVENTS
from hw_sim.scenario.figures import NAMES
from hw_sim.scenario.product import find
from hw_sim.scenario.scenario import Scenario

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/simulator/testing.md").read_text()


def blocks(language: str) -> list[str]:
    """Code blocks of the page."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The worked example without its tests, outside of the repository."""
    return Path(
        shutil.copytree(ROOT / "examples" / "outside", tmp_path / "project", ignore=shutil.ignore_patterns("tests"))
    )


def test_the_scenario_of_the_page_holds(project: Path) -> None:
    """Its bounds hold, and its fault came."""
    run = Scenario.of(tomllib.loads(blocks("toml")[0]), folder=project).run()
    assert run.ok, run.broken
    assert [each.what for each in run.happenings] == ["broker-gone", "broker-gone is over"]


def test_the_python_of_the_page_runs(project: Path) -> None:
    """The tests of the page pass under pytest, its program by itself."""
    tests, program = blocks("python")
    shorter = (
        blocks("toml")[0]
        .replace("for_s = 3600", "for_s = 600")
        .replace("least = 50", "least = 3")
        .replace("count = 10", "count = 2")
    )
    (project / "night.toml").write_text(shorter.replace('has = ["not told"]', ""))
    (project / "test_page.py").write_text(tests)
    (project / "program.py").write_text(program)
    for command in (["-m", "pytest", "-p", "no:cacheprovider", "test_page.py"], ["program.py"]):
        done = subprocess.run(
            [sys.executable, *command], cwd=project, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_lists_of_the_page_are_whole() -> None:
    """Every event, every figure and every fixture is named."""
    words = set(re.findall(r"`([\w-]+)`", PAGE))
    assert set(EVENTS) | set(find("byleave").events) <= words
    assert set(NAMES) <= words
    fixtures = {name for name in vars(plugin) if type(getattr(plugin, name)).__name__ == "FixtureFunctionDefinition"}
    assert {name for name in fixtures if not name.startswith("_")} <= words
    assert len(fixtures) > 9
