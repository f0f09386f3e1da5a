"""`sync backup`: snapshots, checks and restores by command."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.unit.cloud_sync.cli.cli_world import Installation
from tests.unit.cloud_sync.cli.conftest import clock, depot
from tests.unit.cloud_sync.ingest.ingest_world import FakeClock

__all__ = ["clock", "depot"]
READ = ("read", "s-1", "--purpose", "tracking", "--actor", "s-1", "--role", "data_subject")


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A folder for backups."""
    (tmp_path / "shelf").mkdir()
    return tmp_path / "shelf"


def test_a_lost_database_is_put_back_by_command(depot: Installation, clock: FakeClock, shelf: Path) -> None:
    """Snapshot, list, verify, lose, restore; what is read is what was read before, and the audit log says that it was restored."""
    tracker = depot.enrol()
    depot.give()
    depot.feed(tracker, tracker.status(), tracker.fixes([int(clock.now()) + 10]))
    made = depot.ask("backup", "snapshot", str(shelf))
    assert made["due_at"].startswith("2026-03-18") and Path(made["file"]).parent == shelf
    listed = depot.ask("backup", "list")
    assert [each["file"] for each in listed["backups"]] == [made["file"]] and listed["away"] == []
    assert "telemetry" in depot.do("backup", "list").stdout
    assert depot.ask("backup", "verify", made["file"])["sha256"] == made["sha256"]
    assert "is there" in depot.do("backup", "restore", made["file"], code=1).output
    before = depot.ask(*READ)
    for each in depot.home.glob("telemetry.db*"):
        each.unlink()
    assert depot.ask("backup", "restore", made["file"])["replayed"]
    assert depot.ask(*READ) == before
    assert len(depot.ask("audit", "list", "--kind", "backup.restored")) == 1


def test_database_and_keys_are_lost_at_once(depot: Installation, clock: FakeClock, shelf: Path) -> None:
    """First the database, then the keys: the second replays what was erased, and the person is not readable."""
    tracker = depot.enrol()
    depot.give()
    depot.feed(tracker, tracker.status(), tracker.fixes([int(clock.now()) + 10]))
    made = depot.ask("backup", "snapshot", str(shelf))["file"]
    depot.do("keys", "backup", str(shelf / "keys.backup"))
    assert {each["store"] for each in depot.ask("backup", "list")["backups"]} == {"telemetry", "keys"}
    depot.do("backup", "verify", str(shelf / "keys.backup"))
    depot.do("erase", "s-1", "--yes")
    for name in ("telemetry.db", "keys.db"):
        for each in depot.home.glob(f"{name}*"):
            each.unlink()
    assert "backup of keys" in depot.do("backup", "restore", str(shelf / "keys.backup"), code=1).output
    assert "byleave sync keys restore" in depot.do("backup", "restore", made).stdout
    depot.do("keys", "restore", str(shelf / "keys.backup"))
    assert depot.ask(*READ) == []


def test_what_is_damaged_ends_with_two_and_what_is_away_as_well(
    depot: Installation, clock: FakeClock, shelf: Path
) -> None:
    """Findings are 2, so that a script that asks every night stops there."""
    depot.enrol()
    made = Path(depot.ask("backup", "snapshot", str(shelf))["file"])
    made.write_bytes(made.read_bytes() + b"\0")
    assert "not the file" in depot.do("backup", "verify", str(made), code=2).output
    clock.at += 31 * 86_400
    assert "--confirm-clock" in depot.do("backup", "prune", code=1).output and made.exists()
    depot.do("sweep", "--confirm-clock")
    assert not made.exists() and depot.ask("backup", "prune") == {"gone": [], "away": []}
    shutil.rmtree(shelf)
    assert depot.ask("backup", "list")["away"] == [str(shelf)]
    assert "away" in depot.do("backup", "prune", code=2).output
    depot.do("backup", "forget", str(shelf))
    assert "destroyed 0" in depot.do("backup", "prune").stdout


def test_horizons_by_command(depot: Installation, clock: FakeClock) -> None:
    """Of the demo's positions: thirty days live, thirty more in backups."""
    rows = {row["category"]: row for row in depot.ask("backup", "horizons", "--ended", "2026-02-15")}
    live, last = rows["position"]["live_until"], rows["position"]["backups_until"]
    assert live and last and last > live > "2026-02-15"
    assert "position" in depot.do("backup", "horizons", "--ended", "2026-02-15").stdout
