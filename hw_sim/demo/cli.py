"""Group `demo`: the main job, shown from simulated silicon to a lawful read."""

from __future__ import annotations

import contextlib
import json
import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from hw_sim.demo.chronicle import Chronicle
from hw_sim.demo.report import write
from hw_sim.demo.stage import Stage, opened
from hw_sim.demo.story import STEPS, Outcome
from hw_sim.errors import HwSimError
from hw_sim.world.drive import Drive

demo = typer.Typer(no_args_is_help=True)


@demo.callback()
def about() -> None:
    """One recorded drive, from simulated silicon to a lawful read."""


@demo.command()
def run(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of lines.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of the receiver's noise and the board's random numbers.")] = 1,
    keep: Annotated[
        Path | None, typer.Option(help="Keep database, keys and policy in this new or empty folder.")
    ] = None,
    drive: Annotated[
        Path | None, typer.Option(help="Your own recorded drive instead (GPX, or CSV of one trip).")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write the report, one HTML file that asks nobody for anything, here.")
    ] = None,
) -> None:
    """Drive a recorded bus trip with the real firmware, and do everything to it; exit 0 only if every promise held."""
    # The server warns of each message that it refuses and of each restored backup, and the demo makes both on purpose.
    logging.getLogger("cloud_sync").setLevel(logging.CRITICAL)
    began = time.monotonic()
    console = Console(stderr=as_json)
    recorded = Drive.from_file(drive) if drive else None
    with _folder(keep) as folder, opened(folder, seed=seed, drive=recorded) as stage:
        chronicle = _watched(stage, own_drive=drive is not None)
        if not as_json:
            console.print(f"drive: {stage.drive.description}", highlight=False, soft_wrap=True)
        outcomes = _tell(stage, chronicle, console, quiet=as_json)
    chronicle.seconds = round(time.monotonic() - began, 1)
    held = len(outcomes) == len(STEPS) and all(outcome.holds for outcome in outcomes)
    if report is not None:
        write(chronicle, report)
    if as_json:
        figures = {o.step: o.figures for o in outcomes}
        typer.echo(json.dumps({"held": held, "seconds": chronicle.seconds, "steps": figures}))
    else:
        where = f"; the report: {report}" if report else ""
        verdict = "every promise held" if held else "A PROMISE DID NOT HOLD"
        console.print(f"{verdict} ({chronicle.seconds} s){where}", highlight=False, soft_wrap=True)
    raise typer.Exit(0 if held else 1)


def _watched(stage: Stage, *, own_drive: bool) -> Chronicle:
    """A chronicle that is told what happens on the stage."""
    chronicle = Chronicle.begun(stage, own_drive=own_drive)
    stage.on_look = lambda: chronicle.sample(stage)
    stage.on_event = lambda label: chronicle.event(stage, label)
    stage.on_read = chronicle.read
    return chronicle


def _tell(stage: Stage, chronicle: Chronicle, console: Console, *, quiet: bool) -> list[Outcome]:
    """The steps in their order, to the end or to the first that fails; each is printed when it is done."""
    outcomes: list[Outcome] = []
    for step in STEPS:
        with _bar(console, step.__doc__ or "") as told:
            outcomes.append(step(stage, told))
        chronicle.sample(stage)
        chronicle.outcome(outcomes[-1])
        if not quiet:
            console.print(line(outcomes[-1]), highlight=False, soft_wrap=True)
        if not outcomes[-1].holds:
            break
    return outcomes


def line(outcome: Outcome) -> str:
    """One line a step: letter, title, figures; a broken promise is named in words."""
    figures = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in outcome.figures.items())
    mark = "held" if outcome.holds else "BROKEN: " + "; ".join(outcome.broken)
    return f"{outcome.step}. {outcome.title}: {figures}. [{mark}]".replace("[", "\\[")


@contextlib.contextmanager
def _bar(console: Console, text: str) -> Iterator[Callable[[float], None]]:
    """A progress bar for one step, gone when the step is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(text.split(":", maxsplit=1)[0], total=1.0)

        def told(done: float) -> None:
            progress.update(task, completed=done)

        yield told


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """Where the server keeps its files: a folder of the user's, or one that is gone afterwards."""
    if keep is not None:
        if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
            raise HwSimError(f"{keep} is not empty: the demo writes stores and a policy of its own; name a new folder")
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="byleave-demo-") as folder:
        yield Path(folder)
