"""`sync export`: a person's own copy, into a folder."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from cloud_sync.cli.common import DEFAULT_CONFIG, AsJson, ConfigFile, Subject, console, identifier, print_json
from cloud_sync.cli.session import opened
from cloud_sync.disclosure.export import Export, Kind
from cloud_sync.model import Actor


class KindName(StrEnum):
    """The two copies of the law."""

    ACCESS = "access"
    PORTABILITY = "portability"


def export(
    subject: Subject,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to make; it is private, and not overwritten.")],
    kind: Annotated[
        KindName,
        typer.Option(help="access: everything (GDPR Art. 15). portability: what can be taken elsewhere (Art. 20)."),
    ] = KindName.ACCESS,
    actor: Annotated[
        str | None, typer.Option(help="Who exports: a pseudonym; default: the person.", callback=identifier)
    ] = None,
    role: Annotated[str, typer.Option(help="In which role of the policy: data_subject, dpo, …")] = "data_subject",
    mfa: Annotated[bool, typer.Option("--mfa", help="A second factor was seen; staff need one, and a grant.")] = False,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Write a copy of a person's data: JSON, with an index.html that says what is in it, and what is not, and why.

    Each file is in the audit log. A denial prints its reason and ends with 2. No term of the policy reaches the folder.

    Example: byleave sync export s-1 --out s-1-copy
    """
    with opened(config) as session:
        made = session.cloud.export(out, subject, actor=Actor(actor or subject, role, mfa), kind=Kind(kind.value))
    if as_json:
        print_json(_value(made))
        return
    table = Table("file", "for", "records", "remarks")
    for file in made.files:
        table.add_row(file.name, file.purpose or "-", str(file.count), file.stopped.replace("_", " ") or "-")
    for what, purpose, why in made.withheld:
        table.add_row(f"({what})", purpose, "-", f"not in this copy: {why.replace('_', ' ')}")
    console().print(table)
    typer.echo(
        f"wrote {made.folder}/index.html and {len(made.files)} files; hand the folder to the person, then delete it"
    )


def _value(made: Export) -> dict[str, object]:
    return {
        "folder": str(made.folder),
        "kind": made.kind.value,
        "files": [
            {
                "name": file.name,
                "about": file.about,
                "purpose": file.purpose or None,
                "records": file.count,
                "stopped": file.stopped or None,
                "unreadable": file.unreadable,
            }
            for file in made.files
        ],
        "withheld": [{"about": what, "purpose": purpose, "reason": why} for what, purpose, why in made.withheld],
    }
