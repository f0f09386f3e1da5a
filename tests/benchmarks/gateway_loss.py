"""100 kill -9 of the gateway and 100 pulled cables under load, then an exact count: `tests.system.gateway_losses`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.system.gateway_losses import Campaign, Plan, wrong
from tests.unit.cloud_sync.mqtt.mqtt_broker import available

TIMES = 100


def run(*, quick: bool = False, times: int | None = None) -> dict[str, object]:
    """The figures of one campaign, some five minutes; it fails where one of what must be nought is not."""
    if not available():
        return {"skipped": "mosquitto is not installed"}
    count = times or (10 if quick else TIMES)
    with tempfile.TemporaryDirectory() as home:
        figures = Campaign(Path(home), Plan(kills=count, pulls=count)).run()
    assert not wrong(figures), wrong(figures)
    return dict(figures)
