"""Erasure, step down, late arrival and restart in every order, and each of them cut short: the erased span never comes back, what
stays is never finer than permitted, and nothing else is lost.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cloud_sync.model import Precision
from cloud_sync.storage.engine import Engine
from tests.unit.cloud_sync.erasure.parts_world import erase, opening
from tests.unit.cloud_sync.ingest.ingest_world import TODAY, FakeClock, Tracker
from tests.unit.cloud_sync.retention.steps_world import (
    DAY,
    FINE,
    MIDNIGHT,
    coarse,
    drive,
    keys,
    left,
    made,
    policy,
    sealed,
    taken,
    tracked,
)
from tests.unit.cloud_sync.storage.places import copy_all

TIMES = list(range(MIDNIGHT, MIDNIGHT + DAY, 3600))
FIXES = drive(TIMES)
LATE = FIXES[20]  # in an envelope of its own, which arrives when the others have been there for a month
SPAN = MIDNIGHT + 6 * 3600, MIDNIGHT + 15 * 3600  # begins and ends within envelopes
NOW = float(TIMES[20] + FINE - 60)  # most of the day has outlived the fine term


class KilledError(BaseException):
    """The process ends here: nothing catches it."""


class Story:
    """One installation, and what may happen to it; each act once."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = FakeClock(NOW)
        self.world = made(directory, self.clock, policy(directory.parent))

    def act(self, name: str, late: bytes, tracker: Tracker) -> None:
        """Do it."""
        {
            "erase": lambda: erase(self.world, *SPAN),
            "sweep": lambda: self.world.sweeper.sweep(clock_confirmed=True),
            "late": lambda: self.world.take(tracker, late),
            "restart": self.restart,
        }[name]()

    def reopen(self) -> None:
        """Another process on the same files, which has not finished anything."""
        self.world.close()
        self.world = made(self.directory, self.clock, policy(self.directory.parent))

    def restart(self) -> None:
        """Another process, and what an erasure left is finished, as at each start."""
        self.reopen()
        self.world.eraser.replay()

    def close(self) -> None:
        """Close the files."""
        self.world.close()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Tracker, list[bytes], bytes]:
    """A day taken in, closed again: each test begins with a copy."""
    directory = tmp_path_factory.mktemp("filled") / "files"
    world = made(directory)
    tracker = tracked(world)
    payloads = sealed(tracker, [fix for fix in FIXES if fix != LATE], batch=4)
    [late] = sealed(tracker, [LATE])
    assert set(taken(world, tracker, payloads, MIDNIGHT + DAY - 1)) == {"stored"}
    world.keys.advance_all(int(NOW) // DAY)  # a month of hourly sweeps has moved the tips on
    world.close()
    return directory, tracker, payloads, late


@pytest.fixture
def stories(filled: tuple[Path, Tracker, list[bytes], bytes], tmp_path: Path) -> Iterator[Callable[[], Story]]:
    """Makes copies of the filled installation."""
    opened: list[Story] = []

    def make() -> Story:
        directory = tmp_path / f"story-{len(opened)}"
        copy_all(filled[0], directory)
        opened.append(Story(directory))
        return opened[-1]

    yield make
    for story in opened:
        story.close()


def outside(late_stored: bool) -> set[int]:
    """Times of the fixes that may and must be left; a coarse step that the border divides goes as a whole, none here does."""
    return {fix.time for fix in FIXES if not SPAN[0] <= fix.time < SPAN[1] and (late_stored or fix != LATE)}


def check(story: Story, tracker: Tracker, copies: list[bytes], late_stored: bool) -> None:
    """After a last start and sweep: exactly what is outside the span, coarse where due, under keys of rows alone."""
    story.restart()
    story.world.sweeper.sweep(clock_confirmed=True)
    fixes = left(story.world, tracker)
    assert {fix.time for fix in fixes} == outside(late_stored) and len(fixes) == len(outside(late_stored))
    due = {fix.time for fix in coarse(FIXES[:21], Precision.CELL_1KM)}  # envelopes of four: the sixth has begun
    for fix in fixes:
        assert fix.precision == Precision.CELL_1KM or fix.time not in due or fix.time == LATE.time
    assert opening(story.world, tracker, copies[:5]) == 0  # as they were sent, all due or cut
    assert story.world.database.shreds(10) == []


@pytest.mark.parametrize("order", list(itertools.permutations(("erase", "sweep", "late", "restart"))))
def test_every_order_ends_in_the_same_state(
    order: tuple[str, ...],
    stories: Callable[[], Story],
    filled: tuple[Path, Tracker, list[bytes], bytes],
) -> None:
    """Twenty-four orders; a late envelope is stored unless the erasure has closed its day before."""
    _, tracker, copies, late = filled
    story = stories()
    for name in order:
        story.act(name, late, tracker)
    check(story, tracker, copies, order.index("late") < order.index("erase"))


def killed_at(monkeypatch: pytest.MonkeyPatch, limit: int | None) -> list[str]:
    """Every write to any store is counted; the one after `limit` ends the process."""
    seen: list[str] = []

    def counting(name: str) -> None:
        original = getattr(Engine, name)

        def call(self: Engine, *values: object, **more: object) -> object:
            if name != "run" or not str(values[0]).startswith("SELECT"):
                seen.append(name)
                if limit is not None and len(seen) > limit:
                    raise KilledError
            return original(self, *values, **more)

        monkeypatch.setattr(Engine, name, call)

    for name in ("run", "run_many", "_commit", "vacuum_erased"):
        counting(name)
    return seen


def cut_short(
    story: Story, monkeypatch: pytest.MonkeyPatch, name: str, late: bytes, tracker: Tracker, limit: int
) -> bool:
    """Do an act that ends at a write; whether it came so far."""
    with monkeypatch.context() as patch:
        killed_at(patch, limit)
        try:
            story.act(name, late, tracker)
        except KilledError:
            killed = True
        else:
            killed = False
    story.reopen()
    return killed


def writes_of(story: Story, monkeypatch: pytest.MonkeyPatch, name: str, late: bytes, tracker: Tracker) -> int:
    """How many writes an act takes."""
    with monkeypatch.context() as patch:
        seen = killed_at(patch, None)
        story.act(name, late, tracker)
        return len(seen)


def test_a_sweep_killed_at_any_write_is_finished_by_the_next(
    stories: Callable[[], Story],
    filled: tuple[Path, Tracker, list[bytes], bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another process goes on, without a start's repairs: the same rows, keys moved, notes done; nothing finer, nothing lost."""
    _, tracker, copies, late = filled
    whole = stories()
    count = writes_of(whole, monkeypatch, "sweep", late, tracker)
    expected = left(whole.world, tracker), keys(whole.world, tracker)
    assert count > 10 and opening(whole.world, tracker, copies[:5]) == 0
    for limit in range(count):
        story = stories()
        assert cut_short(story, monkeypatch, "sweep", late, tracker, limit)
        story.world.sweeper.sweep(clock_confirmed=True)
        assert left(story.world, tracker) == expected[0], limit
        assert opening(story.world, tracker, copies[:5]) == 0, limit
        assert story.world.database.shreds(1) == []
        # A cut between a new key and its rows leaves a key of no row, until the day is closed.
        assert set(keys(story.world, tracker)) == set(expected[1])
        story.close()


@pytest.mark.parametrize("first, second", [("erase", "sweep"), ("sweep", "erase")])
def test_an_erasure_and_a_sweep_of_which_the_first_is_killed(
    first: str,
    second: str,
    stories: Callable[[], Story],
    filled: tuple[Path, Tracker, list[bytes], bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An erasure between its tombstones and its commit, then a sweep that seals the day anew, without a start in between."""
    _, tracker, copies, late = filled
    count = writes_of(stories(), monkeypatch, first, late, tracker)
    checked = 0
    for limit in range(0, count, 2):  # every second write: all of them take ten seconds, and were run once
        story = stories()
        assert cut_short(story, monkeypatch, first, late, tracker, limit)
        story.act(second, late, tracker)
        if story.world.tombstones.near(tracker.name, 1, TODAY):  # else the erasure never began
            check(story, tracker, copies, late_stored=False)
            checked += 1
        story.close()
    assert checked > 5
