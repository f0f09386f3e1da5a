"""For every directive and every trajectory of the corpora: nothing finer than permitted leaves, side fields included.

The strongest of these properties is the one of the coarse view: two truths that give the same entries without thinning give the
same entries with it. So thinning tells nothing that the precision, the blur and the time step would not tell.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.minimise import Minimiser
from firmware.wire import cells
from firmware.wire.batch import pack_location, unpack_location
from firmware.wire.directive import Directive
from firmware.wire.places import pack_places
from tests.unit.firmware.minimise.leaving import (
    DAY_S,
    SECRET,
    Fix,
    begins,
    directive,
    e7,
    leaving,
    metres,
    rising,
    worst_m,
)
from tests.unit.firmware.minimise.tracks import all_tracks

TRACKS = {name: fixes[:400] for name, fixes in all_tracks().items()}
NAMES = sorted(TRACKS)


@st.composite
def cases(draw: st.DrawFn) -> tuple[tuple[Fix, ...], Directive]:
    """A track of the corpora and a directive for it: any precision, thinning, zones and hours, places on the way."""
    fixes = TRACKS[draw(st.sampled_from(NAMES))]
    precision = draw(st.sampled_from((0, 0, 0, 1, 2, 3, 4, 6)))
    some = st.sampled_from(fixes)
    changes: dict[str, Any] = {"precision": precision, "interval": draw(st.sampled_from((1, 10, 60, 600)))}
    changes["batch_age"] = draw(st.sampled_from((60, 600, DAY_S)))
    if precision == 0:
        changes["blur"] = draw(st.sampled_from((0, 0, 30, 500, 10_000)))
        changes["fields"] = 0 if changes["blur"] else draw(st.integers(0, 1))
    if precision == 6:
        radii = st.integers(50, 3000)
        at = draw(st.lists(st.tuples(some, radii), min_size=1, max_size=4))
        changes["places"] = [[i + 1, *cells.cell_of(*fix[1:3], 0), radius] for i, (fix, radius) in enumerate(at)]
    changes["distance"] = draw(st.sampled_from((0, 0, 20, 300, 10_000)))
    changes["turn"] = draw(st.sampled_from((0, 30, 180))) if changes["distance"] else 0
    changes["rest"] = draw(st.sampled_from((0, 600, DAY_S)))
    changes["stay"] = draw(st.sampled_from((0, 0, 30, 500)))
    changes["stay_time"] = draw(st.integers(60, 3600)) if changes["stay"] else 0
    changes["error"] = draw(st.sampled_from((0, 0, 5, 50, 5000)))
    zones = draw(st.lists(some, max_size=2))
    changes["zones"] = [list(cell) for cell in {cells.cell_of(*fix[1:3], cells.CELL_1KM) for fix in zones}]
    begin = draw(st.integers(0, 1439))
    changes["hours"] = draw(st.sampled_from(([], [[begin, min(begin + draw(st.integers(1, 120)), 1440)]])))
    return fixes, directive(fixes, **changes)


def of_every(case: Any) -> Any:
    """Bounded, and without Hypothesis' deadline: a busy machine is no defect."""
    return lambda test: settings(deadline=None, max_examples=150)(given(case)(test))


def plainly(fixes: tuple[Fix, ...], under: Directive) -> list[tuple[int, ...]]:
    """What would leave without thinning; blur stays."""
    wire = under.to_wire()
    wire[13] = [0] * 6 + [under.blur]
    return leaving(fixes, Directive.from_wire(wire))


@of_every(cases())
def test_nothing_finer_than_permitted_leaves(case: tuple[tuple[Fix, ...], Directive]) -> None:
    """Time, position, quality and side fields in the steps of the precision; nothing of a zone or an hour; times rise, but
    where the receiver's clock was taken back.
    """
    fixes, under = case
    entries = leaving(fixes, under)
    if under.places:
        for time_s, place, event in entries:
            assert time_s % 60 == 0 and event in (1, 2) and place <= len(under.places)
        assert sum(a[0] > b[0] for a, b in pairwise(entries)) < len(begins(fixes, 60))
        return
    step_s = cells.TIME_STEP_S[under.precision]
    assert sum(a[0] >= b[0] for a, b in pairwise(entries)) < len(begins(fixes, step_s))  # one a step at most
    for entry in entries:
        cells.check_cell(entry[1], entry[2], under.precision)
        assert entry[0] % step_s == 0 and entry[3] >= cells.LEAST_QUALITY[under.precision]
        assert len(entry) == 4 or (len(entry) == 6 and under.fields)
    outside = [fix for fix in fixes if cells.cell_of(*fix[1:3], cells.CELL_1KM) not in under.zones]
    times = {fix[0] - fix[0] % step_s for fix in outside if not under.closed_at(fix[0])}
    assert {entry[0] for entry in entries} <= times


