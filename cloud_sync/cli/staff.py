"""Group `sync staff`: accounts of the staff, and what somebody else attests of them."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from cloud_sync.access import Attested
from cloud_sync.cli.access import By
from cloud_sync.cli.common import DEFAULT_CONFIG, AsJson, ConfigFile, Group, console, identifier, iso, print_json, say
from cloud_sync.cli.session import opened

staff = typer.Typer(cls=Group, no_args_is_help=True)

Account = Annotated[str, typer.Argument(help="Pseudonym of the member of the staff.", callback=identifier)]


@staff.callback()
def _staff() -> None:
    """Who works here: bound in writing, trained, on an encrypted machine. Once anybody is enlisted nobody else is let in.

    Example: byleave sync staff list
    """


@staff.command()
def enlist(
    account: Account,
    role: Annotated[str, typer.Option(help="One of access.roles: support, staff, …")],
    by: By,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Give a member of the staff an account. It lets nobody in before the rest is attested.

    Example: byleave sync staff enlist e-1 --role support --by lead-1
    """
    with opened(config) as session:
        session.cloud.logins.enlist(account, role, by=by)
    said = f"{account} has an account; attest undertaking and training before they log in"
    say(as_json, {"account": account, "role": role}, said)


@staff.command()
def attest(
    account: Account,
    what: Annotated[Attested, typer.Argument(help="What somebody else says today: undertaking or training.")],
    by: By,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Say that a member of the staff has signed the undertaking, or was trained. Nobody says it of themselves.

    Example: byleave sync staff attest e-1 training --by lead-1
    """
    with opened(config) as session:
        session.cloud.logins.attest(account, what, by=by)
    say(as_json, {"account": account, "attested": what.value}, f"{what.value} of {account} is attested")


@staff.command()
def machine(
    name: Annotated[str, typer.Argument(help="Name of the machine: an identifier.", callback=identifier)],
    by: By,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Say that you have seen a machine's disk encrypted as a whole. It counts for access.attestation_max.

    Example: byleave sync staff machine laptop-1 --by lead-1
    """
    with opened(config) as session:
        session.cloud.logins.attest_machine(name, by=by)
    say(as_json, {"machine": name, "attested": "disk_encryption"}, f"the disk of {name} is attested")


@staff.command()
def strike(account: Account, by: By, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Close an account, and with it whatever it is let in to.

    Example: byleave sync staff strike e-1 --by lead-1
    """
    with opened(config) as session:
        session.cloud.logins.strike(account, by=by)
    say(as_json, {"account": account, "closed": True}, f"the account of {account} is closed")


@staff.command()
def review(by: By, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Look through the list: accounts that nobody used for access.unused_max are closed, and the look is noted.

    Example: byleave sync staff review --by lead-1
    """
    with opened(config) as session:
        left = [each.account for each in session.cloud.logins.review(by=by)]
    say(as_json, {"accounts": left}, f"{len(left)} accounts stay: {', '.join(left) or '-'}")


@staff.command("list")
def list_accounts(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List accounts, when each was used, and what has lapsed.

    Example: byleave sync staff list
    """
    with opened(config) as session:
        logins = session.cloud.logins
        rows = [
            {
                "account": each.account,
                "role": each.role,
                "used": iso(each.used_at) if each.used_at else "-",
                "lapsed": str(logins.standing(each.account) or "-"),
            }
            for each in logins.accounts()
        ]
        due = logins.review_due
    if as_json:
        print_json({"accounts": rows, "review_due": due})
        return
    table = Table("account", "role", "last used", "lapsed", title="the list is to be reviewed" if due else None)
    for row in rows:
        table.add_row(*map(str, row.values()))
    console().print(table)
