"""What the guard costs where it costs most: each batch has one envelope of each of 500 people, so that the gate is asked for each.

`guarded` is CPU of an envelope with gate, leave, floors and log over the same path without them (`ingest.unguard`), rounds in
turn in processes of their own; `ingest` measures the same for twenty devices over a broker.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cloud_sync.config import Config
from cloud_sync.consent import Evidence
from cloud_sync.model import Precision
from cloud_sync.service import CloudSync
from cloud_sync.wire import codec
from tests.benchmarks.ingest import GATE_GUARDED, NOON, POLICY, ROOT, unguard
from tests.unit.cloud_sync.ingest.ingest_world import FakeClock, ListLink, Tracker

PEOPLE, BATCHES, ROUNDS = 500, 8, 5


def run(*, quick: bool = False) -> dict[str, object]:
    """Medians of the rounds, and of the ratios within each."""
    people, rounds = (100, 2) if quick else (PEOPLE, ROUNDS)
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        _prepare(home, people)
        costs = [{kind: _round(home, kind) for kind in ("guarded", "unguarded")} for _ in range(rounds)]
    ratios = [cost["guarded"] / cost["unguarded"] for cost in costs]
    return {
        "gate": GATE_GUARDED,
        "guarded": statistics.median(ratios),
        "guarded_least": min(ratios),
        "guarded_most": max(ratios),
        **{f"{kind}_cpu_us": statistics.median(1e6 * cost[kind] for cost in costs) for kind in costs[0]},
        "people": people,
    }


def _prepare(home: Path, people: int) -> None:
    """Stores of so many people with a device each, and their sealed messages in batches."""
    (home / "stores").mkdir()
    clock = FakeClock(NOON - 7200.0)
    trackers = []
    with _opened(home / "stores", clock) as cloud:
        for n in range(people):
            _, device, root, _, first_epoch, _, _ = codec.unpack(cloud.enrol(subject=f"s-{n}", settings={}).file)
            trackers.append(Tracker(device, first_epoch, root))
            evidence = Evidence(f"s-{n}", "demo-1", "app", "tapped_allow", "en")
            cloud.consent.give(f"s-{n}", "tracking", evidence, precision=Precision.CELL_100M)
        clock.at = float(NOON)
        cloud.sweep()
    batches = [
        [(t.topic, t.fixes([NOON - 600 + 10 * turn], version=1000).hex()) for t in trackers] for turn in range(BATCHES)
    ]
    (home / "batches.json").write_text(json.dumps(batches))


def _opened(stores: Path, clock: FakeClock) -> CloudSync:
    return CloudSync.open(Config.in_directory(stores, policy=POLICY, broker=None), clock=clock, link=ListLink())


def _round(home: Path, kind: str) -> float:
    """CPU seconds of an envelope, on a copy of the stores."""
    with tempfile.TemporaryDirectory() as scratch:
        stores = Path(scratch) / "stores"
        shutil.copytree(home / "stores", stores)
        command = [sys.executable, "-m", "tests.benchmarks.guard", kind, str(stores), str(home / "batches.json")]
        out = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return float(out.stdout)


def _handle(kind: str, stores: str, file: str) -> None:
    batches = [
        [(topic, bytes.fromhex(sealed)) for topic, sealed in each] for each in json.loads(Path(file).read_text())
    ]
    with _opened(Path(stores), FakeClock(float(NOON))) as cloud:
        if kind == "unguarded":
            unguard(cloud)
        cloud.ingest.handle(batches[0])  # what is opened once a day and process is opened
        began = time.process_time()
        for batch in batches[1:]:
            assert all(outcome.kind == "stored" for outcome in cloud.ingest.handle(batch))
        spent = time.process_time() - began
    sys.stdout.write(str(spent / sum(map(len, batches[1:]))) + "\n")


if __name__ == "__main__":
    _handle(*sys.argv[1:])
