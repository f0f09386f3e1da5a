"""`sync read`: one read, for one purpose, on the record."""

from __future__ import annotations

import csv
import io
from typing import Annotated, Any

import typer
from rich.table import Table

from cloud_sync.cli.common import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigFile,
    Subject,
    console,
    fail,
    identifier,
    iso,
    moment,
    print_json,
)
from cloud_sync.cli.consent import PrecisionName
from cloud_sync.cli.session import opened
from cloud_sync.model import Actor, Fix

DAY_S = 86_400
UNKNOWN_QUALITY = 15  # docs/wire-format.md section 5
COLUMNS = ("time", "lat", "lon", "precision", "accuracy_m", "speed_m_s", "course_deg")


def read(
    subject: Subject,
    purpose: Annotated[str, typer.Option(help="What for: a purpose of the policy.")],
    actor: Annotated[str, typer.Option(help="Who reads: a pseudonym; it is in the audit log.", callback=identifier)],
    role: Annotated[str, typer.Option(help="In which role of the policy: data_subject, controller, …")],
    start: Annotated[str | None, typer.Option("--from", metavar="ISO", help="First time; default: a day ago.")] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="ISO", help="Before this time; default: now.")] = None,
    precision: Annotated[PrecisionName | None, typer.Option(help="Not finer than this.")] = None,
    recipient: Annotated[str | None, typer.Option(help="Disclose to this recipient of the policy.")] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_geojson: Annotated[bool, typer.Option("--geojson", help="Print GeoJSON (RFC 7946).")] = False,
) -> None:
    """Read a person's positions, none finer than permitted. The read and a denial alike are in the audit log.

    A denial prints its reason and ends with 2. Times without an offset are UTC.

    Example: byleave sync read s-1 --purpose tracking --actor s-1 --role data_subject --from 2026-03-14 --geojson
    """
    if as_json + as_csv + as_geojson > 1:
        fail("choose one of --json, --csv and --geojson")
    with opened(config) as session:
        until = session.now if end is None else moment(end, "--to")
        since = until - DAY_S if start is None else moment(start, "--from")
        fixes = session.cloud.read_location(
            actor=Actor(actor, role),
            purpose=purpose,
            subject=subject,
            start=since,
            end=until,
            recipient=recipient,
            precision=precision.precision if precision else None,
        )
    if as_json:
        print_json([_row(fix) for fix in fixes])
    elif as_csv:
        typer.echo(_csv(fixes), nl=False)
    elif as_geojson:
        print_json({"type": "FeatureCollection", "features": [_feature(fix) for fix in fixes]})
    else:
        table = Table(*COLUMNS)
        for fix in fixes:
            table.add_row(*("-" if value is None else str(value) for value in _row(fix).values()))
        console().print(table)
        typer.echo(f"{len(fixes)} fixes from {iso(since)} to {iso(until)} for {purpose}; a cell is told by its centre")


def _row(fix: Fix) -> dict[str, Any]:
    """One fix; the accuracy is a class: at most so many metres, None where it is unknown."""
    return {
        "time": iso(fix.time),
        "lat": round(fix.lat, 7),
        "lon": round(fix.lon, 7),
        "precision": fix.precision.name.lower(),
        "accuracy_m": None if fix.quality >= UNKNOWN_QUALITY else 2**fix.quality,
        "speed_m_s": None if fix.speed_dm_s is None else fix.speed_dm_s / 10,
        "course_deg": fix.course_deg,
    }


def _csv(fixes: list[Fix]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_row(fix) for fix in fixes)
    return text.getvalue()


def _feature(fix: Fix) -> dict[str, Any]:
    properties = _row(fix)
    position = [properties.pop("lon"), properties.pop("lat")]
    return {"type": "Feature", "geometry": {"type": "Point", "coordinates": position}, "properties": properties}
