"""`sim shell`."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from hw_sim.board import Board
from hw_sim.errors import HwSimError
from hw_sim.network.net import Network
from hw_sim.shell import wire as wires
from hw_sim.shell.buttons import Buttons
from hw_sim.shell.flashfile import FlashFile
from hw_sim.shell.port import Port
from hw_sim.shell.romloader import RomLoader
from hw_sim.shell.session import Loader, Shell
from hw_sim.shell.uf2drive import Uf2Drive
from hw_sim.world.clock import World
from hw_sim.world.drive import Drive

# A broker beyond the host's own clock may owe an answer for as long as it likes; the board is not held up for it.
SETTLE_S = 0.05
INSTALLED, NOTHING = "installed", "none"
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Plan:
    """What `shell` was asked for."""

    board: str
    firmware: str
    flash: Path | None
    link: Path | None
    broker: tuple[str, int] | None
    wifi: str
    drive: str
    speed: float
    seed: int
    uart: Path | None = None  # name of the port at the other end of the board's serial link
    uart_baud: int = wires.BAUDRATE
    boot_loader: bool = False
    uf2_drive: Path | None = None


def shell(
    board: Annotated[str, typer.Option(help="A board of `byleave sim boards`, or a TOML file.")] = "esp32s3",
    firmware: Annotated[
        str, typer.Option(metavar="FOLDER", help="Package to install; `installed` for byleave's own, or `none`.")
    ] = INSTALLED,
    flash: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Image of the flash, kept there; made if missing.")
    ] = None,
    link: Annotated[Path | None, typer.Option(metavar="PATH", help="A constant name for the port.")] = None,
    broker: Annotated[str, typer.Option(metavar="HOST:PORT", help="A broker; without one there is no network.")] = "",
    wifi: Annotated[str, typer.Option(help="SSID:KEY of the access point, with --broker.")] = "depot:depot1234",
    drive: Annotated[str, typer.Option(help="A GPX or CSV file, driven from now on; or `demo`.")] = "demo",
    speed: Annotated[float, typer.Option(min=0.1, max=1000, help="Virtual seconds in a real one.")] = 1.0,
    seed: Annotated[
        int | None, typer.Option(help="Seed of everything random; without one each run has its own.")
    ] = None,
    uart: Annotated[
        Path | None, typer.Option(metavar="PATH", help="A port by that name at the pins of the board's serial link.")
    ] = None,
    uart_baud: Annotated[
        int, typer.Option(min=300, max=921_600, help="Speed of that line, which the board's settings must name too.")
    ] = wires.BAUDRATE,
    boot_loader: Annotated[
        bool,
        typer.Option(
            "--boot-loader",
            help="esptool on the port finds the boot loader of an ESP32 or ESP32-S3; a Pico starts in its own, see --uf2-drive.",
        ),
    ] = False,
    uf2_drive: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="The drive of a Pico's boot loader: an empty folder, or one that is missing."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of the line.")] = False,
) -> None:
    """Give a simulated board's prompt a serial port, on which mpremote works as with a real one.

    SIGUSR1 presses its reset button, SIGUSR2 cuts its power for a moment, also while it sleeps.

    Example: byleave sim shell --flash van.flash --link /tmp/van
    """
    plan = Plan(
        board,
        firmware,
        flash,
        link,
        _address(broker),
        wifi,
        drive,
        speed,
        int.from_bytes(os.urandom(4), "big") if seed is None else seed,
        uart,
        uart_baud,
        boot_loader,
        uf2_drive,
    )
    try:
        with stopped_by(STOPS) as stop:
            serve(plan, lambda port: _announce(plan, port, as_json), stop)
    except OSError as error:
        raise HwSimError(str(error)) from error


def _announce(plan: Plan, port: Port, as_json: bool) -> None:
    name = str(port.link or port.name)
    if as_json:
        names = {"link": str(port.link) if port.link else None, "uart": str(plan.uart) if plan.uart else None}
        typer.echo(json.dumps({"board": plan.board, "port": port.name, **names, "pid": os.getpid()}))
    else:
        if plan.uart:
            typer.echo(f"its serial link at {plan.uart}, {plan.uart_baud} baud")
        typer.echo(f"{plan.board} at {port.name}; type: mpremote connect {name}   (Ctrl-C here ends it)")
        pid = os.getpid()
        typer.echo(f"its reset button: kill -USR1 {pid}   its power, cut and back: kill -USR2 {pid}")


def _address(named: str) -> tuple[str, int] | None:
    host, _, port = named.rpartition(":")
    if named and not (host and port.isdigit()):
        raise HwSimError(f"--broker {named}: write HOST:PORT")
    return (host, int(port)) if named else None


@contextlib.contextmanager
def stopped_by(signals: tuple[signal.Signals, ...]) -> Iterator[Callable[[], bool]]:
    """A condition that holds once one of the signals has come; they do nothing else meanwhile."""
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)

    before = {each: signal.signal(each, note) for each in signals}
    try:
        yield lambda: bool(came)
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def serve(plan: Plan, ready: Callable[[Port], None], stop: Callable[[], bool]) -> None:
    """A board on a port of its own until `stop()`; `ready` is called as soon as the port is there."""
    now_s = time.time()
    world = World(now_s, plan.seed)
    network = _network(plan, world)
    with contextlib.ExitStack() as parts:
        board = parts.enter_context(Board.from_description(plan.board, world, network))
        drive = Drive.demo() if plan.drive == "demo" else Drive.from_file(plan.drive)
        board.gnss.drive = drive.shifted(now_s)
        folder = _firmware(plan.firmware)
        if folder is not None:
            board.install(folder)
        flash = parts.enter_context(FlashFile(plan.flash, board.flash)) if plan.flash else None
        port = parts.enter_context(Port(plan.link))
        loader = _loader(plan, board, port, parts)
        wires_of = _wires(plan, board, parts)
        deeds = parts.enter_context(Buttons()).take
        shell = Shell(board, port, speed=plan.speed, flash=flash, wires=wires_of, loader=loader, deeds=deeds)
        ready(port)
        shell.serve(stop)


def _loader(plan: Plan, board: Board, port: Port, parts: contextlib.ExitStack) -> Loader | None:
    """The boot loader of the board's chip, if it was asked for; HwSimError for one that the board has not."""
    if plan.uf2_drive is not None:
        drive = Uf2Drive.of(board, plan.uf2_drive, port.hide, speed=plan.speed, active=plan.boot_loader)
        return parts.enter_context(drive)
    if plan.boot_loader and board.description.port == "rp2":
        raise HwSimError(f"--boot-loader: that of {board.name} is a drive; name its folder with --uf2-drive")
    return RomLoader.of(board, port.write) if plan.boot_loader else None


def _wires(plan: Plan, board: Board, parts: contextlib.ExitStack) -> list[wires.Wire]:
    """The serial link, if it was asked for."""
    if plan.uart is None:
        return []
    port = parts.enter_context(Port(plan.uart, option="--uart"))
    return [wires.attach(board, port, baudrate=plan.uart_baud)]


def _network(plan: Plan, world: World) -> Network:
    """With a broker: one access point, and every name of it leads to that broker."""
    if plan.broker is None:
        return Network(world)
    ssid, _, key = plan.wifi.partition(":")
    hosts = dict.fromkeys(("broker.example", "localhost", plan.broker[0]), plan.broker)
    network = Network(world, hosts=hosts, wifi={ssid: key}, bound_s=SETTLE_S)
    network.raise_on_timeout = False
    return network


def _firmware(named: str) -> Path | None:
    """Folder of the package to install; None for a bare board."""
    if named == NOTHING:
        return None
    if named != INSTALLED:
        return Path(named)
    found = importlib.util.find_spec("firmware")
    if found is None or found.origin is None:
        raise HwSimError("byleave's firmware is not installed here; name a package with --firmware, or `none`")
    return Path(found.origin).parent
