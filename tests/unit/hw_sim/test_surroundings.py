"""The world around the sensors: recorded series, the rule for what cannot be true, motion by the drive, shocks."""

import datetime as dt
import math
from itertools import pairwise

import pytest

from hw_sim.chips.lis2dh12 import Lis2dh12
from hw_sim.chips.tmp117 import Tmp117
from hw_sim.chips.veml7700 import Veml7700
from hw_sim.errors import HwSimError
from hw_sim.world.clock import World
from hw_sim.world.drive import Drive, Sample
from hw_sim.world.surroundings import DAY_S, Series, Surroundings, credible

PARKED = Drive.parked(53.4, -2.9)
MIDNIGHT = dt.datetime(2026, 1, 26, tzinfo=dt.UTC).timestamp()


def at(hour: int, minute: int = 0, second: int = 0, *, day: int = 0) -> float:
    """Unix time of a time of day in the world."""
    return MIDNIGHT + day * DAY_S + hour * 3600 + minute * 60 + second


def test_temperature_is_the_recording_at_its_time_of_day() -> None:
    """Values copied from the logger's file, at the same time of day of 2026, and half way between two of them."""
    world = Surroundings.recorded(PARKED)
    assert world.temperature_c(at(17, 47, 30)) == 23.7
    assert world.temperature_c(at(17, 49, 30)) == 25.4
    assert world.temperature_c(at(17, 48, 30)) == pytest.approx((23.7 + 25.4) / 2)


def test_the_day_repeats_without_a_jump() -> None:
    """The next day is the same; over midnight the line runs from the last reading to the first."""
    world = Surroundings.recorded(PARKED)
    for second in range(0, DAY_S, 977):
        assert world.temperature_c(at(0) + second) == world.temperature_c(at(0, day=91) + second)
        assert world.illuminance_lx(at(0) + second) == world.illuminance_lx(at(0, day=-3) + second)
    steps = [world.temperature_c(at(23, 55) + s) - world.temperature_c(at(23, 55) + s + 1) for s in range(600)]
    assert max(map(abs, steps)) < 0.02


def test_light_stands_until_the_next_reading() -> None:
    """From one reading to the next its value does not move, and it is one of the file's."""
    world = Surroundings.recorded(PARKED)
    values = [world.illuminance_lx(at(17) + s) for s in range(600)]
    changes = sum(1 for a, b in pairwise(values) if a != b)
    assert 2 <= changes <= 12
    assert all(value == round(value) for value in values)


def test_impossible_light_is_dropped() -> None:
    """The file has −1867 lx at 12:32:16 and two melanopic readings brighter than the sun: what was before stands."""
    world = Surroundings.recorded(PARKED)
    for when in (at(12, 32, 16), at(12, 33, 31), at(12, 38, 32)):
        assert world.illuminance_lx(when) == world.illuminance_lx(when - 1)
    day = [world.illuminance_lx(at(0) + s) for s in range(0, DAY_S, 5)]
    assert min(day) == 0
    assert 10_000 < max(day) <= 150_000


@pytest.mark.parametrize(
    ("lux", "medi"), [(-1.0, 90.0), (100.0, -1.0), (150_001.0, 90.0), (100.0, 150_001.0), (math.nan, 90.0)]
)
def test_the_rule_by_one_value_at_a_time(lux: float, medi: float) -> None:
    """100 lx with 90 melanopic lx is credible; with one of the two out of daylight it is not."""
    assert credible(100.0, 90.0)
    assert not credible(lux, medi)


def test_a_standing_vehicle_lies_still_and_a_moving_one_shakes() -> None:
    """At 11 m/s the clip of the walk, before and after it the still one; each stands for 1/26 s and repeats."""
    start = at(9)
    north = Drive([Sample(start, 53.4, -2.9), Sample(start + 100, 53.41, -2.9)])
    world = Surroundings.recorded(north)

    def spread(begin: float) -> float:
        z = [world.acceleration_mg(begin + i / 26)[2] for i in range(520)]
        mean = sum(z) / len(z)
        return math.sqrt(sum((v - mean) ** 2 for v in z) / len(z))

    assert spread(start - 60) < 5
    assert spread(start + 30) > 100
    assert spread(start + 200) < 5
    assert world.acceleration_mg(start + 30) == world.acceleration_mg(start + 30 + 1000 / 26)
    assert world.acceleration_mg(start - 30)[2] == pytest.approx(1037, abs=10)


