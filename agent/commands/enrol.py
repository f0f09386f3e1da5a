"""`agent enrol`."""

from __future__ import annotations

import json
import re
import sys
import time
import unicodedata
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from agent.commands.waiting import Wait, waiting
from agent.enrolment import enrolment, invited
from agent.enrolment import settings as board_settings
from agent.enrolment.invitation import Invitation
from agent.enrolment.sealing import check_installed
from agent.enrolment.settings import Options
from agent.errors import AgentConfigError
from agent.stopping import heeded

_DIGITS = re.compile(r"([0-9a-fA-F][\W_]*){12}")  # of 16


def enrol(
    port: Annotated[str, typer.Option(metavar="PORT", help="Serial port of the board.")],
    invitation: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Invitation of `byleave sync invite`; goes with --out.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where the sealed enrolment goes, for `byleave sync admit`.")
    ] = None,
    fingerprint: Annotated[
        str | None, typer.Option(metavar="DIGITS", help="Of the invitation, as you were told it; another is refused.")
    ] = None,
    trust_invitation: Annotated[
        bool,
        typer.Option("--trust-invitation", help="Compare no fingerprint: nobody could swap it on its way to here."),
    ] = False,
    settings: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Settings as JSON, mode 0600; or the next options.")
    ] = None,
    wifi_ssid: Annotated[str, typer.Option(metavar="NAME", help="Wi-Fi network; its key is asked for.")] = "",
    apn: Annotated[str | None, typer.Option(metavar="APN", help='LTE-M modem; "" where the card knows it.')] = None,
    serial: Annotated[int, typer.Option(metavar="BAUD", help="Serial line to a gateway, 115200 for instance.")] = 0,
    broker: Annotated[str, typer.Option(metavar="HOST[:PORT]", help="MQTT broker, as the device finds it.")] = "",
    broker_user: Annotated[str, typer.Option(metavar="NAME", help="At the broker; its password is asked for.")] = "",
    tls_ca: Annotated[
        Path | None, typer.Option(metavar="FILE", help="PEM certificate of the broker's authority: TLS.")
    ] = None,
    secrets: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TOML, mode 0600: wifi_key, broker_password; nothing is asked.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The other way: a file that `byleave sync enrol` prepared.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="With --file: do not delete it; it is good once.")] = False,
    again: Annotated[
        bool,
        typer.Option(
            "--again", help="Replace the device that the board is; all that is personal on it is erased first."
        ),
    ] = False,
    wait: Wait = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make a board with byleave's firmware a device of the server that invited it; the server alone can open what is left here.

    Exit code 1: a file; 2: options or settings; 3: no such port; 4: port busy; 5: no MicroPython prompt; 6: no byleave
    firmware; 7: enrolled already; 8: the board refuses; 9: it went away on the way, and the same command once more goes on;
    10: another fingerprint, or flash that does not erase (--again). Stopped by a signal: 128 and its number.

    Example: byleave agent enrol --port /dev/ttyACM0 --invitation van.invitation --settings board.json --out van.enrolment
    """
    options = Options(wifi_ssid, apn, serial, broker, broker_user, tls_ca, secrets)
    if file is not None:
        if invitation or out or fingerprint is not None or trust_invitation or settings or options.given:
            raise AgentConfigError(
                "--file goes with --port, --keep, --again, --wait and --json alone: it holds its settings"
            )
        _prepared(port, file, wait, keep=keep, again=again, as_json=as_json)
        return
    if invitation is None or out is None or keep:
        raise AgentConfigError("write --invitation FILE and --out FILE, or --file FILE (and --keep) for a prepared one")
    if settings is not None and options.given:
        raise AgentConfigError("--settings goes without the options that say the same; leave one of both out")
    if fingerprint is not None and trust_invitation:
        raise AgentConfigError("--fingerprint compares and --trust-invitation does not; leave one of both out")
    # [A script that compares nothing would seal to whoever swapped the invitation, and nobody would ever hear of it.]
    if fingerprint is None and not trust_invitation and (as_json or not _terminal()):
        raise AgentConfigError(
            "here nobody compares the invitation's fingerprint: give it with --fingerprint, as `byleave sync invite` printed it,"
            " or say --trust-invitation if nobody can have swapped the invitation on its way to here"
        )
    check_installed()
    invited_by = Invitation.read(invitation, now_s=time.time())
    if fingerprint is not None:
        invited_by.prove(fingerprint)
    elif not as_json:
        typer.echo(_about(invited_by, trusted=trust_invitation))
    chosen = board_settings.from_file(settings) if settings else board_settings.from_options(options, _asked)
    with heeded(), waiting(wait):
        board = invited.enrol(port, invited_by, chosen, out, again=again)
    if as_json:
        found = {"fingerprint": invited_by.fingerprint, "enrolment": str(out)}
        typer.echo(json.dumps({"port": port, **asdict(board), **found}))
        return
    typer.echo(f"{board.board} at {port} is device {board.device} and has started")
    if fingerprint is None and not trust_invitation:
        typer.echo(f"compare the fingerprint {invited_by.fingerprint} before {out} leaves your hands")
    typer.echo(
        f"confirmation code {board.confirmation}: tell it to whoever admits this board, by telephone and not beside the file"
    )
    typer.echo(f"now the server admits it: byleave sync admit {out} --confirm CODE")


def _prepared(port: str, file: Path, wait: float, *, keep: bool, again: bool, as_json: bool) -> None:
    with heeded(), waiting(wait):
        board = enrolment.enrol(port, file, keep=keep, again=again)
    if as_json:
        typer.echo(json.dumps({"port": port, **asdict(board), "file_deleted": not keep}))
        return
    typer.echo(f"{board.board} at {port} is device {board.device} (generation {board.generation}) and has started")
    typer.echo(f"kept {file}: delete it, it is good once" if keep else f"deleted {file}")


def _terminal() -> bool:
    """Whether somebody may sit there."""
    return sys.stdin is not None and sys.stdin.isatty()


def _about(invitation: Invitation, *, trusted: bool = False) -> str:
    until = time.strftime("%Y-%m-%d", time.gmtime(invitation.expires_s))
    # The name is the writer's: last, in quotation marks, and not where it could be taken for what is to be compared.
    name = f'"{invitation.controller}"' if invitation.controller else "a server without a name"
    if _DIGITS.search(unicodedata.normalize("NFKC", invitation.controller)):
        name = "a server whose name looks like a fingerprint: do not trust it"
    return (
        f"fingerprint {invitation.fingerprint}{'' if trusted else ': compare it with what `byleave sync invite` printed'}\n"
        f"invitation until {until} of {name}"
    )


def _asked(question: str) -> str:
    """Hidden; a pipe is nobody who could be asked."""
    if not _terminal():
        raise AgentConfigError(f"{question}: there is no terminal to ask at; write it into a file for --secrets")
    return str(typer.prompt(question, hide_input=True, default="", show_default=False, err=True))
