"""`byleave sync recipient`."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_sync.cli import session, sync
from cloud_sync.config import Config
from cloud_sync.model.access import SilentNotice
from cloud_sync.service import CloudSync
from tests.unit.cloud_sync.cli.cli_world import RUNNER, Installation
from tests.unit.cloud_sync.ingest.ingest_world import NOON, FakeClock, ListLink


@pytest.fixture
def depot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """An installation of the demo."""
    clock = FakeClock(NOON)
    monkeypatch.setattr(session, "CLOCK", clock)
    return Installation(tmp_path, clock)


def test_the_register_is_listed(depot: Installation) -> None:
    """As a table and as JSON."""
    assert depot.config.region == "DK"
    entries = depot.ask("recipient", "list")
    assert {each["recipient"] for each in entries} >= {"roadside_assistance"}
    assert "roadside_assistance" in depot.do("recipient", "list").stdout


def test_an_acceptance_is_noted_by_the_office(depot: Installation) -> None:
    """Nobody else notes it, and of nobody who is not in the register."""
    words = ("recipient", "accept", "roadside_assistance", "--reference", "R-1", "--by", "dpo-1", "--role")
    assert "has accepted version 2 (R-1)" in depot.do(*words, "dpo", "--version", "2").stdout
    assert "controller's own people" in depot.do(*words, "support", code=2).stderr
    others = ("recipient", "accept", "nobody", "--reference", "R-1", "--by", "dpo-1")
    assert "no recipient of the policy" in depot.do(*others, code=1).stderr


def test_traffic_that_no_recipient_explains_ends_with_two(depot: Installation) -> None:
    """A list of machines is read; without any deviation the command ends with 0."""
    assert "as the register has it" in depot.do("recipient", "compare").stdout
    seen = depot.directory / "egress.txt"
    seen.write_text("Stranger.example\n\n", "utf-8")
    found = depot.ask("recipient", "compare", "--seen", str(seen), code=2)
    assert [each["recipient"] for each in found["deviations"]] == ["stranger.example"]
    assert "a list of machines" in depot.do("recipient", "compare", "--seen", "nowhere.txt", code=1).stderr


def test_notices_are_listed_and_told(depot: Installation) -> None:
    """Once their day has come; before it the command says so."""
    with CloudSync.open(depot.config, clock=depot.clock, link=ListLink()) as cloud:
        made = SilentNotice("n-1", "s-1", "police", "d-1", "O-1", NOON + 60)
        cloud.database.put_silent_notice(made, NOON)
    assert "forbidden until then" in depot.do("recipient", "notices").stdout
    words = ("recipient", "told", "n-1", "--by", "dpo-1", "--role", "dpo")
    assert "still forbids" in depot.do(*words, code=1).stderr
    depot.clock.at = NOON + 60  # type: ignore[attr-defined]
    assert depot.ask("recipient", "notices")[0]["due"] is True
    assert "own people" in depot.do(*words[:-1], "support", code=2).stderr
    assert "s-1 was told of d-1" in depot.do(*words).stdout
    assert depot.ask("recipient", "notices") == []


def test_init_writes_the_region(tmp_path: Path) -> None:
    """What is asked for, else the company's country; one that the policy does not allow makes no installation."""
    assert RUNNER.invoke(sync, ["init", str(tmp_path / "nl"), "--region", "NL"]).exit_code == 0
    assert Config.from_toml(tmp_path / "nl" / "cloud-sync.toml").region == "NL"
    refused = RUNNER.invoke(sync, ["init", str(tmp_path / "us"), "--region", "US"])
    assert refused.exit_code == 1
    assert "is in US" in refused.output
