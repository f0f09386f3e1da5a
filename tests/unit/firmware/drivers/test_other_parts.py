"""The drivers of SHT4x, BH1750 and LIS3DH against the simulator's silicon, bad silicon, and which driver is loaded."""

from __future__ import annotations

import asyncio
import itertools
import math
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from hw_sim.chips.base import ChipFaults
from tests.unit.firmware.app.rig import START_S, Rig
from tests.unit.firmware.drivers.silicon import OTHERS, REFERENCE, PartsBoard, micro, read, reads
from tests.unit.firmware.sensing.bench import Bench, shaking

from firmware.drivers import parts, sht4x  # isort: skip
from firmware.drivers.i2c import (  # isort: skip
    BusHeldError,
    ChipIdentityError,
    ChipNonsenseError,
    ChipSilentError,
)
from firmware.errors import DriverError, WireError  # isort: skip
from firmware.settings import check  # isort: skip
from firmware.wire import report  # isort: skip
from firmware.wire.readings import light_class  # isort: skip

NAMES = ("temperature", "light", "motion")
SETTINGS = {"board": "x", "wifi": {"ssid": "s", "key": "k"}, "broker": {"host": "h", "port": 1}}


# --- values


@pytest.mark.parametrize("celsius", [-39.99, -12.34, -0.05, 0.0, 21.46, 85.0, 124.99])
@pytest.mark.parametrize("pace", [1.0, 1.2])
def test_temperatures(celsius: float, pace: float) -> None:
    """Within the chip's resolution, rounded down, from the fastest specimen and from the slowest; no power afterwards."""
    board = PartsBoard()
    board.sht4x._noise_scale, board.sht4x.pace = 0.0, pace
    board.sht4x.temperature_c = lambda unix_s: celsius
    steps = round((celsius + 45) / 175 * 65_535)
    assert reads(board, "temperature") == math.floor(steps * 1750 / 65_535 - 450)
    assert not board.sht4x.powered


@pytest.mark.parametrize(
    "lux", [0.0, 0.9, 1.1, 3.2, 20.0, 53.0, 83.0, 84.0, 400.0, 5000.0, 54_000.0, 55_000.0, 100_000.0, 121_000.0]
)
@pytest.mark.parametrize("pace", [1.0, 1.5])
def test_light_over_its_range(lux: float, pace: float) -> None:
    """Within one percent and a count, from the fastest specimen and from the slowest; no power afterwards."""
    board = PartsBoard()
    board.bh1750.pace = pace
    board.bh1750.illuminance_lx = lambda unix_s: lux
    got = reads(board, "light")
    assert abs(got - lux) <= 0.01 * lux + 0.25
    assert abs(light_class(got) - light_class(lux)) <= 1
    assert not board.bh1750.powered


def test_the_sun_is_the_most_that_the_chip_can_tell() -> None:
    """Beyond its range it says its range, not more: 121 557 lx."""
    board = PartsBoard()
    board.bh1750.illuminance_lx = lambda unix_s: 1e6
    assert reads(board, "light") == pytest.approx(121_557, abs=1)


def test_light_waits_for_the_measurement() -> None:
    """What the register held before is never taken for the reading, from the slowest specimen either."""
    board = PartsBoard()
    board.bh1750.pace = 1.5
    came = board.world.clock.unix_s + 0.05
    board.bh1750.illuminance_lx = lambda unix_s: 700.0 if unix_s >= came else 0.0
    assert abs(reads(board, "light") - 700) < 10


def test_motion_is_noticed() -> None:
    """An LIS3DH under the driver of the LIS2DH12: at rest its pin is low, a push raises it, and reading clears it."""
    board = PartsBoard()
    pushed_s = board.world.clock.unix_s + 5

    async def story() -> None:
        chip = await read(board, "motion")
        assert not board.motion_pin()
        board.motion.acceleration_mg = lambda unix_s: (400.0 if unix_s > pushed_s else 0.0, 0.0, 1000.0)
        await asyncio.sleep(6)
        assert board.motion_pin() and chip.read() == (True, False)

    micro.run(story(), 10)


