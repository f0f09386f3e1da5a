"""The simulated SHT4x against Sensirion's data sheet: commands, times, acknowledgements, checksums, currents."""

import pytest

from hw_sim.chips.base import ChipFaults
from hw_sim.chips.sht4x import Sht4x, checksum
from hw_sim.errors import NotSimulated
from hw_sim.world.clock import World

HIGH, MEDIUM, LOW, SERIAL, RESET = 0xFD, 0xF6, 0xE0, 0x89, 0x94


class Bench:
    """A perfect specimen on the bench at 25 °C and 40 %, powered and started."""

    def __init__(self, *, noise: float = 0.0) -> None:
        self.world = World()
        self.chip = Sht4x(self.world, noise_scale=noise)
        self.draws: list[tuple[str, float]] = []
        self.chip.on_state = lambda state, ua: self.draws.append((state, ua))
        self.chip.temperature_c = lambda unix_s: 25.0
        self.chip.humidity = lambda unix_s: 40.0
        self.chip.power(True)
        self.wait(1)

    def wait(self, ms: float) -> None:
        """Time passes."""
        self.world.clock.advance_to(self.world.clock.now_us + round(ms * 1000))

    def tell(self, command: int) -> bool:
        """Whether it acknowledges address and command."""
        heard = self.chip.begin(False) and self.chip.take(command)
        self.chip.end()
        return heard

    def hear(self, n: int = 6) -> bytes | None:
        """What it says; None if it does not acknowledge."""
        if not self.chip.begin(True):
            return None
        data = bytes(self.chip.give() for _ in range(n))
        self.chip.end()
        return data


@pytest.mark.parametrize(("command", "takes_ms"), [(HIGH, 6.9), (MEDIUM, 3.7), (LOW, 1.3)])
def test_a_measurement_takes_its_time(command: int, takes_ms: float) -> None:
    """Until then neither reads nor commands are acknowledged; then both words come, each with its checksum, once."""
    bench = Bench()
    assert bench.tell(command)
    bench.wait(takes_ms - 0.1)
    assert bench.hear() is None and not bench.tell(SERIAL)
    bench.wait(0.1)
    data = bench.hear()
    assert data is not None
    assert int.from_bytes(data[:2], "big") == round((25 + 45) / 175 * 65_535)
    assert int.from_bytes(data[3:5], "big") == round((40 + 6) / 125 * 65_535)
    assert (data[2], data[5]) == (checksum(data[:2]), checksum(data[3:5]))
    assert bench.hear() is None
    assert bench.chip.converted == 1


def test_power_on() -> None:
    """It does not acknowledge for a millisecond, and has no answer to what nobody asked."""
    bench = Bench()
    bench.chip.power(False)
    assert not bench.tell(SERIAL)
    bench.chip.power(True)
    bench.wait(0.9)
    assert not bench.tell(SERIAL)
    bench.wait(0.1)
    assert bench.hear() is None
    assert bench.tell(SERIAL)
    bench.wait(1)
    assert bench.hear() is not None


def test_the_serial_number_is_that_of_the_specimen() -> None:
    """Two words with sound checksums, the same each time, another one for another specimen."""
    said = []
    for seed in (1, 1, 2):
        chip = Sht4x(World(seed=seed))
        said.append(chip.serial_number)
    assert said[0] == said[1] != said[2]
    bench = Bench()
    assert bench.tell(SERIAL)
    bench.wait(1)
    data = bench.hear()
    assert data is not None and data[:2] + data[3:5] == bench.chip.serial_number.to_bytes(4, "big")
    assert checksum(b"\xbe\xef") == 0x92  # the sheet's example


def test_a_soft_reset_takes_a_millisecond_and_forgets_the_answer() -> None:
    """What was measured and not read is gone."""
    bench = Bench()
    assert bench.tell(HIGH)
    bench.wait(7)
    assert bench.tell(RESET)
    assert not bench.tell(HIGH)
    bench.wait(1)
    assert bench.hear() is None and bench.tell(HIGH)


def test_power_lost_while_measuring_gives_no_answer_later() -> None:
    """The measurement dies with the supply."""
    bench = Bench()
    assert bench.tell(HIGH)
    bench.chip.power(False)
    bench.chip.power(True)
    bench.wait(20)
    assert bench.hear() is None and bench.chip.converted == 0


def test_currents() -> None:
    """Idle, measuring for its time, idle, off."""
    bench = Bench()
    assert bench.tell(HIGH)
    bench.wait(7)
    bench.chip.power(False)
    assert bench.draws == [("idle", 0.08), ("measuring", 320.0), ("idle", 0.08), ("off", 0.0)]


def test_a_damaged_checksum() -> None:
    """Of both words; without the fault they are sound."""
    bench = Bench()
    bench.chip.fault = ChipFaults(checksum=0x10)
    assert bench.tell(HIGH)
    bench.wait(7)
    data = bench.hear()
    assert data is not None
    assert (data[2] ^ 0x10, data[5] ^ 0x10) == (checksum(data[:2]), checksum(data[3:5]))


def test_noise_stays_within_the_sheet() -> None:
    """A hundred readings of a specimen lie within ±0.3 °C of the truth and within 0.1 °C of each other."""
    bench = Bench(noise=1.0)
    seen = []
    for _ in range(100):
        assert bench.tell(HIGH)
        bench.wait(7)
        data = bench.hear()
        assert data is not None
        seen.append(int.from_bytes(data[:2], "big") * 175 / 65_535 - 45)
    assert max(abs(value - 25) for value in seen) < 0.3 and 0.001 < max(seen) - min(seen) < 0.1


def test_what_is_left_out_says_so() -> None:
    """The heater, and a second byte; a command that the sheet does not name is not acknowledged."""
    bench = Bench()
    with pytest.raises(NotSimulated, match="heater"):
        bench.tell(0x39)
    assert not bench.tell(0x77)
    assert bench.chip.begin(False) and bench.chip.take(SERIAL)
    with pytest.raises(NotSimulated, match="one byte"):
        bench.chip.take(0)
