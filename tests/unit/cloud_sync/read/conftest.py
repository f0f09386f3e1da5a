"""A fresh server core for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.cloud_sync.ingest.ingest_world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A server core with nobody enrolled, at noon."""
    world = World(tmp_path)
    yield world
    world.close()
