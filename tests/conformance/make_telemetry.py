"""Vectors of the uplink plaintexts, section 5: cells.json, location.json, status.json."""

from __future__ import annotations

from typing import Any

from . import plain
from .vectorfile import VectorFile, plain_value

EPOCH = 20_600
DAY_START_S = EPOCH * plain.EPOCH_S
POLE_E7, HALF_TURN_E7 = 900_000_000, 1_800_000_000
PLACES = {
    "copenhagen": (556_760_968, 125_683_371),
    "quito": (-1_806_532, -784_678_338),
    "cluj": (467_712_101, 236_236_353),
}


def cells_file() -> VectorFile:
    """Every step at every edge of k, at the poles, across the antimeridian and in rows below the equator."""
    file = VectorFile(
        "cells", "5, `location`", "row, column and centre of a position; `k` widens the cell, 0 for precision 0"
    )
    for precision in range(5):
        for name, (lat, lon) in PLACES.items():
            _cell(file, name, precision, lat, lon)
        _edges(file, precision)
    for name, origin, changed, precision, lat, lon in (
        ("lat-above", "north-pole-p2", "lat_e7", 2, POLE_E7 + 1, 0),
        ("lat-below", "south-pole-p2", "lat_e7", 2, -POLE_E7 - 1, 0),
        ("lon-above", "antimeridian-east-p2", "lon_e7", 2, 1, HALF_TURN_E7 + 1),
        ("lon-below", "antimeridian-west-p2", "lon_e7", 2, 1, -HALF_TURN_E7 - 1),
        ("precision-country", "origin-p2", "precision", 5, 0, 0),
        ("precision-none", "origin-p2", "precision", 6, 0, 0),
    ):
        file.invalid(name, "range", origin, changed, precision=precision, lat_e7=lat, lon_e7=lon)
    return file


def _edges(file: VectorFile, precision: int) -> None:
    for degrees in (25, 63, 72, 77, 81, 85, 87, 89):
        edge = degrees * 10_000_000
        for name, lat in (("below", edge - 1), ("at", edge), ("south-at", -edge), ("south-beyond", -edge - 1)):
            _cell(file, f"k-edge-{degrees}-{name}", precision, lat, 1_234_567_890)
    _cell(file, "origin", precision, 0, 0)
    _cell(file, "minus-one", precision, -1, -1)
    _cell(file, "minus-half-grid", precision, -50, -51)
    _cell(file, "north-pole", precision, POLE_E7, 0)
    _cell(file, "south-pole", precision, -POLE_E7, 0)
    for name, lon in (("east", HALF_TURN_E7), ("west", -HALF_TURN_E7), ("inside", HALF_TURN_E7 - 1)):
        for where, lat in (
            ("", 1),
            ("-80", 800_000_000),
            ("-86", 860_000_000),
            ("-88", 880_000_000),
            ("-89", 895_000_000),
        ):
            _cell(file, f"antimeridian-{name}{where}", precision, lat, lon)
    _cell(file, "pole-cap-east", precision, 899_999_999, 900_000_000)
    _cell(file, "pole-cap-west", precision, -899_999_999, -900_000_000)


def _cell(file: VectorFile, name: str, precision: int, lat: int, lon: int) -> None:
    row, col = plain.cell_of(lat, lon, precision)
    centre = plain.centre_e7(row, col, precision)
    k = plain.widening(row, plain.STEPS_E7[precision]) if precision else 0
    fields = {"precision": precision, "lat_e7": lat, "lon_e7": lon, "k": k, "row": row, "col": col}
    file.valid(f"{name}-p{precision}", **fields, centre_lat_e7=centre[0], centre_lon_e7=centre[1])


def drive(n: int, interval_s: int = 10, start_s: int = DAY_START_S + 28_800, side: bool = False) -> list[list[int]]:
    """A made-up drive with fixed jitter, as firmware fixes; `side` adds speed and course."""
    fixes, state = [], 20_260
    lat, lon = PLACES["copenhagen"]
    for i in range(n):
        state = (state * 1_103_515_245 + 12_345) % 2**31  # the LCG of the C standard's example, as fixed jitter
        lat, lon = lat + 700 + state % 190, lon + 1_400 - state % 310
        accuracy_mm = 1_500 + state % 9_000
        speed, course = (13_800 + state % 900, (6_200_000 + state % 700_000) % 36_000_000) if side else (-1, -1)
        fixes.append([start_s + i * interval_s, lat, lon, accuracy_mm, speed, course, 3, 9])
    return fixes


