"""`sync sweep` and `sync erase`: the end of the term, and the end at a person's wish."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
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
    print_json,
)
from cloud_sync.cli.session import opened
from cloud_sync.erasure.erase import ErasureReceipt
from cloud_sync.model import EPOCH_SECONDS


def sweep(
    confirm_clock: Annotated[
        bool, typer.Option("--confirm-clock", help="You have looked: the date of this machine is right.")
    ] = False,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Destroy what has outlived its term, rows and keys together. The running service does it hourly by itself.

    After more than a day without a sweep nothing is destroyed until you confirm the clock, and the command ends with 1.

    Example: byleave sync sweep --confirm-clock
    """
    with opened(config) as session:
        report = session.cloud.sweep(clock_confirmed=confirm_clock)
    if as_json:
        print_json({**asdict(report), "at": iso(report.at)})
    elif not report.halted:
        typer.echo(
            f"destroyed {report.envelopes} envelopes and {report.leaves_destroyed} day keys, moved"
            f" {report.leaves_moved} day keys forward"
        )
    if report.halted:
        days = report.leap_s / EPOCH_SECONDS
        fail(
            f"nothing was destroyed: the last sweep was {days:.1f} days ago by this clock, which says {iso(report.at)};"
            " if that is right, run: byleave sync sweep --confirm-clock"
        )


def erase(
    subject: Subject,
    first: Annotated[str | None, typer.Option("--from", metavar="DAY", help="First UTC day; default: all.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DAY", help="Last UTC day, itself included.")] = None,
    actor: Annotated[
        str | None, typer.Option(help="In whose name, for the audit log; default: the person.", callback=identifier)
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Erase. Without it nothing happens.")] = False,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Erase a person's data of whole UTC days, keys first, and print the receipt. Nothing brings it back.

    Example: byleave sync erase s-1 --from 2026-03-14 --to 2026-03-14 --yes
    """
    start = None if first is None else _midnight(first, "--from")
    end = None if last is None else _midnight(last, "--to") + EPOCH_SECONDS
    if start is not None and end is not None and start >= end:
        fail(f"--from {first} lies after --to {last}: exchange them")
    with opened(config) as session:
        database = session.cloud.database
        if not yes:
            held = sum(database.count_envelopes(device.device) for device in database.devices_of(subject))
            fail(f"nothing was erased: {subject} has {held} envelopes of all days; to erase for good, add --yes", ERROR)
        receipt = session.cloud.erase(subject=subject, start=start, end=end, actor=actor)
        horizon = session.cloud.policy.backup_horizon.text
    if as_json:
        print_json(_receipt(receipt))
        return
    for name, value in _receipt(receipt).items():
        shown = ", ".join(value) or "none" if isinstance(value, list) else value
        typer.echo(f"{name.replace('_', ' '):<12}{shown}")
    typer.echo(f"unreadable now, and in every copy once backups of keys have expired (policy: {horizon})")


def _receipt(receipt: ErasureReceipt) -> dict[str, Any]:
    return {
        "subject": receipt.subject,
        "erased_at": iso(receipt.at),
        "first_day": _day(receipt.first_epoch),
        "last_day": _day(receipt.last_epoch),
        "envelopes": receipt.envelopes,
        "day_keys": receipt.leaves,
        "devices": list(receipt.devices),
        "tombstones": list(receipt.tombstones),
    }


def _day(epoch: int) -> str:
    return iso(epoch * EPOCH_SECONDS)[:10]


def _midnight(text: str, option: str) -> float:
    """The UTC midnight at which a day begins."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
    except ValueError:
        fail(f"{option} {text}: write a day, for instance 2026-03-14; erasure goes by whole UTC days")
