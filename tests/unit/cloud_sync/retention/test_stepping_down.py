"""Step down: at the end of a term positions stay coarser under another key, and nothing finer opens any more, anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_sync.model import Actor, Precision
from cloud_sync.read.query import Query
from tests.unit.cloud_sync.erasure.parts_world import opening
from tests.unit.cloud_sync.ingest.ingest_world import TODAY, Tracker, World
from tests.unit.cloud_sync.retention.steps_world import (
    COARSE,
    DAY,
    FINE,
    MIDNIGHT,
    L,
    coarse,
    drive,
    keys,
    left,
    made,
    sealed,
    sweep_at,
    taken,
    tracked,
)

TIMES = list(range(MIDNIGHT, MIDNIGHT + DAY, 1200))
FIXES = drive(TIMES)
PERSON = Actor("s-1", "data_subject")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A server whose positions step down, with nobody enrolled."""
    world = made(tmp_path / "files")
    yield world
    world.close()


@pytest.fixture
def tracker(world: World) -> Tracker:
    """An enrolled device with consent."""
    return tracked(world)


@pytest.fixture
def copies(world: World, tracker: Tracker) -> list[bytes]:
    """A day of fixes, taken in, and the envelopes as they were sent."""
    payloads = sealed(tracker, FIXES)
    assert set(taken(world, tracker, payloads, MIDNIGHT + DAY - 1)) == {"stored"}
    return payloads


def told(world: World, at: float) -> list[tuple[int, Precision]]:
    """What a read for the person tells at that time."""
    world.clock.at = at
    query = Query(PERSON, "tracking", "s-1", MIDNIGHT, MIDNIGHT + DAY)
    return [(fix.time, fix.precision) for fix in world.reader.location(query)]


def test_an_envelope_steps_down_at_the_second_its_term_ends(
    world: World, tracker: Tracker, copies: list[bytes]
) -> None:
    """A second before all is fine; then the first envelope is coarse, its sealed copy opens under no key, the next one is fine."""
    assert sweep_at(world, MIDNIGHT + FINE - 1).stepped == 0
    assert left(world, tracker)[:5] == coarse(FIXES[:5], Precision.CELL_100M)
    assert opening(world, tracker, copies[:1]) == 1
    report = sweep_at(world, MIDNIGHT + FINE)
    assert (report.stepped, report.leaves_moved, report.envelopes) == (1, 1, 0)
    fixes = left(world, tracker)
    assert [fix for fix in fixes if fix.precision == Precision.CELL_1KM] == coarse(FIXES[:5], Precision.CELL_1KM)
    assert [fix for fix in fixes if fix.precision == Precision.CELL_100M] == coarse(FIXES[5:], Precision.CELL_100M)
    assert opening(world, tracker, copies[:1]) == 0 and opening(world, tracker, copies[1:]) == len(copies) - 1


def test_a_day_that_has_stepped_down_lies_under_one_key_and_is_closed(
    world: World, tracker: Tracker, copies: list[bytes]
) -> None:
    """Hour by hour there are many editions; when the last envelope is due all is packed together and the day's own key goes."""
    for hour in range(25):
        sweep_at(world, MIDNIGHT + FINE + hour * 3600)
    assert left(world, tracker) == coarse(FIXES, Precision.CELL_1KM)
    assert len(world.database.envelopes(tracker.name, L, TODAY, TODAY)) == 2  # 72 fixes, at most 64 an envelope
    sweep_at(world, MIDNIGHT + DAY + FINE + 60)
    assert [made for epoch, made in keys(world, tracker) if epoch == TODAY] == [True]
    assert opening(world, tracker, copies) == 0
    late = tracker.fixes([MIDNIGHT + 30])
    assert taken(world, tracker, [late], MIDNIGHT + DAY + FINE + 61) == ["closed"]


def test_one_fix_a_time_step_stays_as_a_device_would_tell_it(world: World, tracker: Tracker) -> None:
    """Five fixes within a minute become one, of the first: their number would tell the time within the minute."""
    fixes = drive([MIDNIGHT + 10 * n for n in range(5)])
    taken(world, tracker, sealed(tracker, fixes, batch=2), MIDNIGHT + 100)
    sweep_at(world, MIDNIGHT + FINE + DAY)
    assert left(world, tracker) == coarse(fixes[:1], Precision.CELL_1KM)


