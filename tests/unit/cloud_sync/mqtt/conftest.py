"""A broker for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.cloud_sync.mqtt.mqtt_broker import Broker, available


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A running mosquitto."""
    if not available():
        pytest.skip("mosquitto is not installed")
    broker = Broker(tmp_path).start()
    yield broker
    broker.stop()
