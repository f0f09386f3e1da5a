"""Group `sync recipient`: the register as it stands, what processors accepted, the comparison, notices that may be told by now."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from cloud_sync.cli.common import (
    DEFAULT_CONFIG,
    FINDINGS,
    AsJson,
    ConfigFile,
    Group,
    console,
    identifier,
    iso,
    print_json,
)
from cloud_sync.cli.files import read_text
from cloud_sync.cli.session import opened
from cloud_sync.model import Actor
from cloud_sync.policy.vocabulary import Role

recipient = typer.Typer(cls=Group, no_args_is_help=True)

By = Annotated[str, typer.Option(help="Who says so: an identifier.", callback=identifier)]
AtWork = Annotated[Role, typer.Option("--role", help="Their role.")]


@recipient.callback()
def _recipient() -> None:
    """Recipients of the policy: who gets what on what ground, and whether what left agrees with it.

    Example: byleave sync recipient list
    """


@recipient.command("list")
def list_(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Every recipient, with what binds it, and why it gets nothing at present.

    Example: byleave sync recipient list --json
    """
    with opened(config) as session:
        entries = session.cloud.recipients.register()
    if as_json:
        print_json([_plain(asdict(each)) for each in entries])
        return
    table = Table("recipient", "kind", "region", "purposes", "agreement", "until", "accepted", "review due", "stopped")
    for each in entries:
        days = (str(each.agreement_until or "-"), each.accepted or "-", str(each.review_due or "-"))
        what = (each.recipient, each.kind.value, each.region, ", ".join(each.purposes) or "-", each.agreement or "-")
        table.add_row(*what, *days, each.stopped or "-")
    console().print(table)


@recipient.command()
def accept(
    recipient: Annotated[str, typer.Argument(help="A processor of the policy.")],
    by: By,
    reference: Annotated[str, typer.Option(help="Of the signed document.")],
    role: AtWork = Role.CONTROLLER,
    version: Annotated[str | None, typer.Option(help="Of the policy; without it the one in force.")] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Note that a processor has accepted a version of the policy. Where `recipients.flowdown` is set it gets nothing before.

    Example: byleave sync recipient accept hosting --reference DPA-7 --by dpo-1 --role dpo
    """
    with opened(config) as session:
        actor = Actor(by, role.value)
        made = session.cloud.recipients.accept(recipient, reference=reference, by=actor, version=version)
    if as_json:
        print_json(asdict(made))
        return
    typer.echo(f"{made.recipient} has accepted version {made.version} ({made.reference})")


@recipient.command()
def compare(
    seen: Annotated[
        Path | None, typer.Option(help="Machines that traffic was seen to go to, a name a line: of a firewall's log.")
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Hold what was delivered in the last 24 hours against the register; exit code 2 where something deviates.

    Example: byleave sync recipient compare --seen egress.txt
    """
    with opened(config) as session:
        lines = read_text(seen, "a list of machines, one a line").splitlines() if seen else []
        found = session.cloud.recipients.compare([line.strip().lower() for line in lines if line.strip()])
    if as_json:
        print_json(asdict(found))
    else:
        typer.echo(f"{found.deliveries} deliveries to {found.recipients} recipients since {iso(found.since)}")
        for each in found.deviations:
            typer.echo(f"{each.recipient} {each.what}")
        typer.echo("all of it as the register has it" if not found.deviations else "see above")
    if found.deviations:
        raise typer.Exit(FINDINGS)


@recipient.command()
def notices(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Disclosures of which people are not told yet, as an order forbids it, and since when they may be.

    Example: byleave sync recipient notices
    """
    with opened(config) as session:
        waiting, now = session.cloud.recipients.silent(), session.now
    if as_json:
        print_json([{**asdict(each), "due": each.due_at <= now} for each in waiting])
        return
    table = Table("notice", "person", "recipient", "reference", "from", "")
    for each in waiting:
        state = "tell them now" if each.due_at <= now else "forbidden until then"
        table.add_row(each.notice, each.subject, each.recipient, each.reference, iso(each.due_at), state)
    console().print(table)


@recipient.command()
def told(
    notice: Annotated[str, typer.Argument(help="As `notices` names it.")],
    by: By,
    role: AtWork = Role.CONTROLLER,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Note that the person was told of a disclosure that an order had kept from them.

    Example: byleave sync recipient told 4f0c --by dpo-1 --role dpo
    """
    with opened(config) as session:
        done = session.cloud.recipients.told(notice, by=Actor(by, role.value))
    if as_json:
        print_json(asdict(done))
        return
    typer.echo(f"{done.subject} was told of {done.delivery}")


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: str(value) if name in ("agreement_until", "review_due") and value else value
        for name, value in row.items()
    }
