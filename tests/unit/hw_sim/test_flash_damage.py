"""What goes wrong in the cells of a flash: torn erases, unstable, worn, leaky and dead ones."""

import random

import pytest

from hw_sim.errors import HwSimError
from hw_sim.silicon.flash import FlashError, FlashFailure, NorFlash, PowerLost
from hw_sim.silicon.flash_parts import SLOWEST, TYPICAL, Endurance

SECTOR = 4096
OLD = bytes(range(256)) * 16


@pytest.fixture
def flash() -> NorFlash:
    """Two sectors, the first one programmed."""
    flash = NorFlash(2 * SECTOR, rng=random.Random(1))
    flash.program(0, OLD)
    return flash


def torn_erase(seed: int, *, unstable: bool = False) -> NorFlash:
    """A sector of OLD whose erase was cut."""
    flash = NorFlash(SECTOR, rng=random.Random(seed))
    flash.program(0, OLD)
    flash.cut_after(1, random.Random(seed), unstable=unstable)
    with pytest.raises(PowerLost):
        flash.erase(0, SECTOR)
    return flash


def test_a_torn_erase_is_stopped_in_either_phase() -> None:
    """Some leave old bytes and zeros, from either end, and no ones more than before; others leave zeros and ones, nothing old."""
    from_front = from_back = setting_ones = 0
    for seed in range(40):
        after = torn_erase(seed).read(0, SECTOR)
        zeroing = all(new & ~old == 0 for new, old in zip(after, OLD, strict=True))
        if zeroing:
            from_front += after[:64] == bytes(64) and after[-64:] == OLD[-64:]
            from_back += after[:64] == OLD[:64] and after[-64:] == bytes(64)
        else:
            setting_ones += after[-64:] in (bytes(64), b"\xff" * 64)
    assert from_front > 2
    assert from_back > 2
    assert setting_ones > 15
    assert from_front + from_back + setting_ones >= 36  # else it was stopped within 64 bytes of an end


def test_unstable_bits_differ_from_reading_to_reading_until_the_sector_is_erased() -> None:
    """The same cut without `unstable` reads the same each time; a whole erase brings the cells to rest."""
    still, wavering = torn_erase(3), torn_erase(3, unstable=True)
    assert still.data == wavering.data
    assert len({still.read(0, SECTOR) for _ in range(8)}) == 1
    assert len({wavering.read(0, SECTOR) for _ in range(8)}) > 1
    wavering.erase(0, SECTOR)
    assert {wavering.read(0, SECTOR) for _ in range(8)} == {b"\xff" * SECTOR}


def test_an_unstable_bit_that_is_programmed_is_a_sound_zero() -> None:
    """Zeros over a torn program: all of it reads zero, each time."""
    flash = NorFlash(SECTOR, rng=random.Random(2))
    flash.cut_after(1, random.Random(2), unstable=True)
    with pytest.raises(PowerLost):
        flash.program(0, bytes(256))
    assert len({flash.read(0, 256) for _ in range(8)}) > 1
    flash.program(0, bytes(256))
    assert {flash.read(0, 256) for _ in range(8)} == {bytes(256)}


def test_only_a_torn_cut_can_be_unstable(flash: NorFlash) -> None:
    """A clean cut leaves nothing under way."""
    flash.cut_after(1, random.Random(1), unstable=True)
    with pytest.raises(FlashError, match="torn"):
        flash.cut_after(1, unstable=True)


def test_a_sector_decays_beyond_its_rated_cycles_and_not_before(flash: NorFlash) -> None:
    """99 996 cycles old, it takes four erases more; then each leaves a bit that stays 0. Its neighbour is as new."""
    flash.endurance = Endurance(rated_cycles=100_000, bits_per_erase=1.0)
    flash.age(99_996, [0])
    for _ in range(4):
        flash.erase(0, SECTOR)
        assert flash.read(0, SECTOR) == b"\xff" * SECTOR
    counts = []
    for _ in range(6):
        flash.erase(0, SECTOR)
        counts.append(sum((byte ^ 0xFF).bit_count() for byte in flash.read(0, SECTOR)))
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (1, 6)
    flash.erase(SECTOR, SECTOR)
    assert flash.read(SECTOR, SECTOR) == b"\xff" * SECTOR
    assert flash.wear == [100_006, 1]


