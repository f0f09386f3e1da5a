"""Backups that end: thirty days, a year with keys of thirty days, thirteen months for the last trace."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.backups.manifest import beside
from cloud_sync.errors import ConfigError, KeyDestroyed
from cloud_sync.model import Actor
from cloud_sync.report.notice import notice
from cloud_sync.service import CloudSync
from cloud_sync.storage.keybackup import restore as keys_back
from tests.clauses.clause import clause
from tests.clauses.made import DAY, T0, U1, Made, World, at
from tests.clauses.retention.retention_world import after_noon, at_noon, begun, ended, hours, left, lose, put, shelf


def _day(moment: float | None) -> str:
    assert moment is not None
    return datetime.fromtimestamp(moment, UTC).date().isoformat()


def _copied(path: Path, folder: Path) -> Path:
    """A copy that somebody carried elsewhere, with its manifest."""
    folder.mkdir(exist_ok=True)
    for each in (path, beside(path)):
        shutil.copy2(each, folder / each.name)
    return folder / path.name


def _back(world: World, snapshot: Path) -> None:
    """The database is lost, and put back."""
    lose(world)
    config = world.cloud.config
    world.cloud = CloudSync.restore(config, snapshot, clock=world.clock, link=world.link)


def _readings(world: World, subject: str) -> int:
    asked: dict[str, Any] = {"actor": Actor(subject, "data_subject"), "purpose": "condition_monitoring"}
    return len(world.cloud.read_environment(**asked, subject=subject, start=T0, end=world.now + 1))


@clause("MM-42", engine="replay")
def test_mm_42(made: Made) -> None:
    """A snapshot of 14 April is gone on 14 May; one that is put back before has nobody in it who was erased since, and one that
    somebody kept is refused after.
    """
    world = made.world("mm", start=at("2026-04-14T10:00"))
    trackers = {subject: world.tracker(subject) for subject in ("u-1", "u-2")}
    for subject in trackers:
        begun(world, subject)
        put(world, "account", subject=subject)
    world.clock.at = at("2026-04-14T12:00")
    for tracker in trackers.values():
        world.take(tracker, tracker.environment([(int(world.now), 215, 100)]))
    taken = world.cloud.backups.snapshot(shelf(world))
    assert _day(taken.manifest.due_at) == "2026-05-14" and world.cloud.backups.verify(taken.path) == taken.manifest
    elsewhere = _copied(taken.path, world.folder / "elsewhere")
    world.later(days=6)
    assert _readings(world, "u-1") == 1
    world.cloud.erase(subject="u-1")
    _back(world, taken.path)
    assert (left(world), left(world, subject="u-2")) == (0, 1)
    assert (_readings(world, "u-1"), _readings(world, "u-2")) == (0, 1)
    [device] = world.cloud.database.devices_of("u-1")
    assert world.cloud.database.envelopes(device.device, 2, 0, 10**5) == []
    at_noon(world, "2026-05-13")
    assert taken.path.exists()
    after_noon(world, "2026-05-14")
    assert not taken.path.exists() and world.cloud.backups.all() == []
    with pytest.raises(ConfigError, match="has expired"):
        _back(world, elsewhere)


@clause("MM-43", engine="clocks")
def test_mm_43(made: Made) -> None:
    """An end on 15 February 2026: application data has left the last backup by 14 June, log lines, those of the three months after
    too, by 15 March 2027, though a year and thirty days would be two days more.
    """
    world = made.world("mm", start=at("2026-02-15T12:00"))
    found = {each.category: each for each in world.cloud.backups.last_traces(world.now)}
    assert [_day(found[name].backups_until) for name in ("application", "log", "crm_contact")] == [
        "2026-06-14",
        "2027-03-15",
        "2027-03-15",
    ]
    begun(world)
    put(world, "log", b"a line of the last day")
    ended(world)
    world.clock.at = at("2026-05-15T10:00")
    world.cloud.sweep(clock_confirmed=True)
    put(world, "log", b"a line of the tail")
    at_noon(world, "2027-02-12")
    assert left(world, "log") == 2
    last = world.cloud.backups.snapshot(shelf(world))
    after_noon(world, "2027-02-13")
    assert left(world, "log") == 0
    assert _day(last.manifest.due_at) < "2027-03-15"
    after_noon(world, "2027-03-14")
    assert not last.path.exists()


@clause("ST-23", engine="horizon")
def test_st_23(made: Made) -> None:
    """Deleted on 15 January: no snapshot holds the row a year later, and nothing of it opens from 14 February on, when the last
    backup of its key is gone.
    """
    world = made.world("st", start=T0 - hours(2))
    assert "Backups of keys live for 30 days (`P30D`)" in notice(world.cloud.policy, "en")
    begun(world)
    note = put(world, "given_freely", b"a remark", subject="u-1")
    keep, read = shelf(world), {"actor": U1, "purpose": "account", "subject": "u-1"}
    early = world.cloud.backups.snapshot(keep)
    world.clock.at = T0
    world.cloud.back_up_keys(keep / "keys.backup")
    stolen = _copied(keep / "keys.backup", world.folder / "elsewhere")
    receipt = world.cloud.erase(subject="u-1")
    assert _day(early.manifest.due_at) == "2027-01-15" == _day(receipt.backups_gone_at)
    assert (
        _day(receipt.unreadable_at) == "2026-02-14" and "From 2026-02-14 on none of them can be read" in receipt.text()
    )
    at_noon(world, "2026-02-13")
    assert (keep / "keys.backup").exists()
    after_noon(world, "2026-02-14")
    assert not (keep / "keys.backup").exists() and early.path.exists()
    with pytest.raises(ConfigError, match="has expired"):
        keys_back(stolen, world.folder / "keys.other", world.now, lambda made_at: made_at + 30 * DAY)
    _back(world, early.path)
    assert world.cloud._store.record_key(note, "u-1") is None and left(world) == 0
    with pytest.raises(KeyDestroyed):
        world.cloud.records.read(note, **read)  # type: ignore[arg-type]
    at_noon(world, "2027-01-14")
    assert early.path.exists()
    after_noon(world, "2027-01-15")
    assert not early.path.exists() and world.cloud.backups.all() == []
