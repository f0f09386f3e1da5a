"""`agent greet`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from agent.commands.waiting import Wait, waiting
from agent.enrolment import greeting
from agent.stopping import heeded


def greet(
    port: Annotated[str, typer.Option(metavar="PORT", help="Serial port of the board.")],
    answer: Annotated[Path, typer.Option(metavar="FILE", help="What `byleave sync admit --answer` wrote.")],
    wait: Wait = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Let a board open its server's sealed answer: proof on the desk, without a network, that both have the same keys.

    Optional: the first contact does the same. Exit code 10: the board could not open it; else as `enrol`.

    Example: byleave agent greet --port /dev/ttyACM0 --answer van.answer
    """
    with heeded(), waiting(wait):
        found = greeting.greet(port, answer)
    if as_json:
        figures = {"opened": found.opened, "known": found.known}
        typer.echo(json.dumps({"port": port, **asdict(found.board), **figures}))
        return
    if found.opened:
        typer.echo(f"the server has answered, and the board opened it (device {found.board.device})")
    elif found.board.generation:
        typer.echo(
            f"the board, device {found.board.device}, has had its first contact: its keys are newer than this answer, which proves "
            "nothing any more"
        )
    else:
        typer.echo(f"the board, device {found.board.device}, has heard more of its server than this answer already")
