"""Scenario files: what they may say, and what is said about those that are wrong."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hw_sim.board import Board
from hw_sim.errors import HwSimError, ScenarioError
from hw_sim.faults import Site
from hw_sim.interpreter.console import Console
from hw_sim.network.net import Network
from hw_sim.scenario.events import EVENTS, Events
from hw_sim.scenario.figures import NAMES, RUNNERS, broken, check_names, figures_of
from hw_sim.scenario.folder import FolderProduct
from hw_sim.scenario.model import checked
from hw_sim.scenario.product import Plan, find, names
from hw_sim.scenario.scenario import Scenario, about, shipped
from hw_sim.silicon.description import load
from hw_sim.world.clock import World

GOOD: dict[str, Any] = {
    "name": "a test",
    "firmware": "./firmware",
    "world": {"at": [53.0, -3.0], "surroundings": "constant", "temperature_c": 4.0},
    "network": {"wifi": {"depot": "key"}, "hosts": {"broker.example": "broker"}},
    "fault": [
        {"name": "power-cut", "at_s": 5, "for_s": 3},
        {"name": "delay", "after": "publish", "count": 2, "delay_s": 1, "parameters": {"latency_ms": 900}},
    ],
    "run": {"for_s": 60, "until": "publish", "count": 5},
    "expect": {"boots": 2, "charge_mc": {"most": 100}, "console": {"has": ["hello"]}},
}
Change = Callable[[dict[str, Any]], object]


def test_the_case_that_is_changed_below_is_sound() -> None:
    """It is read, with everything in it."""
    scenario = Scenario.of(GOOD)
    assert [row.name for row in scenario.tables.fault] == ["power-cut", "delay"]
    assert scenario.tables.expect["boots"] == 2


WRONG: dict[str, tuple[Change, str]] = {
    "a key that is no key": (lambda t: t.update(fermware="x"), "fermware: no such key; near it: firmware"),
    "a key of a fault": (lambda t: t["fault"][0].update(at=3), r"fault\.0\.at: no such key; near it: at_s"),
    "no name": (lambda t: t.pop("name"), "name: is missing"),
    "no run": (lambda t: t.pop("run"), "run: is missing"),
    "an unknown fault": (lambda t: t["fault"][0].update(name="powercut"), "no fault 'powercut'; near it: power-cut"),
    "an unknown parameter": (
        lambda t: t["fault"][1].update(parameters={"latency": 5}),
        "delay has no parameter 'latency'; near it: latency_ms",
    ),
    "a parameter out of bounds": (lambda t: t["fault"][1]["parameters"].update(latency_ms=-1), "must be 0 ms or more"),
    "a fault at no time": (lambda t: t["fault"][0].pop("at_s"), "either at_s, seconds after the start, or after"),
    "a fault at two times": (lambda t: t["fault"][0].update(after="boot"), "either at_s"),
    "a count without an event": (lambda t: t["fault"][0].update(count=2), "count and delay_s belong to after"),
    "a length of what is over at once": (
        lambda t: t["fault"][0].update(name="reset"),
        "reset is over as soon as it happens: leave for_s out",
    ),
    "a fault behind the end": (lambda t: t["fault"][0].update(at_s=60), "at_s = 60 is no earlier than the end"),
    "a path with a zero byte": (lambda t: t.update(firmware="./a\0b"), "firmware: no file has a name with a zero byte"),
    "a drive with a zero byte": (
        lambda t: (t["world"].pop("at"), t["world"].update(drive="a\0b")),
        "world.drive: no file has a name with a zero byte",
    ),
    "a number beyond all bounds": (lambda t: t["run"].update(for_s=1 << 5000), "run.for_s"),
    "a parameter beyond all bounds": (
        lambda t: t["fault"][1].update(name="clock-step", parameters={"seconds": 1 << 5000}),
        "seconds = inf: must be number in s",
    ),
    "a run of no time": (lambda t: (t.pop("fault"), t["run"].update(for_s=0)), "run.for_s: .*greater than 0"),
    "a text that is in everything": (lambda t: t["expect"]["console"].update(has=[""]), "console: has.0: .*at least 1"),
    "time going back": (lambda t: t["fault"][0].update(at_s=-1), "greater than or equal to 0"),
    "an unknown event": (lambda t: t["fault"][1].update(after="publsh"), "no event 'publsh'; near it: publish"),
    "an unknown end": (lambda t: t["run"].update(until="publsh"), r"run\.until: no event 'publsh'"),
    "a run of a thousand years": (lambda t: t["run"].update(for_s=3e10), "run.for_s"),
    "a run of no number": (lambda t: t["run"].update(for_s=float("nan")), "run.for_s"),
    "an unknown figure": (lambda t: t["expect"].update(boot=2), "boot: no such figure; near it: boots"),
    "a bound that nothing meets": (
        lambda t: t["expect"].update(charge_mc={"least": 9, "most": 3}),
        "charge_mc: .*least = 9 is above most = 3",
    ),
    "a bound of nothing": (lambda t: t["expect"].update(charge_mc={}), "give least, most, or both"),
    "a misspelt bound": (lambda t: t["expect"].update(charge_mc={"mst": 3}), "mst: no such key; near it: most"),
    "a drive and a place": (lambda t: t["world"].update(drive="demo"), "drive and at"),
    "a place beyond the pole": (lambda t: t["world"].update(at=[91, 0]), r"world\.at\.0"),
    "weather with a temperature": (lambda t: t["world"].update(surroundings="weather"), "need surroundings"),
    "a product's options for a folder": (lambda t: t.update(product={"a": 1}), "the firmware is a folder"),
    "wifi for a product": (lambda t: t.update(firmware="byleave"), "byleave's own"),
    "faults without end": (lambda t: t.update(fault=t["fault"] * 6000), "fault"),
}


@pytest.mark.parametrize("change", WRONG)
def test_what_is_wrong_with_a_scenario_is_said(change: str) -> None:
    """One thing of the sound case is changed, and named by the error."""
    tables = copy.deepcopy(GOOD)
    act, words = WRONG[change]
    act(tables)
    with pytest.raises(ScenarioError, match=words):
        Scenario.of(tables)


UNREADABLE = {
    b"name =": "no TOML",
    b"\xff\xfe": "no TOML",
    b"#" * (1 << 21): "larger than",
    b"a = " + b"[" * 100_000: "nested too deep",
    b"a = " + b"9" * 5000: "no TOML",
}


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """None there, no TOML, no text, too large: each says which file."""
    with pytest.raises(ScenarioError, match="no scenario tunel; near it: tunnel"):
        Scenario.load("tunel")
    file = tmp_path / "a.toml"
    for content, words in UNREADABLE.items():
        file.write_bytes(content)
        with pytest.raises(ScenarioError, match=f"a.toml: .*{words}"):
            Scenario.load(file)
        with pytest.raises(HwSimError, match=f"board .*a.toml: .*{words}"):
            load(file)
    for endless in ("/dev/zero", "/"):
        with pytest.raises(ScenarioError, match="this is no file"):
            Scenario.load(endless)
        with pytest.raises(HwSimError, match="this is no file"):
            load(endless)


def test_a_number_without_end_in_a_board_is_an_error(tmp_path: Path) -> None:
    """It is shown in part."""
    file = tmp_path / "a.toml"
    file.write_text('name = "a"\nflash_bytes = 4194304\n')
    assert load(file).name == "a"
    file.write_text(f'name = "a"\nflash_bytes = 0x{"f" * 5000}\n')
    with pytest.raises(HwSimError, match=r"flash_bytes = 0xfff.*…: ") as error:
        load(file)
    assert len(str(error.value)) < 300


def test_shipped_scenarios_are_sound() -> None:
    """Each is read, says what it is about, and names events that its product has."""
    assert shipped() == ["bad-day", "parked-month", "tunnel"]
    for name in shipped():
        tables = Scenario.load(name).tables
        assert about(name).endswith(".")
        assert tables.of_a_product
        tables.check_events(find(tables.firmware).events)


def test_products_are_found_by_name() -> None:
    """byleave is one; for another name the error says what there is."""
    assert "byleave" in names()
    with pytest.raises(HwSimError, match="there are byleave; for a firmware of your own name its folder"):
        find("otherleave")


def test_bounds_say_which_figure_what_it_was_and_what_was_allowed() -> None:
    """Exact ones, ranges from both sides, texts on the console, and figures that nobody has."""
    console = Console()
    console.feed(b"hello world")
    expect = checked(
        "x",
        GOOD
        | {
            "expect": {
                "boots": 3,
                "charge_mc": {"least": 5, "most": 9},
                "own.lost": {"most": 0},
                "own.gone": 1,
                "console": {"has": ["hello", "goodbye"], "lacks": ["world", "moon"]},
            }
        },
    ).expect
    assert broken(expect, {"boots": 2, "charge_mc": 10.5, "own.lost": 1}, console) == [
        "boots: was 2, allowed is 3 only",
        "charge_mc: was 10.5, allowed is 5 to 9",
        "own.lost: was 1, allowed is at most 0",
        "own.gone: no such figure; near it: own.lost; the product counts own.lost",
        "console: 'goodbye' was not printed",
        "console: 'world' was printed, and must not be",
    ]
    held = {"boots": 3, "charge_mc": 9, "own.lost": 0, "own.gone": 1}
    assert len(broken(expect, held, console)) == 2  # those of the console


def test_the_names_of_figures_are_those_that_are_counted() -> None:
    """What a file may bound is what a run counts, on a board without a receiver too."""
    world = World()
    with Board.from_description("esp32s3", world, Network(world)) as board:
        assert (*figures_of(Site(board, board.network, world)), *RUNNERS) == NAMES
    check_names("x", dict.fromkeys(NAMES, 0))


def test_events_count_from_where_they_are_asked() -> None:
    """What was before does not count, and a product's own are counted by being told."""
    world = World()
    with Board.from_description("esp32s3", world, Network(world)) as board:
        site = Site(board, board.network, world)
        board.flash.erase(0, 4096)
        events = Events(lambda: site)
        board.flash.erase(0, 4096)
        board.flash.erase(0, 4096)
        events.tell("stored")
        assert [events.count("flash-erase"), events.count("flash-program"), events.count("stored")] == [2, 0, 1]
        assert all(events.count(name) >= 0 for name in EVENTS)


def test_a_folder_without_a_program_is_refused(tmp_path: Path) -> None:
    """No folder, or no main.py in it; options are for products, and hosts lead somewhere that exists."""
    product = FolderProduct(tmp_path / "none")
    with pytest.raises(ScenarioError, match="no folder"), product.open(tmp_path, Plan()):
        pass
    with pytest.raises(ScenarioError, match="holds no main"), FolderProduct(tmp_path).open(tmp_path, Plan()):
        pass
    (tmp_path / "main.py").write_text("")
    with (
        pytest.raises(ScenarioError, match="no options"),
        FolderProduct(tmp_path).open(tmp_path, Plan(options={"a": 1})),
    ):
        pass
    lost = FolderProduct(tmp_path, hosts={"a": "nowhere"})
    with pytest.raises(ScenarioError, match="must be 'broker', 'nobody' or HOST:PORT"), lost.open(tmp_path, Plan()):
        pass
