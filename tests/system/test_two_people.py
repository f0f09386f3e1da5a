"""Two people and a backup of yesterday: one is erased in full, the other deletes a local Tuesday; files, keys and reads agree."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.erasure.civil import local_day
from cloud_sync.errors import KeyDestroyed, SealBroken
from cloud_sync.ingest.outcome import Kind
from cloud_sync.model import EPOCH_SECONDS, PERSONAL_STREAMS, Actor, Stream
from cloud_sync.read.reader import Reader
from cloud_sync.service import CloudSync
from cloud_sync.wire.envelope import open_uplink, parse_uplink
from tests.unit.cloud_sync.ingest.ingest_world import NOON, Tracker
from tests.unit.cloud_sync.service_world import GIVE, Setting, tracker_of

ZONE, TUESDAY = "Europe/Copenhagen", "2026-02-17"  # NOON is Monday's, the day before
DAYS = 4
STEP_S, BATCH = 900, 6
PURPOSES = {Stream.LOCATION: "tracking", Stream.ENVIRONMENT: "condition_monitoring", Stream.MOTION: "theft_alarm"}


class Person:
    """A data subject with a device of their own, and everything that it ever sent."""

    def __init__(self, cloud: CloudSync, name: str) -> None:
        self.name = name
        self.tracker: Tracker = tracker_of(cloud.enrol(subject=name, settings={}))
        self.sent: list[bytes] = []
        self.captured: list[int] = []
        for purpose in PURPOSES.values():
            cloud.consent.give(name, purpose, GIVE.__class__(name, "demo-1", "app", "tapped_allow", "en"))

    def drive(self, cloud: CloudSync, start: int, end: int) -> None:
        """A reading of each stream every quarter of an hour; envelopes end at midnight UTC as a device's do."""
        times = list(range(start, end, STEP_S))
        for day in sorted({time // EPOCH_SECONDS for time in times}):
            of_day = [time for time in times if time // EPOCH_SECONDS == day]
            for first in range(0, len(of_day), BATCH):
                batch = of_day[first : first + BATCH]
                new = [
                    self.tracker.fixes(batch),
                    self.tracker.environment([(time, 215, 80) for time in batch]),
                    self.tracker.motion([(time, 1) for time in batch]),
                ]
                outcomes = cloud.handle([(self.tracker.topic, payload) for payload in new])
                assert [outcome.kind for outcome in outcomes] == [Kind.STORED] * 3
                self.sent += new
        self.captured += times

    def readable(self, cloud: CloudSync) -> dict[Stream, list[int]]:
        """Times of all that the person may read, a stream at a time."""
        span: dict[str, Any] = {"subject": self.name, "start": 0, "end": self.captured[-1] + EPOCH_SECONDS}
        me, reads = Actor(self.name, "data_subject"), (cloud.read_location, cloud.read_environment, cloud.read_motion)
        return {
            stream: [item.time for item in read(actor=me, purpose=PURPOSES[stream], **span)]
            for stream, read in zip(PERSONAL_STREAMS, reads, strict=True)
        }

    def opening(self, cloud: CloudSync) -> int:
        """How many of the envelopes ever sent any stored key of their day opens, whoever kept a copy."""
        return sum(self._opens(cloud, copy) for copy in self.sent)

    def _opens(self, cloud: CloudSync, copy: bytes) -> bool:
        envelope = parse_uplink(copy)
        _, stream, epoch, counter, _ = envelope.header
        for leaf in cloud._store.leaves(self.tracker.name, stream, epoch, epoch):
            try:
                return bool(open_uplink(self.tracker.name, envelope, cloud._keys.open_leaf(leaf).key(counter)))
            except (KeyDestroyed, SealBroken):
                continue
        return False


def rows_in_file(path: Path, device: str) -> int:
    """Envelopes of a device in a database file that nobody has open."""
    query = "SELECT count(*) FROM envelope JOIN device ON device.no = envelope.device_no WHERE device = ?"
    with closing(sqlite3.connect(path)) as raw:
        return int(raw.execute(query, (device,)).fetchone()[0])


def back_up(setting: Setting) -> Path:
    """Copies of database and key store, made while the server is closed."""
    folder = setting.directory / "backup"
    folder.mkdir()
    for name in ("telemetry.db", "keys.db"):
        shutil.copy2(setting.directory / name, folder / name)
    return folder


def put_back(setting: Setting, folder: Path) -> None:
    """The copies in the place of what is there."""
    for copy in folder.iterdir():
        for old in setting.directory.glob(copy.name + "-*"):
            old.unlink()
        shutil.copy2(copy, setting.directory / copy.name)


def test_one_is_erased_and_a_backup_restored_the_other_deletes_a_tuesday(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is served before the replay; 0 envelopes of the first open, all of the other; then exactly the Tuesday goes."""
    setting = Setting(tmp_path)
    with setting.open() as cloud:
        first, other = Person(cloud, "person-1"), Person(cloud, "person-2")
        for day in range(DAYS):
            for person in (first, other):
                setting.clock.at = NOON + (day + 1) * EPOCH_SECONDS
                person.drive(cloud, int(NOON) + day * EPOCH_SECONDS, int(NOON) + (day + 1) * EPOCH_SECONDS)
            cloud.sweep()
        everything = dict.fromkeys(PERSONAL_STREAMS, other.captured)
        assert first.readable(cloud) == other.readable(cloud) == everything
    backup = back_up(setting)
    with setting.open() as cloud:
        setting.clock.at += EPOCH_SECONDS / 2
        assert first.opening(cloud) == len(first.sent)
        receipt = cloud.erase(subject=first.name)
        assert receipt.envelopes >= len(first.sent)
        assert (first.opening(cloud), other.opening(cloud)) == (0, len(other.sent))
    put_back(setting, backup)
    assert rows_in_file(setting.directory / "telemetry.db", first.tracker.name) >= len(first.sent)
    served: list[int] = []
    read = Reader.read
    monkeypatch.setattr(Reader, "read", lambda self, *query: served.append(0) or read(self, *query))
    with setting.open() as cloud:
        assert served == []
        assert (first.opening(cloud), other.opening(cloud)) == (0, len(other.sent))
        assert cloud.database.count_envelopes(first.tracker.name) == 0
        assert first.readable(cloud) == {stream: [] for stream in PERSONAL_STREAMS}
        assert other.readable(cloud) == everything
        assert len(served) == 6
        start, end = local_day(TUESDAY, ZONE)
        assert any(start <= time < end for time in other.captured)
        cloud.erase(subject=other.name, start=start, end=end)
        left = [time for time in other.captured if not start <= time < end]
        assert other.readable(cloud) == dict.fromkeys(PERSONAL_STREAMS, left)
        cut = {start // EPOCH_SECONDS, end // EPOCH_SECONDS}
        untouched = [copy for copy in other.sent if parse_uplink(copy).header.epoch not in cut]
        assert other.opening(cloud) == len(untouched) < len(other.sent)
    put_back(setting, backup)
    with setting.open() as cloud:
        assert (first.opening(cloud), other.opening(cloud)) == (0, len(untouched))
        assert other.readable(cloud) == dict.fromkeys(PERSONAL_STREAMS, left)
        verdicts = cloud.handle([(other.tracker.topic, copy) for copy in other.sent])
        assert all(outcome.verdict is not None for outcome in verdicts)
        assert other.readable(cloud) == dict.fromkeys(PERSONAL_STREAMS, left)
