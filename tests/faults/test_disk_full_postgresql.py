"""PostgreSQL's disk is full in the middle of a batch: nothing half is left, and the server goes on by itself once there is room.

As in `test_disk_full`, no write may make a file longer than so many bytes (RLIMIT_FSIZE); here it is the database's own process
that is held to it, from outside (prlimit(2); PostgreSQL ignores SIGXFSZ, so that its write fails). Where a table cannot grow it
reports an error; where its log cannot, it stops all connections and recovers, as on a disk that is full.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from cloud_sync.config import Config
from cloud_sync.errors import StoreError
from cloud_sync.ingest.outcome import Kind
from cloud_sync.model import Actor, Stream
from cloud_sync.places import PostgresqlUrl
from cloud_sync.service import CloudSync
from tests.unit.cloud_sync.consent.consent_world import Place, by, enrolled
from tests.unit.cloud_sync.ingest.ingest_world import NOON, TODAY
from tests.unit.cloud_sync.mqtt.mqtt_broker import until
from tests.unit.cloud_sync.storage.cluster import Cluster, binaries

pytestmark = pytest.mark.skipif(not binaries(), reason="PostgreSQL is not there")

T = int(NOON) - 7000
COUNT = 60  # envelopes of a batch: more than a page of the table
LARGE = 3500  # envelopes before: the table's file is longer than what is written of a fresh file of the log
PAGE = 8192
LOG = 6_000_000  # bytes of its file of the log (16 MiB): beyond any table's
ME = Actor("s-1", "data_subject")


class Served(Place):
    """An installation with its database on a PostgreSQL server."""

    url: PostgresqlUrl

    @property
    def config(self) -> Config:
        """Keys and tombstones lie in files."""
        return replace(super().config, database=self.url)


@pytest.fixture
def server() -> Iterator[Cluster]:
    """A server of our own: it is made to stop."""
    server = Cluster.start()
    yield server
    server.end()


@contextmanager
def full_at(server: Cluster, cloud: CloudSync, size: int) -> Iterator[None]:
    """The process behind our connection lets no file grow beyond `size` bytes."""
    [(pid,)] = cloud.database.rows("SELECT pg_backend_pid()")  # type: ignore[attr-defined]
    assert _limited(server, pid, str(size))
    try:
        yield
    finally:
        _limited(server, pid, "unlimited")  # or it has stopped


def _limited(server: Cluster, pid: int, size: str) -> bool:
    """By the user whose process it is: only the limit that may be raised again."""
    return server._run(["prlimit", f"--pid={pid}", f"--fsize={size}:"]).wait(10) == 0


def fresh_log(server: Cluster, written: int) -> None:
    """Begin another file of the log, by somebody whose disk is not full, and write so many bytes of it."""
    server.run(
        "SELECT pg_switch_wal()", "CHECKPOINT", f"SELECT pg_logical_emit_message(true, '', repeat('-', {written}))"
    )


def stops(server: Cluster) -> int:
    """How often the server has stopped all connections because its log could not grow; it answers again."""

    def answers() -> bool:
        try:
            psycopg.connect(server.url()).close()
        except psycopg.OperationalError:
            return False
        return True

    until(answers, 30)
    return (server.folder / "log").read_text().count("PANIC:")


def test_a_batch_on_a_full_disk_of_postgresql_is_stored_whole_or_not_at_all(server: Cluster, tmp_path: Path) -> None:
    """A table that cannot grow, a log that cannot: `StoreError`, not a row; with room each is stored once, without a restart."""
    place = Served(tmp_path)
    place.url = server.place(tmp_path, "telemetry")
    place.clock.at = NOON - 7200
    with place.open() as cloud:
        tracker = enrolled(cloud)
        cloud.consent.give("s-1", "tracking", by("s-1"))
        place.clock.at = NOON
        cloud.sweep()
        sealed = iter([tracker.fixes([T + n], version=1000) for n in range(LARGE + 6 * COUNT)])
        for _ in range(LARGE // 500):
            cloud.handle([(tracker.topic, next(sealed)) for _ in range(500)])
        count, refused = LARGE, list[tuple[str, int]]()
        for size in ("room", "table", "table", "log", "log"):
            messages = [(tracker.topic, next(sealed)) for _ in range(COUNT)]
            fresh_log(server, LOG if size == "log" else PAGE)
            [(length,)] = cloud.database.rows("SELECT pg_relation_size('envelope')")  # type: ignore[attr-defined]
            at = length if size == "table" else length + 100 * PAGE
            before = stops(server)
            try:
                with full_at(server, cloud, at):
                    outcomes = cloud.handle(messages)
            except StoreError:
                refused.append((size, stops(server) - before))
                assert cloud.database.count_envelopes() == count
                outcomes = cloud.handle(messages)
            assert {each.kind for each in outcomes} == {Kind.STORED}
            count += COUNT
            assert cloud.database.count_envelopes() == count
        assert refused == [("table", 0), ("table", 0), ("log", 1), ("log", 1)]
        cloud.audit.check()
        rows = cloud.database.envelopes(tracker.name, Stream.LOCATION, TODAY, TODAY)
        assert [row.id.counter for row in rows] == list(range(count))
        fixes = cloud.read_location(actor=ME, purpose="tracking", subject="s-1", start=T, end=NOON + 1)
        assert fixes.unreadable == 0
