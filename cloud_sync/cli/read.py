"""`sync read`: one read, for one purpose, on the record."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

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
from cloud_sync.model import Actor, Fix, MotionEvent, PlaceEvent, Reading
from cloud_sync.service import CloudSync

DAY_S = 86_400
UNKNOWN_QUALITY = 15  # docs/wire-format.md section 5

Row = dict[str, Any]


class StreamName(StrEnum):
    """What can be read of the streams with personal data (docs/wire-format.md, section 2)."""

    LOCATION = "location"
    ENVIRONMENT = "environment"
    MOTION = "motion"
    PLACES = "places"  # what `location` carries in place of positions


def read(
    subject: Subject,
    purpose: Annotated[str, typer.Option(help="What for: a purpose of the policy.")],
    actor: Annotated[str, typer.Option(help="Who reads: a pseudonym; it is in the audit log.", callback=identifier)],
    role: Annotated[str, typer.Option(help="In which role of the policy: data_subject, controller, …")],
    stream: Annotated[
        StreamName, typer.Option(help="Positions, temperature and light, motion, or places entered and left.")
    ] = (StreamName.LOCATION),
    field: Annotated[
        list[str] | None, typer.Option(help="This field of the policy only, and the time; may be given again.")
    ] = None,
    start: Annotated[str | None, typer.Option("--from", metavar="ISO", help="First time; default: a day ago.")] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="ISO", help="Before this time; default: now.")] = None,
    precision: Annotated[PrecisionName | None, typer.Option(help="Positions not finer than this.")] = None,
    recipient: Annotated[str | None, typer.Option(help="Disclose to this recipient of the policy.")] = None,
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
            actor=Actor(actor, role),
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


def _fix(fix: Fix) -> Row:
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


def _reading(reading: Reading) -> Row:
    """One reading, or the sums of an interval with the mean as its value; light is the least of its class."""
    row: Row = {
        "time": iso(reading.time),
        "step_s": reading.step_s,
        "temperature_c": reading.temperature_c,
        "light_lx": reading.light_lx,
    }
    if temperature := reading.temperature:
        least, most = temperature.least / 10, temperature.most / 10
        row |= {"temperature_readings": temperature.count, "temperature_least_c": least, "temperature_most_c": most}
    if light := reading.light:
        row |= {"light_readings": light.count, "light_least_lx": light.least, "light_most_lx": light.most}
    return row


def _place(event: PlaceEvent) -> Row:
    """One event: the number of the place in the policy, and its name there."""
    return {
        "time": iso(event.time),
        "place": event.place,
        "name": event.name or None,
        "event": event.event and event.event.name.lower(),
    }


def _motion(event: MotionEvent) -> Row:
    """What happened within one step."""
    return {
        "time": iso(event.time),
        "step_s": event.step_s,
        "began": event.began,
        "ended": event.ended,
        "shock": event.shock,
    }


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
        _fix,
        ("time", "lat", "lon", "precision", "accuracy_m", "speed_m_s", "course_deg"),
        "a cell is told by its centre",
    ),
    StreamName.ENVIRONMENT: _Kind(
        "readings",
        CloudSync.read_environment,
        _reading,
        ("time", "step_s", "temperature_c", "light_lx"),
        "light is told by the least of its class, an interval by its mean",
    ),
    StreamName.PLACES: _Kind(
        "events",
        CloudSync.read_places,
        _place,
        ("time", "place", "name", "event"),
        "the time is that of the minute",
    ),
    StreamName.MOTION: _Kind(
        "steps with events",
        CloudSync.read_motion,
        _motion,
        ("time", "step_s", "began", "ended", "shock"),
        "the order within a step is not known",
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
