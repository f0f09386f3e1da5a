"""Buses, controllers, and what goes wrong on the wires; a thermometer is the chip at hand where any would do."""

import errno
import tomllib
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import pytest

from hw_sim.chips.base import ChipFaults, I2cChip, WordChip
from hw_sim.chips.lis2dh12 import Lis2dh12
from hw_sim.chips.tmp117 import Tmp117
from hw_sim.chips.veml7700 import Veml7700
from hw_sim.errors import DeviceError, HwSimError, NotSimulated
from hw_sim.silicon.description import Description, load
from hw_sim.silicon.i2c import Controller, I2cBus
from hw_sim.silicon.wiring import Wired
from hw_sim.world.clock import World

IDENTITY = b"\x01\x17"


class Deaf(WordChip):
    """A chip that acknowledges its address and one byte only."""

    def _wake(self) -> None:
        pass

    def _take(self, byte: int) -> bool:
        super()._take(byte)
        return len(self._heard) == 1

    def read_word(self, register: int) -> int:
        """Always the same."""
        return 0x1234

    def write_word(self, register: int, value: int) -> None:
        """No second byte ever comes."""

    @property
    def converted(self) -> int:
        """It measures nothing."""
        return 0


class Bench:
    """A bus with a powered thermometer, started up, and a controller of each kind."""

    def __init__(self, freq_hz: int = 400_000, timeout_us: int = 50_000) -> None:
        self.world = World(seed=1)
        self.supplied = True
        self.bus = I2cBus(self.world.clock, 5, 6, lambda: self.supplied)
        self.chip = Tmp117(self.world)
        self.add(self.chip)
        self.soft = Controller(self.bus, True, freq_hz, timeout_us)
        self.hard = Controller(self.bus, False, freq_hz, timeout_us)

    def add(self, chip: I2cChip) -> None:
        """One more chip, powered and awake."""
        self.bus.attach(chip)
        chip.power(True)
        self.world.clock.advance_to(self.world.clock.now_us + 10_000)

    def took_us(self, action: Callable[[], object]) -> int:
        """Virtual time of an action."""
        before = self.world.clock.now_us
        action()
        return self.world.clock.now_us - before

    def identity(self, *, soft: bool = True) -> bytes:
        """What the identity register says."""
        return (self.soft if soft else self.hard).read_mem(0x48, b"\x0f", 2)


def fails(action: Callable[[], object]) -> int:
    """The errno of an action that fails."""
    with pytest.raises(DeviceError) as caught:
        action()
    return caught.value.errno


@pytest.mark.parametrize(("freq_hz", "took_us"), [(100_000, 480), (400_000, 120), (50_000, 960)])
def test_bytes_take_nine_bit_times(freq_hz: int, took_us: int) -> None:
    """Two STARTs and a STOP of one bit, five bytes of nine: 48 bits."""
    bench = Bench(freq_hz)
    assert bench.took_us(bench.identity) == took_us
    assert bench.took_us(lambda: [bench.identity() for _ in range(10)]) == 10 * took_us


def test_a_fraction_of_a_microsecond_is_not_lost() -> None:
    """A hundred empty writes of 11 bits at 300 kHz take 3667 us, though none takes a whole number of them."""
    bench = Bench(300_000)
    assert bench.took_us(lambda: [bench.soft.write(0x48, b"") for _ in range(100)]) in (3666, 3667)


@pytest.mark.parametrize("soft", [True, False])
def test_nobody_answers(soft: bool) -> None:
    """ENODEV from another address, without supply, while the chip starts, and when it is torn off; else its identity."""
    bench = Bench()
    controller = bench.soft if soft else bench.hard
    assert bench.identity(soft=soft) == IDENTITY
    assert fails(lambda: controller.read(0x49, 1)) == errno.ENODEV
    bench.chip.power(False)
    assert fails(lambda: bench.identity(soft=soft)) == errno.ENODEV
    bench.chip.power(True)
    assert fails(lambda: bench.identity(soft=soft)) == errno.ENODEV
    bench.world.clock.advance_to(bench.world.clock.now_us + 1_500)
    assert bench.identity(soft=soft) == IDENTITY
    bench.chip.fault.absent = True
    assert fails(lambda: bench.identity(soft=soft)) == errno.ENODEV
    bench.chip.fault = ChipFaults()
    assert bench.identity(soft=soft) == IDENTITY


