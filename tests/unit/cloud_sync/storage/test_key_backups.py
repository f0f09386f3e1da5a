"""A backup of the key store in pieces: all of it, whatever comes in meanwhile, and nothing waits for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cloud_sync.errors import CloudSyncError
from cloud_sync.model import Leaf
from cloud_sync.storage import keybackup
from cloud_sync.storage.keybackup import MADE_AT, back_up, restore
from cloud_sync.storage.schema import KEYS
from cloud_sync.storage.sqlite import SqliteEngine, SqliteKeys

LEAVES = 11


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SqliteKeys:
    """Eleven leaves and seven keys of records, of which a piece has three."""
    monkeypatch.setattr(keybackup, "PIECE", 3)
    store = SqliteKeys(tmp_path / "keys.db")
    for n in range(LEAVES):
        store.put_leaf(leaf(n))
    for n in range(7):
        store.put_record_key(f"r-{n}", "s-1", b"wrapped")
    return store


def leaf(n: int) -> Leaf:
    """A day's key of one of two devices."""
    return Leaf(f"d-{n % 2}", 0, 1, 20_500 + n, 0, b"wrapped %d" % n)


def rows(store: SqliteKeys) -> list[list[tuple[Any, ...]]]:
    """Everything that a backup has of a store."""
    tables = ("leaf", "record_key", "person", "shield")
    return [sorted(store.rows(f"SELECT * FROM {table}")) for table in tables]  # noqa: S608 - names of the schema


def test_a_backup_in_pieces_has_every_row(store: SqliteKeys, tmp_path: Path) -> None:
    """Restored, the tables are as they were, none twice and none missing; the last piece is not a full one, or is."""
    for kept in (LEAVES, 9, 3, 0):
        for n in range(kept, LEAVES):
            gone = leaf(n)
            store.destroy_leaf(gone.device, gone.generation, gone.stream, gone.epoch)
        assert back_up(store, tmp_path / f"backup-{kept}", 1000.0) == kept + 7
        restore(tmp_path / f"backup-{kept}", tmp_path / f"again-{kept}.db", 1001.0, lambda at: at + 60)
        again = SqliteKeys(tmp_path / f"again-{kept}.db")
        assert rows(again) == rows(store) and len(rows(again)[0]) == kept
        again.close()
    store.close()


def test_keys_come_and_go_while_a_backup_is_made(
    store: SqliteKeys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two pieces another connection writes without waiting; the rows that were there all the time are in it."""
    other, asked = SqliteKeys(tmp_path / "keys.db"), store.rows
    came = iter(range(100, 200))

    def between(*args: Any) -> list[tuple[Any, ...]]:
        other.put_leaf(leaf(next(came)))
        return asked(*args)

    with monkeypatch.context() as patch:
        patch.setattr(store, "rows", between)
        assert back_up(store, tmp_path / "backup", 1000.0) >= LEAVES + 7
    backup = SqliteKeys(tmp_path / "backup")
    there = {(row[0], row[3]) for row in backup.rows("SELECT * FROM leaf")}
    assert {(each.device, each.epoch) for each in map(leaf, range(LEAVES))} <= there
    for each in (backup, other, store):
        each.close()


@pytest.mark.parametrize("steps", range(2, len(KEYS) + 1))
def test_a_backup_of_any_schema_is_put_back_and_stays_as_it_is(steps: int, tmp_path: Path) -> None:
    """Its manifest has its hash: one that was brought up to date would be called damaged, and a medium may be read-only."""
    old = SqliteEngine(tmp_path / "backup", KEYS[:steps], private=True)
    names = "device, generation, stream, epoch, base_counter, wrapped"
    old.run(f"INSERT INTO leaf ({names}) VALUES (?, ?, ?, ?, ?, ?)", ("d-1", 0, 1, 20_500, 0, b"wrapped"))  # noqa: S608
    old.run("INSERT INTO seen (name, count) VALUES (?, ?)", (MADE_AT, 1000))
    old.close()
    before = (tmp_path / "backup").read_bytes()
    assert restore(tmp_path / "backup", tmp_path / "keys.db", 1001.0, lambda at: at + 60) == 1
    assert (tmp_path / "backup").read_bytes() == before
    store = SqliteKeys(tmp_path / "keys.db")
    assert store.rows("SELECT * FROM leaf") == [("d-1", 0, 1, 20_500, 0, b"wrapped", 0)]
    store.close()


def test_what_is_no_backup_is_put_back_nowhere(store: SqliteKeys, tmp_path: Path) -> None:
    """An empty file, and a key store itself: refused, and there is no store then."""
    store.close()
    (tmp_path / "empty").touch(mode=0o600)
    for name in ("empty", "keys.db"):
        with pytest.raises(CloudSyncError, match="is no backup"):
            restore(tmp_path / name, tmp_path / "again.db", 1001.0, lambda at: at + 60)
        assert not (tmp_path / "again.db").exists()
