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
def add(session: Session, evidence: Evidence, group: str, subject: str) -> ConsentBound:
    """Put a person into the group: what it narrows holds for them from now on.

    Example: byleave sync group add depot s-1 --by h-1 --channel portal --act added --language en
    """
    return session.cloud.groups.add(group, subject, evidence)


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


@group.command()
def show(group: GroupName, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Show who is in a group and what it narrows; nothing of what its members have answered.

    Example: byleave sync group show depot --json
    """
    with opened(config) as session:
        members, settings = session.cloud.groups.members(group), session.cloud.groups.settings(group)
    if as_json:
        narrowed = {purpose: record_fields(bound) for purpose, bound in settings.items()}
        print_json({"group": group, "members": members, "narrows": narrowed})
        return
    table = Table(
        "purpose", "what is left", "since", title=f"{group}: {len(members)} members: {', '.join(members) or '-'}"
    )
    for purpose, bound in sorted(settings.items()):
        table.add_row(purpose, "nothing" if bound.closed else bound.precision.name.lower(), iso(bound.at))
    console().print(table)
