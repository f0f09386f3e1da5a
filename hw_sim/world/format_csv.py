"""Drives as CSV: columns `timestamp` (ISO 8601 or Unix seconds), `latitude`, `longitude`, perhaps `altitude`."""

import csv
import datetime as dt
from collections.abc import Mapping

from hw_sim.errors import DriveError
from hw_sim.world.geo import Sample
from hw_sim.world.recording import Row


def unix_s(text: str) -> float:
    """Unix time of an ISO 8601 time, taken as UTC where it names no zone."""
    when = dt.datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    return (when if when.tzinfo else when.replace(tzinfo=dt.UTC)).timestamp()


def rows(text: str, name: str, only: Mapping[str, str]) -> list[Row]:
    """The rows with these values; DriveError for several vehicles in one drive, a missing column, a row that is none."""
    table = csv.DictReader(text.splitlines())
    missing = {"timestamp", "latitude", "longitude", *only} - set(table.fieldnames or ())
    if missing:
        raise DriveError(f"{name}, line 1: no column {', '.join(sorted(missing))}; name the columns in the first line")
    found, vehicles = [], set()
    try:
        for row in table:
            if any(row[column] != value for column, value in only.items()):
                continue
            vehicles.add((row.get("vehicle_id"), row.get("trip_id")))
            found.append(Row(_sample(row, name, table.line_num), f"line {table.line_num}"))
    except csv.Error as error:
        raise DriveError(f"{name}, line {table.line_num}: {error}; mend that line") from error
    if len(vehicles) > 1:
        raise DriveError(f"{name}: {len(vehicles)} vehicles or trips; choose one, as in trip_id=...")
    return found


def _sample(row: Mapping[str, str | None], name: str, line: int) -> Sample:
    stamp, lat, lon = row["timestamp"], row["latitude"], row["longitude"]
    if not stamp or not lat or not lon:
        raise DriveError(f"{name}, line {line}: the row is not whole; if the file was cut off, take that line out")
    try:
        t_s = float(stamp) if stamp.replace(".", "", 1).isdecimal() else unix_s(stamp)
        return Sample(t_s, float(lat), float(lon), float(row.get("altitude") or 0.0))
    except (ValueError, OverflowError) as error:
        raise DriveError(f"{name}, line {line}: {error}; mend or take out that line") from error