def test_the_drive_of_now_decides() -> None:
    """Handed a function, the surroundings follow it from one drive to the next; None stands."""
    start = at(9)
    drives: list[Drive | None] = [None]
    world = Surroundings.recorded(lambda: drives[0])
    still = world.acceleration_mg(start + 30)
    drives[0] = Drive([Sample(start, 53.4, -2.9), Sample(start + 100, 53.41, -2.9)])
    assert world.acceleration_mg(start + 30) != still
    drives[0] = PARKED
    assert world.acceleration_mg(start + 30) == still


def test_a_shock_is_half_a_sine_on_top() -> None:
    """Zero at both ends, its peak in the middle, on its axes alone, nothing before or after; two add up."""
    world = Surroundings.constant(motion_mg=(0.0, 0.0, 1000.0))
    world.shock(at(9), (300.0, 0.0, 2000.0), duration_s=0.2)
    assert world.acceleration_mg(at(9) - 0.01) == (0.0, 0.0, 1000.0)
    assert world.acceleration_mg(at(9) + 0.1) == pytest.approx((300.0, 0.0, 3000.0), abs=0.01)
    assert world.acceleration_mg(at(9) + 0.05)[2] == pytest.approx(1000 + 2000 * math.sin(math.pi / 4), abs=0.01)
    assert world.acceleration_mg(at(9) + 0.21) == (0.0, 0.0, 1000.0)
    world.shock(at(9), (0.0, 0.0, 500.0), duration_s=0.2)
    assert world.acceleration_mg(at(9) + 0.1)[2] == pytest.approx(3500.0, abs=0.01)


def test_constants_and_replaced_functions() -> None:
    """A test sets what it needs and leaves the rest."""
    world = Surroundings.constant(temperature_c=-5.0)
    assert (world.temperature_c(0), world.illuminance_lx(1e9)) == (-5.0, 100.0)
    world.temperature_c = lambda unix_s: unix_s / 2
    assert world.temperature_c(60.0) == 30.0


@pytest.mark.parametrize(
    "readings", [[], [(0.0, 1.0), (DAY_S, 2.0)], [(-1.0, 1.0), (5.0, 2.0)], [(5.0, 1.0), (5.0, 2.0)]]
)
def test_a_series_is_readings_of_one_day(readings: list[tuple[float, float]]) -> None:
    """No reading, one outside the day, or two at one time: HwSimError; two readings of a day are a series."""
    assert Series([(0.0, 1.0), (DAY_S - 1.0, 2.0)], line=True).at(MIDNIGHT) == 1.0
    with pytest.raises(HwSimError):
        Series(readings, line=True)


def test_chips_feel_what_is_around_them() -> None:
    """Three chips take their quantity; a replaced function and a later shock reach them."""
    world = World(seed=1)
    chips = Tmp117(world), Veml7700(world), Lis2dh12(world)
    around = Surroundings.constant(temperature_c=-5.0).around({chip.senses: chip for chip in chips})
    assert chips[0].temperature_c(at(9)) == -5.0
    assert chips[1].illuminance_lx(at(9)) == 100.0
    assert chips[2].acceleration_mg(at(9)) == (0.0, 0.0, 1000.0)
    around.illuminance_lx = lambda unix_s: 7.0
    around.shock(at(9), duration_s=0.2)
    assert chips[1].illuminance_lx(at(9)) == 7.0
    assert chips[2].acceleration_mg(at(9) + 0.1) == pytest.approx((0.0, 0.0, 3000.0), abs=0.01)


def test_a_shock_lasts() -> None:
    """A shock of no time is refused, a short one is not."""
    world = Surroundings.constant()
    world.shock(0.0, duration_s=0.011)
    with pytest.raises(HwSimError):
        world.shock(0.0, duration_s=0.0)
