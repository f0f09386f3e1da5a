"""Group `sync statistics`: counts of many people, and of nobody."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from cloud_sync.cli.common import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigFile,
    Group,
    console,
    fail,
    identifier,
    iso,
    print_json,
    say,
)
from cloud_sync.cli.files import write_new
from cloud_sync.cli.session import opened
from cloud_sync.model import EPOCH_SECONDS, Actor
from cloud_sync.statistics import Counts, Release

statistics = typer.Typer(cls=Group, no_args_is_help=True)


@statistics.callback()
def _statistics() -> None:
    """Counts of people by cell and days, by the policy's table `stats`: groups of k at least, late, each day once.

    Example: byleave sync statistics list
    """


@statistics.command()
def release(
    purpose: Annotated[str, typer.Option(help="A purpose that people allowed, with statistics in the policy's roles.")],
    start: Annotated[str, typer.Option("--from", metavar="DAY", help="First day, UTC, for instance 2026-03-01.")],
    days: Annotated[int, typer.Option(min=1, help="How many whole days.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="JSON, a new file.")],
    actor: Annotated[str, typer.Option(help="Pseudonym of who makes it.", callback=identifier)],
    role: Annotated[str, typer.Option(help="Their role in the policy.")] = "service",
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Count people by cell, leave out groups below k, check it against all former releases, and keep it.

    Example: byleave sync statistics release --purpose market_research --from 2026-03-01 --days 28 --out march.json --actor desk-1
    """
    first = _day(start)
    with opened(config) as session:
        made: list[Release] = []

        def text() -> bytes:
            made.append(
                session.cloud.statistics.release(actor=Actor(actor, role), purpose=purpose, first_day=first, days=days)
            )
            return made[0].to_json().encode()

        write_new(out, text, mode=0o644)
    [done] = made
    say(
        as_json,
        {"release": done.release_id, "cells": len(done.cells), "file": str(out)},
        f"release {done.release_id}: {len(done.cells)} cells of {done.k_min} people or more, in {out}",
    )


@statistics.command()
def count(
    field: Annotated[
        str, typer.Argument(metavar="CATEGORY.FIELD", help="One of the policy's stats.inputs, of records.")
    ],
    purpose: Annotated[str, typer.Option(help="A purpose of the category, with statistics in the policy's roles.")],
    start: Annotated[str, typer.Option("--from", metavar="DAY", help="First day, UTC, for instance 2026-03-01.")],
    days: Annotated[int, typer.Option(min=1, help="How many whole days.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="JSON, a new file.")],
    actor: Annotated[str, typer.Option(help="Pseudonym of who makes it.", callback=identifier)],
    role: Annotated[str, typer.Option(help="Their role in the policy.")] = "service",
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Count people by what one field of their records says; groups below k are left out, and a day is told once.

    Example: byleave sync statistics count site_activity.page --purpose product_statistics --from 2026-03-01 --days 28
    --out march.json --actor desk-1
    """
    category, _, name = field.rpartition(".")
    first, made = _day(start), list[Counts]()
    with opened(config) as session:

        def text() -> bytes:
            asked = {"purpose": purpose, "category": category, "field": name, "first_day": first, "days": days}
            made.append(session.cloud.statistics.counts.make(actor=Actor(actor, role), **asked))  # type: ignore[arg-type]
            return made[0].to_json().encode()

        write_new(out, text, mode=0o644)
    [done] = made
    say(
        as_json,
        {"counts": done.counts_id, "groups": len(done.groups), "file": str(out)},
        f"counts {done.counts_id}: {len(done.groups)} groups of {done.k_min} people or more, in {out}",
    )


@statistics.command("list")
def list_releases(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List the releases that were made, oldest first: purpose, days, how many cells.

    Example: byleave sync statistics list
    """
    with opened(config) as session:
        found = session.cloud.statistics.releases()
    rows = [
        (
            each.release_id,
            each.purpose,
            _iso_day(each.first_day),
            _iso_day(each.last_day),
            iso(each.at),
            len(each.cells),
        )
        for each in found
    ]
    names = ("release", "purpose", "from", "to", "made", "cells")
    if as_json:
        print_json([dict(zip(names, row, strict=True)) for row in rows])
        return
    table = Table(*names)
    for row in rows:
        table.add_row(*map(str, row))
    console().print(table)


def _day(text: str) -> int:
    try:
        at = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
    except ValueError:
        fail(f"--from {text}: write a day, for instance 2026-03-01")
    return int(at.timestamp()) // EPOCH_SECONDS


def _iso_day(day: int) -> str:
    return iso(day * EPOCH_SECONDS)[:10]
