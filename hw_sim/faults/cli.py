"""`byleave sim faults`: what can go wrong, and how to make it."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from hw_sim.errors import FaultError
from hw_sim.faults.catalogue import CATALOGUE, find
from hw_sim.faults.fault import Fault
from hw_sim.faults.words import as_python, as_toml


def faults(
    name: Annotated[str, typer.Argument(help="A fault to explain; without it all are listed.")] = "",
    part: Annotated[str, typer.Option(help="List those of one part only: power, flash, network …")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")] = False,
) -> None:
    """List the faults that the simulator can do, or explain one with its parameters and an example."""
    try:
        chosen = [find(name)] if name else _of_part(part)
    except FaultError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    if as_json:
        typer.echo(json.dumps([_plain(fault) for fault in chosen], ensure_ascii=False))
    elif name:
        typer.echo(_explained(chosen[0]))
    else:
        width = max(len(fault.name) for fault in chosen)
        for fault in chosen:
            typer.echo(f"{fault.name.ljust(width)}  {fault.summary}")


def _of_part(part: str) -> list[Fault]:
    chosen = [fault for fault in CATALOGUE.values() if part in ("", fault.part)]
    if not chosen:
        there = dict.fromkeys(fault.part for fault in CATALOGUE.values())
        raise FaultError(f"no part {part!r}: there are {', '.join(there)}")
    return chosen


def _plain(fault: Fault) -> dict[str, Any]:
    parameters = {
        name: {
            "about": p.about,
            "type": p.kind,
            "unit": p.unit,
            "default": p.default,
            "least": p.least,
            "most": p.most,
            "choices": list(p.choices),
        }
        for name, p in fault.parameters.items()
    }
    return {
        "name": fault.name,
        "part": fault.part,
        "summary": fault.summary,
        "source": fault.source,
        "lasts": fault.lasts,
        "parameters": parameters,
    }


def _explained(fault: Fault) -> str:
    lines = [f"{fault.name} ({fault.part})", "", fault.summary, f"Source: {fault.source}"]
    if not fault.lasts:
        lines.append("It is over as soon as it has happened: its end undoes nothing.")
    lines += ["", "Parameters:"] if fault.parameters else ["", "It has no parameters."]
    for name, p in fault.parameters.items():
        unit, bounds = f" {p.unit}" if p.unit else "", f"; {p.bounds}" if p.bounds else ""
        lines.append(f"  {name} = {json.dumps(p.default)}{unit}  {p.about} ({p.kind}{bounds})")
    return "\n".join([*lines, "", "In a scenario:", "", as_toml(fault), "", "In Python:", "", as_python(fault)])
