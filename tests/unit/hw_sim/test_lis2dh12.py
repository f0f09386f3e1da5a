"""The simulated LIS2DH12 against data sheet DocID025056 and AN5005: registers, samples, filter, interrupts, currents."""

import math
import time

import pytest

from hw_sim.chips.lis2dh12 import Lis2dh12
from hw_sim.chips.lis_events import Sense
from hw_sim.errors import NotSimulated
from hw_sim.world.clock import World

CTRL1, CTRL2, CTRL3, CTRL4, CTRL5, CTRL6, REFERENCE, STATUS, OUT_X_L = range(0x20, 0x29)
CFG1, SRC1, THS1, DUR1, CFG2, SRC2, THS2, DUR2 = range(0x30, 0x38)
MOTION = (  # 10 Hz low power, filter on generator 1 and output, latched on INT1, 16 steps
    (CTRL1, 0x2F),
    (CTRL2, 0x09),
    (CTRL3, 0x40),
    (CTRL4, 0x80),
    (CTRL5, 0x08),
    (THS1, 16),
    (DUR1, 0),
)


class Bench:
    """An accelerometer on the bench, lying still, powered and booted; `edges` are the changes of its pins with their time."""

    def __init__(self) -> None:
        self.world = World()
        self.chip = Lis2dh12(self.world)
        self.draws: list[tuple[str, float]] = []
        self.edges: list[tuple[int, int, int]] = []
        self.chip.on_state = lambda state, ua: self.draws.append((state, ua))
        for number in (1, 2):
            self.chip.on_interrupt[number] = lambda level, number=number: self.edge(number, level)  # type: ignore[misc]
        self.chip.power(True)
        self.wait(5)

    def edge(self, number: int, level: int) -> None:
        """Notes a change of a pin."""
        self.edges.append((number, level, self.world.clock.now_us))

    def wait(self, ms: float) -> None:
        """Time passes."""
        self.world.clock.advance_to(self.world.clock.now_us + round(ms * 1000))

    def write(self, *pairs: tuple[int, int]) -> "Bench":
        """Sets registers, in order."""
        for register, value in pairs:
            self.chip.write_register(register, value)
        return self

    def read(self, register: int) -> int:
        """A register."""
        return self.chip.read_register(register)

    def burst(self, register: int, n: int) -> list[int]:
        """Bytes over the wires, the sub-address as given."""
        assert self.chip.begin(False)
        assert self.chip.take(register)
        assert self.chip.begin(True)
        data = [self.chip.give() for _ in range(n)]
        self.chip.end()
        return data

    def axes(self) -> list[int]:
        """The six output bytes as three signed numbers, left-justified."""
        data = bytes(self.burst(OUT_X_L | 0x80, 6))
        return [int.from_bytes(data[i : i + 2], "little", signed=True) for i in (0, 2, 4)]

    def world_is(self, x: float, y: float, z: float) -> None:
        """From now on."""
        self.chip.acceleration_mg = lambda unix_s: (x, y, z)

    def shaken_at(self, ms: float, mg: float, for_ms: float = 1e9) -> None:
        """So long from now x is accelerated."""
        begin_s = self.world.clock.unix_s + ms / 1000
        end_s = begin_s + for_ms / 1000
        self.chip.acceleration_mg = lambda unix_s: (mg if begin_s <= unix_s < end_s else 0.0, 0.0, 1000.0)


def test_power_on_values() -> None:
    """Identity, reset values, power-down: no sample however long one waits."""
    bench = Bench()
    bench.wait(10_000)
    assert bench.read(0x0F) == 0x33
    assert bench.read(0x1E) == 0x10
    assert [bench.read(register) for register in range(CTRL1, REFERENCE + 1)] == [0x07, 0, 0, 0, 0, 0, 0]
    assert (bench.read(STATUS), bench.axes(), bench.chip.converted) == (0, [0, 0, 0], 0)
    assert bench.draws == [("power-down", 0.5)]