def test_the_nth_transaction_is_not_acknowledged_once() -> None:
    """A read of a register is two transactions; the third from now fails, the fourth does not."""
    bench = Bench()
    bench.chip.fault.nack = 3
    assert bench.identity() == IDENTITY
    assert fails(bench.identity) == errno.ENODEV
    assert bench.identity() == IDENTITY


@pytest.mark.parametrize("soft", [True, False])
@pytest.mark.parametrize("fault", ["supply", "scl"])
def test_a_clock_line_that_stays_low_times_out(fault: str, soft: bool) -> None:
    """ETIMEDOUT after the controller's own time, for a held line and for pull-ups without supply; then all is well."""
    bench = Bench(timeout_us=2_000)
    assert bench.identity(soft=soft) == IDENTITY
    if fault == "supply":
        bench.supplied = False
    else:
        bench.bus.hold("scl")
    before_us = bench.world.clock.now_us
    assert fails(lambda: bench.identity(soft=soft)) == errno.ETIMEDOUT
    assert 2_000 <= bench.world.clock.now_us - before_us <= 2_010
    bench.supplied = True
    bench.bus.release()
    assert bench.identity(soft=soft) == IDENTITY


def test_a_data_line_that_stays_low_deceives_the_software_bus() -> None:
    """Every address acknowledges and every byte is 0, as MicroPython's bit-banging has it; the hardware times out."""
    bench = Bench()
    bench.bus.hold("sda")
    assert bench.identity() == b"\0\0"
    assert bench.soft.write(0x33, b"abc") == 3
    assert fails(lambda: bench.identity(soft=False)) == errno.ETIMEDOUT
    bench.bus.release()
    assert bench.identity() == IDENTITY
    assert fails(lambda: bench.soft.write(0x33, b"abc")) == errno.ENODEV


def test_a_chip_that_hangs_lets_the_line_go_with_its_power() -> None:
    """A line that this chip holds is free after a power cycle; one that somebody else holds is not."""
    bench = Bench()
    for holder in (bench.chip, None):
        bench.bus.hold("scl", by=holder)
        assert fails(bench.identity) == errno.ETIMEDOUT
        bench.chip.power(False)
        bench.chip.power(True)
        bench.world.clock.advance_to(bench.world.clock.now_us + 1_500)
        if holder is None:
            assert fails(bench.identity) == errno.ETIMEDOUT
        else:
            assert bench.identity() == IDENTITY


@pytest.mark.parametrize("soft", [True, False])
def test_clock_stretching(soft: bool) -> None:
    """A chip may stretch each of its bytes up to the timeout, which takes time, and not beyond."""
    bench = Bench(timeout_us=1_000)
    plain_us = bench.took_us(lambda: bench.identity(soft=soft))
    bench.chip.fault.stretch_us = 1_000
    assert bench.took_us(lambda: bench.identity(soft=soft)) == plain_us + 5 * 1_000
    bench.chip.fault.stretch_us = 1_001
    assert fails(lambda: bench.identity(soft=soft)) == errno.ETIMEDOUT


def test_wrong_bytes() -> None:
    """Turned bits, fixed bytes and a wrong identity reach the program as bytes; other registers keep their value."""
    bench = Bench()
    bench.chip.fault.flip = 0x10
    assert bench.identity() == b"\x11\x07"
    bench.chip.fault = ChipFaults(answer=b"\xff")
    assert bench.soft.read_mem(0x48, b"\x0f", 4) == b"\xff" * 4
    bench.chip.fault = ChipFaults(answer=b"\x12\x34\x56")
    assert bench.soft.read_mem(0x48, b"\x0f", 4) == b"\x12\x34\x56\x12"
    bench.chip.fault = ChipFaults(identity=0x0116)
    assert bench.identity() == b"\x01\x16"
    assert bench.soft.read_mem(0x48, b"\x02", 2) == b"\x60\x00"


