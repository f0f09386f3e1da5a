"""A clock that is taken back: location goes on, whatever the minimiser remembers, and what it held back leaves first."""

from __future__ import annotations

from typing import Any

import pytest

from firmware.minimise import Minimiser
from firmware.wire.cells import CELL_1KM, TIME_STEP_S, cell_of
from tests.unit.firmware.minimise.leaving import SECRET, Fix, directive
from tests.unit.firmware.minimise.test_distance import LAT_E7, LON_E7, PER_M
from tests.unit.firmware.minimise.test_zones_of_minimisers import MINIMISERS
from tests.unit.firmware.test_minimise import NOON_S

FAST_S = 3 * 3600


def track(begin_s: int, fixes: int = 60) -> list[Fix]:
    """Ten minutes of driving at 20 m/s."""
    return [(begin_s + 10 * i, round(LAT_E7 + 200 * i * PER_M), LON_E7, 4200, 20_000, 0, 3, 9) for i in range(fixes)]


def some(**changes: Any) -> Minimiser:
    """A minimiser of today."""
    return Minimiser(directive(**changes), SECRET)


@pytest.mark.parametrize("name", sorted(name for name in MINIMISERS if "place" not in name))
def test_behind_a_fall_what_leaves_is_what_leaves_of_a_new_one(name: str) -> None:
    """Ten minutes three hours fast, then an hour of right time: what was held back leaves, and then all begins anew."""
    one, other, anew = (some(**MINIMISERS[name]) for _ in range(3))
    fast, right = track(NOON_S + FAST_S), track(NOON_S, 360)
    before = [entry for fix in fast for entry in one.accept(fix, 10)]
    assert before == [entry for fix in fast for entry in other.accept(fix, 10)]
    held, new = list(other.flush()), list(anew.accept(right[0], 10))
    assert list(one.accept(right[0], 10)) == held + new
    assert [one.accept(fix, 10) for fix in right[1:]] == [anew.accept(fix, 10) for fix in right[1:]]
    assert list(one.flush()) == list(anew.flush())


@pytest.mark.parametrize("precision", range(5))
def test_a_fall_within_the_time_step_and_a_minute_begins_nothing_anew(precision: int) -> None:
    """So far a receiver's time may waver: still one entry a step; a second more, and there is one."""
    step_s = TIME_STEP_S[precision]
    at_s = NOON_S // 3600 * 3600 + 7200
    for back_s, leave in ((step_s + 60, 0), (step_s + 61, 1)):
        minimiser = some(precision=precision)
        assert len(minimiser.accept(track(at_s)[0], 10)) == 1
        assert len(minimiser.accept(track(at_s - back_s)[0], 10)) == leave


def test_a_fall_in_a_zone_changes_nothing() -> None:
    """Fixes in a zone touch no state, whatever time they say."""
    away = [(fix[0], fix[1] + 1_000_000, *fix[2:]) for fix in track(NOON_S, 3)]
    fixes = [away[0], *track(NOON_S - FAST_S, 3), *away[1:]]
    cells = {cell_of(*fix[1:3], CELL_1KM) for fix in fixes[1:4]}
    for zones, told in ((cells, 0), ((), 3)):
        minimiser = some(zones=[list(zone) for zone in zones])
        times = [entry[0] for fix in fixes for entry in minimiser.accept(fix, 10)]
        assert len(times) == 3 + told and (times == [fix[0] for fix in away]) is bool(zones)
