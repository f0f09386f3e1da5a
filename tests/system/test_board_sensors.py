"""A MicroPython program with SoftI2C and the three sensors of the board; the interpreter is real."""

from pathlib import Path

import pytest

import firmware
import hw_sim
from hw_sim.board import Board
from hw_sim.chips.base import ChipFaults
from hw_sim.chips.bh1750 import Bh1750
from hw_sim.chips.lis2dh12 import Lis2dh12
from hw_sim.chips.lis3dh import Lis3dh
from hw_sim.chips.sht4x import Sht4x
from hw_sim.chips.tmp117 import Tmp117
from hw_sim.chips.veml7700 import Veml7700
from hw_sim.errors import NotSimulated
from hw_sim.network.net import Network
from hw_sim.world.clock import World
from hw_sim.world.surroundings import Surroundings

pytestmark = pytest.mark.micropython

PROGRAM = """
import time
from machine import Pin, SoftI2C
temperature, light, motion = (SoftI2C(Pin(scl), Pin(sda)) for sda, scl in ((5, 6), (15, 16), (9, 10)))
for i2c in (temperature, light, motion):
    try:
        i2c.readfrom_mem(0x48, 0, 2)
    except OSError as error:
        print("no power", error.errno)
for pin in (4, 7, 8):
    Pin(pin, Pin.OUT, value=1)
time.sleep_ms(10)
print(temperature.scan(), light.scan(), motion.scan())

t0 = time.ticks_ms()
temperature.writeto_mem(0x48, 1, bytes((0x0C, 0x20)))
while not temperature.readfrom_mem(0x48, 1, 2)[0] & 0x20:
    time.sleep_ms(5)
raw = temperature.readfrom_mem(0x48, 0, 2)
print("temperature", ((raw[0] << 8 | raw[1]) - 65536) / 128, 124 <= time.ticks_diff(time.ticks_ms(), t0) <= 135)

light.writeto_mem(0x10, 0, bytes((0x00, 0x10)))
time.sleep_ms(104)
raw = light.readfrom_mem(0x10, 4, 2)
print("light", raw[0] | raw[1] << 8)

who = bytearray(1)
motion.readfrom_mem_into(0x18, 0x0F, who)
for register, value in (
    (0x20, 0x2F), (0x21, 0x09), (0x22, 0x40), (0x23, 0x80), (0x24, 0x08), (0x32, 16), (0x33, 0),
):
    motion.writeto_mem(0x18, register, bytes((value,)))
motion.readfrom_mem(0x18, 0x26, 1)
motion.writeto_mem(0x18, 0x30, b"\\x2a")
int1 = Pin(11, Pin.IN)
t0 = time.ticks_ms()
print("motion", who, int1.value())
while not int1.value():
    time.sleep_ms(100)
print("moved", time.ticks_diff(time.ticks_ms(), t0) // 1000, hex(motion.readfrom_mem(0x18, 0x31, 1)[0]), int1.value())
for pin in (4, 7, 8):
    Pin(pin, Pin.OUT, value=0)
"""


def sensors(board: Board) -> tuple[Tmp117, Veml7700, Lis2dh12]:
    """The chips of the board."""
    temperature, light, motion = (board.sensors[name] for name in ("temperature", "light", "motion"))
    assert isinstance(temperature, Tmp117)
    assert isinstance(light, Veml7700)
    assert isinstance(motion, Lis2dh12)
    return temperature, light, motion


def test_three_sensors_are_read_over_three_buses(board: Board) -> None:
    """Each bus is dead without power; then identity, one-shot temperature, light, and a push on the motion pin."""
    temperature, light, motion = sensors(board)
    temperature.temperature_c = lambda unix_s: -4.5
    light.illuminance_lx = lambda unix_s: 50.0
    push_s = board.world.start_unix_s + 30
    motion.acceleration_mg = lambda unix_s: (400.0 if unix_s > push_s else 0.0, 0.0, 1000.0)
    board.program(PROGRAM)
    board.power_on()
    board.run(for_s=60)
    lines = str(board.console).splitlines()
    assert lines[:4] == ["no power 110"] * 3 + ["[72] [16] [24]"]
    word, value, in_time = lines[4].split()
    assert (word, in_time) == ("temperature", "True")
    assert float(value) == pytest.approx(-4.5, abs=0.11)
    assert lines[5:] == ["light 108", "motion bytearray(b'3') 0", "moved 29 0x42 0"]
    assert not (temperature.powered or light.powered or motion.powered)
    assert temperature.powered_s == pytest.approx(30.0, abs=1.0)
    assert (light.powered_s, motion.powered_s) == (pytest.approx(temperature.powered_s, abs=0.1),) * 2


