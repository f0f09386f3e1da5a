"""`agent reset`."""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from agent.board.console import Console
from agent.commands.bars import shown
from agent.commands.waiting import Wait, waiting
from agent.errors import AgentConfigError, AgentError
from agent.files import write_private
from agent.reset import factory
from agent.reset import proof as proofs
from agent.reset.regions import UNFINISHED
from agent.said.log import shown as shown_of
from agent.stopping import heeded
from agent.streams import is_terminal


def reset(
    port: Annotated[str, typer.Option(metavar="PORT", help="Serial port of the board.")],
    to_factory: Annotated[
        bool, typer.Option("--factory", help="Destroy keys, rules, spool, settings and memory, and prove it.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether this board is meant.")] = False,
    release_too: Annotated[
        bool,
        typer.Option("--release-too", help="Erase the releases in the slots as well; the board must be flashed again."),
    ] = False,
    proof: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", help="Write what was erased, and how it read back, to a new file."),
    ] = None,
    wait: Wait = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Start a board's program again; with --factory destroy all that is personal on the board, and prove it.

    Exit code 10: not proven, with the reason; 9: the board went away, nothing is proven; the same command once more begins
    anew; 128 and a signal's number: stopped by it, the same. 2: a wrong command line; 3: no such port; 4: port busy; 5: no
    MicroPython prompt; 6: no board of byleave's; 1: anything else.

    Example: byleave agent reset --factory --port /dev/ttyACM0 --proof van-erased.json
    """
    if not to_factory:
        if release_too or proof is not None:
            raise AgentConfigError("--release-too and --proof belong to a factory reset: add --factory")
        _restart(port, wait, as_json)
        return
    # 1. What could fail for nothing, first.
    if proof is not None and (proof.exists() or proof.is_symlink() or not proof.parent.is_dir()):
        raise AgentConfigError(f"{proof}: name a file that is not there yet, in a folder that is")
    device = None if yes else _confirmed(port, wait)
    began_s = time.time()
    with heeded(), waiting(wait), shown(as_json) as show:
        try:
            erased = factory.reset(
                port,
                device=device,
                release_too=release_too,
                progress=lambda done, of: show("erasing and reading back", done, of),
            )
        except KeyboardInterrupt:
            typer.echo(f"byleave: {port}: stopped. {UNFINISHED}", err=True)
            raise typer.Exit(128 + signal.SIGINT) from None
    said = proofs.told(erased, began_s, time.time())
    if proof is not None:
        write_private(proof, json.dumps(said, indent=1).encode() + b"\n")
    if as_json:
        typer.echo(json.dumps({"port": port, "proof": str(proof) if proof else None, **said}))
    else:
        _tell(port, erased, proof)


def _restart(port: str, wait: float, as_json: bool) -> None:
    with waiting(wait), Console(port) as console:
        said = shown_of(console.restart())
    if as_json:
        typer.echo(json.dumps({"port": port, "restarted": True, "said": said}))
    else:
        typer.echo(f"the board at {port} has started its program again{': ' + said if said else ''}")


def _confirmed(port: str, wait: float) -> str:
    """The device that a person has confirmed, "" for a board that is none."""
    if not is_terminal(sys.stdin):
        raise AgentConfigError("a factory reset asks whether the board is meant: call it on a terminal, or add --yes")
    with waiting(wait):
        known = factory.identify(port)
    whose = f"device {known.device}" if known.device else "no device, or too damaged to say which"
    typer.echo(
        f"The {known.chip} at {port} is {whose}. Its keys, rules, settings and all that it has not sent will be destroyed, "
        "and nobody can bring them back.",
        err=True,
    )
    if str(typer.prompt(f"Type {known.word} to go on", err=True)).strip() != known.word:
        raise AgentError("not confirmed; nothing was erased, and the board goes on with its work")
    return known.device


def _tell(port: str, erased: factory.Erased, proof: Path | None) -> None:
    for each in erased.regions:
        typer.echo(f"{each.name:6} {each.sectors:4} sectors erased, all read 0xFF, SHA-256 {each.erased_sha256}")
    if erased.retained_bytes:
        typer.echo(f"retained memory: {erased.retained_bytes} bytes, all zero")
    for path, digest in erased.kept.items():
        typer.echo(f"kept   {path}, SHA-256 {digest}")
    whose = f" It was device {erased.device}." if erased.device else ""
    typer.echo(f"The board at {port} is proven empty, its memory overwritten, and it is no device.{whose}")
    if erased.flash_again:
        typer.echo("Its firmware is not whole: flash it again with `byleave agent flash` before you enrol it.")
    if proof is not None:
        typer.echo(f"proof: {proof}; nothing signs it: `byleave agent proof {proof} --port PORT` reads the board again")
