"""Group `sync rights`: what people ask under their rights, from the receipt to the closed case."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from cloud_sync.cli.common import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigFile,
    Group,
    Subject,
    console,
    identifier,
    iso,
    print_json,
    say,
)
from cloud_sync.cli.keep import time_of
from cloud_sync.cli.rightsacts import (
    By,
    CaseId,
    accept,
    copy,
    document,
    doubt,
    erase,
    read_file,
    rectify,
    restrict,
    told,
)
from cloud_sync.cli.rightsmore import assure, exceptions, hand_over, import_copy, letter
from cloud_sync.cli.session import opened
from cloud_sync.erasure.civil import UTC
from cloud_sync.model.rights import Case, Channel, Outcome, RefusalCode, Right
from cloud_sync.retention.civil import local_date, zone_of
from cloud_sync.rights import Opened
from cloud_sync.rights.cases import MOST_CONTENT_BYTES

rights = typer.Typer(cls=Group, no_args_is_help=True)
for command in (doubt, document, accept, copy, erase, restrict, rectify, told, letter, assure, exceptions, hand_over):
    rights.command()(command)
rights.command("import")(import_copy)

LetterFile = Annotated[Path, typer.Option("--letter", help="The letter; of an answer its SHA-256 alone is kept.")]
Zone = Annotated[str, typer.Option("--zone", metavar="ZONE", help="Whose times these are.")]
_DATED = ("received_at", "keyed_at", "decided_at", "answered_at", "closed_at", "extended_at", "carried_at", "alarm_at")


@rights.callback()
def _rights() -> None:
    """Cases: what a person asks under a right, when it is due, what was decided, and the proof that it was answered.

    The clock starts at receipt, in whatever channel. Several rights in one message are linked and due together.

    Example: byleave sync rights list
    """


@rights.command("open")
def open_case(
    subject: Subject,
    asked: Annotated[list[Right], typer.Argument(help="What is asked; several for one message.")],
    by: By,
    channel: Annotated[Channel, typer.Option("--channel", help="How it came.")] = Channel.MAIL,
    received: Annotated[
        str | None, typer.Option("--received", metavar="TIME", help="When it was received; now, if left out.")
    ] = None,
    zone: Zone = UTC,
    purpose: Annotated[
        str, typer.Option("--purpose", help="What an objection is against.", callback=identifier)
    ] = "any",
    rule_owner: Annotated[
        str | None,
        typer.Option("--rule-owner", help="Who answers for the rule whose decision is reviewed.", callback=identifier),
    ] = None,
    text: Annotated[
        bool, typer.Option("--text", help="Read what was written from standard input; it is sealed for the person.")
    ] = False,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Open a case for each right in one message. Whether there is such a person is not told.

    Example: byleave sync rights open s-1 access erasure --channel letter --received 2026-01-15T09:30 --by desk-1
    """
    content = sys.stdin.buffer.read(MOST_CONTENT_BYTES + 1) if text else b""
    with opened(config) as session:
        made = session.cloud.rights.open(
            subject,
            *asked,
            received_at=(time_of(received, zone, end=False) or 0.0) if received else session.now,
            channel=channel,
            by=by,
            content=content,
            purpose=purpose if Right.OBJECTION in asked else "",
            rule_owner=rule_owner or "",
        )
        country = session.cloud.policy.country
    _tell_opened(made, country, as_json)


