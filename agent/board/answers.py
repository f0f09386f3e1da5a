"""What a board says, taken as what anybody could have said: read within bounds, and shown without what a terminal obeys."""

from __future__ import annotations

import json
from typing import Any

WORDS_CHARS = 80  # of one thing that a board says of itself: its name, its version
NUMBER_MOST = 1 << 40  # no address, size, count or time of a board is larger


def parsed(said: str) -> Any:
    """JSON; ValueError for anything else, also for what is nested deeper than any answer."""
    try:
        return json.loads(said)
    except RecursionError:
        raise ValueError("nested too deep") from None


def plain(said: object, most: int = WORDS_CHARS) -> str:
    """In one line, without control characters: an escape sequence of a board's making must not reach a terminal."""
    text = str(said)[:most]
    return "".join(char if char.isprintable() else " " for char in text).strip()


def number(value: object) -> int:
    """A number that a board may have; ValueError for anything else, also for text in its place."""
    if isinstance(value, (int, bool)) and 0 <= value < NUMBER_MOST:
        return int(value)
    raise ValueError("no number of a board")


def text(value: object) -> str:
    """Text that may be shown; ValueError for anything else."""
    if not isinstance(value, str):
        raise ValueError("no text")
    return plain(value)
