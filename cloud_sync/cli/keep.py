"""`sync sweep` and `sync erase`: the end of the term, and the end at a person's wish."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import typer

from cloud_sync.cli.common import (
    DEFAULT_CONFIG,
    ERROR,
    AsJson,
    ConfigFile,
    Subject,
    fail,
    identifier,
    iso,
    moment,
    print_json,
    sentences,
)
from cloud_sync.cli.session import opened
from cloud_sync.erasure.civil import UTC, is_day, local_day, local_time
from cloud_sync.erasure.receipt import ErasureReceipt
from cloud_sync.erasure.receipt import day as day_of
from cloud_sync.model import EPOCH_SECONDS
from cloud_sync.retention.report import HOLDS_LOST

LATE_S = 86_400  # a sweep runs hourly: what is a day late is worth a sentence


def sweep(
    confirm_clock: Annotated[
        bool, typer.Option("--confirm-clock", help="You have looked: the date of this machine is right.")
    ] = False,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Destroy what has outlived its term, rows and keys together, and make coarser what steps down. The service does it hourly.

    After more than a day without a sweep nothing is destroyed until you confirm the clock, and the command ends with 1.

    Example: byleave sync sweep --confirm-clock
    """
    with opened(config) as session:
        report = session.cloud.sweep(clock_confirmed=confirm_clock)
    if as_json:
        print_json({**asdict(report), "at": iso(report.at)})
    elif not report.halted:
        typer.echo(
            f"destroyed {report.envelopes} envelopes, {report.records} records and {report.leaves_destroyed} day keys, moved"
            f" {report.leaves_moved} day keys forward, made {report.stepped} envelopes coarser"
        )
        if report.held:
            typer.echo(f"{report.held} are due and stay for a hold (byleave sync hold list)")
        if report.late_s >= LATE_S:
            typer.echo(f"late: the oldest was due {report.late_s / EPOCH_SECONDS:.1f} days ago")
    if report.reason == HOLDS_LOST:
        fail(
            "nothing was destroyed: the database was restored, and holds are missing. Place them again, then:"
            " byleave sync hold accept"
        )
    if report.halted:
        days = report.leap_s / EPOCH_SECONDS
        fail(
            f"nothing was destroyed: the last sweep was {days:.1f} days ago by this clock, which says {iso(report.at)};"
            " if that is right, run: byleave sync sweep --confirm-clock"
        )


def erase(
    subject: Subject,
    first: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="From this day or ISO 8601 time; default: all.")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="To the end of this day, or to before this time.")
    ] = None,
    day: Annotated[
        str | None, typer.Option("--day", metavar="DAY", help="One day, instead of --from and --to.")
    ] = None,
    zone: Annotated[
        str, typer.Option("--zone", metavar="ZONE", help="Whose days and times these are, as Europe/Copenhagen.")
    ] = UTC,
    actor: Annotated[
        str | None, typer.Option(help="In whose name, for the audit log; default: the person.", callback=identifier)
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Erase. Without it nothing happens.")] = False,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Erase a person's data, all of it or of a span of time, keys first, and print the receipt. Nothing brings it back.

    Times with an offset mean what they say; days, and times without one, are the zone's.

    Example: byleave sync erase s-1 --day 2026-03-29 --zone Europe/Copenhagen --yes
    """
    with sentences():
        start, end = _span(first, last, day, zone)
    if start is not None and end is not None and start >= end:
        fail(f"--from {first} lies after --to {last}: exchange them")
    with opened(config) as session:
        database = session.cloud.database
        if not yes:
            held = sum(database.count_envelopes(device.device) for device in database.devices_of(subject))
            fail(f"nothing was erased: {subject} has {held} envelopes of all days; to erase for good, add --yes", ERROR)
        receipt = session.cloud.erase(subject=subject, start=start, end=end, actor=actor)
    if as_json:
        print_json(_receipt(receipt))
        return
    typer.echo(receipt.text(), nl=False)
    if receipt.held:
        typer.echo("what a hold covers is restricted, and goes once it is released (byleave sync hold list)")


def _span(first: str | None, last: str | None, day: str | None, zone: str) -> tuple[float | None, float | None]:
    """Unix seconds of the span that the options name; None where it is open."""
    if day is not None:
        if first is not None or last is not None:
            fail("--day is a whole span: leave out --from and --to")
        return local_day(day, zone)
    local_day("2000-01-01", zone)  # an unknown zone is told even where no option needs one
    return time_of(first, zone, end=False), time_of(last, zone, end=True)


def time_of(text: str | None, zone: str, *, end: bool) -> float | None:
    """A day's begin or end, or a moment; where a clock shows it twice, so that the span is the longer one."""
    if text is None:
        return None
    if is_day(text):
        return local_day(text, zone)[end]
    if _has_offset(text):
        return moment(text, "--to" if end else "--from")
    return local_time(text, zone, late=end)


def _has_offset(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _receipt(receipt: ErasureReceipt) -> dict[str, Any]:
    return {
        "subject": receipt.subject,
        "erased_at": iso(receipt.at),
        "from": iso(receipt.start),
        "to": iso(receipt.end),
        "envelopes": receipt.envelopes,
        "resealed": receipt.resealed,
        "day_keys": receipt.leaves,
        "devices": list(receipt.devices),
        "tombstones": list(receipt.tombstones),
        "held": list(receipt.held),
        "backups_gone_on": None if receipt.backups_gone_at is None else day_of(receipt.backups_gone_at),
        "stays": [
            {**asdict(each), "review_at": None if each.review_at is None else iso(each.review_at)}
            for each in receipt.kept
        ],
        "recipients": list(receipt.recipients),
        "entry": receipt.entry,
        "text": receipt.text(),
    }
