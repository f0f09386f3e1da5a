"""What `sync rights` does for a person, once it is granted."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cloud_sync.cli.common import DEFAULT_CONFIG, AsJson, ConfigFile, fail, identifier, iso, print_json, say
from cloud_sync.cli.session import opened
from cloud_sync.errors import ConfigError
from cloud_sync.model import Actor
from cloud_sync.model.rights import Case, Doubt, Identity
from cloud_sync.records.records import MOST_CONTENT_BYTES as MOST_FILE_BYTES
from cloud_sync.rights.cases import MOST_CONTENT_BYTES
from cloud_sync.rights.documents import AREAS
from cloud_sync.rights.partly import PartErasure

CaseId = Annotated[str, typer.Argument(help="Its number, from: byleave sync rights list", callback=identifier)]
By = Annotated[str, typer.Option("--by", help="Who does this: a pseudonym, for the audit log.", callback=identifier)]


def doubt(
    case_id: CaseId,
    reason: Annotated[Doubt, typer.Argument(help="Why neither a login nor the code is enough.")],
    by: By,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Record a doubt about who asks: only then a copy of a document may be asked for.

    Example: byleave sync rights doubt 0a1b2c3d4e5f60718293 no_address_on_file --by dpo-1
    """
    with opened(config) as session:
        made = session.cloud.rights.documents.doubt(case_id, reason, by=by)
    _now(made, as_json)


def document(
    case_id: CaseId,
    file: Annotated[Path, typer.Argument(help="The masked copy.")],
    by: By,
    masked: Annotated[
        list[str], typer.Option("--masked", help=f"An area that is blacked out, each of: {', '.join(sorted(AREAS))}.")
    ],
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Take a masked copy of a document: sealed, in no backup, gone a day after the decision and after 30 days at most.

    Example: byleave sync rights document 0a1b2c3d4e5f60718293 copy.png --masked photo --masked document_number --by desk-1
    """
    with opened(config) as session:
        record = session.cloud.rights.documents.take(case_id, read_file(file), masked=masked, by=by)
    say(
        as_json,
        {"record": record},
        f"record {record}; delete {file} now, then: byleave sync rights accept {case_id} --by …",
    )


def accept(case_id: CaseId, by: By, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Say that the copy was looked at, and that it is the person.

    Example: byleave sync rights accept 0a1b2c3d4e5f60718293 --by dpo-1
    """
    with opened(config) as session:
        made = session.cloud.rights.documents.accept(case_id, by=by)
    _now(made, as_json)


def copy(
    case_id: CaseId,
    folder: Annotated[Path, typer.Argument(help="A new folder for the copy.")],
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Write the copy of a granted access or portability case, as the person would be given it.

    Example: byleave sync rights copy 0a1b2c3d4e5f60718293 copy-of-s-1
    """
    with opened(config) as session:
        case = session.cloud.rights.get(case_id)
        person = Actor(case.subject, "data_subject", mfa=case.identity is Identity.LOGIN)
        made = session.cloud.rights.carry.copy(case_id, folder, actor=person)
    if as_json:
        print_json({"folder": str(folder), "files": len(made.files), "withheld": len(made.withheld)})
    else:
        typer.echo(
            f"{folder}: {len(made.files)} files, {len(made.withheld)} kinds of data withheld (index.html says why)"
        )


def erase(
    case_id: CaseId,
    by: By,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; it cannot be taken back.")] = False,
    confirmed: Annotated[
        bool, typer.Option("--confirmed", help="The person asked to restrict as well, and said again to erase.")
    ] = False,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Erase what a granted erasure case is about; the receipt says what stays, why and until when.

    Example: byleave sync rights erase 0a1b2c3d4e5f60718293 --yes --by dpo-1
    """
    if not yes:
        fail("nothing was erased: an erasure cannot be taken back; say --yes")
    with opened(config) as session:
        receipt = session.cloud.rights.carry.erase(case_id, by=by, confirmed=confirmed)
    if isinstance(receipt, PartErasure):
        _part(receipt, as_json)
    elif as_json:
        print_json(
            {"envelopes": receipt.envelopes, "kept": [each.sentence() for each in receipt.kept], "held": receipt.held}
        )
    else:
        typer.echo(receipt.text())


def _part(made: PartErasure, as_json: bool) -> None:
    kept = [{**asdict(each), "review_at": iso(each.review_at)} for each in made.kept]
    if as_json:
        print_json({"records": made.records, "readings": made.readings, "kept": kept})
        return
    typer.echo(f"{made.records} records erased, readings {'erased' if made.readings else 'kept'}")
    for each in kept:
        typer.echo(f"kept: {each['what']}, for {each['why']}, looked at again {each['review_at']}")


def restrict(case_id: CaseId, by: By, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Make a granted restriction last: it has held since the person was identified.

    Example: byleave sync rights restrict 0a1b2c3d4e5f60718293 --by dpo-1
    """
    with opened(config) as session:
        made = session.cloud.rights.carry.restrict(case_id, by=by)
    say(
        as_json,
        {"restriction_id": made.restriction_id},
        f"restricted; to end it: byleave sync lift {made.restriction_id} --told --by …",
    )


def rectify(
    case_id: CaseId,
    by: By,
    original: Annotated[
        str, typer.Option("--original", metavar="SHA256", help="Of a value that a sensor measured, in hex; it stays.")
    ] = "",
    record: Annotated[
        str | None, typer.Option("--record", help="The record that the correction replaces.", callback=identifier)
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Keep the correction of a granted rectification, from standard input, sealed; name who is to be told of it.

    Example: byleave sync rights rectify 0a1b2c3d4e5f60718293 --by dpo-1
    """
    correction = sys.stdin.buffer.read(MOST_CONTENT_BYTES + 1)
    with opened(config) as session:
        recipients = session.cloud.rights.carry.rectify(
            case_id, by=by, correction=correction, original=original, record=record or ""
        )
    _still(list(recipients), as_json)


def told(
    case_id: CaseId,
    recipient: Annotated[str, typer.Argument(help="Who was told of the rectification.", callback=identifier)],
    by: By,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Say that a past recipient was told of a rectification; all of them are, before the person is answered.

    Example: byleave sync rights told 0a1b2c3d4e5f60718293 roadside_assistance --by desk-1
    """
    with opened(config) as session:
        recipients = session.cloud.rights.carry.told(case_id, recipient, by=by)
    _still(recipients, as_json)


def _still(recipients: list[str], as_json: bool) -> None:
    say(as_json, {"to_tell": recipients}, f"to be told: {', '.join(recipients) or 'nobody (any more)'}")


def read_file(path: Path) -> bytes:
    """A file that a command names; ConfigError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(MOST_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; name a file that is there") from error


def _now(case: Case, as_json: bool) -> None:
    say(
        as_json,
        {"case_id": case.case_id, "state": case.state.value, "identity": case.identity.value},
        f"{case.case_id} is {case.state.value}",
    )
