"""Spool: order, durability, marks, bounds and wear."""

from __future__ import annotations

import itertools

import pytest

from firmware.errors import FlashError
from firmware.flash.region import RawRegion
from firmware.flash.spool import Spool
from tests.unit.firmware.nor import Nor, PowerCut, Supply


def body(number: int, size: int = 60) -> bytes:
    """An envelope that can be found again in raw flash."""
    return f"<envelope {number:05}>".encode() + bytes(((number * 7 + i) % 251) + 1 for i in range(size - 16))


def filled(nor: Nor, count: int, size: int = 60) -> tuple[Spool, list[int]]:
    """A spool with `count` entries on streams 1 to 4 in turn, of ages 1000, 1001, …"""
    spool = Spool(RawRegion(nor))
    return spool, [spool.append(number % 4 + 1, 1000 + number, body(number, size)).position for number in range(count)]


def test_entries_come_back_in_order_after_a_boot() -> None:
    """Position, stream, age and bytes of every one, oldest first."""
    nor = Nor(6)
    _, positions = filled(nor, 150)
    again = Spool(RawRegion(nor))
    assert positions == sorted(positions)
    assert [tuple(entry) for entry in again.pending()] == [
        (p, i % 4 + 1, 1000 + i, body(i)) for i, p in enumerate(positions)
    ]
    assert again.count() == 150
    assert again.lost == 0


def test_cursor_and_limit() -> None:
    """`after` is exclusive; a released entry may have been the cursor."""
    nor = Nor(6)
    spool, positions = filled(nor, 120)
    assert [e.position for e in spool.pending(limit=3)] == positions[:3]
    spool.release(positions[2])
    assert [e.position for e in spool.pending(after=positions[2], limit=2)] == positions[3:5]
    assert [e.position for e in spool.pending(after=positions[-1])] == []


def test_entries_may_be_released_while_iterating() -> None:
    """A contact releases what it has just sent."""
    spool, positions = filled(Nor(6), 100)
    seen = []
    for entry in spool.pending():
        seen.append(entry.position)
        assert spool.release(entry.position)
    assert seen == positions
    assert spool.count() == 0


def test_release_is_for_good_and_idempotent() -> None:
    """Also after a boot; a position that never was is False."""
    nor = Nor(4)
    spool, positions = filled(nor, 5)
    assert spool.release(positions[1])
    assert not spool.release(positions[1])
    assert not spool.release(positions[1] + 4)
    assert not spool.release(10**9)
    assert not spool.release(-1)
    again = Spool(RawRegion(nor))
    assert not again.release(positions[1])
    assert [e.position for e in again.pending()] == [positions[0], *positions[2:]]


def test_full_ring_gives_up_the_oldest_and_counts_it() -> None:
    """What is pending and what is lost add up to what came in; the count outlives boots."""
    nor = Nor(4)
    spool, _ = filled(nor, 400)
    kept = [entry.time_s - 1000 for entry in spool.pending()]
    assert kept == list(range(400 - len(kept), 400))
    assert spool.lost == 400 - len(kept) > 0
    assert Spool(RawRegion(nor)).lost == spool.lost


def test_a_ring_that_is_drained_loses_nothing() -> None:
    """Ten times its size goes through."""
    nor = Nor(3)
    spool = Spool(RawRegion(nor))
    for number in range(1500):
        assert spool.release(spool.append(1, number, body(number)).position)
    assert spool.lost == 0
    assert max(nor.erases) - min(nor.erases) <= 1


def test_boots_wear_nothing() -> None:
    """Fifty starts without an append erase no sector and program nothing."""
    nor = Nor(4)
    filled(nor, 200)
    Spool(RawRegion(nor))
    before, erases = nor.supply.operations, list(nor.erases)
    for _ in range(50):
        Spool(RawRegion(nor))
    assert (nor.supply.operations, nor.erases) == (before, erases)


def test_purge_wipes_one_stream_from_raw_flash() -> None:
    """Released and pending envelopes of the stream are zeros; the others stand."""
    nor = Nor(6)
    spool, positions = filled(nor, 100)
    for position in positions[:50]:
        spool.release(position)
    ticks: list[int] = []
    assert spool.purge(1, lambda: ticks.append(1)) == 12
    assert ticks
    for number in range(100):
        assert (body(number) in nor.data) == (number % 4 != 0)
    assert {entry.stream for entry in spool.pending()} == {2, 3, 4}
    assert Spool(RawRegion(nor)).lost == 0
    assert spool.purge(1) == 0


