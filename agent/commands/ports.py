"""`agent ports`."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from agent.board.ports import find_ports


def ports(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """List the serial ports on which a board may be, and what their USB ids say of it."""
    found: list[dict[str, Any]] = [dict(row) for row in find_ports()]
    if as_json:
        typer.echo(json.dumps({"ports": found}))
        return
    for row in found:
        typer.echo(f"{row['port']}  {row['usb']}  {row['board'] or 'unknown board'}")
    if not found:
        typer.echo("no serial port on USB; plug a board in, and see that your user may open it (group dialout)")
