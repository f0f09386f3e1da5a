"""The simulated TMP117 against the data sheet SNOSD82D: registers, times, flags, errors, EEPROM, currents."""

import pytest

from hw_sim.chips.tmp117 import ACTIVE_UA, SHUTDOWN_UA, Tmp117
from hw_sim.errors import NotSimulated
from hw_sim.world.clock import World

RESULT, CONFIG, HIGH, LOW, UNLOCK, EEPROM1, OFFSET, ID = 0, 1, 2, 3, 4, 5, 7, 15
READY, BUSY = 0x2000, 0x1000
SHUTDOWN, ONE_SHOT = 0x0400, 0x0C00


class Bench:
    """A thermometer on the bench, perfect unless told otherwise, powered and through with its power-up."""

    def __init__(self, noise_scale: float = 0.0, seed: int = 1) -> None:
        self.world = World(seed=seed)
        self.chip = Tmp117(self.world, noise_scale=noise_scale)
        self.draws: list[tuple[str, float]] = []
        self.chip.on_state = lambda state, ua: self.draws.append((state, ua))
        self.chip.power(True)
        self.wait(1.5)

    def wait(self, ms: float) -> None:
        """Time passes."""
        self.world.clock.advance_to(self.world.clock.now_us + round(ms * 1000))

    def read(self, register: int) -> int:
        """A register."""
        return self.chip.read_word(register)

    def write(self, register: int, value: int) -> None:
        """Sets a register."""
        self.chip.write_word(register, value)

    def celsius(self) -> float:
        """The result as the data sheet reads it."""
        word = self.read(RESULT)
        return (word - 0x10000 if word & 0x8000 else word) / 128


def test_power_on_values() -> None:
    """The register map of the data sheet; -256 °C until the first conversion with its eight averages is over."""
    bench = Bench()
    values = [bench.read(register) for register in (CONFIG, HIGH, LOW, UNLOCK, OFFSET, ID)]
    assert values == [0x0220, 0x6000, 0x8000, 0, 0, 0x0117]
    assert bench.read(RESULT) == 0x8000
    bench.wait(123.9)
    assert bench.read(RESULT) == 0x8000
    bench.wait(0.1)
    assert bench.read(RESULT) == 20 * 128


@pytest.mark.parametrize(
    ("celsius", "word"), [(-25.0, 0xF380), (-0.125, 0xFFF0), (-0.0078125, 0xFFFF), (0.125, 0x0010), (100.0, 0x3200)]
)
def test_the_examples_of_the_data_sheet(celsius: float, word: int) -> None:
    """Table 7-1: two's complement, 7.8125 m°C a step."""
    bench = Bench()
    bench.chip.temperature_c = lambda unix_s: celsius
    bench.wait(200)
    assert bench.read(RESULT) == word


@pytest.mark.parametrize(("average", "takes_ms"), [(0, 15.5), (1, 124), (2, 496), (3, 992)])
def test_one_shot(average: int, takes_ms: float) -> None:
    """Data_Ready rises after 15.5 ms an average, the chip is in shutdown then, and nothing follows by itself."""
    bench = Bench()
    bench.write(CONFIG, SHUTDOWN)
    bench.read(CONFIG)
    before = bench.chip.converted
    bench.write(CONFIG, ONE_SHOT | average << 5)
    bench.wait(takes_ms - 0.1)
    assert bench.read(CONFIG) == ONE_SHOT | average << 5
    assert bench.chip.converted == before
    bench.wait(0.1)
    assert bench.read(CONFIG) == SHUTDOWN | average << 5 | READY
    assert bench.celsius() == 20.0
    bench.chip.temperature_c = lambda unix_s: 30.0
    bench.wait(60_000)
    assert bench.read(CONFIG) == SHUTDOWN | average << 5
    assert bench.celsius() == 20.0
    assert bench.chip.converted == before + 1


def test_a_write_ends_the_conversion_that_runs() -> None:
    """The one-shot asked for last is timed from then; the first one gives no result."""
    bench = Bench()
    bench.write(CONFIG, ONE_SHOT)
    bench.wait(10)
    bench.write(CONFIG, ONE_SHOT)
    bench.wait(15.4)
    assert bench.read(RESULT) == 0x8000
    bench.wait(0.1)
    assert bench.read(RESULT) == 20 * 128
    assert bench.chip.converted == 1


@pytest.mark.parametrize("register", [RESULT, CONFIG])
def test_data_ready_goes_with_a_read(register: int) -> None:
    """Reading temperature or configuration clears it, reading anything else does not; the next conversion sets it."""
    bench = Bench()
    bench.wait(200)
    bench.read(HIGH)
    assert bench.chip._flags & READY
    bench.read(register)
    assert not bench.read(CONFIG) & READY
    bench.wait(1000)
    assert bench.read(CONFIG) & READY


@pytest.mark.parametrize(
    ("conv", "average", "cycle_ms"),
    [(0, 0, 15.5), (0, 1, 125), (1, 0, 125), (2, 1, 250), (3, 2, 500), (4, 1, 1000), (4, 3, 1000), (7, 0, 16000)],
)
def test_cycle_times(conv: int, average: int, cycle_ms: float) -> None:
    """The longer one of the cycle time and the averages counts; a cycle begins with its conversion."""
    bench = Bench()
    bench.write(CONFIG, conv << 7 | average << 5)
    bench.wait(cycle_ms * 9 + (1, 8, 32, 64)[average] * 15.5 - 0.1)
    assert bench.chip.converted == 9
    bench.wait(0.1)
    assert bench.chip.converted == 10