def test_it_boots_for_5_ms() -> None:
    """Before that it does not acknowledge."""
    bench = Bench()
    bench.chip.power(False)
    bench.chip.power(True)
    bench.wait(4.9)
    assert not bench.chip.begin(True)
    bench.wait(0.1)
    assert bench.chip.begin(True)


def test_only_bit_7_of_the_sub_address_counts_on() -> None:
    """With it a burst reads neighbours, without it the same register again and again; writes likewise."""
    bench = Bench()
    bench.write((CTRL1, 0x27), (CTRL3, 0x40), (CTRL4, 0x80))
    assert bench.burst(CTRL1 | 0x80, 4) == [0x27, 0x00, 0x40, 0x80]
    assert bench.burst(CTRL1, 4) == [0x27] * 4
    for register in (THS1 | 0x80, THS2):
        assert bench.chip.begin(False)
        assert all(bench.chip.take(byte) for byte in (register, 5, 6))
    assert [bench.read(register) for register in (THS1, DUR1, THS2, DUR2)] == [5, 6, 6, 0]


@pytest.mark.parametrize(
    ("ctrl1", "ctrl4", "unit", "justified"),
    [
        (0x5F, 0x00, 16, 8), (0x5F, 0x10, 32, 8), (0x5F, 0x20, 64, 8), (0x5F, 0x30, 192, 8),
        (0x57, 0x00, 4, 6), (0x57, 0x10, 8, 6), (0x57, 0x20, 16, 6), (0x57, 0x30, 48, 6),
        (0x57, 0x08, 1, 4), (0x57, 0x18, 2, 4), (0x57, 0x28, 4, 4), (0x57, 0x38, 12, 4),
    ],
)  # fmt: skip
def test_resolution_and_full_scale(ctrl1: int, ctrl4: int, unit: int, justified: int) -> None:
    """mg a digit in each mode and scale, two's complement, left-justified, saturated at its ends."""
    bench = Bench().write((CTRL4, ctrl4), (CTRL1, ctrl1))
    bench.world_is(-768.0, 960.0, 50_000.0)
    bench.wait(200)
    x, y, z = bench.axes()
    assert (x >> justified, y >> justified) == (-768 // unit, 960 // unit)
    assert z >> justified == (1 << 15 - justified) - 1
    assert (x & (1 << justified) - 1, y & (1 << justified) - 1) == (0, 0)


@pytest.mark.parametrize(
    ("ctrl1", "rate_hz"), [(0x1F, 1), (0x2F, 10), (0x3F, 25), (0x4F, 50), (0x7F, 400), (0x8F, 1620), (0x9F, 5376)]
)
def test_data_rates(ctrl1: int, rate_hz: int) -> None:
    """As many samples in ten seconds as the rate says; they stop in power-down."""
    bench = Bench().write((CTRL1, ctrl1))
    bench.wait(10_001)
    assert bench.chip.converted == 10 * rate_hz
    bench.write((CTRL1, 0x0F))
    bench.wait(10_000)
    assert bench.chip.converted == 10 * rate_hz


def test_status_and_overrun() -> None:
    """Data available with the first sample, an axis goes with its high byte, all with the last; two samples overrun."""
    bench = Bench().write((CTRL1, 0x27))
    bench.wait(100)
    assert bench.read(STATUS) == 0
    bench.wait(1)
    assert bench.read(STATUS) == 0x0F
    bench.read(OUT_X_L)
    assert bench.read(STATUS) == 0x0F
    bench.read(OUT_X_L + 1)
    assert bench.read(STATUS) == 0x0E
    bench.read(OUT_X_L + 3)
    bench.read(OUT_X_L + 5)
    assert bench.read(STATUS) == 0
    bench.wait(250)
    assert bench.read(STATUS) == 0xFF


def test_block_data_update() -> None:
    """With BDU the high byte is of the sample that gave the low byte; without it, it is of the newest."""
    for ctrl4, high in ((0x88, 0x10), (0x08, 0xF0)):
        bench = Bench().write((CTRL4, ctrl4), (CTRL1, 0x57))
        bench.world_is(256.0, 0.0, 0.0)
        bench.wait(100)
        assert bench.read(OUT_X_L) == 0
        bench.world_is(-256.0, 0.0, 0.0)
        bench.wait(100)
        assert bench.read(OUT_X_L + 1) == high
        assert bench.axes()[0] == -256 * 16


def test_an_axis_that_is_off_says_nothing() -> None:
    """Its output is 0 and it raises no interrupt."""
    bench = Bench().write((CTRL1, 0x2B), (CTRL3, 0x40), (THS1, 16), (CFG1, 0x20))
    bench.wait(500)
    assert bench.axes() == [0, 0, 0]
    assert not bench.edges
    bench.write((CTRL1, 0x2F))
    bench.wait(500)
    assert bench.axes()[2] == 62 << 8
    assert [edge[:2] for edge in bench.edges] == [(1, 1)]


def test_gravity_is_a_shock_until_the_filter_is_reset() -> None:
    """Armed at once, the filter's start from zero fires; after a read of REFERENCE nothing does, and a push does."""
    careless = Bench().write(*MOTION, (CFG1, 0x2A))
    careless.wait(300)
    assert [edge[:2] for edge in careless.edges] == [(1, 1)]
    assert careless.read(SRC1) == 0x60  # z
    bench = Bench().write(*MOTION)
    bench.read(REFERENCE)
    bench.write((CFG1, 0x2A))
    bench.wait(60_000)
    assert not bench.edges
    bench.shaken_at(500, 300.0)
    bench.wait(10_000)
    assert [edge[:2] for edge in bench.edges] == [(1, 1)]
    assert bench.read(SRC1) == 0x42  # x


def test_the_pin_rises_with_the_sample_that_is_beyond() -> None:
    """Samples are a tenth of a second apart; the pin changes at one of them, the first after the push."""
    bench = Bench().write(*MOTION)
    bench.read(REFERENCE)
    bench.write((CFG1, 0x2A))
    began_us = bench.world.clock.now_us + 1_000
    bench.shaken_at(7_777, 300.0, for_ms=150)
    bench.wait(7_801 - 1)
    assert not bench.edges
    bench.wait(20_000)
    assert bench.edges == [(1, 1, began_us + 7_800_000)]


@pytest.mark.parametrize(("mg", "fires"), [(255.0, False), (257.0, True)])
def test_the_threshold_is_its_steps(mg: float, fires: bool) -> None:
    """16 steps of 16 mg at 2 g: 256 mg, above which it fires, in either direction."""
    for sign in (1, -1):
        bench = Bench().write(*MOTION)
        bench.read(REFERENCE)
        bench.write((CFG1, 0x2A))
        bench.shaken_at(500, sign * mg)
        bench.wait(2_000)
        assert bool(bench.edges) is fires


@pytest.mark.parametrize(("scale", "step_mg"), [(0, 16), (1, 32), (2, 62), (3, 186)])
def test_the_threshold_grows_with_the_full_scale(scale: int, step_mg: int) -> None:
    """INT1_THS in steps of 16, 32, 62, 186 mg."""
    for mg, fires in ((5 * step_mg - 1, False), (5 * step_mg + 1, True)):
        bench = Bench().write((CTRL1, 0x2F), (CTRL3, 0x40), (CTRL4, scale << 4), (THS1, 5), (CFG1, 0x02))
        bench.shaken_at(500, mg)
        bench.wait(2_000)
        assert bool(bench.edges) is fires


def test_a_latched_interrupt_stays_until_its_source_is_read() -> None:
    """The push is long over; SRC keeps what fired; the read ends it, and the next push fires again."""
    bench = Bench().write(*MOTION)
    bench.read(REFERENCE)
    bench.write((CFG1, 0x2A))
    for count in (1, 2):
        bench.shaken_at(1_000, 400.0, for_ms=200)
        bench.wait(60_000)
        assert bench.chip.pins[1] == 1
        assert bench.read(SRC1) == 0x42
        assert bench.chip.pins[1] == 0
        assert bench.read(SRC1) & 0x40 == 0
        assert len(bench.edges) == 2 * count


def test_an_interrupt_that_is_not_latched_follows_its_condition() -> None:
    """High for the three samples of the push, without anybody reading; a read of SRC changes nothing."""
    bench = Bench().write(*((r, v) for r, v in MOTION if r not in (CTRL2, CTRL5)), (CFG1, 0x02))
    began_us = bench.world.clock.now_us
    bench.shaken_at(1_050, 400.0, for_ms=300)
    bench.wait(1_200)
    assert bench.read(SRC1) == 0x42
    assert bench.chip.pins[1] == 1
    bench.wait(2_000)
    assert [edge[:2] for edge in bench.edges] == [(1, 1), (1, 0)]
    assert bench.edges[1][2] - bench.edges[0][2] == 300_000
    assert bench.edges[0][2] - began_us == 1_101_000


@pytest.mark.parametrize(("samples", "fires"), [(3, False), (4, True)])
def test_duration(samples: int, fires: bool) -> None:
    """With DURATION 3 the condition must last for three samples more than the first."""
    bench = Bench().write(*((r, v) for r, v in MOTION if r not in (CTRL2, DUR1)), (DUR1, 3), (CFG1, 0x02))
    bench.shaken_at(1_050, 400.0, for_ms=samples * 100)
    bench.wait(5_000)
    assert bool(bench.edges) is fires


def test_free_fall_is_all_axes_low() -> None:
    """AND of three low events: not while lying, not while one axis is accelerated, but in the fall."""
    bench = Bench().write((CTRL1, 0x5F), (CTRL3, 0x40), (THS1, 22), (DUR1, 3), (CFG1, 0x95))
    bench.wait(1_000)
    bench.world_is(0.0, 600.0, 0.0)
    bench.wait(1_000)
    assert not bench.edges
    bench.world_is(50.0, -50.0, 20.0)
    bench.wait(1_000)
    assert [edge[:2] for edge in bench.edges] == [(1, 1)]
    assert bench.read(SRC1) == 0x55


def test_two_generators_on_one_pin() -> None:
    """Motion above 124 mg on the first, shock above 3 g on the second; a push is the one, a blow both."""
    bench = Bench().write((CTRL1, 0x3F), (CTRL2, 0x0B), (CTRL3, 0x60), (CTRL4, 0xA0), (CTRL5, 0x0A))
    bench.write((THS1, 2), (THS2, 48), (CFG1, 0x2A), (CFG2, 0x2A))
    bench.wait(320)
    for register in (REFERENCE, SRC1, SRC2):
        bench.read(register)
    bench.wait(10_000)
    assert bench.chip.pins[1] == 0
    for mg, sources in ((500.0, (0x42, 0)), (5_000.0, (0x42, 0x42))):
        bench.shaken_at(100, mg, for_ms=80)
        bench.wait(1_000)
        assert bench.chip.pins[1] == 1
        # What is left at rest of the filter's answer to the push is below both thresholds when the sources are read.
        assert tuple(source if source & 0x40 else 0 for source in (bench.read(SRC1), bench.read(SRC2))) == sources
        bench.wait(5_000)
        bench.read(SRC1)
        assert bench.chip.pins[1] == 0


def test_routing_and_polarity() -> None:
    """Each generator to INT1 by CTRL_REG3, to INT2 by CTRL_REG6, to neither without; polarity turns both pins over."""
    for ctrl3, ctrl6, numbers in ((0, 0x40, [2]), (0x40, 0, [1]), (0, 0, []), (0x40, 0x40, [1, 2])):
        bench = Bench().write((CTRL1, 0x2F), (CTRL3, ctrl3), (CTRL6, ctrl6), (THS1, 16), (CFG1, 0x20))
        bench.wait(500)
        assert [number for number, level, _ in bench.edges if level] == numbers
        assert bench.read(SRC1) == 0x60
    for ctrl3, ctrl6, numbers in ((0x20, 0, [1]), (0, 0x20, [2]), (0x40, 0x40, [])):
        bench = Bench().write((CTRL1, 0x2F), (CTRL3, ctrl3), (CTRL6, ctrl6), (THS2, 16), (CFG2, 0x20))
        bench.wait(500)
        assert [number for number, level, _ in bench.edges if level] == numbers
        assert bench.read(SRC2) == 0x60
    bench = Bench().write((CTRL6, 0x02))
    assert bench.chip.pins == {1: 1, 2: 1}
    bench.write((CTRL1, 0x2F), (CTRL3, 0x40), (THS1, 16), (CFG1, 0x20))
    bench.wait(500)
    assert bench.chip.pins == {1: 0, 2: 1}
    bench.chip.power(False)
    assert bench.chip.pins == {1: 0, 2: 0}


def test_data_ready_on_the_pin() -> None:
    """High with each sample until the data are read."""
    bench = Bench().write((CTRL3, 0x10), (CTRL1, 0x27))
    bench.wait(102)
    assert bench.chip.pins[1] == 1
    bench.axes()
    assert bench.chip.pins[1] == 0
    bench.wait(100)
    assert bench.chip.pins[1] == 1
    assert len(bench.edges) == 3


def test_the_filtered_output_forgets_gravity() -> None:
    """With FDS the output falls from gravity to nothing; AN5005's slowest cut-off is the ODR over 400."""
    for hpcf, samples in ((0, 50), (3, 400)):
        bench = Bench().write((CTRL2, 0x08 | hpcf << 4), (CTRL4, 0x08), (CTRL1, 0x57))
        bench.wait(7 * 10 + 1)
        assert bench.axes()[2] >> 4 == pytest.approx(1000, abs=130)
        bench.wait(10 * samples / (2 * math.pi))
        assert bench.axes()[2] >> 4 == pytest.approx(1000 / math.e, rel=0.15)
        bench.wait(10 * samples * 3)
        assert abs(bench.axes()[2] >> 4) <= 1


def test_autoreset_takes_the_mean_to_the_event() -> None:
    """HPM = 11: after an event the new acceleration is the rest, so that a step fires once and not on and on."""
    for hpm, ends in ((0xC0, True), (0x80, False)):
        bench = Bench().write((CTRL1, 0x5F), (CTRL2, hpm | 0x31), (CTRL3, 0x40), (THS1, 16))
        bench.wait(20_000)
        bench.write((CFG1, 0x2A))
        bench.shaken_at(15, 600.0)
        bench.wait(100)
        assert bench.edges[0][:2] == (1, 1)
        assert (bench.chip.pins[1] == 0) is ends


def test_what_was_looked_up_ahead_yields_to_what_is_written() -> None:
    """A generator switched off, a higher threshold, a lost supply: the pin stays low although the push was foreseen."""
    for action in (
        lambda bench: bench.write((CFG1, 0)),
        lambda bench: bench.write((THS1, 100)),
        lambda bench: bench.write((CTRL1, 0x0F)),
        lambda bench: bench.chip.power(False),
        lambda bench: setattr(bench.chip.fault, "frozen", True),
    ):
        bench = Bench().write(*MOTION)
        bench.read(REFERENCE)
        bench.write((CFG1, 0x2A))
        bench.shaken_at(800, 300.0)
        bench.wait(700)
        action(bench)
        bench.wait(5_000)
        assert not [edge for edge in bench.edges if edge[1]]


def test_looks_in_between_change_nothing() -> None:
    """The pin rises at the same time whether or not somebody reads status and outputs every 30 ms."""
    times = []
    for reads in (False, True):
        bench = Bench().write(*MOTION)
        bench.read(REFERENCE)
        bench.write((CFG1, 0x2A))
        bench.chip.acceleration_mg = lambda unix_s: (unix_s % 20 * 15, 0.0, 1000.0)
        for _ in range(1000):
            bench.wait(30)
            if reads:
                bench.read(STATUS)
                bench.axes()
        times.append(bench.edges)
    assert times[0]
    assert times[0] == times[1]


def test_a_look_at_the_very_moment_takes_the_sample() -> None:
    """Who looks at the microsecond of a planned sample has seen it: it does not come again, as an overrun."""
    bench = Bench().write(*MOTION)
    bench.read(REFERENCE)
    began_us = bench.world.clock.now_us + 1_000
    seen: list[int] = []
    bench.world.clock.at(began_us + 450_000, bench.axes)
    bench.world.clock.at(began_us + 500_000, lambda: seen.append(bench.read(STATUS)))
    bench.write((CFG1, 0x2A))
    bench.shaken_at(460, 300.0)
    bench.wait(501)
    assert bench.edges == [(1, 1, began_us + 500_000)]
    assert (seen, bench.read(STATUS)) == ([0x0F], 0x0F)
    assert bench.chip.converted == 5


@pytest.mark.parametrize(
    ("ctrl1", "ctrl4", "state", "microampere"),
    [(0x1F, 0, "low power", 2), (0x2F, 0, "low power", 3), (0x3F, 0, "low power", 4), (0x57, 0, "normal", 20),
     (0x57, 8, "high resolution", 20), (0x0F, 0, "power-down", 0.5)],
)  # fmt: skip
def test_currents(ctrl1: int, ctrl4: int, state: str, microampere: float) -> None:
    """The data sheet's figure for each mode and rate; nothing without supply."""
    bench = Bench().write((CTRL1, 0x4F), (CTRL1, 0x07), (CTRL4, ctrl4), (CTRL1, ctrl1))
    assert bench.draws[-1] == (state, microampere)
    bench.chip.power(False)
    assert bench.draws[-1] == ("off", 0.0)


@pytest.mark.parametrize(
    ("register", "value", "said"),
    [
        (0x0F, 0x33, "register 0x0F"),
        (0x00, 0, "register 0x00"),
        (CTRL2, 0x40, "HPM = 01"),
        (CTRL3, 0x80, "click"),
        (CTRL4, 0x02, "self-test"),
        (CTRL5, 0x40, "FIFO"),
        (0x2E, 0x80, "FIFO_CTRL_REG"),
        (CFG1, 0x40, "6D"),
        (0x3E, 1, "activity"),
        (CTRL1, 0x87, "ODR code 8 in normal mode"),
        (CTRL1, 0xA7, "ODR code 10"),
    ],
)
def test_what_is_not_simulated_is_named(register: int, value: int, said: str) -> None:
    """By register and function; forbidden registers too."""
    bench = Bench().write((CTRL1, 0x27))
    with pytest.raises(NotSimulated, match=said):
        bench.write((register, value))


def test_the_two_resolutions_exclude_each_other() -> None:
    """LPen and HR together are not allowed."""
    with pytest.raises(NotSimulated, match="LPen and HR"):
        Bench().write((CTRL1, 0x2F), (CTRL4, 0x08))


@pytest.mark.parametrize("sense", [lambda t: (0.0, 0.0, 1000.0), lambda t: (300 * math.sin(7 * t), 0.0, 1000.0)])
def test_an_hour_costs_little(sense: Sense) -> None:
    """Armed at 25 Hz, cleared half a minute after each event: far below two seconds of real time."""
    bench = Bench()
    bench.chip.acceleration_mg = sense
    bench.write((CTRL1, 0x3F), *((r, v) for r, v in MOTION if r != CTRL1))
    bench.read(REFERENCE)
    bench.write((CFG1, 0x2A))
    clock = bench.world.clock
    bench.chip.on_interrupt[1] = lambda level: clock.after(30_000_000, lambda: bench.read(SRC1)) and None
    began = time.process_time()
    bench.wait(3_600_000)
    assert time.process_time() - began < 2.0
    assert bench.chip.converted == pytest.approx(90_000, abs=2)
