"""Vectors of what leaves in place of positions and of single readings, section 5: places.json, aggregates.json."""

from __future__ import annotations

from typing import Any

from . import plain
from .make_readings import BOTH, LIGHT, SENSOR_NAMES, TEMPERATURE
from .make_telemetry import DAY_START_S, EPOCH
from .vectorfile import VectorFile, plain_value

Entries = list[list[int]]
MORNING_S = DAY_START_S + 28_800
ENTERED, LEFT = 1, 2
#: Whatever came first: by place and event.
ONE_TIME = [[MORNING_S, 3, ENTERED], [MORNING_S, 3, LEFT], [MORNING_S, 4, ENTERED]]
DAY_S = 86_400


def visits(n: int) -> Entries:
    """A made-up round of `n` events: in, out, and two places that overlap."""
    return [[MORNING_S + 60 * (7 * i - i % 3), 1 + (i // 2) % 4, 1 + i % 2] for i in range(n)]


def sums(sensors: int, n: int, span_s: int = 3600, start_s: int = DAY_START_S) -> Entries:
    """A made-up day: it warms, and the sun comes out."""
    entries = []
    for i in range(n):
        warm = [60 - i % 2, -25 + 3 * i, -20 + 3 * i + i % 3, -10 + 4 * i]
        lit = [59 - i % 5, i % 20, 20 + i % 3, 23 + i % 7]
        chosen = {TEMPERATURE: warm, LIGHT: lit, BOTH: warm + lit}[sensors]
        entries.append([start_s + i * span_s, *chosen])
    return entries


def places_file() -> VectorFile:
    """Events of places of each size and edge, and every refusal."""
    file = VectorFile(
        "places",
        "5, `location`",
        "`entries` (time_s, place, event) pack to `plaintext`, and it decodes to them: positions there are none",
    )
    for n in (1, 2, 5, 64):
        _places(file, f"events-{n}", visits(n))
    first, last = DAY_START_S - 60, DAY_START_S + DAY_S
    _places(file, "from-before-midnight", [[first, 1, LEFT], [first + 60, 1, ENTERED]])
    _places(file, "to-after-midnight", [[last - 60, 1, ENTERED], [last, 1, LEFT]])
    _places(file, "place-edges", [[MORNING_S, 1, ENTERED], [MORNING_S + 60, 255, ENTERED]])
    _places(file, "one-time", ONE_TIME)
    _places(file, "all-at-once", [[MORNING_S, 9, ENTERED]] * 64)
    for pad in (1, 40):
        _places(file, f"padded-{pad}", visits(5), tail=b"\xc1" * pad)
    value = plain.places(visits(5), EPOCH)
    _places(file, "other-orders", visits(5), value=_other_orders(value, visits(5)))
    _refused_places(file)
    return file


def _places(file: VectorFile, name: str, entries: Entries, value: list[Any] | None = None, tail: bytes = b"") -> None:
    written = plain.places(entries, EPOCH)
    file.valid(
        name,
        epoch=EPOCH,
        entries=entries,
        value=value or written,
        plaintext=plain.pack(value or written) + tail,
        canonical=value in (None, written),
    )


def _other_orders(value: list[Any], entries: Entries) -> list[Any]:
    """The same batch with each column in the order that its sender would not take."""
    times, *rest = ([*values] for values in zip(*entries, strict=True))
    columns = [[time_s - DAY_START_S for time_s in times], *rest]
    head = value[: -len(columns)]
    written = zip(columns, value[len(head) :], strict=True)
    return [*head, *(plain.column(values, 3 - best[0]) for values, best in written)]


def _refused_places(file: VectorFile) -> None:
    five, one, crowd = (plain.places(entries, EPOCH) for entries in (visits(5), visits(1), [[MORNING_S, 9, 1]] * 64))

    def add(name: str, kind: str, origin: str, changed: str, value: Any, tail: bytes = b"") -> None:
        _refuse(file, name, kind, origin, changed, value, tail)

    for wrong in (0, 1, 2, 3, 4, 5, 7, -1):
        add(f"precision-{wrong}", "shape" if 0 <= wrong < 5 else "range", "events-5", "precision", [wrong, *five[1:]])
    add("precision-is-bin", "shape", "events-5", "type of precision", [b"\x06", *five[1:]])
    add("n-zero", "range", "events-1", "n", [6, 0, *one[2:]])
    add("n-65", "range", "all-at-once", "n", [6, 65, *crowd[2:]])
    add("n-too-few", "shape", "events-5", "n", [6, 1, *five[2:]])
    add("n-is-bin", "shape", "events-5", "type of n", [6, b"\x05", *five[2:]])
    add("event-missing", "shape", "events-5", "event left out", five[:4])
    add("quality-added", "shape", "events-5", "a column of quality added", [*five, [1, 7]])
    add("speed-and-course-added", "shape", "events-5", "three columns added", [*five, [1], [1], [1]])
    for name, times, kind in (
        ("time-early", [-120], "range"),
        ("time-late", [86_460], "range"),
        ("time-no-multiple", [28_801], "range"),
    ):
        add(name, kind, "events-1", "time", [*one[:2], plain.best_column(times), *one[3:]])
    falling = [28_800, 28_860, 28_920, 28_860, 28_980]
    add("time-falls", "range", "events-5", "time", [*five[:2], plain.best_column(falling), *five[3:]])
    same = plain.places(ONE_TIME, EPOCH)
    add("places-fall-in-a-minute", "range", "one-time", "place", [*same[:3], plain.best_column([4, 4, 3]), same[4]])
    add("events-fall-in-a-minute", "range", "one-time", "event", [*same[:4], plain.best_column([2, 1, 1])])
    for wrong in (0, 256, -1):
        add(f"place-{wrong}", "range", "events-1", "place", [*one[:3], plain.best_column([wrong]), one[4]])
    for wrong in (0, 3, -1):
        add(f"event-{wrong}", "range", "events-1", "event", [*one[:4], plain.best_column([wrong])])
    last = plain.best_column([1, 1, 1, 1, 256])
    add("place-256-last", "range", "events-5", "place", [*five[:3], last, five[4]])
    add("place-is-int", "shape", "events-5", "type of place", [*five[:3], 7, five[4]])
    add("trailing-zero-byte", "encoding", "padded-1", "the padding byte", five, b"\x00")


def aggregates_file() -> VectorFile:
    """Sums of each sensor, span and size, and every refusal."""
    file = VectorFile(
        "aggregates",
        "5, `environment`",
        "`entries` (time_s, then count, least, mean and most of the temperature in 0.1 °C and, or, of the class of the light "
        "as `sensors` says) pack to `plaintext`; it decodes to `readings` (time_s, the four of the temperature, the four of the "
        "light in lux; null where there is none)",
    )
    for sensors, name in SENSOR_NAMES.items():
        for n in (1, 5, 24):
            _sums(file, f"{name}-{n}", sensors, 3600, sums(sensors, n))
    for span_s in (600, 675, 7_200, DAY_S // 2):
        _sums(file, f"span-{span_s}", BOTH, span_s, sums(BOTH, 2, span_s))
    _sums(file, "span-day", BOTH, DAY_S, sums(BOTH, 1, DAY_S))
    _sums(file, "half-a-day-of-64", TEMPERATURE, 600, sums(TEMPERATURE, 64, 600))
    _sums(file, "last-of-the-day", LIGHT, 3600, sums(LIGHT, 1, start_s=DAY_START_S + 82_800))
    _sums(file, "gaps", BOTH, 3600, [[DAY_START_S + 3600 * i * i, 2, 1, 1, 1, 3, 20, 20, 24] for i in range(4)])
    _sums(file, "temperature-edges", TEMPERATURE, 3600, [[DAY_START_S, 1440, -550, 0, 1_500]])
    _sums(file, "light-edges", LIGHT, 3600, [[DAY_START_S, 1, 0, 1, 72]])
    _sums(file, "of-one-reading", TEMPERATURE, 3600, [[DAY_START_S, 1, 7, 7, 7]])
    value = plain.aggregates(BOTH, 3600, sums(BOTH, 5), EPOCH)
    for pad in (1, 40):
        _sums(file, f"padded-{pad}", BOTH, 3600, sums(BOTH, 5), tail=b"\xc1" * pad)
    _sums(file, "other-orders", BOTH, 3600, sums(BOTH, 5), value=_other_orders(value, sums(BOTH, 5)))
    _refused_sums(file)
    return file


def _sums(
    file: VectorFile,
    name: str,
    sensors: int,
    span_s: int,
    entries: Entries,
    value: list[Any] | None = None,
    tail: bytes = b"",
) -> None:
    written = plain.aggregates(sensors, span_s, entries, EPOCH)
    file.valid(
        name,
        epoch=EPOCH,
        sensors=sensors,
        span=span_s,
        entries=entries,
        value=value or written,
        plaintext=plain.pack(value or written) + tail,
        readings=[_decoded(sensors, entry) for entry in entries],
        canonical=value in (None, written),
        reached=all(light not in (2, 3, 4, 6, 8) for entry in entries for light in _lights(sensors, entry)),
    )


def _lights(sensors: int, entry: list[int]) -> list[int]:
    return entry[-3:] if sensors & LIGHT else []


def _decoded(sensors: int, entry: list[int]) -> list[Any]:
    warm = entry[1:5] if sensors & TEMPERATURE else None
    lit = [entry[-4], *(plain.least_lux(light) for light in entry[-3:])] if sensors & LIGHT else None
    return [entry[0], warm, lit]


def _refused_sums(file: VectorFile) -> None:
    both, day, warm, lit = (
        plain.aggregates(sensors, span_s, entries, EPOCH)
        for sensors, span_s, entries in (
            (BOTH, 3600, sums(BOTH, 5)),
            (BOTH, DAY_S, sums(BOTH, 1, DAY_S)),
            (TEMPERATURE, 3600, sums(TEMPERATURE, 1)),
            (LIGHT, 3600, sums(LIGHT, 1)),
        )
    )

    def add(name: str, kind: str, origin: str, changed: str, value: Any, tail: bytes = b"") -> None:
        _refuse(file, name, kind, origin, changed, value, tail)

    for wrong in (0, 6, 127, 128, 129, 131, 136, 142, 256, -122):
        add(f"sensors-{wrong}", "range", "both-5", "sensors", [wrong, *both[1:]])
    add("sensors-is-bin", "shape", "both-5", "type of sensors", [b"\x86", *both[1:]])
    add("sensors-both-of-one", "shape", "temperature-1", "sensors", [134, *warm[1:]])
    add("sensors-light-of-two", "shape", "both-5", "sensors", [132, *both[1:]])
    for wrong in (0, 1, 60, 599, 601, 3_601, 172_800, -3_600):
        add(f"span-{wrong}", "range", "span-day", "span", [day[0], wrong, *day[2:]])
    add("span-is-bin", "shape", "both-5", "type of span", [both[0], b"\x0e", *both[2:]])
    add("span-coarser-than-times", "range", "both-5", "span", [both[0], 7_200, *both[2:]])
    for wrong in (0, 65, -1):
        add(f"n-{wrong}", "range", "temperature-1", "n", [*warm[:2], wrong, *warm[3:]])
    add("n-too-few", "shape", "both-5", "n", [*both[:2], 1, *both[3:]])
    add("most-missing", "shape", "both-5", "most of the light left out", both[:-1])
    add("column-more", "shape", "both-5", "a column added", [*both, [1]])
    add("counts-is-int", "shape", "both-5", "type of count", [*both[:4], 7, *both[5:]])
    for name, times in (
        ("time-before-midnight", [-3_600]),
        ("time-after-midnight", [86_400]),
        ("time-no-multiple", [3_660]),
    ):
        add(name, "range", "temperature-1", "time", [*warm[:3], plain.best_column(times), *warm[4:]])
    for name, times in (("time-twice", [0, 3600, 3600, 7200, 10_800]), ("time-falls", [0, 3600, 7200, 3600, 10_800])):
        add(name, "range", "both-5", "time", [*both[:3], plain.best_column(times), *both[4:]])
    least, mean, most = (warm[index][1] if len(warm[index]) > 1 else 0 for index in (5, 6, 7))
    for name, index, wrong, changed in (
        ("count-0", 4, 0, "count"),
        ("count-1441", 4, 1_441, "count"),
        ("least-below", 5, -551, "least"),
        ("least-above-mean", 5, mean + 1, "least"),
        ("mean-below-least", 6, least - 1, "mean"),
        ("mean-above-most", 6, most + 1, "mean"),
        ("most-below-mean", 7, mean - 1, "most"),
        ("most-above", 7, 1_501, "most"),
    ):
        value = [*warm[:index], plain.best_column([wrong]), *warm[index + 1 :]]
        add(name, "range", "temperature-1", changed, value)
    for name, index, wrong in (("light-least-below", 5, -1), ("light-most-above", 7, 73), ("light-count-0", 4, 0)):
        value = [*lit[:index], plain.best_column([wrong]), *lit[index + 1 :]]
        add(name, "range", "light-1", name.split("-")[1], value)
    add("trailing-zero-byte", "encoding", "padded-1", "the padding byte", both, b"\x00")


def _refuse(file: VectorFile, name: str, kind: str, origin: str, changed: str, value: Any, tail: bytes = b"") -> None:
    data = plain.pack(value) + tail
    file.invalid(name, kind, origin, changed, epoch=EPOCH, value=plain_value(value), plaintext=data)
