"""Group `sync access`: who is let in to a person's data, by a ticket, or by a relation."""

from __future__ import annotations

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
from cloud_sync.cli.session import opened
from cloud_sync.model import Actor
from cloud_sync.model.access import StaffGrant

access = typer.Typer(cls=Group, no_args_is_help=True)

By = Annotated[
    str, typer.Option("--by", help="Who does this: a pseudonym; it is in the audit log.", callback=identifier)
]
TicketName = Annotated[str, typer.Argument(help="Reference of the ticket: an identifier, no free text.")]
Mfa = Annotated[bool, typer.Option("--mfa", help="A second factor was seen; the policy may ask for it.")]


@access.callback()
def _access() -> None:
    """Who of the staff may look at a person's data, for which ticket and until when; and who by a relation.

    Example: byleave sync access list s-1
    """


@access.command("open-ticket")
def open_ticket(
    ticket: TicketName, subject: Subject, by: By, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False
) -> None:
    """Say that there is a case about a person. While it is open, staff can be let in for it.

    Example: byleave sync access open-ticket K-1 s-1 --by desk
    """
    with opened(config) as session:
        made = session.cloud.staff.open_ticket(ticket, subject, by=by)
    say(as_json, {"ticket": made.ticket, "subject": made.subject}, f"ticket {made.ticket} is open")


@access.command("close-ticket")
def close_ticket(ticket: TicketName, by: By, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Close a case. Every access that rests on it ends at once.

    Example: byleave sync access close-ticket K-1 --by desk
    """
    with opened(config) as session:
        ended = session.cloud.staff.close_ticket(ticket, by=by)
    say(as_json, {"ticket": ticket, "ended": ended}, f"ticket {ticket} is closed; {ended} grants ended with it")


@access.command("open")
def open_grant(
    subject: Subject,
    staff: Annotated[str, typer.Option(help="Who is let in: a pseudonym.", callback=identifier)],
    role: Annotated[str, typer.Option(help="In which role of access.roles: support, staff, …")],
    purpose: Annotated[list[str], typer.Option(help="For this purpose of the policy; may be given again.")],
    category: Annotated[list[str], typer.Option(help="This category of the policy; may be given again.")],
    by: By,
    ticket: Annotated[str, typer.Option(help="The open ticket that it is for.")] = "",
    mfa: Mfa = False,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Let a member of the staff in, for as long as a grant may last. A refusal prints its reason and ends with 2.

    Example: byleave sync access open s-1 --staff e-1 --role support --purpose diagnosis --category status --by e-1 --ticket K-1
    """
    with opened(config) as session:
        actor = Actor(staff, role, mfa)
        staff_access, opener = session.cloud.staff, Actor(by, role, mfa)
        made = staff_access.open(actor, subject, purposes=purpose, categories=category, by=opener, ticket=ticket)
    say(as_json, _row(made), f"{staff} is let in until {iso(made.ends_at)}; grant {made.grant}")


@access.command("close")
def close_grant(
    grant: Annotated[str, typer.Argument(help="Number of the grant, as `access list` tells it.")],
    by: By,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Take a grant back: the next question of that member of the staff is denied.

    Example: byleave sync access close 0f8e7d6c5b4a39281706 --by desk
    """
    with opened(config) as session:
        session.cloud.staff.close(grant, by=by)
    say(as_json, {"grant": grant}, f"grant {grant} is over")


@access.command("relate")
def relate(
    subject: Subject,
    actor: Annotated[str, typer.Option(help="Who may see the person's data: a pseudonym.", callback=identifier)],
    role: Annotated[str, typer.Option(help="As what: planner, parent, account_holder, …")],
    by: By,
    end: Annotated[bool, typer.Option("--end", help="End the relation, and with it the access, at once.")] = False,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Begin a relation, or end it: a planner sees a person's data no longer than the relation lasts.

    Example: byleave sync access relate s-1 --actor p-1 --role planner --by s-1
    """
    with opened(config) as session:
        relations = session.cloud.relations
        there = (
            relations.end(actor, role, subject, by=by) if end else bool(relations.begin(actor, role, subject, by=by))
        )
    state = "over" if end else "in force"
    sentence = f"the relation of {actor} is {state}" if there else "there was no such relation"
    say(as_json, {"actor": actor, "role": role, "subject": subject, "in_force": not end}, sentence)


@access.command("list")
def list_access(subject: Subject, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List who of the staff was let in to a person's data, the newest first, and who may see it by a relation now.

    Example: byleave sync access list s-1
    """
    with opened(config) as session:
        grants = [_row(grant) for grant in session.cloud.staff.grants(subject)]
        relations = [
            {"actor": each.actor, "role": each.role, "since": iso(each.begun_at)}
            for each in session.cloud.relations.of(subject)
        ]
    if as_json:
        print_json({"grants": grants, "relations": relations})
        return
    table = Table("who", "role", "for", "of", "ticket", "from", "until", "grant")
    for row in grants:
        words = (" ".join(row["purposes"]), " ".join(row["categories"]))
        table.add_row(row["staff"], row["role"], *words, row["ticket"] or "-", row["from"], row["until"], row["grant"])
    for relation in relations:
        table.add_row(relation["actor"], relation["role"], "-", "-", "-", relation["since"], "(while it lasts)", "-")
    console().print(table)


def _row(grant: StaffGrant) -> dict[str, Any]:
    ended = grant.ends_at <= grant.opened_at
    return {
        "grant": grant.grant,
        "staff": grant.staff,
        "role": grant.role,
        "purposes": sorted(grant.purposes),
        "categories": sorted(grant.categories),
        "ticket": grant.ticket,
        "by": grant.opened_by,
        "from": iso(grant.opened_at),
        "until": "taken back" if ended else iso(grant.ends_at),
    }
