"""A backup of the key store in pieces: all of it, whatever comes in meanwhile, and nothing waits for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cloud_sync.model import Leaf
from cloud_sync.storage import keybackup
from cloud_sync.storage.keybackup import back_up, restore
from cloud_sync.storage.sqlite import SqliteKeys

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
