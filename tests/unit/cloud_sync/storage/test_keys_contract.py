"""What every key store and every tombstone store does, whatever it is made of."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from cloud_sync.errors import StoreError
from cloud_sync.model import (
    COUNTERS,
    RESEALED,
    HealingCandidate,
    HealingOffer,
    HealingWish,
    Leaf,
    Person,
    Tip,
    Tombstone,
)
from cloud_sync.model.enrolment import BegunAdmission, OpenInvitation
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


def test_tips_of_retired_generations_are_destroyed_apart(keys: KeyDatabase) -> None:
    """`below` takes the older generations of one device only."""
    rows = [Tip(device, generation, 1, 100, b"x") for device in (D, OTHER) for generation in (0, 1, 2)]
    for tip in rows:
        keys.put_tip(tip)
    assert keys.destroy_tips(D, below=2) == 2
    assert keys.tips() == rows[2:]


def test_an_invitation_goes_once(keys: KeyDatabase) -> None:
    """By its id, or with its person, as of when it was made; a use is noted until it is through."""
    first = OpenInvitation("a" * 32, "s-1", 100, 200, OTHER, "employer-1", 1, b"wrapped")
    second, third = replace(first, id="b" * 32, made_at=50), replace(first, id="c" * 32, subject="s-2")
    for invitation in (first, second, third):
        keys.put_invitation(invitation)
    assert (keys.invitation(first.id), keys.invitation("d" * 32)) == (first, None)
    assert keys.invitations() == [second, first, third]
    assert (keys.destroy_invitation(third.id), keys.destroy_invitation(third.id)) == (1, 0)
    assert keys.destroy_invitations("s-2", math.inf) == 0
    assert keys.destroy_invitations("s-1", 99.5) == 1
    assert keys.invitations() == [first]
    assert keys.destroy_invitations("s-1", math.inf) == 1
    begun = [BegunAdmission(each.id, "s-1", D, 5.5 - n, OTHER, "") for n, each in enumerate((first, second))]
    for admission in begun:
        keys.put_admission(admission)
    assert keys.admissions() == begun[::-1]
    assert (keys.end_admission(first.id), keys.end_admission(first.id)) == (1, 0)
    assert keys.admissions() == begun[1:]
    with pytest.raises(StoreError):
        keys.put_admission(begun[1])


def test_what_a_healing_leaves_until_it_is_over(keys: KeyDatabase) -> None:
    """A wish and a candidate a device, the second write replaces the first; offers by number, destroyed as asked."""
    assert (keys.wish(D), keys.candidate(D), keys.offers(D)) == (None, None, [])
    for wish in (HealingWish(D, 0), HealingWish(OTHER, 3), HealingWish(D, 1, 5.5, 100)):
        keys.put_wish(wish)
    assert (keys.wish(D), keys.wish(OTHER)) == (HealingWish(D, 1, 5.5, 100), HealingWish(OTHER, 3))
    for candidate in (HealingCandidate(D, 1, 100, 100, 7, b"x"), HealingCandidate(D, 1, 101, 101, 2, b"y")):
        keys.put_candidate(candidate)
    assert keys.candidate(D) == HealingCandidate(D, 1, 101, 101, 2, b"y")
    rows = [HealingOffer(D, 0, number, 100 + number, 100, bytes([number])) for number in (9, 2, 5)]
    for offer in (*rows, HealingOffer(OTHER, 0, 1, 101, 100, b"z")):
        keys.put_offer(offer)
    assert keys.offers(D) == [rows[1], rows[2], rows[0]]
    assert keys.destroy_offers(D, up_to=2) == 1
    assert keys.destroy_offers(spine_epoch=105) == 2
    assert (keys.offers(D), keys.offers(OTHER)) == ([rows[0]], [])
    assert [keys.destroy_offers(D), keys.destroy_wish(D), keys.destroy_candidate(D)] == [1, 1, 1]
    assert [keys.destroy_offers(D), keys.destroy_wish(D), keys.destroy_candidate(D)] == [0, 0, 0]
    assert keys.wish(OTHER) is not None


def test_a_person_has_one_row(keys: KeyDatabase) -> None:
    """The second write replaces the first, others stay out, and what is destroyed is gone."""
    first, other = Person("s-1", 5.5, b"x"), Person("s-2", 6.0, b"y", 3, b"limits")
    assert keys.person("s-1") is None
    for person in (first, other, replace(first, revision=1, limits=b"z")):
        keys.put_person(person)
    assert keys.person("s-1") == replace(first, revision=1, limits=b"z")
    assert [keys.destroy_person(subject) for subject in ("s-1", "s-1", "s-3")] == [1, 0, 0]
    assert (keys.person("s-1"), keys.person("s-2")) == (None, other)


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


CUT = Tombstone("t-3", D, 1, 11, 11, 6.0, "erasure", 950_500, 960_001, edition=2, generation=3, counter=7)


def test_a_tombstone_of_a_part_of_a_day_survives(implementation: Implementation, tmp_path: Path) -> None:
    """All of its fields, in order of appending, and how many there are."""
    store = implementation.tombstones(tmp_path)
    for stone in (CUT, STONE):
        store.append(stone)
    store.close()
    again: TombstoneStore = implementation.tombstones(tmp_path)
    assert (again.all(), again.count()) == ([CUT, STONE], 2)
    again.close()


def test_tombstones_near_a_day_are_those_of_its_neighbours_too(tombstones: TombstoneStore) -> None:
    """A capture may lie beside its epoch; one stream or all, one device."""
    for stone in (
        CUT,
        STONE,
        replace(CUT, tombstone_id="t-4", stream=0),
        replace(CUT, tombstone_id="t-5", device=OTHER),
    ):
        tombstones.append(stone)
    names = {day: [stone.tombstone_id for stone in tombstones.near(D, 1, day)] for day in range(8, 15)}
    assert names == {
        8: [],
        9: ["t-1"],
        10: ["t-3", "t-1", "t-4"],
        11: ["t-3", "t-1", "t-4"],
        12: ["t-3", "t-1", "t-4"],
        13: ["t-1"],
        14: [],
    }
    assert [stone.tombstone_id for stone in tombstones.near(D, 2, 11)] == ["t-4"]


@pytest.mark.parametrize(
    ("generation", "floor"),
    [(2, COUNTERS), (3, 7), (4, 0), (RESEALED + 1, COUNTERS), (RESEALED + 2, 0), (RESEALED + 3, 0)],
)
def test_a_cut_closes_what_was_there_before_it(generation: int, floor: int) -> None:
    """Generations and editions of before as a whole, the one in use up to its counter, later ones not; no other day."""
    assert [CUT.floor(generation, day) for day in (10, 11, 12)] == [0, floor, 0]
    assert STONE.floor(generation, 11) == COUNTERS
    assert CUT.span == (950_500, 960_001) and STONE.span == (864_000, 1_123_200)


def test_a_count_that_was_seen_is_never_turned_back(keys: KeyDatabase) -> None:
    """The higher one stays."""
    assert keys.seen("tombstones") == 0
    for count in (3, 5, 4):
        keys.raise_seen("tombstones", count)
    assert (keys.seen("tombstones"), keys.seen("others")) == (5, 0)


def test_one_leaf_is_destroyed_by_its_generation(keys: KeyDatabase) -> None:
    """Another generation's of the same day stays."""
    for row in (leaf(1), leaf(1, generation=RESEALED + 1)):
        keys.put_leaf(row)
    assert (keys.destroy_leaf(D, 0, 1, 1), keys.destroy_leaf(D, 0, 1, 1)) == (1, 0)
    assert keys.leaves(D, 1, 0, 9) == [leaf(1, generation=RESEALED + 1)]


def test_a_tombstone_is_appended_once(tombstones: TombstoneStore) -> None:
    """The same id again is refused."""
    tombstones.append(STONE)
    with pytest.raises(StoreError):
        tombstones.append(STONE)
