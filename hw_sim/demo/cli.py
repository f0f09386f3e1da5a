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

from hw_sim.demo.stage import opened
from hw_sim.demo.story import STEPS, Outcome
from hw_sim.drive import Drive
from hw_sim.errors import HwSimError

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
) -> None:
    """Drive a recorded bus trip with the real firmware; exit 0 only if every promise held."""
    # The server warns of each message that it refuses, and the demo makes hundreds of them on purpose.
    logging.getLogger("cloud_sync").setLevel(logging.ERROR)
    began = time.monotonic()
    console = Console(stderr=as_json)
    outcomes: list[Outcome] = []
    recorded = Drive.from_file(drive) if drive else None
    with _folder(keep) as folder, opened(folder, seed=seed, drive=recorded) as stage:
        if not as_json:
            console.print(f"drive: {stage.drive.description}", highlight=False, soft_wrap=True)
        for step in STEPS:
            with _bar(console, step.__doc__ or "") as told:
                outcomes.append(step(stage, told))
            if not as_json:
                console.print(line(outcomes[-1]), highlight=False, soft_wrap=True)
            if not outcomes[-1].holds:
                break
    took = time.monotonic() - began
    held = len(outcomes) == len(STEPS) and all(outcome.holds for outcome in outcomes)
    if as_json:
        typer.echo(
            json.dumps({"held": held, "seconds": round(took, 1), "steps": {o.step: o.figures for o in outcomes}})
        )
    else:
        console.print(f"{'every promise held' if held else 'A PROMISE DID NOT HOLD'} ({took:.1f} s)")
    raise typer.Exit(0 if held else 1)


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
