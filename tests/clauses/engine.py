"""Engines that can be taken away: what a lazy implementation would be in their place.

Each module in the folder `engines` has `ENGINES`; a clause test names one of them and must fail without it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Engine:
    """An engine, what it no longer does once it is taken away, and how to take it away."""

    name: str
    without: str
    apply: Callable[[pytest.MonkeyPatch], None]


def engines() -> dict[str, Engine]:
    """All of them, by name; ValueError for a name that two modules give."""
    found: dict[str, Engine] = {}
    for path in sorted((Path(__file__).parent / "engines").glob("*.py")):
        for engine in importlib.import_module(f"tests.clauses.engines.{path.stem}").ENGINES:
            if engine.name in found:
                raise ValueError(f"{path.name}: there is an engine {engine.name} already")
            found[engine.name] = engine
    return found
