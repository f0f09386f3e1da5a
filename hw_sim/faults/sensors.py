"""Faults of I2C buses and of the chips on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hw_sim.errors import FaultError
from hw_sim.faults.fault import Effect, Parameter, fault, near
from hw_sim.faults.site import Site

if TYPE_CHECKING:
    from hw_sim.board import Board
    from hw_sim.chips.base import I2cChip
    from hw_sim.silicon.i2c import I2cBus

SENSOR = Parameter("the chip, by what it senses or by its name in the board's description", "temperature")


def chip_of(board: Board, sensor: str) -> I2cChip:
    """A chip on I2C by its name; FaultError that names those there are."""
    if sensor not in board.sensors:
        there = ", ".join(board.sensors) or "none"
        raise FaultError(f"{board.name} has no sensor {sensor!r}{near(sensor, board.sensors)}; its sensors: {there}")
    return board.sensors[sensor]


def _bus_of(board: Board, sensor: str) -> I2cBus:
    bus = chip_of(board, sensor).bus
    if bus is None:
        raise FaultError(f"{sensor} hangs on no bus")
    return bus


def _turned(site: Site, sensor: str, switch: str, value: object) -> Effect:
    return Effect(site.turn(chip_of(site.board, sensor), f"fault.{switch}", value))


def _honoured(site: Site, sensor: str, switch: str, value: object, lacks: str) -> Effect:
    chip = chip_of(site.board, sensor)
    if switch not in chip.honours:
        raise FaultError(f"{sensor} is a {type(chip).__name__}, which {lacks}")
    return _turned(site, sensor, switch, value)


@fault(
    "i2c-line-held",
    "bus",
    "A line of an I2C bus stays low: a short, or water between the pads.",
    "NXP UM10204, 3.1.16 (bus clear)",
    sensor=Parameter("a chip on that bus", "temperature"),
    line=Parameter("which line", "sda", choices=("sda", "scl")),
    example={"sensor": "temperature", "line": "scl"},
)
def i2c_line_held(site: Site, sensor: str, line: str) -> Effect:
    """Until the end, whatever loses its supply."""
    bus = _bus_of(site.board, sensor)
    bus.hold("scl" if line == "scl" else "sda")
    return Effect(bus.release)


@fault(
    "i2c-chip-hangs",
    "bus",
    "A chip hangs in the middle of a byte and holds the data line, until its supply goes.",
    "NXP UM10204, 3.1.16; Analog Devices AN-686 (a reset of the controller in the middle of a read)",
    sensor=SENSOR,
    line=Parameter("which line", "sda", choices=("sda", "scl")),
    example={"sensor": "motion"},
)
def i2c_chip_hangs(site: Site, sensor: str, line: str) -> Effect:
    """A firmware that switches the supply gets rid of it; else the end does."""
    chip, bus = chip_of(site.board, sensor), _bus_of(site.board, sensor)
    bus.hold("scl" if line == "scl" else "sda", by=chip)
    return Effect(bus.release)


@fault(
    "i2c-nack",
    "bus",
    "One transaction with a chip is not acknowledged.",
    "NXP UM10204, 3.1.6: the receiver is not able to receive or transmit",
    sensor=SENSOR,
    transaction=Parameter("which one from now, 1 the next", 1, "", 1, 1_000_000),
    example={"transaction": 2},
)
def i2c_nack(site: Site, sensor: str, transaction: int) -> Effect:
    """Once; the end takes back one that has not come yet."""
    chip = chip_of(site.board, sensor)
    chip.fault.nack = transaction

    def undo() -> None:
        chip.fault.nack = 0

    return Effect(undo, lambda: chip.fault.nack == 0)


@fault(
    "i2c-clock-stretched",
    "bus",
    "A chip holds the clock for so long with each byte.",
    "NXP UM10204, 3.1.9 (clock stretching)",
    sensor=SENSOR,
    microseconds=Parameter("by which each byte is late", 10_000, "us", 1, 10_000_000),
    example={"microseconds": 60_000},
)
def i2c_clock_stretched(site: Site, sensor: str, microseconds: int) -> Effect:
    """Beyond the controller's timeout every access fails."""
    return _turned(site, sensor, "stretch_us", microseconds)


