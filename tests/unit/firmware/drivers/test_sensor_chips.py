"""The drivers of TMP117, VEML7700 and LIS2DH12 against the simulator's silicon: values over the range, and bad silicon."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hw_sim.chips.base import ChipFaults
from tests.unit.firmware.sensing.bench import SimBoard, micro

from firmware.drivers.i2c import (  # isort: skip
    BusHeldError,
    ChipIdentityError,
    ChipNonsenseError,
    ChipSilentError,
)
from firmware.drivers.lis2dh12 import Lis2dh12  # isort: skip
from firmware.drivers.tmp117 import Tmp117  # isort: skip
from firmware.drivers.veml7700 import Veml7700  # isort: skip
from firmware.errors import DriverError  # isort: skip
from firmware.wire.readings import light_class  # isort: skip

LIMIT_S = 1.0  # of any reading, sound or not: two held transactions and the waits of the data sheets


async def start(board: SimBoard, name: str) -> Any:
    """One reading of a chip; of the accelerometer its start and a look at its sources."""
    if name == "motion":
        chip = Lis2dh12(board)
        await chip.start()
        return chip
    return await (Tmp117(board) if name == "temperature" else Veml7700(board)).read()


@pytest.mark.parametrize("celsius", [-55.0, -40.3, -0.05, 0.0, 21.46, 85.0, 149.8])
def test_temperatures(celsius: float) -> None:
    """Within the chip's 0.1 °C, rounded down, below zero too."""
    board = SimBoard()
    board.temperature._noise_scale = 0.0
    board.temperature.temperature_c = lambda unix_s: celsius
    steps = round(celsius / 0.0078125)
    assert micro.run(start(board, "temperature"), LIMIT_S) == steps * 5 // 64
    assert not board.temperature.powered


@pytest.mark.parametrize(
    "lux", [0.0, 0.9, 1.1, 3.2, 20.0, 53.0, 60.0, 400.0, 5000.0, 9_000.0, 30_000.0, 100_000.0, 250_000.0]
)
def test_light_over_its_range(lux: float) -> None:
    """From a dark boot to the sun, within three percent: a class has a quarter of an octave."""
    board = SimBoard()
    board.light.illuminance_lx = lambda unix_s: lux
    got = micro.run(start(board, "light"), LIMIT_S)
    assert abs(got - lux) <= 0.03 * lux + 0.05
    assert abs(light_class(got) - light_class(lux)) <= 1
    assert not board.light.powered


def test_blinding_light_is_the_highest_class() -> None:
    """All ones in the count are no measure, but surely much."""
    board = SimBoard()
    board.light.fault = ChipFaults()
    board.light.illuminance_lx = lambda unix_s: 1e9
    assert light_class(micro.run(start(board, "light"), LIMIT_S)) == 72


def test_light_waits_for_the_integration() -> None:
    """A light that comes on after the supply is in the reading: nothing stale from before is taken for it."""
    board = SimBoard()
    came = board.world.clock.unix_s + 0.016
    board.light.illuminance_lx = lambda unix_s: 700.0 if unix_s >= came else 0.0
    assert abs(micro.run(start(board, "light"), LIMIT_S) - 700) < 20


@pytest.mark.parametrize("name", ["temperature", "light", "motion"])
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"absent": True}, ChipSilentError),
        ({"nack": 1}, ChipSilentError),
        ({"nack": 4}, ChipSilentError),
        ({"identity": 0x42}, ChipIdentityError),
        ({"answer": b"\0"}, ChipIdentityError),
        ({"answer": b"\xff"}, ChipIdentityError),
        ({"flip": 0x80}, ChipIdentityError),
        ({"stretch_us": 60_000}, BusHeldError),
    ],
)
def test_bad_silicon(name: str, fault: dict[str, Any], error: type[DriverError]) -> None:
    """Each kind has its error, within a second; no power is left on; once sound, the chip works as ever."""
    board = SimBoard()
    micro.run(start(board, name), LIMIT_S)
    board.chips[name].power(False)
    board.chips[name].fault = ChipFaults(**fault)
    with pytest.raises(error):
        micro.run(start(board, name), LIMIT_S)
    assert not board.chips[name].powered
    board.chips[name].fault = ChipFaults()
    micro.run(start(board, name), LIMIT_S)


