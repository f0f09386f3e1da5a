"""Group `sync consent`: what a person has answered, new answers with their proof, receipts, and the age of consent."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from cloud_sync.cli.answers import PrecisionName, record_fields, recording
from cloud_sync.cli.common import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigFile,
    Group,
    Subject,
    console,
    iso,
    print_json,
)
from cloud_sync.cli.session import Session, opened
from cloud_sync.consent import Evidence
from cloud_sync.consent.ages import date_of
from cloud_sync.model import ConsentBound, ConsentRecord, LawfulBasis

consent = typer.Typer(cls=Group, no_args_is_help=True)

Finest = Annotated[PrecisionName | None, typer.Option(help="The finest position that is allowed.")]


@consent.callback()
def _consent() -> None:
    """Show a person's answers, record new ones, and hand out receipts.

    Every answer is in the append-only ledger and the audit log; the device is told at once where it can be.

    Example: byleave sync consent show s-1
    """


@consent.command()
def show(subject: Subject, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Show where a person stands on each purpose that rests on consent, and every record of the ledger.

    Example: byleave sync consent show s-1 --json
    """
    with opened(config) as session:
        standings = [_standing(session, subject, purpose) for purpose in _purposes(session)]
        records = session.cloud.ledger.records(subject)
    if as_json:
        rows = [record_fields(record) for record in records]
        print_json({"subject": subject, "standing": standings, "records": rows})
        return
    columns = ("purpose", "state", "since", "precision", "open", "narrowed_by", "why")
    now = Table(*(name.replace("_", " ") for name in columns), title="Where the person stands")
    for row in standings:
        now.add_row(*(_cell(row[name]) for name in columns))
    ledger = Table(
        "record", "time", "purpose", "state", "position", "by", "channel", "act", "notice", "until", title="The ledger"
    )
    for record in records:
        ledger.add_row(*_cells(record))
    console().print(now)
    console().print(ledger)


@recording(consent)
def request(
    session: Session,
    evidence: Evidence,
    subject: str,
    purpose: str,
    own_initiative: Annotated[
        bool,
        typer.Option("--own-initiative", help="The person asked for the question, unprompted: --by is the person."),
    ] = False,
) -> ConsentRecord:
    """Record that the question was put. Refused while the person is to be left in peace.

    Example: byleave sync consent request s-1 tracking --by c-1 --channel app --act shown_notice --language en
    """
    return session.cloud.consent.request(subject, purpose, evidence, own_initiative=own_initiative)


@recording(consent)
def give(session: Session, evidence: Evidence, subject: str, purpose: str, precision: Finest = None) -> ConsentRecord:
    """Record a yes. Nobody gives for another: --by is the person. Refused for a notice that is not in force.

    Example: byleave sync consent give s-1 tracking --by s-1 --channel app --act tapped_allow --language en --precision cell_1km
    """
    finest = precision.precision if precision else None
    return session.cloud.consent.give(subject, purpose, evidence, precision=finest)


@recording(consent)
def confirm(
    session: Session, evidence: Evidence, subject: str, purpose: str, precision: Finest = None
) -> ConsentRecord:
    """Record a parent's yes for a child. The first opens nothing; the second, through another channel and in time, does.

    Example: byleave sync consent confirm s-2 tracking --by p-1 --channel letter --act signed_letter --language en
    """
    finest = precision.precision if precision else None
    return session.cloud.consent.confirm(subject, purpose, evidence, precision=finest)


@recording(consent)
def refuse(session: Session, evidence: Evidence, subject: str, purpose: str) -> ConsentRecord:
    """Record a no: the question is not put again under this notice.

    Example: byleave sync consent refuse s-1 tracking --by s-1 --channel app --act tapped_refuse --language en
    """
    return session.cloud.consent.refuse(subject, purpose, evidence)


@recording(consent)
def later(session: Session, evidence: Evidence, subject: str, purpose: str) -> ConsentRecord:
    """Record "not now": the person is left in peace for the policy's cool-down.

    Example: byleave sync consent later s-1 tracking --by s-1 --channel app --act tapped_later --language en
    """
    return session.cloud.consent.later(subject, purpose, evidence)


