"""One key above all days of a device: with it gone nothing of the personal streams opens, however many days there are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_sync.errors import KeyDestroyed
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.keys.rows import leaf_identity
from cloud_sync.keys.wrap import FileKeyEncryptionKey
from cloud_sync.model import PERSONAL_STREAMS, UPLINK_STREAMS, Leaf, Stream
from tests.unit.cloud_sync.ingest.ingest_world import KEK, TODAY, Tracker, World
from tests.unit.cloud_sync.storage.places import copy_store

DAYS = 5
A, B = "a" * 16, "b" * 16


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Two devices of five days, of two people."""
    (tmp_path / "world").mkdir()
    world = World(tmp_path / "world")
    for name, subject in ((A, "s-1"), (B, "s-2")):
        world.enrol(name, subject, TODAY - DAYS + 1)
    world.keys.advance_all(TODAY)
    yield world
    world.close()


def opening(world: World, device: str) -> dict[int, int]:
    """By stream, how many of the stored days open, whoever asks: a server that has remembered nothing."""
    keys = LadderKeys(world.store, FileKeyEncryptionKey(KEK), world.tombstones)
    found = dict.fromkeys([int(stream) for stream in UPLINK_STREAMS], 0)
    for leaf in world.store.leaves(device, 0, 0, TODAY + 9):
        try:
            keys.open_leaf(leaf).key(leaf.base_counter)
        except KeyDestroyed:
            continue
        found[leaf.stream] += 1
    return found


ALL = {int(stream): DAYS for stream in UPLINK_STREAMS}
STATUS_ALONE = {**dict.fromkeys(map(int, PERSONAL_STREAMS), 0), int(Stream.STATUS): DAYS}


def test_days_open_as_the_device_sealed_them(world: World) -> None:
    """Behind the shield lies the same key as in the device, and what is wrapped is another one."""
    tracker = Tracker("c" * 16, TODAY)
    world.keys.enrol(tracker.name, tracker.root, 0, TODAY)
    world.keys.advance_all(TODAY)
    leaf = world.store.leaf(tracker.name, 0, Stream.LOCATION, TODAY)
    assert leaf is not None and leaf.shield
    assert world.keys.open_leaf(leaf).key(7) == tracker.key(Stream.LOCATION, TODAY, 7)
    wrapped = FileKeyEncryptionKey(KEK).unwrap(leaf.wrapped, leaf_identity(tracker.name, 0, 1, TODAY, 0))
    assert wrapped != world.keys.open_leaf(leaf).at(0)


def test_one_row_takes_all_personal_days_of_one_device(world: World) -> None:
    """Its status opens still, and everything of the other device; the leaves are rows that open nothing."""
    assert opening(world, A) == opening(world, B) == ALL
    assert world.keys.destroy_all([A]) == 1
    assert (opening(world, A), opening(world, B)) == (STATUS_ALONE, ALL)
    assert len(world.store.leaves(A, 0, 0, TODAY)) == DAYS * len(UPLINK_STREAMS)


def test_a_chain_that_was_remembered_opens_nothing_more(world: World) -> None:
    """The process that has destroyed it asks the store again, as does one that remembers another's."""
    other = LadderKeys(world.store, FileKeyEncryptionKey(KEK), world.tombstones)
    for keys in (world.keys, other):
        keys.chain(A, 0, Stream.LOCATION, TODAY, TODAY).key(0)
    world.keys.destroy_all([A])
    with pytest.raises(KeyDestroyed):
        world.keys.chain(A, 0, Stream.LOCATION, TODAY, TODAY)


def test_the_next_days_have_a_shield_of_their_own(world: World) -> None:
    """What is stored from then on opens, and goes with the next one."""
    world.keys.destroy_all([A])
    world.keys.advance_all(TODAY + 1)
    assert opening(world, A) == {**dict.fromkeys(map(int, PERSONAL_STREAMS), 1), int(Stream.STATUS): DAYS + 1}
    world.keys.destroy_all([A])
    assert opening(world, A) == {**STATUS_ALONE, int(Stream.STATUS): DAYS + 1}


def test_days_of_before_there_were_shields_go_one_by_one(world: World) -> None:
    """Rows of an older store lie under none; they are destroyed in the same commit, those of status stay."""
    kek = FileKeyEncryptionKey(KEK)
    for stream in UPLINK_STREAMS:
        wrapped = kek.wrap(bytes(32), leaf_identity(A, 0, stream, TODAY - 100, 0))
        world.store.put_leaf(Leaf(A, 0, stream, TODAY - 100, 0, wrapped))
    assert opening(world, A) == dict.fromkeys(ALL, DAYS + 1)
    world.keys.destroy_all([A])
    assert opening(world, A) == {**STATUS_ALONE, int(Stream.STATUS): DAYS + 1}


def test_a_sweep_passes_over_a_leaf_without_its_shield(world: World) -> None:
    """Moving it forward, with the rows that expire, destroys it instead of failing."""
    leaf = world.store.leaf(A, 0, Stream.LOCATION, TODAY)
    assert leaf is not None
    world.keys.destroy_all([A])
    world.keys.forward(leaf, 3)
    assert world.store.leaf(A, 0, Stream.LOCATION, TODAY) is None


def test_a_shield_that_a_backup_brings_back_is_destroyed_by_the_replay(world: World, tmp_path: Path) -> None:
    """That of before the person's tombstones; one that was made since stays, over every start."""
    world.close()
    copy_store("keys.db", world.directory, _folder(tmp_path))
    again = World(world.directory, world.clock)
    again.eraser.erase("s-1", again.database.devices_of("s-1"), None, None, "s-1")
    again.keys.advance_all(TODAY + 1)
    for _ in range(2):
        again.eraser.replay()
        assert opening(again, A)[Stream.LOCATION] == 1
    again.close()
    copy_store("keys.db", tmp_path / "backup", world.directory)
    restored = World(world.directory, world.clock)
    assert opening(restored, A) == ALL
    restored.eraser.replay()
    assert restored.store.shield(A) is None
    assert opening(restored, A)[Stream.LOCATION] == 0
    assert opening(restored, B) == ALL
    restored.close()


def _folder(path: Path) -> Path:
    (path / "backup").mkdir()
    return path / "backup"
