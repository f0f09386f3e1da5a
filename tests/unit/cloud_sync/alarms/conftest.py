"""An installation whose person may set alarms."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.cloud_sync.alarms.alarm_world import Watched


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """Open, and closed at the end."""
    world = Watched(tmp_path)
    yield world
    world.close()
