"""Random kill -9 of a server under load, then an exact count: `tests.faults.killing` as a measurement, on each engine."""

from __future__ import annotations

import tempfile
from pathlib import Path

from cloud_sync.places import Place
from tests.faults.killed_count import wrong
from tests.faults.killing import Campaign, Plan
from tests.unit.cloud_sync.mqtt.mqtt_broker import available
from tests.unit.cloud_sync.storage.cluster import binaries, cluster

TIMES = 300


def run(*, quick: bool = False, times: int | None = None) -> dict[str, object]:
    """The figures of a campaign on SQLite and one on PostgreSQL, a quarter of an hour each at most; it fails where one is wrong."""
    if not available():
        return {"skipped": "mosquitto is not installed"}
    plan = Plan(times or (10 if quick else TIMES))
    found: dict[str, object] = {}
    for engine in ("sqlite", "postgresql") if binaries() else ("sqlite",):
        with tempfile.TemporaryDirectory() as home:
            figures = Campaign(Path(home), plan, stores(Path(home)) if engine == "postgresql" else None).run()
        assert not wrong(figures), wrong(figures)
        found[engine] = figures
    return found


def stores(home: Path) -> dict[str, Place]:
    """Telemetry and keys on two clusters of our own."""
    return {"database": cluster("telemetry").place(home, "telemetry"), "keys": cluster("keys").place(home, "keys")}
