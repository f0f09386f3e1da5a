"""`byleave sync notices`, as a desk uses it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_sync.cli import session
from tests.unit.cloud_sync.cli.cli_world import Installation
from tests.unit.cloud_sync.ingest.ingest_world import FakeClock
from tests.unit.cloud_sync.notices.notices_world import T0


@pytest.fixture
def depot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """An installation on 15 January 2026."""
    clock = FakeClock(T0)
    monkeypatch.setattr(session, "CLOCK", clock)
    return Installation(tmp_path, clock)


def test_somebody_is_owed_the_notice_until_they_received_it(depot: Installation) -> None:
    """Exit 2 with the person and their day while anybody is; 0 and nothing afterwards."""
    assert depot.ask("notices", "provided", "s-1", "employer-1")["due_at"] == "2026-02-14T12:00:00Z"
    assert "employer-1" in depot.do("notices", "owed", code=2).stdout
    [owed] = depot.ask("notices", "owed", "--subject", "s-1", code=2)
    assert (owed["source"], owed["changes"]) == ("employer-1", [])
    assert depot.ask("notices", "received", "s-1", "--channel", "app")["subject"] == "s-1"
    assert depot.ask("notices", "owed", "--subject", "s-1") == []


def test_what_was_published_is_listed_and_can_be_read(depot: Installation) -> None:
    """The version with its hash, by which its text is printed; another language that there is, and one that there is not."""
    listed = depot.ask("notices", "list")
    [first] = listed["notices"]
    assert listed["banner"] is None and first["version"] in depot.do("notices", "list").stdout
    assert depot.do("notices", "text", "--policy", first["policy"]).stdout.startswith("# Privacy notice")
    assert depot.do("notices", "text", "--language", "da").stdout.startswith("# ")
    depot.do("notices", "text", "--language", "fr", code=1)


def test_a_letter_of_a_refusal(depot: Installation) -> None:
    """Before the decision there is none; then it names reason and authority."""
    case = depot.ask("rights", "open", "s-1", "question", "--by", "desk-1")["cases"][0]["case_id"]
    depot.do("notices", "letter", case, code=1)
    depot.do("rights", "decide", case, "refused", "--reason", "unfounded", "--reviewer", "dpo-1", "--by", "desk-1")
    letter = depot.do("notices", "letter", case).stdout
    assert depot.ask("notices", "letter", case) == {"text": letter}
    assert "manifestly unfounded" in letter and letter.count("Datatilsynet") == 1