def test_a_misspelt_fault_is_an_error() -> None:
    """It cannot be set by a name that does not exist."""
    with pytest.raises(AttributeError):
        Bench().chip.fault.missing = True  # type: ignore[attr-defined]


def test_a_data_byte_without_acknowledgement() -> None:
    """SoftI2C counts acknowledgements and raises nothing, the hardware raises ENODEV; a register read gives zeros."""
    bench = Bench()
    bench.add(Deaf(bench.world, 0x20))
    assert bench.soft.write(0x20, b"\x01") == 1
    assert bench.soft.write(0x20, b"\x01\x02\x03") == 1
    assert fails(lambda: bench.hard.write(0x20, b"\x01\x02\x03")) == errno.ENODEV
    assert bench.soft.read_mem(0x20, b"\x01", 2) == b"\x12\x34"
    assert bench.soft.read_mem(0x20, b"\x01\x02", 2) == b"\0\0"


def test_chips_share_a_bus() -> None:
    """Four chips on two wires answer by their own address, and a write reaches one of them only."""
    bench = Bench()
    bench.add(Tmp117(bench.world, 0x49))
    bench.add(Veml7700(bench.world))
    bench.add(Lis2dh12(bench.world))
    there = [a for a in range(8, 0x78) if a not in (0x10, 0x18, 0x48, 0x49)]
    assert all(fails(lambda a=a: bench.soft.write(a, b"")) == errno.ENODEV for a in there)  # type: ignore[misc]
    bench.soft.write(0x49, b"\x02\x11\x22")
    assert bench.soft.read_mem(0x49, b"\x02", 2) == b"\x11\x22"
    assert bench.soft.read_mem(0x48, b"\x02", 2) == b"\x60\x00"
    assert bench.soft.read_mem(0x10, b"\x07", 2) == b"\x81\xc4"
    assert bench.soft.read_mem(0x18, b"\x0f", 1) == b"\x33"


def test_the_primitives_do_what_a_transfer_does() -> None:
    """START, address, register, repeated START, address, two bytes, STOP; nobody spoken to reads as ones."""
    bench = Bench()
    bus, soft = bench.bus, bench.soft
    bus.start(soft)
    assert soft.write_raw(bytes((0x48 << 1, 0x0F))) == 2
    bus.start(soft)
    assert soft.write_raw(bytes((0x48 << 1 | 1,))) == 1
    assert soft.read_raw(2) == IDENTITY
    bus.stop(soft)
    assert soft.read_raw(2) == b"\xff\xff"
    bus.start(soft)
    assert soft.write_raw(bytes((0x49 << 1, 0x0F))) == 0


def test_a_software_bus_opens_on_dead_wires() -> None:
    """Its first STOP waits for the clock line and cares no more."""
    bench = Bench(timeout_us=2_000)
    bench.supplied = False
    assert bench.took_us(bench.soft.open) >= 2_000
    assert bench.took_us(bench.hard.open) == 0


def test_powered_s_counts_every_time_under_power() -> None:
    """Two times of one second each, and what runs now."""
    bench = Bench()
    clock = bench.world.clock
    bench.chip.power(False)
    start_s = bench.chip.powered_s
    for on in (True, False, True):
        bench.chip.power(on)
        bench.chip.power(on)  # the same again is nothing
        clock.advance_to(clock.now_us + 1_000_000)
    assert bench.chip.powered_s - start_s == pytest.approx(2.0)
    assert bench.chip.power_ons == 3


# --- wiring


def described(**changes: object) -> Description:
    """The ESP32-S3 board with other buses."""
    text = (resources.files("hw_sim") / "boards" / "esp32s3.toml").read_text(encoding="utf-8")
    return Description.model_validate(tomllib.loads(text) | changes)


