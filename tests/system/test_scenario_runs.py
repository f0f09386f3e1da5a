"""Scenarios at work: faults at times and after events, bounds, the same run twice, and byleave as a product."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hw_sim.cli import sim
from hw_sim.errors import HwSimError
from hw_sim.scenario.events import Events
from hw_sim.scenario.folder import FolderProduct
from hw_sim.scenario.product import Plan
from hw_sim.scenario.run import Run
from hw_sim.scenario.scenario import Scenario

NOISY = """
import os, time
print("start", os.urandom(4).hex())
n = 0
while True:
    time.sleep(1)
    n += 1
    with open("n.txt", "w") as file:
        file.write(str(n))
    print("wrote", n)
"""
BARE = """
name = "bare"
flash_bytes = 4194304
[[partition]]
label = "vfs"
type = 1
subtype = 129
offset = 0x200000
size = 0x200000
"""
Tables = dict[str, Any]


class Counted:
    """A method, with its calls counted."""

    def __init__(self, method: Callable[[Events, str], int]) -> None:
        self.method, self.calls = method, 0

    def __get__(self, events: Events, kind: object) -> Callable[[str], int]:
        """As a method of `events`."""
        self.calls += 1
        return lambda name: self.method(events, name)


@pytest.fixture
def noisy(tmp_path: Path) -> Tables:
    """A program that writes a file each second, and draws random numbers; a minute of it."""
    (tmp_path / "firmware").mkdir()
    (tmp_path / "firmware" / "main.py").write_text(NOISY)
    return {"name": "noisy", "firmware": str(tmp_path / "firmware"), "run": {"for_s": 20}}


def what(run: Run) -> list[tuple[float, str]]:
    """The happenings of a run, to the tenth of a second."""
    return [(round(each.at_s, 1), each.what) for each in run.happenings]


def test_faults_come_when_they_are_planned(noisy: Tables) -> None:
    """At a time, after the n-th event and a delay, and armed at an operation; each ends when it should."""
    noisy["fault"] = [
        {"name": "battery-low", "at_s": 3, "for_s": 2},
        {"name": "power-cut", "after": "flash-program", "count": 8, "delay_s": 0.5, "for_s": 4},
        {"name": "power-cut-in-flash", "at_s": 14, "for_s": 1, "parameters": {"operation": 2}},
    ]
    noisy["expect"] = {"boots": 3, "power_ons": 3, "crashes": 0, "console": {"has": ["wrote 5"]}}
    run = Scenario.of(noisy).run()
    assert run.ok, run.broken
    words = [text for _, text in what(run)]
    assert words[:2] == ["battery-low", "battery-low is over"]
    assert what(run)[:2] == [(3.0, "battery-low"), (5.0, "battery-low is over")]
    assert words[2:4] == ["power-cut", "power-cut is over"]
    cut, back = what(run)[2][0], what(run)[3][0]
    assert 3.5 < cut < 14
    assert back == pytest.approx(cut + 4, abs=0.11)
    assert words[4:] == [
        "power-cut-in-flash (operation = 2) is armed",
        "the power is gone",
        "power-cut-in-flash has happened",
        "power-cut-in-flash is over",
    ]


def test_a_fault_may_come_a_while_after_its_event(noisy: Tables) -> None:
    """By as much as the scenario says."""
    began: list[float] = []
    for delay_s in (0, 2.5):
        noisy["fault"] = [{"name": "battery-low", "after": "flash-program", "count": 8, "delay_s": delay_s}]
        began.append(Scenario.of(noisy).run().happenings[0].at_s)
    assert began[1] - began[0] == pytest.approx(2.5, abs=1e-3)


def test_two_runs_of_one_seed_are_the_same_to_the_byte(noisy: Tables) -> None:
    """Faults, figures and console; another seed gives another run."""
    noisy["fault"] = [
        {"name": "power-cut-in-flash", "at_s": 4, "for_s": 1, "parameters": {"operation": 3, "torn": True}}
    ]
    scenario = Scenario.of(noisy)
    first, again, other = scenario.run(seed=5), scenario.run(seed=5), scenario.run(seed=6)
    assert first.to_json() == again.to_json()
    assert first.console != other.console


def test_a_run_ends_when_an_event_has_come_so_often(noisy: Tables) -> None:
    """Not before, and not with the time."""
    noisy["run"] |= {"until": "flash-program", "count": 12}
    run = Scenario.of(noisy).run()
    assert run.ended == "flash-program came 12 times"
    assert 12 <= int(run.figures["flash_programs"]) < 16
    assert float(run.figures["virtual_s"]) < 19


@pytest.mark.parametrize(("bound", "sentence"), [({"boots": 2}, "boots: was 1, allowed is 2 only"), ({}, "")])
def test_the_command_fails_by_its_bounds(noisy: Tables, tmp_path: Path, bound: Tables, sentence: str) -> None:
    """Exit code 1 and a sentence for a broken one; 0 without."""
    file = tmp_path / "noisy.toml"
    expect = "".join(f"{name} = {value}\n" for name, value in bound.items())
    file.write_text(f'name = "n"\nfirmware = "./firmware"\n[run]\nfor_s = 5\n[expect]\n{expect}')
    answer = CliRunner().invoke(sim, ["run", str(file), "--json", "--seed", "3"])
    assert answer.exit_code == bool(bound), answer.output
    told = json.loads(answer.stdout)
    assert (told["seed"], told["broken"]) == (3, [sentence] if sentence else [])


def test_the_command_refuses_options_that_a_scenario_has(tmp_path: Path) -> None:
    """A wrong file, an option for drives, a folder that is not empty: exit code 1 and a sentence."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("")
    for arguments, words in (
        (["tunnel", "--minutes", "5"], "--minutes: a scenario says that in its file"),
        ([str(tmp_path / "none.toml")], "no scenario"),
        (["tunnel", "--folder", str(tmp_path / "full")], "is not empty"),
        (["demo"], "name the program with --firmware"),
    ):
        answer = CliRunner().invoke(sim, ["run", *arguments])
        assert answer.exit_code == 1
        assert words in answer.output


