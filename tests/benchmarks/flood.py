"""One device floods, ten others go on: `tests.faults.flooding` as a measurement, by what the flood is made of.

Rounds of `quiet`, without any flood, and of each kind are interleaved; `times_quiet_p99` is the 99th percentile of what the others
wait for a verdict over that of the quiet round beside it, `handled_per_s` what the server gets rid of.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from tests.faults.flooding import KINDS, QUIET, Flood
from tests.unit.cloud_sync.mqtt.mqtt_broker import available

SECONDS, ROUNDS = 6.0, 5


def run(*, quick: bool = False) -> dict[str, object]:
    """Medians of the rounds, by kind: messages handled a second, CPU of each, and how long the others waited for a verdict."""
    if not available():
        return {"skipped": "mosquitto is not installed"}
    rounds = [_round(3.0 if quick else SECONDS) for _ in range(1 if quick else ROUNDS)]
    return {
        kind: {name: statistics.median(each[kind][name] for each in rounds) for name in rounds[0][kind]}
        for kind in rounds[0]
    }


def _round(seconds: float) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for kind in (QUIET, *KINDS):
        with tempfile.TemporaryDirectory() as home:
            found[kind] = Flood(Path(home), kind, seconds).run()
        found[kind]["times_quiet_p99"] = found[kind]["others_p99_ms"] / found[QUIET]["others_p99_ms"]
    return found
