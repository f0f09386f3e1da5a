"""Vectors of the directive, section 7: directive.json."""

from __future__ import annotations

from typing import Any

from . import plain
from .vectorfile import VectorFile, plain_value

ISSUED = 1_780_000_000
DAY = 86_400
FIELDS = (
    "version",
    "issued_at",
    "lease_until",
    "sensors",
    "precision",
    "fields",
    "interval",
    "batch",
    "batch_age",
    "spool_age",
    "heartbeat",
    "zones",
    "hours",
    "challenge",
)
ZONES = [[556, 62], [-18, -785]]
HOURS = [[0, 360], [1_200, 1_440]]
SOUND: list[Any] = [
    5,
    ISSUED,
    ISSUED + 30 * DAY,
    1,
    1,
    0,
    10,
    20,
    300,
    7 * DAY,
    3_600,
    ZONES,
    HOURS,
    bytes(range(1, 9)),
]


def _with(field: str, value: Any, base: list[Any] = SOUND) -> list[Any]:
    return [value if name == field else entry for name, entry in zip(FIELDS, base, strict=True)]


def directive_file() -> VectorFile:
    """Valid directives with every bound, comparisons with the expected answer, and each field wrong once."""
    file = VectorFile(
        "directive",
        "7, directive",
        "form `wire`: `value` is accepted and written back the same; form `widens`: does `new` widen `current` "
        "(null: none in force)",
    )
    _valid(file)
    _comparisons(file)
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
    )
    _wire(file, "sound", SOUND)
    for index, (field, value) in enumerate(edges):
        _wire(file, f"edge-{index:02}-{field}", _with(field, value))
    _wire(file, "exact-with-speed", _with("fields", 1, _with("precision", 0)))
    _wire(file, "late", _with("issued_at", top - 10, _with("lease_until", top)))


def _wire(file: VectorFile, name: str, value: list[Any]) -> None:
    file.valid(name, form="wire", value=plain_value(value), bytes=plain.pack(value))


def _comparisons(file: VectorFile) -> None:
    exact = _with("precision", 0)
    newer = _with("version", 6)
    same: tuple[tuple[str, str, Any, Any], ...] = (
        ("same", "version", 5, 6),
        ("sensor-added", "sensors", 1, 3),
        ("sensor-swapped", "sensors", 1, 2),
        ("sensor-dropped", "sensors", 3, 1),
        ("precision-finer", "precision", 2, 1),
        ("precision-coarser", "precision", 1, 2),
        ("precision-from-none", "precision", 6, 4),
        ("interval-shorter", "interval", 10, 9),
        ("interval-longer", "interval", 10, 11),
        ("batch-larger", "batch", 20, 21),
        ("batch-smaller", "batch", 20, 1),
        ("batch-age-longer", "batch_age", 300, 301),
        ("batch-age-shorter", "batch_age", 300, 299),
        ("spool-age-longer", "spool_age", DAY, DAY + 1),
        ("spool-age-shorter", "spool_age", DAY, DAY - 1),
        ("heartbeat-shorter", "heartbeat", 3_600, 60),
        ("heartbeat-longer", "heartbeat", 3_600, 7_200),
        ("lease-later", "lease_until", ISSUED + DAY, ISSUED + DAY + 1),
        ("lease-earlier", "lease_until", ISSUED + DAY, ISSUED + DAY - 1),
        ("issued-later", "issued_at", ISSUED, ISSUED + 5),
        ("zone-dropped", "zones", ZONES, ZONES[:1]),
        ("zone-moved", "zones", ZONES, [ZONES[0], [556, 63]]),
        ("zone-added", "zones", ZONES[:1], ZONES),
        ("zones-reordered", "zones", ZONES, ZONES[::-1]),
        ("hour-dropped", "hours", HOURS, HOURS[:1]),
        ("hour-shortened", "hours", HOURS, [[0, 359], HOURS[1]]),
        ("hour-begins-later", "hours", HOURS, [HOURS[0], [1_201, 1_440]]),
        ("hour-added", "hours", HOURS[:1], HOURS),
        ("hour-lengthened", "hours", HOURS, [[0, 361], HOURS[1]]),
        ("hours-reordered", "hours", HOURS, HOURS[::-1]),
        ("hours-joined", "hours", [[0, 60], [60, 120]], [[0, 120]]),
        ("hour-split", "hours", [[0, 120]], [[60, 120], [0, 60]]),
        ("hour-split-with-gap", "hours", [[0, 120]], [[0, 60], [61, 120]]),
        ("challenge-added", "challenge", b"", b"\x01" * 8),
    )
    widening = {
        "sensor-added",
        "sensor-swapped",
        "precision-finer",
        "precision-from-none",
        "interval-shorter",
        "spool-age-longer",
        "lease-later",
        "zone-dropped",
        "zone-moved",
        "hour-dropped",
        "hour-shortened",
        "hour-begins-later",
        "hour-split-with-gap",
    }
    for name, field, before, after in same:
        _widens(
            file,
            name,
            _with(field, before),
            _with(field, after, newer if field != "version" else SOUND),
            name in widening,
        )
    _widens(file, "speed-added", exact, _with("fields", 1, exact), True)
    _widens(file, "speed-dropped", _with("fields", 1, exact), exact, False)
    _widens(file, "finer-but-slower", SOUND, _with("precision", 0, _with("interval", 60, newer)), True)
    _widens(file, "none-in-force", None, SOUND, True)


def _widens(file: VectorFile, name: str, current: list[Any] | None, new: list[Any], expected: bool) -> None:
    before = None if current is None else plain_value(current)
    file.valid("widens-" + name, form="widens", current=before, new=plain_value(new), expected=expected)


def _refused(file: VectorFile) -> None:
    wrong: tuple[tuple[str, str, str, Any], ...] = (
        ("version-0", "range", "version", 0),
        ("version-above", "range", "version", 2**31),
        ("issued-negative", "range", "issued_at", -1),
        ("lease-too-long", "range", "lease_until", ISSUED + 93 * DAY + 1),
        ("lease-before-issue", "range", "lease_until", ISSUED - 1),
        ("sensors-32", "range", "sensors", 32),
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
    )
    for name, kind, field, value in wrong:
        changed = _with(field, value)
        file.invalid(name, kind, "sound", field, value=plain_value(changed), bytes=plain.pack(changed))
    for name, what, value in (
        ("field-missing", "challenge left out", SOUND[:13]),
        ("field-more", "a field added", [*SOUND, 0]),
        ("not-an-array", "the array", 5),
    ):
        file.invalid(name, "shape", "sound", what, value=plain_value(value), bytes=plain.pack(value))
