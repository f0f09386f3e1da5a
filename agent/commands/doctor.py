"""`agent doctor`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from agent.commands.waiting import Wait, waiting
from agent.enrolment import settings as settings_files
from agent.errors import Findings
from agent.examination.doctor import Wish, examine, summary
from agent.examination.findings import OK, WRONG, Finding
from agent.stopping import heeded
from agent.words import counted

_MARKS = {OK: "ok   ", WRONG: "WRONG"}


def doctor(
    port: Annotated[str, typer.Option(metavar="PORT", help="Serial port of the board.")],
    settings: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Settings (board.json) in place of the board's, for one not enrolled yet."),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Leave out receiver, radio and link: seconds.")] = False,
    receiver: Annotated[
        bool,
        typer.Option("--receiver", help="Power the receiver of an enrolled device too; whoever carries it agrees."),
    ] = False,
    wait: Wait = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say what is wrong with a board and what to do: flash, memory, clock, battery, sensors, receiver, radio, link.

    It interrupts the board's program and starts it again. Nothing is measured about anybody: sensors say which chip they are,
    the receiver whether it speaks. Exit code 11: something is wrong; 2: a file of settings; 3: no such port; 4: port busy;
    5: no MicroPython prompt; 9: the board went away, and restarts by itself within two minutes; 1: anything else.

    Example: byleave agent doctor --port /dev/ttyACM0
    """
    values = dict(settings_files.from_file(settings).values) if settings else {}
    told = (lambda finding: None) if as_json else _tell
    with heeded(), waiting(wait):
        found = examine(port, Wish(settings=values, quick=quick, receiver=receiver), told)
    counts = summary(found)
    if as_json:
        typer.echo(json.dumps({"port": port, **counts, "findings": [asdict(finding) for finding in found]}))
    else:
        parts = counted(counts["asked"], "part")
        typer.echo(f"{counts['wrong'] or 'nothing'} wrong of {parts}, {counts['not_asked']} not asked")
    if counts["wrong"]:
        parts = ", ".join(finding.part for finding in found if finding.state == WRONG)
        raise Findings(f"{port}: something is wrong: {parts}")


def _tell(finding: Finding) -> None:
    typer.echo(f"{_MARKS.get(finding.state, '-    ')} {finding.part:<12} {finding.seen}")
    if finding.do:
        typer.echo(f"{'':18} do: {finding.do}")
