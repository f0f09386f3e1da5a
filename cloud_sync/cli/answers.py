"""What the commands share that record an answer or a setting: the options, the proof, the transaction, what is printed."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cloud_sync.cli.common import DEFAULT_CONFIG, AsJson, ConfigFile, Subject, iso, print_json
from cloud_sync.cli.deliver import Delivery
from cloud_sync.cli.proof import Proof, with_proof
from cloud_sync.cli.session import Session, opened
from cloud_sync.consent import Evidence
from cloud_sync.model import BoundKind, ConsentBound, ConsentRecord, Precision

Recorded = ConsentRecord | ConsentBound
Step = Callable[[Session, Evidence], Recorded]


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
GroupName = Annotated[str, typer.Argument(help="Name of the group, an identifier of the installation.")]

#: Arguments that a step may take, by their names; each stands here once.
ARGUMENTS: Final = {"subject": Subject, "purpose": Purpose, "group": GroupName}
#: Options of every such command, behind those of the proof and of the step itself.
_SHARED: Final = (("config", ConfigFile, DEFAULT_CONFIG), ("as_json", AsJson, False))


def recording(app: typer.Typer) -> Callable[[Callable[..., Recorded]], Callable[..., Recorded]]:
    """Make of `step(session, evidence, subject, …, **options)` a command of `app`, with the proof and the shared options.

    The command has the step's name, its text and its own options; those named in `ARGUMENTS` become arguments.
    """

    def made(step: Callable[..., Recorded]) -> Callable[..., Recorded]:
        own = list(inspect.signature(step, eval_str=True).parameters.values())[2:]
        arguments = [each.replace(annotation=ARGUMENTS[each.name]) for each in own if each.name in ARGUMENTS]
        options = [each for each in own if each.name not in ARGUMENTS]

        def command(proof: Proof, config: Path, as_json: bool, **values: Any) -> None:
            carry_out(config, as_json, proof, lambda session, evidence: step(session, evidence, **values))

        keyword = inspect.Parameter.KEYWORD_ONLY
        proved = inspect.Parameter("proof", keyword, annotation=Proof)
        shared = [inspect.Parameter(name, keyword, annotation=kind, default=value) for name, kind, value in _SHARED]
        parameters = [each.replace(kind=keyword) for each in (*arguments, proved, *options, *shared)]
        command.__name__, command.__doc__ = step.__name__, step.__doc__
        # `setattr`: a function's own signature is no attribute that types know of (PEP 362).
        setattr(command, "__signature__", inspect.Signature(parameters))  # noqa: B010
        app.command()(with_proof(command))
        return step

    return made


def carry_out(config: Path, as_json: bool, proof: Proof, step: Step) -> None:
    """One answer or setting: recorded in one transaction, then told to the devices that it concerns."""
    with opened(config) as session:
        recorded = step(session, proof.evidence(session.cloud.policy.notice))
        delivery = session.tell_devices()
    if as_json:
        print_json({"record": record_fields(recorded), "devices": delivery_fields(delivery)})
        return
    for line in _answer(recorded) if isinstance(recorded, ConsentRecord) else _setting(recorded):
        typer.echo(line)
    typer.echo(f"devices: {delivery}")


def record_fields(recorded: Recorded) -> dict[str, Any]:
    """The fields of a record, with enumerations by their names."""
    fields = {**asdict(recorded), "precision": recorded.precision.name.lower()}
    state = {"event_state": recorded.event_state.value} if isinstance(recorded, ConsentRecord) else {}
    return {**fields, **state}


def delivery_fields(delivery: Delivery) -> dict[str, Any]:
    """What became of the downlinks, for JSON."""
    return {**asdict(delivery), "told": str(delivery)}


def _answer(record: ConsentRecord) -> list[str]:
    return [
        f"{record.purpose} is {record.event_state.value} for {record.pii_principal_id}{_limits(record)}",
        f"record {record.record_id}, policy {record.policy_hash[:12]}, notice {record.privacy_notice}",
    ]


def _limits(record: ConsentRecord) -> str:
    if record.validity_until is None:
        return ""
    position = "" if record.precision is Precision.NONE else f", position no finer than {record.precision.name.lower()}"
    return f"{position}, until {iso(record.validity_until)}"


def _setting(bound: ConsentBound) -> list[str]:
    said = {
        BoundKind.FOUNDED: f"group {bound.group} is founded, held by {bound.entity_id}",
        BoundKind.INVITED: f"{bound.subject} is invited to group {bound.group}, and in it once they accept",
        BoundKind.DECLINED: f"{bound.subject} does not want to be in group {bound.group}",
        BoundKind.JOINED: f"{bound.subject} is in group {bound.group}",
        BoundKind.LEFT: f"{bound.subject} is out of group {bound.group}; their own choice holds",
        BoundKind.NARROWED: f"group {bound.group} {_narrowing(bound)} for its members",
        BoundKind.LIFTED: f"group {bound.group} leaves {bound.purpose} to its members again",
        BoundKind.WISHED: f"what the holder of {bound.group} would have of {bound.purpose} is kept; it opens nothing",
        BoundKind.CERTIFIED: f"a declaration about {bound.count} people is kept; it is no consent of anybody",
        BoundKind.DECLARED: f"the age of {bound.subject} is known as far as needed; no birth date was kept",
    }
    return [said[bound.kind], f"record {bound.record_id}"]


def _narrowing(bound: ConsentBound) -> str:
    return f"closes {bound.purpose}" if bound.closed else f"leaves of {bound.purpose} {bound.precision.name.lower()}"
