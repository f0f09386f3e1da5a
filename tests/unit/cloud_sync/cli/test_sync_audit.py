"""`sync audit who` and `export`: who read what, for what; and a log that holds on another machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cloud_sync import cli
from tests.unit.cloud_sync.cli.cli_world import Installation
from tests.unit.cloud_sync.ingest.ingest_world import FakeClock

READ = ("read", "s-1", "--purpose", "tracking", "--actor", "s-1", "--role", "data_subject")


@pytest.fixture
def used(depot: Installation, clock: FakeClock) -> Installation:
    """A person has read their own fix, and somebody was refused."""
    tracker = depot.enrol()
    depot.give()
    depot.feed(tracker, tracker.status(), tracker.fixes([int(clock.now()) + 10]))
    clock.at += 60
    depot.ask(*READ)
    depot.do("read", "s-1", "--purpose", "marketing", "--actor", "clerk-7", "--role", "staff", code=2)
    return depot


def test_a_person_sees_who_used_their_data_and_for_what(used: Installation) -> None:
    """What was read with its span and count, and what was refused with the reason; nobody else's."""
    own, refused = used.ask("audit", "who", "s-1")
    assert (own["actor"], own["role"], own["purpose"], own["allowed"]) == ("s-1", "data_subject", "tracking", True)
    assert own["category"] == "position" and own["count"] == 1 and own["first"] < own["last"]
    assert (refused["actor"], refused["role"], refused["allowed"]) == ("clerk-7", "staff", False)
    assert refused["reason"] == "purpose_not_declared" and refused["count"] == 0
    assert used.ask("audit", "who", "s-2") == []
    table = used.do("audit", "who", "s-1").stdout
    assert "clerk-7" in table and "purpose_not_declared" in table and "55." not in table


def test_the_log_goes_to_an_auditor_and_holds_there(used: Installation, tmp_path: Path) -> None:
    """Log, checkpoint and key are files; the person's own entries are checked against them, and say who read."""
    log, note, mine = tmp_path / "log.leaves", tmp_path / "now.checkpoint", tmp_path / "mine.json"
    key = used.ask("audit", "export", "--out", str(log))["key"]
    used.do("audit", "checkpoint", "--out", str(note))
    used.do("audit", "export", "--subject", "s-1", "--out", str(mine))
    assert mine.stat().st_mode & 0o777 == 0o600
    words = ["verify", str(log), str(note), "--key", key, "--entries", str(mine), "--json"]
    told = json.loads(CliRunner().invoke(cli.auditor, words).output)
    assert told["holds"] and told["shown"] == len(used.ask("audit", "list", "--subject", "s-1")) > 3
    assert "clerk-7" in mine.read_text() and "clerk-7" not in log.read_text()
    assert "not overwritten" in used.do("audit", "export", "--out", str(log), code=1).output