@of_every(cases())
def test_the_choice_is_made_by_what_would_leave(case: tuple[tuple[Fix, ...], Directive]) -> None:
    """Fixes moved within their cells (or their blur's), with any side fields: no entry changes."""
    fixes, under = case
    if under.places or under.fields:
        return
    minimiser = Minimiser(under, SECRET)
    moved = [(fix[0], *same_cell(minimiser, fix, under), fix[3], 77, 1_234_567, 2, 4) for fix in fixes]
    assert leaving(moved, under) == leaving(fixes, under)


def same_cell(minimiser: Minimiser, fix: Fix, under: Directive) -> tuple[int, ...]:
    """Another position that is told alike and lies in the same zones; the same if none of those tried does."""

    def told(lat_e7: int, lon_e7: int) -> tuple[int, ...]:
        entry = (fix[0], *cells.cell_of(lat_e7, lon_e7, under.precision), 3)
        blurred = minimiser._blur.entry(entry) if minimiser._blur else entry
        return (*blurred[1:3], cells.cell_of(lat_e7, lon_e7, cells.CELL_1KM) in under.zones)

    reach = (under.blur or (0.3, 40, 400, 4000, 40_000)[under.precision]) * 20
    for north, east in ((reach, reach), (-reach, reach), (reach, -reach), (-reach, -reach)):
        at = (int(fix[1] + north), int(fix[2] + east))
        if told(*at) == told(*fix[1:3]):
            return at
    return fix[1:3]


@of_every(cases())
def test_what_leaves_with_thinning_would_leave_without(case: tuple[tuple[Fix, ...], Directive]) -> None:
    """Times are of entries that would leave; so are positions, and where no stay repeats its first one, whole entries."""
    fixes, under = case
    if under.places:
        return
    whole, kept = plainly(fixes, under), leaving(fixes, under)
    assert {entry[0] for entry in kept} <= {entry[0] for entry in whole}
    assert {entry[1:4] for entry in kept} <= {entry[1:4] for entry in whole}
    if not under.stay:
        assert set(kept) <= set(whole)


@of_every(cases())
def test_the_bound_holds_at_every_dropped_fix(case: tuple[tuple[Fix, ...], Directive]) -> None:
    """For each day: what the distance and the stay let through is passed within the error at its time."""
    fixes, under = case
    if under.places or not under.error:
        return
    fixes = rising(fixes)
    wire = under.to_wire()
    wire[13] = [*wire[13][:5], 0, *wire[13][6:]]
    before, kept = leaving(fixes, Directive.from_wire(wire)), leaving(fixes, under)
    for day in {entry[0] // DAY_S for entry in before}:
        today, left = ([entry for entry in entries if entry[0] // DAY_S == day] for entries in (before, kept))
        assert left[0] == today[0] and left[-1] == today[-1]
        assert worst_m(today, left, under.precision) <= under.error


@of_every(cases())
def test_blurred_points_are_within_the_blur(case: tuple[tuple[Fix, ...], Directive]) -> None:
    """Of a fix that leaves as itself: no further than the blur."""
    fixes, under = case
    if not under.blur or under.stay:
        return
    fixes = rising(fixes)
    at = {fix[0]: fix for fix in reversed(fixes)}
    assert all(metres(at[entry[0]][1:3], e7(entry)) <= under.blur for entry in leaving(fixes, under))


@of_every(cases())
def test_all_that_leaves_fits_the_wire(case: tuple[tuple[Fix, ...], Directive]) -> None:
    """Each entry of each track packs, in the epoch of its day, and comes back."""
    fixes, under = case
    for entry in leaving(fixes, under):
        epoch = entry[0] // DAY_S
        if under.places:
            assert pack_places([entry], epoch)
        else:
            assert unpack_location(pack_location(under.precision, [entry], epoch), epoch) == (under.precision, [entry])


def test_one_receiver_takes_its_clock_back() -> None:
    """A control: a log of the corpora does, and what it says then leaves."""
    fallen = {name for name in NAMES if len(begins(TRACKS[name])) > 1}
    assert fallen
    for name in fallen:
        last = TRACKS[name][begins(TRACKS[name])[-1] :]
        entries = leaving(TRACKS[name], directive(TRACKS[name]))
        assert entries[-1][0] == last[-1][0] or len(last) == 1


def test_most_fixes_can_be_moved_unseen() -> None:
    """A control of the choice's property: of the bus's fixes most have another position that is told alike."""
    fixes = TRACKS["bus"]
    for changes in ({"precision": 2}, {"precision": 4}, {"blur": 500}):
        under = directive(fixes, **changes)
        moved = sum(same_cell(Minimiser(under, SECRET), fix, under) != fix[1:3] for fix in fixes)
        assert moved > len(fixes) / 2
