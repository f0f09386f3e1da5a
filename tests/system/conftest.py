"""A whole stage for system tests: broker, server, network and one board with the real firmware."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from hw_sim.broker import NoBroker
from hw_sim.demo.stage import Stage, opened
from hw_sim.errors import NoInterpreter


@pytest.fixture
def stage(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Stage]:
    """The demo's stage in a folder of the test; skips where there is no interpreter or no broker."""
    caplog.set_level(logging.ERROR, logger="cloud_sync")  # it warns of each of hundreds of refused messages
    try:
        with opened(tmp_path, seed=1) as stage:
            yield stage
    except (NoBroker, NoInterpreter) as missing:
        pytest.skip(str(missing))
