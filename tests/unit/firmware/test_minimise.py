"""Minimiser: what is not permitted is not kept."""

from __future__ import annotations

from typing import Any

import pytest

from firmware.minimise import Minimiser
from firmware.wire import cells
from firmware.wire.directive import Directive
from tests.unit.firmware.device import FIRST_EPOCH

DAY_START_S = FIRST_EPOCH * 86_400
NOON_S = DAY_START_S + 43_200
LAT_E7, LON_E7 = 556_760_968, 125_683_371
FIX = (NOON_S + 7, LAT_E7, LON_E7, 4_200, 13_888, 27_012_345, 3, 9)
DEFAULTS: dict[str, Any] = {
    "version": 1,
    "issued_at": DAY_START_S,
    "lease_until": DAY_START_S + 10 * 86_400,
    "sensors": 1,
    "precision": 0,
    "fields": 0,
    "interval": 10,
    "batch": 20,
    "batch_age": 300,
    "spool_age": 86_400,
    "heartbeat": 3600,
    "zones": [],
    "hours": [],
    "thinning": [0] * 7,
    "places": [],
    "aggregate": 0,
    "size": 0,
    "challenge": b"",
}


def directive(**changes: Any) -> Directive:
    """A directive with some fields changed."""
    return Directive.from_wire(list({**DEFAULTS, **changes}.values()))


def minimiser(**changes: Any) -> Minimiser:
    """Of such a directive."""
    return Minimiser(directive(**changes))


def left(some: Minimiser, fix: tuple[int, ...] = FIX) -> tuple[int, ...] | None:
    """The one entry that leaves at a fix, or None."""
    entries = some.accept(fix)
    assert len(entries) <= 1
    return entries[0] if entries else None


def changed(**fields: int) -> tuple[int, ...]:
    """The sound fix with one field changed."""
    names = ("time_s", "lat_e7", "lon_e7", "h_acc_mm", "speed_mm_s", "course_e5", "mode", "satellites")
    return tuple(fields.get(name, value) for name, value in zip(names, FIX, strict=True))


def test_exact_without_speed() -> None:
    """Time, position on the grid, quality class, nothing else."""
    assert left(minimiser()) == (NOON_S + 7, 5_567_610, 1_256_834, 3)


def test_speed_and_course_with_leave() -> None:
    """In 0.1 m/s and whole degrees; where the receiver does not know them, they are not made up."""
    assert left(minimiser(fields=1)) == (NOON_S + 7, 5_567_610, 1_256_834, 3, 138, 270)
    assert len(left(minimiser(fields=1), changed(course_e5=-1)) or ()) == 4


@pytest.mark.parametrize(("precision", "step_s"), [(1, 10), (2, 60), (3, 600), (4, 3600)])
def test_a_cell_carries_nothing_finer(precision: int, step_s: int) -> None:
    """Two truths in one cell and time step give the same entry, whatever else they know."""
    row, col = cells.cell_of(LAT_E7, LON_E7, precision)
    lat, lon = cells.centre_e7(row, col, precision)
    other = (NOON_S + 1, lat + 1, lon - 1, 800, 100, 5, 2, 4)
    first, second = left(minimiser(precision=precision)), left(minimiser(precision=precision), other)
    assert first == second == (NOON_S, row, col, cells.LEAST_QUALITY[precision])
    assert (NOON_S + 7) // step_s * step_s == NOON_S


def test_one_entry_a_time_step() -> None:
    """Fixes every 10 s at cell_1km: one a minute, and none that goes back."""
    some = minimiser(precision=2)
    kept = [left(some, changed(time_s=NOON_S + 10 * i)) for i in range(18)]
    assert [entry[0] for entry in kept if entry] == [NOON_S, NOON_S + 60, NOON_S + 120]
    assert left(some, changed(time_s=NOON_S)) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"mode": 1},
        {"mode": 0},
        {"mode": 4},
        {"h_acc_mm": 1_024_001},
        {"lat_e7": 900_000_001},
        {"lon_e7": -1_800_000_001},
        {"speed_mm_s": 1_000_001},
        {"course_e5": 36_000_000},
    ],
    ids=str,
)
def test_a_fix_that_is_not_sound_is_dropped(fields: dict[str, int]) -> None:
    """One field of a sound fix at a time."""
    assert left(minimiser(), changed(**fields)) is None
    assert left(minimiser(), FIX) is not None


def test_unknown_accuracy_is_kept_as_the_worst_class() -> None:
    """A receiver without it says -1."""
    entry = left(minimiser(), changed(h_acc_mm=-1))
    assert entry is not None
    assert entry[3] == 15


@pytest.mark.parametrize(("h_acc_mm", "told"), [(1_024_000, False), (1_024_001, None), (0, False), (-1, None)])
def test_a_fix_of_unknown_accuracy_is_outside_of_no_zone(h_acc_mm: int, told: bool | None) -> None:
    """Nor is one that is wide: nothing that waits for it is let go. In the zone's cell either lies in the zone."""
    row, col = cells.cell_of(LAT_E7, LON_E7, cells.CELL_1KM)
    assert minimiser(zones=[[row, col + 1]]).inside(changed(h_acc_mm=h_acc_mm)) is told
    assert minimiser(zones=[[row, col]]).inside(changed(h_acc_mm=h_acc_mm)) is True


def test_accuracy_must_suit_the_cell() -> None:
    """200 m do for a kilometre and not for a hundred metres."""
    assert left(minimiser(precision=1), changed(h_acc_mm=200_000)) is None
    assert left(minimiser(precision=2), changed(h_acc_mm=200_000)) is not None


@pytest.mark.parametrize("precision", range(5))
def test_nothing_leaves_a_zone(precision: int) -> None:
    """At any precision a fix in the cell is dropped, and one in the next cell is kept."""
    row, col = cells.cell_of(LAT_E7, LON_E7, cells.CELL_1KM)
    assert left(minimiser(precision=precision, zones=[[row, col]]), FIX) is None
    assert left(minimiser(precision=precision, zones=[[row, col + 1]]), FIX) is not None


def test_hours_close_the_receiver() -> None:
    """From the first minute to the last, in UTC."""
    closed = minimiser(hours=[[720, 780]])
    assert left(closed, FIX) is None
    assert [closed.sensing_at(NOON_S + s) for s in (-1, 0, 3599, 3600)] == [True, False, False, True]
    assert left(closed, changed(time_s=NOON_S - 1)) is not None


@pytest.mark.parametrize(
    "changes", [{"sensors": 30}, {"precision": 5}, {"precision": 6}, {"lease_until": NOON_S + 7}], ids=str
)
def test_without_leave_nothing_is_kept(changes: dict[str, int]) -> None:
    """Sensor not permitted, no precision for it, lease over."""
    assert not minimiser(**changes).sensing_at(FIX[0])
    assert left(minimiser(**changes), FIX) is None


def test_without_a_directive_nothing_is_kept() -> None:
    """The state before the first contact."""
    assert not Minimiser(None).sensing_at(NOON_S)
    assert left(Minimiser(None), FIX) is None
