"""Group `sync records`: what is kept of a person beside telemetry, and what happened that starts its clocks."""

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
    sentences,
)
from cloud_sync.cli.keep import time_of
from cloud_sync.cli.session import opened
from cloud_sync.erasure.civil import UTC
from cloud_sync.policy import Clock

records = typer.Typer(cls=Group, no_args_is_help=True)


@records.callback()
def _records() -> None:
    """Records that no device feeds: billing, support, chat, images, logs. Each has the clock of its category.

    Programs put and read them (`cloud.records`); here they are listed, and events are told.

    Example: byleave sync records list s-1
    """


@records.command("list")
def list_records(subject: Subject, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Show of which categories there are records of a person, and when each goes; nothing of what they say.

    Example: byleave sync records list s-1
    """
    with opened(config) as session:
        parts = session.cloud.records.of(subject)
    rows: list[dict[str, Any]] = [
        {
            "record": part.record_id,
            "category": part.category,
            "created_at": iso(part.created_at),
            "due": iso(part.due) if part.due is not None else None,
            "restricted_for": part.ground or None,
            "review_at": iso(part.review_at) if part.review_at is not None else None,
        }
        for part in parts
    ]
    if as_json:
        print_json(rows)
        return
    table = Table("record", "category", "made", "goes", "restricted for")
    for row in rows:
        table.add_row(
            row["record"], row["category"], row["created_at"], row["due"] or "no event yet", row["restricted_for"] or ""
        )
    console().print(table)


@records.command()
def event(
    kind: Annotated[Clock, typer.Argument(help="What happened.")],
    subject: Annotated[
        str | None, typer.Option("--subject", help="To whom; this or --record.", callback=identifier)
    ] = None,
    record: Annotated[str | None, typer.Option("--record", help="To which record.", callback=identifier)] = None,
    at: Annotated[str | None, typer.Option("--at", metavar="TIME", help="When; default: now.")] = None,
    source: Annotated[
        str | None, typer.Option("--source", help="Of last_interaction: login, support or order.", callback=identifier)
    ] = None,
    zone: Annotated[str, typer.Option("--zone", metavar="ZONE", help="Whose time it is.")] = UTC,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Tell that something happened that starts a clock: a case was closed, a relation ended, an invoice was issued.

    Example: byleave sync records event relation.ended --subject s-1 --at 2026-03-31 --zone Europe/Copenhagen
    """
    with sentences():
        moment = time_of(at, zone, end=False)
    with opened(config) as session:
        session.cloud.records.note(kind, subject=subject or "", record=record or "", at=moment, source=source or "")
    say(as_json, {"event": kind.value, "subject": subject, "record": record}, f"noted: {kind.value}")
