"""Access of the staff and a person's own copy, by command."""

from __future__ import annotations

import json
from pathlib import Path

from tests.unit.cloud_sync.cli.cli_world import Installation
from tests.unit.cloud_sync.ingest.ingest_world import NOON, FakeClock

SPAN = ("--from", "2026-01-01", "--to", "2027-01-01")
LOOK = (
    "read",
    "s-1",
    "--purpose",
    "diagnosis",
    "--actor",
    "e-1",
    "--role",
    "support",
    "--stream",
    "status",
    "--mfa",
    *SPAN,
)
LET_IN = (
    "access",
    "open",
    "s-1",
    "--staff",
    "e-1",
    "--role",
    "support",
    "--purpose",
    "diagnosis",
    "--category",
    "status",
)


def filled(tmp_path: Path, clock: FakeClock) -> Installation:
    """A person with a device that has told of itself and of where it was."""
    depot = Installation(tmp_path, clock)
    tracker = depot.enrol()
    depot.give()
    clock.at = NOON + 120
    depot.feed(tracker, tracker.status(), tracker.fixes([int(NOON) + 60], version=1))
    return depot


def test_a_ticket_lets_support_in_and_its_end_out(tmp_path: Path, clock: FakeClock) -> None:
    """No look without a grant, none without the second factor; closed with the ticket; all of it in the person's list."""
    depot = filled(tmp_path, clock)
    assert "ticket_missing" in depot.do(*LOOK, code=2).output
    depot.do("access", "open-ticket", "K-1", "s-1", "--by", "desk")
    assert "mfa_missing" in depot.do(*LET_IN, "--by", "e-1", "--ticket", "K-1", code=2).output
    grant = depot.ask(*LET_IN, "--by", "e-1", "--ticket", "K-1", "--mfa")
    assert (grant["ticket"], grant["purposes"], grant["categories"]) == ("K-1", ["diagnosis"], ["status"])
    [report] = depot.ask(*LOOK)
    assert report["battery"] == 4000
    assert depot.ask("access", "close-ticket", "K-1", "--by", "desk")["ended"] == 1
    assert "grant_expired" in depot.do(*LOOK, code=2).output
    assert depot.ask("access", "list", "s-1")["grants"][0]["until"] == "taken back"
    assert "e-1" in depot.do("access", "list", "s-1").output


def test_a_grant_is_taken_back_by_its_number(tmp_path: Path, clock: FakeClock) -> None:
    """And an unknown one is an error."""
    depot = filled(tmp_path, clock)
    depot.do("access", "open-ticket", "K-1", "s-1", "--by", "desk")
    grant = depot.ask(*LET_IN, "--by", "e-1", "--ticket", "K-1", "--mfa")["grant"]
    assert len(depot.ask(*LOOK)) == 1
    depot.do("access", "close", grant, "--by", "desk")
    assert "grant_expired" in depot.do(*LOOK, code=2).output
    depot.do("access", "close", "0" * 20, "--by", "desk", code=1)


def test_a_relation_begins_and_ends(tmp_path: Path, clock: FakeClock) -> None:
    """In the list while it lasts; a role that has none is refused."""
    depot = filled(tmp_path, clock)
    relate = ("access", "relate", "s-1", "--actor", "p-1", "--by", "s-1", "--role")
    assert depot.ask(*relate, "planner")["in_force"]
    assert [each["actor"] for each in depot.ask("access", "list", "s-1")["relations"]] == ["p-1"]
    assert "over" in depot.do(*relate, "planner", "--end").output
    assert depot.ask("access", "list", "s-1")["relations"] == []
    assert "no such relation" in depot.do(*relate, "planner", "--end").output
    depot.do(*relate, "support", code=1)


def test_a_copy_is_written_and_says_what_is_in_it(tmp_path: Path, clock: FakeClock) -> None:
    """The person's own; another role is denied and writes nothing; portability is less."""
    depot = filled(tmp_path, clock)
    out = tmp_path / "copy"
    made = depot.ask("export", "s-1", "--out", str(out))
    names = {file["name"]: file["records"] for file in made["files"]}
    assert names["location.tracking.json"] == 1 and names["consent_ledger.rights_handling.json"] == 1
    assert len(json.loads((out / "status.diagnosis.json").read_text())) == 1
    assert (out / "index.html").read_text().startswith("<!doctype html>")
    assert "exists already" in depot.do("export", "s-1", "--out", str(out), code=1).output
    clerk = ("--actor", "c-1", "--role", "controller")
    assert "role_not_permitted" in depot.do("export", "s-1", "--out", str(tmp_path / "no"), *clerk, code=2).output
    assert not (tmp_path / "no").exists()
    said = depot.do("export", "s-1", "--out", str(tmp_path / "small"), "--kind", "portability").output
    assert "location.tracking.json" in said and "status.diagnosis.json" not in said
    assert "rests on legitimate interest" in said