FAULTS = """
import errno, time
from machine import I2C, Pin, SoftI2C
Pin(4, Pin.OUT, value=1)
soft, hard = SoftI2C(Pin(6), Pin(5), freq=100000, timeout=3000), I2C(0, scl=Pin(6), sda=Pin(5), freq=100000)
time.sleep_ms(10)
def ask(i2c):
    t0 = time.ticks_us()
    try:
        said = i2c.readfrom_mem(0x48, 15, 2)
    except OSError as error:
        said = errno.errorcode[error.errno]
    return said, time.ticks_diff(time.ticks_us(), t0) // 10 * 10
while True:
    print(ask(soft), ask(hard))
    time.sleep(10)
"""


def test_what_goes_wrong_on_the_wires_reaches_the_program(board: Board) -> None:
    """For each fault the errno that MicroPython gives, from both kinds of bus, in its time; healed by itself or not."""
    chip = sensors(board)[0]
    bus = chip.bus
    assert bus is not None
    board.program(FAULTS)
    board.power_on()
    board.run(for_s=5)
    good = "(b'\\x01\\x17', 480) (b'\\x01\\x17', 480)"
    seen = []
    for fault in (
        lambda: setattr(chip.fault, "absent", True),
        lambda: setattr(chip.fault, "nack", 2),
        lambda: setattr(chip.fault, "answer", b"\xff"),
        lambda: setattr(chip.fault, "stretch_us", 4_000),
        lambda: bus.hold("scl", by=chip),
        lambda: bus.hold("sda"),
    ):
        fault()
        mark = board.console.mark
        board.run(for_s=10)
        seen.append(board.console.since(mark).strip())
        chip.fault = ChipFaults()
        bus.release()
    assert str(board.console).splitlines()[0] == good
    assert seen == [
        "('ENODEV', 110) ('ENODEV', 110)",
        "('ENODEV', 300) (b'\\x01\\x17', 480)",
        "(b'\\xff\\xff', 480) (b'\\xff\\xff', 480)",
        "('ETIMEDOUT', 3100) (b'\\x01\\x17', 20480)",
        "('ETIMEDOUT', 3010) ('ETIMEDOUT', 50010)",
        "(b'\\x00\\x00', 480) ('ETIMEDOUT', 50000)",
    ]
    mark = board.console.mark
    board.run(for_s=10)
    assert board.console.since(mark).strip() == good


def test_every_way_to_read_and_write(board: Board) -> None:
    """Transfers, buffers, vectors and the primitives agree; the hardware has no primitives; scans find what has power."""
    board.program(
        """
import time
from machine import I2C, Pin, SoftI2C
Pin(8, Pin.OUT, value=1)
time.sleep_ms(10)
soft, hard = SoftI2C(scl=Pin(10), sda=Pin(9)), I2C(1, scl=Pin(10), sda=Pin(9))
print(soft.scan(), hard.scan())
print(soft.writeto_mem(0x18, 0xB2, b"\\x11\\x22"), soft.readfrom_mem(0x18, 0xB2, 2), hard.readfrom_mem(0x18, 0x32, 2))
buffer = bytearray(b"1234")
print(soft.writeto(0x18, b"\\xb2", False), soft.readfrom_into(0x18, memoryview(buffer)[1:3]), buffer)
print(hard.writevto(0x18, (b"\\xb2", bytearray(b"\\x33"), b"", b"\\x44")), hard.readfrom_mem(0x18, 0xB2, 2))
soft.readfrom_mem_into(0x18, 0xB2, buffer)
print(buffer)
soft.start()
acks = soft.write(bytes((0x30, 0x0F)))
soft.start()
acks += soft.write(bytes((0x31,)))
one = bytearray(1)
soft.readinto(one)
soft.stop()
print(acks, one, soft.readfrom(0x18, 0), SoftI2C(Pin(10), Pin(9)).writeto(0x18, b""))
for action in (hard.start, lambda: I2C(2, scl=Pin(10), sda=Pin(9)), lambda: soft.readfrom_mem(0x18, 0, 1, addrsize=7)):
    try:
        action()
    except (OSError, ValueError) as error:
        print(error)
"""
    )
    board.power_on()
    board.run(for_s=5)
    assert str(board.console).splitlines() == [
        "[24] [24]",
        "None b'\\x11\"' b'\\x11\\x11'",
        "1 None bytearray(b'1\\x11\"4')",
        "3 b'3D'",
        "bytearray(b'3D\\x00\\x00')",
        "3 bytearray(b'3') b'' 0",
        "I2C operation not supported",
        "I2C(2) doesn't exist",
        "invalid addrsize",
    ]


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("SoftI2C(Pin(5), Pin(6))", "SoftI2C on scl 5, sda 6: esp32s3 has tmp117 on scl 6, sda 5"),
        ("I2C(0).scan()", "I2C 0 on scl 9, sda 8: esp32s3 has tmp117 on scl 6, sda 5"),
        ("I2C(0, scl=Pin(6), sda=Pin(5)).init(scl=Pin(5), sda=Pin(6))", "I2C 0 on scl 5, sda 6"),
    ],
)
def test_wrong_wires_and_what_is_left_out_are_named(board: Board, source: str, named: str) -> None:
    """A broad except in the program cannot hide it; the right wires are taken."""
    good = "from machine import I2C, Pin, SoftI2C\nSoftI2C(Pin(6), Pin(5))\nprint('wired')\n"
    board.program(f"{good}try:\n    {source}\nexcept Exception:\n    pass\n")
    board.power_on()
    with pytest.raises(NotSimulated, match=named):
        board.run(for_s=5)
    assert str(board.console).startswith("wired\nTraceback")


