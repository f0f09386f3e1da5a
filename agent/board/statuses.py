"""A device's `status` (docs/wire-format.md, section 5), as its console says it, in words. None of it is about a person."""

from __future__ import annotations

import ast
import re
from dataclasses import asdict, dataclass
from typing import Any

REASONS = {
    1: "start",
    2: "heartbeat",
    3: "directive applied",
    4: "the time is wanted",
    5: "fault",
    6: "sensing stopped by hand",
    7: "update",
}
RESETS = ("unknown", "power on", "hard", "watchdog", "deep sleep", "soft")
UPDATES = ("none", "being fetched", "on trial", "rolled back", "refused")
FAULTS = (
    "the receiver is silent",
    "the receiver refuses its configuration",
    "the spool is full",
    "a counter is spent",
    "the key log was repaired",
    "the time is not trusted",
    "positions are implausible",
    "the temperature sensor fails",
    "the light sensor fails",
    "the motion sensor fails",
    "it makes itself known",
    "safe mode: it started too often",
    "battery low",
    "the modem fails",
)
_FORM = re.compile(r"status (\d) (\([-0-9A-Za-z_.:,<>'\"+/| ]{20,240}\))")
_FIELDS = (
    *("uptime_s", "directive", "boots", "reset", "battery_mv", "spooled", "lost", "refused", "faults", "heap"),
    *("release", "crash", "security", "update"),
)
_RELEASE = re.compile(r"[\w.+-]{1,16}")
_CRASH = re.compile(r"([A-Za-z_]\w{0,30}( [\w./]{1,24}:\d{1,5} [\w<>.]{1,24})?)?")


def faults_in_words(bits: int) -> list[str]:
    """Each bit that is set."""
    known = [text for n, text in enumerate(FAULTS) if bits >> n & 1]
    return known + [f"fault {1 << n}" for n in range(len(FAULTS), 17) if bits >> n & 1]


@dataclass(frozen=True)
class Status:
    """What a device told its server of itself. `generation` is known at the prompt alone, `uptime_s` on the console alone."""

    boots: int
    directive: int
    spooled: int
    lost: int
    battery_mv: int
    release: str
    security: int
    crash: str
    faults: tuple[str, ...] = ()
    update: str = "none"
    reason: str = ""
    reset: str = ""
    refused: int | None = None
    uptime_s: int | None = None
    heap: int | None = None
    generation: int | None = None

    @classmethod
    def read(cls, line: str) -> Status | None:
        """A line of the console; None for any other."""
        form = _FORM.fullmatch(line)
        if form is None:
            return None
        told = _fields(form[2])
        if told is None:
            return None
        release, crash = told.pop("release"), told.pop("crash")
        told["reset"], told["update"] = _named(RESETS, told["reset"]), _named(UPDATES, told["update"])
        told["faults"] = tuple(faults_in_words(told["faults"]))
        reason = REASONS.get(int(form[1]), f"reason {form[1]}")
        return cls(**told, release=release, crash=crash, reason=reason)

    def facts(self) -> dict[str, Any]:
        """For machines; what is not known is left out."""
        return {name: value for name, value in asdict(self).items() if value is not None and value != ""}

    def sentence(self) -> str:
        """For people, in one line."""
        parts = [
            f"{self.reason} after {self.uptime_s} s" if self.uptime_s is not None else "",
            f"start {self.boots}" + (f" ({self.reset})" if self.reset else ""),
            f"byleave {self.release}",
            f"generation {self.generation}" if self.generation is not None else "",
            f"directive {self.directive}" if self.directive else "no directive",
            f"{self.spooled} in the spool" + (f", {self.lost} given up" if self.lost else ""),
            f"battery {self.battery_mv} mV" if self.battery_mv else "battery not measured",
            "faults: " + (", ".join(self.faults) or "none"),
            f"update {self.update}" if self.update != "none" else "",
            f"crashed before: {self.crash}" if self.crash else "",
        ]
        return "status: " + "; ".join(part for part in parts if part)


def _fields(text: str) -> dict[str, Any] | None:
    """Each field by its name, of the type that it has; None if there is any other."""
    try:
        values = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return None
    if not isinstance(values, tuple) or len(values) != len(_FIELDS):
        return None
    told = dict(zip(_FIELDS, values, strict=True))
    if not (
        isinstance(told["release"], str) and _RELEASE.fullmatch(told["release"]) and isinstance(told["crash"], str)
    ):
        return None
    if not _CRASH.fullmatch(told["crash"]):  # more than a class and a place
        told["crash"] = "in a form that is not shown"
    numbers = [value for name, value in told.items() if name not in ("release", "crash")]
    return told if all(type(value) is int and 0 <= value < 1 << 32 for value in numbers) else None


def _named(names: tuple[str, ...], number: int) -> str:
    return names[number] if number < len(names) else str(number)
