"""Group `sync limits`: private zones and quiet hours of a person."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from cloud_sync.cli.answers import delivery_fields
from cloud_sync.cli.common import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigFile,
    Group,
    Subject,
    console,
    fail,
    identifier,
    print_json,
)
from cloud_sync.cli.proof import Proof, with_proof
from cloud_sync.cli.session import Session, opened
from cloud_sync.directive.zones import RADIUS_M
from cloud_sync.facade.limits import Limits, quiet_hours, zones_around
from cloud_sync.model import Precision
from cloud_sync.wire.cells import centre_e7

limits = typer.Typer(cls=Group, no_args_is_help=True)


@limits.callback()
def _limits() -> None:
    """Private zones, in which nothing leaves the device, and quiet hours, in which nothing is sensed.

    They are the person's own and hold over policy and consent. What narrows goes out at once; what is dropped waits for the device.

    Example: byleave sync limits show s-1
    """


@limits.command("set")
@with_proof
def set_limits(
    subject: Subject,
    proof: Proof,
    around: Annotated[
        list[str] | None,
        typer.Option(metavar="LAT,LON", help="A place to leave in peace, in degrees; may be repeated."),
    ] = None,
    radius: Annotated[float, typer.Option(help="How far around a place, in metres.")] = RADIUS_M,
    quiet: Annotated[
        list[str] | None, typer.Option(metavar="FROM-TO", help="Hours as 22:00-06:00; may be repeated.")
    ] = None,
    zone: Annotated[str, typer.Option(help="Time zone of the hours, as Europe/Copenhagen.")] = "UTC",
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Replace the zones, the quiet hours, or both; what is not named stays.

    A zone is a cell of a fixed grid of about 1 km, and every cell within the radius is taken. A place that is typed here
    stays in the history of your shell: begin the line with a space. Local hours are widened over the zone's summer time.

    Example: byleave sync limits set s-1 --around 55.6761,12.5683 --quiet 22:00-06:00 --zone Europe/Copenhagen
    --by s-1 --channel portal --act drew_zone --language en
    """
    if not around and not quiet:
        fail("nothing to set: name --around or --quiet; to drop all limits: byleave sync limits clear")
    with opened(config) as session:
        zones = None if not around else [cell for text in around for cell in _cells(text, radius)]
        hours = None if not quiet else [each for text in quiet for each in _windows(text, zone, session.now)]
        evidence = proof.evidence(session.cloud.policy.notice)
        now = session.cloud.limits.set(subject, zones=zones, hours=hours, evidence=evidence)
        _report(session, subject, now, as_json)


@limits.command()
@with_proof
def clear(subject: Subject, proof: Proof, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Drop all zones and quiet hours. Only the person does: --by is the person. Devices follow at their next status.

    Example: byleave sync limits clear s-1 --by s-1 --channel portal --act dropped_limits --language en
    """
    with opened(config) as session:
        evidence = proof.evidence(session.cloud.policy.notice)
        _report(session, subject, session.cloud.limits.clear(subject, evidence=evidence), as_json)


@limits.command()
def show(
    subject: Subject,
    actor: Annotated[
        str | None, typer.Option(help="Who looks, for the audit log; default: the person.", callback=identifier)
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Show a person's zones and quiet hours (UTC). They tell roughly where somebody lives: who looked is in the audit log.

    Example: byleave sync limits show s-1 --actor s-1
    """
    with opened(config) as session:
        found = session.cloud.limits.get(subject, actor=actor)
    if as_json:
        print_json(_fields(subject, found))
        return
    table = Table("limit", "what", title=_state(subject, found))
    for row, col in found.zones:
        lat_e7, lon_e7 = centre_e7(row, col, Precision.CELL_1KM)
        table.add_row("zone", f"cell {row}, {col}: about 1 km around {lat_e7 / 1e7:.3f}, {lon_e7 / 1e7:.3f}")
    for start, end in found.hours:
        table.add_row("quiet hours", f"{_clock(start)} to {_clock(end)} UTC")
    console().print(table)


def _report(session: Session, subject: str, found: Limits, as_json: bool) -> None:
    """What is in force now, and whether the devices know; no place, as the terminal may be a log."""
    delivery = session.tell_devices()
    if as_json:
        print_json({**_fields(subject, found), "devices": delivery_fields(delivery)})
        return
    typer.echo(_state(subject, found))
    typer.echo(f"devices: {delivery}")


def _state(subject: str, found: Limits) -> str:
    if found.lost:
        return f"{subject}: earlier limits are lost, and nothing is sensed until they are set or cleared anew"
    count = f"{len(found.zones)} zone{'s' * (len(found.zones) != 1)}"
    return f"{subject}: {count}, {len(found.hours)} window{'s' * (len(found.hours) != 1)} of quiet hours"


def _fields(subject: str, found: Limits) -> dict[str, Any]:
    return {
        "subject": subject,
        "zones": [list(cell) for cell in found.zones],
        "hours_utc_minutes": [list(window) for window in found.hours],
        "revision": found.revision,
        "lost": found.lost,
    }


def _cells(text: str, radius_m: float) -> tuple[tuple[int, int], ...]:
    try:
        lat, lon = (float(part) for part in text.split(","))
    except ValueError:
        fail("--around: write latitude and longitude in degrees, for instance 55.6761,12.5683")
    return zones_around(lat, lon, radius_m)


def _windows(text: str, zone: str, now: float) -> tuple[tuple[int, int], ...]:
    start, dash, end = text.partition("-")
    if not dash:
        fail(f"--quiet {text}: write two times of day, for instance 22:00-06:00")
    return quiet_hours(start, end, zone=zone, now=now)


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
