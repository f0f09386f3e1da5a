"""What an erasure of everything asks of stores, on every implementation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cloud_sync.errors import StoreError
from cloud_sync.model import AuditEvent, Device, EnvelopeId, Leaf, Shield, StoredEnvelope, Tip, Tombstone
from cloud_sync.model.access import Delivery, Ticket
from cloud_sync.model.keeping import ClockEvent, Hold, Restriction, Scope, Shred
from cloud_sync.storage.erasing import NOBODY
from cloud_sync.stores import Database, KeyDatabase, TombstoneStore, WitnessStore

A, B = "a" * 16, "b" * 16
HOLD = Hold("h-1", "case-1", "s-1", "", "", 1.0, 2.0, False, 5.0, ("x",), 9.0)
DELIVERY = Delivery("d-1", "carrier", "tracking", "location", "s-1", "c-1", 0.0, 9.0, "", b"salt", 5.0)


def test_shields_are_found_by_number_and_newest_and_destroyed_by_age(keys: KeyDatabase) -> None:
    """Of one device; a number that exists is refused."""
    old, new, other = Shield(A, 7, 0, b"old"), Shield(A, 3, 4, b"new"), Shield(B, 7, 0, b"other")
    for shield in (old, new, other):
        keys.put_shield(shield)
    assert (keys.shield(A), keys.shield(A, 7), keys.shield(A, 9)) == (new, old, None)
    with pytest.raises(StoreError):
        keys.put_shield(replace(old, wrapped=b"another"))
    assert keys.destroy_shields(A, 3) == 1
    assert (keys.shield(A, 7), keys.shield(A), keys.shield(B)) == (None, new, other)
    assert keys.destroy_shields(A) == 1
    assert (keys.shield(A), keys.shield(B)) == (None, other)


def test_leaves_remember_their_shield_and_those_without_go_by_themselves(keys: KeyDatabase) -> None:
    """Of personal streams, of one device."""
    kept = [Leaf(A, 0, 1, 5, 0, b"x", 7), Leaf(A, 0, 4, 5, 0, b"x"), Leaf(B, 0, 1, 5, 0, b"x")]
    gone = [Leaf(A, 0, 1, 6, 0, b"x"), Leaf(A, 0, 3, 5, 0, b"x")]
    for leaf in (*kept, *gone):
        keys.put_leaf(leaf)
    assert keys.leaf(A, 0, 1, 5) == kept[0]
    assert (keys.last_leaf(A, 1), keys.last_leaf(A, 2), keys.last_leaf(B, 1)) == (6, -1, 5)
    assert keys.destroy_unshielded(A) == 2
    assert [keys.leaf(leaf.device, 0, leaf.stream, leaf.epoch) for leaf in (*kept, *gone)] == [*kept, None, None]


def test_tips_and_tombstones_of_one_device(keys: KeyDatabase, tombstones: TombstoneStore) -> None:
    """In order, and nobody else's."""
    tips = [Tip(A, 0, 1, 5, b"x"), Tip(A, 1, 1, 5, b"y"), Tip(B, 0, 1, 5, b"z")]
    stones = [Tombstone("t-2", A, 1, 5, 5, 1.0, "erasure"), Tombstone("t-1", A, 1, 6, 6, 2.0, "person")]
    with tombstones.transaction():
        for stone in (*stones, Tombstone("t-3", B, 1, 5, 5, 1.0, "erasure")):
            tombstones.append(stone)
    for tip in tips:
        keys.put_tip(tip)
    assert (keys.tips_of(A), keys.tips_of("c" * 16)) == (tips[:2], [])
    assert (tombstones.of_device(A), tombstones.of_device("c" * 16)) == (stones, [])


def test_witnesses_by_the_beginning_of_their_name(tombstones: WitnessStore) -> None:
    """Those that begin so, and no other."""
    for name, count in (("erased/1", 5), ("erased/zz", 7), ("erase", 1), ("erasee", 2), ("records/1", 3)):
        tombstones.raise_witness(name, count, b"")
    assert tombstones.witnesses("erased/") == {"erased/1": 5, "erased/zz": 7}


