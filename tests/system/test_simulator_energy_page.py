"""docs/simulator/energy.md: its Python runs as it stands there, and a scenario is recorded as its commands say."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from hw_sim.energy.budget import Budget
from hw_sim.picture import Recording
from hw_sim.scenario.scenario import Scenario

TEXT = (Path(__file__).parents[2] / "docs" / "simulator" / "energy.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
pytestmark = pytest.mark.micropython


def test_the_battery_s_example_runs_empty(capsys: pytest.CaptureFixture[str]) -> None:
    """The board's power goes, once, as the comments beside the example say."""
    exec(next(block for block in BLOCKS if "Pack.fit" in block), {})  # noqa: S102 - our own page
    assert capsys.readouterr().out.splitlines() == ["the board has no power", "1"]


def test_the_recorder_s_example_writes_both_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recording that loads, with the naps and the fault in it, and its page."""
    monkeypatch.chdir(tmp_path)
    exec(next(block for block in BLOCKS if "Recorder.attach" in block), {})  # noqa: S102 - our own page
    recording = Recording.load(tmp_path / "build" / "nap.json")
    assert len(recording.boots) > 3 and recording.faults[0].name == "hand on the antenna"
    assert (tmp_path / "build" / "nap.html").stat().st_size > 10_000


def test_the_budget_of_the_page_is_one() -> None:
    """Every key of it is known."""
    block = re.search(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    assert block is not None
    budget = Budget.model_validate(tomllib.loads(block[1]))
    assert budget.part["radio"].share_percent == 40 and budget.life is not None and budget.life.celsius == 0


def test_a_scenario_is_recorded_with_its_faults(tmp_path: Path) -> None:
    """What went wrong is in the recording, from when to when, with the run's figures; the run itself is the same without it."""
    (tmp_path / "firmware").mkdir()
    (tmp_path / "firmware" / "main.py").write_text("import time\nwhile True:\n    print('on')\n    time.sleep(10)\n")
    fault = {"name": "battery-low", "at_s": 20, "for_s": 30}
    scenario = Scenario.of(
        {"name": "low", "firmware": "./firmware", "seed": 1, "run": {"for_s": 90}, "fault": [fault]}, folder=tmp_path
    )
    kept: list[Recording] = []
    done = scenario.run(keep=kept.append)
    assert done.to_json() == scenario.run().to_json()
    (recording,) = kept
    (span,) = recording.faults
    assert (span.name, span.part, span.until_s) == ("battery-low", "power", pytest.approx(span.at_s + 30))
    assert recording.seconds == pytest.approx(90)
    assert recording.figures["boots"] == done.figures["boots"] == 1
    assert sum(mark.text == "on" for mark in recording.marks) == 9