# --- bad silicon: each kind has its error, within a second; no power is left on; once sound, the chip works as ever


@pytest.mark.parametrize(
    ("name", "fault", "error"),
    [
        *[(name, {"absent": True}, ChipSilentError) for name in NAMES],
        *[(name, {"nack": 1}, ChipSilentError) for name in NAMES],
        *[(name, {"stretch_us": 60_000}, BusHeldError) for name in NAMES],
        *[(name, {"answer": b"\xff"}, ChipIdentityError) for name in NAMES],
        *[(name, {"flip": 0x80}, ChipIdentityError) for name in NAMES],
        ("temperature", {"answer": b"\0"}, ChipIdentityError),
        ("temperature", {"identity": 0}, ChipIdentityError),
        ("temperature", {"checksum": 1}, ChipIdentityError),
        ("temperature", {"nack": 4}, ChipSilentError),
        ("temperature", {"frozen": True}, ChipSilentError),
        ("light", {"nack": 4}, ChipSilentError),
        ("motion", {"identity": 0x32}, ChipIdentityError),
        ("motion", {"answer": b"\0"}, ChipIdentityError),
    ],
)
def test_bad_silicon(name: str, fault: dict[str, Any], error: type[DriverError]) -> None:
    """The error of the fault, and the same chip without it before and after."""
    board = PartsBoard()
    board.bh1750.illuminance_lx = lambda unix_s: 100.0
    reads(board, name)
    board.chips[name].power(False)
    board.chips[name].fault = ChipFaults(**fault)
    with pytest.raises(error):
        reads(board, name)
    assert not board.chips[name].powered
    board.chips[name].fault = ChipFaults()
    reads(board, name)


@pytest.mark.parametrize("nack", [3, 5])
def test_a_thermometer_that_is_still_busy_is_asked_again(nack: int) -> None:
    """It does not acknowledge a read before it has an answer; one refusal more costs two milliseconds, no reading."""
    board = PartsBoard()
    board.sht4x.fault = ChipFaults(nack=nack)
    assert 195 <= reads(board, "temperature") <= 205


