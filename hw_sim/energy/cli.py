"""`byleave sim energy`: where the charge of a run went, how long a battery lasts, what two runs differ in, what a budget bears."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from hw_sim.energy import battery as batteries
from hw_sim.energy import budget as budgets
from hw_sim.energy.compare import Difference, differences
from hw_sim.energy.costs import costs, table
from hw_sim.energy.life import Life, estimate
from hw_sim.errors import HwSimError
from hw_sim.picture.recording import Recording

SHOWN_PERCENT = 0.005  # rows below it are summed in one line


def energy(
    runs: Annotated[list[Path], typer.Argument(help="RUN.json of a recorded run, or two to compare.")],
    battery: Annotated[
        list[str] | None, typer.Option(help="A battery that comes along, or a TOML file; all of them without it.")
    ] = None,
    celsius: Annotated[float, typer.Option(help="Temperature of the battery.")] = 20.0,
    budget: Annotated[Path | None, typer.Option(help="Bounds in a TOML file: exit 1 if the run exceeds one.")] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw charge over time, stacked by part: FILE.svg or .html.")
    ] = None,
    states: Annotated[bool, typer.Option(help="Compare by state, not by part alone.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> None:
    """Show where the charge of a recorded run went and how long a battery lasts; compare two runs; hold a budget."""
    try:
        if len(runs) > 2:
            raise HwSimError(f"{len(runs)} runs: name one, or two to compare")
        loaded = [Recording.load(path) for path in runs]
        over = budgets.exceeded(budgets.load(budget), loaded[-1]) if budget else []
        lives = [estimate(loaded[-1], batteries.load(name), celsius) for name in battery or batteries.names()]
        if plot is not None:
            from hw_sim.picture.plot import write_plot

            write_plot(loaded[-1], plot)
    except HwSimError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    compared = differences(*loaded, by_state=states) if len(loaded) == 2 else None
    if as_json:
        typer.echo(json.dumps(_plain(loaded[-1], lives, compared, over), ensure_ascii=False))
    else:
        _show(loaded, lives, compared)
    for excess in over:
        typer.echo(f"over budget: {excess.sentence}", err=True)
    if over:
        raise typer.Exit(1)


def _plain(
    run: Recording, lives: list[Life], compared: list[Difference] | None, over: list[budgets.Excess]
) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "title": run.title,
        "board": run.board,
        "seconds": run.seconds,
        "mah": run.millicoulomb / 3600,
        "mean_ma": run.average_ua / 1000,
        "rows": [row._asdict() for row in table(run)],
        "costs": [cost._asdict() for cost in costs(run)],
        "life": [life.__dict__ for life in lives],
        "exceeded": [excess._asdict() for excess in over],
    }
    if compared is not None:
        plain["differences"] = [each._asdict() | {"ua": each.ua, "percent": each.percent} for each in compared]
    return plain


def _show(runs: list[Recording], lives: list[Life], compared: list[Difference] | None) -> None:
    console = Console()
    run = runs[-1]
    if compared is not None:
        console.print(_differences(compared, runs))
        return
    console.print(_table(run))
    for cost in costs(run):
        console.print(
            f"a {cost.what} ({cost.number}): {cost.mc:.4g} mC of {cost.parts}, {cost.all_mc:.4g} mC of the board",
            highlight=False,
        )
    shown = Table(title=f"life if the run went on for ever, at {lives[0].celsius:g} °C" if lives else None)
    for column in ("battery", "days", "mA from it", "lost by itself, µA", "usable, mAh"):
        shown.add_column(column, justify="left" if column == "battery" else "right")
    for life in lives:
        days = f"{life.days:.0f}" if life.days >= 10 else f"{life.days:.1f}"
        shown.add_row(
            life.battery, days, f"{life.battery_ua / 1000:.3f}", f"{life.lost_ua:.1f}", f"{life.usable_mah:.0f}"
        )
    console.print(shown)
    if len(lives) == 1:
        for words in lives[0].assumptions:
            console.print(f"  assumed: {words}", highlight=False, markup=False)
    else:
        console.print("assumptions: --battery NAME tells those of one", highlight=False)


def _table(run: Recording) -> Table:
    hours = run.seconds / 3600
    shown = Table(title=f"charge by part and state, {run.millicoulomb / 3600:.4g} mAh in {hours:.1f} h")
    for column in ("part", "state", "mAh", "%", "mean mA", "s", "acts", "basis"):
        shown.add_column(column, justify="left" if column in ("part", "state", "basis") else "right")
    rows = table(run)
    for row in rows:
        if row.percent < SHOWN_PERCENT:
            continue
        acts = str(row.events) if row.events else ""
        shown.add_row(
            row.part, row.state, f"{row.mah:.4g}", f"{row.percent:.2f}", f"{row.mean_ma:.4f}",
            f"{row.seconds:.1f}", acts, row.basis,
        )  # fmt: skip
    small = [row for row in rows if row.percent < SHOWN_PERCENT]
    if small:
        shown.add_row("others", f"{len(small)} rows", f"{sum(row.mah for row in small):.4g}", "", "", "", "")
    shown.add_row("all", "", f"{run.millicoulomb / 3600:.4g}", "100", f"{run.average_ua / 1000:.4f}", "", "")
    return shown


def _differences(compared: list[Difference], runs: list[Recording]) -> Table:
    before, after = (run.average_ua / 1000 for run in runs)
    shown = Table(title=f"mean current: {before:.4f} mA, then {after:.4f} mA")
    for column in ("part", "state", "first, mA", "second, mA", "difference, mA", "%"):
        shown.add_column(column, justify="left" if column in ("part", "state") else "right")
    whole = Difference("all", "", before * 1000, after * 1000)
    for each in [*compared, whole]:
        percent = "new" if each.percent is None else f"{each.percent:+.1f}"
        shown.add_row(
            each.part, each.state, f"{each.before_ua / 1000:.4f}", f"{each.after_ua / 1000:.4f}",
            f"{each.ua / 1000:+.4f}", percent if each.ua else "=",
        )  # fmt: skip
    return shown