@fault(
    "i2c-bits-flipped",
    "bus",
    "Bits of every byte that is read from a chip are turned: crosstalk, or pull-ups that are too weak.",
    "NXP UM10204, 7.1 (rise times)",
    sensor=SENSOR,
    mask=Parameter("which bits of a byte", 1, "", 1, 255),
    example={"mask": 0x80},
)
def i2c_bits_flipped(site: Site, sensor: str, mask: int) -> Effect:
    """The wire carries no checksum, so that the chip's driver must doubt the values."""
    return _turned(site, sensor, "flip", mask)


@fault(
    "sensor-absent",
    "sensor",
    "A chip does not acknowledge at all: not placed, cold joint, dead.",
    "NXP UM10204, 3.1.6; NXP UM10204, 3.1.10 (the address)",
    sensor=SENSOR,
    example={"sensor": "light"},
)
def sensor_absent(site: Site, sensor: str) -> Effect:
    """As if torn off."""
    return _turned(site, sensor, "absent", True)


@fault(
    "sensor-wrong-identity",
    "sensor",
    "The identity register of a chip holds something else: another part was placed.",
    "TI SNOSD82D, 7.6 (device ID 0x117); ST LIS2DH12 data sheet (WHO_AM_I 0x33)",
    sensor=SENSOR,
    identity=Parameter("what it says", 0, "", 0, 0xFFFF),
    example={"identity": 0x0118},
)
def sensor_wrong_identity(site: Site, sensor: str, identity: int) -> Effect:
    """A driver that asks for it must refuse the chip. FaultError where the chip has no such register."""
    return _honoured(site, sensor, "identity", identity, "has no identity that could be wrong")


@fault(
    "sensor-frozen",
    "sensor",
    "A chip converts nothing any more: its registers keep the reading of before.",
    "TI SNOSD82D, 7.4 (in shutdown the last result stays)",
    sensor=SENSOR,
    example={},
)
def sensor_frozen(site: Site, sensor: str) -> Effect:
    """What was measured last stays. FaultError where the chip's model cannot freeze."""
    return _honoured(site, sensor, "frozen", True, "cannot freeze: its class must name frozen in `honours`")


@fault(
    "sensor-garbage",
    "sensor",
    "A chip answers every read with these bytes, over and over.",
    "a chip that lost its configuration; 0xFF is what an idle bus reads, 0x00 a grounded one (NXP UM10204, 3.1)",
    sensor=SENSOR,
    answer=Parameter("the bytes, in hexadecimal", "ff"),
    example={"answer": "8000"},
)
def sensor_garbage(site: Site, sensor: str, answer: str) -> Effect:
    """FaultError for what is no hexadecimal."""
    try:
        data = bytes.fromhex(answer)
    except ValueError:
        raise FaultError(f"answer = {answer!r}: must be bytes in hexadecimal, 8000 say") from None
    if not data:
        raise FaultError("answer is empty: give at least one byte in hexadecimal")
    return _turned(site, sensor, "answer", data)


@fault(
    "sensor-bad-checksum",
    "sensor",
    "Each checksum that a chip sends is damaged, in chips that send them.",
    "Sensirion SHT4x data sheet, checksum calculation (CRC-8 behind every word)",
    sensor=SENSOR,
    mask=Parameter("which bits of the checksum", 1, "", 1, 255),
    example={"mask": 255},
)
def sensor_bad_checksum(site: Site, sensor: str, mask: int) -> Effect:
    """FaultError where the chip sends none."""
    return _honoured(site, sensor, "checksum", mask, "sends no checksum")
