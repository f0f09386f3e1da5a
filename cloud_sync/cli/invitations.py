"""`sync invite`, `sync admit` and `sync invitations`: a board is enrolled where it is, and the server need not be there."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from cloud_sync.cli.common import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigFile,
    Subject,
    console,
    fail,
    identifier,
    iso,
    print_json,
    sentences,
)
from cloud_sync.cli.files import write_new
from cloud_sync.cli.session import Session, opened
from cloud_sync.errors import ConfigError
from cloud_sync.facade.admitting import Admission, Invitation
from cloud_sync.model.enrolment import OpenInvitation
from cloud_sync.wire.enrolment import MOST_SEALED_BYTES, answer_file

_UNITS: Final = {"m": 60, "h": 3600, "d": 86_400}
_LASTING: Final = re.compile(r"([1-9][0-9]{0,4})([mhd])", re.ASCII)


def invite(
    subject: Subject,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Invitation to write; refused if it exists.")],
    lasting: Annotated[
        str, typer.Option("--for", metavar="TIME", help="How long it is good: 14d, 12h; 90d at most.")
    ] = "14d",
    takes_over: Annotated[
        str, typer.Option(metavar="DEVICE", help="Device in use that the person takes over; its keys end.")
    ] = "",
    provided_by: Annotated[
        str,
        typer.Option(metavar="WHO", help="Who gave the person's data, if not the person: an employer, for instance."),
    ] = "",
    release_key: Annotated[
        str,
        typer.Option(metavar="HEX", help="Key of the releases that the board will take (byleave sync release key)."),
    ] = "",
    require_confirmation: Annotated[
        bool,
        typer.Option("--require-confirmation", help="Admit only what is named by the code that the agent shows."),
    ] = False,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Invite whoever has a board to enrol it for a person. The invitation holds no secret, and is good once.

    Give the file to the agent at the board; it seals what the board becomes to this server, and `byleave sync admit` takes that
    in. Compare the fingerprint on both machines: who swaps the invitation on the way would get the board's keys. Whoever has a copy
    of it could enrol a board of theirs first: --require-confirmation, or `byleave sync admit --confirm`, finds that out.

    Example: byleave sync invite s-1 --out van.invitation --for 14d
    """
    seconds = lasting_s(lasting)
    asked = {"takes_over": takes_over, "provided_by": provided_by, "release_key": release_key}
    made: list[Invitation] = []

    def file(session: Session) -> bytes:
        made.append(
            session.cloud.invite(subject=subject, for_s=seconds, require_confirmation=require_confirmation, **asked)
        )
        return f"{made[0].text}\n".encode()

    with opened(config) as session:
        write_new(out, lambda: file(session))
    _tell_invited(made[0], subject, out, require_confirmation, as_json)