def location_file() -> VectorFile:
    """Batches at every precision and size, and each way one can be refused."""
    file = VectorFile(
        "location",
        "5, `location`",
        "`raw` fixes (time_s, lat_e7, lon_e7, h_acc_mm, speed_mm_s, course_e5, mode, satellites) pack to `plaintext`; "
        "it decodes to `fixes` (time_s, lat_e7, lon_e7, quality, speed in 0.1 m/s, course in degrees), "
        "-1 where there is none",
    )
    for n in (1, 5, 20, 64):
        _batch(file, f"exact-{n}", 0, drive(n))
    _batch(file, "exact-20-speed", 0, drive(20, side=True))
    for precision in (1, 2, 3, 4):
        _batch(file, f"cell-{precision}-12", precision, drive(12, interval_s=47))
        _batch(file, f"cell-{precision}-drops-speed", precision, drive(3, side=True))
    _batch(file, "cell-1-border", 1, [[DAY_START_S + 86_459, -1, -1, 100_000, -1, -1, 3, 9]])
    for precision in range(5):
        _batch(file, f"before-midnight-{precision}", precision, drive(1, start_s=DAY_START_S - 60))
    _batch(file, "after-midnight", 0, drive(1, start_s=DAY_START_S + 86_459))
    for name, lat, lon in (
        ("pole", POLE_E7, HALF_TURN_E7),
        ("south", -POLE_E7, -HALF_TURN_E7),
        ("antimeridian", 5, HALF_TURN_E7 - 1),
    ):
        for precision in range(5):
            _batch(file, f"{name}-{precision}", precision, [[DAY_START_S + 3_600, lat, lon, 3_000, -1, -1, 3, 9]])
    for accuracy_mm in (-1, 0, 1_000, 1_001, 2_000, 128_000, 16_384_000, 16_384_001):
        _batch(file, f"accuracy-{accuracy_mm}", 0, [[DAY_START_S, 0, 0, accuracy_mm, -1, -1, 3, 9]])
    _batch(
        file,
        "speed-edges",
        0,
        [[DAY_START_S + i, 0, 0, 3_000, *side, 3, 9] for i, side in enumerate(((0, 0), (1_000_099, 35_999_999)))],
    )
    exact = plain.location(0, drive(5), EPOCH)
    for pad in (1, 40):
        _plaintext(file, f"padded-{pad}", 0, drive(5), exact, plain.pack(exact) + b"\xc1" * pad)
    other = [0, 5, *(plain.column(_decoded(column, 5), 3 - column[0]) for column in exact[2:])]
    _plaintext(file, "other-orders", 0, drive(5), other, plain.pack(other), canonical=False)
    _refused_batches(file)
    return file


def _decoded(column: list[int], n: int) -> list[int]:
    entries = column[1:] + [0] * (n - len(column) + 1)
    values = [sum(entries[: i + 1]) for i in range(n)]
    return values if column[0] == 1 else [entries[0] + sum(values[1 : i + 1]) - entries[0] * i for i in range(n)]


def _batch(file: VectorFile, name: str, precision: int, raw: list[list[int]]) -> None:
    value = plain.location(precision, raw, EPOCH)
    _plaintext(file, name, precision, raw, value, plain.pack(value))


