"""`byleave sim picture`: the page of a recorded run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hw_sim.errors import HwSimError


def picture(
    run: Annotated[Path, typer.Argument(help="RUN.json of a recorded run.")],
    out: Annotated[Path | None, typer.Option(help="Where the page goes; beside RUN.json without it.")] = None,
) -> None:
    """Draw a recorded run as one HTML page: map, time lines, charge, faults, and what left the device."""
    from hw_sim.picture.page import write
    from hw_sim.picture.recording import Recording

    path = out or run.with_suffix(".html")
    try:
        size = write(Recording.load(run), path)
    except HwSimError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{path}: {size} bytes")
