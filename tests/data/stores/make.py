"""Makes the stores of schema 4 in this folder, by the program of that time, whose checkout is the first argument.

    git worktree add ../then 17a5b09 && python tests/data/stores/make.py ../then tests/data/stores/schema-4

It fills an installation with what its schema knew (two people, three devices, positions, climate, statuses, consents, limits, a
healing, a part of a day and a person erased) and writes down in `expected.json` what was read from it.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, sys.argv[1])

from cloud_sync.config import Config
from cloud_sync.consent import Evidence
from cloud_sync.model import Actor
from cloud_sync.service import CloudSync
from cloud_sync.wire import codec
from tests.unit.cloud_sync.ingest.ingest_world import NOON, POLICY, FakeClock, ListLink, Tracker

HOUR = 3600
T = int(NOON) + 60
ME = Actor("s-1", "data_subject")


def evidence(subject: str, act: str = "tapped_allow") -> Evidence:
    """A tap in the app."""
    return Evidence(subject, "demo-1", "app", act, "en")


def tracker_of(file: bytes) -> Tracker:
    """The device of an enrolment file."""
    _, device, root, _, first_epoch, _, _ = codec.unpack(file)
    return Tracker(device, first_epoch, root)


def fill(cloud: CloudSync, clock: FakeClock) -> dict[str, Any]:
    """The installation; what is read from it at the end."""
    van, bike = (tracker_of(cloud.enrol(subject="s-1", settings={}).file) for _ in range(2))
    other = tracker_of(cloud.enrol(subject="s-2", settings={}).file)
    for subject in ("s-1", "s-2"):
        cloud.consent.give(subject, "tracking", evidence(subject))
    cloud.handle([(each.topic, each.status()) for each in (van, bike, other)])
    clock.at = NOON + 2 * HOUR
    for each in (van, bike, other):
        cloud.handle([(each.topic, each.fixes([T + 600 * n, T + 600 * n + 10], counter=n)) for n in range(6)])
    cloud.limits.set("s-1", zones=((5570, 1260),), hours=((0, 300),), evidence=evidence("s-1", "drew_a_zone"))
    cloud.consent.give("s-1", "condition_monitoring", evidence("s-1"))
    cloud.consent.withdraw("s-2", "tracking", evidence("s-2", "tapped_withdraw"))
    clock.at += HOUR
    cloud.heal(bike.name)
    cloud.erase(subject="s-1", start=T + 1200, end=T + 1800)
    cloud.erase(subject="s-2")
    cloud.sweep()
    query: dict[str, Any] = {
        "actor": ME,
        "purpose": "tracking",
        "subject": "s-1",
        "start": NOON,
        "end": NOON + 4 * HOUR,
    }
    times = [fix.time for fix in cloud.read_location(**query)]
    return {
        "now": clock.at,
        "devices": {each.device: each.subject for each in cloud.database.all_devices()},
        "times": times,
        "consents": {
            subject: [str(record.event_state) for record in cloud.database.consents(subject)]
            for subject in ("s-1", "s-2")
        },
        "zones": len(cloud.limits.in_force("s-1").zones),
        "entries": cloud.database.leaf_count(),
        "tombstones": len(cloud._tombstones.all()),
        "checkpoint": cloud.audit.checkpoint(),
        "public_key": cloud.audit.public_key,
    }


def main() -> None:
    """Make the folder anew."""
    folder = Path(sys.argv[2])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copy2(POLICY, folder / "policy.toml")
    clock = FakeClock()
    clock.at = NOON
    config = Config.in_directory(folder, policy=folder / "policy.toml", broker=None)
    with CloudSync.open(config, clock=clock, link=ListLink()) as cloud:
        expected = fill(cloud, clock)
    for name in ("telemetry.db", "keys.db", "tombstones.db"):
        with sqlite3.connect(folder / name) as database:
            database.execute("VACUUM")
        database.close()
    for leftover in (*folder.glob("*-wal"), *folder.glob("*-shm"), *folder.glob("releases.db*")):
        leftover.unlink()
    (folder / "expected.json").write_text(json.dumps(expected, indent=2) + "\n")


main()
