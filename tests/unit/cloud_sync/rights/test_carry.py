"""What each right does, through the installation's own acts, and in which order."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from cloud_sync.errors import ConfigError
from cloud_sync.model.access import Delivery
from cloud_sync.service import CloudSync
from tests.unit.cloud_sync.ingest.ingest_world import POLICY
from tests.unit.cloud_sync.records.records_world import policy as with_records
from tests.unit.cloud_sync.rights.rights_world import DAY, DESK, DPO, LETTER, ME, T0, Bureau
from tests.unit.cloud_sync.service_world import GIVE


def shared(bureau: Bureau, *recipients: str) -> None:
    """Something of the person went to each."""
    for name in recipients:
        made = Delivery(f"d-{name}", name, "tracking", "location", "s-1", "c-1", 0.0, 9.0, "", b"salt", T0 - 5)
        bureau.cloud.database.put_delivery(made)


def test_access_writes_the_copy_with_the_cases_in_it(bureau: Bureau, tmp_path: Path) -> None:
    """The case has the number of files and a hash over them; the person finds the case, and what they wrote, in their copy."""
    bureau.cloud.consent.give("s-1", "tracking", GIVE)
    case = bureau.grant(bureau.one("access", content=b"all of it, please"))
    made = bureau.cloud.rights.carry.copy(case.case_id, tmp_path / "copy", actor=ME)
    names = {path.name for path in (tmp_path / "copy").iterdir()}
    assert {"location.tracking.json", "audit.rights_handling.json", "cases.json"} <= names
    told = json.loads((tmp_path / "copy" / "cases.json").read_text())
    assert (told[0]["case"], told[0]["events"][0]["written"]) == (case.case_id, "all of it, please")
    event = bureau.cloud.database.case_events(case.case_id)[-1]
    assert event.detail == f"files {len(names)} withheld {len(made.withheld)}" and len(event.digest) == 64
    assert bureau.finish(case).state == "closed"


def test_portability_writes_the_narrower_copy(bureau: Bureau, tmp_path: Path) -> None:
    """No log, no cases; and neither copy for a case of another right."""
    bureau.cloud.consent.give("s-1", "tracking", GIVE)
    case = bureau.grant(bureau.one("portability"))
    made = bureau.cloud.rights.carry.copy(case.case_id, tmp_path / "copy", actor=ME)
    assert made.kind == "portability" and not (tmp_path / "copy" / "cases.json").exists()
    other = bureau.grant(bureau.one("rectification"))
    with pytest.raises(ConfigError, match="nothing of that kind"):
        bureau.cloud.rights.carry.copy(other.case_id, tmp_path / "other", actor=ME)


def test_nothing_is_done_before_it_is_granted(bureau: Bureau, tmp_path: Path) -> None:
    """Neither for an open case nor for a refused one."""
    carry, rights = bureau.cloud.rights.carry, bureau.cloud.rights
    refused = bureau.one("erasure")
    with pytest.raises(ConfigError, match="decided"):
        carry.erase(refused.case_id, by=DPO)
    rights.decide(refused.case_id, "refused", by=DPO, reviewer=DPO, reason="legal_claim")
    with pytest.raises(ConfigError, match="nothing of that kind"):
        carry.erase(refused.case_id, by=DPO)
    assert not bureau.cloud.audit.entries(kind="erasure.done")


def test_an_objection_restricts_at_once_and_is_decided_later(bureau: Bureau) -> None:
    """Before anybody has looked (CG-16, MM-06), and of that purpose; refused it is lifted once the person has been told, upheld it
    stays.
    """
    objected = bureau.cloud.restrictions.objected
    for outcome, still in (("refused", False), ("granted", True)):
        case = bureau.one("objection", purpose="diagnosis")
        assert objected("s-1", "diagnosis") and not objected("s-1", "tracking")
        assert not bureau.cloud.restrictions.restricted("s-1")
        held = next(each for each in bureau.cloud.restrictions.in_force("s-1") if each.reference == case.case_id)
        assert (held.ground, held.review_at, held.since) == ("objection", case.due_at, T0)
        why = {"reviewer": DPO, "reason": "compelling_grounds"} if outcome == "refused" else {}
        bureau.cloud.rights.decide(case.case_id, outcome, by=DPO, **why)
        assert objected("s-1", "diagnosis")
        bureau.finish(case)
        assert objected("s-1", "diagnosis") is still


@pytest.mark.parametrize("purpose", ["any", "everything"])
def test_an_objection_to_no_purpose_of_the_policy_restricts_everything(bureau: Bureau, purpose: str) -> None:
    """Nobody guesses what was meant: all use stops until somebody has decided."""
    bureau.one("objection", purpose=purpose)
    assert bureau.cloud.restrictions.restricted("s-1")


def test_a_restriction_holds_from_the_moment_the_person_asks(bureau: Bureau) -> None:
    """Granted it has no end but its lifting."""
    case = bureau.one("restriction")
    assert bureau.cloud.restrictions.restricted("s-1")
    bureau.grant(case)
    made = bureau.cloud.rights.carry.restrict(case.case_id, by=DPO)
    bureau.finish(case)
    assert [each.restriction_id for each in bureau.cloud.restrictions.in_force("s-1")] == [made.restriction_id]


def test_a_restricted_person_gets_their_copy(bureau: Bureau, tmp_path: Path) -> None:
    """Taking it is the person's consent (GDPR Art. 18(2)); it stays restricted."""
    bureau.cloud.consent.give("s-1", "tracking", GIVE)
    access, restriction = bureau.one("access"), bureau.one("restriction")
    bureau.grant(access)
    bureau.cloud.rights.carry.copy(access.case_id, tmp_path / "copy", actor=ME)
    assert (tmp_path / "copy" / "location.tracking.json").is_file()
    assert bureau.finish(access).state == "closed" and bureau.state(restriction) == "identified"
    assert bureau.cloud.restrictions.restricted("s-1")


