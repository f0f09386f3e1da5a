"""What `sync rights` does beside the person's own copy: hand it over, take one in, write the letter, prove the measures, name
exceptions.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cloud_sync.cli.common import DEFAULT_CONFIG, AsJson, ConfigFile, Subject, fail, identifier, iso, print_json, say
from cloud_sync.cli.files import write_new
from cloud_sync.cli.rightsacts import By, CaseId
from cloud_sync.cli.session import opened
from cloud_sync.disclosure import FileSink, WebhookSink
from cloud_sync.model import Actor
from cloud_sync.model.rights import Identity
from cloud_sync.stores import Sink


def hand_over(
    case_id: CaseId,
    receiver: Annotated[
        str, typer.Argument(help="The company that the person names: an identifier.", callback=identifier)
    ],
    region: Annotated[str, typer.Option("--region", help="Where it is: two capital letters, or EEA.")],
    url: Annotated[str | None, typer.Option("--url", help="Its https endpoint.")] = None,
    token_file: Annotated[Path | None, typer.Option("--token-file", help="A bearer token for it.")] = None,
    folder: Annotated[Path | None, typer.Option("--folder", help="Or a folder from which it fetches.")] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Hand the copy of a granted portability case to another company; the receipt has the rows and the SHA-256.

    Example: byleave sync rights hand-over 0a1b2c3d4e5f60718293 other-tracker --region NL --url https://other.example/in
    """
    if (url is None) == (folder is None):
        fail("name one of --url and --folder: how the company is reached")
    sink: Sink = WebhookSink(url, token_file=token_file) if url is not None else FileSink(folder or "")
    with opened(config) as session:
        case = session.cloud.rights.get(case_id)
        person = Actor(case.subject, "data_subject", mfa=case.identity is Identity.LOGIN)
        made = session.cloud.rights.carry.hand_over(case_id, receiver=receiver, region=region, sink=sink, actor=person)
    if as_json:
        print_json(asdict(made))
        return
    typer.echo(f"{made.receiver} took {made.rows} rows in {made.parts} parts, SHA-256 {made.sha256}")
    for warning in made.warnings:
        typer.echo(f"warning: {warning}")


def import_copy(
    folder: Annotated[Path, typer.Argument(help="A portability copy that another installation made.")],
    subject: Subject,
    by: By,
    category: Annotated[str, typer.Option("--category", help="Of records of the policy.", callback=identifier)],
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Take in what a person brings along, once its manifest holds, as records under the category's own term.

    Example: byleave sync rights import copy-of-s-1 s-1 --category brought_along --by desk-1
    """
    with opened(config) as session:
        made = session.cloud.rights.import_copy(folder, subject=subject, category=category, by=by)
    say(
        as_json,
        asdict(made),
        f"{made.rows} rows in {made.records} records ({made.known} were there), SHA-256 {made.sha256}",
    )


def letter(case_id: CaseId, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Print the letter of a decided case: the reason, what stays, and where to turn.

    Example: byleave sync rights letter 0a1b2c3d4e5f60718293
    """
    with opened(config) as session:
        text = session.cloud.rights.letter(case_id)
    if as_json:
        print_json({"case_id": case_id, "letter": text})
    else:
        typer.echo(text, nl=False)


def assure(
    case_id: CaseId,
    by: By,
    out: Annotated[Path, typer.Option("--out", help="A new file for the customer.")],
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Write the proof of the security measures for a granted assurance case: controls, their results, processors.

    Example: byleave sync rights assure 0a1b2c3d4e5f60718293 --out proof.json --by dpo-1
    """
    with opened(config) as session:
        proof = session.cloud.rights.carry.assure(case_id, by=by)
    write_new(out, proof)
    say(as_json, {"file": str(out), "bytes": len(proof)}, f"{out}: {len(proof)} bytes; hand it to the customer")


def exceptions(case_id: CaseId, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List what was used between the receipt of an objection and the moment from which it held: the answer names it.

    Example: byleave sync rights exceptions 0a1b2c3d4e5f60718293
    """
    with opened(config) as session:
        found = session.cloud.rights.exceptions(case_id)
    held = iso(found.held_from) if found.held_from is not None else None
    if as_json:
        uses = [{**asdict(use), "at": iso(use.at)} for use in found.uses]
        print_json({"effective_from": iso(found.effective_from), "held_from": held, "uses": uses})
        return
    typer.echo(f"counts from {iso(found.effective_from)}, held from {held or 'nothing yet'}")
    for use in found.uses:
        typer.echo(f"{iso(use.at)}  {use.action} for {use.purpose} by {use.actor} (entry {use.entry})")
