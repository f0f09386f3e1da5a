"""The fixtures of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.cloud_sync.notices.notices_world import Office


@pytest.fixture
def tt(tmp_path: Path) -> Iterator[Office]:
    """One whose policy asks for receipts."""
    made = Office(tmp_path, "tt")
    yield made
    made.cloud.close()


@pytest.fixture
def mm(tmp_path: Path) -> Iterator[Office]:
    """One whose policy asks for none."""
    made = Office(tmp_path, "mm")
    yield made
    made.cloud.close()
