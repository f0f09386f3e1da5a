"""What is particular to the SQLite files: modes, settings, schema versions, and content that is really gone."""

# ruff: noqa: S608 - statements are joined from constants of this module; every value is bound

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from cloud_sync.errors import ConfigError, StoreError
from cloud_sync.model import Leaf, Tombstone
from cloud_sync.storage.engine import Migration
from cloud_sync.storage.schema import KEYS, TELEMETRY, TOMBSTONES
from cloud_sync.storage.sqlite import SqliteEngine, SqliteKeys, SqliteTelemetry, SqliteTombstones
from tests.unit.cloud_sync.storage.test_database_contract import CONSENT, D1, envelope

CANARY = b"canary-4711-canary-4711-canary-4711"


def on_disk(directory: Path) -> bytes:
    """Every byte of every file, logs included."""
    return b"".join(path.read_bytes() for path in sorted(directory.iterdir()))


@pytest.mark.parametrize("store", [SqliteKeys, SqliteTombstones])
def test_a_file_with_key_material_that_others_can_read_is_refused(store: type[SqliteEngine], tmp_path: Path) -> None:
    """Made with mode 0600 and accepted so; with one bit more it is refused and the message says what to do."""
    path = tmp_path / "file.db"
    store(path).close()
    assert path.stat().st_mode & 0o777 == 0o600
    store(path).close()
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        store(path)


def test_a_directory_that_does_not_exist_is_a_configuration_error(tmp_path: Path) -> None:
    """The message names the path."""
    with pytest.raises(ConfigError, match="nowhere"):
        SqliteTelemetry(tmp_path / "nowhere" / "telemetry.db")


def test_a_file_that_is_no_database_raises_the_package_s_own_error(tmp_path: Path) -> None:
    """No sqlite3 exception leaks from the constructor."""
    (tmp_path / "telemetry.db").write_bytes(b"this is not a database, but long enough to be read as one" * 20)
    with pytest.raises(StoreError):
        SqliteTelemetry(tmp_path / "telemetry.db")


def test_settings_are_those_that_durability_and_erasure_need(tmp_path: Path) -> None:
    """WAL, synchronous FULL (2), secure_delete ON (1), temporary content in memory (2)."""
    store = SqliteTelemetry(tmp_path / "telemetry.db")
    found = {
        name: store.one(f"PRAGMA {name}")[0] for name in ("journal_mode", "synchronous", "secure_delete", "temp_store")
    }
    assert found == {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1, "temp_store": 2}
    store.close()


def test_erased_envelopes_are_in_no_byte_of_the_files(tmp_path: Path) -> None:
    """A canary is found after the insert, and in neither database nor log after removal and truncation."""
    store = SqliteTelemetry(tmp_path / "telemetry.db")
    store.add_device(D1)
    rows = [replace(envelope(counter=counter), payload=CANARY * 20) for counter in range(200)]
    store.add_envelopes(rows)
    assert CANARY in on_disk(tmp_path)
    store.remove_span(D1.device, 1, 20_000, 20_000)
    assert CANARY in on_disk(tmp_path)  # still in the log: this is why the truncation exists
    store.vacuum_erased()
    assert CANARY not in on_disk(tmp_path)
    store.close()


def test_destroyed_and_replaced_keys_are_in_no_byte_of_the_files(tmp_path: Path) -> None:
    """Neither the leaf that was destroyed nor the one that was moved forward can be read again."""
    store = SqliteKeys(tmp_path / "keys.db")
    store.put_leaf(Leaf(D1.device, 0, 1, 1, 0, CANARY))
    store.put_leaf(Leaf(D1.device, 0, 1, 2, 0, CANARY[::-1]))
    assert CANARY in on_disk(tmp_path) and CANARY[::-1] in on_disk(tmp_path)
    store.destroy_leaves(D1.device, 1, 1, 1)
    store.put_leaf(Leaf(D1.device, 0, 1, 2, 7, b"moved forward, another value now"))
    store.vacuum_erased()
    assert CANARY not in on_disk(tmp_path) and CANARY[::-1] not in on_disk(tmp_path)
    store.close()