def test_power_and_resets_reach_the_sensors(board: Board) -> None:
    """A hard reset lets the load switches go, a soft one does not; a cut takes everything, and the meter knows."""
    temperature = sensors(board)[0]
    board.program("import time\nfrom machine import Pin\nPin(4, Pin.OUT, value=1)\nwhile True: time.sleep(1)\n")
    board.power_on()
    board.run(for_s=10)
    assert (temperature.powered, temperature.power_ons) == (True, 1)
    board.soft_reset()
    board.run(for_s=10)
    assert (temperature.powered, temperature.power_ons) == (True, 1)
    board.reset()
    assert not temperature.powered
    board.run(for_s=10)
    assert (temperature.powered, temperature.power_ons) == (True, 2)
    board.cut_power()
    assert not temperature.powered
    assert temperature.powered_s == pytest.approx(30 - 2 * 0.35, abs=0.5)


OTHER_PARTS = """
import asyncio
from firmware.boards.esp32s3 import Board
from firmware.drivers import parts
from firmware.errors import DriverError
board = Board()
async def main():
    for name in ("temperature", "light"):
        try:
            print(name, await parts.driver(board, name, FITTED).read())
        except DriverError as error:
            print(name, type(error).__name__, error)
    motion = parts.driver(board, "motion", FITTED)
    await motion.start()
    while not board.motion_pin():
        await asyncio.sleep_ms(100)
    print("motion", motion.read())
    motion.stop()
asyncio.run(main())
""".replace("FITTED", '{"temperature": "sht4x", "light": "bh1750", "motion": "lis3dh"}')


def other_board(folder: Path, world: World, network: Network) -> Board:
    """The reference board with SHT4x, BH1750 and LIS3DH in its sockets."""
    text = (Path(hw_sim.__file__).parent / "boards" / "esp32s3.toml").read_text()
    for old, new in (
        ('"tmp117"\naddress = 0x48', '"sht4x"\naddress = 0x44'),
        ('"veml7700"\naddress = 0x10', '"bh1750"\naddress = 0x23'),
        ('"lis2dh12"', '"lis3dh"'),
    ):
        assert old in text
        text = text.replace(old, new)
    (folder / "other.toml").write_text(text)
    return Board.from_description(folder / "other.toml", world, network)


def test_the_drivers_of_other_parts_run_on_the_device(
    tmp_path: Path, world: World, network: Network, board: Board
) -> None:
    """SHT4x, BH1750 and LIS3DH by the firmware's drivers in MicroPython; then with one torn off, which costs nobody else."""
    del board  # its fixture skips where there is no interpreter
    with other_board(tmp_path, world, network) as board:
        thermometer, light, motion = (board.sensors[name] for name in ("temperature", "light", "motion"))
        assert isinstance(thermometer, Sht4x) and isinstance(light, Bh1750) and isinstance(motion, Lis3dh)
        around = Surroundings.constant(temperature_c=-4.5, illuminance_lx=50.0).around(board.sensors)
        push_s = world.start_unix_s + 5
        around.motion_mg = lambda unix_s: (400.0 if unix_s > push_s else 0.0, 0.0, 1000.0)
        board.install(Path(firmware.__file__).parent)
        board.program(OTHER_PARTS)
        board.power_on()
        board.run(for_s=30)
        first, second, third = str(board.console).splitlines()
        assert first.split()[0] == "temperature" and -48 <= int(first.split()[1]) <= -42
        assert second == "light 50.0" and third == "motion (True, False)"
        assert not (thermometer.powered or light.powered or motion.powered)
        charged = {row.part: row.microcoulomb for row in board.meter.report().rows if row.state == "measuring"}
        assert charged["temperature"] == pytest.approx(320 * 0.0069, rel=0.05)
        assert charged["light"] == pytest.approx(120 * (0.12 + 0.24), rel=0.05)
        thermometer.fault = ChipFaults(absent=True)
        mark = board.console.mark
        board.reset()
        board.run(for_s=30)
        assert board.console.since(mark).splitlines()[0].startswith("temperature ChipSilentError")
        assert board.console.since(mark).splitlines()[1] == "light 50.0"
