"""Consent under bad input: threads that answer at once, clocks that step, a restored database that has forgotten a bound."""

from __future__ import annotations

import random
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

from cloud_sync.errors import ConsentError
from cloud_sync.model import ConsentRecord, ConsentState, Sensor
from cloud_sync.service import CloudSync
from tests.unit.cloud_sync.consent.consent_world import BY_LETTER, HOLDER, PARENT, Place, by, enrolled, reads, senses
from tests.unit.cloud_sync.consent.joining import join

T = "tracking"
ROUNDS = 25


def together(*works: Callable[[], None]) -> None:
    """Run these in threads that begin at the same moment, to their ends."""
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[], None]) -> None:
        barrier.wait(10)
        work()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def lawful(records: list[ConsentRecord]) -> bool:
    """Whether each record may follow the one before: no withdrawal of what is not given, no time that falls."""
    for before, after in pairwise(records):
        if after.event_time < before.event_time:
            return False
        if after.event_state is ConsentState.WITHDRAWN and before.event_state is not ConsentState.GIVEN:
            return False
    return True


def test_two_threads_for_one_person_leave_a_lawful_history(tmp_path: Path) -> None:
    """One gives and one withdraws, again and again: every record follows from the one before, and the device has the last word."""
    with Place(tmp_path).open() as cloud:
        tracker = enrolled(cloud)
        cloud.handle([(tracker.topic, tracker.status())])
        done = {"give": 0, "withdraw": 0}

        def repeat(step: str) -> None:
            for _ in range(ROUNDS):
                with suppress(ConsentError):
                    getattr(cloud.consent, step)("s-1", T, by("s-1"))
                    done[step] += 1

        together(lambda: repeat("give"), lambda: repeat("withdraw"))
        records = cloud.ledger.records("s-1", T)
        assert done["give"] == ROUNDS
        assert len(records) == sum(done.values())
        assert lawful(records)
        given = records[-1].event_state is ConsentState.GIVEN
        assert bool(reads(cloud)) is given
        assert bool(senses(cloud)[0] & Sensor.GNSS) is given
        logged = [e.event.kind for e in cloud.audit.entries() if e.event.kind.startswith("consent.")]
        assert logged == [f"consent.{record.event_state.value}" for record in records]


def test_a_race_of_two_parents_channels_gives_once(tmp_path: Path) -> None:
    """Both confirmations at the same moment: one is the first, one the second, whichever came first."""
    with Place(tmp_path).open() as cloud:
        cloud.ages.declare("s-1", date(2014, 5, 20), by("p-1", act="told_age"))
        together(*(lambda e=e: cloud.consent.confirm("s-1", T, e) for e in (PARENT, BY_LETTER)))
        states = [record.event_state for record in cloud.ledger.records("s-1", T)]
        assert states == [ConsentState.PENDING, ConsentState.GIVEN]


def test_a_holder_and_a_person_at_once(tmp_path: Path) -> None:
    """The group closes and lifts while the person gives and withdraws; what is open at the end is both of them."""
    with Place(tmp_path).open() as cloud:
        enrolled(cloud)
        cloud.groups.found("depot", HOLDER)
        join(cloud.groups, "depot", "s-1", HOLDER)
        pick = random.Random(5)
        settings = [pick.choice((cloud.groups.narrow, cloud.groups.lift)) for _ in range(ROUNDS)]
        answers = [pick.choice((cloud.consent.give, cloud.consent.withdraw)) for _ in range(ROUNDS)]

        def hold() -> None:
            for setting in settings:
                with suppress(ConsentError):
                    setting("depot", T, HOLDER)

        def answer() -> None:
            for step in answers:
                with suppress(ConsentError):
                    step("s-1", T, by("s-1"))

        together(hold, answer)
        given = cloud.ledger.records("s-1", T)[-1].event_state is ConsentState.GIVEN
        closed = T in cloud.groups.settings("depot")
        assert bool(reads(cloud)) is (given and not closed)
        assert bool(senses(cloud)[0] & Sensor.GNSS) is (given and not closed)


