"""Recorded temperature and light around the simulated chips, read by the firmware's drivers: the reading is the world."""

from __future__ import annotations

import csv
import lzma
import math
from collections.abc import Callable
from typing import Any

import pytest

from hw_sim.world.surroundings import credible
from tests.unit.firmware.drivers.recordings import DATA
from tests.unit.firmware.drivers.silicon import PartsBoard, micro
from tests.unit.firmware.sensing.bench import SimBoard

from firmware.drivers import parts  # isort: skip
from firmware.wire import readings  # isort: skip

BOARDS = {"tmp117": SimBoard, "sht4x": PartsBoard, "veml7700": SimBoard, "bh1750": PartsBoard}
# °C: noise of the specimen, its step, and the rounding down to a tenth. The limits of the two data sheets.
LIMITS_C = {"tmp117": (-0.2, 0.1), "sht4x": (-0.35, 0.25)}


def text_of(name: str) -> str:
    """A file of tests/data/env."""
    return lzma.decompress((DATA / "env" / name).read_bytes()).decode("utf-8")


def elitech() -> list[float]:
    """°C of the logger's rows, which begin with their number."""
    rows = [line.split("\t") for line in text_of("elitech-rc5-temperature1.tsv.xz").splitlines()]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    return [float(row[2]) for row in cells if len(row) >= 3 and row[0].isdigit() and row[1].startswith("2016")]


def nab() -> list[float]:
    """°C of the office's readings, which are in °F."""
    rows = csv.DictReader(text_of("nab-ambient_temperature_system_failure.csv.xz").splitlines())
    return [(float(row["value"]) - 32) / 1.8 for row in rows]


def light() -> list[tuple[float, float]]:
    """Lux and melanopic lux of the logger's readings."""
    rows = csv.DictReader(text_of("lightlogr-sample.data.irregular.csv.xz").splitlines())
    return [(float(row["lux"]), float(row["MEDI"])) for row in rows]


def read_all(part: str, name: str, values: list[float], put: Callable[[Any, float], None]) -> list[Any]:
    """What the driver reads in each of these worlds."""
    board = BOARDS[part]()
    driver = parts.driver(board, name, {name: part})

    async def story() -> list[Any]:
        got = []
        for value in values:
            put(board.chips[name], value)
            got.append(await driver.read())
        return got

    return micro.run(story(), 2.0 * len(values))


@pytest.mark.parametrize("part", ["tmp117", "sht4x"])
@pytest.mark.parametrize(("series", "length", "nth"), [(elitech, 32_000, 40), (nab, 7_267, 10)])
def test_temperatures_are_those_of_the_world(
    part: str, series: Callable[[], list[float]], length: int, nth: int
) -> None:
    """Every so many readings of a cold chain's logger and of an office, and all extremes, within the chip's limits."""
    every = series()
    assert len(every) == length
    values = [*every[::nth], min(every), max(every)]

    def put(chip: Any, celsius: float) -> None:
        chip.temperature_c = lambda unix_s: celsius

    got = read_all(part, "temperature", values, put)
    least, most = LIMITS_C[part]
    wrong = [
        (world, reading)
        for world, reading in zip(values, got, strict=True)
        if not least <= reading / 10 - world <= most
    ]
    assert wrong == [] and len(set(got)) > 20


@pytest.mark.parametrize(("part", "most_lx"), [("veml7700", 1_000_000), ("bh1750", 121_557)])
def test_light_is_that_of_the_world_and_what_cannot_be_never_leaves(part: str, most_lx: int) -> None:
    """Every twelfth reading of a worn logger within 3 % and a count, a class at most apart; negative light is darkness, and
    light beyond the sun is the most that the chip can tell: a class of the wire in each case.
    """
    every = light()
    assert len(every) == 11_422
    possible = [lux for lux, medi in every[::12] if credible(lux, medi)]
    impossible = [value for pair in every for value in pair if not credible(value, 0)]
    assert min(impossible) < -1000 and max(impossible) > 1_000_000

    def put(chip: Any, lux: float) -> None:
        chip.illuminance_lx = lambda unix_s: lux

    got = read_all(part, "light", possible + impossible, put)
    for world, reading in zip(possible, got, strict=False):
        assert abs(reading - world) <= 0.03 * world + 0.25, world
        assert abs(readings.light_class(reading) - readings.light_class(world)) <= 2, world
    for world, reading in zip(impossible, got[len(possible) :], strict=True):
        assert math.isfinite(reading) and 0 <= reading <= most_lx
        assert (readings.light_class(reading) == 0) == (world < 0)
        assert 0 <= readings.light_class(reading) <= 72
    assert len({readings.light_class(reading) for reading in got}) > 25
