"""The server's side of the ladders: it derives what the device derives, and nothing of what it has forgotten."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cloud_sync.errors import ConfigError, KeyDestroyed, SealBroken, UnknownDevice
from cloud_sync.keys.ladderkeys import MAX_ADVANCE_EPOCHS, LadderKeys
from cloud_sync.keys.wrap import FileKeyEncryptionKey
from cloud_sync.model import RESEALED, UPLINK_STREAMS, Leaf, Stream, Tombstone
from cloud_sync.wire import ladder
from tests.unit.cloud_sync.ingest.ingest_world import KEK, TODAY, Tracker, World

L = Stream.LOCATION


@pytest.fixture
def tracker(world: World) -> Tracker:
    """A device enrolled today."""
    return world.enrol()


def server_key(world: World, tracker: Tracker, epoch: int, counter: int, today: int = TODAY) -> bytes:
    """K as the server derives it."""
    return world.keys.chain(tracker.name, 0, L, epoch, today).key(counter)


def closure(world: World, tracker: Tracker, days: int = 40) -> set[bytes]:
    """Every chain start of the location stream that whoever has all wrapped rows and the KEK can derive forward."""
    kek, found = FileKeyEncryptionKey(KEK), set()
    for tip in world.store.tips():
        if (tip.device, tip.stream) == (tracker.name, L):
            spine = kek.unwrap(tip.wrapped, f"byleave/1/tip/{tip.device}/0/1/{tip.epoch}".encode())
            for _ in range(days):
                found.add(ladder.day_chain(spine, L))
                spine = ladder.next_spine(spine, L)
    for leaf in world.store.leaves(tracker.name, L, 0, TODAY + 99):
        found.add(world.keys.open_leaf(leaf).at(leaf.base_counter))
    return found


def chain_start(tracker: Tracker, epoch: int) -> bytes:
    """C(epoch, 0) of the location stream, from the root."""
    spine = ladder.spine(tracker.root, L)
    for _ in range(epoch - TODAY):
        spine = ladder.next_spine(spine, L)
    return ladder.day_chain(spine, L)


def test_server_and_device_derive_the_same_keys(world: World, tracker: Tracker) -> None:
    """Today, after five days without data, forwards, backwards, and the last counter."""
    for epoch, counter in ((TODAY, 0), (TODAY, 7), (TODAY, 3), (TODAY, 4095), (TODAY + 5, 1)):
        assert server_key(world, tracker, epoch, counter, today=max(epoch, TODAY)) == tracker.key(L, epoch, counter)


def test_the_root_is_stored_nowhere(world: World, tracker: Tracker) -> None:
    """Nor any key in the clear: no byte of the key store's files holds the root or a first spine value."""
    on_disk = b"".join(path.read_bytes() for path in world.directory.iterdir())
    assert on_disk.count(tracker.name.encode()) > 0
    assert tracker.root not in on_disk
    assert all(ladder.spine(tracker.root, stream) not in on_disk for stream in UPLINK_STREAMS)


def test_each_day_gets_one_leaf_data_or_none_and_the_tip_lies_beyond(world: World, tracker: Tracker) -> None:
    """Three days pass: four leaves of each stream, and a tip one day above the last; again: nothing more."""
    for _ in range(2):
        world.keys.advance_all(TODAY + 3)
        assert [leaf.epoch for leaf in world.store.leaves(tracker.name, L, 0, TODAY + 99)] == [
            TODAY + n for n in range(4)
        ]
        assert {tip.epoch for tip in world.store.tips()} == {TODAY + 4}
    assert world.keys.last_epoch(tracker.name) == TODAY + 3


def test_a_destroyed_leaf_is_outside_the_closure_of_all_remaining_keys(world: World, tracker: Tracker) -> None:
    """Before: derivable; after: not, while the days around it still are."""
    world.keys.advance_all(TODAY + 2)
    assert chain_start(tracker, TODAY + 1) in closure(world, tracker)
    assert world.keys.destroy(tracker.name, L, TODAY + 1, TODAY + 1) == 1
    left = closure(world, tracker)
    assert chain_start(tracker, TODAY + 1) not in left
    assert chain_start(tracker, TODAY) in left and chain_start(tracker, TODAY + 2) in left
    with pytest.raises(KeyDestroyed):
        server_key(world, tracker, TODAY + 1, 0, today=TODAY + 2)


def test_a_chain_remembered_before_the_destruction_is_not_given_out_after_it(world: World, tracker: Tracker) -> None:
    """Also when another process destroyed the leaf behind this one's back."""
    assert server_key(world, tracker, TODAY, 5)
    world.store.destroy_leaves(tracker.name, L, TODAY, TODAY)
    with pytest.raises(KeyDestroyed):
        server_key(world, tracker, TODAY, 5)


