"""An installation with people whose keys, reads and deliveries differ."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.cloud_sync.disclosure.outlet_world import Depot


@pytest.fixture
def depot(tmp_path: Path) -> Iterator[Depot]:
    """Open, and closed at the end."""
    depot = Depot(tmp_path)
    yield depot
    depot.close()
