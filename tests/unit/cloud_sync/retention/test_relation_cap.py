"""The cap of an ended relation over what devices told."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_sync.ingest.outcome import Kind
from cloud_sync.model import Stream
from cloud_sync.policy import Clock
from tests.clauses.made import DAY, PROFILES, World, at
from tests.unit.cloud_sync.ingest.ingest_world import Tracker

END = at("2026-02-15T12:00")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Copenhagen Trackers: temperature for twelve months from its capture, thirteen months for the last trace."""
    world = World(tmp_path, "ct", start=END - 7200)
    for subject in ("s-1", "s-2"):
        world.cloud.records.note(Clock.CONTRACT_CONCLUDED, subject=subject)
    return world


def told(world: World, subject: str) -> Tracker:
    """A device of a person told a temperature at the end of the relation, and of itself."""
    tracker = world.tracker(subject)
    day = int(END) // DAY
    world.clock.at = END
    kinds = world.take(tracker, tracker.environment([(int(END) - 60, 215, None)]), tracker.status(epoch=day))
    assert [outcome.kind for outcome in kinds] == [Kind.STORED, Kind.STORED]
    world.clock.at = END - 7200
    return tracker


def left(world: World, tracker: Tracker) -> list[int]:
    """Rows of what was sensed, and of the status."""
    database = world.cloud.database
    return [len(database.envelopes(tracker.name, stream, 0, 10**5)) for stream in (Stream.ENVIRONMENT, Stream.STATUS)]


def swept(world: World, day: str) -> None:
    """A sweep at noon of a day, or at a time of it."""
    world.clock.at = at(day if "T" in day else f"{day}T12:00")
    world.cloud.sweep(clock_confirmed=True)


def test_what_a_device_told_leaves_the_last_backup_within_the_cap(world: World) -> None:
    """Of s-1, whose relation ended: two days before the year is over, but for a later status. Of s-2: with the year."""
    mine, theirs = told(world, "s-1"), told(world, "s-2")
    world.clock.at = END
    world.cloud.records.note(Clock.RELATION_ENDED, subject="s-1")
    world.later(hours=2)
    later = mine.status(epoch=int(END) // DAY, time=int(END) + 3600)  # of after the end: it has a term of its own
    assert world.take(mine, later)[0].kind is Kind.STORED
    swept(world, "2027-02-13T11:59")
    assert (left(world, mine), left(world, theirs)) == ([1, 2], [1, 1])
    swept(world, "2027-02-13")
    assert (left(world, mine), left(world, theirs)) == ([0, 1], [1, 1])
    assert world.cloud._store.leaves(mine.name, Stream.ENVIRONMENT, 0, int(END) // DAY - 1) == []
    last = world.cloud.policy.backup_horizon.end(world.now, "Europe/Copenhagen")
    assert last == world.cloud.policy.total_cap.end(END, "Europe/Copenhagen")
    swept(world, "2027-02-16")
    assert left(world, theirs)[0] == 0


def test_whoever_comes_back_keeps_it_and_leaves_with_the_later_end(world: World) -> None:
    """A relation that began anew has no end; one that ended again has another."""
    mine = told(world, "s-1")
    world.clock.at = END
    world.cloud.records.note(Clock.RELATION_ENDED, subject="s-1")
    world.clock.at = END + 30 * DAY
    world.cloud.records.note(Clock.CONTRACT_CONCLUDED, subject="s-1")
    swept(world, "2027-02-14")
    assert left(world, mine) == [1, 1]


def test_what_a_hold_covers_waits_for_its_release(world: World) -> None:
    """Held, it stays beyond the cap; with the sweep after the release it is gone."""
    mine = told(world, "s-1")
    world.clock.at = END
    world.cloud.records.note(Clock.RELATION_ENDED, subject="s-1")
    hold = world.cloud.holds.place("CLAIM-7", subject="s-1", review_at=END + 300 * DAY, by="dpo-1")
    swept(world, "2027-02-13")
    assert left(world, mine)[0] == 1
    world.cloud.holds.release(hold.hold_id, by="dpo-1", approved_by="counsel-1")
    world.sweep()
    assert left(world, mine) == [0, 0]


def test_what_a_law_wants_kept_is_outside_the_cap(tmp_path: Path) -> None:
    """As for records: of a sensor that a law wants recorded for two years the cap takes nothing, and the other streams go."""
    text = (PROFILES / "ct.toml").read_text("utf-8")
    rule = next(each for each in text.split("[[rule]]") if 'category = "temperature"\nstream' in each)
    lawful = rule.replace(
        'instruction = "I-1"\nretention = "P12M"', 'legal_ref = "DK Cold Chain Act"\nretention = "P2Y"'
    )
    lawful = lawful.replace('"contract"', '"legal_obligation"').replace('"processor"', '"controller"')
    allowed = ('telemetry = ["contract", "consent"]', 'telemetry = ["contract", "consent", "legal_obligation"]')
    known = ('refs = ["DK Bookkeeping Act"', 'refs = ["DK Cold Chain Act", "DK Bookkeeping Act"')
    world = World(tmp_path, "ct", [(rule, lawful), allowed, known], start=END - 7200)
    world.cloud.records.note(Clock.CONTRACT_CONCLUDED, subject="s-1")
    mine = told(world, "s-1")
    world.clock.at = END
    world.cloud.records.note(Clock.RELATION_ENDED, subject="s-1")
    swept(world, "2027-02-13")
    assert left(world, mine) == [1, 0]
    swept(world, "2028-02-16")
    assert left(world, mine) == [0, 0]