def test_it_steps_down_again_and_is_destroyed_at_the_end(world: World, tracker: Tracker, copies: list[bytes]) -> None:
    """100 m for 30 days, 1 km for 90, 10 km for twelve months; then no row and no key is left of the day."""
    sweep_at(world, MIDNIGHT + DAY + FINE)
    assert {fix.precision for fix in left(world, tracker)} == {Precision.CELL_1KM}
    one_kilometre = left(world, tracker)
    sweep_at(world, MIDNIGHT + COARSE - 61)
    assert left(world, tracker) == one_kilometre
    sweep_at(world, MIDNIGHT + DAY + COARSE)
    assert left(world, tracker) == coarse(one_kilometre, Precision.CELL_10KM)
    assert [made for epoch, made in keys(world, tracker) if epoch == TODAY] == [True]
    sweep_at(world, MIDNIGHT + 364 * DAY)
    assert left(world, tracker)
    sweep_at(world, MIDNIGHT + 366 * DAY + 60)
    assert left(world, tracker) == [] and TODAY not in [epoch for epoch, _ in keys(world, tracker)]


def test_a_sweep_after_a_long_outage_takes_all_steps_at_once(
    world: World, tracker: Tracker, copies: list[bytes]
) -> None:
    """From 100 m to 10 km in one sweep, which tells how late it is: sixty days for the coarser step."""
    report = sweep_at(world, MIDNIGHT + DAY + COARSE)
    assert left(world, tracker) == coarse(FIXES, Precision.CELL_10KM)
    assert report.late_s == pytest.approx(DAY + COARSE - FINE)
    assert 0 < report.late_p99_s <= report.late_s
    assert ("late_max_s", int(report.late_s)) in world.audit.events[-1].detail


def test_reads_tell_the_precision_that_is_left(world: World, tracker: Tracker, copies: list[bytes]) -> None:
    """Through the gate: 100 m, then 1 km, then 10 km, marked as such, and nothing after the last term."""
    assert {precision for _, precision in told(world, MIDNIGHT + DAY)} == {Precision.CELL_100M}
    sweep_at(world, MIDNIGHT + DAY + FINE)
    assert {precision for _, precision in told(world, world.clock.at)} == {Precision.CELL_1KM}
    assert len(told(world, world.clock.at)) == len(FIXES)
    sweep_at(world, MIDNIGHT + DAY + COARSE)
    assert {precision for _, precision in told(world, world.clock.at)} == {Precision.CELL_10KM}
    assert told(world, MIDNIGHT + 367 * DAY) == []


def test_a_second_sweep_changes_nothing(world: World, tracker: Tracker, copies: list[bytes]) -> None:
    """Rows, keys and report: the same state again, and nothing left to do."""
    sweep_at(world, MIDNIGHT + DAY + FINE)
    rows, stored = world.database.envelopes(tracker.name, L, 0, TODAY), world.store.leaves(tracker.name, L, 0, TODAY)
    report = sweep_at(world, world.clock.at)
    assert (report.stepped, report.envelopes, report.leaves_moved, report.leaves_destroyed) == (0, 0, 0, 0)
    assert world.database.envelopes(tracker.name, L, 0, TODAY) == rows
    assert world.store.leaves(tracker.name, L, 0, TODAY) == stored


def test_what_arrives_late_is_stored_within_its_own_fine_term_only(world: World, tracker: Tracker) -> None:
    """Others of its day are coarse already: it is stored and steps down in its turn; a second after its own term it is refused."""
    early, late, later = (sealed(tracker, FIXES[first : first + 5])[0] for first in (0, 5, 10))
    taken(world, tracker, [early], MIDNIGHT + DAY)
    sweep_at(world, TIMES[0] + FINE + 1)
    assert taken(world, tracker, [late], TIMES[5] + FINE - 1) == ["stored"]
    assert taken(world, tracker, [later], TIMES[10] + FINE) == ["denied"]
    sweep_at(world, TIMES[5] + FINE)
    assert left(world, tracker) == coarse(FIXES[:10], Precision.CELL_1KM)


def test_a_repeat_of_what_has_stepped_down_is_told_closed(world: World, tracker: Tracker, copies: list[bytes]) -> None:
    """Its acknowledgement was lost: the device repeats it, and lets it go; nothing comes in twice."""
    sweep_at(world, MIDNIGHT + FINE)
    assert taken(world, tracker, copies[:1], MIDNIGHT + FINE + 1) == ["closed"]


def test_rows_that_were_fine_are_in_no_byte_of_the_files(world: World, tracker: Tracker, copies: list[bytes]) -> None:
    """The sealed bytes of the first envelope are found before the sweep, and not after it."""

    def on_disk() -> bytes:
        return b"".join(path.read_bytes() for path in world.directory.iterdir())

    assert copies[0][20:] in on_disk()
    sweep_at(world, MIDNIGHT + FINE)
    assert copies[0][20:] not in on_disk()
