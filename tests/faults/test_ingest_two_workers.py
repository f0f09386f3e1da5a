"""Two ingest processes on the same stores at once, each with all messages: each is stored once, and nothing is numbered twice."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.model import Stream
from cloud_sync.wire.downlink import peek_downlink
from tests.unit.cloud_sync.ingest.ingest_world import NOON, TODAY, Tracker, World

ROOT = Path(__file__).parents[2]
T = int(NOON) - 3600
DEVICES = ("a" * 16, "b" * 16)
COUNT = 150  # envelopes of each device
BATCH = 25

WORKER = """
import json, sys
from pathlib import Path
from tests.unit.cloud_sync.ingest.ingest_world import World

directory, seed, size = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
world = World(directory)
messages = [(topic, bytes.fromhex(payload)) for topic, payload in json.loads((directory / f"feed-{seed}").read_text())]
print("ready", flush=True)
sys.stdin.readline()
kinds = []
for first in range(0, len(messages), size):
    outcomes = world.ingest.handle(messages[first:first + size])
    kinds += [str(outcome.kind) for outcome in outcomes]
    world.sealer.answer(outcomes)
print(json.dumps({"kinds": kinds, "sent": [[device, sealed.hex()] for device, sealed in world.link.sent]}), flush=True)
world.close()
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def directory(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation on each engine."""
    monkeypatch.setenv("BYLEAVE_TEST_STORE", request.param)
    return tmp_path


def feed(tracker: Tracker, number: int) -> list[tuple[str, bytes]]:
    """Fixes, two statuses among them, and two messages that are refused, which the log counts."""
    sound = [tracker.fixes([T + counter], counter=counter) for counter in range(COUNT)]
    statuses = [tracker.status(counter=counter) for counter in range(2)]
    late = [tracker.fixes([T - 4_200 + n], counter=COUNT + n) for n in range(2)]  # before there was a consent
    return [(tracker.topic, payload) for payload in (*sound, *statuses, *late)]


def test_what_two_workers_take_at_once_is_there_once(directory: Path) -> None:
    """All rows, the log without a gap and with every refusal of both, downlinks of which no two have one number."""
    world = World(directory)
    world.clock.at = NOON - 7200
    trackers = []
    for number, name in enumerate(DEVICES):
        trackers.append(world.enrol(name, f"s-{number}"))
        world.consent(f"s-{number}")
    before = world.database.leaf_count()
    messages = [message for number, tracker in enumerate(trackers) for message in feed(tracker, number)]
    workers = []
    for seed in range(2):
        random.Random(seed).shuffle(messages)
        text = json.dumps([(topic, payload.hex()) for topic, payload in messages])
        (directory / f"feed-{seed}").write_text(text)
        command = [sys.executable, "-c", WORKER, str(directory), str(seed), str(BATCH)]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        workers.append(subprocess.Popen(command, cwd=ROOT, text=True, **pipes))
    for worker in workers:
        assert worker.stdout and worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin
        worker.stdin.write("\n")
        worker.stdin.flush()
    told = [json.loads(worker.communicate(timeout=60)[0]) for worker in workers]
    for tracker in trackers:
        rows = world.database.envelopes(tracker.name, Stream.LOCATION, TODAY, TODAY)
        assert [row.id.counter for row in rows] == list(range(COUNT))
    stored = [kind for result in told for kind in result["kinds"] if kind == "stored"]
    assert len(stored) == len(DEVICES) * (COUNT + 2)
    numbers = [(device, *peek_downlink(bytes.fromhex(sealed))) for result in told for device, sealed in result["sent"]]
    assert len(numbers) > 2 * len(DEVICES) and len(set(numbers)) == len(numbers)
    assert world.audit.check() == world.database.leaf_count() > before
    counts = [dict(entry.event.detail)["count"] for entry in world.audit.entries(kind="ingest.refused")]
    assert sum(map(int, counts)) == 2 * len(DEVICES) * 2
    world.close()
