"""How far deleting reaches on PostgreSQL: what is in no byte of a cluster any more, and what is not claimed."""

from __future__ import annotations

import threading
from pathlib import Path

import psycopg
import pytest

from cloud_sync.errors import StoreError
from cloud_sync.model import AuditEvent, Leaf
from cloud_sync.storage import postgresql_erasing
from cloud_sync.storage.postgresql import PostgresqlKeys, PostgresqlTelemetry
from tests.unit.cloud_sync.storage.cluster import binaries, cluster
from tests.unit.cloud_sync.storage.test_database_contract import D1, envelope

pytestmark = pytest.mark.skipif(binaries() is None, reason="PostgreSQL is not installed")

CANARY = b"canary-4711-canary-4711-canary-4711"


def test_destroyed_and_replaced_keys_are_in_no_byte_of_the_cluster(tmp_path: Path) -> None:
    """Tables and write-ahead log: the leaf that was destroyed, the one that was moved forward, one of an undone transaction."""
    store = PostgresqlKeys(cluster("keys").place(tmp_path, "keys"))
    canaries = [b"%d-" % n + CANARY for n in range(3)]
    store.put_leaf(Leaf(D1.device, 0, 1, 1, 0, canaries[0]))
    store.put_leaf(Leaf(D1.device, 0, 1, 2, 0, canaries[1]))
    with pytest.raises(RuntimeError), store.transaction():
        store.put_leaf(Leaf(D1.device, 0, 1, 3, 0, canaries[2]))
        raise RuntimeError
    cluster("keys").run("CHECKPOINT")
    assert [canary in cluster("keys").bytes() for canary in canaries] == [True] * 3
    store.destroy_leaves(D1.device, 1, 1, 1)
    store.put_leaf(Leaf(D1.device, 0, 1, 2, 7, b"moved forward, another value now"))
    cluster("keys").run("CHECKPOINT")
    assert [canary in cluster("keys").bytes() for canary in canaries] == [True] * 3  # this is why the rewriting exists
    store.vacuum_erased()
    assert [canary in cluster("keys").bytes() for canary in canaries] == [False] * 3
    assert b"moved forward" in cluster("keys").bytes()
    store.close()


def test_what_the_log_said_of_a_person_is_in_no_table_of_the_cluster(tmp_path: Path) -> None:
    """An entry that was forgotten leaves the tables; what its backup and the archive of the log hold, their horizon ends."""
    store = PostgresqlTelemetry(cluster("keys").place(tmp_path, "telemetry"))
    subject = CANARY.decode()
    store.append_leaf(AuditEvent("gate.allowed", 1.5, "a-1", subject), b"leaf", b"hash")
    cluster("keys").run("CHECKPOINT")
    assert CANARY in cluster("keys").bytes("base")
    store.forget_subject(subject)
    store.vacuum_erased()
    cluster("keys").run("CHECKPOINT")
    assert CANARY not in cluster("keys").bytes("base")
    store.close()


def test_a_removed_envelope_has_no_row_and_no_dead_one(tmp_path: Path) -> None:
    """What may be left of it in a page's free space is sealed under a key that is destroyed."""
    telemetry = PostgresqlTelemetry(cluster("keys").place(tmp_path, "telemetry"))
    telemetry.add_device(D1)
    telemetry.add_envelopes([envelope(counter=counter) for counter in range(50)])
    telemetry.remove_span(D1.device, 1, 20_000, 20_000)
    telemetry.vacuum_erased()
    assert telemetry.one("SELECT pg_relation_size('envelope')") == (0,)  # the empty end of the table is given back
    assert "envelope" in telemetry.sealed
    telemetry.close()


def test_an_old_snapshot_makes_the_erasure_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that began before keeps the old rows alive; when it has ended the same call succeeds."""
    monkeypatch.setattr(postgresql_erasing, "WAIT_S", 0.05)
    store = PostgresqlKeys(cluster("keys").place(tmp_path, "keys"))
    store.put_leaf(Leaf(D1.device, 0, 1, 1, 0, CANARY))
    with psycopg.connect(store.url) as reader:
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT count(*) FROM leaf").fetchone()
        store.destroy_leaves(D1.device, 1, 1, 1)
        with pytest.raises(StoreError, match="another connection"):
            store.vacuum_erased()
    store.vacuum_erased()
    assert CANARY not in cluster("keys").bytes()
    store.close()


def test_an_erasure_waits_for_a_batch_of_another_process(tmp_path: Path) -> None:
    """A transaction that is soon over is no reason to fail."""
    store = PostgresqlKeys(cluster("keys").place(tmp_path, "keys"))
    other = PostgresqlKeys(store.url)
    store.put_leaf(Leaf(D1.device, 0, 1, 1, 0, CANARY))
    store.destroy_leaves(D1.device, 1, 1, 1)
    inside, ended = threading.Event(), []

    def batch() -> None:
        with other.transaction():
            other.raise_seen("tombstones", 1)
            inside.set()
            store_waits.wait(5)
        ended.append(True)

    store_waits = threading.Event()
    thread = threading.Thread(target=batch)
    thread.start()
    assert inside.wait(5)
    threading.Timer(0.1, store_waits.set).start()
    store.vacuum_erased()
    thread.join(5)
    assert ended == [True] and CANARY not in cluster("keys").bytes()
    store.close()
    other.close()
