"""Group `sync group`: accounts of several people, and companies, whose holder narrows what consents open."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from cloud_sync.cli.answers import GroupName, PrecisionName, record_fields, recording
from cloud_sync.cli.common import DEFAULT_CONFIG, AsJson, ConfigFile, Group, console, fail, iso, print_json
from cloud_sync.cli.session import Session, opened
from cloud_sync.consent import Evidence
from cloud_sync.model import ConsentBound

group = typer.Typer(cls=Group, no_args_is_help=True)


@group.callback()
def _group() -> None:
    """Groups of accounts and companies: their holder closes purposes or makes positions coarser for all members.

    A group never opens anything: consent is the person's, and it is there again as they gave it when the group lifts its setting.

    Example: byleave sync group show depot
    """


@recording(group)
def found(session: Session, evidence: Evidence, group: str) -> ConsentBound:
    """Begin a group. Who does so, --by, is its holder, and nobody else sets anything in it.

    Example: byleave sync group found depot --by h-1 --channel portal --act founded --language en
    """
    return session.cloud.groups.found(group, evidence)


@recording(group)
def invite(session: Session, evidence: Evidence, group: str, subject: str) -> ConsentBound:
    """Ask a person to be in the group. It binds nobody before their own yes, and is not repeated for a month.

    Example: byleave sync group invite depot s-1 --by h-1 --channel portal --act pressed_invite --language en
    """
    return session.cloud.groups.invite(group, subject, evidence)


@recording(group)
def accept(session: Session, evidence: Evidence, group: str, subject: str) -> ConsentBound:
    """Record the person's own yes: what the group narrows holds for them from now on.

    Example: byleave sync group accept depot s-1 --by s-1 --channel app --act tapped_accept --language en
    """
    return session.cloud.groups.accept(group, subject, evidence)


@recording(group)
def decline(session: Session, evidence: Evidence, group: str, subject: str) -> ConsentBound:
    """Record the person's no to an invitation.

    Example: byleave sync group decline depot s-1 --by s-1 --channel app --act tapped_decline --language en
    """
    return session.cloud.groups.decline(group, subject, evidence)


@recording(group)
def remove(session: Session, evidence: Evidence, group: str, subject: str) -> ConsentBound:
    """Take a person out of the group: their own choice holds again, as they made it.

    Example: byleave sync group remove depot s-1 --by h-1 --channel portal --act removed --language en
    """
    return session.cloud.groups.remove(group, subject, evidence)


@recording(group)
def narrow(
    session: Session,
    evidence: Evidence,
    group: str,
    purpose: str,
    precision: Annotated[
        PrecisionName | None, typer.Option(help="The finest position that is left; without it the purpose is closed.")
    ] = None,
) -> ConsentBound:
    """Close a purpose for all members, or leave coarser positions; their devices are told at once.

    Example: byleave sync group narrow depot tracking --precision cell_10km --by h-1 --channel portal --act set --language en
    """
    finest = precision.precision if precision else None
    return session.cloud.groups.narrow(group, purpose, evidence, precision=finest)


@recording(group)
def lift(session: Session, evidence: Evidence, group: str, purpose: str) -> ConsentBound:
    """Take a narrowing back: for each member their own choice holds again, a no included.

    Example: byleave sync group lift depot tracking --by h-1 --channel portal --act set --language en
    """
    return session.cloud.groups.lift(group, purpose, evidence)


@recording(group)
def certify(
    session: Session,
    evidence: Evidence,
    group: str,
    count: Annotated[int, typer.Option(help="How many people the declaration is about.")],
    declaration: Annotated[Path, typer.Option(help="The signed declaration, a file; its hash is kept, not the file.")],
) -> ConsentBound:
    """Keep that a company declares to have asked or told its people. It makes nobody's consent.

    Example: byleave sync group certify depot --count 50 --declaration signed.pdf --by h-1 --channel app --act signed --language en
    """
    try:
        digest = hashlib.sha256(declaration.read_bytes()).hexdigest()
    except OSError as error:
        fail(f"{declaration}: cannot be read ({error.strerror}); name the signed file")
    return session.cloud.groups.certify(group, evidence, count=count, digest=digest)


@recording(group)
def choose(
    session: Session,
    evidence: Evidence,
    group: str,
    purpose: str,
    close: Annotated[
        bool, typer.Option("--close", help="Close it; without this the holder would have it open.")
    ] = False,
) -> ConsentBound:
    """Say what the holder would have for all. A yes binds nobody who is to be asked; a no narrows.

    Example: byleave sync group choose depot tracking --close --by h-1 --channel portal --act set --language en
    """
    return session.cloud.groups.choose(group, purpose, evidence, open=not close)


@recording(group)
def hand_over(
    session: Session,
    evidence: Evidence,
    group: str,
    people: Annotated[Path, typer.Option(help="A file with a pseudonym a line.")],
    declaration: Annotated[Path, typer.Option(help="The signed declaration, a file; its hash is kept, not the file.")],
    role: Annotated[str, typer.Option(help="Role of who signed.")] = "account_holder",
) -> ConsentBound:
    """Bring in a company's people. Each is invited; of whom nothing else is known waits, restricted, until they agree or another
    ground is recorded.

    Example: byleave sync group hand-over depot --people p.txt --declaration d.pdf --by h-1 --channel app --act signed --language en
    """
    try:
        names, signed = people.read_text("utf-8").split(), declaration.read_bytes()
    except (OSError, UnicodeDecodeError):
        fail(f"{people} or {declaration}: cannot be read; name the list and the signed file")
    digest = hashlib.sha256(signed).hexdigest()
    return session.cloud.people.hand_over(group, names, evidence, digest=digest, role=role)


@group.command()
def conflicts(group: GroupName, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List where the holder and a member want different things. What holds is the narrower.

    Example: byleave sync group conflicts depot
    """
    with opened(config) as session:
        rows = [
            {
                "subject": each.subject,
                "purpose": each.purpose,
                "holder": "yes" if each.holder_open else "no",
                "own": each.own.value,
                "holds": "yes" if each.effective.open else "no",
            }
            for each in session.cloud.groups.conflicts(group)
        ]
    if as_json:
        print_json(rows)
        return
    table = Table("person", "purpose", "holder", "own", "holds")
    for row in rows:
        table.add_row(*row.values())
    console().print(table)


@group.command()
def show(group: GroupName, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Show who is in a group and what it narrows; nothing of what its members have answered.

    Example: byleave sync group show depot --json
    """
    with opened(config) as session:
        members, settings = session.cloud.groups.members(group), session.cloud.groups.settings(group)
        invited = session.cloud.groups.invited(group)
    if as_json:
        narrowed = {purpose: record_fields(bound) for purpose, bound in settings.items()}
        print_json({"group": group, "members": members, "invited": invited, "narrows": narrowed})
        return
    table = Table(
        "purpose", "what is left", "since", title=f"{group}: {len(members)} members: {', '.join(members) or '-'}"
    )
    for purpose, bound in sorted(settings.items()):
        table.add_row(purpose, "nothing" if bound.closed else bound.precision.name.lower(), iso(bound.at))
    console().print(table)
