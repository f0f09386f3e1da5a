"""Group `agent`: boards on serial ports."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from agent import enrolment
from agent import release as releases
from agent.errors import AgentError
from agent.names import Names

agent = typer.Typer(no_args_is_help=True)

# USB vendor and product ids of the boards that byleave runs on, as Linux shows them under /sys (usb.ids; Raspberry Pi's
# and Espressif's published product ids).
KNOWN = {
    ("303a", "1001"): "ESP32-S3 (USB serial/JTAG)",
    ("303a", "4001"): "ESP32-S3 running MicroPython",
    ("2e8a", "0005"): "Raspberry Pi Pico running MicroPython",
    ("2e8a", "0003"): "RP2040 in its USB boot loader",
    ("2e8a", "000f"): "RP2350 in its USB boot loader",
    ("10c4", "ea60"): "CP210x serial bridge (ESP32 boards)",
    ("1a86", "7523"): "CH340 serial bridge (ESP32 boards)",
}


def find_ports(sys_root: Path = Path("/sys")) -> list[dict[str, str]]:
    """Serial ports on USB: device, USB ids, and the board that these ids stand for ('' if unknown). Linux only."""
    found = []
    for tty in sorted((sys_root / "class" / "tty").glob("tty[AU]*")):
        usb = (tty / "device").resolve()
        for folder in (usb, *usb.parents):
            if (folder / "idVendor").is_file():
                ids = ((folder / "idVendor").read_text().strip(), (folder / "idProduct").read_text().strip())
                found.append({"port": f"/dev/{tty.name}", "usb": ":".join(ids), "board": KNOWN.get(ids, "")})
                break
    return found


@agent.callback()
def about() -> None:
    """Work with boards on a serial port."""


@agent.command()
def enrol(
    port: Annotated[str, typer.Option(metavar="PORT", help="Serial port of the board.")],
    file: Annotated[Path, typer.Option(metavar="FILE", help="Enrolment file of `byleave sync enrol`.")],
    keep: Annotated[bool, typer.Option("--keep", help="Do not delete the file; it is good once.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Replace the device that the board is; its keys and spool are wiped.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make a board with byleave's firmware a device: keys into its flash, and the file is gone.

    Exit code 3: no such port; 4: port busy; 5: no MicroPython prompt; 6: no byleave firmware; 7: enrolled already;
    8: the board refuses; 9: it went away on the way, and the same command once more goes on; 1: anything else.

    Example: byleave agent enrol --port /dev/ttyACM0 --file van.enrolment
    """
    board = enrolment.enrol(port, file, keep=keep, again=again)
    if as_json:
        typer.echo(json.dumps({"port": port, **asdict(board), "file_deleted": not keep}))
        return
    typer.echo(f"{board.board} at {port} is device {board.device} (generation {board.generation}) and has started")
    typer.echo(f"kept {file}: delete it, it is good once" if keep else f"deleted {file}")


@agent.command()
def ports(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """List the serial ports on which a board may be, and what their USB ids say of it."""
    found: list[dict[str, Any]] = [dict(row) for row in find_ports()]
    if as_json:
        typer.echo(json.dumps({"ports": found}))
        return
    for row in found:
        typer.echo(f"{row['port']}  {row['usb']}  {row['board'] or 'unknown board'}")
    if not found:
        typer.echo("no serial port on USB; plug a board in, and see that your user may open it (group dialout)")


@agent.command()
def release(
    board: Annotated[str, typer.Option(metavar="NAME", help="Board, for instance esp32s3 or pico_w.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the files of the board.")],
    part: Annotated[
        list[str] | None,
        typer.Option(help="A part of the board, where any is not the reference board's; all of them then."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print release.json.")] = False,
) -> None:
    """Compile the firmware for a board: its modules as bytecode, and release.json with size and SHA-256 of each.

    Example: byleave agent release --board pico_w --out build/pico_w
    """
    made = releases.make(board, out, parts=part)
    if as_json:
        typer.echo(json.dumps(made))
        return
    typer.echo(
        f"{len(made['files'])} files for {board}, version {made['version']}, security version {made['security']}, in {out}"
    )
    over = made["bytes"] - releases.BUDGET_BYTES
    typer.echo(
        f"{made['bytes']} bytes, {abs(over)} {'over' if over > 0 else 'below'} the budget of {releases.BUDGET_BYTES}"
    )


@agent.command()
def names(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="names.json of the release that the device runs.")],
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="What a status says of a crash, or a traceback; - reads it.")
    ],
) -> None:
    """Show a crash report of a device, or a board's traceback, with the names of the firmware's sources.

    Example: byleave agent names build/pico_w/names.json "ValueError sampler:1 bT"
    """
    try:
        table = file.read_bytes()
    except OSError as error:
        raise AgentError(f"{file}: cannot be read ({error.strerror}); `byleave agent release` writes one") from None
    typer.echo(Names.read(table).readable(sys.stdin.read().rstrip() if text == "-" else text))