def test_the_board_has_three_buses() -> None:
    """Chips by what they sense; the load switch feeds chip and pull-ups; the interrupt pin is there and low."""
    board = Wired(load("esp32s3"), World())
    assert {name: type(chip).__name__ for name, chip in board.sensors.items()} == {
        "temperature": "Tmp117",
        "light": "Veml7700",
        "motion": "Lis2dh12",
    }
    light = board.sensors["light"]
    assert light.bus is board.i2c_bus(-1, scl=16, sda=15) is board.buses[1]
    assert light.bus.scl_low
    board.gpio.set_mode(7, 3)
    assert not light.powered
    board.gpio.write(7, 1)
    assert light.powered
    assert not light.bus.scl_low
    assert not board.sensors["motion"].powered
    assert board.gpio.inputs[11] == 0
    board.gpio.reset()
    assert not light.powered
    assert light.bus.scl_low


def test_wrong_pins_name_what_is_wired() -> None:
    """Swapped wires are another bus, which is not there; a controller that does not fit is named too."""
    board = Wired(described(i2c=[{"sda": 5, "scl": 6, "id": 1, "chip": [{"chip": "tmp117", "address": 72}]}]), World())
    assert board.i2c_bus(1, scl=6, sda=5) is board.i2c_bus(-1, scl=6, sda=5)
    with pytest.raises(NotSimulated, match=r"SoftI2C on scl 5, sda 6: esp32s3 has tmp117 on scl 6, sda 5 of I2C 1"):
        board.i2c_bus(-1, scl=5, sda=6)
    with pytest.raises(NotSimulated, match=r"I2C 0 on scl 6, sda 5"):
        board.i2c_bus(0, scl=6, sda=5)
    with pytest.raises(NotSimulated, match="no I2C chips"):
        Wired(described(i2c=[]), World()).i2c_bus(0, scl=6, sda=5)


def test_several_chips_on_one_switch_and_one_bus() -> None:
    """Two thermometers by their names and a light sensor, all behind one load switch; another hangs on the board itself."""
    rows = [
        {"chip": "tmp117", "address": 0x48, "name": "inside", "power_pin": 4},
        {"chip": "tmp117", "address": 0x49, "name": "outside"},
        {"chip": "veml7700", "address": 0x10, "power_pin": 4},
    ]
    board = Wired(described(i2c=[{"sda": 5, "scl": 6, "chip": rows}]), World())
    board.feed_board(True)
    board.gpio.set_mode(4, 3)
    assert {name for name, chip in board.sensors.items() if chip.powered} == {"outside"}
    board.gpio.write(4, 1)
    assert {name for name, chip in board.sensors.items() if chip.powered} == {"inside", "outside", "light"}
    board.feed_board(False)
    assert not board.sensors["outside"].powered


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"chip": "tmp117", "address": 0x48}, {"chip": "tmp117", "address": 0x49}], "two chips temperature"),
        ([{"chip": "sht40", "address": 0x44}], "chip sht40"),
        ([{"chip": "tmp117", "address": 0x48, "int1": 3}], "interrupt pin 1 of Tmp117"),
    ],
)
def test_wiring_that_cannot_be(rows: list[dict[str, object]], said: str) -> None:
    """Two chips under one name, a chip that nobody simulates, an interrupt pin that the chip does not have."""
    with pytest.raises(HwSimError, match=said):
        Wired(described(i2c=[{"sda": 5, "scl": 6, "chip": rows}]), World())


def test_two_chips_with_one_address_are_refused(tmp_path: Path) -> None:
    """The description says which bus; with another address it is taken."""
    text = (resources.files("hw_sim") / "boards" / "esp32s3.toml").read_text(encoding="utf-8")
    first, second = '[[i2c.chip]]\nchip = "tmp117"\naddress = 0x48\npower_pin = 4\n', '[[i2c.chip]]\nchip = "tmp117"\n'
    path = tmp_path / "board.toml"
    assert first in text
    path.write_text(text.replace(first, f'{first}{second}name = "b"\naddress = 0x49\n'))
    assert len(load(path).i2c[0].chip) == 2
    path.write_text(text.replace(first, f'{first}{second}name = "b"\naddress = 0x48\n'))
    with pytest.raises(
        HwSimError, match=r"chip\[2\].address = 0x48: tmp117 of the bus with sda 5, scl 6 has that address"
    ):
        load(path)
