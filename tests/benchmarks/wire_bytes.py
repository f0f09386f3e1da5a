"""Bytes on the wire by stream: the first reading of an envelope and each further one, out of recordings, as PUBLISH packets.

The figures stand in cloud_sync/report/wire_bytes.toml, from which the notice of the EU Data Act computes its volumes; a test
holds that file to what is measured here. Positions: recorded drives with receiver noise, a fix every ten seconds or time step.
Temperature and light: recorded series, a recorded reading each step, although the logger took one in two minutes. Motion:
begin and end in turn, minutes apart. Status: one report.
"""

from __future__ import annotations

import csv
import io
import itertools
import lzma
import math
import random
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from cloud_sync.model import (
    EPOCH_SECONDS,
    Aggregate,
    Fix,
    Header,
    Motion,
    MotionEvent,
    PlaceChange,
    PlaceEvent,
    Precision,
    Reading,
    Sensor,
    StatusReason,
    StatusReport,
    Stream,
)
from cloud_sync.wire import batch, envelope, readings, status
from firmware.link import packets
from tests.benchmarks.bytes_per_fix import DEVICE, DRIVES, _fixes

DATA = Path(__file__).parents[1] / "data"
EPOCH = 20_480  # a day of 2026: the size of its number on the wire is what counts
MIDNIGHT = EPOCH * EPOCH_SECONDS
BATCH = 20
STEP_S = 60
SPAN_S = 3600
PADDED = 256
BOTH = Sensor.TEMPERATURE | Sensor.LIGHT
Pack = Callable[[Sequence[Any]], bytes]


def run(*, quick: bool = False) -> dict[str, object]:
    """By stream: the bytes of an envelope with one reading, and those of each further one; `around`, those of no plaintext."""
    del quick  # a second in all
    figures: dict[str, object] = {name: measure(*each) for name, each in _streams().items()}
    return figures | {"around": _sent(Stream.LOCATION, bytes(PADDED)) - PADDED}


def measure(stream: Stream, rows: Sequence[Any], pack: Pack) -> dict[str, int]:
    """The mean bytes of an envelope of one reading, rounded up, and of each further one, in tenths rounded up, as tenths."""
    one = sum(_sent(stream, pack(rows[n : n + 1])) for n in range(len(rows))) / len(rows)
    figures = {"envelope": math.ceil(one)}
    size = min(BATCH, len(rows))
    if size == 1:
        return figures
    starts = range(0, len(rows) - size + 1, size)
    many = sum(_sent(stream, pack(rows[n : n + size])) for n in starts) / len(starts)
    return figures | {"reading_tenths": math.ceil((many - one) / (size - 1) * 10)}


def _sent(stream: Stream, plaintext: bytes) -> int:
    header = Header(0, stream, EPOCH, 40, 7)
    sealed = envelope.seal_uplink(DEVICE, header, b"\1\2\3\4", bytes(32), plaintext)
    return len(packets.publish(40, f"bl/1/{DEVICE}/up", sealed))


@cache
def _streams() -> dict[str, tuple[Stream, Sequence[Any], Pack]]:
    fixes = [fix for load in DRIVES.values() for fix in _fixes(load())]
    found: dict[str, tuple[Stream, Sequence[Any], Pack]] = {}
    for precision in (p for p in Precision if p <= Precision.REGION):
        rows = [_plain(fix) for fix in _stepped(fixes, batch.TIME_STEP_S[precision])]
        found[f"location.{precision.name.lower()}"] = (Stream.LOCATION, rows, _location(precision))
    found["location.exact_speed_course"] = (Stream.LOCATION, [_dated(f) for f in fixes], _location(Precision.EXACT))
    found["location.places"] = (Stream.LOCATION, _visits(), lambda rows: batch.pack_places(rows, EPOCH))
    series = _surroundings()
    for name, sensors in (("temperature", Sensor.TEMPERATURE), ("light", Sensor.LIGHT), ("both", BOTH)):
        found[f"environment.{name}"] = (Stream.ENVIRONMENT, series, _environment(sensors))
        found[f"environment.{name}_sums"] = (Stream.ENVIRONMENT, _sums(series), _summed(sensors))
    found["motion"] = (Stream.MOTION, _motions(), lambda rows: readings.pack_motion(STEP_S, rows, EPOCH))
    found["status"] = (Stream.STATUS, [_status()], lambda rows: status.pack_status(rows[0], EPOCH))
    return found


