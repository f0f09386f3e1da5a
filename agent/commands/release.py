"""`agent release` and `agent names`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from agent.release import make as releases
from agent.release.names import Names
from agent.words import counted

TEXT_CHARS = 1 << 20  # a traceback has some hundred


def release(
    board: Annotated[str, typer.Option(metavar="NAME", help="Board, for instance esp32s3 or pico_w.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the files of the board.")],
    part: Annotated[
        list[str] | None,
        typer.Option(help="A part of the board, where any is not the reference board's; all of them then."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print release.json.")] = False,
) -> None:
    """Compile the firmware for a board: its modules as bytecode, and release.json with size and SHA-256 of each.

    Exit code 1: no such board or part, or the folder cannot be written; 2: a wrong command line.

    Example: byleave agent release --board pico_w --out build/pico_w
    """
    made = releases.make(board, out, parts=part)
    if as_json:
        typer.echo(json.dumps(made))
        return
    count = counted(len(made["files"]), "file")
    typer.echo(f"{count} for {board}, version {made['version']}, security version {made['security']}, in {out}")
    over = made["bytes"] - releases.BUDGET_BYTES
    typer.echo(
        f"{made['bytes']} bytes, {abs(over)} {'over' if over > 0 else 'below'} the budget of {releases.BUDGET_BYTES}"
    )


def names(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="names.json of the release that the device runs.")],
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="What a status says of a crash, or a traceback; - reads it.")
    ],
) -> None:
    """Show a crash report of a device, or a board's traceback, with the names of the firmware's sources.

    Exit code 1: no such file, or none of a release.

    Example: byleave agent names build/pico_w/names.json "ValueError sampler:1 bT"
    """
    table = Names.from_file(file)
    typer.echo(table.readable(sys.stdin.read(TEXT_CHARS).rstrip() if text == "-" else text))
