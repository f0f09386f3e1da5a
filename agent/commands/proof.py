"""`agent proof`."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from agent.commands.waiting import Wait, waiting
from agent.reset import proof as proofs
from agent.words import counted


def proof(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `byleave agent reset --factory --proof` wrote.")],
    port: Annotated[
        str,
        typer.Option(metavar="PORT", help="Serial port of that board: it is read again, and nothing of it is changed."),
    ] = "",
    wait: Wait = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Look at the file of a factory reset: does it contradict itself, and with --port, does that board read so still?

    Nothing signs such a file. Without the board it shows what somebody has stated, and no more. Exit code 10: it cannot be so,
    or the board reads otherwise, is another one, or a device again; 1: no such file; 3, 4, 5, 6 and 9 of the port, as `reset`.

    Example: byleave agent proof van-erased.json --port /dev/ttyACM0
    """
    found = proofs.read(file, time.time())
    with waiting(wait):
        empty = [each.name for each in proofs.compare(port, found)] if port else []
    if as_json:
        said = {
            name: getattr(found, name) for name in ("device", "board", "chip", "began", "ended", "byleave", "sha256")
        }
        regions = [each.name for each in found.regions]
        typer.echo(
            json.dumps({"file": str(file), **said, "regions": regions, "port": port or None, "read_again": empty})
        )
        return
    whose = f"device {found.device}" if found.device else "what was no device"
    typer.echo(
        f"{file} states that {whose} ({found.board or found.chip}) was emptied between {found.began} and {found.ended}"
    )
    typer.echo(
        f"{counted(len(found.regions), 'region')}, sizes and hashes agree with each other; SHA-256 of the file {found.sha256}"
    )
    if port:
        typer.echo(
            f"the board at {port} is that one, is no device, and reads empty: {', '.join(empty)}; its files are the firmware's"
        )
    else:
        typer.echo("nothing signs it: read the board again with --port, or ask whoever made it to sign it")
