"""Ten of the three hundred kills of `python -m tests.benchmarks kills`, on each engine: nothing lost, nothing doubled."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.kills import stores
from tests.faults.killed_count import wrong
from tests.faults.killing import Campaign, Plan
from tests.unit.cloud_sync.mqtt.mqtt_broker import available
from tests.unit.cloud_sync.storage.cluster import binaries

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.skipif(not available(), reason="mosquitto is not installed"),
]
SHORT = Plan(10, loaded=6, changing=3, erased=4, expiring=60, burst=60, serving_s=0.8, most_s=60)


@pytest.mark.parametrize(
    "engine",
    ["sqlite", pytest.param("postgresql", marks=pytest.mark.skipif(not binaries(), reason="PostgreSQL is not there"))],
)
def test_a_server_killed_ten_times_under_load(tmp_path: Path, engine: str) -> None:
    """Ingest, sweeps, answers, rotations and erasures at once: each envelope is stored once, each life finds the log whole."""
    figures = Campaign(tmp_path, SHORT, stores(tmp_path) if engine == "postgresql" else None).run()
    assert not wrong(figures)
    assert figures["kills"] == SHORT.times and figures["lives that were checked"] >= SHORT.times // 2
    assert figures["envelopes sent"] == SHORT.times * (SHORT.burst + 10 * SHORT.changing)
    assert figures["erased people"] == SHORT.erased
    assert min(figures[name] for name in ("sweeps", "rotations", "answers of people", "expired")) > 0