def test_a_chain_remembered_before_another_process_moved_the_leaf_is_opened_anew(
    world: World, tracker: Tracker
) -> None:
    """Counter 9 is given out before the move, and gone after it, although this process remembers its chain."""
    assert server_key(world, tracker, TODAY, 9)
    leaf = world.store.leaf(tracker.name, 0, L, TODAY)
    assert leaf is not None
    LadderKeys(world.store, FileKeyEncryptionKey(KEK), world.tombstones).forward(leaf, 10)
    with pytest.raises(KeyDestroyed):
        server_key(world, tracker, TODAY, 9)
    assert server_key(world, tracker, TODAY, 10) == tracker.key(L, TODAY, 10)


def test_a_tombstone_alone_closes_a_day(world: World, tracker: Tracker) -> None:
    """Its leaf is still there, as after a crash between the two: no key of it is given out, tomorrow's neither."""
    for epoch in (TODAY, TODAY + 1):
        assert server_key(world, tracker, epoch, 0)
        world.tombstones.append(Tombstone(f"t-{epoch}", tracker.name, L, epoch, epoch, 0.0, "erasure"))
        with pytest.raises(KeyDestroyed):
            server_key(world, tracker, epoch, 0)
    assert world.store.leaf(tracker.name, 0, L, TODAY) is not None


def test_moving_a_leaf_forward_forgets_the_keys_before_it(world: World, tracker: Tracker) -> None:
    """Counter 9 is gone, 10 is as before; in rows, in memory, and after a restart."""
    ten = server_key(world, tracker, TODAY, 10)
    leaf = world.store.leaf(tracker.name, 0, L, TODAY)
    assert leaf is not None
    world.keys.forward(leaf, 10)
    restarted = LadderKeys(world.store, FileKeyEncryptionKey(KEK), world.tombstones)
    for keys in (world.keys, restarted):
        chain = keys.chain(tracker.name, 0, L, TODAY, TODAY)
        assert chain.key(10) == ten
        with pytest.raises(KeyDestroyed):
            chain.key(9)
    assert chain_start(tracker, TODAY) not in closure(world, tracker)


def test_a_forged_far_counter_does_not_move_the_remembered_point(world: World, tracker: Tracker) -> None:
    """Without `confirm` the next honest counter costs one step from the last verified one."""
    chain = world.keys.chain(tracker.name, 0, L, TODAY, TODAY)
    chain.key(100)
    chain.confirm()
    chain.key(4095)
    assert chain._counter == 100
    assert chain.key(101) == tracker.key(L, TODAY, 101)


@pytest.mark.parametrize("counter", [-1, 4096])
def test_counters_outside_their_range_have_no_key(world: World, tracker: Tracker, counter: int) -> None:
    """0 and 4095 have one."""
    chain = world.keys.chain(tracker.name, 0, L, TODAY, TODAY)
    assert chain.key(0) and chain.key(4095)
    with pytest.raises(KeyDestroyed):
        chain.key(counter)


def test_only_today_and_tomorrow_can_be_derived(world: World, tracker: Tracker) -> None:
    """The day before the first and the day after tomorrow are closed; tomorrow stores nothing until confirmed."""
    assert server_key(world, tracker, TODAY + 1, 0) == tracker.key(L, TODAY + 1, 0)
    assert world.store.leaf(tracker.name, 0, L, TODAY + 1) is None
    for epoch in (TODAY - 1, TODAY + 2):
        with pytest.raises(KeyDestroyed):
            server_key(world, tracker, epoch, 0)


def test_an_unknown_device_or_generation_has_no_ladder(world: World, tracker: Tracker) -> None:
    """The error is the package's own, for uplink and downlink."""
    assert world.keys.chain(tracker.name, 0, L, TODAY, TODAY)
    for name, generation in (("z" * 16, 0), (tracker.name, 1)):
        with pytest.raises(UnknownDevice):
            world.keys.chain(name, generation, L, TODAY, TODAY)
    with pytest.raises(UnknownDevice):
        world.keys.down_keys("z" * 16, 1)


def test_a_clock_that_leaps_by_years_does_not_move_the_tips(world: World, tracker: Tracker) -> None:
    """At the bound it advances, one day beyond it refuses and changes nothing."""
    with pytest.raises(ConfigError, match="clock"):
        world.keys.advance_all(TODAY + MAX_ADVANCE_EPOCHS + 1)
    assert {tip.epoch for tip in world.store.tips()} == {TODAY}
    world.keys.advance(tracker.name, 0, L, TODAY + MAX_ADVANCE_EPOCHS)
    assert world.keys.last_epoch(tracker.name) == TODAY + MAX_ADVANCE_EPOCHS


def test_a_restored_key_store_does_not_make_an_erased_day_again(world: World, tracker: Tracker) -> None:
    """The older tip walks over the erased day without leaving a leaf of it."""
    world.tombstones.append(Tombstone("t-1", tracker.name, L, TODAY + 1, TODAY + 1, 0.0, "erasure"))
    world.keys.advance_all(TODAY + 2)
    assert [leaf.epoch for leaf in world.store.leaves(tracker.name, L, 0, TODAY + 9)] == [TODAY, TODAY + 2]
    assert chain_start(tracker, TODAY + 1) not in closure(world, tracker)


