"""An installation on the profile that names most recipients."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clauses.made import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """It, open, at noon of 2026-01-15."""
    made = World(tmp_path, "st")
    yield made
    made.close()
