"""Words for people: counts."""

from __future__ import annotations


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun, and its verb where it has one: `many`, or `one` with an s, for any number but 1."""
    return f"{number} {one if number == 1 else many or one + 's'}"
