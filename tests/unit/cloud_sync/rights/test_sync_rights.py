"""`byleave sync rights`, as a desk uses it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_sync.cli import session
from cloud_sync.rights.documents import AREAS
from tests.unit.cloud_sync.cli.cli_world import RUNNER, Installation, sync
from tests.unit.cloud_sync.ingest.ingest_world import FakeClock
from tests.unit.cloud_sync.records.records_world import KINDS, RULE
from tests.unit.cloud_sync.rights.rights_world import DAY, T0, another_version


@pytest.fixture
def depot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """An installation on 15 January 2026."""
    clock = FakeClock(T0)
    monkeypatch.setattr(session, "CLOCK", clock)
    return Installation(tmp_path, clock)


def test_a_question_from_its_receipt_to_the_closed_case(depot: Installation, tmp_path: Path) -> None:
    """Opened as of its receipt, listed with its due day, decided, answered and closed with evidence."""
    (tmp_path / "letter.txt").write_text("Dear Anna Hansen, …")
    opened = depot.ask("rights", "open", "s-1", "question", "--received", "2026-01-14T09:30", "--by", "desk-1")
    case = opened["cases"][0]
    assert (case["received_at"], case["due"], case["law"]) == ("2026-01-14T09:30:00Z", "2026-02-14", "2026-02-14")
    assert [each["case_id"] for each in depot.ask("rights", "list")] == [case["case_id"]]
    decided = depot.ask("rights", "decide", case["case_id"], "granted", "--by", "dpo-1")
    assert (decided["state"], decided["authority"]) == ("decided", "DK")
    done = depot.ask("rights", "answer", case["case_id"], "--letter", str(tmp_path / "letter.txt"), "--by", "desk-1")
    assert done["state"] == "closed" and len(done["evidence"]) == 64
    assert depot.ask("rights", "list") == [] and len(depot.ask("rights", "list", "--all")) == 1
    for path in depot.home.rglob("*"):
        assert not path.is_file() or b"Anna Hansen" not in path.read_bytes()


def test_what_was_written_is_read_from_standard_input(depot: Installation) -> None:
    """And sealed: no file has it."""
    words = ["rights", "open", "s-1", "access", "--text", "--by", "desk-1", "-c", str(depot.config_file)]
    assert RUNNER.invoke(sync, words, input="Anna Hansen asks").exit_code == 0
    for path in depot.home.rglob("*"):
        assert not path.is_file() or b"Anna Hansen" not in path.read_bytes()


def test_a_refusal_without_its_reason_ends_with_a_sentence(depot: Installation) -> None:
    """Exit 1; with reason and reviewer it is decided."""
    case = depot.ask("rights", "open", "s-1", "access", "--by", "desk-1")["cases"][0]["case_id"]
    words = ("rights", "decide", case, "refused", "--by", "desk-1")
    for more in ((), ("--reason", "not_identified"), ("--reviewer", "dpo-1")):
        depot.do(*words, *more, code=1)
    assert depot.ask(*words, "--reason", "not_identified", "--reviewer", "dpo-1")["outcome"] == "refused"


def test_what_is_due_is_marked_in_the_list(depot: Installation) -> None:
    """Nothing at first, then the alarm, then late; and what contradicts itself is told."""
    told = depot.do("rights", "open", "s-1", "erasure", "access", "--by", "desk-1").stdout
    assert "due 2026-02-15" in told and "tell the person: the copy is handed out first" in told
    for days, word in ((0, ""), (24, "alarm"), (32, "late")):
        depot.clock.at = T0 + days * DAY  # type: ignore[attr-defined]
        listed = depot.do("rights", "list").stdout
        assert all((each in listed) == (each == word) for each in ("alarm", "late"))


def test_an_erasure_wants_a_yes_and_a_grant(depot: Installation) -> None:
    """Neither is enough alone."""
    case = depot.ask("rights", "open", "s-1", "erasure", "--by", "desk-1")["cases"][0]["case_id"]
    assert "--yes" in depot.do("rights", "erase", case, "--by", "dpo-1", code=1).output
    assert "decided" in depot.do("rights", "erase", case, "--yes", "--by", "dpo-1", code=1).output


def test_a_letter_from_the_code_to_the_copy_and_the_corrected_value(depot: Installation, tmp_path: Path) -> None:
    """Identified by what came back from the address on file; access, restriction and rectification are done and answered."""
    depot.enrol()
    depot.give()
    (tmp_path / "letter.txt").write_text("…")
    made = depot.ask("rights", "open", "s-1", "access", "rectification", "--by", "desk-1")["cases"]
    access, correction = (case["case_id"] for case in made)
    code = depot.ask("rights", "link", access)["code"]
    assert {case["identity"] for case in depot.ask("rights", "redeem", code)["cases"]} == {"link"}
    depot.do("rights", "redeem", code, code=1)
    for case in (access, correction):
        depot.do("rights", "decide", case, "granted", "--by", "dpo-1")
    assert depot.ask("rights", "copy", access, str(tmp_path / "copy"))["files"] > 3
    words = ["rights", "rectify", correction, "--by", "dpo-1", "--json", "-c", str(depot.config_file)]
    assert '"to_tell": []' in RUNNER.invoke(sync, words, input="Street 2").stdout
    for case in (access, correction):
        depot.do("rights", "answer", case, "--letter", str(tmp_path / "letter.txt"), "--by", "desk-1")
    last = depot.ask("rights", "open", "s-1", "restriction", "--by", "desk-1")["cases"][0]["case_id"]
    depot.do("rights", "redeem", depot.ask("rights", "link", last)["code"])
    depot.do("rights", "decide", last, "granted", "--by", "dpo-1")
    assert depot.ask("rights", "restrict", last, "--by", "dpo-1")["restriction_id"]


def test_a_document_takes_a_doubt_and_four_areas(depot: Installation, tmp_path: Path) -> None:
    """Refused with three, taken with four, accepted; the policy has the category."""
    kind = next(each for each in KINDS if each[0] == "identity_copy")
    policy = depot.home / "policy.toml"
    policy.write_text(another_version(policy.read_text()) + RULE.format(*kind))
    (tmp_path / "copy.png").write_bytes(b"a masked copy")
    case = depot.ask("rights", "open", "s-1", "access", "--by", "desk-1")["cases"][0]["case_id"]
    areas = [word for area in sorted(AREAS) for word in ("--masked", area)]
    words = ("rights", "document", case, str(tmp_path / "copy.png"), "--by", "desk-1")
    depot.do(*words, *areas, code=1)
    depot.do("rights", "doubt", case, "address_disputed", "--by", "dpo-1")
    depot.do(*words, *areas[2:], code=1)
    assert depot.ask(*words, *areas)["record"]
    assert depot.ask("rights", "accept", case, "--by", "dpo-1")["identity"] == "document"


def test_a_copy_goes_to_another_company_and_comes_in_again(depot: Installation, tmp_path: Path) -> None:
    """Handed over into a folder, with a warning beyond the EEA; a copy is taken in; a way to the company is named, one."""
    depot.enrol()
    case = depot.ask("rights", "open", "s-1", "portability", "--by", "desk-1")["cases"][0]["case_id"]
    depot.do("rights", "redeem", depot.ask("rights", "link", case)["code"])
    depot.do("rights", "decide", case, "granted", "--by", "dpo-1")
    (tmp_path / "out").mkdir()
    words = ("rights", "hand-over", case, "other-tracker", "--region", "US")
    depot.do(*words, code=1)
    depot.do(*words, "--folder", str(tmp_path / "out"), "--url", "https://other.example", code=1)
    made = depot.ask(*words, "--folder", str(tmp_path / "out"))
    assert made["parts"] == len(list((tmp_path / "out").iterdir())) > 0 and len(made["warnings"]) == 1
    depot.do("export", "s-1", "--kind", "portability", "--out", str(tmp_path / "copy"))
    taken = depot.ask("rights", "import", str(tmp_path / "copy"), "s-9", "--category", "contact", "--by", "desk-1")
    assert taken["rows"] == made["rows"] and taken["sha256"]
    (tmp_path / "copy" / "index.html").write_text("changed")
    depot.do("rights", "import", str(tmp_path / "copy"), "s-9", "--category", "contact", "--by", "desk-1", code=1)


def test_a_letter_exceptions_and_a_proof(depot: Installation, tmp_path: Path) -> None:
    """Printed, listed and written; a letter needs a decision."""
    case = depot.ask("rights", "open", "s-1", "objection", "--purpose", "tracking", "--by", "desk-1")["cases"][0][
        "case_id"
    ]
    depot.do("rights", "letter", case, code=1)
    depot.do("rights", "decide", case, "refused", "--reason", "not_identified", "--reviewer", "dpo-1", "--by", "desk-1")
    assert depot.do("rights", "letter", case).stdout.count("Datatilsynet") == 1
    found = depot.ask("rights", "exceptions", case)
    assert (found["held_from"], found["uses"]) == (None, [])
    proof = depot.ask("rights", "open", "c-1", "assurance", "--by", "desk-1")["cases"][0]
    assert proof["due"] == "2026-02-14"
    depot.do("rights", "decide", proof["case_id"], "granted", "--by", "dpo-1")
    out = tmp_path / "proof.json"
    assert (
        depot.ask("rights", "assure", proof["case_id"], "--out", str(out), "--by", "dpo-1")["bytes"]
        == out.stat().st_size
    )
