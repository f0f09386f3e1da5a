"""What a PostgreSQL server must be set to, before it may hold a store."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_sync.errors import ConfigError, StoreError
from cloud_sync.model import Leaf
from cloud_sync.places import PostgresqlUrl
from cloud_sync.storage import open as opening
from cloud_sync.storage.postgresql import PostgresqlKeys, PostgresqlTelemetry
from tests.unit.cloud_sync.storage.cluster import Cluster, binaries, cluster, schema_of
from tests.unit.cloud_sync.storage.test_database_contract import D1, envelope

pytestmark = pytest.mark.skipif(binaries() is None, reason="PostgreSQL is not installed")

SECRET = b"wrapped-4711-wrapped-4711"


@pytest.fixture(scope="module")
def own() -> Iterator[Cluster]:
    """A cluster that a test may stop and start again."""
    own = Cluster.start()
    yield own
    own.end()


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
def test_a_server_that_loses_commits_is_refused(own: Cluster, tmp_path: Path, setting: str) -> None:
    """With everything on it is taken; with one of the two off it is not, and the sentence names them."""
    url = own.place(tmp_path, "telemetry")
    PostgresqlTelemetry(url).close()
    own.stop()
    own.start_again(**{setting: "off"})
    try:
        with pytest.raises(ConfigError, match="fsync and full_page_writes"):
            PostgresqlTelemetry(url)
    finally:
        own.stop()
        own.start_again()
    PostgresqlTelemetry(url).close()


@pytest.mark.parametrize(
    ("setting", "value"), [("wal_recycle", "on"), ("wal_keep_size", "16MB"), ("archive_mode", "on")]
)
def test_keys_are_refused_where_the_log_would_keep_them(own: Cluster, tmp_path: Path, setting: str, value: str) -> None:
    """The sentence names the setting; a telemetry database, whose content is sealed, may lie there."""
    url = own.place(tmp_path, "keys")
    PostgresqlKeys(url).close()
    own.stop()
    own.start_again(**{setting: value})
    try:
        with pytest.raises(ConfigError, match=setting):
            PostgresqlKeys(url)
        PostgresqlTelemetry(own.place(tmp_path, "telemetry")).close()
    finally:
        own.stop()
        own.start_again()
    PostgresqlKeys(url).close()


def test_keys_are_refused_where_a_replication_slot_keeps_the_log(own: Cluster, tmp_path: Path) -> None:
    """Also when the slot is made while the store is open: the erasure says so."""
    store = PostgresqlKeys(own.place(tmp_path, "keys"))
    own.run("SELECT pg_create_physical_replication_slot('standby', true)")
    try:
        with pytest.raises(ConfigError, match="replication slots"):
            store.vacuum_erased()
    finally:
        own.run("SELECT pg_drop_replication_slot('standby')")
    store.vacuum_erased()
    store.close()


def test_the_role_of_a_key_store_needs_three_grants(own: Cluster, tmp_path: Path) -> None:
    """A role without them is told which; with them it works, and is no superuser."""
    url = own.place(tmp_path, "keys")
    own.run("CREATE ROLE vault LOGIN", f"ALTER SCHEMA {schema_of(url)} OWNER TO vault")
    as_vault = PostgresqlUrl(url.replace("user=byleave", "user=vault"))
    with pytest.raises(ConfigError, match=r"pg_checkpoint.*pg_read_all_stats.*pg_switch_wal"):
        PostgresqlKeys(as_vault)
    own.run("GRANT pg_checkpoint, pg_read_all_stats TO vault", "GRANT EXECUTE ON FUNCTION pg_switch_wal() TO vault")
    store = PostgresqlKeys(as_vault)
    store.put_leaf(Leaf(D1.device, 0, 1, 1, 0, SECRET))
    store.destroy_leaves(D1.device, 1, 1, 1)
    store.vacuum_erased()
    assert SECRET not in own.bytes()
    store.close()


def test_a_database_in_another_encoding_is_refused(own: Cluster) -> None:
    """UTF8 is taken, LATIN1 is not."""
    own.run(
        "CREATE DATABASE utf ENCODING 'UTF8' TEMPLATE template0",
        "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0",
    )
    PostgresqlTelemetry(own.url("utf")).close()
    with pytest.raises(ConfigError, match="UTF8"):
        PostgresqlTelemetry(own.url("latin"))


def test_stores_that_one_backup_would_hold_are_refused(own: Cluster, tmp_path: Path) -> None:
    """Two databases of one cluster, or one file for two; two clusters, and two files, are apart."""
    here, there = cluster().place(tmp_path, "telemetry"), own.place(tmp_path, "keys")
    opening.check_apart(here, there, tmp_path / "tombstones.db")
    own.run("CREATE DATABASE second")
    with pytest.raises(ConfigError, match="backed up as one"):
        opening.check_apart(here, PostgresqlUrl(own.url("second")), there)
    with pytest.raises(ConfigError, match="backed up as one"):
        opening.check_apart(tmp_path / "a.db", tmp_path / "x" / ".." / "a.db", here)


def test_a_server_that_stops_and_starts_is_found_again(own: Cluster, tmp_path: Path) -> None:
    """While it is away every use is a StoreError; afterwards what was committed is there."""
    store = PostgresqlTelemetry(own.place(tmp_path, "telemetry"))
    store.add_device(D1)
    own.stop()
    for _ in range(2):
        with pytest.raises(StoreError):
            store.device(D1.device)
        with pytest.raises(StoreError), store.transaction():
            raise AssertionError
    own.start_again()
    assert store.device(D1.device) == D1
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.device(D1.device)


def test_what_was_committed_survives_a_crash_of_the_server(own: Cluster, tmp_path: Path) -> None:
    """The server ends without writing its tables; what was in a transaction that had not committed is not there."""
    store, other = (PostgresqlTelemetry(own.place(tmp_path, "telemetry")) for _ in range(2))
    store.add_device(D1)
    rows = [envelope(counter=counter) for counter in range(100)]
    store.add_envelopes(rows[:60])
    with pytest.raises(StoreError), other.transaction():
        other.add_envelopes(rows[60:])
        own.stop(signal.SIGQUIT)
    own.start_again()
    assert store.envelopes(D1.device, 1, 0, 99_999) == rows[:60]
    store.close()
    other.close()
