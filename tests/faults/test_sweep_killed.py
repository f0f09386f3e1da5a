"""A sweep that is killed by the system at any moment: the next one ends where an undisturbed one ends."""

from __future__ import annotations

import os
import random
import shutil
import signal
from pathlib import Path

import pytest

from cloud_sync.storage.sqlite import SqliteEngine
from tests.unit.cloud_sync.erasure.parts_world import opening
from tests.unit.cloud_sync.ingest.ingest_world import FakeClock, Tracker
from tests.unit.cloud_sync.retention.steps_world import (
    DAY,
    FINE,
    MIDNIGHT,
    drive,
    left,
    made,
    policy,
    sealed,
    taken,
    tracked,
)

NOW = float(MIDNIGHT + DAY + FINE + 61)
KILLS = 12


def swept(directory: Path, policy_file: Path, kill_at: int = 0) -> int:
    """A sweep in a process of its own, which ends at that statement: no handler runs, no file is closed, nothing is rolled back.

    How many statements it took, or minus the signal that ended it.
    """
    counts = directory.with_suffix(".count")
    child = os.fork()
    if child == 0:
        try:
            counts.write_text(str(_sweep(directory, policy_file, kill_at)))
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return -os.WTERMSIG(status)
    assert os.WEXITSTATUS(status) == 0
    return int(counts.read_text())


def _sweep(directory: Path, policy_file: Path, kill_at: int) -> int:
    world = made(directory, FakeClock(NOW), policy_file)
    done = 0

    def counted(name: str) -> None:
        original = getattr(SqliteEngine, name)

        def call(self: SqliteEngine, *values: object) -> object:
            nonlocal done
            done += 1
            if done == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(self, *values)

        setattr(SqliteEngine, name, call)  # of this process alone

    for name in ("_execute", "_execute_many", "_save"):
        counted(name)
    world.sweeper.sweep(clock_confirmed=True)
    return done


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Tracker, list[bytes]]:
    """A day of fixes, closed; the policy, the device and what it sent."""
    home = tmp_path_factory.mktemp("filled")
    world = made(home / "files", FakeClock(), policy(home))
    tracker = tracked(world)
    copies = sealed(tracker, drive(range(MIDNIGHT, MIDNIGHT + DAY, 1800)), batch=4)
    assert set(taken(world, tracker, copies, MIDNIGHT + DAY - 1)) == {"stored"}
    world.keys.advance_all(int(NOW) // DAY)
    world.close()
    return home / "files", home / "steps.toml", tracker, copies


def test_a_sweep_that_is_killed_ends_with_the_next(
    filled: tuple[Path, Path, Tracker, list[bytes]], tmp_path: Path
) -> None:
    """Twelve moments that a seed chooses among all statements: the same fixes, no key that opens what was sent, no note left."""
    files, policy_file, tracker, copies = filled
    shutil.copytree(files, tmp_path / "whole")
    statements = swept(tmp_path / "whole", policy_file)
    world = made(tmp_path / "whole", FakeClock(NOW), policy_file)
    expected = left(world, tracker)
    world.close()
    chance = random.Random(20_260)
    for kill_at in sorted(chance.sample(range(1, statements + 1), KILLS)):
        directory = tmp_path / f"killed-{kill_at}"
        shutil.copytree(files, directory)
        assert swept(directory, policy_file, kill_at) == -signal.SIGKILL
        world = made(directory, FakeClock(NOW), policy_file)
        world.sweeper.sweep(clock_confirmed=True)
        assert left(world, tracker) == expected, kill_at
        assert opening(world, tracker, copies) == 0 and world.database.shreds(1) == []
        world.close()