@pytest.mark.parametrize("name", ["temperature", "light", "motion"])
@pytest.mark.parametrize(("line", "error"), [("sda", ChipIdentityError), ("scl", BusHeldError)])
def test_a_held_line(name: str, line: Any, error: type[DriverError]) -> None:
    """A clock line that stays low is told by the bus, a data line by the identity."""
    board = SimBoard()
    board.buses[name].hold(line)
    with pytest.raises(error):
        micro.run(start(board, name), LIMIT_S)
    assert not board.chips[name].powered


@pytest.mark.parametrize("name", ["temperature", "light", "motion"])
@pytest.mark.parametrize("line", ["sda", "scl"])
@pytest.mark.parametrize("after_s", [0.03, 0.1, 0.14])
def test_a_line_held_in_the_middle(name: str, line: Any, after_s: float) -> None:
    """A bus that hangs after the identity was read gives no reading: zeros are neither dark nor cold."""
    board = SimBoard()
    board.temperature.temperature_c = lambda unix_s: 20.0

    async def story() -> None:
        task = asyncio.create_task(start(board, name))
        await asyncio.sleep(after_s)
        board.sync()
        board.buses[name].hold(line)
        await task

    with pytest.raises((ChipNonsenseError, ChipSilentError, ChipIdentityError, BusHeldError)):
        micro.run(story(), 2 * LIMIT_S)
    assert not board.chips[name].powered


@pytest.mark.parametrize("raw", [b"\x80\x00", b"\xe4\x00", b"\x4b\x80"])
def test_a_temperature_that_the_chip_cannot_measure(raw: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reset value, -56 °C and 151 °C are nonsense; just within the range is not."""
    board = SimBoard()
    read = board.temperature.read_word

    def word(register: int) -> int:
        return int.from_bytes(raw, "big") if register == 0 and read(0) is not None else read(register)

    monkeypatch.setattr(board.temperature, "read_word", word)
    with pytest.raises(ChipNonsenseError):
        micro.run(start(board, "temperature"), LIMIT_S)
    raw = b"\xe4\x80"
    assert micro.run(start(board, "temperature"), LIMIT_S) == -550


def test_a_thermometer_that_does_not_convert_is_silent() -> None:
    """Data_Ready never comes: the wait is bounded."""
    board = SimBoard()
    board.temperature.fault = ChipFaults(frozen=True)
    with pytest.raises(ChipSilentError):
        micro.run(start(board, "temperature"), LIMIT_S)


@pytest.mark.parametrize("name", ["temperature", "light", "motion"])
def test_a_write_that_is_not_heard_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes of a write are not acknowledged, which a bit-banged bus does not tell: read back, they are missed."""
    board = SimBoard()
    chip = board.chips[name]
    writes = "write_register" if name == "motion" else "write_word"
    monkeypatch.setattr(chip, writes, lambda register, value: None)
    with pytest.raises(ChipNonsenseError if name != "temperature" else DriverError):
        micro.run(start(board, name), LIMIT_S)
    assert not chip.powered


def test_a_cancelled_start_leaves_no_power() -> None:
    """Whatever the task is doing when it is stopped."""
    for name in ("temperature", "light", "motion"):
        board = SimBoard()

        async def story(board: SimBoard = board, name: str = name) -> None:
            task = asyncio.create_task(start(board, name))
            await asyncio.sleep(0.05)
            assert board.chips[name].powered
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        micro.run(story(), LIMIT_S)
        assert not board.chips[name].powered
