"""`agent monitor`."""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path
from typing import Annotated

import typer

from agent.commands.waiting import Wait, waiting
from agent.errors import AgentConfigError
from agent.examination.monitor import Monitor, once
from agent.release.names import Names
from agent.said.log import Line
from agent.stopping import heeded
from agent.words import counted

KEPT_LINES = 1000  # of --json: the last of them


def monitor(
    port: Annotated[str, typer.Option(metavar="PORT", help="Serial port of the board.")],
    only_once: Annotated[
        bool, typer.Option("--once", help="Interrupt the program, print the status, and start the program again.")
    ] = False,
    for_s: Annotated[float | None, typer.Option("--for", metavar="S", min=0, help="End after so many seconds.")] = None,
    names: Annotated[
        Path | None, typer.Option(metavar="FILE", help="names.json of the release, for tracebacks in words.")
    ] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Show all lines, once the board has said that it is not enrolled.")
    ] = False,
    wait: Wait = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
) -> None:
    """Show what a device says on its console: started, contact made, answered, asleep, its status; nothing about a person.

    It only listens, and waits for a cable that was pulled; Ctrl-C ends it. Lines that are not byleave's are counted and not
    shown. --once says what the device would report, with its uptime and the faults of its sensors.

    Exit code 0, also after Ctrl-C; 1: a file of names; 2: a wrong command line; 3: no such port; 4: port busy; with --once also
    5, 6, 8 and 9, as of `agent enrol`.

    Example: byleave agent monitor --port /dev/ttyACM0
    """
    if only_once:
        if for_s is not None or names or raw:
            raise AgentConfigError("--once goes with --port, --wait and --json alone: it asks the board and ends")
        _once(port, wait, as_json)
        return
    if wait:
        raise AgentConfigError("--wait goes with --once; without that the monitor listens for as long as you like")
    kept: deque[str] = deque(maxlen=KEPT_LINES)

    def told(line: Line) -> None:
        kept.append(line.text)
        if not as_json:
            typer.echo(line.text)

    def said(text: str) -> None:
        if not as_json:
            typer.echo(f"({text})", err=True)

    watching = Monitor(port, told, said, names=Names.from_file(names) if names else None, raw=raw)
    try:
        watching.watch(for_s)
    except KeyboardInterrupt:
        if not as_json:
            typer.echo("")
    watched = watching.watched
    if as_json:
        status = watched.status.facts() if watched.status else None
        counts = {"others": watched.others, "gone": watched.gone}
        typer.echo(json.dumps({"port": port, "lines": list(kept), **counts, "status": status}))
    elif watched.others:
        hint = (
            "; press the board's reset button: they are shown once it has said that it is not enrolled" if raw else ""
        )
        typer.echo(f"{counted(watched.others, 'line that is', 'lines that are')} not byleave's{hint}")


def _once(port: str, wait: float, as_json: bool) -> None:
    typer.echo("this interrupts the device's program, and starts it again", err=True)
    with heeded(), waiting(wait):
        status = once(port)
    if as_json:
        typer.echo(json.dumps({"port": port, "status": status.facts() if status else None}))
    else:
        typer.echo(status.sentence() if status else "the board has byleave's firmware and is not enrolled")
