"""The simulated VEML7700 against data sheet 84286 and application note 84323: registers, times, ranges, correction."""

import pytest

from hw_sim.chips.veml7700 import Veml7700, corrected_lx, counted_lx
from hw_sim.errors import NotSimulated
from hw_sim.world.clock import World

CONFIG, HIGH, LOW, SAVING, ALS, WHITE, STATUS, ID = range(8)
GAIN_1, GAIN_2, GAIN_8TH, GAIN_4TH = (code << 11 for code in range(4))


class Bench:
    """A light sensor on the bench under 100 lx, powered, in shutdown."""

    def __init__(self, lux: float = 100.0) -> None:
        self.world = World()
        self.chip = Veml7700(self.world)
        self.draws: list[tuple[str, float]] = []
        self.chip.on_state = lambda state, ua: self.draws.append((state, ua))
        self.light(lux)
        self.chip.power(True)

    def light(self, lux: float) -> None:
        """From now on it falls on the chip."""
        self.chip.illuminance_lx = lambda unix_s: lux

    def wait(self, ms: float) -> None:
        """Time passes."""
        self.world.clock.advance_to(self.world.clock.now_us + round(ms * 1000))

    def read(self, code: int) -> int:
        """A command code."""
        return self.chip.read_word(code)

    def write(self, code: int, value: int) -> None:
        """Sets a command code."""
        self.chip.write_word(code, value)


def test_power_on_values() -> None:
    """Shut down, no result however long one waits, identity of the address 0x10, 0.5 µA."""
    bench = Bench()
    bench.wait(10_000)
    assert [bench.read(code) for code in range(8)] == [1, 0, 0, 0, 0, 0, 0, 0xC481]
    assert bench.chip.converted == 0
    assert bench.draws == [("shutdown", 0.5)]


def test_words_are_little_endian_on_the_wire() -> None:
    """The low byte comes first, written and read; a word half written changes nothing."""
    bench = Bench()
    chip = bench.chip
    for sent in (b"\x01\x34\x12", b"\x02\x78"):
        assert chip.begin(False)
        assert all(chip.take(byte) for byte in sent)
        chip.end()
    assert (bench.read(HIGH), bench.read(LOW)) == (0x1234, 0)
    assert chip.begin(False)
    chip.take(HIGH)
    assert chip.begin(True)
    assert [chip.give() for _ in range(3)] == [0x34, 0x12, 0xFF]


@pytest.mark.parametrize(
    ("code", "takes_ms"), [(0b1100, 25), (0b1000, 50), (0b0000, 100), (0b0001, 200), (0b0010, 400), (0b0011, 800)]
)
def test_a_result_comes_after_start_and_integration(code: int, takes_ms: float) -> None:
    """2.5 ms after the end of shutdown an integration begins; before it is over the old result stays, here none."""
    bench = Bench()
    bench.write(CONFIG, code << 6 | GAIN_8TH)
    bench.wait(takes_ms + 2.4)
    assert bench.read(ALS) == 0
    bench.wait(0.1)
    assert bench.read(ALS) == pytest.approx(counted_lx(100.0) / (0.0036 * 16 * 800 / takes_ms), abs=0.51)


@pytest.mark.parametrize(
    ("gain", "resolution"), [(GAIN_1, 0.0576), (GAIN_2, 0.0288), (GAIN_8TH, 0.4608), (GAIN_4TH, 0.2304)]
)
def test_resolution_by_gain(gain: int, resolution: float) -> None:
    """The application note's table at 100 ms: counts times resolution, corrected, is the light again."""
    bench = Bench(lux=500.0)
    bench.write(CONFIG, gain)
    bench.wait(103)
    assert corrected_lx(bench.read(ALS) * resolution) == pytest.approx(500.0, abs=resolution)
    assert bench.chip.resolution_lx == pytest.approx(resolution)


def test_bright_light_bends_and_saturates() -> None:
    """20 000 lx count as 12 000, 1000 as 934; counts stop at 65535; dim light is linear within 1 %."""
    bench = Bench(lux=20_000.0)
    bench.write(CONFIG, GAIN_8TH | 0b1100 << 6)
    bench.wait(28)
    linear = bench.read(ALS) * 0.4608 * 4
    assert linear == pytest.approx(12_000, rel=0.01)
    assert counted_lx(1_000.0) == pytest.approx(934, rel=0.01)
    assert corrected_lx(linear) == pytest.approx(20_000.0, rel=1e-3)
    bench.write(CONFIG, GAIN_2)
    bench.wait(103)
    assert bench.read(ALS) == 0xFFFF
    bench.light(5.0)
    bench.wait(100)
    assert bench.read(ALS) * 0.0288 == pytest.approx(5.0, rel=0.01)


@pytest.mark.parametrize("lux", [0.0, 1.0, 100.0, 1_000.0, 30_000.0, 120_000.0])
def test_the_inverse_is_one(lux: float) -> None:
    """Corrected counts are the true light over the whole range."""
    assert corrected_lx(counted_lx(lux)) == pytest.approx(lux, rel=1e-4, abs=1e-4)


