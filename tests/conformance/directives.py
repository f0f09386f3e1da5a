"""Directives that the vectors of section 7 start from, and how one of them is changed in one place."""

from __future__ import annotations

from typing import Any

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
    "thinning",
    "places",
    "aggregate",
    "size",
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
    [0] * 7,
    [],
    0,
    0,
    bytes(range(1, 9)),
]


THINNING = ("rest", "distance", "turn", "stay", "stay_time", "error", "blur")
PLACES = [[1, 5_567_601, 1_256_834, 500], [200, -1_800_000, -7_850_000, 50]]


def altered(field: str, value: Any, base: list[Any] = SOUND) -> list[Any]:
    """A directive with one field changed."""
    return [value if name == field else entry for name, entry in zip(FIELDS, base, strict=True)]


def thinned(base: list[Any], name: str, value: Any) -> list[Any]:
    """With one number of its thinning changed."""
    numbers = base[FIELDS.index("thinning")]
    return altered("thinning", [value if name == each else n for each, n in zip(THINNING, numbers, strict=True)], base)


def newer(value: list[Any]) -> list[Any]:
    """The same as the next version."""
    return altered("version", 6, value)


THINNED = altered("thinning", [600, 50, 30, 100, 300, 20, 0])
BLURRED = altered("precision", 0, altered("thinning", [600, 50, 30, 100, 300, 20, 200]))
PLACED = altered("precision", 6, altered("places", PLACES))
#: Every list full and every number as long as it can be.
LARGEST: list[Any] = [
    *(2**31 - 1, 2**32 - 1 - 93 * DAY, 2**32 - 1, 63, 6, 0, DAY, 64, DAY, 93 * DAY, DAY),
    [[2_000 + row, 17_000] for row in range(16)],
    [[256 + 2 * window, 257 + 2 * window] for window in range(8)],
    [DAY, 10_000, 180, 5_000, DAY, 5_000, 0],
    [[255 - number, 9_000_000, 18_000_000, 50_000] for number in range(8)],
    *(DAY, 960, bytes(range(1, 9))),
]