def test_what_needs_the_data_comes_before_what_destroys_it(bureau: Bureau, tmp_path: Path) -> None:
    """Erase and export in one message: the copy is written and answered, then the erasure goes through."""
    bureau.cloud.consent.give("s-1", "tracking", GIVE)
    access, erasure = bureau.ask("erasure", "access").cases
    for case in (access, erasure):
        bureau.grant(case)
    carry = bureau.cloud.rights.carry
    with pytest.raises(ConfigError, match=access.case_id):
        carry.erase(erasure.case_id, by=DPO)
    carry.copy(access.case_id, tmp_path / "copy", actor=ME)
    bureau.finish(access)
    carry.erase(erasure.case_id, by=DPO)
    assert bureau.finish(erasure).state == "closed"


def test_who_asks_to_restrict_and_to_delete_says_it_again(bureau: Bureau) -> None:
    """The restriction holds meanwhile; the erasure is confirmed or not carried out."""
    restriction, erasure = bureau.ask("erasure", "restriction").cases
    bureau.grant(erasure)
    carry = bureau.cloud.rights.carry
    with pytest.raises(ConfigError, match="confirmed"):
        carry.erase(erasure.case_id, by=DPO)
    assert bureau.cloud.restrictions.restricted("s-1")
    assert carry.erase(erasure.case_id, by=DPO, confirmed=True).whole
    assert bureau.state(restriction) == "identified"


def test_an_erasure_says_what_stays_why_and_until_when(tmp_path: Path) -> None:
    """Row by row: the record that a law wants kept, with its review; what the person wrote is gone, the case stays."""
    bureau = Bureau(tmp_path)
    config = bureau.config(policy=with_records(tmp_path))
    with CloudSync.open(config, clock=bureau.clock, link=bureau.link) as bureau.cloud:
        bureau.cloud.records.put("billing", {"s-1": b"an invoice"}, record_id="invoice-1")
        bureau.cloud.records.put("crm", {"s-1": b"a note"}, record_id="note-1")
        case = bureau.grant(bureau.one("erasure", content=b"I want to be forgotten, Anna Hansen"))
        receipt = bureau.cloud.rights.carry.erase(case.case_id, by=DPO)
        kept = {each.what: each for each in receipt.kept}
        assert kept["Records: billing"].why == "legal obligation" and (kept["Records: billing"].review_at or 0) > T0
        assert "Records: crm" not in kept and kept["Cases of your rights, without what you wrote"].count == 1
        closed = bureau.finish(case)
        assert closed.state == "closed" and bureau.cloud.rights.verify(case.case_id)
        assert bureau.cloud.rights.read(case.case_id, actor=ME)[0][1] is None
        assert bureau.cloud.database.case_events(case.case_id)[0].sealed == b""
    assert POLICY.exists()
    for path in tmp_path.iterdir():
        assert not path.is_file() or b"Anna Hansen" not in path.read_bytes()


def test_an_erasure_that_a_hold_keeps_waiting_is_done_with_its_release(bureau: Bureau) -> None:
    """The receipt names the hold, and the case its number."""
    hold = bureau.cloud.holds.place("CLAIM-7", by=DPO, review_at=T0 + 30 * DAY, subject="s-1")
    case = bureau.grant(bureau.one("erasure"))
    assert bureau.cloud.rights.carry.erase(case.case_id, by=DPO).held == (hold.hold_id,)
    assert bureau.cloud.database.case_events(case.case_id)[-1].detail.endswith("held 1")


def test_a_rectification_is_told_to_everybody_who_got_the_data(bureau: Bureau) -> None:
    """Two past recipients (CT-36, MM-57): no answer before the second knows; the original's hash stays beside the correction."""
    shared(bureau, "carrier", "insurer")
    original = hashlib.sha256(b"21.5").hexdigest()
    rights, case = bureau.cloud.rights, bureau.grant(bureau.one("rectification"))
    carry = rights.carry
    assert carry.rectify(case.case_id, by=DPO, correction=b"12.5", original=original) == ("carrier", "insurer")
    assert carry.told(case.case_id, "carrier", by=DESK) == ["insurer"]
    with pytest.raises(ConfigError, match="insurer"):
        rights.answer(case.case_id, by=DESK, letter=LETTER)
    assert carry.told(case.case_id, "insurer", by=DESK) == []
    bureau.finish(case)
    noted = [event for event, written in rights.read(case.case_id, actor=ME) if written == b"12.5"]
    assert [event.detail for event in noted] == [f"original {original}"]


def test_a_rectification_needs_a_correction_and_a_hash_that_is_one(bureau: Bureau) -> None:
    """Each wrong once; nothing is written."""
    case = bureau.grant(bureau.one("rectification"))
    for wrong in ({"correction": b""}, {"correction": b"x", "original": "21.5"}):
        with pytest.raises(ConfigError, match="has a correction"):
            bureau.cloud.rights.carry.rectify(case.case_id, by=DPO, **wrong)
    assert bureau.cloud.rights.get(case.case_id).carried_at is None
