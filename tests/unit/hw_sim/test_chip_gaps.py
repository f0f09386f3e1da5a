"""What the receiver sees of the sky, what an idle modem hears with eDRX, what an RP2's controller says of a refusal."""

from __future__ import annotations

import math

import pytest

from hw_sim.chips import sky
from hw_sim.world.cell import Cell
from tests.unit.hw_sim.test_sim7080g import Bench as ModemBench
from tests.unit.hw_sim.test_ublox_m10 import Bench, messages


def solutions(bench: Bench, seconds: float) -> list[tuple[int, int, float]]:
    """(fix type, satellites, dilution) of each NAV-PVT in that time."""
    found = messages(bench.run(seconds))
    return [(m.fixType, m.numSV, m.pDOP) for m in found if m.identity == "NAV-PVT"]


def east_blocked(azimuth_deg: float) -> float:
    """A wall of 60 degrees in the east."""
    return 60.0 if azimuth_deg < 180 else 5.0


def test_a_wall_leaves_fewer_satellites_and_a_worse_dilution() -> None:
    """Open sky 12 at 1.5; behind a wall those of the other half, with the dilution of their directions."""
    bench = Bench().on()
    bench.run(40)
    assert set(solutions(bench, 5)) == {(3, 12, 1.5)}
    bench.chip.horizon = east_blocked
    view = sky.in_view(east_blocked)
    assert sky.FIX_NEEDS <= len(view) < 12
    assert {(fix, seen) for fix, seen, _ in solutions(bench, 5)} == {(3, len(view))}
    assert solutions(bench, 1)[0][2] == pytest.approx(sky.pdop(view), abs=0.01)
    assert sky.pdop(view) > sky.pdop(sky.in_view(lambda azimuth: 0.0))


def test_a_narrow_street_has_no_fix_and_the_search_takes_longer_by_its_length() -> None:
    """Under a roof for two minutes from power-on: the cold start begins behind it; a fix that was there is lost and comes back."""
    bench = Bench()
    bench.chip.horizon = lambda azimuth: 75.0
    assert len(sky.in_view(bench.chip.horizon)) < sky.FIX_NEEDS
    bench.on()
    assert all(fix == 0 for fix, _, _ in solutions(bench, 120))
    bench.chip.horizon = None
    assert all(fix == 0 for fix, _, _ in solutions(bench, 20))
    assert solutions(bench, 20)[-1][0] == 3
    bench.chip.horizon = lambda azimuth: 75.0
    assert solutions(bench, 5)[-1][0] == 0
    bench.chip.horizon = None
    assert solutions(bench, 3)[-1][0] == 3


def test_dilution_is_that_of_the_textbook() -> None:
    """One satellite in the zenith and three on the horizon, 120 degrees apart: sqrt(8/3); directions in one cone have none."""
    spread = [(90.0, 0.0), (0.0, 0.0), (0.0, 120.0), (0.0, 240.0)]
    assert sky.pdop(spread) == pytest.approx(math.sqrt(8 / 3))
    assert sky.pdop([(30.0, 90.0 * n) for n in range(4)]) == math.inf
    assert sky.pdop(spread[:3]) == math.inf


def test_an_idle_modem_listens_once_in_its_cycle() -> None:
    """Without eDRX at once; with 20.48 s what comes waits for the cycle, but not while connected; not granted, not at all."""
    bench = ModemBench()
    bench.registered()
    bench.say('AT+CEDRXS=1,4,"0010"')
    assert bench.modem.edrx_ms == 20_480
    assert bench.say("AT+CEDRXRDP") == ['+CEDRXRDP: 4,"0010","0010","0011"', "OK"]
    bench.modem.carry(10)
    assert bench.modem.paging_ms == 0
    bench.wait(10 + 3)
    assert bench.modem.paging_ms == 20_480 - 3_000
    bench.wait(20.48)
    assert bench.modem.paging_ms == 20_480 - 3_000
    bench.modem.cell = Cell(edrx=False)
    assert (bench.modem.edrx_ms, bench.modem.paging_ms) == (0, 0)
    assert bench.say("AT+CEDRXRDP") == ["+CEDRXRDP: 0", "OK"]
    bench.modem.cell = Cell()
    bench.say("AT+CEDRXS=0")
    assert bench.modem.paging_ms == 0