def _location(precision: Precision) -> Pack:
    return lambda rows: batch.pack_location(precision, rows, EPOCH)


def _environment(sensors: Sensor) -> Pack:
    return lambda rows: readings.pack_environment(sensors, STEP_S, rows, EPOCH)


def _summed(sensors: Sensor) -> Pack:
    return lambda rows: readings.pack_sums(sensors, SPAN_S, rows, EPOCH)


def _stepped(fixes: Sequence[Fix], step_s: int) -> list[Fix]:
    """One fix a time step."""
    return [next(group) for _, group in itertools.groupby(fixes, key=lambda fix: fix.time // step_s)]


def _dated(fix: Fix) -> Fix:
    rest = (fix.lat_e7, fix.lon_e7, fix.precision, fix.quality, fix.speed_dm_s, fix.course_deg)
    return Fix(fix.time + MIDNIGHT, *rest)


def _plain(fix: Fix) -> Fix:
    return Fix(fix.time + MIDNIGHT, fix.lat_e7, fix.lon_e7, fix.precision, fix.quality)


def _surroundings() -> list[Reading]:
    """Recorded temperatures of a cold chain beside recorded light, a reading a minute of one day."""
    cold = lzma.decompress((DATA / "env" / "elitech-rc5-temperature1.tsv.xz").read_bytes()).decode("utf-8", "replace")
    found = [line.split("\t") for line in cold.splitlines()]
    warm = [round(float(row[4]) * 10) for row in found if len(row) > 4 and _is_number(row[4])]
    worn = lzma.decompress((DATA / "env" / "lightlogr-sample.data.irregular.csv.xz").read_bytes()).decode()
    lux = [min(float(row["lux"]), 100_000.0) for row in csv.DictReader(io.StringIO(worn)) if _is_number(row["lux"])]
    minutes = range(EPOCH_SECONDS // STEP_S)
    return [Reading(MIDNIGHT + n * STEP_S, STEP_S, warm[n], int(lux[n * 4])) for n in minutes]


def _is_number(text: str) -> bool:
    return text.strip().replace(".", "", 1).replace("-", "", 1).isdigit()


def _sums(series: Sequence[Reading]) -> list[Reading]:
    """The same day as sums of an hour."""
    hours = [series[n : n + SPAN_S // STEP_S] for n in range(0, len(series), SPAN_S // STEP_S)]
    return [
        Reading(
            hour[0].time,
            SPAN_S,
            temperature=_summary(hour, [r.temperature_dc or 0 for r in hour]),
            light=_summary(hour, [r.light_lx or 0 for r in hour]),
        )
        for hour in hours
    ]


def _summary(hour: Sequence[Reading], values: list[int]) -> Aggregate:
    return Aggregate(hour[0].time, SPAN_S, len(values), min(values), sum(values) // len(values), max(values))


def _motions() -> list[MotionEvent]:
    rng, at, found = random.Random(1), 3600, []
    while at < EPOCH_SECONDS - 3600:
        found.append(MotionEvent(MIDNIGHT + at, STEP_S, Motion(1 + len(found) % 2)))
        at += rng.randrange(2, 15) * STEP_S
    return found


def _visits() -> list[PlaceEvent]:
    rng, at, found = random.Random(1), 3600, []
    while at < EPOCH_SECONDS - 3600:
        change = PlaceChange.ENTERED if len(found) % 2 == 0 else PlaceChange.LEFT
        found.append(PlaceEvent(MIDNIGHT + at, len(found) // 2 % 8 + 1, change))
        at += rng.randrange(5, 90) * 60
    return found


def _status() -> StatusReport:
    return StatusReport(
        *(
            StatusReason.HEARTBEAT,
            MIDNIGHT + 40_000,
            400_000,
            7,
            12,
            bytes(8),
            3,
            1,
            3_700,
            2,
            0,
            0,
            0,
            40_000,
            "0.1.0",
        ),
        security=1,
    )
