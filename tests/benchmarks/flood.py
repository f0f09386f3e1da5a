"""One device floods, ten others go on: `tests.faults.flooding` as a measurement, by what the flood is made of."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.faults.flooding import KINDS, Flood
from tests.unit.cloud_sync.mqtt.mqtt_broker import available

SECONDS = 20.0


def run(*, quick: bool = False) -> dict[str, object]:
    """Messages handled a second, CPU of each, and what part of the others' envelopes got its verdict within a second."""
    if not available():
        return {"skipped": "mosquitto is not installed"}
    found: dict[str, object] = {}
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as home:
            found[kind] = Flood(Path(home), kind, 3.0 if quick else SECONDS).run()
    return found
