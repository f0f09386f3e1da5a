"""`agent enrol`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from agent.board import enrolment


def enrol(
    port: Annotated[str, typer.Option(metavar="PORT", help="Serial port of the board.")],
    file: Annotated[Path, typer.Option(metavar="FILE", help="Enrolment file of `byleave sync enrol`.")],
    keep: Annotated[bool, typer.Option("--keep", help="Do not delete the file; it is good once.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Replace the device that the board is; its keys and spool are wiped.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make a board with byleave's firmware a device: keys into its flash, and the file is gone.

    Exit code 3: no such port; 4: port busy; 5: no MicroPython prompt; 6: no byleave firmware; 7: enrolled already;
    8: the board refuses; 9: it went away on the way, and the same command once more goes on; 1: anything else.

    Example: byleave agent enrol --port /dev/ttyACM0 --file van.enrolment
    """
    board = enrolment.enrol(port, file, keep=keep, again=again)
    if as_json:
        typer.echo(json.dumps({"port": port, **asdict(board), "file_deleted": not keep}))
        return
    typer.echo(f"{board.board} at {port} is device {board.device} (generation {board.generation}) and has started")
    typer.echo(f"kept {file}: delete it, it is good once" if keep else f"deleted {file}")