def test_truncation_that_another_connection_prevents_is_an_error(tmp_path: Path) -> None:
    """A reader with an open snapshot keeps old content alive, so the erasure must not claim success."""
    store = SqliteTelemetry(tmp_path / "telemetry.db")
    store.run("PRAGMA busy_timeout=1")
    store.add_device(D1)
    reader = sqlite3.connect(tmp_path / "telemetry.db")
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM device").fetchall()
    store.add_envelopes([envelope()])
    with pytest.raises(StoreError, match="another connection"):
        store.vacuum_erased()
    reader.close()
    store.vacuum_erased()
    store.close()


@pytest.mark.parametrize("table", ["consent", "audit_leaf", "tombstone"])
def test_append_only_tables_refuse_updates_and_deletes(table: str, tmp_path: Path) -> None:
    """The row that was appended cannot be changed nor removed by any statement of this program."""
    telemetry, stones = SqliteTelemetry(tmp_path / "t.db"), SqliteTombstones(tmp_path / "s.db")
    telemetry.append_consent(CONSENT)
    telemetry.run("INSERT INTO audit_leaf VALUES (0, 'k', 's', '{}', x'00', x'00')")
    stones.append(Tombstone("t-1", D1.device, 1, 1, 2, 0.0, "erasure"))
    store: SqliteEngine = stones if table == "tombstone" else telemetry
    column = {"consent": "subject", "audit_leaf": "leaf", "tombstone": "device"}[table]
    assert store.one(f"SELECT count(*) FROM {table}") == (1,)
    for statement in (f"UPDATE {table} SET {column} = 'x'", f"DELETE FROM {table}"):
        with pytest.raises(StoreError, match="append-only"):
            store.run(statement)
    telemetry.close()
    stones.close()


@pytest.mark.parametrize("migrations", [TELEMETRY, KEYS, TOMBSTONES])
def test_migrations_are_recorded_and_run_once(migrations: tuple[Migration, ...], tmp_path: Path) -> None:
    """Opening again runs nothing; one more step runs alone, with its record."""
    path = tmp_path / "file.db"
    SqliteEngine(path, migrations).close()
    more = (*migrations, Migration(migrations[-1].version + 1, "one more", ("CREATE TABLE more (x INTEGER)",)))
    store = SqliteEngine(path, more)
    assert store.schema_version == more[-1].version
    assert store.one("SELECT count(*) FROM more") == (0,)
    store.close()


def test_tombstones_of_before_there_were_parts_of_days_mean_what_they_meant(tmp_path: Path) -> None:
    """A file of schema 2, opened by this program: whole days, closed for good, whatever the generation."""
    old = SqliteEngine(tmp_path / "tombstones.db", TOMBSTONES[:2])
    old.run("INSERT INTO tombstone VALUES (1, 't-1', ?, 1, 10, 11, 5.0, 'erasure')", (D1.device,))
    old.close()
    stones = SqliteTombstones(tmp_path / "tombstones.db")
    assert stones.all() == [Tombstone("t-1", D1.device, 1, 10, 11, 5.0, "erasure")]
    assert [stones.covers(D1.device, 1, epoch, 7) for epoch in (9, 10, 11, 12)] == [False, True, True, False]
    assert stones.all()[0].span == (10 * 86_400, 12 * 86_400)
    stones.close()


def test_a_migration_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    """Its first statement is undone with its second."""
    path = tmp_path / "file.db"
    SqliteEngine(path, KEYS).close()
    broken = Migration(KEYS[-1].version + 1, "broken", ("CREATE TABLE half (x INTEGER)", "CREATE NONSENSE"))
    with pytest.raises(StoreError):
        SqliteEngine(path, (*KEYS, broken))
    store = SqliteEngine(path, KEYS)
    assert store.schema_version == KEYS[-1].version
    assert store.rows("SELECT name FROM sqlite_master WHERE name = 'half'") == []
    store.close()


def test_a_schema_from_the_future_is_refused(tmp_path: Path) -> None:
    """An older program does not touch a newer file."""
    path = tmp_path / "file.db"
    store = SqliteEngine(path, KEYS)
    store.run("INSERT INTO migration VALUES (99, 'from the future')")
    store.close()
    with pytest.raises(StoreError, match="newer"):
        SqliteEngine(path, KEYS)


def test_an_integer_beyond_64_bits_raises_the_package_s_own_error(tmp_path: Path) -> None:
    """OverflowError of the driver does not leak."""
    store = SqliteKeys(tmp_path / "keys.db")
    with pytest.raises(StoreError):
        store.put_leaf(Leaf(D1.device, 0, 1, 2**63, 0, b""))
    store.close()
