"""Intervals that follow the battery: thresholds, hysteresis, chemistries, and the board that stops sensing."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from hw_sim.network.broker import Broker
from tests.unit.firmware.app.conftest import Rigged
from tests.unit.firmware.app.rig import micro  # noqa: F401 - lends the names of MicroPython

from firmware.battery import levels_mv  # isort: skip
from firmware.errors import WireError  # isort: skip
from firmware.keeper import Keeper  # isort: skip

FAULT_LOW = 4096


class Paced:
    """The part of a keeper that judges the battery; `at(mv)` is what it makes of a voltage."""

    def __init__(self, levels: tuple[int, int] = (3600, 3400)) -> None:
        self.mv = 3900
        self.told: list[int] = []
        self.keeper: Any = Keeper.__new__(Keeper)
        self.keeper.stretch, self.keeper._levels = 1, levels
        self.keeper._app = SimpleNamespace(sensors=SimpleNamespace(pace=self.told.append), in_contact=lambda: False)
        self.keeper._board = SimpleNamespace(battery_mv=lambda: self.mv)

    def at(self, mv: int) -> int:
        """Measure once more."""
        self.mv = mv
        self.keeper._pace()
        assert self.told[-1] == self.keeper.stretch
        return int(self.keeper.stretch)


def test_intervals_stretch_and_come_back_with_hysteresis() -> None:
    """Four times below 3.6 V, nothing below 3.4 V; back a tenth of a volt above each."""
    paced = Paced()
    steps = [(3600, 1), (3599, 4), (3699, 4), (3700, 1), (3400, 4), (3399, 0), (3499, 0), (3500, 4), (3750, 1)]
    assert [paced.at(mv) for mv, _ in steps] == [stretch for _, stretch in steps]


def test_an_unmeasured_battery_changes_nothing() -> None:
    """0 mV: the last judgement stands."""
    paced = Paced()
    assert paced.at(0) == 1 and paced.at(3500) == 4 and paced.at(0) == 4


@pytest.mark.parametrize(
    ("chosen", "levels"),
    [("li-ion", (3600, 3400)), ("lifepo4", (3200, 3000)), ("alkaline", (2320, 2200)), ([3500, 3300], (3500, 3300))],
)
def test_other_cells_have_other_levels(chosen: Any, levels: tuple[int, int]) -> None:
    """By the chemistry, or by two voltages."""
    assert levels_mv(chosen) == levels
    paced = Paced(levels)
    assert paced.at(levels[0]) == 1 and paced.at(levels[0] - 1) == 4 and paced.at(levels[1] - 1) == 0


@pytest.mark.parametrize("chosen", ["lead", [3300, 3500], [3500], [3500, "3300"], 3500, [3500, 0]])
def test_nonsense_is_refused(chosen: Any) -> None:
    """A chemistry that nobody knows, levels in the wrong order, too few, of the wrong kind."""
    with pytest.raises(WireError):
        levels_mv(chosen)


@pytest.mark.micropython
@pytest.mark.mosquitto
def test_a_board_stretches_its_intervals_and_then_only_reports(broker: Broker) -> None:
    """At 3.5 V a fix each 40 minutes in place of 10, at 3.3 V none, and each is told by the bit; charged, all is as before."""
    with Rigged(broker) as rigged:
        rigged.server.permit(1, interval=600, batch=1, heartbeat=3600)
        rigged.run(1300)
        rigged.board.battery_mv = 3500
        rigged.run(4 * 3600)
        gaps = [b - a for a, b in pairwise(fix.time for fix in rigged.server.fixes)]
        assert gaps[0] < 700 and gaps[-1] >= 2400 and rigged.server.statuses[-1].faults == FAULT_LOW
        rigged.board.battery_mv = 3300
        rigged.run(3600)
        fixes, powered = len(rigged.server.fixes), rigged.board.gnss.power_ons
        rigged.run(4 * 3600)
        assert len(rigged.server.fixes) == fixes and rigged.board.gnss.power_ons == powered
        assert rigged.server.statuses[-1].faults == FAULT_LOW
        rigged.board.battery_mv = 3900
        rigged.run(3 * 3600)
        assert len(rigged.server.fixes) > fixes + 6 and rigged.server.statuses[-1].faults == 0
