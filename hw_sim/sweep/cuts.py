"""Where and how the power goes: the name of a cut, and which of all of them a sweep takes.

A cut is named `flash/37/torn` or `net/12/host`: what kind of step, its number from the start of the run, and how.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Self, get_args

from hw_sim.errors import HwSimError

Part = Literal["flash", "net"]
How = Literal["clean", "torn", "dip", "host"]
HOWS: dict[How, str] = {
    "clean": "the board's power goes before the step",
    "torn": "it goes in the middle of the flash operation, of which a part has happened",
    "dip": "the chip restarts before the step; retained memory and the chip's word for its last start are still there",
    "host": "broker and server lost their power right after the last word that the board heard, the board before the step",
}
_NAME = re.compile(r"(flash|net)/(\d{1,9})/(\w+)")


class SweepError(HwSimError):
    """A sweep that cannot be done as it was asked for."""


@dataclass(frozen=True, order=True)
class Cut:
    """One cut of one run."""

    part: Part
    number: int
    how: How

    def __str__(self) -> str:
        return f"{self.part}/{self.number}/{self.how}"

    @classmethod
    def parse(cls, name: str) -> Self:
        """From its name; SweepError."""
        found = _NAME.fullmatch(name)
        if found is None or found[3] not in get_args(How):
            raise SweepError(
                f"{name!r} names no cut: write flash/37/torn or net/12/clean, with one of {', '.join(HOWS)}"
            )
        part, number, how = found.groups()
        return cls(part, int(number), how)  # type: ignore[arg-type]  # the pattern has seen to it

    def possible(self) -> bool:
        """Only a flash operation can happen in part: half a packet is none to whoever gets it."""
        return self.part == "flash" or self.how != "torn"


@dataclass(frozen=True)
class Share:
    """One in `of` cuts, chosen by `seed`: another seed chooses others, and over many seeds every cut has its turn."""

    part: int = 1
    of: int = 1
    seed: str = ""

    @classmethod
    def parse(cls, text: str, seed: str) -> Self:
        """From `1/200`; SweepError."""
        found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            raise SweepError(f"--share {text}: write N/M, as 1/200, with N between 1 and M")
        return cls(int(found[1]), int(found[2]), seed)

    def takes(self, cut: Cut) -> bool:
        """Whether the cut is of this share."""
        digest = hashlib.sha256(f"{self.seed}/{cut}".encode()).digest()
        return int.from_bytes(digest[:8], "big") % self.of < self.part


def of_step(part: Part, number: int, hows: Iterable[How]) -> list[Cut]:
    """All cuts at one step."""
    return [cut for how in hows if (cut := Cut(part, number, how)).possible()]


def parse_hows(text: str, hosted: bool) -> tuple[How, ...]:
    """From `clean,torn`; empty: all that the product knows. SweepError."""
    known = [how for how in HOWS if hosted or how != "host"]
    wanted = [how for how in text.split(",") if how]
    for how in wanted:
        if how not in known:
            raise SweepError(f"--how {how}: this product can be cut {', '.join(known)}")
    return tuple(how for how in known if not wanted or how in wanted)
