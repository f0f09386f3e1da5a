"""`byleave sim fleet`: load on a real broker and server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hw_sim.errors import HwSimError
from hw_sim.fleet.plan import Plan
from hw_sim.world.drive import Drive

if TYPE_CHECKING:
    from hw_sim.demo.fleet.load import Result


def fleet(
    devices: Annotated[int, typer.Option(help="How many devices.")] = 1000,
    rate: Annotated[float, typer.Option(help="Envelopes a second, of all together.")] = 500.0,
    for_s: Annotated[float, typer.Option("--for", help="Seconds of real time.")] = 10.0,
    broker: Annotated[str, typer.Option(help="HOST:PORT of a broker; without it one is started.")] = "",
    config: Annotated[
        Path | None,
        typer.Option(help="cloud-sync.toml of an installation whose service runs; without it one is made and served."),
    ] = None,
    drive: Annotated[
        list[Path] | None, typer.Option(help="A recorded drive (more than once: several); else made-up days.")
    ] = None,
    connections: Annotated[int, typer.Option(help="MQTT connections that the devices share.")] = 20,
    fixes: Annotated[int, typer.Option(min=1, max=64, help="Fixes in an envelope.")] = 6,
    denied: Annotated[
        float, typer.Option(min=0, max=100, help="Percent of the devices whose person never consented.")
    ] = 0.0,
    real: Annotated[int, typer.Option(min=0, max=200, help="Real interpreters beside them, each in a process.")] = 0,
    window: Annotated[int, typer.Option(help="Envelopes that may wait for a verdict; 0: those of five seconds.")] = 0,
    seed: Annotated[int, typer.Option(help="Seed of the made-up days.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of lines.")] = False,
) -> None:
    """Seal, send and count: exit 0 only if every envelope is stored or refused, and the database has as many as were stored."""
    try:
        plan = Plan(devices, rate, for_s, connections, window, seed=seed)
        result = _run(plan, broker, config, drive or [], denied=denied / 100, fixes=fixes, real=real, quiet=as_json)
    except (HwSimError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    if as_json:
        typer.echo(json.dumps({"exact": result.exact, **result.figures}))
    else:
        width = max(len(name) for name in result.figures)
        for name, value in result.figures.items():
            typer.echo(f"{name.ljust(width)}  {value}")
        typer.echo("exact: sealed = stored + refused" if result.exact else "NOT EXACT")
    raise typer.Exit(0 if result.exact else 1)


def _run(plan: Plan, broker: str, config: Path | None, drives: list[Path], *, quiet: bool, **ask: float) -> Result:
    """The run; what a device is comes from the composition root, which needs the products."""
    from hw_sim.demo.fleet.load import Ask, run

    host, _, port = broker.rpartition(":")
    if broker and not (host and port.isdecimal()):
        raise HwSimError(f"--broker {broker}: write HOST:PORT")
    asked = Ask(
        denied=ask["denied"],
        fixes=int(ask["fixes"]),
        real=int(ask["real"]),
        broker=(host, int(port)) if broker else None,
        config=config,
        drives=[Drive.from_file(path) for path in drives],
    )
    return run(plan, asked, (lambda line: None) if quiet else typer.echo)
