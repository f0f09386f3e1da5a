"""`byleave sim sweep`."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from hw_sim.errors import HwSimError
from hw_sim.scenario.product import Plan, Product, find
from hw_sim.sweep.branch import Result
from hw_sim.sweep.cuts import HOWS, Cut, Share, SweepError, parse_hows
from hw_sim.sweep.firmware import AnyFirmware, promise
from hw_sim.sweep.run import Order, Report, replay
from hw_sim.sweep.run import sweep as make
from hw_sim.world.drive import Drive

# The demo's drive over a change of day: a leave taken back and given again on the way, then parked, asleep, reporting.
STORY: tuple[tuple[float, str], ...] = (
    (1200, "withdraw condition_monitoring"),
    (2100, "allow condition_monitoring"),
    (3430, "park"),
)
MINUTES = 97.0  # the drive's 57, and 40 in which it sleeps and wakes
HOW_HELP = "Only these ways of cutting, with commas: " + ", ".join(HOWS)


def sweep(
    product: Annotated[str, typer.Argument(help="An installed product, or a folder with main.py.")] = "byleave",
    check: Annotated[
        list[str] | None, typer.Option(metavar="MODULE:FUNCTION", help="A promise, for a folder; may be given again.")
    ] = None,
    board: Annotated[str, typer.Option(help="A board of `byleave sim boards`, or a TOML file.")] = "esp32s3",
    drive: Annotated[Path | None, typer.Option(help="A recorded drive instead of the demo's.")] = None,
    minutes: Annotated[float, typer.Option(help="Virtual minutes of the run that is swept.")] = MINUTES,
    world_seed: Annotated[int, typer.Option(help="Seed of the run.")] = 1,
    how: Annotated[str, typer.Option(help=HOW_HELP)] = "",
    share: Annotated[str, typer.Option(metavar="N/M", help="N in M of all cuts, chosen by --seed.")] = "1/1",
    seed: Annotated[str, typer.Option(help="Chooses the cuts of --share; a commit's hash, say.")] = "",
    limit: Annotated[int | None, typer.Option(min=1, help="So many cuts at most, spread over the run.")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes; one a core without it.")] = None,
    out: Annotated[Path | None, typer.Option(help="Keep results, and what failed cuts left, in this folder.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with the sweep that is kept in this folder.")] = None,
    replay_cut: Annotated[
        str,
        typer.Option("--replay", metavar="CUT", help="Make this one cut, as flash/37/torn, and show what comes of it."),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of lines.")] = False,
) -> None:
    """Cut the power at every flash operation and network step of a run; exit 0 only if every promise held at every cut."""
    logging.getLogger("cloud_sync").setLevel(logging.CRITICAL)  # a server that is cut complains, and is meant to
    try:
        swept = _product(product, check or [])
        options: dict[str, Any] = {"acts": [list(act) for act in STORY], "begin": "midnight"}
        plan = Plan(
            world_seed, board, Drive.from_file(drive) if drive else None, options if product == "byleave" else {}
        )
        hows = parse_hows(how, hasattr(swept, "without_host"))
        order = Order(swept, plan, 60 * minutes, hows, Share.parse(share, seed), limit)
        held = _one(order, replay_cut, out, as_json) if replay_cut else _swept(order, out, resume, jobs, as_json)
    except (HwSimError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error
    raise typer.Exit(0 if held else 1)


def _product(name: str, checks: list[str]) -> Product:
    folder = Path(name)
    if not folder.is_dir():
        if checks:
            raise SweepError(f"--check is for a folder; the product {name} brings its own promises")
        return find(name)
    if not checks:
        raise SweepError("a folder has no promises of its own: name them with --check module:function")
    return AnyFirmware(folder, {each.partition(":")[2].replace("_", "-"): promise(each) for each in checks})


def _one(order: Order, cut: str, out: Path | None, as_json: bool) -> bool:
    result = replay(order, Cut.parse(cut), out)
    if as_json:
        typer.echo(result.line())
    else:
        typer.echo(f"{result.cut}: {result.what}")
        _explain(result)
        typer.echo(f"{'held' if result.held else 'FAILED'} ({result.cpu_s} s of CPU)")
    return result.held


def _swept(order: Order, out: Path | None, resume: Path | None, jobs: int | None, as_json: bool) -> bool:
    if out is not None and resume is not None and out != resume:
        raise SweepError("--resume goes on in its own folder: leave --out away")
    with _bar(quiet=as_json) as told:
        report = make(order, resume or out, go_on=resume is not None, jobs=jobs, told=told)
    if as_json:
        failed = [asdict(result) for result in report.failed]
        typer.echo(json.dumps({**report.figures(), "failures": failed}))
    else:
        _tell(report, resume or out)
    return report.held


def _tell(report: Report, folder: Path | None) -> None:
    for result in report.failed:
        typer.echo(f"FAILED {result.cut}: {result.what}")
        _explain(result)
        typer.echo(f"  again: byleave sim sweep --replay {result.cut}  (with the same product, board, drive and seed)")
    for name, value in report.figures().items():
        typer.echo(f"{name.replace('_', ' ').ljust(18)} {value}")
    if report.interrupted:
        again = f"go on with --resume {folder}" if folder else "nothing was kept: name a folder with --out next time"
        typer.echo(f"interrupted: {again}")


def _explain(result: Result) -> None:
    for finding in result.findings:
        typer.echo(f"  {finding.invariant}: {finding.detail}")
    for line in result.console.splitlines():
        typer.echo(f"  | {line}")


@contextlib.contextmanager
def _bar(*, quiet: bool) -> Iterator[Callable[[str, float], None]]:
    """A progress bar on the terminal, or nothing."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as progress:
        task = progress.add_task("", total=1.0)

        def told(what: str, done: float) -> None:
            progress.update(task, completed=done, description=what)

        yield told
