"""`byleave sim boards`: what can be simulated, and whether a description is right; `byleave sim program`: any program."""

from __future__ import annotations

import functools
import json
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from hw_sim.board import Board
from hw_sim.errors import HwSimError
from hw_sim.network.broker import Broker
from hw_sim.network.net import Network
from hw_sim.silicon import description
from hw_sim.world.clock import World
from hw_sim.world.drive import Drive

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of lines.")]
JOIN = """import network, time
wlan = network.WLAN(network.STA_IF)
wlan.active(True)
wlan.connect({ssid!r}, {key!r})
while not wlan.isconnected():
    time.sleep_ms(100)
"""


def boards(
    file: Annotated[str, typer.Argument(help="A description to check: a TOML file, or the name of a board.")] = "",
    as_json: Json = False,
) -> None:
    """List the boards that can be simulated and what is on them, or check a description of one's own."""
    try:
        found = {name: _fitted(name) for name in ([file] if file else description.names())}
    except HwSimError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    if as_json:
        typer.echo(json.dumps(found))
        return
    for name, parts in found.items():
        typer.echo(f"{name}: {', '.join(parts) or 'nothing but the chip itself'}")


def _fitted(board: str) -> list[str]:
    """What is on a board, once it was put together for a trial, so that its own chips are there too."""
    loaded = description.load(board)
    world = World()
    Board(loaded, world, Network(world)).close()
    return loaded.fitted()


@dataclass(frozen=True)
class Trial:
    """A program on a board: what it is, what is around it."""

    main: Path
    board: str
    libraries: list[Path]
    wifi: str
    hosts: list[str]
    drive: str
    lux: float
    celsius: float
    seconds: float
    seed: int


def program(
    main: Annotated[Path, typer.Argument(help="The program: it becomes main.py.")],
    library: Annotated[
        list[Path] | None, typer.Option(help="A module or package to import, or `FOLDER/` for all in it; repeat.")
    ] = None,
    board: Annotated[str, typer.Option(help="A board of `byleave sim boards`, or a TOML file.")] = "esp32s3",
    wifi: Annotated[str, typer.Option(help="SSID:KEY that a boot.py joins before the program starts.")] = "",
    host: Annotated[
        list[str] | None, typer.Option(help="NAME=HOST:PORT, or NAME=broker for an MQTT broker of the run; repeat.")
    ] = None,
    drive: Annotated[str, typer.Option(help="Where the receiver is: a GPX or CSV file, or `demo`.")] = "demo",
    lux: Annotated[float, typer.Option(help="Light on the sensors.")] = 250.0,
    celsius: Annotated[float, typer.Option(help="Temperature around the sensors.")] = 20.0,
    seconds: Annotated[float, typer.Option(help="Virtual seconds to run at most.")] = 10.0,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    as_json: Json = False,
) -> None:
    """Run any MicroPython program on a simulated board and show what it printed; exit 1 with its traceback if it fails."""
    trial = Trial(main, board, library or [], wifi, host or [], drive, lux, celsius, seconds, seed)
    try:
        figures = _run(trial, quiet=as_json)
    except (HwSimError, OSError, UnicodeDecodeError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(json.dumps(figures) if as_json else f"({figures['ended_because']}, {figures['virtual_s']} virtual s)")


def _run(trial: Trial, *, quiet: bool) -> dict[str, Any]:
    truth = Drive.demo() if trial.drive == "demo" else Drive.from_file(trial.drive)
    world = World(truth.start_unix_s, trial.seed)
    ssid, _, key = trial.wifi.partition(":")
    began = time.monotonic()
    with ExitStack() as stack:
        hosts = {name: _address(where, stack) for name, _, where in (row.partition("=") for row in trial.hosts)}
        network = Network(world, hosts=hosts, wifi={ssid: key} if ssid else {})
        board = stack.enter_context(Board.from_description(trial.board, world, network))
        if board.has_gnss:
            board.gnss.drive = truth
        for chip in board.sensors.values():
            for name, value in (("illuminance_lx", trial.lux), ("temperature_c", trial.celsius)):
                if hasattr(chip, name):
                    setattr(chip, name, functools.partial(_steady, value))
        for path in trial.libraries:
            board.installed.library(path)
        if ssid:
            board.installed.boot(JOIN.format(ssid=ssid, key=key))
        board.program(trial.main.read_text(encoding="utf-8"))
        board.console.listen = None if quiet else lambda text: typer.echo(text, nl=False)
        board.power_on()
        end = board.run(for_s=trial.seconds)
        told = {"ended_because": end.value, "virtual_s": round(world.clock.now_us / 1e6, 3)}
        return told | {"real_s": round(time.monotonic() - began, 2), "console": str(board.console)}


def _steady(value: float, unix_s: float) -> float:
    return value


def _address(where: str, stack: ExitStack) -> tuple[str, int]:
    if where == "broker":
        own = stack.enter_context(Broker.start())
        return own.host, own.port
    host, _, port = where.rpartition(":")
    if not host or not port.isdigit():
        raise HwSimError(f"--host …={where}: write NAME=HOST:PORT, or NAME=broker")
    return host, int(port)
