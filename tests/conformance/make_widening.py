"""Vectors of what widens a directive, section 7: the form `widens` of directive.json."""

from __future__ import annotations

from typing import Any

from .directives import (
    BLURRED,
    DAY,
    HOURS,
    ISSUED,
    PLACED,
    PLACES,
    SOUND,
    THINNED,
    THINNING,
    ZONES,
    altered,
    newer,
    thinned,
)
from .vectorfile import VectorFile, plain_value


def comparisons(file: VectorFile) -> None:
    """Each rule of widening on its own: narrower, wider, equal."""
    exact = altered("precision", 0)
    newer = altered("version", 6)
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
            altered(field, before),
            altered(field, after, newer if field != "version" else SOUND),
            name in widening,
        )
    _widens(file, "speed-added", exact, altered("fields", 1, exact), True)
    _widens(file, "speed-dropped", altered("fields", 1, exact), exact, False)
    _widens(file, "finer-but-slower", SOUND, altered("precision", 0, altered("interval", 60, newer)), True)
    _widens(file, "none-in-force", None, SOUND, True)
    _thinning_comparisons(file)
    _place_comparisons(file)
    _other_comparisons(file)
    _age_comparisons(file)
    _step_comparisons(file)


def _thinning_comparisons(file: VectorFile) -> None:
    """Each number alone, both ways; and those whose 0 means more than their least number."""
    bases = {name: BLURRED if name == "blur" else THINNED for name in THINNING}
    narrower = {"rest": 601, "distance": 51, "turn": 31, "stay": 101, "stay_time": 299, "error": 21, "blur": 201}
    wider = {"rest": 599, "distance": 49, "turn": 29, "stay": 99, "stay_time": 301, "error": 19, "blur": 199}
    for name, base in bases.items():
        _widens(file, f"{name}-narrower", base, newer(thinned(base, name, narrower[name])), False)
        _widens(file, f"{name}-wider", base, newer(thinned(base, name, wider[name])), True)
        _widens(file, f"{name}-equal", base, newer(base), False)
    bare, resting = SOUND, thinned(SOUND, "rest", 600)
    apart = thinned(SOUND, "distance", 50)
    turning, staying = thinned(apart, "turn", 30), thinned(thinned(SOUND, "stay", 100), "stay_time", 300)
    for name, current, new, expected in (
        ("all-begins", bare, THINNED, False),
        ("all-ends", THINNED, bare, True),
        ("rest-begins", bare, resting, False),
        ("rest-ends", resting, bare, True),
        ("rest-begins-beside-distance", apart, thinned(apart, "rest", 600), True),
        ("rest-ends-beside-distance", thinned(apart, "rest", 600), apart, False),
        ("distance-begins-with-rest", bare, thinned(apart, "rest", 600), False),
        ("distance-begins-where-rest-is", resting, thinned(apart, "rest", 600), False),
        ("distance-in-place-of-rest", resting, apart, False),
        ("distance-begins-with-turn", bare, turning, False),
        ("distance-ends", turning, bare, True),
        ("turn-begins-beside-distance", apart, turning, True),
        ("turn-ends-beside-distance", turning, apart, False),
        ("stay-begins", bare, staying, False),
        ("stay-ends", staying, bare, True),
        ("stay-larger-and-later", staying, thinned(thinned(staying, "stay", 200), "stay_time", 301), True),
        ("error-begins", bare, thinned(bare, "error", 20), False),
        ("error-ends", thinned(bare, "error", 20), bare, True),
    ):
        _widens(file, "thinning-" + name, current, newer(new), expected)


def _place_comparisons(file: VectorFile) -> None:
    """A place is finer than a cell: it widens beside any position, as any position widens beside it."""
    none, exact = altered("places", [], PLACED), altered("precision", 0)
    region = altered("precision", 4)
    moved = [[*PLACES[0][:2], PLACES[0][2] + 1, PLACES[0][3]], PLACES[1]]
    for name, current, new, expected in (
        ("equal", PLACED, PLACED, False),
        ("reordered", PLACED, altered("places", PLACES[::-1], PLACED), False),
        ("added", altered("places", PLACES[:1], PLACED), PLACED, True),
        ("first", none, PLACED, True),
        ("dropped", PLACED, altered("places", PLACES[:1], PLACED), False),
        ("all-dropped", PLACED, none, False),
        ("moved", PLACED, altered("places", moved, PLACED), True),
        ("larger", PLACED, altered("places", [[*PLACES[0][:3], 501], PLACES[1]], PLACED), True),
        ("smaller", PLACED, altered("places", [[*PLACES[0][:3], 499], PLACES[1]], PLACED), True),
        ("renumbered", PLACED, altered("places", [[9, *PLACES[0][1:]], PLACES[1]], PLACED), True),
        ("for-region", region, PLACED, True),
        ("for-exact", exact, PLACED, True),
        ("to-region", PLACED, region, True),
        ("none-for-region", region, none, False),
    ):
        _widens(file, "places-" + name, current, newer(new), expected)