def test_clocks_that_jump_never_reopen_what_was_closed(tmp_path: Path) -> None:
    """Eighty answers under a clock that jumps a day to either side: after a withdrawal nothing is open at any clock."""
    place = Place(tmp_path)
    pick, right = random.Random(7), place.clock.at
    with place.open() as cloud:
        enrolled(cloud)
        for _ in range(40):
            place.clock.at = right + pick.uniform(-86_400, 86_400)
            cloud.consent.give("s-1", T, by("s-1"))
            place.clock.at = right + pick.uniform(-86_400, 86_400)
            cloud.consent.withdraw("s-1", T, by("s-1"))
            for at in (place.clock.at, right - 86_400, right, right + 2 * 86_400):
                assert not cloud.ledger.covered("s-1", T, at, at)
            assert cloud.ledger.open_now("s-1") == {}
        assert lawful(cloud.ledger.records("s-1", T))


# Restores


def narrowed(cloud: CloudSync) -> None:
    """The group closes tracking."""
    cloud.groups.narrow("depot", T, HOLDER)


def joined(cloud: CloudSync) -> None:
    """The person comes into a group that has closed tracking."""
    join(cloud.groups, "closed", "s-1", HOLDER)


def aged(cloud: CloudSync) -> None:
    """The person turns out to be a child."""
    cloud.ages.declare("s-1", date(2014, 5, 20), by("p-1", act="told_age"))


@pytest.mark.parametrize("forgotten", [narrowed, joined, aged])
def test_a_restored_database_that_forgot_a_bound_asks_anew(
    tmp_path: Path, forgotten: Callable[[CloudSync], None]
) -> None:
    """A backup from before the bound is put back: the consent that would be wide open again is closed, and the device is told."""
    place = Place(tmp_path)
    backup = tmp_path / "backup.db"
    with place.open() as cloud:
        enrolled(cloud)
        for group in ("depot", "closed"):
            cloud.groups.found(group, HOLDER)
        join(cloud.groups, "depot", "s-1", HOLDER)
        cloud.groups.narrow("closed", T, HOLDER)
        cloud.consent.give("s-1", T, by("s-1"))
        assert reads(cloud)
    database = place.config.database
    assert isinstance(database, Path)
    shutil.copy(database, backup)
    with place.open() as cloud:
        forgotten(cloud)
        assert not reads(cloud)
    for name in (database, database.with_name(f"{database.name}-wal"), database.with_name(f"{database.name}-shm")):
        name.unlink(missing_ok=True)
    shutil.copy(backup, database)
    with place.open() as cloud:
        assert not reads(cloud)
        assert senses(cloud)[0] == Sensor(0)
        assert cloud.ledger.records("s-1", T)[-1].channel == "restore"
    with (
        place.open() as cloud
    ):  # and what is left is taken as it is: they may give anew; a lost child once the age is told anew
        if forgotten is aged:
            assert cloud.consent.give("s-1", T, by("s-1")).event_state is ConsentState.PENDING
            cloud.ages.declare("s-1", date(1980, 5, 20), by("p-1", act="told_age"))
        cloud.consent.give("s-1", T, by("s-1"))
        assert reads(cloud)


def test_a_restored_database_that_forgot_nothing_goes_on(tmp_path: Path) -> None:
    """A control: a copy of the newest state is no loss, and nobody is asked."""
    place = Place(tmp_path)
    with place.open() as cloud:
        enrolled(cloud)
        cloud.groups.found("depot", HOLDER)
        join(cloud.groups, "depot", "s-1", HOLDER)
        cloud.consent.give("s-1", T, by("s-1"))
    with place.open() as cloud:
        assert reads(cloud)
        assert [record.channel for record in cloud.ledger.records("s-1")] == ["app"]