@rights.command("list")
def list_cases(
    subject: Annotated[str | None, typer.Option("--subject", help="Of one person.", callback=identifier)] = None,
    everything: Annotated[bool, typer.Option("--all", help="Closed ones as well.")] = False,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Show the cases that are not closed, by receipt, with the last day on which each is answered in time.

    Example: byleave sync rights list --all
    """
    with opened(config) as session:
        cases = session.cloud.rights.of(subject, closed=everything)
        country, now = session.cloud.policy.country, session.now
    if as_json:
        print_json([fields(case, country) for case in cases])
        return
    table = Table("case", "message", "of", "right", "received", "due", "state", "outcome", "")
    for case in cases:
        late = (
            "late" if case.pending and case.due_at <= now else "alarm" if case.pending and case.alarm_at <= now else ""
        )
        said = (case.case_id, case.message, case.subject, case.right.value, iso(case.received_at))
        table.add_row(*said, last_day(case.due_at, country), case.state.value, case.outcome, late)
    console().print(table)


@rights.command()
def link(case_id: CaseId, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Make the code that identifies the person of a case. Send it to the address on file, never to one that the request names.

    It works once, for 24 hours, and is kept nowhere. Asking for it stops no clock.

    Example: byleave sync rights link 0a1b2c3d4e5f60718293
    """
    codes: list[str] = []
    with opened(config) as session:
        ends = session.cloud.rights.identity.send(case_id, lambda _, token: codes.append(token))
    say(
        as_json,
        {"code": codes[0], "ends_at": iso(ends)},
        f"{codes[0]}\nto the address on file alone; it works once, until {iso(ends)}",
    )


@rights.command()
def redeem(
    code: Annotated[str, typer.Argument(help="What came back from the address on file.")],
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Take the code: the person of all cases of that message is identified, and what may not wait is done.

    Example: byleave sync rights redeem 5f0c9a3e7d21
    """
    with opened(config) as session:
        cases = session.cloud.rights.identity.redeem(code)
        country = session.cloud.policy.country
    _tell_opened(Opened(tuple(cases), ()), country, as_json)


@rights.command()
def decide(
    case_id: CaseId,
    outcome: Annotated[Outcome, typer.Argument(help="What is decided.")],
    by: By,
    reviewer: Annotated[
        str | None, typer.Option("--reviewer", help="Who stands for a refusal, or reviewed.", callback=identifier)
    ] = None,
    reason: Annotated[RefusalCode | None, typer.Option("--reason", help="Why not, or not in full.")] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Decide a case. A refusal, in whole or in part, has a reason and a reviewer.

    Example: byleave sync rights decide 0a1b2c3d4e5f60718293 refused --reason not_identified --reviewer dpo-1 --by desk-1
    """
    with opened(config) as session:
        made = session.cloud.rights.decide(case_id, outcome, by=by, reviewer=reviewer or "", reason=reason or "")
        _tell(made, session.cloud.policy.country, as_json)


@rights.command()
def extend(
    case_id: CaseId,
    reason: Annotated[str, typer.Argument(help="complexity or number_of_requests.")],
    by: By,
    letter: LetterFile,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Extend the term of a case and of those linked with it, where the policy allows it: once, and before it is over.

    Example: byleave sync rights extend 0a1b2c3d4e5f60718293 complexity --letter letter.txt --by dpo-1
    """
    with opened(config) as session:
        made = session.cloud.rights.extend(case_id, reason, by=by, letter=read_file(letter))
        _tell(made[0], session.cloud.policy.country, as_json)


@rights.command()
def answer(
    case_id: CaseId, by: By, letter: LetterFile, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False
) -> None:
    """Say that the person was told, and close the case: from then on it names its evidence.

    Example: byleave sync rights answer 0a1b2c3d4e5f60718293 --letter letter.txt --by desk-1
    """
    with opened(config) as session:
        session.cloud.rights.answer(case_id, by=by, letter=read_file(letter))
        made = session.cloud.rights.close(case_id, by=by)
        _tell(made, session.cloud.policy.country, as_json)


def fields(case: Case, country: str) -> dict[str, Any]:
    """A case as JSON has it: times in UTC, due days on the company's calendar."""
    days = {
        name: last_day(moment, country)
        for name, moment in (
            ("due", case.due_at),
            ("promise", case.promise_at),
            ("law", case.law_at),
            ("target", case.target_at),
        )
    }
    times = {name: getattr(case, name) for name in _DATED}
    words = ("case_id", "message", "subject", "right", "channel", "state", "identity", "outcome", "reason", "reviewer")
    return {
        **{name: str(getattr(case, name)) for name in (*words, "authority", "evidence")},
        **days,
        **{name: iso(at) if at is not None else None for name, at in times.items()},
    }


def last_day(moment: float, country: str) -> str:
    """The day that is over at a moment, on the company's calendar."""
    return str(local_date(moment - 1, zone_of(country)))


def _tell_opened(made: Opened, country: str, as_json: bool) -> None:
    if as_json:
        print_json({"cases": [fields(case, country) for case in made.cases], "told": list(made.told)})
        return
    for case in made.cases:
        typer.echo(f"{case.case_id}: {case.right.value}, due {last_day(case.due_at, country)}, {case.state.value}")
    for sentence in made.told:
        typer.echo(f"tell the person: {sentence}")


def _tell(case: Case, country: str, as_json: bool) -> None:
    if as_json:
        print_json(fields(case, country))
    else:
        typer.echo(
            f"{case.case_id}: {case.right.value} is {case.state.value}, {case.outcome or 'undecided'},"
            f" due {last_day(case.due_at, country)}"
        )
