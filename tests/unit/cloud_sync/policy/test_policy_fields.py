"""Classes of fields, laws beside the GDPR, risk, sections, and the one cap: one change at a time of a file without a gap."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from cloud_sync.policy import lint, notes
from tests.unit.cloud_sync.policy.policy_world import TEXT
from tests.unit.cloud_sync.policy.test_profiles_service import Profiled
from tests.unit.cloud_sync.records.records_world import DAY

HERE = Path("cloud_sync/policy/profiles")

#: Name: profile, old, new, the key of the one finding.
CHANGES = {
    "a field without a class": ("mm", '  "chat",\n', "", "rule[2].fields[0]"),
    "a class for a category that there is not": (
        "st",
        'entered = ["contact"',
        'entered = ["diary", "contact"',
        "fields.entered[0]",
    ),
    "two classes": ("tt", 'entered = ["contact", ', 'entered = ["contact", "log", ', "fields.entered[1]"),
    "a law that is asked for": ("cg", 'legal_ref = "RO Law 506/2004"\n', "", "rule[11].category"),
    "a law of no category": (
        "cg",
        'required = ["traffic_area"]',
        'required = ["traffic_area", "diary"]',
        "legal.required[1]",
    ),
    "easy access to what is risky": ("ct", "ticket_required = true", "ticket_required = false", "rule[0].risk"),
    "a term beyond the one cap": ("mm", 'beyond_cap = ["analytics"]', "beyond_cap = []", "rule[13].retention"),
    "no category beyond it": (
        "mm",
        'beyond_cap = ["analytics"]',
        'beyond_cap = ["analytics", "diary"]',
        "retention.beyond_cap",
    ),
    "another encryption": ("ct", 'risk = "high"', 'risk = "high"\nencryption = "none"', "rule[0].encryption"),
    "contents that nobody knows": ("mm", 'refused = ["card_number"]', 'refused = ["faces"]', "collection.refused[0]"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_one_change_is_found(tmp_path: Path, name: str) -> None:
    """At its key, in a profile that passes as it is."""
    profile, old, new, key = CHANGES[name]
    text = (HERE / f"{profile}.toml").read_text("utf-8")
    assert old in text
    path = tmp_path / "policy.toml"
    path.write_text(text.replace(old, new, 1), "utf-8")
    found = {finding.key for finding in lint(path)}
    assert key in found, found


def test_without_the_table_nothing_is_classed(tmp_path: Path) -> None:
    """It is complete where it stands, and need not stand."""
    path = tmp_path / "policy.toml"
    for text, gaps in ((TEXT, 0), (TEXT + '\n[fields]\nmetadata = ["consent_ledger", "audit"]\n', 1)):
        path.write_text(text, "utf-8")
        assert len(lint(path)) == gaps
    path.write_text(TEXT + '\n[fields]\nentered = ["contact"]\nmetadata = ["consent_ledger", "audit"]\n', "utf-8")
    assert lint(path) == []


@pytest.mark.parametrize(("references", "noted"), [("", 0), ('"1"', 0), ('"2"', 1), ('"4"', 1), ('"2", "4", "2"', 2)])
def test_a_section_that_is_not_there_once_is_noted(tmp_path: Path, references: str, noted: int) -> None:
    """None, and two of one number; each is told once."""
    text = (HERE / "mm.toml").read_text("utf-8")
    head = f'sections = ["1", "2", "2", "3"]\nreferences = [{references}]\nsource = "'
    path = tmp_path / "policy.toml"
    path.write_text(text.replace('source = "', head, 1), "utf-8")
    found = [note for note in notes(path, date(2026, 1, 15)) if note.key == "origin.references"]
    assert len(found) == noted


def test_the_one_cap_ends_what_has_another_clock(tmp_path: Path) -> None:
    """MM: a year after its purpose is concluded a chat is due, though its relation goes on; an invoice is not."""
    setting = Profiled(tmp_path, "mm")
    with setting.open() as cloud:
        cloud.records.note("contract.concluded", subject="s-1")
        records = [cloud.records.put(name, {"s-1": b"x"}) for name in ("chat", "invoice")]
        assert {part.category: part.due is None for part in cloud.records.of("s-1")} == {"chat": True, "invoice": False}
        for record in records:
            cloud.records.note("purpose.concluded", record=record)
        due = {part.category: part.due for part in cloud.records.of("s-1")}
        year = 365 * DAY
        assert due["chat"] == setting.clock.at + year
        assert due["invoice"] is not None and due["invoice"] > setting.clock.at + 4 * year
