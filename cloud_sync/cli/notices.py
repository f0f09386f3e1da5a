"""Group `sync notices`: what was published, who received it, who is owed one, and the text itself."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.table import Table

from cloud_sync.cli.common import (
    DEFAULT_CONFIG,
    FINDINGS,
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
from cloud_sync.consent import Evidence

notices = typer.Typer(cls=Group, no_args_is_help=True)

Language = Annotated[str, typer.Option("--language", help="In which language: en or da.")]


@notices.callback()
def _notices() -> None:
    """Notices: what was published and when, what it changed, who received it, and who is owed one.

    Example: byleave sync notices list
    """


@notices.command("list")
def list_notices(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Show every notice that came into force, with what changed significantly and whose consents ended with it.

    Example: byleave sync notices list --json
    """
    with opened(config) as session:
        published, banner = session.cloud.notices.published(), session.cloud.notices.banner()
    if as_json:
        rows = [{**asdict(each), "at": iso(each.at), "banner_until": iso(each.banner_until)} for each in published]
        print_json({"notices": rows, "banner": _banner(banner)})
        return
    table = Table("version", "since", "policy", "changes", "asked anew")
    for each in published:
        table.add_row(each.version, iso(each.at), each.policy[:12], ", ".join(each.changes), ", ".join(each.purposes))
    console().print(table)
    if banner:
        console().print(f"Shown to everybody until {iso(banner.until)}: {banner.version}, {', '.join(banner.changes)}")


@notices.command()
def text(
    policy: Annotated[
        str, typer.Option("--policy", help="SHA-256 of a policy of before; now in force if left out.")
    ] = "",
    language: Language = "en",
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Print a notice as it was published, as Markdown: the one in force, or one of before by the hash of its policy.

    Example: byleave sync notices text --language da
    """
    with opened(config) as session:
        _say(session.cloud.notices.text(language, policy=policy), as_json)


@notices.command()
def received(
    subject: Subject,
    channel: Annotated[
        str, typer.Option("--channel", help="Where it was shown: app, portal, letter.", callback=identifier)
    ],
    act: Annotated[
        str, typer.Option("--act", help="What showed it: opened, delivered.", callback=identifier)
    ] = "opened",
    by: Annotated[
        str | None, typer.Option("--by", help="A parent, for a child; else the person.", callback=identifier)
    ] = None,
    language: Language = "en",
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Record that a person was shown the notice in force. What it kept closed opens, and their devices are told.

    Example: byleave sync notices received s-1 --channel app
    """
    with opened(config) as session:
        cloud = session.cloud
        receipt = cloud.notices.receive(subject, Evidence(by or subject, cloud.policy.notice, channel, act, language))
    say(
        as_json,
        {**asdict(receipt), "at": iso(receipt.at)},
        f"{subject} received {receipt.version} at {iso(receipt.at)}",
    )


@notices.command()
def owed(
    subject: Annotated[str | None, typer.Option("--subject", help="Of one person.", callback=identifier)] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Show who is owed the notice in force, since when, and by when they must have been told. Exit code 2 if anybody is.

    Example: byleave sync notices owed
    """
    with opened(config) as session:
        desk = session.cloud.notices
        one = desk.owed(subject) if subject else None
        found = ([one] if one else []) if subject else desk.all_owed()
    if as_json:
        print_json(
            [{**asdict(each), "since": iso(each.since), "due_at": each.due_at and iso(each.due_at)} for each in found]
        )
    else:
        table = Table("person", "notice", "since", "changes", "data from", "due")
        for each in found:
            due = iso(each.due_at) if each.due_at else ""
            table.add_row(each.subject, each.version, iso(each.since), ", ".join(each.changes), each.source, due)
        console().print(table)
    if found:
        raise typer.Exit(FINDINGS)


@notices.command()
def provided(
    subject: Subject,
    source: Annotated[str, typer.Argument(help="Who gave the data, such as an employer.", callback=identifier)],
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Record that somebody else gave a person's data: they are told within the policy's term, or their data is restricted.

    Example: byleave sync notices provided s-1 employer-7
    """
    with opened(config) as session:
        made = session.cloud.notices.provided(subject, source)
        told = session.cloud.notices.owed(subject)
    if as_json:
        print_json({**asdict(made), "at": iso(made.at), "due_at": told and told.due_at and iso(told.due_at)})
    else:
        typer.echo(
            f"{subject}: data from {made.source}; "
            + (f"tell them by {iso(told.due_at)}" if told and told.due_at else "told")
        )


@notices.command()
def letter(
    case: Annotated[str, typer.Argument(help="A decided case.", callback=identifier)],
    language: Language = "en",
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Print the answer to a case as a letter: what was done, or why not and where to complain.

    Example: byleave sync notices letter 3f2a > answer.txt
    """
    with opened(config) as session:
        _say(session.cloud.notices.letter(case, language), as_json)


def _say(text: str, as_json: bool) -> None:
    """A document, as it is or as a JSON string."""
    if as_json:
        print_json({"text": text})
    else:
        typer.echo(text, nl=False)


def _banner(banner: Any) -> Any:
    return {**asdict(banner), "since": iso(banner.since), "until": iso(banner.until)} if banner else None
