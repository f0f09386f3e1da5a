"""Readings as rows that anybody can use without this program: ISO 8601 times, degrees, metres, degrees Celsius, lux.

Columns stand for the policy's fields; with `fields` those of the other fields are left out, not merely empty. Light is the least of
its class, an interval is told by its mean, a cell by its centre.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from cloud_sync.model import Aggregate, Fix, MotionEvent, PlaceEvent, Reading
from cloud_sync.read.narrow import Report

UNKNOWN_QUALITY: Final = 15  # docs/wire-format.md section 5

Row = dict[str, Any]


def iso(time: float) -> str:
    """Unix seconds as ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(int(time), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def fix_row(fix: Fix) -> Row:
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


def reading_row(reading: Reading) -> Row:
    """One reading, or the sums of an interval with the mean as its value."""
    row: Row = {
        "time": iso(reading.time),
        "step_s": reading.step_s,
        "temperature_c": reading.temperature_c,
        "light_lx": reading.light_lx,
    }
    return row | _sums("temperature", "c", reading.temperature, 10) | _sums("light", "lx", reading.light, 1)


def _sums(name: str, unit: str, sums: Aggregate | None, divisor: int) -> Row:
    if sums is None:
        return {}
    least, most = (value / divisor if divisor > 1 else value for value in (sums.least, sums.most))
    return {f"{name}_readings": sums.count, f"{name}_least_{unit}": least, f"{name}_most_{unit}": most}


def place_row(event: PlaceEvent) -> Row:
    """One event: the number of the place in the policy, and its name there."""
    return {
        "time": iso(event.time),
        "place": event.place,
        "name": event.name or None,
        "event": event.event and event.event.name.lower(),
    }


def motion_row(event: MotionEvent) -> Row:
    """What happened within one step."""
    return {
        "time": iso(event.time),
        "step_s": event.step_s,
        "began": event.began,
        "ended": event.ended,
        "shock": event.shock,
    }


def report_row(report: Report) -> Row:
    """What a device said about itself."""
    return {"time": iso(report.time), **report.fields}


#: By the name of a source.
ROWS: Final = MappingProxyType[str, Callable[[Any], Row]](
    {
        "location": fix_row,
        "places": place_row,
        "environment": reading_row,
        "motion": motion_row,
        "status": report_row,
    }
)
#: Of which field of the policy a column tells; a column that is not here has its field's own name.
_FIELD_OF: Final = MappingProxyType(
    {
        **dict.fromkeys(("precision",), "lat"),
        "accuracy_m": "quality",
        "speed_m_s": "speed",
        "course_deg": "course",
        "step_s": "time",
        "name": "place",
        **dict.fromkeys(("began", "ended", "shock"), "motion"),
        **{f"temperature_{part}": "temperature" for part in ("c", "readings", "least_c", "most_c")},
        **{f"light_{part}": "light" for part in ("lx", "readings", "least_lx", "most_lx")},
    }
)


def row_of(source: str, item: Any, fields: Collection[str]) -> Row:
    """A reading of a source as a row, with the columns of these fields alone."""
    return {name: value for name, value in ROWS[source](item).items() if _FIELD_OF.get(name, name) in fields}
