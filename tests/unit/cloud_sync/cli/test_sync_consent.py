"""The commands for receipts, exports, ages, parents and groups."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cloud_sync.cli.cli_world import PROOF, Installation
from tests.unit.cloud_sync.ingest.ingest_world import FakeClock

LETTER = ("--channel", "letter", "--act", "signed_letter", "--language", "en")
HOLD = ("--by", "h-1", "--channel", "portal", "--act", "set_switch", "--language", "en")


@pytest.fixture
def depot(tmp_path: Path, clock: FakeClock) -> Installation:
    """An installation with one person who has a device and said yes to tracking."""
    made = Installation(tmp_path, clock)
    made.enrol()
    made.give()
    return made


def standing(depot: Installation, subject: str = "s-1", purpose: str = "tracking") -> dict[str, object]:
    """Where `consent show` says that the person stands."""
    rows = depot.ask("consent", "show", subject)["standing"]
    return next(row for row in rows if row["purpose"] == purpose)


def test_a_receipt_to_read_and_for_programs(depot: Installation) -> None:
    """By the id that `show` prints; somebody else's id is refused with a sentence."""
    [record] = depot.ask("consent", "show", "s-1")["records"]
    text = depot.do("consent", "receipt", "s-1", record["record_id"]).stdout
    assert "tracking became: given" in text and "notice demo-1 (en)" in text
    receipt = depot.ask("consent", "receipt", "s-1", record["record_id"])
    assert receipt["consent_record"]["pii_processing"]["privacy_notice"]["hash"] == record["notice_hash"]
    assert "no record of that id" in depot.do("consent", "receipt", "s-2", record["record_id"], code=1).stderr


def test_an_export_of_records_and_in_dpv(depot: Installation) -> None:
    """A table, the complete records, or one JSON-LD document with its context."""
    depot.withdraw()
    assert "given > withdrawn" in depot.do("consent", "export", "s-1").stdout
    [record] = depot.ask("consent", "export", "s-1")
    assert [event["event_state"] for event in record["event"]] == ["given", "withdrawn"]
    document = json.loads(depot.do("consent", "export", "s-1", "--dpv").stdout)
    assert document["@context"]["dpv"] == "https://w3id.org/dpv#"
    assert [node["@type"] for node in document["@graph"]] == ["dpv:ConsentRecord"]


def test_a_child_and_a_parent(depot: Installation) -> None:
    """The age told, the child's wish, two confirmations; the birth date is printed nowhere."""
    told = depot.do("consent", "age", "s-2", "--born", "2014-05-20", "--by", "p-1", *PROOF)
    assert "no birth date was kept" in told.stdout and "2014-05" not in told.stdout
    assert depot.ask("consent", "give", "s-2", "tracking", "--by", "s-2", *PROOF)["record"]["event_state"] == "pending"
    first = depot.do("consent", "confirm", "s-2", "tracking", "--by", "p-1", *PROOF).stdout
    assert first.startswith("tracking is pending for s-2\n")
    row = standing(depot, "s-2")
    assert (row["open"], row["child"], row["state"]) == (False, True, "pending")
    assert (
        depot.ask("consent", "confirm", "s-2", "tracking", "--by", "p-1", *LETTER)["record"]["event_state"] == "given"
    )
    assert standing(depot, "s-2")["precision"] == "cell_1km"
    for born in ("20.5.2014", "2014-13-01"):
        assert (
            "year-month-day" in depot.do("consent", "age", "s-3", "--born", born, "--by", "p-1", *PROOF, code=1).stderr
        )


def test_a_group_from_its_founding_to_its_lifting(depot: Installation, tmp_path: Path) -> None:
    """Founded, joined, coarser, closed, lifted, certified, left; `show` of person and group say it at each step."""
    depot.do("group", "found", "depot", *HOLD)
    depot.do("group", "invite", "depot", "s-1", *HOLD)
    assert depot.ask("group", "show", "depot")["invited"] == ["s-1"]
    assert "alone says" in depot.do("group", "accept", "depot", "s-1", *HOLD, code=1).stderr
    depot.do("group", "decline", "depot", "s-1", "--by", "s-1", *PROOF)
    assert "less than a month ago" in depot.do("group", "invite", "depot", "s-1", *HOLD, code=1).stderr
    assert depot.ask("group", "show", "depot")["members"] == []
    depot.clock.at += 31 * 86_400
    depot.do("group", "invite", "depot", "s-1", *HOLD)
    depot.do("group", "accept", "depot", "s-1", "--by", "s-1", *PROOF)
    depot.do("group", "narrow", "depot", "tracking", "--precision", "cell_10km", *HOLD)
    row = standing(depot)
    assert (row["open"], row["precision"], row["narrowed_by"]) == (True, "cell_10km", ["depot"])
    closed = depot.do("group", "narrow", "depot", "tracking", *HOLD).stdout
    assert closed.startswith("group depot closes tracking for its members\n")
    row = standing(depot)
    assert (row["open"], row["state"]) == (False, "given")
    shown = depot.ask("group", "show", "depot")
    assert (shown["members"], shown["narrows"]["tracking"]["closed"]) == (["s-1"], True)
    assert "nothing" in depot.do("group", "show", "depot").stdout
    assert "held by another" in depot.do("group", "lift", "depot", "tracking", "--by", "s-1", *PROOF, code=1).stderr
    depot.do("group", "lift", "depot", "tracking", *HOLD)
    assert standing(depot)["precision"] == "cell_100m"
    paper = tmp_path / "signed.pdf"
    paper.write_bytes(b"signed")
    words = ("group", "certify", "depot", "--count", "50", "--declaration", str(paper), *HOLD)
    assert "no consent of anybody" in depot.do(*words).stdout
    assert "cannot be read" in depot.do(*words[:6], str(tmp_path / "none.pdf"), *HOLD, code=1).stderr
    depot.do("group", "remove", "depot", "s-1", *HOLD)
    assert depot.ask("group", "show", "depot")["members"] == []
