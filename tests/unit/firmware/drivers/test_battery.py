"""Millivolts of a battery to a level."""

from __future__ import annotations

import pytest

from firmware.drivers import battery

RANGES = {"li-ion": (3000, 4180), "lifepo4": (2500, 3400), "alkaline": (2000, 3150)}


@pytest.mark.parametrize("chemistry", list(RANGES))
def test_a_level_rises_with_the_voltage_from_0_to_100(chemistry: str) -> None:
    """Each millivolt of the range: never falling, each percent is reached but where the curve is flat, and it ends sharply."""
    empty_mv, full_mv = RANGES[chemistry]
    levels = [battery.level(mv, chemistry) for mv in range(empty_mv - 500, full_mv + 500)]
    assert levels == sorted(levels) and (levels[0], levels[-1]) == (0, 100)
    assert battery.level(empty_mv, chemistry) == 0 and battery.level(full_mv - 1, chemistry) == 99
    assert battery.level(full_mv, chemistry) == 100
    assert len(set(levels)) > 80


def test_li_ion_is_what_is_meant_unless_said_otherwise() -> None:
    """The knee of a lithium cell lies at 3.6 V, and half is left at 3.78 V; a LiFePO4 cell is full at 3.6 V."""
    assert [battery.level(mv) for mv in (3450, 3600, 3780, 4080)] == [10, 20, 50, 90]
    assert battery.level(3600, "lifepo4") == 100


@pytest.mark.parametrize(("mv", "chemistry"), [(0, "li-ion"), (-5, "li-ion"), (3700, "lead"), (3700, "")])
def test_what_is_not_known_is_minus_one(mv: int, chemistry: str) -> None:
    """No measurement, and a chemistry that nobody has a curve of; the like with both known has a level."""
    assert battery.level(3700, "li-ion") > 0
    assert battery.level(mv, chemistry) == -1