def _age_comparisons(file: VectorFile) -> None:
    """A line of `error` lasts a batch's age at most: where one is in force, a shorter age lets more fixes leave."""
    line, none = thinned(SOUND, "error", 20), SOUND
    for name, current, new, age, expected in (
        ("shorter-beside-error", line, line, 299, True),
        ("longer-beside-error", line, line, 301, False),
        ("equal-beside-error", line, line, 300, False),
        ("shorter-beside-larger-error", line, thinned(SOUND, "error", 21), 299, True),
        ("shorter-where-error-begins", none, line, 299, False),
        ("longer-where-error-begins", none, line, 301, False),
        ("longer-where-error-ends", line, none, 301, True),
    ):
        _widens(file, "batch-age-" + name, current, newer(altered("batch_age", age, new)), expected)


def _step_comparisons(file: VectorFile) -> None:
    """A coarser precision gives readings of the other sensors a coarser step, which none takes from them without leave.

    Precision says how finely the receiver tells; where none may run it says the step alone.
    """
    for sensors, before, after, expected in (
        (3, 4, 6, True),
        (3, 4, 5, True),
        (5, 4, 6, True),
        (9, 4, 6, True),
        (9, 3, 6, True),
        (15, 3, 4, False),
        (15, 2, 6, False),
        (15, 5, 6, False),
        (1, 4, 6, False),
        (33, 4, 6, False),
        (0, 4, 6, False),
        (16, 4, 6, False),
        (16, 6, 4, True),
        (2, 6, 4, False),
        (8, 4, 3, True),
        (8, 2, 1, False),
        (8, 1, 0, False),
        (32, 4, 3, False),
    ):
        current = altered("sensors", sensors, altered("precision", before))
        new = newer(altered("precision", after, current))
        _widens(file, f"step-sensors-{sensors}-precision-{before}-to-{after}", current, new, expected)
    region = altered("precision", 4, altered("sensors", 15))
    for name, change, expected in (
        ("kept", altered("sensors", 14, region), False),
        ("lost", altered("sensors", 14, altered("precision", 6, region)), True),
        ("of-nothing", altered("sensors", 0, altered("precision", 6, region)), False),
    ):
        _widens(file, f"receiver-off-step-{name}", region, newer(change), expected)
    off = altered("sensors", 14, region)
    _widens(file, "receiver-on-behind-a-step", off, newer(region), True)
    blurred = altered("sensors", 14, thinned(altered("precision", 0), "blur", 500))
    _widens(file, "blur-of-no-receiver", altered("sensors", 14), newer(blurred), False)


def _other_comparisons(file: VectorFile) -> None:
    """Aggregates, size, the sensor `wake`, and blur against cells, of which a name says twice how far off they are."""
    for field, base, more, less in (("aggregate", 3_600, 7_200, 1_800), ("size", 256, 257, 255)):
        start = altered(field, base)
        for name, value, expected in (("larger", more, False), ("smaller", less, True), ("equal", base, False)):
            _widens(file, f"{field}-{name}", start, newer(altered(field, value)), expected)
        _widens(file, f"{field}-begins", SOUND, newer(start), False)
        _widens(file, f"{field}-ends", start, newer(SOUND), True)
    _widens(file, "wake-added", SOUND, newer(altered("sensors", 33)), True)
    _widens(file, "wake-dropped", altered("sensors", 33), newer(SOUND), False)
    exact = altered("precision", 0)
    for blur, precision, expected in (
        (50, 1, False),
        (51, 1, True),
        (500, 2, False),
        (501, 2, True),
        (5_000, 3, False),
        (5_001, 3, True),
        (10_000, 4, False),
        (10_000, 6, False),
    ):
        new = newer(altered("precision", precision))
        _widens(file, f"blur-{blur}-to-precision-{precision}", thinned(exact, "blur", blur), new, expected)
    _widens(file, "cell-to-blur", altered("precision", 2), newer(thinned(exact, "blur", 10_000)), True)
    _widens(file, "blur-begins", exact, newer(BLURRED), False)
    _widens(file, "blur-ends", BLURRED, newer(exact), True)


def _widens(file: VectorFile, name: str, current: list[Any] | None, new: list[Any], expected: bool) -> None:
    before = None if current is None else plain_value(current)
    file.valid("widens-" + name, form="widens", current=before, new=plain_value(new), expected=expected)