def test_a_day_that_was_cut_is_made_again_behind_what_is_erased_of_it(world: World, tracker: Tracker) -> None:
    """The older tip of a restored key store: the first five keys of the day are outside all that it can derive."""
    world.tombstones.append(
        Tombstone("t-1", tracker.name, L, TODAY + 1, TODAY + 1, 0.0, "erasure", 0, 9, 1, generation=0, counter=5)
    )
    world.keys.advance_all(TODAY + 2)
    leaf = world.store.leaf(tracker.name, 0, L, TODAY + 1)
    assert leaf is not None and leaf.base_counter == 5
    with pytest.raises(KeyDestroyed):
        server_key(world, tracker, TODAY + 1, 4, TODAY + 2)
    assert server_key(world, tracker, TODAY + 1, 5, TODAY + 2) == tracker.key(L, TODAY + 1, 5)
    assert chain_start(tracker, TODAY + 1) not in closure(world, tracker)
    assert ladder.step(chain_start(tracker, TODAY + 1), L, 5) in closure(world, tracker)


def test_a_new_edition_has_a_key_out_of_nothing(world: World, tracker: Tracker) -> None:
    """It is stored before it is given out, replaces the one of its name, and no ladder leads to it."""
    before = closure(world, tracker)
    first, second = (world.keys.new_edition(tracker.name, RESEALED + 1, L, TODAY).key(3) for _ in range(2))
    leaf = world.store.leaf(tracker.name, RESEALED + 1, L, TODAY)
    assert leaf is not None and first != second == world.keys.open_leaf(leaf).key(3)
    assert closure(world, tracker) - before == {world.keys.open_leaf(leaf).at(0)}
    assert world.keys.destroy_leaf(leaf) == 1
    assert world.store.leaf(tracker.name, RESEALED + 1, L, TODAY) is None


def test_a_row_copied_to_another_name_does_not_open(world: World, tracker: Tracker) -> None:
    """The leaf opens as itself; as another day's, at another point or for another device it does not."""
    world.keys.advance_all(TODAY)
    leaf = world.store.leaf(tracker.name, 0, L, TODAY)
    assert leaf is not None and world.keys.open_leaf(leaf).key(0)
    copies: list[Leaf] = [
        replace(leaf, epoch=TODAY - 1),
        replace(leaf, base_counter=1),
        replace(leaf, device="b" * 16),
        replace(leaf, stream=Stream.STATUS),
        replace(leaf, generation=1),
    ]
    for copy in copies:
        with pytest.raises(SealBroken):
            world.keys.open_leaf(copy)


def test_downlink_keys_are_spent_before_they_are_given_out(world: World, tracker: Tracker) -> None:
    """The stored chain is past them at once, so a restart gives the next ones; the keys are the device's."""
    first = world.keys.down_keys(tracker.name, 3)
    restarted = LadderKeys(world.store, FileKeyEncryptionKey(KEK), world.tombstones)
    second = restarted.down_keys(tracker.name, 1)
    assert [key.number for key in [*first, *second]] == [0, 1, 2, 3]
    start = ladder.down_chain(tracker.root)
    for key in [*first, *second]:
        assert key.key == ladder.seal_key(ladder.step(start, Stream.DOWN, key.number), Stream.DOWN)
    assert len({key.key for key in [*first, *second]}) == 4


def test_skipping_downlink_numbers_never_goes_back(world: World, tracker: Tracker) -> None:
    """A jump forward is kept; a jump to where we have been is none."""
    world.keys.skip_down(tracker.name, 1024)
    world.keys.skip_down(tracker.name, 3)
    assert world.keys.down_next(tracker.name) == 1024
    assert [key.number for key in world.keys.down_keys(tracker.name, 1)] == [1024]


def test_remembered_chains_are_bounded(world: World, tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is forgotten, and derived again when it is wanted."""
    monkeypatch.setattr("cloud_sync.keys.ladderkeys.MAX_REMEMBERED_CHAINS", 2)
    keys = [world.keys.chain(tracker.name, 0, stream, TODAY, TODAY).key(1) for stream in UPLINK_STREAMS]
    assert len(world.keys._remembered) == 2
    assert keys == [world.keys.chain(tracker.name, 0, stream, TODAY, TODAY).key(1) for stream in UPLINK_STREAMS]


def test_downlink_keys_end_at_the_number_that_the_device_can_reach(world: World, tracker: Tracker) -> None:
    """Five are wanted and three allowed; none beyond, and nothing is stored then."""
    assert [key.number for key in world.keys.down_keys(tracker.name, 5, last=2)] == [0, 1, 2]
    before = world.store.down(tracker.name)
    assert world.keys.down_keys(tracker.name, 5, last=2) == []
    assert world.store.down(tracker.name) == before
    assert [key.number for key in world.keys.down_keys(tracker.name, 2, last=9)] == [3, 4]