def _plaintext(
    file: VectorFile,
    name: str,
    precision: int,
    raw: list[list[int]],
    value: list[Any],
    plaintext: bytes,
    canonical: bool = True,
) -> None:
    step_s = plain.TIME_STEPS_S[precision]
    side = len(value) == 8
    fixes = []
    for fix in raw:
        centre = plain.centre_e7(*plain.cell_of(fix[1], fix[2], precision), precision)
        speed = [fix[4] // 100, fix[5] // 100_000] if side else [-1, -1]
        time_s = (fix[0] - DAY_START_S) // step_s * step_s + DAY_START_S
        fixes.append([time_s, *centre, plain.quality_class(fix[3], precision), *speed])
    file.valid(
        name,
        epoch=EPOCH,
        precision=precision,
        raw=raw,
        value=value,
        plaintext=plaintext,
        fixes=fixes,
        canonical=canonical,
    )


def _refused_batches(file: VectorFile) -> None:
    five, cell = plain.location(0, drive(5), EPOCH), plain.location(1, drive(12, interval_s=47), EPOCH)
    side = plain.location(0, drive(20, side=True), EPOCH)
    one, coarse = plain.location(0, drive(1), EPOCH), plain.location(2, drive(12, interval_s=47), EPOCH)

    def add(name: str, kind: str, origin: str, changed: str, value: Any, tail: bytes = b"") -> None:
        file.invalid(
            name, kind, origin, changed, epoch=EPOCH, value=plain_value(value), plaintext=plain.pack(value) + tail
        )

    add("precision-country", "range", "exact-5", "precision", [5, *five[1:]])
    add("precision-none", "range", "exact-5", "precision", [6, *five[1:]])
    add("precision-negative", "range", "exact-5", "precision", [-1, *five[1:]])
    add("n-zero", "range", "exact-1", "n", [0, 0, [1], [1], [1], [1]])
    add("n-65", "range", "exact-64", "n", [0, 65, *plain.location(0, drive(64), EPOCH)[2:]])
    add("n-too-few", "shape", "exact-5", "n", [0, 1, *five[2:]])
    add("column-missing", "shape", "exact-5", "quality left out", five[:5])
    add("column-seven", "shape", "exact-20-speed", "course left out", side[:7])
    add("column-nine", "shape", "exact-20-speed", "a ninth entry", [*side, [1]])
    add("cell-with-speed", "shape", "cell-1-12", "speed and course added", [*cell, [1], [1]])
    add("column-is-int", "shape", "exact-5", "type of time", [0, 5, 7, *five[3:]])
    add("value-is-int", "shape", "exact-1", "type of the value", 0)
    add("time-early", "range", "exact-1", "time", [0, 1, [1, -61], *one[3:]])
    add("time-late", "range", "exact-1", "time", [0, 1, [1, 86_460], *one[3:]])
    add(
        "cell-time-early",
        "range",
        "before-midnight-3",
        "time",
        [3, 1, [1, -1_200], *plain.location(3, drive(1), EPOCH)[3:]],
    )
    add("cell-time-fine", "range", "cell-1-12", "time", [*cell[:2], [1, 28_801], *cell[3:]])
    add("row-above", "range", "exact-1", "row", [0, 1, one[2], [1, 9_000_001], *one[4:]])
    add("row-below", "range", "exact-1", "row", [0, 1, one[2], [1, -9_000_001], *one[4:]])
    add("col-above", "range", "exact-1", "col", [*one[:4], [1, 18_000_001], one[5]])
    add("col-below", "range", "exact-1", "col", [*one[:4], [1, -18_000_001], one[5]])
    add("cell-row-above", "range", "cell-2-12", "row", [*coarse[:3], [1, 9_000], *coarse[4:]])
    add("cell-row-below", "range", "cell-2-12", "row", [*coarse[:3], [1, -9_001], *coarse[4:]])
    add("cell-col-above", "range", "cell-2-12", "col", [*coarse[:4], [1, 9_000], coarse[5]])
    add("cell-col-below", "range", "cell-2-12", "col", [*coarse[:4], [1, -9_001], coarse[5]])
    add("cell-pole-col", "range", "pole-2", "col", [2, 1, [1, 3_600], [1, 8_999], [1], [1, 10]])
    add("quality-above", "range", "exact-1", "quality", [*one[:5], [1, 16]])
    add("quality-below", "range", "exact-1", "quality", [*one[:5], [1, -1]])
    add("cell-quality-fine", "range", "cell-1-12", "quality", [*cell[:5], [1, 6]])
    add("speed-above", "range", "exact-20-speed", "speed", [*side[:6], [1, 10_001], side[7]])
    add("speed-below", "range", "exact-20-speed", "speed", [*side[:6], [1, -1], side[7]])
    add("course-above", "range", "exact-20-speed", "course", [*side[:7], [1, 360]])
    add("course-below", "range", "exact-20-speed", "course", [*side[:7], [1, -1]])
    add("trailing-zero-byte", "encoding", "padded-1", "the padding byte", five, b"\x00")
    add("trailing-in-padding", "encoding", "padded-40", "one padding byte", five, b"\xc1" * 39 + b"\x00")
