"""Group `sync consent`: what a person has answered, and new answers, each recorded with its proof."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from cloud_sync.cli.common import DEFAULT_CONFIG, AsJson, ConfigFile, Group, Subject, console, iso, print_json
from cloud_sync.cli.deliver import Delivery
from cloud_sync.cli.proof import Proof, with_proof
from cloud_sync.cli.session import Session, opened
from cloud_sync.consent import Evidence
from cloud_sync.model import ConsentRecord, LawfulBasis, Precision

consent = typer.Typer(cls=Group, no_args_is_help=True)


class PrecisionName(StrEnum):
    """Precisions that a person or a reader may name, as the policy file calls them."""

    EXACT = "exact"
    CELL_100M = "cell_100m"
    CELL_1KM = "cell_1km"
    CELL_10KM = "cell_10km"
    REGION = "region"
    COUNTRY = "country"
    NONE = "none"

    @property
    def precision(self) -> Precision:
        """The precision of this name."""
        return Precision[self.name]


Purpose = Annotated[str, typer.Argument(help="A purpose of the policy that rests on consent.")]
Step = Callable[[Session, Evidence], ConsentRecord]


@consent.callback()
def _consent() -> None:
    """Show a person's answers, and record new ones: requested, given, refused, later, withdrawn.

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
        records = session.cloud.database.consents(subject)
    if as_json:
        print_json({"subject": subject, "standing": standings, "records": [_record(record) for record in records]})
        return
    now = Table("purpose", "state", "since", "finest position", "why", title="Where the person stands")
    for row in standings:
        now.add_row(*(str(row[name] or "-") for name in ("purpose", "state", "since", "precision", "why")))
    ledger = Table(
        "time", "purpose", "state", "position", "by", "channel", "act", "notice", "until", title="The ledger"
    )
    for record in records:
        ledger.add_row(*_cells(record))
    console().print(now)
    console().print(ledger)


@consent.command()
@with_proof
def request(
    subject: Subject,
    purpose: Purpose,
    proof: Proof,
    own_initiative: Annotated[
        bool, typer.Option("--own-initiative", help="The person asked for the question, unprompted.")
    ] = False,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Record that the question was put. Refused while the person is to be left in peace.

    Example: byleave sync consent request s-1 tracking --by c-1 --channel app --act shown_notice --language en
    """

    def step(session: Session, evidence: Evidence) -> ConsentRecord:
        return session.cloud.consent.request(subject, purpose, evidence, own_initiative=own_initiative)

    _carry_out(config, as_json, proof, step)


@consent.command()
@with_proof
def give(
    subject: Subject,
    purpose: Purpose,
    proof: Proof,
    precision: Annotated[PrecisionName | None, typer.Option(help="The finest position that the person allows.")] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Record a yes. Nobody gives for another: --by is the person. Refused for a notice that is not in force.

    Example: byleave sync consent give s-1 tracking --by s-1 --channel app --act tapped_allow --language en --precision cell_1km
    """

    def step(session: Session, evidence: Evidence) -> ConsentRecord:
        finest = precision.precision if precision else None
        return session.cloud.consent.give(subject, purpose, evidence, precision=finest)

    _carry_out(config, as_json, proof, step)


def _plain(verb: str) -> Callable[..., None]:
    """The command of an answer that has no options but those of its proof."""

    def command(
        subject: Subject,
        purpose: Purpose,
        proof: Proof,
        config: ConfigFile = DEFAULT_CONFIG,
        as_json: AsJson = False,
    ) -> None:
        _carry_out(
            config,
            as_json,
            proof,
            lambda session, evidence: getattr(session.cloud.consent, verb)(subject, purpose, evidence),
        )

    command.__name__, command.__doc__ = verb, PLAIN[verb]
    return with_proof(command)


PLAIN = {
    "refuse": """Record a no: the question is not put again under this notice.

    Example: byleave sync consent refuse s-1 tracking --by s-1 --channel app --act tapped_refuse --language en
    """,
    "later": """Record "not now": the person is left in peace for the policy's cool-down.

    Example: byleave sync consent later s-1 tracking --by s-1 --channel app --act tapped_later --language en
    """,
    "withdraw": """Take a consent back. The gate is closed when this ends, whether the device could be told or not.

    Example: byleave sync consent withdraw s-1 tracking --by s-1 --channel letter --act signed_letter --language en
    """,
}
for _verb in PLAIN:
    consent.command(_verb)(_plain(_verb))


def _carry_out(config: Path, as_json: bool, proof: Proof, step: Step) -> None:
    """One answer: recorded in one transaction, then told to the person's devices."""
    with opened(config) as session:
        record = step(session, proof.evidence(session.cloud.policy.notice))
        delivery = session.tell_devices()
    if as_json:
        print_json({"record": _record(record), "devices": delivery_fields(delivery)})
        return
    typer.echo(f"{record.purpose} is {record.event_state.value} for {record.pii_principal_id}{_limits(record)}")
    typer.echo(f"record {record.record_id}, policy {record.policy_hash[:12]}, notice {record.privacy_notice}")
    typer.echo(f"devices: {delivery}")


def _limits(record: ConsentRecord) -> str:
    if record.validity_until is None:
        return ""
    position = "" if record.precision is Precision.NONE else f", position no finer than {record.precision.name.lower()}"
    return f"{position}, until {iso(record.validity_until)}"


def delivery_fields(delivery: Delivery) -> dict[str, Any]:
    """What became of the downlinks, for JSON."""
    return {**asdict(delivery), "told": str(delivery)}


def _purposes(session: Session) -> list[str]:
    rules = session.cloud.policy.rules
    return sorted({purpose for rule in rules if rule.basis is LawfulBasis.CONSENT for purpose in rule.purposes})


def _standing(session: Session, subject: str, purpose: str) -> dict[str, Any]:
    at = session.cloud.ledger.state_at(subject, purpose, session.now)
    return {
        "purpose": purpose,
        "state": at.state.value if at.state else None,
        "since": iso(at.since) if at.record else None,
        "precision": at.precision.name.lower(),
        "open": at.open,
        "why": at.why,
    }


def _record(record: ConsentRecord) -> dict[str, Any]:
    """The fields of ISO/IEC TS 27560, with precision by its name."""
    return {**asdict(record), "event_state": record.event_state.value, "precision": record.precision.name.lower()}


def _cells(record: ConsentRecord) -> list[str]:
    until = "-" if record.validity_until is None else iso(record.validity_until)
    return [
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
