"""A project of somebody else's, in a folder outside of the repository: what it gets from byleave once that is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "outside"
# pytest as a user starts it; afterwards, which of our modules are there, but for those of the checkout's tests, which must not be.
RUN = f"""
import sys, pytest
code = pytest.main(sys.argv[1:])
files = [str(getattr(module, "__file__", None) or "") for module in sys.modules.values()]
print("of our tests:", [file for file in files if file.startswith({str(ROOT / "tests")!r})])
print("loaded:", sorted(n for n in sys.modules if n.partition(".")[0] in ("hw_sim", "cloud_sync", "agent", "firmware", "pydantic")))
sys.exit(code)
"""


def run_pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """pytest in that folder, in a process that knows of the checkout only what is installed."""
    assert not folder.is_relative_to(ROOT)
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTEST_ADDOPTS")}
    return subprocess.run(
        [sys.executable, "-c", RUN, "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The worked example, copied away."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "outside", ignore=shutil.ignore_patterns("__pycache__", ".*")))


def test_the_worked_example_passes(project: Path) -> None:
    """All its tests, its scenario among them, with nothing of ours but what is installed."""
    done = run_pytest(project)
    assert done.returncode == 0, done.stdout
    assert "11 passed" in done.stdout
    assert "of our tests: []" in done.stdout


@pytest.mark.parametrize(
    ("file", "right", "wrong", "test"),
    [
        ("firmware/main.py", "if celsius < 0:", "if celsius < -100:", "frost_is_told"),
        ("night.toml", "boots = 2", "boots = 1", "whole_night"),
    ],
)
def test_the_example_fails_when_it_should(project: Path, file: str, right: str, wrong: str, test: str) -> None:
    """Its firmware broken in one place, or a bound that cannot hold: that test of it is red."""
    text = (project / file).read_text()
    assert text.count(right) == 1
    (project / file).write_text(text.replace(right, wrong))
    done = run_pytest(project, "-k", test)
    assert done.returncode == 1, done.stdout
    assert "1 failed" in done.stdout


def test_a_project_that_does_not_use_it_gets_nothing(tmp_path: Path) -> None:
    """Nothing of the simulator is imported, and fixtures of the project's own by the same names are its own."""
    (tmp_path / "test_own.py").write_text(
        "import pytest\n@pytest.fixture\ndef board(): return 'chess'\ndef test_it(board): assert board == 'chess'\n"
    )
    done = run_pytest(tmp_path)
    assert done.returncode == 0, done.stdout
    assert "loaded: ['hw_sim', 'hw_sim.plugin']" in done.stdout


def test_a_misspelt_argument_of_the_marker_is_an_error(tmp_path: Path) -> None:
    """It says which one, and what there is."""
    (tmp_path / "test_own.py").write_text("import pytest\n@pytest.mark.board(firmwear='x')\ndef test_it(board): pass\n")
    done = run_pytest(tmp_path, "--strict-markers")
    assert done.returncode == 1
    assert "no argument 'firmwear'; near it: firmware" in done.stdout
