"""Fixes that no vehicle can have reached, and those that only look so."""

from __future__ import annotations

import pytest

from tests.unit.firmware.app.rig import START_S, micro  # noqa: F401 - lends the names of MicroPython

from firmware.sensing.jumps import Jumps  # isort: skip

METRE_E7 = 90  # of latitude: 1e7 / 111 320


def fix(at_s: int, north_m: float, *, h_acc_mm: int = 5000, lon_e7: int = 0) -> tuple[int, ...]:
    """A 3D fix so far north of 52 degrees."""
    return (START_S + at_s, 520_000_000 + int(north_m * METRE_E7), lon_e7, h_acc_mm, 0, 0, 3, 9)


@pytest.mark.parametrize(
    ("metres", "believed"), [(0, True), (1000, True), (1040, True), (1300, False), (50_000, False)]
)
def test_ten_seconds_carry_a_kilometre(metres: int, believed: bool) -> None:
    """100 m/s and 60 m for the accuracies: within it is believed, beyond not."""
    jumps = Jumps()
    assert jumps.accept(fix(0, 0)) and jumps.accept(fix(10, metres)) is believed
    assert jumps.dropped == (not believed)


def test_a_jump_that_comes_back_poisons_nothing() -> None:
    """Four fixes far away, then as before: these four are dropped and no other."""
    jumps = Jumps()
    taken = [jumps.accept(fix(t, 5000 if 20 <= t < 60 else t)) for t in range(0, 120, 10)]
    assert taken.count(False) == jumps.dropped == 4 and taken[2:6] == [False] * 4


def test_five_that_agree_are_a_new_place() -> None:
    """A train in a tunnel without time, or a receiver that was wrong before: the fifth is believed, and what follows it."""
    jumps = Jumps()
    jumps.accept(fix(0, 0))
    assert [jumps.accept(fix(10 + i, 40_000 + i)) for i in range(7)] == [False] * 4 + [True] * 3


def test_jumps_that_do_not_agree_are_never_believed() -> None:
    """To and fro over the country: nothing is taken until the old place comes again."""
    jumps = Jumps()
    jumps.accept(fix(0, 0))
    assert not any(jumps.accept(fix(10 + i, 40_000 * (1 + i % 2))) for i in range(20))
    assert jumps.accept(fix(31, 0))


def test_the_antimeridian_and_a_healed_clock_are_no_jumps() -> None:
    """From 180 east to 180 west is a few metres; a time that falls says nothing of the way."""
    jumps = Jumps()
    assert jumps.accept(fix(0, 0, lon_e7=1_799_999_000)) and jumps.accept(fix(1, 0, lon_e7=-1_799_999_000))
    assert jumps.accept(fix(-5000, 90_000))


def test_a_poor_fix_may_lie_further_off() -> None:
    """Two kilometres in ten seconds: not with 5 m of accuracy, but with 1000 m, and with an unknown one 100 m only."""
    for h_acc_mm, believed in ((5_000, False), (1_000_000, True), (-1, False)):
        jumps = Jumps()
        jumps.accept(fix(0, 0))
        assert jumps.accept(fix(10, 2000, h_acc_mm=h_acc_mm)) is believed
