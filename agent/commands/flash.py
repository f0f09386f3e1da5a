"""`agent flash`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from agent.commands.bars import shown
from agent.commands.waiting import Wait, waiting
from agent.errors import AgentConfigError, NoPrompt, PortBusy, PortError
from agent.flashing import flashing, image, uf2
from agent.flashing.filing import Show
from agent.flashing.flashing import Flashed
from agent.flashing.released import Release
from agent.release import make as releases
from agent.words import counted


def flash(
    port: Annotated[str, typer.Option(metavar="PORT", help="Serial port of the board.")],
    image_file: Annotated[
        Path | None,
        typer.Option(
            "--image", metavar="FILE", help="MicroPython first: a merged .bin (ESP32, with esptool) or a .uf2 (Pico)."
        ),
    ] = None,
    release: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A release of `byleave agent release`; without one it is made for the board."),
    ] = None,
    board: Annotated[
        str,
        typer.Option(metavar="NAME", help="The board it must be, for instance esp32s3; without one the board says."),
    ] = "",
    drive: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of a Pico's boot loader, where it is not found by itself."),
    ] = None,
    wait: Wait = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Put byleave's firmware on a board: only what differs is sent, all of it is read back, and the board starts.

    An enrolled board keeps its keys, settings and spool. After a pulled cable the same command goes on.

    Exit code 2: usage, or an image for another board; 3: no such port; 4: port busy; 5: no MicroPython prompt; 8: the board
    cannot take it, and why; 9: it went away on the way, and the same command once more goes on; 10: flash or line hold other
    bytes than were sent; 1: anything else.

    Example: byleave agent flash --port /dev/ttyACM0
    """
    if board and board not in releases.boards():
        raise AgentConfigError(f"--board {board}: there are {', '.join(releases.boards())}")
    if drive is not None and (image_file is None or image_file.suffix.lower() != ".uf2"):
        raise AgentConfigError("--drive: only a Pico has one; it goes with --image FILE.uf2")
    if release is not None:
        Release.read(release)  # before MicroPython is written for nothing
    with waiting(wait), shown(as_json) as show:
        named = _image(port, image_file, board, drive, show) if image_file else board
        wait_s = flashing.BACK_S if image_file else 0
        try:
            done = flashing.flash(port, folder=release, board=named, show=show, wait_s=wait_s)
        except (PortError, PortBusy, NoPrompt) as error:
            if image_file is None:
                raise
            raise type(error)(
                f"MicroPython was sent, and the board is not back: {error}. Once it is at its port, whichever that is now, the "
                "same command without --image goes on; if it does not come, give this one again"
            ) from None
    _tell(port, done, image_file is not None, as_json)


def _image(port: str, path: Path, board: str, drive: Path | None, show: Show) -> str:
    """Writes MicroPython; the board that it is for."""
    if path.suffix.lower() == ".uf2":
        pico = uf2.Uf2Image.read(path, board)
        uf2.write(port, pico, show, drive)
        return pico.board
    esp = image.EspImage.read(path, board)
    image.write(port, esp, show)
    return esp.board


def _tell(port: str, done: Flashed, wrote_image: bool, as_json: bool) -> None:
    if as_json:
        told = asdict(done)
        del told["said"]  # whatever a program prints
        typer.echo(json.dumps({"port": port, **told.pop("sent"), **told, "image_written": wrote_image}))
        return
    where = f"slot {done.sent.slot}" if done.sent.way == "slot" else "files"
    sent = f"{counted(done.sent.sent_bytes, 'byte')} sent" if done.sent.sent_bytes else "all of it was there already"
    typer.echo(f"{done.board} at {port} has release {done.version} in {where}: {sent}, {done.seconds:.1f} s")
    if not done.enrolled:
        typer.echo("it is not enrolled yet; go on with `byleave agent enrol`")
