"""`byleave sim energy`: tables, life, comparison of two runs, a budget that fails a build, plots."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hw_sim.cli import sim
from hw_sim.energy import battery as batteries
from hw_sim.energy import budget as budgets
from hw_sim.energy.compare import differences
from hw_sim.energy.costs import costs, table
from hw_sim.energy.life import estimate
from hw_sim.errors import HwSimError
from hw_sim.picture.recording import LedgerRow, Over, Recording

DAY_S = 86_400.0


def row(part: str, state: str, seconds: float, mah: float, events: int = 0) -> LedgerRow:
    """A row of the ledger by its charge in mAh."""
    return LedgerRow(part=part, state=state, seconds=seconds, microcoulomb=mah * 3.6e6, events=events, basis="estimate")


def a_day(radio_mah: float = 6.0, **more: object) -> Recording:
    """A day of 24 mAh: 1 mA on average; ten contacts and forty fixes."""
    rows = [
        row("mcu", "deep-sleep", 80_000, 2),
        row("mcu", "running", 6400, 4),
        row("radio", "receiving", 600, radio_mah),
        row("gnss", "acquisition", 3000, 12),
    ]
    over = Over(
        width_s=DAY_S / 2, charge_uc={"mcu": [7.2e6, 14.4e6], "gnss": [43.2e6], "radio": [0, radio_mah * 3.6e6]}
    )
    counts = {"contacts": 10, "receiver power-ons": 50}
    return Recording(end_s=DAY_S, rows=rows, over=over, counts=counts, figures={"fixes": 40}, **more)  # type: ignore[arg-type]


def saved(tmp_path: Path, run: Recording, name: str = "run.json") -> str:
    """The path of a run on disk."""
    run.save(tmp_path / name)
    return str(tmp_path / name)


def test_rows_have_charge_share_and_mean() -> None:
    """The largest first; shares make a hundred, mean currents the average of the run."""
    rows = table(a_day())
    assert [(each.part, round(each.mah, 6)) for each in rows] == [("gnss", 12), ("radio", 6), ("mcu", 4), ("mcu", 2)]
    assert sum(each.percent for each in rows) == pytest.approx(100)
    assert sum(each.mean_ma for each in rows) == pytest.approx(1.0) == a_day().average_ua / 1000


def test_a_contact_and_a_fix_have_their_cost() -> None:
    """Of the link's own charge and of the whole board's: 6 mAh in ten contacts are 2160 mC each, 12 in forty fixes 1080."""
    contact, fix = costs(a_day())
    assert (contact.what, contact.number, contact.parts) == ("contact", 10, "radio")
    assert (contact.mc, contact.all_mc) == pytest.approx((2160, 8640))
    assert (fix.what, fix.mc, fix.all_mc) == ("fix", pytest.approx(1080), pytest.approx(2160))


def test_without_told_fixes_starts_of_the_receiver_are_counted() -> None:
    """What is divided by is named for what it is."""
    run = a_day().model_copy(update={"figures": {}})
    assert [cost.what for cost in costs(run)] == ["contact", "start of the receiver"]


def test_life_is_charge_over_current() -> None:
    """A battery without losses and with all its charge within reach: 3000 mAh at 1 mA, less 0.55 mA of its regulator."""
    plain = batteries.load("liion-18650")
    ideal = plain.model_copy(
        update={
            "capacity": plain.capacity.model_copy(update={"mah": 1550.0}),
            "self_discharge": plain.self_discharge.model_copy(update={"percent_month": 0.0}),
            "curve": plain.curve.model_copy(update={"rest_mv": [4000.0, 3200.0]}),
            "regulator": plain.regulator.model_copy(update={"quiescent_ua": 550.0}),
        }
    )
    life = estimate(a_day(), ideal)
    assert life.battery_ua == pytest.approx(1550)
    assert life.days == pytest.approx(1000 / 24)
    assert any("no board was measured" in words for words in life.assumptions)
    assert estimate(a_day(), ideal, -10).days == pytest.approx(life.days * 0.75)


def test_what_the_regulator_cannot_reach_is_not_counted() -> None:
    """The charge below its least voltage is left in the cell, and the assumptions say how much."""
    battery = batteries.load("liion-18650")
    life = estimate(a_day(), battery)
    drawn = life.usable_mah / battery.capacity.mah
    assert battery.rest_mv(drawn) == pytest.approx(3100, abs=1)
    assert any(f"{1 - drawn:.0%} of the charge left" in words for words in life.assumptions)


def test_two_runs_differ_where_they_do() -> None:
    """Sorted by size, means of runs of different lengths; what is equal comes last."""
    longer = a_day(radio_mah=3).model_copy(update={"end_s": 2 * DAY_S})
    found = differences(a_day(), longer)
    assert [(each.part, round(each.ua, 3)) for each in found] == [("gnss", -250), ("radio", -187.5), ("mcu", -125)]
    same = differences(a_day(), a_day(radio_mah=9), by_state=True)
    assert same[0][:2] == ("radio", "receiving") and same[0].percent == pytest.approx(50)
    assert all(each.ua == 0 for each in same[1:])


HELD = """
[board]
mean_ma = 1.0001
mah_day = 24.01
[part.radio]
share_percent = 25.1
[part.gnss]
mean_ma = 0.51
[part.gnss.state.acquisition]
seconds_day = 3001
[contact]
mc = 2161
all_mc = 8641
[fix]
mc = 1081
[life]
battery = "liion-18650"
days = 100
"""
TIGHTER = {
    "mean_ma = 1.0001": ("mean_ma = 0.8", "board: 1 mA on average, 0.2 (25.0 %) above the budget of 0.8"),
    "mah_day = 24.01": ("mah_day = 20", "board: 24 mAh a day, 4 (20.0 %) above"),
    "share_percent = 25.1": ("share_percent = 20", "radio: 25 % of the charge, 5 (25.0 %) above"),
    "mean_ma = 0.51": ("mean_ma = 0.4", "gnss: 0.5 mA on average, 0.1 (25.0 %) above"),
    "seconds_day = 3001": ("seconds_day = 2000", "gnss acquisition: 3000 s a day, 1000 (50.0 %) above"),
    "[contact]\nmc = 2161": ("[contact]\nmc = 2000", "a contact, radio: 2160 mC, 160 (8.0 %) above"),
    "all_mc = 8641": ("all_mc = 8000", "a contact, the whole board: 8640 mC, 640 (8.0 %) above"),
    "[fix]\nmc = 1081": ("[fix]\nmc = 1000", "a fix, gnss: 1080 mC, 80 (8.0 %) above"),
    "days = 100": ("days = 200", "days, "),
}


@pytest.mark.parametrize("bound", TIGHTER)
def test_each_bound_of_a_budget_bites(bound: str, tmp_path: Path) -> None:
    """All bounds hold; with one of them tighter that one is exceeded, and the sentence says by how much."""
    path = tmp_path / "budget.toml"
    path.write_text(HELD, encoding="utf-8")
    assert budgets.exceeded(budgets.load(path), a_day()) == []
    assert HELD.count(bound) == 1
    tighter, said = TIGHTER[bound]
    path.write_text(HELD.replace(bound, tighter), encoding="utf-8")
    (excess,) = budgets.exceeded(budgets.load(path), a_day())
    assert said in excess.sentence


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("[part.radio]", "[part.modem]", "no part modem; there are gnss, mcu, radio"),
        ("acquisition", "tracking", "gnss has no state tracking; there are acquisition"),
        ("mean_ma = 1.0001", "mean_ua = 1000", "board.mean_ua"),
        ("mean_ma = 1.0001", "mean_ma = -1", "board.mean_ma"),
        ('"liion-18650"', '"potato"', "no battery potato"),
    ],
)
def test_a_budget_that_bounds_nothing_is_an_error(before: str, after: str, said: str, tmp_path: Path) -> None:
    """A misspelt part, state or key would be a bound that always holds: it is refused instead."""
    path = tmp_path / "budget.toml"
    assert before in HELD
    path.write_text(HELD.replace(before, after), encoding="utf-8")
    with pytest.raises(HwSimError, match=said):
        budgets.exceeded(budgets.load(path), a_day())


def test_an_empty_budget_is_refused(tmp_path: Path) -> None:
    """A file without a bound would pass every run."""
    (tmp_path / "budget.toml").write_text("", encoding="utf-8")
    with pytest.raises(HwSimError, match="bounds nothing"):
        budgets.load(tmp_path / "budget.toml")


# --- the command


def test_the_command_tells_table_life_and_costs(tmp_path: Path) -> None:
    """One run: parts, every battery that comes along, what a fix costs."""
    result = CliRunner().invoke(sim, ["energy", saved(tmp_path, a_day())])
    assert result.exit_code == 0, result.output
    for words in ("acquisition", "50.00", "a fix (40): 1080 mC of gnss", *batteries.names()):
        assert words in result.output


def test_the_command_as_json(tmp_path: Path) -> None:
    """One object with what the tables show, of two runs their differences too."""
    first, second = saved(tmp_path, a_day(), "a.json"), saved(tmp_path, a_day(radio_mah=9), "b.json")
    result = CliRunner().invoke(sim, ["energy", first, second, "--json", "--battery", "cr123a"])
    plain = json.loads(result.output)
    assert plain["mah"] == pytest.approx(27) and [life["battery"] for life in plain["life"]] == ["cr123a"]
    assert plain["differences"][0]["part"] == "radio" and plain["differences"][0]["ua"] == pytest.approx(125)


def test_a_budget_fails_a_build(tmp_path: Path) -> None:
    """Exit 0 while it holds, exit 1 and the sentence when it does not."""
    run, budget = saved(tmp_path, a_day()), tmp_path / "budget.toml"
    budget.write_text("[board]\nmean_ma = 1.1\n", encoding="utf-8")
    assert CliRunner().invoke(sim, ["energy", run, "--budget", str(budget)]).exit_code == 0
    budget.write_text("[board]\nmean_ma = 0.9\n", encoding="utf-8")
    result = CliRunner().invoke(sim, ["energy", run, "--budget", str(budget)])
    assert result.exit_code == 1
    assert "over budget: board: 1 mA on average" in result.output


@pytest.mark.parametrize("kind", ["svg", "html"])
def test_a_plot_is_drawn(kind: str, tmp_path: Path) -> None:
    """Well-formed, with an area for each part that took charge, and nothing that asks for anything."""
    out = tmp_path / f"charge.{kind}"
    assert CliRunner().invoke(sim, ["energy", saved(tmp_path, a_day()), "--plot", str(out)]).exit_code == 0
    text = out.read_text(encoding="utf-8")
    assert text.count('class="area ') == 3
    assert "script" not in text and "url(" not in text
    if kind == "svg":
        assert ET.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 - of our own making


@pytest.mark.parametrize(
    "arguments", [["nowhere.json"], ["RUN", "RUN", "RUN"], ["RUN", "--plot", "x.png"], ["RUN", "--celsius", "90"]]
)
def test_what_cannot_be_done_is_said_in_a_sentence(arguments: list[str], tmp_path: Path) -> None:
    """Exit 1 and one line; the run itself is a good one."""
    run = saved(tmp_path, a_day())
    result = CliRunner().invoke(sim, ["energy", *(run if each == "RUN" else each for each in arguments)])
    assert result.exit_code == 1
    assert result.output.startswith("error: ") and "Traceback" not in result.output
