"""A device's `status` (docs/wire-format.md, section 5), as its console says it, in words. None of it is about a person."""

from __future__ import annotations

import ast
import re
from dataclasses import asdict, dataclass
from typing import Any

REASONS = {
    0: "asked at the cable",  # never on the air: at Ctrl-C
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
_FORM = re.compile(r"status ([0-9]) (\([-0-9A-Za-z_.:,<>'\"+/| ]{20,240}\))")
_FIELDS = (
    *("uptime_s", "directive", "boots", "reset", "battery_mv", "spooled", "lost", "refused", "faults", "heap"),
    *("release", "crash", "security", "update"),
)
_RELEASE = re.compile(r"[A-Za-z0-9_.+-]{1,16}")  # docs/wire-format.md, section 9
# Three numbers and a short word: no position, no device's name, no network's has this form.
_VERSION = re.compile(r"[0-9]{1,2}(\.[0-9]{1,3}){2}([-+.]?[a-z]{1,5}\.?[0-9]{0,3})?")
HIDDEN = "in a form that is not shown"
# Classes of errors: MicroPython's and byleave's own, or what a release calls them.
CLASS = r"[A-Z][A-Za-z]{0,24}(?:Error|Exception|Interrupt|Exit|Iteration)|Exception|Watchdog|[A-Za-z_][A-Za-z0-9_]{0,2}"
_CRASH = re.compile(rf"({CLASS})( ([\w./]{{1,24}}):[0-9]{{1,5}} ([\w<>.]{{1,24}}))?", re.ASCII)
_NAME = re.compile(r"[/<]?[A-Za-z_]\w*>?([./][A-Za-z_]\w*)*", re.ASCII)
_NAME_DIGITS = 5  # of `x25519`; a position has seven


def is_name(text: str) -> bool:
    """A function's or module's name may be this; a number may not."""
    return _NAME.fullmatch(text) is not None and sum(char.isdigit() for char in text) <= _NAME_DIGITS


def is_crash(text: str) -> bool:
    """A class, or a class and a place."""
    form = _CRASH.fullmatch(text)
    return form is not None and (form[2] is None or (is_name(form[3]) and is_name(form[4])))


def crash_shown(text: str) -> str:
    """As it is, if it is a crash's text or empty."""
    return text if not text or is_crash(text) else HIDDEN


def release_shown(text: str) -> str:
    """As it is, if it looks like a version."""
    return text if _VERSION.fullmatch(text) else HIDDEN


def is_release(text: str) -> bool:
    """It may be what a release calls itself."""
    return _RELEASE.fullmatch(text) is not None


def is_number(value: object) -> bool:
    """Of a status: 32 bits."""
    return type(value) is int and 0 <= value < 1 << 32


def faults_in_words(bits: int) -> list[str]:
    """Each bit that is set."""
    known = [text for n, text in enumerate(FAULTS) if bits >> n & 1]
    return known + [f"fault {1 << n}" for n in range(len(FAULTS), 17) if bits >> n & 1]


@dataclass(frozen=True)
class Status:
    """What a device tells of itself. `generation` is known at the prompt alone; `uptime_s` and the faults of what senses to a
    program at work alone."""

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
    if not (isinstance(told["release"], str) and is_release(told["release"]) and isinstance(told["crash"], str)):
        return None
    told["release"], told["crash"] = release_shown(told["release"]), crash_shown(told["crash"])
    numbers = [value for name, value in told.items() if name not in ("release", "crash")]
    return told if all(map(is_number, numbers)) else None


def _named(names: tuple[str, ...], number: int) -> str:
    return names[number] if number < len(names) else str(number)