def test_who_is_named_in_any_table(database: Database) -> None:
    """By a device, a ticket, an event of theirs; not by a record of that name."""
    database.add_device(Device(A, "s-1", 0, 1.0))
    database.put_ticket(Ticket("K-1", "s-2", 1.0))
    database.add_clock_event(ClockEvent(Scope.SUBJECT, "s-3", "relation.ended", 1.0))
    database.add_clock_event(ClockEvent(Scope.RECORD, "r-1", "case.closed", 1.0))
    database.append_leaf(AuditEvent("gate.denied", 1.0, "c-1", "s-4"), b"leaf", b"hash")
    assert database.named() == {"s-1", "s-2", "s-3", "s-4"}
    assert [database.names(name) for name in ("s-1", "s-2", "s-3", "s-4", "r-1", "K-1", "s-5")] == [True] * 4 + [
        False
    ] * 3


def test_notes_restrictions_and_holds_of_a_person(database: Database) -> None:
    """Notes by device; lifted restrictions go, one in force stays; released holds are about nobody, the others as they were."""
    database.add_shreds([Shred(A, 0, 1, 5, 9), Shred(B, 0, 1, 5, 9)])
    assert database.forget_notes([A]) == 1
    assert [shred.device for shred in database.shreds(9)] == [B]
    in_force = Restriction("r-1", "s-1", "objection", "", 1.0, "desk")  # type: ignore[arg-type]
    for each in (in_force, replace(in_force, restriction_id="r-2", lifted_at=2.0)):
        database.put_restriction(each)
    assert database.remove_lifted("s-1") == 1 and database.remove_lifted("s-2") == 0
    assert [each.restriction_id for each in database.restrictions("s-1", lifted=True)] == ["r-1"]
    released = replace(HOLD, hold_id="h-2", released_at=7.0)
    theirs = replace(HOLD, hold_id="h-3", subject="", device=A, released_at=7.0)
    others = replace(HOLD, hold_id="h-4", subject="s-2", released_at=7.0)
    for hold in (HOLD, released, theirs, others):
        database.put_hold(hold)
    assert database.unlink_holds("s-1", [A]) == 2
    blank = replace(released, subject=NOBODY, reference="", start=None, end=None)
    found = {hold.hold_id: hold for hold in database.holds(released=True)}
    assert found == {"h-1": HOLD, "h-2": blank, "h-3": replace(blank, hold_id="h-3"), "h-4": others}


def test_a_delivery_that_is_not_there_is_not_gone_on_with(database: Database) -> None:
    """One that is there is replaced."""
    assert not database.go_on(DELIVERY)
    assert database.delivery("d-1") is None
    database.put_delivery(DELIVERY)
    assert database.go_on(replace(DELIVERY, parts=2))
    assert database.deliveries("s-1") == [replace(DELIVERY, parts=2)]


def test_access_goes_up_to_a_moment(database: Database) -> None:
    """What began later stays; without a moment all goes."""
    for name, at in (("K-1", 1.0), ("K-2", 2.0), ("K-3", 3.0)):
        database.put_ticket(Ticket(name, "s-1", at))
    assert database.forget_access("s-1", 2.0) == 2
    assert [database.ticket(name) is None for name in ("K-1", "K-2", "K-3")] == [True, True, False]
    assert database.forget_access("s-1") == 1


@pytest.mark.parametrize("most", [1, 3, 4, 100])
def test_a_span_goes_in_pieces(database: Database, most: int) -> None:
    """Piece after piece until nothing is left, rows under one number together; what lies beside the span stays."""
    database.add_device(Device(A, "s-1", 0, 1.0))
    rows = [row(epoch, counter, generation) for epoch in (4, 5, 6) for generation in (0, 65537) for counter in range(3)]
    rows.append(replace(rows[6], digest=b"another8"))
    database.add_envelopes(rows)
    pieces = []
    while removed := database.remove_span(A, 0, 5, 5, most):
        pieces.append(removed)
    assert sum(pieces) == 7 and max(pieces) <= max(most + 2, 4)
    assert {each.id.epoch for each in database.envelopes(A, 1, 0, 9)} == {4, 6}
    assert database.count_envelopes(A) == 12


def row(epoch: int, counter: int, generation: int) -> StoredEnvelope:
    """A sealed row."""
    return StoredEnvelope(EnvelopeId(A, generation, 1, epoch, counter), b"digest88", 1, b"x", 1.0, epoch * 86_400.0)
