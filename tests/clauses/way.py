"""Naive ways (section 8 of the clause table): what an implementation does that has read a clause once, and which test notices.

Each module in the folder `naive` has `NAIVE`. The way is carried out as a patch, and a test of one of its clauses must fail then.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

MOST: Final = 48  # rows of section 8


@dataclass(frozen=True)
class Naive:
    """A row of section 8: its number, the naive way, clauses that it breaks and that have a test, and how it is done."""

    number: int
    way: str
    clauses: tuple[str, ...]
    apply: Callable[[pytest.MonkeyPatch], None]


def naive_ways() -> dict[int, Naive]:
    """All of them, by number; ValueError for a number that two modules give, or that section 8 has not."""
    found: dict[int, Naive] = {}
    for path in sorted((Path(__file__).parent / "naive").glob("*.py")):
        for way in importlib.import_module(f"tests.clauses.naive.{path.stem}").NAIVE:
            if way.number in found or not 1 <= way.number <= MOST:
                raise ValueError(f"{path.name}: {way.number} is there already, or is none of section 8")
            found[way.number] = way
    return dict(sorted(found.items()))
