"""`sync read`: one read, for one purpose, on the record."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

import typer
from rich.table import Table

from cloud_sync.cli.answers import PrecisionName
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
from cloud_sync.cli.session import opened
from cloud_sync.model import Actor
from cloud_sync.read.rows import Row, fix_row, motion_row, place_row, reading_row, report_row
from cloud_sync.service import CloudSync

DAY_S = 86_400


class StreamName(StrEnum):
    """What can be read of the streams with personal data (docs/wire-format.md, section 2)."""

    LOCATION = "location"
    ENVIRONMENT = "environment"
    MOTION = "motion"
    PLACES = "places"  # what `location` carries in place of positions
    STATUS = "status"  # what the device says about itself


def read(
    subject: Subject,
    purpose: Annotated[str, typer.Option(help="What for: a purpose of the policy.")],
    actor: Annotated[str, typer.Option(help="Who reads: a pseudonym; it is in the audit log.", callback=identifier)],
    role: Annotated[str, typer.Option(help="In which role of the policy: data_subject, controller, …")],
    stream: Annotated[
        StreamName,
        typer.Option(help="Positions, temperature and light, motion, places entered and left, or the device itself."),
    ] = (StreamName.LOCATION),
    field: Annotated[
        list[str] | None, typer.Option(help="This field of the policy only, and the time; may be given again.")
    ] = None,
    start: Annotated[str | None, typer.Option("--from", metavar="ISO", help="First time; default: a day ago.")] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="ISO", help="Before this time; default: now.")] = None,
    precision: Annotated[PrecisionName | None, typer.Option(help="Positions not finer than this.")] = None,
    recipient: Annotated[str | None, typer.Option(help="Disclose to this recipient of the policy.")] = None,
    mfa: Annotated[bool, typer.Option("--mfa", help="A second factor was seen; staff need one, and a grant.")] = False,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_geojson: Annotated[bool, typer.Option("--geojson", help="Print GeoJSON (RFC 7946); positions only.")] = False,
) -> None:
    """Read a person's positions or other readings, none finer than permitted. The read and a denial alike are in the audit log.

    A denial prints its reason and ends with 2. Times without an offset are UTC.

    Example: byleave sync read s-1 --purpose tracking --actor s-1 --role data_subject --from 2026-03-14 --geojson
    """
    if as_json + as_csv + as_geojson > 1:
        fail("choose one of --json, --csv and --geojson")
    if stream is not StreamName.LOCATION and (as_geojson or precision):
        fail(f"--geojson and --precision are for positions: leave them out, or --stream {stream.value}")
    kind = KINDS[stream]
    with opened(config) as session:
        until = session.now if end is None else moment(end, "--to")
        since = until - DAY_S if start is None else moment(start, "--from")
        if since > until:
            what = "now: name an earlier time" if end is None else f"--to {iso(until)}: exchange them"
            fail(f"--from {iso(since)} lies after {what}")
        asked: dict[str, Any] = {"precision": precision.precision} if precision else {}
        found = kind.read(
            session.cloud,
            actor=Actor(actor, role, mfa),
            purpose=purpose,
            subject=subject,
            start=since,
            end=until,
            recipient=recipient,
            fields=field or (),
            **asked,
        )
    rows = [kind.row(item) for item in found]
    if as_json:
        print_json(rows)
    elif as_csv:
        typer.echo(_csv(_columns(kind, rows), rows), nl=False)
    elif as_geojson:
        print_json({"type": "FeatureCollection", "features": [_feature(row) for row in rows]})
    else:
        _table(_columns(kind, rows), rows)
        typer.echo(f"{len(rows)} {kind.name} from {iso(since)} to {iso(until)} for {purpose}; {kind.note}")
    if found.unreadable:
        typer.echo(f"{found.unreadable} envelopes of these days did not open: what they held is missing", err=True)


class _Kind(NamedTuple):
    """How one stream is read and shown; rows may have more columns than those that all have."""

    name: str
    read: Callable[..., Any]
    row: Callable[[Any], Row]
    columns: tuple[str, ...]
    note: str


KINDS = {
    StreamName.LOCATION: _Kind(
        "fixes",
        CloudSync.read_location,
        fix_row,
        ("time", "lat", "lon", "precision", "accuracy_m", "speed_m_s", "course_deg"),
        "a cell is told by its centre",
    ),
    StreamName.ENVIRONMENT: _Kind(
        "readings",
        CloudSync.read_environment,
        reading_row,
        ("time", "step_s", "temperature_c", "light_lx"),
        "light is told by the least of its class, an interval by its mean",
    ),
    StreamName.PLACES: _Kind(
        "events",
        CloudSync.read_places,
        place_row,
        ("time", "place", "name", "event"),
        "the time is that of the minute",
    ),
    StreamName.MOTION: _Kind(
        "steps with events",
        CloudSync.read_motion,
        motion_row,
        ("time", "step_s", "began", "ended", "shock"),
        "the order within a step is not known",
    ),
    StreamName.STATUS: _Kind(
        "reports",
        CloudSync.read_status,
        report_row,
        ("time", "reason", "battery", "spooled", "lost", "faults", "firmware"),
        "numbers as in the wire format",
    ),
}


def _columns(kind: _Kind, rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys([*kind.columns, *(column for row in rows for column in row)]))


def _table(columns: Sequence[str], rows: Sequence[Row]) -> None:
    table = Table(*columns)
    for row in rows:
        table.add_row(*(_cell(row.get(column)) for column in columns))
    console().print(table)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "-"
    return "-" if value is None else str(value)


def _csv(columns: Sequence[str], rows: Sequence[Row]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _feature(row: Row) -> Row:
    properties = dict(row)
    position = [properties.pop("lon"), properties.pop("lat")]
    return {"type": "Feature", "geometry": {"type": "Point", "coordinates": position}, "properties": properties}
