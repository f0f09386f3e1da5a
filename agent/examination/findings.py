"""Findings, and how a part is asked for one.

Every program is whole in itself, small, and ends within RUN_S of the console. It prints one line of JSON and nothing that a
sensor has measured: whether somebody answers, what a chip says it is, how full the flash is.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from agent.board.answers import parsed, plain
from agent.errors import BoardRefused, Garbled

OK, WRONG, NOT_ASKED = "ok", "wrong", "not asked"
T = TypeVar("T")
SEEN_CHARS = 200  # of a finding: a sentence, whatever a board says

# Before each program that uses the firmware.
BOARD = """
import gc, json
gc.threshold(32768)
from firmware import boards
board = boards.active()
"""


class Prompt(Protocol):
    """What is needed of agent.board.console.Console."""

    port: str

    def run(self, code: str) -> str: ...

    def hold(self) -> None: ...


@dataclass(frozen=True)
class Finding:
    """One part: `state` is OK, WRONG or NOT_ASKED, `seen` a sentence, `do` what helps, empty for OK."""

    part: str
    state: str
    seen: str
    do: str = ""


def ok(part: str, seen: str) -> Finding:
    """Nothing is wrong with it."""
    return Finding(part, OK, plain(seen, SEEN_CHARS))


def wrong(part: str, seen: str, do: str) -> Finding:
    """Something is, and this helps."""
    return Finding(part, WRONG, plain(seen, SEEN_CHARS), do)


def not_asked(part: str, why: str, do: str = "") -> Finding:
    """It was left alone."""
    return Finding(part, NOT_ASKED, plain(why, SEEN_CHARS), do)


@dataclass(frozen=True)
class Device:
    """What is known of the board before its parts are asked. `settings` are those that count, {} for none; they are in no text
    of it. `given`: they came from a file, not from the board. `now_s`: this computer's time; `floor_s`: a time that the board has
    certainly seen, 0 for none.
    """

    name: str
    enrolled: bool
    settings: dict[str, Any] = field(default_factory=dict, repr=False)
    given: bool = False
    now_s: float = 0.0
    floor_s: int = 0

    def part(self, name: str, default: str) -> str:
        """The chip that the settings name."""
        parts = self.settings.get("parts")
        found = parts.get(name, default) if isinstance(parts, dict) else default
        return found if isinstance(found, str) else default

    @property
    def told(self) -> str:
        """BOARD, with the settings in `s`: the board's own never leave it, those of a file go into its memory alone."""
        return BOARD + (f"s = json.loads({json.dumps(self.settings)!r})\n" if self.given else "s = board.settings()\n")


class Unanswered(Exception):  # noqa: N818 - it is a finding
    """A program that did not end as it should; `finding(part)` says so. `cable`: its text was not what was typed."""

    def __init__(self, said: str, *, cable: bool = False) -> None:
        super().__init__(said)
        self.said, self.cable = said, cable

    def finding(self, part: str) -> Finding:
        """A name that the board's release does not know is no fault of the part, nor is a byte that the cable has changed."""
        if self.cable:
            return wrong(
                "cable",
                f"the question about {part} came to the board garbled, twice",
                "take another cable, and no hub or extension; then the same command again",
            )
        if any(kind in self.said for kind in ("AttributeError", "ImportError")):
            return not_asked(
                part,
                f"the release on the board is older than this agent ({self.said})",
                "flash a newer release",
            )
        return wrong(
            part, self.said, "press the board's reset button and try again; a board that says it again is broken"
        )


def meant(work: Callable[[], T]) -> T:
    """Done once more where a byte of it was changed on the way; Garbled where that happens twice."""
    with suppress(Garbled):
        return work()
    return work()


def ask(prompt: Prompt, program: str) -> Any:
    """What the program says; Unanswered if it ends by an exception, or says nothing that can be read.

    That is believed the second time [one byte that a bad cable changed: a healthy part would be called broken].
    """
    with suppress(Garbled, Unanswered):
        return _answer(prompt, program)
    try:
        return _answer(prompt, program)
    except Garbled as failed:
        raise Unanswered(str(failed), cable=True) from None


def _answer(prompt: Prompt, program: str) -> Any:
    try:
        said = prompt.run(program)
    except BoardRefused as refused:
        raise Unanswered(str(refused)) from None
    for line in reversed(said.strip().splitlines()):  # the file system's boot code may have said something before
        try:
            return parsed(line)
        except ValueError:
            continue
    raise Unanswered("the board's answer cannot be read")