@pytest.mark.parametrize("at", range(6))
@pytest.mark.parametrize("bit", [0x01, 0x80])
def test_a_damaged_temperature_is_never_taken(at: int, bit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One bit of any byte of the measurement, humidity included, behind a sound serial number."""
    board = PartsBoard()
    give = board.sht4x._give

    def damaged() -> int:
        return give() ^ (bit if board.sht4x.converted and board.sht4x._said == at else 0)

    monkeypatch.setattr(board.sht4x, "_give", damaged)
    with pytest.raises(ChipNonsenseError):
        reads(board, "temperature")
    monkeypatch.undo()
    assert 195 <= reads(board, "temperature") <= 205


@pytest.mark.parametrize(("celsius", "good"), [(-39.99, True), (-40.2, False), (125.05, True), (125.2, False)])
def test_a_temperature_that_the_chip_cannot_measure(celsius: float, good: bool) -> None:
    """Beyond -40 to 125 °C it is nonsense, with sound checksums too."""
    board = PartsBoard()
    board.sht4x._noise_scale = 0.0
    board.sht4x.temperature_c = lambda unix_s: celsius
    if good:
        assert reads(board, "temperature") in (-400, 1250)
        return
    with pytest.raises(ChipNonsenseError):
        reads(board, "temperature")


def test_checksums_are_those_of_the_data_sheet() -> None:
    """The sheet's example, BEEF to 92, in the driver's own code; one turned bit is found wherever it is."""
    assert sht4x.sound(b"\xbe\xef\x92\xbe\xef\x92")
    for at, bit in itertools.product(range(6), range(8)):
        bad = bytearray(b"\xbe\xef\x92\xbe\xef\x92")
        bad[at] ^= 1 << bit
        assert not sht4x.sound(bytes(bad))
    assert not sht4x.sound(b"\xbe\xef")


@pytest.mark.parametrize("name", ["temperature", "light"])
@pytest.mark.parametrize(("line", "error"), [("sda", ChipIdentityError), ("scl", BusHeldError)])
def test_a_held_line(name: str, line: Any, error: type[DriverError]) -> None:
    """A held clock line is told by the bus; a held data line by the checksum, or because every address answers."""
    board = PartsBoard()
    board.buses[name].hold(line)
    with pytest.raises(error):
        reads(board, name)
    assert not board.chips[name].powered


@pytest.mark.parametrize(
    ("name", "after_s"), [("temperature", 0.012), ("temperature", 0.018), ("light", 0.03), ("light", 0.3)]
)
@pytest.mark.parametrize("line", ["sda", "scl"])
def test_a_line_held_in_the_middle(name: str, line: Any, after_s: float) -> None:
    """A bus that hangs while the chip measures gives no reading: zeros are neither dark nor cold."""
    board = PartsBoard()

    async def story() -> None:
        task = asyncio.create_task(read(board, name))
        await asyncio.sleep(after_s)
        board.sync()
        assert not task.done()
        board.buses[name].hold(line)
        await task

    board.bh1750.illuminance_lx = lambda unix_s: 10.0
    with pytest.raises(DriverError):
        micro.run(story(), 2)
    assert not board.chips[name].powered


@pytest.mark.parametrize("name", ["temperature", "light"])
def test_a_command_that_is_not_acknowledged_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bit-banged bus does not raise for it; the driver counts."""
    board = PartsBoard()
    monkeypatch.setattr(board.chips[name], "_take", lambda byte: False)
    with pytest.raises(ChipNonsenseError):
        reads(board, name)
    assert not board.chips[name].powered


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("after_s", [0.004, 0.0125, 0.05])
def test_a_cancelled_reading_leaves_no_power(name: str, after_s: float) -> None:
    """Whatever the task is doing when it is stopped."""
    board = PartsBoard()

    async def story() -> None:
        task = asyncio.create_task(read(board, name))
        await asyncio.sleep(after_s)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    micro.run(story(), 1)
    assert not board.chips[name].powered and board.chips[name].power_ons == 1


@pytest.mark.parametrize("name", ["temperature", "light"])
@pytest.mark.parametrize("after_s", [0.005, 0.015, 0.1, 0.3])
def test_power_that_another_task_cuts_ends_the_reading(name: str, after_s: float) -> None:
    """Leave has ended in the middle of it: a DriverError, nothing else, and the chip stays off."""
    board = PartsBoard()
    board.bh1750.illuminance_lx = lambda unix_s: 10.0

    async def story() -> None:
        chip = parts.driver(board, name)
        task = asyncio.create_task(chip.read())
        await asyncio.sleep(after_s)
        if not task.done():
            chip.stop()
            with pytest.raises(ChipSilentError):
                await task

    micro.run(story(), 2)
    assert not board.chips[name].powered


class OtherBench(Bench):
    """The device of the sensors' tests with the other parts on its board."""

    def __init__(self) -> None:
        self.board = PartsBoard()
        Rig.__init__(self)


FAULTS = {
    "temperature": report.FAULT_TEMPERATURE,
    "light": report.FAULT_LIGHT,
    "motion": report.FAULT_MOTION,
}


@pytest.mark.parametrize("name", [None, *FAULTS])
def test_a_part_that_is_torn_off_is_told_of_and_stops_nobody_else(name: str | None) -> None:
    """Temperature, light and motion of the others leave as ever, and its own as soon as it is there again."""
    bench = OtherBench()
    if name:
        bench.board.chips[name].fault = ChipFaults(absent=True)
    bench.board.motion.acceleration_mg = shaking(START_S + 100, START_S + 1e6)
    seen = []

    async def story(bench: Bench) -> None:
        bench.permit(1, interval=60)
        await asyncio.sleep(310)
        seen.append(bench.sensors.faults)
        bench.sensors.close()
        seen.append((bench.environment(), bench.motion()))
        if name:
            bench.board.chips[name].fault = ChipFaults()
        await asyncio.sleep(200)
        seen.append(bench.sensors.faults)
        bench.sensors.close()

    bench.run(story)
    faults, (environment, motion), healed = seen
    assert faults == (FAULTS[name] if name else 0) and healed == 0
    widths = {len(entry) for entry in environment}
    assert widths == ({2} if name in ("temperature", "light") else {3}) and len(environment) >= 4
    assert bool(motion) == (name != "motion")
    assert len(bench.environment()[-1]) == 3 and bench.motion()


def test_what_the_light_sensor_cannot_tell() -> None:
    """A limit, stated in the driver: a converter that is dead reads as darkness, and so does a chip that says zeros."""
    board = PartsBoard()
    for fault in (ChipFaults(frozen=True), ChipFaults(answer=b"\0")):
        board.bh1750.fault = fault
        assert reads(board, "light") == 0


# --- which driver


def test_each_part_has_its_driver() -> None:
    """By the settings, else by the board, else as on the reference board."""
    plain, fitted = SimpleNamespace(), SimpleNamespace(PARTS=OTHERS)
    kinds = {"tmp117": "Tmp117", "veml7700": "Veml7700", "lis2dh12": "Lis2dh12"}
    kinds |= {"sht4x": "Sht4x", "bh1750": "Bh1750", "lis3dh": "Lis2dh12"}
    for name in NAMES:
        for board, chosen, part in (
            (plain, None, REFERENCE[name]),
            (fitted, None, OTHERS[name]),
            (plain, OTHERS, OTHERS[name]),
            (fitted, REFERENCE, REFERENCE[name]),
            (fitted, {}, OTHERS[name]),
        ):
            assert type(parts.driver(board, name, chosen)).__name__ == kinds[part]


def test_only_what_is_fitted_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The drivers of other parts stay out of memory."""
    files = ("tmp117", "sht4x", "bh1750", "veml7700", "lis2dh12", "commands")
    for file in files:
        monkeypatch.delitem(sys.modules, f"firmware.drivers.{file}", raising=False)
    for name in NAMES:
        parts.driver(SimpleNamespace(), name, {"light": "bh1750"})
    loaded = {file for file in files if f"firmware.drivers.{file}" in sys.modules}
    assert loaded == {"tmp117", "bh1750", "lis2dh12", "commands"}


@pytest.mark.parametrize("chosen", ["lead", [3400, 3600], [3600], [3600, 0], {"low": 3600}, 3600])
def test_settings_with_an_unknown_battery_are_refused(chosen: Any) -> None:
    """At enrolment, not when the device has started and is far away."""
    check(SETTINGS | {"battery": "lifepo4"})
    check(SETTINGS | {"battery": [3600, 3400]})
    with pytest.raises(WireError, match="battery"):
        check(SETTINGS | {"battery": chosen})


@pytest.mark.parametrize("chosen", [{"temperature": "bh1750"}, {"smell": "tmp117"}, {"light": 5}, [], "tmp117"])
def test_settings_with_an_unknown_part_are_refused(chosen: Any) -> None:
    """At enrolment and at each start; the like settings with known parts, or none, pass."""
    good = SETTINGS
    check(good)
    check(good | {"parts": {}})
    check(good | {"parts": OTHERS})
    with pytest.raises(WireError):
        check(good | {"parts": chosen})
    if isinstance(chosen, dict) and "smell" not in chosen:
        with pytest.raises(DriverError):
            parts.driver(SimpleNamespace(), next(iter(chosen)), chosen)
