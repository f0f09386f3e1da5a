"""Vectors of the readings of section 5: environment.json, motion.json."""

from __future__ import annotations

from typing import Any

from . import plain
from .directives import FIELDS, PLACED, SOUND
from .make_telemetry import DAY_START_S, EPOCH
from .vectorfile import VectorFile, plain_value

TEMPERATURE, LIGHT, BOTH = 2, 4, 6
MOST_LIGHT = 72
SENSOR_NAMES = {TEMPERATURE: "temperature", LIGHT: "light", BOTH: "both"}
MORNING_S = DAY_START_S + 28_800
Entries = list[list[int]]


def readings(sensors: int, n: int, step_s: int = 60, start_s: int = MORNING_S) -> Entries:
    """A made-up morning: it warms slowly, and clouds pass."""
    entries = []
    for i in range(n):
        values = [-25 + 3 * i - i % 4, plain.light_class(40 * i * i + 7)]
        entries.append([start_s + i * step_s, *(values if sensors == BOTH else values[sensors == LIGHT :][:1])])
    return entries


def moves(n: int, step_s: int = 60, start_s: int = MORNING_S) -> Entries:
    """A made-up walk through every set of events, with still steps between."""
    return [[start_s + (i + i // 3) * step_s, 1 + i % 7] for i in range(n)]


def environment_file() -> VectorFile:
    """Batches of each sensor, step and size, the classes of light, the step of each directive, and every refusal."""
    file = VectorFile(
        "environment",
        "5, `environment`",
        "form `batch`: `entries` (time_s, then temperature in 0.1 °C and class of the light as `sensors` says) pack to "
        "`plaintext`, it decodes to `readings` (time_s, temperature in 0.1 °C, lux; null where there is none); "
        "form `light`: class of `lux`, and the only value derived from it; form `step`: step of environment and motion "
        "under `directive`",
    )
    for sensors, name in SENSOR_NAMES.items():
        for n in (1, 5, 64):
            _environment(file, f"{name}-{n}", sensors, 60, readings(sensors, n))
        for step_s in (600, 3600):
            _environment(file, f"{name}-step-{step_s}", sensors, step_s, readings(sensors, 5, step_s))
    _environment_edges(file)
    _light_classes(file)
    _steps(file)
    _refused_environment(file)
    return file


def _environment_edges(file: VectorFile) -> None:
    for step_s in plain.READING_STEPS_S:
        first, last = DAY_START_S - step_s, DAY_START_S + 86_400
        _environment(file, f"from-before-midnight-{step_s}", BOTH, step_s, [[first, -12, 0], [first + step_s, -13, 1]])
        _environment(file, f"to-after-midnight-{step_s}", BOTH, step_s, [[last - step_s, 80, 40], [last, 79, 39]])
    _environment(file, "gaps", BOTH, 60, [[MORNING_S + 60 * i * i, 200 + i, 30] for i in range(1, 6)])
    _environment(file, "temperature-edges", TEMPERATURE, 60, [[MORNING_S, -550], [MORNING_S + 60, 1_500]])
    _environment(file, "light-edges", LIGHT, 60, [[MORNING_S, 0], [MORNING_S + 60, MOST_LIGHT]])
    _environment(file, "midnight", BOTH, 60, [[DAY_START_S, 0, 0]])
    _environment(file, "one-hour", BOTH, 3600, readings(BOTH, 1, 3600))
    _environment(file, "unchanging", BOTH, 60, [[MORNING_S + 60 * i, 0, 0] for i in range(64)])
    # No illuminance falls into these classes, but each is within the range.
    classes = [[MORNING_S + 60 * i, light] for i, light in enumerate((2, 3, 4, 6, 8))]
    _environment(file, "light-classes-of-no-lux", LIGHT, 60, classes, reached=False)
    value = plain.environment(BOTH, 60, readings(BOTH, 5), EPOCH)
    for pad in (1, 40):
        _environment(file, f"padded-{pad}", BOTH, 60, readings(BOTH, 5), value=value, tail=b"\xc1" * pad)
    _environment(file, "other-orders", BOTH, 60, readings(BOTH, 5), value=_other_orders(value, readings(BOTH, 5)))


def _other_orders(value: list[Any], entries: Entries) -> list[Any]:
    """The same batch with each column in the order that its sender would not take."""
    times, *rest = ([*values] for values in zip(*entries, strict=True))
    columns = [[time_s - DAY_START_S for time_s in times], *rest]
    head = value[: -len(columns)]
    written = zip(columns, value[len(head) :], strict=True)
    return [*head, *(plain.column(values, 3 - best[0]) for values, best in written)]


def _environment(
    file: VectorFile,
    name: str,
    sensors: int,
    step_s: int,
    entries: Entries,
    value: list[Any] | None = None,
    tail: bytes = b"",
    reached: bool = True,
) -> None:
    """A valid batch; `reached` says that some illuminance falls into each class of it."""
    written = plain.environment(sensors, step_s, entries, EPOCH)
    decoded = []
    for time_s, *values in entries:
        temperature = values[0] if sensors & TEMPERATURE else None
        decoded.append([time_s, temperature, plain.least_lux(values[-1]) if sensors & LIGHT else None])
    file.valid(
        name,
        form="batch",
        epoch=EPOCH,
        sensors=sensors,
        step=step_s,
        entries=entries,
        value=value or written,
        plaintext=plain.pack(value or written) + tail,
        readings=decoded,
        canonical=value in (None, written),
        reached=reached,
    )


def _light_classes(file: VectorFile) -> None:
    """The least and the greatest lux of each class that an illuminance falls into, and what is beyond the last."""
    edges = {part * 2**bits // 4 + by for bits in range(19) for part in (4, 5, 6, 7) for by in (-1, 0)}
    for lux in sorted(edges | {262_144, 1_000_000}):
        light = plain.light_class(lux)
        file.valid(f"light-{lux}-lx", form="light", lux=lux, light=light, least_lux=plain.least_lux(light))


def _steps(file: VectorFile) -> None:
    for precision in range(7):
        for sensors in (0, 1, 2, 4, 6, 7, 8, 14, 15, 16, 17, 30, 31, 32, 63):
            changed = {"sensors": sensors, "precision": precision}
            directive = [changed.get(name, value) for name, value in zip(FIELDS, SOUND, strict=True)]
            file.valid(
                f"step-precision-{precision}-sensors-{sensors}",
                form="step",
                directive=plain_value(directive),
                step=plain.reading_step_s(precision),
            )
    file.valid("step-places", form="step", directive=plain_value(PLACED), step=60)  # no position: no coarser step


def _refused_environment(file: VectorFile) -> None:
    both = plain.environment(BOTH, 60, readings(BOTH, 5), EPOCH)
    one, warm, lit = (plain.environment(sensors, 60, readings(sensors, 1), EPOCH) for sensors in (BOTH, 2, 4))
    hour = plain.environment(BOTH, 3600, readings(BOTH, 1, 3600), EPOCH)
    midnight = plain.environment(BOTH, 60, [[DAY_START_S, 0, 0]], EPOCH)
    still = plain.environment(BOTH, 60, [[MORNING_S + 60 * i, 0, 0] for i in range(64)], EPOCH)

    def add(name: str, kind: str, origin: str, changed: str, value: Any, tail: bytes = b"") -> None:
        _refused(file, name, kind, origin, changed, value, tail)

    for wrong in (0, 1, 3, 5, 7, 8, 10, 14, 22, -2):
        add(f"sensors-{wrong}", "range", "both-5", "sensors", [wrong, *both[1:]])
    add("sensors-is-bin", "shape", "both-5", "type of sensors", [b"\x06", *both[1:]])
    add("sensors-both-of-one-column", "shape", "temperature-1", "sensors", [BOTH, *warm[1:]])
    add("sensors-light-of-two-columns", "shape", "both-5", "sensors", [LIGHT, *both[1:]])
    add("sensors-temperature-of-two-columns", "shape", "both-5", "sensors", [TEMPERATURE, *both[1:]])
    for wrong in (0, 1, 10, 30, 59, 61, 120, 1_800, 3_601, 86_400, -60):
        add(f"step-{wrong}", "range", "midnight", "step", [BOTH, wrong, *midnight[2:]])
    add("step-is-bin", "shape", "both-1", "type of step", [BOTH, b"\x3c", *one[2:]])
    add("step-finer-than-times", "range", "both-5", "step", [BOTH, 3_600, *both[2:]])
    add("n-zero", "range", "midnight", "n", [BOTH, 60, 0, *midnight[3:]])
    add("n-65", "range", "unchanging", "n", [BOTH, 60, 65, *still[3:]])
    add("n-negative", "range", "both-5", "n", [BOTH, 60, -1, *both[3:]])
    add("n-too-few", "shape", "both-5", "n", [BOTH, 60, 1, *both[3:]])
    add("n-too-many", "range", "other-orders", "n", [BOTH, 60, 6, *_other_orders(both, readings(BOTH, 5))[3:]])
    add("n-is-bin", "shape", "both-5", "type of n", [BOTH, 60, b"\x05", *both[3:]])
    add("field-missing", "shape", "both-5", "light left out", both[:5])
    add("field-more", "shape", "both-5", "a column added", [*both, [1]])
    add("column-missing", "shape", "temperature-1", "temperature left out", warm[:4])
    add("time-is-int", "shape", "both-5", "type of time", [*both[:3], 7, *both[4:]])
    add("temperature-is-int", "shape", "both-5", "type of temperature", [*both[:4], 7, both[5]])
    add("light-is-bin", "shape", "both-5", "type of light", [*both[:5], b"\x01"])
    add("value-is-int", "shape", "both-1", "type of the value", 0)
    add("value-is-bin", "shape", "both-1", "type of the value", plain.pack(one))
    for name, origin, batch, time_s in (
        ("time-early-60", "both-1", one, -120),
        ("time-late-60", "both-1", one, 86_460),
        ("time-early-3600", "one-hour", hour, -7_200),
        ("time-late-3600", "one-hour", hour, 90_000),
        ("time-no-multiple-60", "both-1", one, 28_801),
        ("time-no-multiple-3600", "one-hour", hour, 28_860),
    ):
        add(name, "range", origin, "time", [*batch[:3], plain.best_column([time_s]), *batch[4:]])
    for name, times in (
        ("time-twice", [28_800, 28_860, 28_860, 28_920, 28_980]),
        ("time-back", [28_800, 28_860, 28_920, 28_860, 28_980]),
        ("time-falls", [28_980, 28_920, 28_860, 28_800, 28_740]),
        ("time-stands", [28_800] * 5),
        ("time-one-fine", [28_800, 28_860, 28_921, 28_980, 29_040]),
    ):
        add(name, "range", "both-5", "time", [*both[:3], plain.best_column(times), *both[4:]])
    for wrong in (-551, 1_501):
        add(f"temperature-{wrong}", "range", "temperature-1", "temperature", [*warm[:4], [1, wrong]])
        last = plain.best_column([-25, -24, -23, -22, wrong])
        add(f"temperature-{wrong}-last", "range", "both-5", "temperature", [*both[:4], last, both[5]])
    for wrong in (-1, 73):
        add(f"light-{wrong}", "range", "light-1", "light", [*lit[:4], [1, wrong]])
        last = plain.best_column([5, 6, 7, 8, wrong])
        add(f"light-{wrong}-last", "range", "both-5", "light", [*both[:5], last])
    add("temperature-trailing-zero", "shape", "unchanging", "a zero added", [*still[:4], [1, 0], still[5]])
    add("time-order-3", "range", "both-1", "order of time", [*one[:3], [3, *one[3][1:]], *one[4:]])
    add("trailing-zero-byte", "encoding", "padded-1", "the padding byte", both, b"\x00")
    add("trailing-in-padding", "encoding", "padded-40", "one padding byte", both, b"\xc1" * 39 + b"\x00")


def motion_file() -> VectorFile:
    """Batches of each step, size and set of events, and every refusal."""
    file = VectorFile(
        "motion", "5, `motion`", "`entries` (time_s, events) pack to `plaintext`, and it decodes to the same entries"
    )
    for n in (1, 5, 64):
        _motion(file, f"events-{n}", 60, moves(n))
    for step_s in (600, 3600):
        _motion(file, f"step-{step_s}", step_s, moves(7, step_s))
    for step_s in plain.READING_STEPS_S:
        first, last = DAY_START_S - step_s, DAY_START_S + 86_400
        _motion(file, f"from-before-midnight-{step_s}", step_s, [[first, 1], [first + step_s, 2]])
        _motion(file, f"to-after-midnight-{step_s}", step_s, [[last - step_s, 5], [last, 6]])
    for events in range(1, 8):
        _motion(file, f"only-{events}", 60, [[MORNING_S, events]])
    _motion(file, "midnight", 60, [[DAY_START_S, 1]])
    _motion(file, "shocks", 60, [[MORNING_S + 60 * i, 4] for i in range(64)])
    _motion(file, "a-day-apart", 3600, [[DAY_START_S, 1], [DAY_START_S + 82_800, 2]])
    value = plain.motion(60, moves(5), EPOCH)
    for pad in (1, 40):
        _motion(file, f"padded-{pad}", 60, moves(5), value=value, tail=b"\xc1" * pad)
    _motion(file, "other-orders", 60, moves(5), value=_other_orders(value, moves(5)))
    _refused_motion(file)
    return file


def _motion(
    file: VectorFile, name: str, step_s: int, entries: Entries, value: list[Any] | None = None, tail: bytes = b""
) -> None:
    written = plain.motion(step_s, entries, EPOCH)
    file.valid(
        name,
        epoch=EPOCH,
        step=step_s,
        entries=entries,
        value=value or written,
        plaintext=plain.pack(value or written) + tail,
        canonical=value in (None, written),
    )


def _refused_motion(file: VectorFile) -> None:
    five, one = (plain.motion(60, moves(n), EPOCH) for n in (5, 1))
    midnight = plain.motion(60, [[DAY_START_S, 1]], EPOCH)
    shocks = plain.motion(60, [[MORNING_S + 60 * i, 4] for i in range(64)], EPOCH)

    def add(name: str, kind: str, origin: str, changed: str, value: Any, tail: bytes = b"") -> None:
        _refused(file, name, kind, origin, changed, value, tail)

    for wrong in (0, 1, 59, 61, 1_800, 3_601, -60):
        add(f"step-{wrong}", "range", "midnight", "step", [wrong, *midnight[1:]])
    add("step-is-bin", "shape", "events-1", "type of step", [b"\x3c", *one[1:]])
    add("step-finer-than-times", "range", "events-5", "step", [3_600, *five[1:]])
    add("n-zero", "range", "midnight", "n, and its one event with it", [60, 0, [1], [1]])
    add("n-65", "range", "shocks", "n", [60, 65, *shocks[2:]])
    add("n-too-few", "shape", "events-5", "n", [60, 1, *five[2:]])
    add("n-too-many", "range", "events-5", "n", [60, 6, *five[2:]])
    add("n-is-bin", "shape", "events-5", "type of n", [60, b"\x05", *five[2:]])
    add("field-missing", "shape", "events-5", "events left out", five[:3])
    add("field-more", "shape", "events-5", "a column added", [*five, [1]])
    add("value-is-int", "shape", "events-1", "type of the value", 0)
    add("time-is-int", "shape", "events-5", "type of time", [*five[:2], 7, five[3]])
    add("events-is-int", "shape", "events-5", "type of events", [*five[:3], 7])
    for wrong in (0, 8, -1):
        add(f"events-{wrong}", "range", "events-1", "events", [*one[:3], plain.best_column([wrong])])
        add(f"events-{wrong}-last", "range", "events-5", "events", [*five[:3], plain.column([1, 2, 3, 4, wrong], 1)])
    for name, seconds in (("early", -120), ("late", 86_460), ("no-multiple", 28_801)):
        add(f"time-{name}", "range", "events-1", "time", [60, 1, [1, seconds], one[3]])
    for name, times in (
        ("twice", [28_800, 28_860, 28_860, 28_920, 28_980]),
        ("back", [28_800, 28_860, 28_920, 28_860, 28_980]),
        ("one-fine", [28_800, 28_860, 28_921, 28_980, 29_040]),
    ):
        add(f"time-{name}", "range", "events-5", "time", [60, 5, plain.best_column(times), five[3]])
    add("events-trailing-zero", "shape", "shocks", "a zero added", [*shocks[:3], [*shocks[3], 0]])
    add("trailing-zero-byte", "encoding", "padded-1", "the padding byte", five, b"\x00")
    add("trailing-in-padding", "encoding", "padded-40", "one padding byte", five, b"\xc1" * 39 + b"\x00")


def _refused(file: VectorFile, name: str, kind: str, origin: str, changed: str, value: Any, tail: bytes = b"") -> None:
    file.invalid(name, kind, origin, changed, epoch=EPOCH, value=plain_value(value), plaintext=plain.pack(value) + tail)
