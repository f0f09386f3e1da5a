"""An installation whose clock stands until it is set."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_sync.cli import session
from tests.unit.cloud_sync.cli.cli_world import Installation
from tests.unit.cloud_sync.ingest.ingest_world import FakeClock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """The clock of all commands, at noon."""
    clock = FakeClock()
    monkeypatch.setattr(session, "CLOCK", clock)
    return clock


@pytest.fixture
def depot(tmp_path: Path, clock: FakeClock) -> Installation:
    """A new installation, whose broker is away."""
    return Installation(tmp_path, clock)
