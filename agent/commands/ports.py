"""`agent ports`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer

from agent.board.ports import find_ports
from agent.errors import AgentError
from agent.flashing.looking import running


def ports(
    look: Annotated[
        bool, typer.Option("--look", help="Ask each board what it runs: its program is interrupted, and started again.")
    ] = False,
    port: Annotated[
        list[str] | None,
        typer.Option(metavar="PORT", help="A port to list beside those on USB, for instance a simulated one."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List the serial ports on which a board may be, what their USB ids say of it, and with --look what runs there.

    Exit code 0, also where a board does not answer: its line says why.

    Example: byleave agent ports --look
    """
    found: list[dict[str, Any]] = [dict(row) for row in find_ports()]
    found += [
        {"port": name, "usb": "", "board": ""} for name in port or () if name not in {row["port"] for row in found}
    ]
    for row in found if look else ():
        row.update(_looked(row["port"]))
    if as_json:
        typer.echo(json.dumps({"ports": found}))
        return
    for row in found:
        typer.echo(f"{row['port']}  {row['usb']}  {row['board'] or 'unknown board'}")
        if look:
            typer.echo(f"  {row['words']}")
    if not found:
        typer.echo("no serial port on USB; plug a board in, and see that your user may open it (group dialout)")


def _looked(port: str) -> dict[str, Any]:
    """What runs there, or why that cannot be told: one board that does not answer hides no other."""
    try:
        there = running(port)
    except AgentError as error:
        return {"runs": None, "words": str(error)}
    return {"runs": asdict(there), "words": there.words}
