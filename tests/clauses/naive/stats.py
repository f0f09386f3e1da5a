"""Naive ways with statistics."""

from __future__ import annotations

from typing import Final

from tests.clauses.engines.stats import as_they_are
from tests.clauses.way import Naive

NAIVE: Final = (Naive(28, "aggregates taken as anonymous", ("CT-62", "TT-23", "TT-31"), as_they_are),)