def test_the_command_lists_scenarios_and_still_runs_a_firmware_on_a_drive(noisy: Tables) -> None:
    """`--list`; and a folder of files along the recorded drive."""
    assert "parked-month: byleave in a van" in CliRunner().invoke(sim, ["run", "--list"]).output
    answer = CliRunner().invoke(sim, ["run", "demo", "--firmware", noisy["firmware"], "--minutes", "0.1", "--json"])
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["boots"] == 1


def test_a_program_that_fails_fails_the_run(noisy: Tables) -> None:
    """With its last line, unless the scenario expects a crash."""
    Path(noisy["firmware"], "main.py").write_text("import time\ntime.sleep(2)\nraise ValueError('broken sensor')")
    run = Scenario.of(noisy).run()
    assert run.broken == ["the program failed: ValueError: broken sensor"]
    assert run.happenings[-1].what == "the program failed"
    assert Scenario.of(noisy | {"expect": {"crashes": 1}}).run().ok


def test_a_program_that_ends_leaves_time_to_the_rest(noisy: Tables) -> None:
    """Faults that were planned for later still come, and a reset starts it again."""
    Path(noisy["firmware"], "main.py").write_text("print('done')")
    noisy["fault"] = [{"name": "power-cut", "at_s": 5, "for_s": 1}]
    run = Scenario.of(noisy).run()
    assert run.console == "done\ndone\n"
    assert run.figures["virtual_s"] == 20.0
    assert (run.ended, run.figures["exits"]) == ("the program has ended", 2)
    Path(noisy["firmware"], "main.py").write_text("import sys\nsys.exit(1)")
    noisy["expect"] = {"exits": 0}
    assert Scenario.of(noisy).run().broken == ["exits: was 2, allowed is 0 only"]
    Path(noisy["firmware"], "main.py").write_text(NOISY)
    run = Scenario.of(noisy).run()
    assert (run.ok, run.ended) == (True, "the limit is reached")


