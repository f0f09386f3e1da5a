"""Vectors of the directive, section 7: directive.json."""

from __future__ import annotations

from typing import Any

from . import plain
from .directives import BLURRED, DAY, FIELDS, ISSUED, LARGEST, PLACED, PLACES, SOUND, THINNED, altered, thinned
from .make_widening import comparisons
from .vectorfile import VectorFile, plain_value


def directive_file() -> VectorFile:
    """Valid directives with every bound, comparisons with the expected answer, and each field wrong once."""
    file = VectorFile(
        "directive",
        "7, directive",
        "form `wire`: `value` is accepted and written back the same; form `widens`: does `new` widen `current` "
        "(null: none in force)",
    )
    _valid(file)
    comparisons(file)
    _refused(file)
    return file


def _valid(file: VectorFile) -> None:
    top = 2**32 - 1
    edges: tuple[tuple[str, Any], ...] = (
        ("version", 1),
        ("version", 2**31 - 1),
        ("lease_until", ISSUED + 93 * DAY),
        ("sensors", 0),
        ("sensors", 31),
        *(("precision", precision) for precision in (0, 2, 3, 4, 5, 6)),
        ("interval", 1),
        ("interval", DAY),
        ("batch", 1),
        ("batch", 64),
        ("batch_age", 1),
        ("batch_age", DAY),
        ("spool_age", 3_600),
        ("spool_age", 93 * DAY),
        ("heartbeat", 60),
        ("heartbeat", DAY),
        ("zones", []),
        ("zones", [[row, 0] for row in range(16)]),
        ("zones", [[8_999, -1], [-9_000, -1], [0, 17_999], [0, -18_000]]),
        ("hours", []),
        ("hours", [[0, 1_440]]),
        ("hours", [[hour, hour + 1] for hour in range(8)]),
        ("challenge", b""),
        ("sensors", 63),
        ("thinning", [10, 0, 0, 0, 0, 0, 0]),
        ("thinning", [DAY, 10_000, 180, 5_000, DAY, 5_000, 0]),
        ("thinning", [0, 1, 1, 1, 1, 1, 0]),
        *(("aggregate", seconds) for seconds in (600, 675, DAY // 2, DAY)),
        *(("size", size) for size in (96, 960)),
    )
    _wire(file, "sound", SOUND)
    for index, (field, value) in enumerate(edges):
        _wire(file, f"edge-{index:02}-{field}", altered(field, value))
    _wire(file, "thinned", THINNED)
    _wire(file, "blurred", BLURRED)
    _wire(file, "blurred-most", thinned(BLURRED, "blur", 10_000))
    for precision, seconds in ((2, 600), (3, 600), (3, 675), (4, 3_600), (4, 5_400), (5, 600), (6, 600)):
        _wire(file, f"sums-{seconds}-of-precision-{precision}", _sums(precision, seconds))
    _wire(file, "places", PLACED)
    _wire(file, "places-8", LARGEST)
    _wire(file, "places-without-gnss", altered("sensors", 0, PLACED))
    _wire(file, "exact-with-speed", altered("fields", 1, altered("precision", 0)))
    _wire(file, "late", altered("issued_at", top - 10, altered("lease_until", top)))


def _sums(precision: int, seconds: int) -> list[Any]:
    return altered("precision", precision, altered("aggregate", seconds))


def _wire(file: VectorFile, name: str, value: list[Any]) -> None:
    file.valid(name, form="wire", value=plain_value(value), bytes=plain.pack(value))


def _refused(file: VectorFile) -> None:
    wrong: tuple[tuple[str, str, str, Any], ...] = (
        ("version-0", "range", "version", 0),
        ("version-above", "range", "version", 2**31),
        ("issued-negative", "range", "issued_at", -1),
        ("lease-too-long", "range", "lease_until", ISSUED + 93 * DAY + 1),
        ("lease-before-issue", "range", "lease_until", ISSUED - 1),
        ("sensors-64", "range", "sensors", 64),
        ("sensors-negative", "range", "sensors", -1),
        ("precision-7", "range", "precision", 7),
        ("precision-negative", "range", "precision", -1),
        ("fields-2", "range", "fields", 2),
        ("fields-with-cell", "range", "fields", 1),
        ("interval-0", "range", "interval", 0),
        ("interval-above", "range", "interval", DAY + 1),
        ("batch-0", "range", "batch", 0),
        ("batch-65", "range", "batch", 65),
        ("batch-age-0", "range", "batch_age", 0),
        ("batch-age-above", "range", "batch_age", DAY + 1),
        ("spool-age-below", "range", "spool_age", 3_599),
        ("spool-age-above", "range", "spool_age", 93 * DAY + 1),
        ("heartbeat-below", "range", "heartbeat", 59),
        ("heartbeat-above", "range", "heartbeat", DAY + 1),
        ("zones-17", "shape", "zones", [[row, 0] for row in range(17)]),
        ("zone-of-one", "shape", "zones", [[556]]),
        ("zone-of-three", "shape", "zones", [[556, 62, 1]]),
        ("zone-is-int", "shape", "zones", [556]),
        ("zones-is-int", "shape", "zones", 0),
        ("zone-row-above", "range", "zones", [[9_000, 0]]),
        ("zone-row-below", "range", "zones", [[-9_001, 0]]),
        ("zone-col-above", "range", "zones", [[0, 18_000]]),
        ("zone-col-below", "range", "zones", [[0, -18_001]]),
        ("zone-col-of-wide-row", "range", "zones", [[6_500, 6_000]]),
        ("hours-9", "shape", "hours", [[hour, hour + 1] for hour in range(9)]),
        ("hour-of-one", "shape", "hours", [[0]]),
        ("hour-of-three", "shape", "hours", [[0, 1, 2]]),
        ("hour-is-int", "shape", "hours", [0]),
        ("hours-is-int", "shape", "hours", 0),
        ("hour-empty", "range", "hours", [[60, 60]]),
        ("hour-reversed", "range", "hours", [[61, 60]]),
        ("hour-above", "range", "hours", [[0, 1_441]]),
        ("hour-negative", "range", "hours", [[-1, 60]]),
        ("challenge-7", "shape", "challenge", bytes(7)),
        ("challenge-9", "shape", "challenge", bytes(9)),
        ("challenge-1", "shape", "challenge", b"\x01"),
        ("challenge-text", "shape", "challenge", "12345678"),
        ("version-is-bin", "shape", "version", b"\x05"),
        ("zone-row-is-bin", "shape", "zones", [[b"\x05", 0]]),
        ("aggregate-599", "range", "aggregate", 599),
        ("aggregate-no-divisor", "range", "aggregate", 601),
        ("aggregate-above", "range", "aggregate", DAY + 1),
        ("aggregate-two-days", "range", "aggregate", 2 * DAY),
        ("aggregate-negative", "range", "aggregate", -600),
        ("aggregate-is-bin", "shape", "aggregate", b"\x05"),
        ("size-95", "range", "size", 95),
        ("size-1", "range", "size", 1),
        ("size-961", "range", "size", 961),
        ("size-negative", "range", "size", -96),
        ("size-is-array", "shape", "size", [96]),
        ("thinning-six", "shape", "thinning", [0] * 6),
        ("thinning-eight", "shape", "thinning", [0] * 8),
        ("thinning-is-int", "shape", "thinning", 0),
        ("places-with-cell", "range", "places", PLACES),
        ("places-is-int", "shape", "places", 0),
        ("blur-with-cell", "range", "thinning", [0, 0, 0, 0, 0, 0, 50]),
    )
    for name, kind, field, value in wrong:
        changed = altered(field, value)
        file.invalid(name, kind, "sound", field, value=plain_value(changed), bytes=plain.pack(changed))
    _refused_thinning(file)
    _refused_places(file)
    # Sums of less than a step would tell the time more finely than a reading does, whatever is sensed.
    for precision, seconds, sound in ((4, 600, 3_600), (4, 3_456, 3_600), (4, 2_700, 5_400)):
        origin, wrong_sums = f"sums-{sound}-of-precision-{precision}", _sums(precision, seconds)
        _wrong(file, f"sums-{seconds}-below-the-step", "range", origin, "aggregate", wrong_sums)
    _wrong(file, "sums-below-a-coarser-step", "range", "sums-600-of-precision-3", "precision", _sums(4, 600))
    for name, what, value in (
        ("field-missing", "challenge left out", SOUND[:17]),
        ("field-of-before", "the four fields before the challenge left out", [*SOUND[:13], SOUND[17]]),
        ("field-more", "a field added", [*SOUND, 0]),
        ("not-an-array", "the array", 5),
    ):
        file.invalid(name, "shape", "sound", what, value=plain_value(value), bytes=plain.pack(value))


def _refused_thinning(file: VectorFile) -> None:
    """Each number below and above its range, and what two numbers may not say together."""
    most = {"rest": DAY, "distance": 10_000, "turn": 180, "stay": 5_000, "stay_time": DAY, "error": 5_000}
    for name, value in (*most.items(), ("blur", 10_000)):
        origin, base = ("blurred", BLURRED) if name == "blur" else ("thinned", THINNED)
        for case, wrong, kind in (
            ("above", value + 1, "range"),
            ("negative", -1, "range"),
            ("is-bin", b"\x05", "shape"),
        ):
            _wrong(file, f"{name.replace('_', '-')}-{case}", kind, origin, name, thinned(base, name, wrong))
    for name, number, wrong in (
        ("rest-below-interval", "rest", 9),
        ("turn-without-distance", "distance", 0),
        ("stay-without-time", "stay_time", 0),
        ("stay-time-without-stay", "stay", 0),
    ):
        _wrong(file, name, "range", "thinned", number, thinned(THINNED, number, wrong))
    _wrong(file, "blur-with-speed", "range", "blurred", "fields", altered("fields", 1, BLURRED))


def _refused_places(file: VectorFile) -> None:
    first, second = PLACES
    for name, kind, places in (
        ("place-0", "range", [[0, *first[1:]], second]),
        ("place-256", "range", [[256, *first[1:]], second]),
        ("place-row-above", "range", [[1, 9_000_001, *first[2:]], second]),
        ("place-row-below", "range", [[1, -9_000_001, *first[2:]], second]),
        ("place-col-above", "range", [[*first[:2], 18_000_001, first[3]], second]),
        ("place-col-below", "range", [[*first[:2], -18_000_001, first[3]], second]),
        ("place-radius-49", "range", [[*first[:3], 49], second]),
        ("place-radius-above", "range", [[*first[:3], 50_001], second]),
        ("place-twice", "range", [first, [first[0], *second[1:]]]),
        ("place-of-three", "shape", [first[:3], second]),
        ("place-of-five", "shape", [[*first, 0], second]),
        ("place-is-int", "shape", [first, 200]),
        ("place-row-is-bin", "shape", [[1, b"\x05", *first[2:]], second]),
    ):
        _wrong(file, name, kind, "places", "places", altered("places", places, PLACED))
    nine = [*LARGEST[FIELDS.index("places")], [1, 0, 0, 50]]
    _wrong(file, "places-9", "shape", "places-8", "places", altered("places", nine, LARGEST))
    _wrong(file, "places-with-country", "range", "places", "precision", altered("precision", 5, PLACED))


def _wrong(file: VectorFile, name: str, kind: str, origin: str, changed: str, value: list[Any]) -> None:
    file.invalid(name, kind, origin, changed, value=plain_value(value), bytes=plain.pack(value))
