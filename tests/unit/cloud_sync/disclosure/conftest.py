"""A fresh installation for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.cloud_sync.disclosure.outlet_world import Depot


@pytest.fixture
def depot(tmp_path: Path) -> Iterator[Depot]:
    """An installation under the synthetic policy, at noon, with leave since four hours."""
    depot = Depot(tmp_path)
    yield depot
    depot.close()