def test_expire_wipes_what_is_too_old_and_counts_it() -> None:
    """Ages below the limit go, the limit itself stays; released entries are no loss."""
    nor = Nor(6)
    spool, positions = filled(nor, 100)
    spool.release(positions[0])
    assert spool.expire(1040) == 39
    assert spool.lost == 39
    assert body(39) not in nor.data
    assert body(40) in nor.data
    again = Spool(RawRegion(nor))
    assert again.lost == 39
    assert [entry.time_s for entry in again.pending()] == list(range(1040, 1100))


@pytest.mark.parametrize("torn", [False, True], ids=["clean", "torn"])
def test_a_cut_while_the_old_are_wiped_loses_no_count_and_no_other_entry(torn: bool) -> None:
    """At each operation of an expiry in a closed sector: after two starts all that is not counted as lost is pending."""
    nor = Nor(4, 1024)
    filled(nor, 20)  # twelve fill a sector
    before = bytes(nor.data)
    spool, nor.supply = Spool(RawRegion(nor)), Supply()
    assert spool.expire(1003) == 3
    operations = nor.supply.operations
    assert operations >= 9
    for cut_at, seed in itertools.product(range(operations), range(8 if torn else 1)):
        nor.data[:], nor.supply = before, Supply()
        spool, nor.supply = Spool(RawRegion(nor)), Supply(cut_at, torn, seed)
        with pytest.raises(PowerCut):
            spool.expire(1003)
        nor.supply.restart()
        for _ in range(2):
            spool = Spool(RawRegion(nor))
        times = [entry.time_s for entry in spool.pending()]
        assert times[-17:] == list(range(1003, 1020)) and len(times) + spool.lost == 20


def test_losses_are_counted_once_when_their_sector_goes() -> None:
    """Expired entries move from their sector's count to the ring's."""
    nor = Nor(4)
    spool, _ = filled(nor, 60)
    spool.expire(1060)
    for number in range(60, 400):
        spool.release(spool.append(1, 1000 + number, body(number)).position)
    assert spool.lost == Spool(RawRegion(nor)).lost == 60


def test_an_unreadable_envelope_is_given_up() -> None:
    """A cell that decayed costs one envelope, which is counted and never handed out."""
    nor = Nor(4)
    _, positions = filled(nor, 10)
    at = nor.data.index(body(4))
    nor.data[at + 30] ^= 0x04
    again = Spool(RawRegion(nor))
    assert [e.position for e in again.pending()] == [*positions[:4], *positions[5:]]
    assert again.lost == 1
    assert again.count() == 9


def test_a_worn_sector_is_passed_over() -> None:
    """An append that cannot be read back goes to the next sector; if that fails too, FlashError."""
    nor = Nor(5)
    spool, positions = filled(nor, 2)
    nor.stuck.add(0)
    entry = spool.append(1, 1002, body(2))
    assert entry.position // 4096 == positions[0] // 4096 + 1
    assert [e.envelope for e in Spool(RawRegion(nor)).pending()] == [body(0), body(1), body(2)]
    nor.stuck.update(range(5))
    with pytest.raises(FlashError):
        spool.append(1, 1003, body(3))


def test_free_bytes_are_a_lower_bound() -> None:
    """As much as is promised can be appended without a loss."""
    spool, _ = filled(Nor(6), 30)
    appends = spool.bytes_free() // (16 + 64) * 9 // 10
    assert appends > 100
    for number in range(appends):
        spool.append(1, number, body(number))
    assert spool.lost == 0
    assert spool.bytes_free() < 6 * 4096 // 4


def test_four_of_the_largest_envelopes_nearly_fill_a_sector() -> None:
    """An envelope of 1024 bytes is taken, one more byte is not, nor is an empty one."""
    spool = Spool(RawRegion(Nor(3)))
    assert len(spool.append(1, 0, bytes(1024)).envelope) == 1024
    for size in (0, 1025):
        with pytest.raises(FlashError):
            spool.append(1, 0, bytes(size))


def test_another_geometry_is_another_ring() -> None:
    """A region that was resized begins anew, and two sectors are too few."""
    nor = Nor(6)
    filled(nor, 10)
    smaller = Nor(5)
    smaller.data[:] = nor.data[: len(smaller.data)]
    assert Spool(RawRegion(smaller)).count() == 0
    with pytest.raises(FlashError):
        Spool(RawRegion(Nor(2)))


def test_wipe_forgets_everything() -> None:
    """For an enrolment: another person's envelopes and counts are gone."""
    nor = Nor(4)
    spool, _ = filled(nor, 300)
    assert spool.lost
    spool.wipe()
    assert (spool.count(), spool.lost) == (0, 0)
    assert b"<envelope" not in nor.data
    assert Spool(RawRegion(nor)).count() == 0
