"""NOR flash: programming only clears bits, erasing is by the sector, power may go at any operation."""

import random

import pytest

from hw_sim.silicon.flash import ERASE_SECTOR_US, PROGRAM_PAGE_US, FlashError, NorFlash, Operation, PowerLost


@pytest.fixture
def flash() -> NorFlash:
    """Two sectors."""
    return NorFlash(8192)


def test_new_flash_is_erased(flash: NorFlash) -> None:
    """Every bit begins as 1."""
    assert flash.read(0, 8192) == b"\xff" * 8192


def test_programming_only_clears_bits(flash: NorFlash) -> None:
    """A second program of the same byte is the AND of both; a 0 never returns to 1."""
    flash.program(10, b"\xf0")
    flash.program(10, b"\x3c")
    assert flash.read(9, 3) == b"\xff\x30\xff"


def test_erase_restores_one_sector_and_wears_it(flash: NorFlash) -> None:
    """Erasing sets its sector to ones, leaves the neighbour, and counts."""
    flash.program(4095, b"\x00\x00")
    assert flash.erase(0, 4096) == ERASE_SECTOR_US
    assert flash.read(4095, 2) == b"\xff\x00"
    assert flash.wear == [1, 0]


def test_programming_splits_at_pages(flash: NorFlash) -> None:
    """300 bytes from the end of a page touch three pages: three operations, three times as long."""
    seen: list[Operation] = []
    flash.hooks.append(seen.append)
    assert flash.program(250, bytes(300)) == 3 * PROGRAM_PAGE_US
    assert [(o.offset, o.size) for o in seen] == [(250, 6), (256, 256), (512, 38)]
    assert (flash.programs, flash.programmed_bytes) == (3, 300)


@pytest.mark.parametrize(("offset", "size"), [(8191, 2), (-1, 1), (8192, 1)])
def test_access_outside_is_refused(flash: NorFlash, offset: int, size: int) -> None:
    """The last byte can be read and programmed, one further cannot."""
    flash.program(8191, b"\x00")
    with pytest.raises(FlashError):
        flash.read(offset, size)
    with pytest.raises(FlashError):
        flash.program(offset, bytes(size))


def test_erase_of_half_a_sector_is_refused(flash: NorFlash) -> None:
    """Whole sectors can be erased, others not."""
    flash.erase(4096, 4096)
    with pytest.raises(FlashError):
        flash.erase(4096, 2048)
    with pytest.raises(FlashError):
        flash.erase(2048, 4096)


def test_clean_cut_leaves_nothing_of_its_operation(flash: NorFlash) -> None:
    """The second operation from now is cut: the first took place, the second did not, later ones do again."""
    flash.cut_after(2)
    flash.program(0, b"\x00")
    with pytest.raises(PowerLost):
        flash.program(1, b"\x00")
    assert flash.read(0, 2) == b"\x00\xff"
    flash.program(1, b"\x00")
    assert flash.read(0, 2) == b"\x00\x00"


def test_torn_program_leaves_a_part_and_never_sets_bits() -> None:
    """Over many tears: each byte lies between old and new, most tears are partial, some within a byte."""
    partial = half_bytes = 0
    for seed in range(50):
        flash = NorFlash(4096)
        flash.program(0, b"\xaa" * 256)
        flash.cut_after(1, random.Random(seed))
        with pytest.raises(PowerLost):
            flash.program(0, b"\x88" * 256)
        after = flash.read(0, 256)
        assert all(byte & ~0xAA == 0 and byte & 0x88 == 0x88 for byte in after)
        half_bytes += any(byte not in (0xAA, 0x88) for byte in after)
        partial += after not in (b"\xaa" * 256, b"\x88" * 256)
    assert partial > 40
    assert half_bytes > 25


def test_torn_erase_leaves_a_part() -> None:
    """A torn erase sets some of the sector and not all of it."""
    flash = NorFlash(4096)
    flash.program(0, bytes(4096))
    flash.cut_after(1, random.Random(1))
    with pytest.raises(PowerLost):
        flash.erase(0, 4096)
    assert 0 < flash.read(0, 4096).count(0xFF) < 4096
    assert flash.wear == [0]


def test_a_disarmed_cut_does_not_happen(flash: NorFlash) -> None:
    """What was armed can be taken back."""
    flash.cut_after(1)
    flash.disarm()
    flash.program(0, b"\x00")
    assert flash.read(0, 1) == b"\x00"
