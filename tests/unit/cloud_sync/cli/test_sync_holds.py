"""`sync hold`, `restrict`, `lift` and `records`, as an operator uses them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloud_sync.cli import session
from cloud_sync.model import Stream
from tests.unit.cloud_sync.cli.cli_world import Installation
from tests.unit.cloud_sync.ingest.ingest_world import FakeClock
from tests.unit.cloud_sync.policy.policy_world import anew
from tests.unit.cloud_sync.records.records_world import KINDS, RULE

DAY = 86_400


@pytest.fixture
def depot(tmp_path: Path, clock: FakeClock) -> Installation:
    """An installation with records of support."""
    installation = Installation(tmp_path, clock)
    policy = installation.home / "policy.toml"
    kind = next(each for each in KINDS if each[0] == "support")
    grant = '\n[[roles.data_subject]]\nactions = ["read"]\npurposes = ["support"]\n'
    text = policy.read_text()
    changed = text.replace("# A recipient gets", f"{grant}\n# A recipient gets", 1) + RULE.format(*kind)
    policy.write_text(anew(changed))
    return installation


def day_of(clock: FakeClock, days: int) -> str:
    """A day from now, as an option takes it."""
    return datetime.fromtimestamp(clock.at + days * DAY, UTC).strftime("%Y-%m-%d")


def test_a_hold_keeps_what_an_erasure_and_a_sweep_would_destroy(depot: Installation, clock: FakeClock) -> None:
    """Placed, listed, an erasure waits and says so, released by two, then the sweep destroys."""
    tracker = depot.enrol()
    depot.give()
    depot.feed(tracker, tracker.status(), tracker.fixes([int(clock.at) - 5]))
    held = depot.ask("hold", "place", "CLAIM-7", "--subject", "s-1", "--review", day_of(clock, 30), "--by", "dpo-1")
    assert held["reference"] == "CLAIM-7" and held["released_at"] is None
    told = depot.do("erase", "s-1", "--yes").stdout
    assert "restricted, and goes once it is released" in told
    listed = depot.ask("hold", "list")
    assert [each["hold_id"] for each in listed["holds"]] == [held["hold_id"]]
    assert [each["ground"] for each in listed["restrictions"]] == ["erasure_held"]
    depot.do("hold", "release", held["hold_id"], "--by", "dpo-1", "--approved-by", "dpo-1", code=1)
    depot.do("hold", "release", held["hold_id"], "--by", "dpo-1", "--approved-by", "counsel-1")
    depot.do("sweep")
    assert depot.ask("hold", "list") == {"holds": [], "restrictions": []}
    assert len(depot.ask("hold", "list", "--all")["holds"]) == 1
    with session.opened(depot.config_file) as opened:
        assert opened.cloud.database.count_envelopes(stream=Stream.LOCATION) == 0


def test_what_a_hold_needs_is_said_in_a_sentence(depot: Installation, clock: FakeClock) -> None:
    """Whom, a review to come, a category that there is: each left out once; exit 1, nothing placed."""
    good = ("hold", "place", "CLAIM-7", "--by", "dpo-1", "--review", day_of(clock, 30))
    for words in (
        good,
        ("hold", "place", "CLAIM-7", "--by", "dpo-1", "--review", day_of(clock, -30), "--subject", "s-1"),
        (*good, "--subject", "s-1", "--category", "horoscope"),
        (*good, "--subject", "s-1", "--authority"),
    ):
        assert depot.do(*words, code=1).stderr.strip()
    depot.do(*good, "--subject", "s-1")
    assert len(depot.ask("hold", "list")["holds"]) == 1


def test_a_restriction_is_set_and_lifted_once_the_person_was_told(depot: Installation) -> None:
    """A read is denied with 2 in between."""
    depot.enrol()
    depot.give()
    span = ("--from", "2026-01-01", "--to", "2026-12-31")
    question = ("read", "location", "s-1", "tracking", "--as", "data_subject", "--by", "s-1", *span)
    made = depot.ask("restrict", "s-1", "objection", "--by", "s-1")
    assert made["ground"] == "objection" and question
    depot.do("lift", made["restriction_id"], "--by", "dpo-1", code=1)
    assert depot.ask("lift", made["restriction_id"], "--told", "--by", "dpo-1") == {
        "subject": "s-1",
        "restricted": False,
    }


def test_records_are_listed_with_the_day_they_go(depot: Installation, clock: FakeClock) -> None:
    """No event yet: the cap; a closed case: its own term. Nothing of what a record says."""
    with session.opened(depot.config_file) as opened:
        name = opened.cloud.records.put("support", {"s-1": b"the engine will not start"})
    [before] = depot.ask("records", "list", "s-1")
    depot.do("records", "event", "case.closed", "--record", name)
    [after] = depot.ask("records", "list", "s-1")
    assert before["record"] == after["record"] == name
    assert (before["due"][:10], after["due"][:10]) == ("2027-02-14", "2027-02-16")
    assert "engine" not in depot.do("records", "list", "s-1").stdout
    depot.do("records", "event", "last_interaction", "--subject", "s-1", "--source", "telemetry", code=1)


def test_a_sweep_says_what_stays_for_a_hold(depot: Installation, clock: FakeClock) -> None:
    """One record due and held, in a sentence and in JSON; once it is released it goes."""
    with session.opened(depot.config_file) as opened:
        opened.cloud.records.put("support", {"s-1": b"x"}, created_at=clock.at - 500 * DAY)
    held = depot.ask("hold", "place", "C-1", "--subject", "s-1", "--review", day_of(clock, 30), "--by", "dpo-1")
    assert "1 are due and stay for a hold" in depot.do("sweep").stdout
    assert depot.ask("sweep")["held"] == 1
    depot.do("hold", "release", held["hold_id"], "--by", "dpo-1", "--approved-by", "counsel-1")
    depot.do("sweep")
    assert depot.ask("records", "list", "s-1") == []