def test_old_results_stay_until_a_new_integration_is_over() -> None:
    """Auto-memorization: after shutdown and after a change of range the last result is still read."""
    bench = Bench()
    bench.write(CONFIG, GAIN_8TH)
    bench.wait(103)
    old = bench.read(ALS)
    bench.light(50.0)
    bench.write(CONFIG, GAIN_8TH | 1)
    bench.wait(1000)
    assert bench.read(ALS) == old
    bench.write(CONFIG, GAIN_4TH)
    bench.wait(102.4)
    assert bench.read(ALS) == old
    bench.wait(0.2)
    assert bench.read(ALS) == pytest.approx(50.0 / 0.2304, rel=0.02)
    bench.chip.power(False)
    bench.chip.power(True)
    assert bench.read(ALS) == 0


def test_results_follow_each_other() -> None:
    """Without power saving one each integration time; with mode 1 to 4 the pause comes on top."""
    for saving, period_ms in ((0, 100), (1, 600), (3, 1100), (5, 2100), (7, 4100)):
        bench = Bench()
        bench.write(SAVING, saving)
        bench.write(CONFIG, 0)
        bench.wait(2.5 + 100 + period_ms * 4 - 0.1)
        assert bench.chip.converted == 4
        bench.wait(0.2)
        assert bench.chip.converted == 5


@pytest.mark.parametrize(("saving", "microampere"), [(0, 45.0), (1, 8.0), (3, 5.0), (5, 3.0), (7, 2.0)])
def test_currents(saving: int, microampere: float) -> None:
    """The application note's figures for 100 ms and each power saving mode, rounded as there."""
    bench = Bench()
    bench.write(SAVING, saving)
    bench.write(CONFIG, 0)
    state, drawn = bench.draws[-1]
    assert (state, drawn) == ("measuring", pytest.approx(microampere, abs=0.5))
    bench.chip.power(False)
    assert bench.draws[-1] == ("off", 0.0)


def test_the_light_is_that_of_the_integration() -> None:
    """A flash after the middle of the last integration is not in it."""
    bench = Bench()
    start_s = bench.world.start_unix_s
    bench.chip.illuminance_lx = lambda unix_s: 10.0 if unix_s < start_s + 0.06 else 1000.0
    bench.write(CONFIG, GAIN_8TH)
    bench.wait(103)
    assert bench.read(ALS) == round(counted_lx(10.0) / 0.4608)
    bench.wait(100)
    assert bench.read(ALS) > 2000


def test_interrupt_flags_need_persistence() -> None:
    """Two results in a row above the high threshold, one is not enough; reading clears; low works likewise."""
    bench = Bench()
    bench.write(HIGH, 300)
    bench.write(LOW, 100)
    bench.write(CONFIG, GAIN_8TH | 0b01 << 4 | 2)
    bench.wait(103)
    assert bench.read(STATUS) == 0  # about 216 counts, between the thresholds
    bench.light(200.0)
    bench.wait(100)
    assert bench.read(STATUS) == 0
    bench.wait(100)
    assert bench.read(STATUS) == 0x4000
    bench.light(20.0)
    bench.wait(200)
    assert bench.read(STATUS) == 0x8000
    bench.light(100.0)
    bench.wait(100)
    assert bench.read(STATUS) == 0


@pytest.mark.parametrize(
    ("code", "value", "said"),
    [
        (CONFIG, 0b0100 << 6, "ALS_IT code 0100"),
        (CONFIG, 1 << 13, "0x2000 in command code 0x00 sets what is reserved"),
        (SAVING, 8, "0x0008 in command code 0x03"),
        (8, 0, "command code 0x08"),
    ],
)
def test_what_no_data_sheet_describes_is_named(code: int, value: int, said: str) -> None:
    """Reserved integration times, bits and command codes; the same write with what is defined is taken."""
    bench = Bench()
    bench.write(CONFIG, 0)
    bench.write(SAVING, 7)
    with pytest.raises(NotSimulated, match=said):
        bench.write(code, value)
    with pytest.raises(NotSimulated, match="command code 0x09"):
        bench.read(9)


def test_results_cannot_be_written_and_a_frozen_chip_says_the_same_for_ever() -> None:
    """The registers of results ignore writes; frozen, the count of integrations stands still."""
    bench = Bench()
    bench.write(CONFIG, GAIN_8TH)
    bench.wait(103)
    old = bench.read(ALS)
    for code in (ALS, WHITE, STATUS, ID):
        bench.write(code, 0)
    assert (bench.read(ALS), bench.read(WHITE), bench.read(ID)) == (old, pytest.approx(2 * old, abs=1), 0xC481)
    bench.chip.fault.frozen = True
    bench.light(1.0)
    count = bench.chip.converted
    bench.wait(5000)
    assert (bench.read(ALS), bench.chip.converted) == (old, count)
