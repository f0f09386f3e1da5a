"""The rows of the timeline: which gauge is drawn, as a band of states or as a line, and what its values are called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hw_sim.demo.chronicle import Chronicle
from hw_sim.demo.gauges import SENSORS, Value
from hw_sim.demo.report.axis import keys_of


@dataclass(frozen=True)
class Row:
    """One gauge's row: a band of states, or a line of amounts with the same scale in every step."""

    name: str
    keys: tuple[str, ...]
    state: Callable[[Value], tuple[str, str]] | None = None  # value → (class, label)
    unit: str = ""
    only_if_any: bool = False  # without an amount above 0 it is not drawn


def rows_of(chronicle: Chronicle) -> list[Row]:
    """The rows for which there is something to draw."""
    rows = [
        *_consents(chronicle),
        Row("directive in force", ("directive",), _directive),
        *_sensors(chronicle),
        Row("spool, envelopes", ("spool",)),
        Row("positions stored, rows", ("rows location",)),
        Row("other readings, rows", ("rows environment", "rows motion"), only_if_any=True),
        Row("other people, rows", ("rows others",), only_if_any=True),
        Row("day keys of positions", ("keys location",)),
        Row("charge used", ("charge_mah",), unit="mAh"),
    ]
    known = {key for sample in chronicle.samples for key, value in sample.items() if value is not None}
    return [row for row in rows if known.intersection(row.keys) and (not row.only_if_any or most(chronicle, row))]


def most(chronicle: Chronicle, row: Row) -> float:
    """The largest amount of a row in the whole story, 0 if there is none."""
    read = [number(sample.get(key)) for sample in chronicle.samples for key in row.keys]
    return max((value for value in read if value is not None), default=0.0)


def number(value: Value) -> float | None:
    """A value as an amount; None where it is none."""
    return float(value) if isinstance(value, (int, float)) else None


def _consents(chronicle: Chronicle) -> list[Row]:
    purposes = [key.removeprefix("consent ") for key in keys_of(chronicle, "consent ")]
    names = [purpose.replace("_", " ") for purpose in purposes]
    return [
        Row(f"consent: {name}" if at == 0 else f"\u2026 {name}", (f"consent {purpose}",), _consent)
        for at, (purpose, name) in enumerate(zip(purposes, names, strict=True))
    ]


def _sensors(chronicle: Chronicle) -> list[Row]:
    """The receiver always; the other sensors each for itself, or together where none of them ever had power."""
    ever = [name for name in SENSORS if any(sample.get(name) for sample in chronicle.samples)]
    rows = [Row(f"{name} powered", (name,), _power) for name in ("receiver", *ever)]
    return rows if ever else [*rows, Row("other sensors", SENSORS, _never)]


def _consent(value: Value) -> tuple[str, str]:
    kinds = {"given": "given", "withdrawn": "ended", "expired": "ended", "refused": "ended"}
    return kinds.get(str(value), "nothing"), "" if value is None else str(value)


def _directive(value: Value) -> tuple[str, str]:
    return ("rule", f"v{value}") if value else ("nothing", "none" if value == 0 else "")


def _power(value: Value) -> tuple[str, str]:
    return ("on" if value else "nothing"), ""


def _never(value: Value) -> tuple[str, str]:
    return "nothing", "" if value is None else "never powered"