@recording(consent)
def withdraw(session: Session, evidence: Evidence, subject: str, purpose: str) -> ConsentRecord:
    """Take a consent back. The gate is closed when this ends, whether the device could be told or not.

    Example: byleave sync consent withdraw s-1 tracking --by s-1 --channel letter --act signed_letter --language en
    """
    return session.cloud.consent.withdraw(subject, purpose, evidence)


@recording(consent)
def age(
    session: Session,
    evidence: Evidence,
    subject: str,
    born: Annotated[str, typer.Option(help="The birth date, as 2012-03-14; it is not kept.")],
    country: Annotated[str | None, typer.Option(help="Where the person lives, as DK; default: the policy's.")] = None,
) -> ConsentBound:
    """Say who answers for a person: below the age of consent, a parent. Kept is that alone, and of a child from which month on not.

    A date that is typed here stays in the history of your shell: begin the line with a space.

    Example: byleave sync consent age s-2 --born 2014-05-01 --by p-1 --channel portal --act told_age --language en
    """
    return session.cloud.ages.declare(subject, date_of(born), evidence, country=country)


@consent.command()
def receipt(
    subject: Subject,
    record: Annotated[str, typer.Argument(help="Id of the record, as `consent show` prints it.")],
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Print the receipt of an answer: what was asked by which notice, what was answered, by whom, and how to take it back.

    Example: byleave sync consent receipt s-1 5f0c2d --json
    """
    with opened(config) as session:
        found = session.cloud.consent.receipt(subject, record)
    if as_json:
        print_json(found.as_dict())
        return
    typer.echo(found.text)


@consent.command()
def export(
    subject: Subject,
    dpv: Annotated[bool, typer.Option("--dpv", help="JSON-LD in the terms of the Data Privacy Vocabulary.")] = False,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Print every complete consent record of a person (ISO/IEC TS 27560), one after the other, or as JSON, or as JSON-LD.

    Example: byleave sync consent export s-1 --dpv
    """
    with opened(config) as session:
        records = session.cloud.consent.history(subject)
        document = session.cloud.consent.export(subject) if dpv else None
    if document is not None or as_json:
        print_json(document if document is not None else records)
        return
    table = Table("record", "purpose", "notice", "events", title="Complete records; --json prints them")
    for each in records:
        states = " > ".join(event["event_state"] for event in each["event"])
        table.add_row(each["record_id"], each["pii_processing"]["purpose"], each["event"][0]["privacy_notice"], states)
    console().print(table)


def _purposes(session: Session) -> list[str]:
    rules = session.cloud.policy.rules
    return sorted({purpose for rule in rules if rule.basis is LawfulBasis.CONSENT for purpose in rule.purposes})


def _standing(session: Session, subject: str, purpose: str) -> dict[str, Any]:
    """The person's own answer, and what is open once all bounds are counted in."""
    at = session.cloud.ledger.state_at(subject, purpose, session.now)
    opened_now = session.cloud.ledger.open_now(subject)
    finest = opened_now.get(purpose, at.precision)
    return {
        "purpose": purpose,
        "state": at.state.value if at.state else None,
        "since": iso(at.since) if at.record else None,
        "precision": finest.name.lower(),
        "open": purpose in opened_now,
        "narrowed_by": list(session.cloud.groups.narrowing(subject, purpose).groups),
        "child": session.cloud.ledger.child(subject, purpose),
        "why": at.why,
    }


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return (", ".join(value) if isinstance(value, list) else str(value or "")) or "-"


def _cells(record: ConsentRecord) -> list[str]:
    until = "-" if record.validity_until is None else iso(record.validity_until)
    return [
        record.record_id,
        iso(record.event_time),
        record.purpose,
        record.event_state.value,
        record.precision.name.lower(),
        record.entity_id,
        record.channel,
        record.affirmative_act or "-",
        record.privacy_notice,
        until,
    ]
