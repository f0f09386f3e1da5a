"""`byleave sync breaches` and `byleave sync alarms`, as a desk and a portal use them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_sync.cli import session
from tests.unit.cloud_sync.cli.cli_world import Installation
from tests.unit.cloud_sync.ingest.ingest_world import NOON, FakeClock

BY = ("--by", "dpo-1")


@pytest.fixture
def depot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """An installation with one device, at noon, under the demo's policy as it is shipped."""
    clock = FakeClock(NOON)
    monkeypatch.setattr(session, "CLOCK", clock)
    made = Installation(tmp_path, clock)
    made.enrol()
    return made


def test_an_incident_from_its_report_to_the_closed_file(depot: Installation, tmp_path: Path) -> None:
    """Opened, found, assessed, told with letters in a folder, closed; and it stays in the register."""
    opened = depot.ask("breaches", "open", "key_backup", "--cause", "stolen", "--reference", "file-7", *BY)
    name = opened["incident_id"]
    assert opened["due"] == {"authority": "2026-02-19T12:00:00Z"} and opened["concerned"] is None
    assert depot.ask("breaches", "concerned", name, *BY)["people"] == ["s-1"]
    assert "persons" in depot.ask("breaches", "assess", name, "high", *BY)["due"]
    depot.ask("breaches", "measure", name, "keys_rotated", *BY)
    assert "keys were changed" in depot.do("breaches", "letter", name, "authority").stdout
    depot.ask("breaches", "told", name, "authority", *BY)
    assert depot.ask("breaches", "letters", name, str(tmp_path), *BY)["persons_told"] == 1
    assert (tmp_path / "s-1.txt").read_text().startswith("About the protection of your data")
    assert depot.ask("breaches", "close", name, *BY)["closed_at"]
    assert "closed" in depot.do("breaches", "list").stdout


def test_what_is_late_is_marked_and_says_why(depot: Installation) -> None:
    """Told after 72 hours without a reason ends with a sentence and 1."""
    name = depot.ask("breaches", "open", "database", *BY)["incident_id"]
    depot.clock.at = NOON + 73 * 3600  # type: ignore[attr-defined]
    assert "late" in depot.do("breaches", "list").stdout
    depot.do("breaches", "told", name, "authority", *BY, code=1)
    told = depot.ask("breaches", "told", name, "authority", "--late", "outage", *BY)
    assert told["late"] == {"authority": "outage"}
    exempt = depot.ask("breaches", "assess", name, "high", "--exempt", "unreadable", *BY)
    assert exempt["exempt"] == "unreadable" and "persons" not in exempt["due"]


def test_a_person_sets_lists_arms_and_removes_an_alarm(depot: Installation) -> None:
    """In their name; the list has neither address nor geometry."""
    depot.give()
    asked = ("--purpose", "tracking", "--channel", "mail", "--to", "me@example.org")
    made = depot.ask("alarms", "set", "s-1", "--zone", "55.6761,12.5683,500", "--label", "home", *asked)
    assert made["warnings"] == ["may_be_sensitive"] and made["kind"] == "zone"
    text = depot.do("alarms", "list", "s-1").stdout
    assert "home" in text and "55.67" not in text and "me@example.org" not in text
    assert depot.ask("alarms", "arm", "s-1", made["rule_id"])["armed"]
    depot.do("alarms", "remove", "s-2", made["rule_id"], code=1)
    depot.do("alarms", "remove", "s-1", made["rule_id"])
    assert depot.ask("alarms", "list", "s-1") == []


def test_what_is_no_rule_ends_with_a_sentence(depot: Installation) -> None:
    """Two things at once, two units, half a zone, nothing at all; and one that is understood, and denied for want of a consent."""
    asked = ("--purpose", "condition_monitoring", "--channel", "mail")
    wrong = (
        (("--above", "8.0C", "--below", "10lx"), 1),
        (("--above", "warmC"), 1),
        (("--zone", "55.6,12.5"), 1),
        (("--parked", "600", "--shock"), 1),
        ((), 1),
        (("--above", "8.0C", "--below", "2C", "--back", "0.5C"), 2),
    )
    for words, code in wrong:
        depot.do("alarms", "set", "s-1", *words, *asked, code=code)