def test_a_fault_at_second_nought_is_there_before_the_first_instruction(noisy: Tables) -> None:
    """A chip that is absent from the start is never seen."""
    Path(noisy["firmware"], "main.py").write_text(
        "from machine import SoftI2C, Pin\nPin(4, Pin.OUT).value(1)\nimport time\ntime.sleep_ms(10)\n"
        "print(SoftI2C(scl=Pin(6), sda=Pin(5)).scan())"
    )
    assert Scenario.of(noisy).run().console == "[72]\n"
    noisy["fault"] = [{"name": "sensor-absent", "at_s": 0}]
    assert Scenario.of(noisy).run().console == "[]\n"
    noisy["fault"] = [{"name": "power-cut", "at_s": 0, "for_s": 2}]
    assert Scenario.of(noisy).run().figures["boots"] == 1


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (
            {"name": "power-cut-in-flash", "at_s": 3, "parameters": {"operation": 5000}},
            "power-cut-in-flash (operation = 5000) was armed, and its moment never came",
        ),
        ({"name": "delay", "after": "publish", "count": 3}, "delay never began, the run ended before publish number 3"),
    ],
)
def test_a_fault_that_never_happens_breaks_the_run(noisy: Tables, fault: Tables, words: str) -> None:
    """Armed and not met, or waiting for what does not come; unless the scenario says that it need not."""
    noisy["fault"] = [{"name": "battery-low", "at_s": 3}]
    assert Scenario.of(noisy).run().broken == []
    noisy["fault"] = [fault]
    (told,) = Scenario.of(noisy).run().broken
    assert told.startswith(words)
    noisy["fault"] = [fault | {"optional": True}]
    assert Scenario.of(noisy).run().broken == []


@pytest.mark.parametrize("name", ["battery-low", "brown-out-on-sending", "heap-squeeze"])
def test_a_fault_at_second_nought_leaves_the_power_on(noisy: Tables, name: str) -> None:
    """Only a power cut keeps the board off; one that waits for what a board does refuses one that is off."""
    noisy["fault"] = [{"name": name, "at_s": 0, "optional": True}]
    run = Scenario.of(noisy).run()
    assert (run.figures["boots"], "wrote 18" in run.console) == (1, True)
    for armed in ("power-cut-in-link", "power-cut-in-flash"):
        noisy["fault"] = [{"name": armed, "at_s": 0, "for_s": 5}]
        with pytest.raises(HwSimError, match="the board is off"):
            Scenario.of(noisy).run()


def test_ten_thousand_faults_cost_little_at_each_step(noisy: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step of the board asks for what may come next, not for all that is planned; every fault still comes, in order."""
    monkeypatch.setattr(Events, "count", counted := Counted(Events.count))
    asked: list[int] = []
    for number in (10, 5000):
        counted.calls = 0
        noisy["fault"] = [
            {"name": "delay", "at_s": 10 + n / number, "for_s": 0.5, "parameters": {"latency_ms": n}}
            for n in range(number)
        ] + [{"name": "battery-low", "after": "publish", "count": n + 1, "optional": True} for n in range(number)]
        run = Scenario.of(noisy).run()
        assert run.ok, run.broken[:3]
        began = [each.what for each in run.happenings if "latency" in each.what and "over" not in each.what]
        assert began == [f"delay (latency_ms = {n})" for n in range(number)]
        asked.append(counted.calls)
    assert asked[1] < 5 * asked[0] + 5 * 10_000  # a look for each that begins or ends, not one for each at each step


def test_a_folder_goes_on_from_what_was_saved(noisy: Tables, tmp_path: Path) -> None:
    """The flash of one run is found by the next, at the same moment."""
    board = tmp_path / "bare.toml"  # no receiver
    board.write_text(BARE)
    product = FolderProduct(Path(noisy["firmware"]))
    with product.open(tmp_path, Plan(seed=1, board=board)) as running:
        running.site.board.power_on()
        running.run(for_s=5.5)
        running.site.board.cut_power()
        saved = running.save()
    Path(noisy["firmware"], "main.py").write_text("print(open('n.txt').read())")
    with product.resume(tmp_path, saved) as running:
        assert running.site.world.clock.now_us == saved.clock_us
        running.site.board.power_on()
        running.run(for_s=1)
        assert str(running.site.board.console) == "5\n"


def test_byleave_is_a_product_of_scenarios(scenario: Callable[..., Run]) -> None:
    """The shipped bad day, cut short: its faults come, its figures are there, every invariant holds."""
    tables = Scenario.load("bad-day").tables.model_dump(mode="json", exclude_unset=True)
    tables["fault"] = [
        {"name": "broker-gone", "at_s": 40, "for_s": 30},
        {"name": "power-cut", "at_s": 120, "for_s": 5},
    ]
    tables |= {"run": {"for_s": 200}, "expect": {"byleave.waiting": 0, "power_ons": 3}, "product": {}}
    run = scenario(tables)
    assert run.ok, run.broken
    assert [words for _, words in what(run)][:2] == ["broker-gone", "broker-gone is over"]
    assert int(run.figures["byleave.stored"]) > 1
