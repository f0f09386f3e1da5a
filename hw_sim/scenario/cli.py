"""`byleave sim run`: a scenario, or a firmware of yours along a recorded drive."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from hw_sim.errors import HwSimError
from hw_sim.picture import Keeps, attach, keeper

ON_A_DRIVE = ("board", "broker", "firmware", "wifi", "minutes")  # options that a scenario's file says instead


@dataclass(frozen=True)
class Along:
    """What a run along a drive was asked for."""

    drive: str
    board: str
    firmware: Path | None
    wifi: str
    minutes: float
    seed: int


def run(
    context: typer.Context,
    what: Annotated[
        str,
        typer.Argument(
            metavar="SCENARIO|DRIVE",
            help="A scenario: a TOML file, or one of --list. Or a drive: a file, or `demo` for the one that comes along.",
        ),
    ] = "demo",
    board: Annotated[str, typer.Option(help="A board of `byleave sim boards`, or a TOML file.")] = "esp32s3",
    broker: Annotated[str, typer.Option(help="HOST:PORT of a broker; without it one is started for the run.")] = "",
    firmware: Annotated[
        Path | None, typer.Option(help="Firmware to install: a package with main.py, or a folder of files.")
    ] = None,
    wifi: Annotated[str, typer.Option(help="SSID:KEY of the access point.")] = "depot:depot1234",
    minutes: Annotated[float, typer.Option(help="Virtual minutes to run.")] = 10.0,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Keep what a product writes here; must be empty or not there.")
    ] = None,
    record: Annotated[Path | None, typer.Option(help="Write what happened here, as JSON: RUN.json.")] = None,
    report: Annotated[Path | None, typer.Option(help="Draw what happened here, as one HTML page.")] = None,
    listed: Annotated[bool, typer.Option("--list", help="List the scenarios that come along.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of lines.")] = False,
) -> None:
    """Run a scenario and hold it against its bounds (exit 1 if one fails), or a firmware of yours along a recorded drive."""
    from hw_sim.scenario import scenario as scenarios

    try:
        if listed:
            for name in scenarios.shipped():
                typer.echo(f"{name}: {scenarios.about(name)}")
        elif what.endswith(".toml") or what in scenarios.shipped():
            _refuse_others(context)
            _scenario(what, folder, seed, as_json, keeper(record, report))
        else:
            with _broker(broker) as address:
                figures = _along(
                    Along(what, board, firmware, wifi, minutes, seed or 0), address, keeper(record, report)
                )
            _show(figures, as_json)
    except (HwSimError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error


def _refuse_others(context: typer.Context) -> None:
    given = [n for n in ON_A_DRIVE if str(context.get_parameter_source(n)).endswith("COMMANDLINE")]
    if given:
        raise HwSimError(f"--{given[0]}: a scenario says that in its file; the option is for a run along a drive")


def _scenario(what: str, folder: Path | None, seed: int | None, as_json: bool, keep: Keeps) -> None:
    from hw_sim.scenario.scenario import Scenario

    if folder is not None and folder.exists() and any(folder.iterdir()):
        raise HwSimError(f"--folder {folder}: is not empty; name a new one")
    began = time.monotonic()
    done = Scenario.load(what).run(folder, seed=seed, keep=keep)
    if as_json:
        typer.echo(done.to_json())
    else:
        typer.echo(done.console, nl=not done.console.endswith("\n"))
        for each in done.happenings:
            typer.echo(f"{each.at_s:>12.3f} s  {each.what}")
        _lines({"scenario": done.name, "seed": done.seed, "ended": done.ended, **done.figures})
        took_s = time.monotonic() - began
        typer.echo(f"{took_s:.1f} s of real time", err=True)
    for sentence in done.broken:
        typer.echo(f"broken: {sentence}", err=True)
    raise typer.Exit(0 if done.ok else 1)


def _lines(figures: dict[str, Any]) -> None:
    width = max(len(name) for name in figures)
    for name, value in figures.items():
        typer.echo(f"{name.ljust(width)}  {value}")


def _show(figures: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(figures))
        return
    typer.echo(figures.pop("console"), nl=False)
    _lines(figures)


@contextlib.contextmanager
def _broker(named: str) -> Iterator[tuple[str, int]]:
    """(host, port) of the broker named, or of one that lives as long as the block."""
    from hw_sim.network.broker import Broker

    if not named:
        with Broker.start() as own:
            yield own.host, own.port
        return
    host, _, port = named.rpartition(":")
    if not host or not port.isdigit():
        raise HwSimError(f"--broker {named}: write HOST:PORT")
    yield host, int(port)


def _along(plan: Along, address: tuple[str, int], keep: Keeps) -> dict[str, Any]:
    from hw_sim.board import Board
    from hw_sim.faults.site import Site
    from hw_sim.network.net import Network
    from hw_sim.scenario.figures import figures_of
    from hw_sim.scenario.folder import install
    from hw_sim.world.clock import World
    from hw_sim.world.drive import Drive

    truth = Drive.demo() if plan.drive == "demo" else Drive.from_file(plan.drive)
    world = World(truth.start_unix_s, plan.seed)
    ssid, _, key = plan.wifi.partition(":")
    network = Network(world, hosts={"broker.example": address, address[0]: address}, wifi={ssid: key})
    began = time.monotonic()
    with Board.from_description(plan.board, world, network) as board:
        if plan.firmware is None:
            raise HwSimError(
                "name the program with --firmware; byleave's own needs an enrolment and a server in the same virtual time: "
                "`byleave sim run --list` names scenarios that bring both"
            )
        if board.has_gnss:
            board.gnss.drive = truth
        install(board, plan.firmware)
        recorder = attach(Site(board, network, world), title=truth.name) if keep else None
        board.power_on()
        end = board.run(for_s=60 * plan.minutes)
        if keep and recorder:
            keep(recorder.recording())
        figures = figures_of(Site(board, network, world))
        took_s = round(time.monotonic() - began, 2)
        return {
            "console": str(board.console),
            "drive": truth.description,
            "ended_because": end.value,
            **figures,
            "real_s": took_s,
        }