def test_a_result_is_as_old_as_its_conversion() -> None:
    """In continuous mode a read gives the last finished conversion, not the present."""
    bench = Bench()
    bench.chip.temperature_c = lambda unix_s: unix_s - bench.world.start_unix_s
    bench.wait(10_900)  # conversions end 0.1255, 1.1255 … 10.1255 s after power-up
    assert bench.celsius() == pytest.approx(10.1255, abs=0.005)


def test_soft_reset() -> None:
    """It takes 2 ms without acknowledgement; then all registers are as after power-on."""
    bench = Bench()
    bench.wait(200)
    bench.write(HIGH, 0x1000)
    bench.write(CONFIG, SHUTDOWN | 2)
    assert not bench.chip.begin(True)
    bench.wait(2)
    assert bench.chip.begin(True)
    assert (bench.read(CONFIG), bench.read(HIGH), bench.read(RESULT)) == (0x0220, 0x6000, 0x8000)
    bench.wait(124)
    assert bench.celsius() == 20.0


def test_alerts() -> None:
    """Beyond a limit the flag rises and stays until the configuration is read; between the limits it does not."""
    bench = Bench()
    bench.write(HIGH, 25 * 128)
    bench.write(LOW, 10 * 128)
    bench.wait(1200)
    assert bench.read(CONFIG) & 0xC000 == 0
    bench.chip.temperature_c = lambda unix_s: 25.1
    bench.wait(1000)
    bench.read(RESULT)
    bench.chip.temperature_c = lambda unix_s: 9.9
    bench.wait(1000)
    assert bench.read(CONFIG) & 0xC000 == 0xC000
    bench.chip.temperature_c = lambda unix_s: 20.0
    bench.wait(1000)
    assert bench.read(CONFIG) & 0xC000 == 0


def test_therm_mode_has_a_hysteresis() -> None:
    """HIGH_Alert stays between the limits whatever is read, and goes below the low one; LOW_Alert is never set."""
    bench = Bench()
    bench.write(HIGH, 25 * 128)
    bench.write(LOW, 22 * 128)
    bench.write(CONFIG, 0x0230)
    seen = []
    for celsius in (24.0, 26.0, 24.0, 21.0, 24.0):
        bench.chip.temperature_c = lambda unix_s, celsius=celsius: celsius  # type: ignore[misc]
        bench.wait(1000)
        seen.append(bench.read(CONFIG) >> 14)
    assert seen == [0, 2, 2, 0, 0]


def test_eeprom() -> None:
    """Only what is written while unlocked outlives the power; programming takes 7 ms, says so, and refuses writes."""
    bench = Bench()
    bench.write(EEPROM1, 0x1111)
    bench.write(UNLOCK, 0x8000)
    bench.write(CONFIG, SHUTDOWN)
    assert bench.read(CONFIG) & BUSY
    bench.write(HIGH, 0x2222)
    assert bench.read(HIGH) == 0x6000
    bench.wait(7)
    assert not bench.read(CONFIG) & BUSY
    bench.chip.power(False)
    bench.chip.power(True)
    bench.wait(200)
    assert bench.read(CONFIG) == SHUTDOWN
    assert bench.read(EEPROM1) == 0
    assert bench.read(RESULT) == 0x8000


def test_offset_is_added() -> None:
    """One degree less."""
    bench = Bench()
    bench.write(OFFSET, 0x10000 - 128)
    bench.wait(200)
    assert bench.celsius() == 19.0


def test_the_error_is_within_the_data_sheet_and_repeats() -> None:
    """Twenty specimens, none off by more than 0.1 °C, not all alike; the same seed gives the same readings."""
    readings = []
    for seed in range(20):
        bench = Bench(noise_scale=1.0, seed=seed)
        for _ in range(5):
            bench.wait(1000)
            readings.append(bench.celsius())
    assert max(abs(reading - 20.0) for reading in readings) <= 0.1 + 1 / 256
    assert len({round(reading, 2) for reading in readings}) > 8
    again = Bench(noise_scale=1.0, seed=3)
    again.wait(1000)
    assert again.celsius() == readings[15]


def test_currents() -> None:
    """Continuous at 1 Hz near the data sheet's 3.5 µA, 0.15 in shutdown, 135 in a conversion, nothing without supply."""
    bench = Bench()
    bench.write(CONFIG, 0x0200)  # one conversion a second
    assert bench.draws[-1] == ("continuous", pytest.approx(3.3, abs=0.1))
    bench.write(CONFIG, ONE_SHOT)
    assert bench.draws[-1] == ("active", ACTIVE_UA)
    bench.wait(15.5)
    assert bench.draws[-1] == ("shutdown", SHUTDOWN_UA)
    bench.chip.power(False)
    assert bench.draws[-1] == ("off", 0.0)


def test_a_frozen_chip_keeps_its_last_result() -> None:
    """No conversion ends any more, and Data_Ready does not rise; when it thaws it goes on."""
    bench = Bench()
    bench.wait(200)
    assert bench.celsius() == 20.0
    bench.chip.fault.frozen = True
    bench.chip.temperature_c = lambda unix_s: 30.0
    bench.wait(5000)
    assert not bench.read(CONFIG) & READY
    assert bench.celsius() == 20.0
    bench.chip.fault.frozen = False
    assert bench.celsius() == 30.0


def test_results_cannot_be_written_and_unknown_registers_are_named() -> None:
    """Temperature and identity keep their values."""
    bench = Bench()
    bench.wait(200)
    bench.write(RESULT, 0)
    bench.write(ID, 0)
    assert (bench.read(ID), bench.celsius()) == (0x0117, 20.0)
    with pytest.raises(NotSimulated, match="tmp117: register 0x0A"):
        bench.read(0x0A)
    with pytest.raises(NotSimulated, match="tmp117: register 0x0A"):
        bench.write(0x0A, 0)