def test_the_same_seed_wears_out_the_same_cells() -> None:
    """Two flashes of one seed decay alike, another seed otherwise."""

    def worn(seed: int) -> bytes:
        flash = NorFlash(SECTOR, rng=random.Random(seed))
        flash.endurance = Endurance(rated_cycles=0, bits_per_erase=2.5)
        for _ in range(10):
            flash.erase(0, SECTOR)
        return flash.read(0, SECTOR)

    assert worn(1) == worn(1)
    assert worn(1) != worn(2)
    assert 20 <= sum((byte ^ 0xFF).bit_count() for byte in worn(1)) <= 30


@pytest.mark.parametrize("figures", [{"rated_cycles": -1}, {"bits_per_erase": -0.1}, {"bits_per_erase": 1025}])
def test_an_endurance_that_means_nothing_is_refused(figures: dict[str, float]) -> None:
    """What is at the bounds is taken."""
    Endurance(rated_cycles=0, bits_per_erase=1024)
    with pytest.raises(HwSimError, match="endurance"):
        Endurance(**figures)  # type: ignore[arg-type]


def test_a_bad_sector_says_nothing_and_does_nothing(flash: NorFlash) -> None:
    """Neither erase nor program changes it, both take their time and count; the other sector works; mended, both do."""
    flash.break_sector(0)
    assert flash.erase(0, SECTOR) == TYPICAL.erase_sector_us
    flash.program(0, bytes(16))
    assert flash.read(0, SECTOR) == OLD
    assert flash.wear == [1, 0]
    flash.program(SECTOR, b"\x00")
    assert flash.read(SECTOR, 1) == b"\x00"
    flash.mend(0)
    flash.erase(0, SECTOR)
    assert flash.read(0, SECTOR) == b"\xff" * SECTOR


def test_a_sector_may_only_refuse_to_erase(flash: NorFlash) -> None:
    """`programs=True`: bits can still be cleared."""
    flash.break_sector(0, programs=True)
    flash.program(0, bytes(16))
    assert flash.read(0, 16) == bytes(16)
    flash.erase(0, SECTOR)
    assert flash.read(0, 16) == bytes(16)


def test_a_chip_that_reports_raises(flash: NorFlash) -> None:
    """EIO, and the content is as it was."""
    flash.break_sector(0, reported=True)
    with pytest.raises(FlashFailure, match="bad") as failed:
        flash.erase(0, SECTOR)
    assert failed.value.errno == 5
    with pytest.raises(HwSimError):
        flash.program(0, b"\x00")
    assert flash.read(0, SECTOR) == OLD


def test_rot_turns_zeros_into_ones_until_they_are_programmed_again(flash: NorFlash) -> None:
    """Ten bits in the stretch that was named, no bit more, and never one of erased flash."""
    places = flash.rot(10, 256, 512)
    now = flash.read(0, SECTOR)
    turned = [(at, new ^ old) for at, (new, old) in enumerate(zip(now, OLD, strict=True)) if new != old]
    assert sum(mask.bit_count() for _, mask in turned) == 10
    assert {at for at, _ in turned} == set(places) <= set(range(256, 768))
    assert all(now[at] & mask for at, mask in turned)
    flash.program(0, OLD)
    assert flash.read(0, SECTOR) == OLD
    assert flash.rot(10, SECTOR) == []


def test_the_slowest_chip_of_the_data_sheet(flash: NorFlash) -> None:
    """3 ms a page and 400 ms a sector, instead of 0.4 and 45."""
    assert (flash.program(0, b"\x00"), flash.erase(0, SECTOR)) == (400, 45_000)
    flash.times = SLOWEST
    assert (flash.program(0, b"\x00"), flash.erase(0, SECTOR)) == (3_000, 400_000)


@pytest.mark.parametrize("sector", [-1, 2])
def test_a_sector_that_is_not_there_is_refused(flash: NorFlash, sector: int) -> None:
    """The last one is there."""
    flash.break_sector(1)
    with pytest.raises(FlashError, match="counted from 0"):
        flash.break_sector(sector)
    with pytest.raises(FlashError, match="counted from 0"):
        flash.age(1, [sector])
