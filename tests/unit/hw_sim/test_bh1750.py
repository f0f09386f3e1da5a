"""The simulated BH1750 against ROHM's technical note: commands, times, stale results, ranges, currents."""

import pytest

from hw_sim.chips.base import ChipFaults
from hw_sim.chips.bh1750 import Bh1750
from hw_sim.errors import NotSimulated
from hw_sim.world.clock import World

DOWN, ON, RESET = 0x00, 0x01, 0x07
ONE_H, ONE_H2, ONE_L, ALL_H = 0x20, 0x21, 0x23, 0x10


class Bench:
    """A light sensor on the bench under 1000 lx, powered."""

    def __init__(self, lux: float = 1000.0) -> None:
        self.world = World()
        self.chip = Bh1750(self.world)
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

    def tell(self, *commands: int) -> "Bench":
        """Commands, each with a STOP."""
        for command in commands:
            assert self.chip.begin(False) and self.chip.take(command)
            self.chip.end()
        return self

    def counts(self) -> int:
        """The result register."""
        assert self.chip.begin(True)
        word = self.chip.give() << 8 | self.chip.give()
        self.chip.end()
        return word


@pytest.mark.parametrize(
    ("command", "takes_ms", "counts"), [(ONE_H, 120, 1200), (ONE_H2, 120, 2400), (ONE_L, 16, 1200)]
)
def test_a_result_comes_after_its_time(command: int, takes_ms: float, counts: int) -> None:
    """Before that the register holds what it held, here 0 of power-on; then the chip is powered down by itself."""
    bench = Bench().tell(command)
    bench.wait(takes_ms - 0.1)
    assert bench.counts() == 0
    bench.wait(0.1)
    assert bench.counts() == counts and bench.chip.converted == 1
    assert [state for state, _ in bench.draws] == ["power-down", "measuring", "power-down"]


def test_a_result_is_the_light_in_the_middle_of_its_time() -> None:
    """A lamp that is lit before the middle is in it, one that is lit behind it is not."""
    for lit_ms, counts in ((59, 1200), (61, 0)):
        bench = Bench()
        lit_s = bench.world.clock.unix_s + lit_ms / 1000
        bench.chip.illuminance_lx = lambda unix_s, lit_s=lit_s: 1000.0 if unix_s >= lit_s else 0.0  # type: ignore[misc]
        bench.tell(ONE_H)
        bench.wait(120)
        assert bench.counts() == counts


def test_a_stale_result_stays_until_the_next() -> None:
    """Who reads too early reads the light of before."""
    bench = Bench().tell(ONE_H)
    bench.wait(120)
    bench.light(10.0)
    bench.tell(ONE_H)
    bench.wait(119)
    assert bench.counts() == 1200
    bench.wait(1)
    assert bench.counts() == 12


@pytest.mark.parametrize("mtreg", [31, 69, 138, 254])
def test_counts_and_time_go_with_the_measurement_time_register(mtreg: int) -> None:
    """Both are in proportion to it; it is set in two commands and lasts until power goes."""
    bench = Bench().tell(0x40 | mtreg >> 5, 0x60 | mtreg & 0x1F, ONE_H)
    bench.wait(120 * mtreg / 69 - 0.1)
    assert bench.counts() == 0
    bench.wait(0.2)
    assert bench.counts() == round(1200 * mtreg / 69)
    bench.chip.power(False)
    bench.chip.power(True)
    bench.tell(ONE_H)
    bench.wait(120)
    assert bench.counts() == 1200


def test_continuous_measurement_follows_the_light_until_it_is_told_to_stop() -> None:
    """Each 120 ms a new result; power-down keeps the last one, a reset clears it while the chip is on only."""
    bench = Bench().tell(ALL_H)
    bench.wait(120)
    bench.light(500.0)
    bench.wait(120)
    assert bench.counts() == 600 and bench.chip.converted == 2
    bench.tell(DOWN)
    bench.light(1.0)
    bench.wait(500)
    assert bench.counts() == 600
    bench.tell(RESET)
    assert bench.counts() == 600
    bench.tell(ON, RESET)
    assert bench.counts() == 0


def test_a_slow_specimen_and_a_bright_world() -> None:
    """Half as long again; the register ends at all ones."""
    bench = Bench(1e6)
    bench.chip.pace = 1.5
    bench.tell(ONE_H)
    bench.wait(179)
    assert bench.counts() == 0
    bench.wait(1)
    assert bench.counts() == 0xFFFF


def test_faults_and_power() -> None:
    """Frozen it never finishes; power lost while it measures leaves nothing; the meter hears of each state."""
    bench = Bench()
    bench.chip.fault = ChipFaults(frozen=True)
    bench.tell(ONE_H)
    bench.wait(1000)
    assert bench.counts() == 0
    bench.chip.fault = ChipFaults()
    bench.tell(ONE_H)
    bench.chip.power(False)
    assert not bench.chip.begin(True)
    bench.chip.power(True)
    bench.wait(1000)
    assert bench.counts() == 0
    assert bench.draws[-2:] == [("off", 0.0), ("power-down", 0.01)] and ("measuring", 120.0) in bench.draws


def test_what_is_left_out_says_so() -> None:
    """A command that the note does not name, a second one without a STOP, and a time that it does not allow."""
    bench = Bench()
    for command in (0x02, 0x22, 0x30, 0x80):
        with pytest.raises(NotSimulated, match="does not name"):
            bench.tell(command)
    assert bench.chip.begin(False) and bench.chip.take(0x40)
    with pytest.raises(NotSimulated, match="STOP"):
        bench.chip.take(0x7E)
    bench.tell(0x40, 0x60 | 30)
    with pytest.raises(NotSimulated, match="measurement time 30"):
        bench.tell(ONE_H)
