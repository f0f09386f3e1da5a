"""What every key store and every tombstone store does, whatever it is made of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cloud_sync.errors import StoreError
from cloud_sync.model import Leaf, Tip, Tombstone
from cloud_sync.stores import KeyDatabase, TombstoneStore
from tests.unit.cloud_sync.storage.stores_contract import Implementation

D = "aaaaaaaaaaaaaaaa"
OTHER = "bbbbbbbbbbbbbbbb"
STONE = Tombstone("t-1", D, 1, 10, 12, 5.0, "erasure")


def leaf(epoch: int, stream: int = 1, device: str = D, generation: int = 0) -> Leaf:
    """A leaf whose wrapped bytes tell it from every other one."""
    return Leaf(device, generation, stream, epoch, 0, f"{device}/{generation}/{stream}/{epoch}".encode())


def test_a_ladder_has_one_tip(keys: KeyDatabase) -> None:
    """The second write replaces the first; generations and streams are apart."""
    first, second = Tip(D, 0, 1, 100, b"x"), Tip(D, 1, 1, 100, b"y")
    for tip in (first, second, replace(first, epoch=101, wrapped=b"z")):
        keys.put_tip(tip)
    assert keys.tip(D, 0, 1) == replace(first, epoch=101, wrapped=b"z")
    assert keys.tip(D, 0, 2) is None
    assert keys.tips() == [replace(first, epoch=101, wrapped=b"z"), second]
    assert keys.destroy_tips(OTHER) == 0
    assert keys.destroy_tips(D) == 2
    assert keys.tips() == []


def test_leaves_are_found_by_day_and_by_span(keys: KeyDatabase) -> None:
    """Spans are inclusive, stream 0 is every stream, other devices stay out; a second write replaces the first."""
    rows = [leaf(epoch, stream) for epoch in (1, 2, 3) for stream in (1, 4)]
    for row in (*rows, leaf(2, device=OTHER)):
        keys.put_leaf(row)
    keys.put_leaf(replace(leaf(1), base_counter=9, wrapped=b"moved"))
    assert keys.leaf(D, 0, 1, 1) == replace(leaf(1), base_counter=9, wrapped=b"moved")
    assert keys.leaf(D, 1, 1, 1) is None
    assert keys.leaves(D, 1, 2, 3) == [leaf(2), leaf(3)]
    assert keys.leaves(D, 0, 2, 2) == [leaf(2, 1), leaf(2, 4)]


def test_leaves_before_a_day_are_listed_over_all_devices_oldest_first(keys: KeyDatabase) -> None:
    """The bound is strict and the limit holds."""
    for row in (leaf(3), leaf(1, device=OTHER), leaf(1), leaf(1, stream=4)):
        keys.put_leaf(row)
    assert keys.leaves_before(1, 3, 10) == [leaf(1), leaf(1, device=OTHER)]
    assert keys.leaves_before(1, 3, 1) == [leaf(1)]


def test_destroyed_leaves_are_gone_and_only_they(keys: KeyDatabase) -> None:
    """One stream's span, then every stream's."""
    for row in [leaf(epoch, stream) for epoch in (1, 2, 3) for stream in (1, 4)] + [leaf(2, device=OTHER)]:
        keys.put_leaf(row)
    assert keys.destroy_leaves(D, 1, 2, 2) == 1
    assert keys.leaf(D, 0, 1, 2) is None and keys.leaf(D, 0, 4, 2) is not None
    assert keys.destroy_leaves(D, 0, 2, 3) == 3
    assert keys.leaves(D, 0, 0, 99) == [leaf(1, 1), leaf(1, 4)]
    assert keys.leaf(OTHER, 0, 1, 2) == leaf(2, device=OTHER)


def test_a_device_has_one_downlink_chain(keys: KeyDatabase) -> None:
    """The second write replaces the first."""
    assert keys.down(D) is None
    keys.put_down(D, 0, 1, b"x")
    keys.put_down(D, 1, 0, b"y")
    assert keys.down(D) == (1, 0, b"y")


def test_key_transactions_roll_back(keys: KeyDatabase) -> None:
    """Tip and leaf change together or not at all."""
    with pytest.raises(RuntimeError), keys.transaction():
        keys.put_leaf(leaf(1))
        keys.put_tip(Tip(D, 0, 1, 2, b"x"))
        raise RuntimeError
    assert (keys.leaf(D, 0, 1, 1), keys.tips()) == (None, [])


def test_tombstones_cover_their_span_and_survive(implementation: Implementation, tmp_path: Path) -> None:
    """Inclusive at both ends, one stream or all, one device, and after opening again."""
    store = implementation.tombstones(tmp_path)
    store.append(STONE)
    store.append(replace(STONE, tombstone_id="t-2", device=OTHER, stream=0))
    store.close()
    again: TombstoneStore = implementation.tombstones(tmp_path)
    assert again.all() == [STONE, replace(STONE, tombstone_id="t-2", device=OTHER, stream=0)]
    assert [again.covers(D, 1, epoch) for epoch in (9, 10, 12, 13)] == [False, True, True, False]
    assert (again.covers(D, 2, 10), again.covers(OTHER, 2, 10)) == (False, True)
    again.close()


def test_a_tombstone_is_appended_once(tombstones: TombstoneStore) -> None:
    """The same id again is refused."""
    tombstones.append(STONE)
    with pytest.raises(StoreError):
        tombstones.append(STONE)
