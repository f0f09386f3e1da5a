"""What of an opened reading may be handed out: no finer than permitted, and no field that the purpose does not have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from cloud_sync.gate import Decision
from cloud_sync.model import Fix, MotionEvent, PlaceEvent, Precision, Reading, StatusReport, Stream
from cloud_sync.policy.vocabulary import POSITION_FIELDS, SIDE_FIELDS, STREAM_FIELDS
from cloud_sync.read.coarsen import coarsen
from cloud_sync.wire.batch import WORST_QUALITY
from cloud_sync.wire.status import read_status

COARSEST = Precision.REGION  # what is coarser has no cells (docs/wire-format.md section 5)

_SIDE = frozenset(SIDE_FIELDS)
STATUS_FIELDS = tuple(name for name in STREAM_FIELDS[Stream.STATUS] if name != "time")
#: What the policy calls the fields of a status (docs/wire-format.md section 5), and what the report does.
_OF_STATUS = MappingProxyType({"uptime": "uptime_s", "battery": "battery_mv", "heap": "heap_free"})


@dataclass(frozen=True, slots=True)
class Report:
    """What a device said about itself at `time` (Unix seconds): the fields that may be told, by the policy's names."""

    time: int
    fields: Mapping[str, str | int]


def unpack_reports(plaintext: bytes, epoch: int) -> list[Report]:
    """The report of a status plaintext; none where it is an answer to an offer of healing, or the device knew no time."""
    report = read_status(plaintext, epoch)
    if not isinstance(report, StatusReport) or report.time is None:
        return []
    return [Report(report.time, {name: _plain(report, name) for name in STATUS_FIELDS})]


def _plain(report: StatusReport, name: str) -> str | int:
    value = getattr(report, _OF_STATUS.get(name, name))
    if isinstance(value, bytes):
        return value.hex()
    return value if isinstance(value, str) else int(value)


def narrow_report(report: Report, decision: Decision) -> Report | None:
    """The report with the decision's fields; None where it has none of them."""
    fields = {name: value for name, value in report.fields.items() if name in decision.fields}
    return Report(report.time, fields) if fields else None


def narrow_fix(fix: Fix, decision: Decision) -> Fix | None:
    """The fix at the precision of the decision; None where no position is as coarse, or the purpose has no position."""
    if decision.precision > COARSEST or not decision.fields >= POSITION_FIELDS:
        return None
    told = coarsen(fix, decision.precision)
    if told.speed_dm_s is not None and not decision.fields >= _SIDE:
        told = replace(told, speed_dm_s=None, course_deg=None)
    return told if "quality" in decision.fields else replace(told, quality=WORST_QUALITY)


def narrow_reading(reading: Reading, decision: Decision) -> Reading | None:
    """The reading with the values of the decision's fields; None where none of them is there."""
    told = replace(
        reading,
        temperature_dc=reading.temperature_dc if "temperature" in decision.fields else None,
        light_lx=reading.light_lx if "light" in decision.fields else None,
        temperature=reading.temperature if "temperature" in decision.fields else None,
        light=reading.light if "light" in decision.fields else None,
    )
    return None if told.temperature_dc is None and told.light_lx is None else told


def narrow_place(event: PlaceEvent, decision: Decision) -> PlaceEvent | None:
    """The event with what of the decision's fields it has; None where neither place nor event may be told, or not of this place."""
    if decision.places is not None and event.place not in decision.places:
        return None
    told = replace(
        event,
        place=event.place if "place" in decision.fields else None,
        event=event.event if "event" in decision.fields else None,
    )
    return None if told.place is None and told.event is None else told


def narrow_motion(event: MotionEvent, decision: Decision) -> MotionEvent | None:
    """The event, or None without the field."""
    return event if "motion" in decision.fields else None