def admit(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What byleave agent enrol --out has written.")],
    answer: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Sealed answer for byleave agent greet; refused if it exists.")
    ] = None,
    confirm: Annotated[
        str | None,
        typer.Option(metavar="CODE", help="As byleave agent enrol showed it at the board; another file is refused."),
    ] = None,
    without_hello: Annotated[
        bool, typer.Option("--without-hello", help="Also if nothing proves that a board has these keys.")
    ] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave FILE where it is; nobody can open it any more.")] = False,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Admit a board that an agent has enrolled by an invitation: its device is in use from here on.

    The invitation's key is destroyed, so nobody opens FILE again, and it is deleted. What is refused changes nothing.
    With --confirm it is the file of the board whose holder you spoke to, and of no other that used the invitation.

    Example: byleave sync admit van.enrolment --answer van.answer
    """
    done: list[Admission] = []
    with sentences():
        sealed = _read(file)
    with opened(config) as session:

        def admitted() -> Admission:
            done.append(session.cloud.admit(sealed, without_hello=without_hello, confirm=confirm))
            return done[0]

        if answer is None:
            admitted()
        else:
            answer = _answered(answer, lambda: answer_file(admitted().answer), done)
    deleted = not keep and _deleted(file)
    _tell_admitted(done[0], file, answer, confirmed=confirm is not None, deleted=deleted, as_json=as_json)


def invitations(
    withdraw: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Destroy the key of this one: it is good no more.", callback=identifier),
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """List open invitations: for whom, until when, and which device ends with their use; or withdraw one.

    Example: byleave sync invitations --withdraw 3f0c5a9e21b84d7c9d2e6f10a4b37c58
    """
    with opened(config) as session:
        if withdraw is not None:
            session.cloud.withdraw_invitation(withdraw)
        rows = [_row(each) for each in session.cloud.invitations()]
    if withdraw is not None:
        if as_json:
            print_json({"withdrawn": withdraw})
            return
        typer.echo(f"withdrew {withdraw}: its key is destroyed, and what was sealed to it opens for nobody")
        return
    if as_json:
        print_json(rows)
        return
    table = Table("id", "subject", "made", "expires", "takes over", "provided by", "confirmation")
    for row in rows:
        table.add_row(*("-" if value is None else str(value) for value in row.values()))
    console().print(table)


def _row(each: OpenInvitation) -> dict[str, Any]:
    return {
        "id": each.id,
        "subject": each.subject,
        "made_at": iso(each.made_at),
        "expires_at": iso(each.expires_at),
        "takes_over": each.takes_over or None,
        "provided_by": each.provided_by or None,
        "confirmation": "required" if each.confirm else None,
    }


def _tell_invited(made: Invitation, subject: str, out: Path, confirm: bool, as_json: bool) -> None:
    if as_json:
        said = {"id": made.id, "subject": subject, "file": str(out), "fingerprint": made.fingerprint}
        print_json({**said, "expires_at": iso(made.expires_at), "confirmation": "required" if confirm else None})
        return
    typer.echo(f"wrote {out}: an invitation for {subject}, good once until {iso(made.expires_at)}")
    typer.echo(f"fingerprint {made.fingerprint}; byleave agent enrol prints the same one, or it is another invitation")
    typer.echo(f"next, at the board: byleave agent enrol --port PORT --invitation {out.name} --out van.enrolment")
    if confirm:
        typer.echo("then have the confirmation code read out that it shows: byleave sync admit FILE --confirm CODE")


def _tell_admitted(
    done: Admission, file: Path, answer: Path | None, *, confirmed: bool, deleted: bool, as_json: bool
) -> None:
    if as_json:
        said = {"device": done.device, "subject": done.subject, "board": done.board, "firmware": done.firmware}
        code = {"confirmation": done.confirmation, "confirmed": confirmed}
        files = {"answer": None if answer is None else str(answer), "deleted": deleted}
        print_json({**said, **code, "answered": len(done.answer), **files})
        return
    typer.echo(f"enrolled device {done.device} for {done.subject} ({done.board}); its invitation is used up")
    if not confirmed:
        typer.echo(
            f"confirmation code {done.confirmation}: byleave agent enrol showed the same one at the person's board, or this is"
            f" another board: then invite the right one with --takes-over {done.device}, which ends it"
        )
    if deleted:
        typer.echo(f"deleted {file}, which nobody can open any more")
    if answer is not None and done.answer:
        typer.echo(f"wrote {answer}; at the board, if you like: byleave agent greet --port PORT --answer {answer.name}")
    elif answer is not None:
        typer.echo(
            f"wrote {answer} without an answer: there was no hello, or it could not be stored; its device sends it again"
        )
    typer.echo("next: the device reports as soon as it reaches the broker; byleave sync devices shows it")


def lasting_s(text: str) -> float:
    """Seconds of a number of days, hours or minutes; anything else ends the command."""
    found = _LASTING.fullmatch(text)
    if not found:
        fail(f"--for {text}: write a number of days, hours or minutes, for instance 14d, 12h or 30m")
    return float(int(found[1]) * _UNITS[found[2]])


def _read(path: Path) -> bytes:
    """A regular file, no further than a sealed enrolment is long [a pipe would wait for ever, a disk would fill the memory]."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ConfigError(f"{path}: is no file; name what byleave agent enrol --out has written")
            return file.read(MOST_SEALED_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}); name what byleave agent enrol --out has written"
        ) from error


def _answered(path: Path, make: Callable[[], bytes], done: list[Admission]) -> Path | None:
    """The answer's file, which is there before anything is admitted; None where it could not be filled afterwards."""
    try:
        write_new(path, make)
    except ConfigError as error:
        if not done:
            raise
        typer.echo(f"{error}; the device is enrolled all the same, and hears the answer at its first contact", err=True)
        return None
    return path


def _deleted(path: Path) -> bool:
    try:
        path.unlink()
    except OSError as error:
        typer.echo(f"{path} could not be deleted ({error.strerror}); nobody can open it any more", err=True)
        return False
    return True
