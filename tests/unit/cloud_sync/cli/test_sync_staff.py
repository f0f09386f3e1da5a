"""Accounts of the staff, the controls, and what holders choose, by command."""

from __future__ import annotations

from pathlib import Path

from cloud_sync.service import CloudSync
from tests.unit.cloud_sync.cli.cli_world import Installation
from tests.unit.cloud_sync.ingest.ingest_world import FakeClock, ListLink

BY = ("--by", "lead-1")
HOLDER = ("--by", "h-1", "--channel", "portal", "--act", "pressed_save", "--language", "en")


def test_an_account_from_its_beginning_to_its_end(depot: Installation) -> None:
    """What has lapsed is listed; nobody attests for themselves; a struck account is gone."""
    depot.do("staff", "enlist", "e-1", "--role", "support", *BY)
    [row] = depot.ask("staff", "list")["accounts"]
    assert (row["account"], row["used"], row["lapsed"]) == ("e-1", "-", "undertaking_missing")
    assert "nobody attests" in depot.do("staff", "attest", "e-1", "training", "--by", "e-1", code=1).output
    depot.do("staff", "attest", "e-1", "undertaking", *BY)
    assert depot.ask("staff", "attest", "e-1", "training", *BY) == {"account": "e-1", "attested": "training"}
    depot.do("staff", "machine", "laptop-1", *BY)
    assert "e-1" in depot.do("staff", "list").output
    assert depot.ask("staff", "review", *BY) == {"accounts": ["e-1"]}
    depot.do("staff", "strike", "e-1", *BY)
    assert depot.ask("staff", "list")["accounts"] == []


def test_controls_are_tried_and_attested(depot: Installation, clock: FakeClock) -> None:
    """2 until all twenty stand, and again when the proofs are a month old; the watch says what fails."""
    assert len(depot.ask("security", "test", *BY, code=2)) == 20
    for control in ("disks_encrypted", "restore_tried"):
        depot.do("security", "attest", control, *BY)
    assert "no such control" in depot.do("security", "attest", "log_intact", *BY, code=1).output
    assert {row["passed"] for row in depot.ask("security", "report")} == {True}
    assert "yes" in depot.do("security", "report").output
    assert "has not looked yet" in depot.do("security", "watch", code=2).output
    with CloudSync.open(depot.config, clock=clock, link=ListLink()) as cloud:
        cloud.watch.probes = {"door": lambda: True}
        cloud.watch.look()
    assert depot.ask("security", "watch") == {"failing": {}, "looked": "2026-02-16T12:00:00Z", "silent": False}
    clock.at += 31 * 86_400
    assert {row["fresh"] for row in depot.ask("security", "report", code=2)} == {False}


def test_what_a_holder_chooses_and_whom_a_company_brings(depot: Installation, tmp_path: Path) -> None:
    """A yes is kept and opens nothing; a no narrows, and the member sees both; people on a list wait."""
    depot.enrol()
    depot.give()
    assert {row["kind"] for row in depot.ask("audit", "list", "--verb", "record")} == {"consent.given"}
    assert "no operation" in depot.do("audit", "list", "--verb", "sell", code=1).output
    depot.do("group", "found", "depot", *HOLDER)
    depot.do("group", "invite", "depot", "s-1", *HOLDER)
    depot.do("group", "accept", "depot", "s-1", "--by", "s-1", *HOLDER[2:])
    assert "opens nothing" in depot.do("group", "choose", "depot", "tracking", *HOLDER).output
    assert depot.ask("group", "conflicts", "depot") == []
    depot.do("group", "choose", "depot", "tracking", "--close", *HOLDER)
    [row] = depot.ask("group", "conflicts", "depot")
    assert row == {"subject": "s-1", "purpose": "tracking", "holder": "no", "own": "given", "holds": "no"}
    assert "given" in depot.do("group", "conflicts", "depot").output
    people, declaration = tmp_path / "people.txt", tmp_path / "declaration.pdf"
    people.write_text("w-1\nw-2\n")
    hand_over = ("group", "hand-over", "depot", "--people", str(people), "--declaration", str(declaration), *HOLDER)
    assert "cannot be read" in depot.do(*hand_over, code=1).output
    declaration.write_bytes(b"signed")
    assert depot.ask(*hand_over)["record"]["count"] == 2
    shown = depot.ask("group", "show", "depot")
    assert (shown["members"], shown["invited"]) == (["s-1"], ["w-1", "w-2"])
