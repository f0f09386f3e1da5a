"""Erasure of a person with a million and with ten million fixes: until nothing of it opens, and until every row is gone."""

from __future__ import annotations

import os
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from cloud_sync.config import Config
from cloud_sync.consent import Evidence
from cloud_sync.model import COUNTERS, EPOCH_SECONDS, PERSONAL_STREAMS, UPLINK_STREAMS, Stream
from cloud_sync.service import CloudSync
from cloud_sync.storage.numbers import number_of
from tests.unit.cloud_sync.ingest.ingest_world import NOON, POLICY, TODAY, FakeClock, ListLink

FIXES = 20  # of an envelope
A_DAY = 432  # envelopes: a fix each ten seconds, all day
PAYLOAD_BYTES = 150  # of twenty fixes of a drive, sealed
SIZES = (1_000_000, 10_000_000)
OTHERS = 50  # people beside, with a month of days each: their keys lie between
STEP = 1000  # days that a ladder is advanced at a time
SUBJECT = "s-1"


def run(*, quick: bool = False) -> dict[str, object]:
    """Milliseconds, median of the rounds. The stores are SQLite files on a real disk, the parts those of a whole server."""
    figures: dict[str, object] = {}
    for fixes in SIZES[: 1 if quick else None]:
        with tempfile.TemporaryDirectory() as directory:
            home = Path(directory) / "filled"
            home.mkdir()
            filled(home, fixes // FIXES)
            rounds = [_erased(home, Path(directory) / "erased", fixes // FIXES) for _ in range(1 if quick else 3)]
        unreadable, total, longest = (statistics.median(column) for column in zip(*rounds, strict=True))
        figures[f"{fixes}_fixes"] = {
            "unreadable_ms": round(1000 * unreadable, 1),
            "rows_gone_s": round(total, 2),
            "longest_wait_of_ingest_ms": round(1000 * longest, 1),
        }
    return figures


def filled(home: Path, envelopes: int) -> None:
    """An installation with a person of so many envelopes, and others; closed, its logs written back."""
    days = -(-envelopes // A_DAY)
    with opened(home, NOON - days * EPOCH_SECONDS) as (cloud, clock):
        device = cloud.enrol(subject=SUBJECT, settings={}).device
        cloud.consent.give(SUBJECT, "tracking", Evidence(SUBJECT, "demo-1", "app", "tapped_allow", "en"))
        for day in [*range(TODAY - days, TODAY, STEP), TODAY]:
            for stream in UPLINK_STREAMS:
                cloud._keys.advance(device, 0, stream, day)
        cloud.database.run_many(
            "INSERT INTO envelope (device_no, number, digest, stream, directive_version, payload, received_at, oldest_capture)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            rows(cloud.database._number(device), envelopes),
        )
        clock.at = NOON - 30 * EPOCH_SECONDS
        for other in range(OTHERS):
            cloud.enrol(subject=f"p-{other}", settings={})
        cloud._keys.advance_all(TODAY)


def rows(device_no: int | None, envelopes: int) -> Iterator[tuple[object, ...]]:
    """Rows as sealed ones are, which nobody opens here."""
    for n in range(envelopes):
        epoch, counter = TODAY - n // A_DAY, n % A_DAY
        assert counter < COUNTERS
        capture = epoch * EPOCH_SECONDS + counter * (EPOCH_SECONDS / A_DAY)
        number = number_of(Stream.LOCATION, epoch, 0, counter)
        yield device_no, number, n.to_bytes(8, "big"), 1, 1, os.urandom(PAYLOAD_BYTES), capture + 200, capture


class opened:  # noqa: N801 - a context, like a function
    """The installation and its clock."""

    def __init__(self, home: Path, at: float) -> None:
        self._clock = FakeClock(at)
        config = Config.in_directory(home, policy=POLICY, broker=None)
        self._cloud = CloudSync.open(config, clock=self._clock, link=ListLink())

    def __enter__(self) -> tuple[CloudSync, FakeClock]:
        return self._cloud, self._clock

    def __exit__(self, *_: object) -> None:
        self._cloud.close()


def _erased(filled: Path, home: Path, envelopes: int) -> tuple[float, float, float]:
    """Seconds until no key is left, until the receipt, and of the longest transaction that ingest would have waited for."""
    shutil.copytree(filled, home)
    try:
        with opened(home, NOON) as (cloud, _):
            watch = Watch(cloud)
            began = time.perf_counter()
            receipt = cloud.erase(subject=SUBJECT)
            total = time.perf_counter() - began
            assert receipt.envelopes >= envelopes and cloud.database.count_envelopes(receipt.devices[0]) == 0
            return watch.unreadable_at - began, total, watch.longest_s
    finally:
        shutil.rmtree(home)


class Watch:
    """Sees the commits of the key store, and how long the telemetry database is held."""

    def __init__(self, cloud: CloudSync) -> None:
        self._cloud = cloud
        self._keys = cloud.config.keys
        self._device = cloud.database.devices_of(SUBJECT)[0].device
        self.unreadable_at = self.longest_s = self._begun = self._looked_s = 0.0
        store, database = cloud._store, cloud.database
        self._after(store, "_save", self._committed)
        self._after(database, "_begin", lambda: setattr(self, "_begun", time.perf_counter()))
        self._after(database, "_save", self._released)
        assert self._opening() > 0

    def _after(self, store: object, name: str, then: Callable[[], None]) -> None:
        method = getattr(store, name)

        def both() -> None:
            method()
            then()

        setattr(store, name, both)

    def _committed(self) -> None:
        at = time.perf_counter()
        if not self.unreadable_at and not self._opening():
            self.unreadable_at = at
        self._looked_s += time.perf_counter() - at

    def _released(self) -> None:
        self.longest_s = max(self.longest_s, time.perf_counter() - self._begun - self._looked_s)
        self._looked_s = 0.0

    def _opening(self) -> int:
        """Days of personal streams that the key store's file still opens, as another process sees it."""
        with closing(sqlite3.connect(self._keys)) as raw:
            query = (
                "SELECT count(*) FROM leaf WHERE device = ? AND stream <= ? AND (shield = 0 OR EXISTS"
                " (SELECT 1 FROM shield WHERE shield.device = leaf.device AND shield.number = leaf.shield))"
            )
            return int(raw.execute(query, (self._device, max(PERSONAL_STREAMS))).fetchone()[0])
