"""How figures, times and amounts read: names with units, numbers as people write them."""

from __future__ import annotations

import datetime as dt
import re

# Endings of a figure's name that say its unit (the project's habit: units in names).
UNITS = {
    "ms": "ms",
    "s": "s",
    "h": "h",
    "mv": "mV",
    "mc": "mC",
    "mah": "mAh",
    "m": "m",
    "km": "km",
    "mib": "MiB",
    "bytes": "bytes",
    "days": "days",
    "minutes": "min",
}
IDENTIFIER = re.compile(r"[a-z]+(_[a-z]+)+")  # such as a reason of the gate: words to a reader
MINUS = "\u2212"
NARROW = "\u202f"  # thin space that does not break, between thousands


def figure(name: str, value: object) -> tuple[str, str]:
    """(label, value with its unit) of one figure, such as ("receiver powered", "0 s")."""
    words = name.split("_")
    unit = UNITS.get(words[-1], "") if len(words) > 1 and _is_number(value) else ""
    label = " ".join(words[:-1] if unit else words)
    return label, f"{amount(value)}\u00a0{unit}" if unit else amount(value)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def amount(value: object) -> str:
    """A value as text: thousands apart from 10 000 on, yes and no, lists with commas."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {amount(each)}" for name, each in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(amount(each) for each in value)
    if value is None or isinstance(value, bool):
        return "none" if value is None else "yes" if value else "no"
    if isinstance(value, float) and not value.is_integer():
        return f"{value:.3f}".rstrip("0").rstrip(".").replace("-", MINUS)
    if isinstance(value, (int, float)):
        return grouped(int(value))
    said = str(value)
    return said.replace("_", " ") if IDENTIFIER.fullmatch(said) else said


def grouped(value: int) -> str:
    """An integer with thin spaces from five digits on."""
    digits = f"{abs(value):,}".replace(",", NARROW) if abs(value) >= 10_000 else str(abs(value))
    return MINUS + digits if value < 0 else digits


def count(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun."""
    return f"{grouped(number)} {one if number == 1 else many or one + 's'}"


def clock(unix_s: float, *, seconds: bool = False) -> str:
    """Virtual time of day in UTC, 16:43 or 16:43:24."""
    return _utc(unix_s).strftime("%H:%M:%S" if seconds else "%H:%M")


def date(unix_s: float) -> str:
    """Virtual date, 26 Jan 2026."""
    when = _utc(unix_s)
    return f"{when.day} {when:%b %Y}"


def day(unix_s: float) -> str:
    """Virtual date without its year, 26 Jan."""
    when = _utc(unix_s)
    return f"{when.day} {when:%b}"


def span(seconds: float) -> str:
    """A duration in the unit that suits it."""
    for unit, least, of in (("days", 172_800, 86_400), ("h", 7200, 3600), ("min", 60, 60)):
        if seconds >= least:
            return f"{round(seconds / of)}\u00a0{unit}"
    return f"{round(seconds)}\u00a0s"


def _utc(unix_s: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(unix_s, dt.UTC)
