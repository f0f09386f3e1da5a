"""`byleave sim world`: synthetic days as files."""

import csv
import datetime as dt
import io
from pathlib import Path
from typing import Annotated, Literal
from xml.sax.saxutils import quoteattr

import typer

from hw_sim.errors import HwSimError
from hw_sim.world.days import Days
from hw_sim.world.drive import Drive

TRUTH = "truth.json"
Format = Literal["gpx", "csv"]


def world(
    out: Annotated[Path, typer.Option(help="A new or empty folder.")],
    days: Annotated[int, typer.Option(help="How many days.")] = 7,
    people: Annotated[int, typer.Option(help="How many people; each third is a pupil.")] = 3,
    vans: Annotated[int, typer.Option(help="How many delivery vans.")] = 0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 0,
    first: Annotated[str, typer.Option(help="The first day, as 2026-03-02.")] = "2026-03-02",
    middle: Annotated[str, typer.Option(help="Middle of the town, as 52.45,13.45.")] = "52.45,13.45",
    country: Annotated[str, typer.Option(help="Whose public holidays: a country, or a part of it as DE-BE.")] = "DE-BE",
    zone: Annotated[str, typer.Option(help="Time zone of the people.")] = "Europe/Berlin",
    fmt: Annotated[Format, typer.Option("--format", help="Format of the drives.")] = "gpx",
) -> None:
    """Make up days of people and vans: a drive of each, and the truth about homes and visits in truth.json."""
    try:
        land, _, part = country.partition("-")
        made = Days(people, days, seed, vans, _date(first), _place(middle), zone, land, part)
        lines = write(made, out, fmt)
    except (HwSimError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    for line in lines:
        typer.echo(line)


def write(made: Days, out: Path, fmt: Format) -> list[str]:
    """The files of these days into a new or empty folder; what was written, in words."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise HwSimError(f"{out} is not empty: name a new folder")
    out.mkdir(parents=True, exist_ok=True)
    truth, lines = made.truth(), []
    for name in made.names:
        drive = made.drive(name)
        path = out / f"{name}.{fmt}"
        path.write_text(gpx(drive) if fmt == "gpx" else table(drive), encoding="utf-8", newline="\n")
        visits = sum(1 for _ in truth.of(name))
        lines.append(f"{path}: {visits} visits, {len(drive.samples)} samples, {drive.length_m / 1000:.0f} km")
    (out / TRUTH).write_text(truth.to_json(), encoding="utf-8", newline="\n")
    lines.append(
        f"{out / TRUTH}: {len(truth.circles)} homes, {len(truth.visits)} visits; nothing that leaves a device may tell them"
    )
    return lines


def gpx(drive: Drive) -> str:
    """A drive as GPX 1.1, one track of one segment."""
    points = "".join(
        f'<trkpt lat="{s.lat_deg:.7f}" lon="{s.lon_deg:.7f}"><time>{_utc(s.t_s)}</time></trkpt>\n'
        for s in drive.samples
    )
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<gpx version="1.1" creator="byleave" xmlns="http://www.topografix.com/GPX/1/1">\n'
    name = quoteattr(drive.name)[1:-1]
    return f"{head}<trk><name>{name}</name><trkseg>\n{points}</trkseg></trk></gpx>\n"


def table(drive: Drive) -> str:
    """A drive as CSV."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("timestamp", "latitude", "longitude"))
    rows.writerows((_utc(s.t_s), f"{s.lat_deg:.7f}", f"{s.lon_deg:.7f}") for s in drive.samples)
    return text.getvalue()


def _utc(unix_s: float) -> str:
    return dt.datetime.fromtimestamp(unix_s, dt.UTC).isoformat().replace("+00:00", "Z")


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise HwSimError(f"--first {text}: {error}; write it as 2026-03-02") from error


def _place(text: str) -> tuple[float, float]:
    try:
        lat, lon = map(float, text.split(","))
    except ValueError as error:
        raise HwSimError(f"--middle {text}: write degrees as 52.45,13.45") from error
    return lat, lon
