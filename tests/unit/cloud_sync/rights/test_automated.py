"""Decisions of rules, a directory, proof of measures, letters: what beside copies and erasures the desk does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_sync.errors import ConfigError, Denied
from cloud_sync.model import Actor
from cloud_sync.rights.automated import Logic
from cloud_sync.service import CloudSync
from tests.unit.cloud_sync.rights.rights_world import DAY, DESK, DPO, LETTER, ME, T0, Bureau, iso_day

PROFILE = Path(__file__).parents[4] / "cloud_sync" / "policy" / "profiles" / "cg.toml"
LOGIC = Logic("score-7", "risk-1", ("risk.score", "risk.case"), "A low score and an open case refuse the contract.")
TAKE = {"category": "risk", "purpose": "credit_check", "outcome": "refused", "ground": "contract", "reference": "C-1"}


@pytest.fixture
def cg(tmp_path: Path) -> Iterator[Bureau]:
    """An installation under the policy of a company whose rules decide."""
    made = Bureau(tmp_path)
    with CloudSync.open(made.config(policy=PROFILE), clock=made.clock, link=made.link) as made.cloud:
        yield made


def test_each_thing_that_is_missing_denies_and_stores_nothing(cg: Bureau) -> None:
    """Ground, reference, declared input, declared category: each left out once of a decision that passes."""
    automated = cg.cloud.rights.automated
    assert automated.take("s-1", LOGIC, **TAKE).status == "issued"
    before = len(cg.cloud.records.of("s-1"))
    sensed = Logic("score-7", "risk-1", ("exact_location.lat",), "where somebody is")
    unknown = Logic("score-7", "risk-1", ("risk.horoscope",), "stars")
    for logic, change, reason in (
        (LOGIC, {"ground": ""}, "action_not_permitted"),
        (LOGIC, {"ground": "interest"}, "action_not_permitted"),
        (LOGIC, {"reference": ""}, "action_not_permitted"),
        (LOGIC, {"ground": "consent"}, "consent_missing"),
        (sensed, {}, "purpose_not_declared"),
        (unknown, {}, "purpose_not_declared"),
        (LOGIC, {"category": "identity"}, "purpose_not_declared"),
        (LOGIC, {"purpose": "tracking"}, "purpose_not_declared"),
        (sensed, {"purpose": "tracking", "category": "exact_location"}, "purpose_not_declared"),
    ):
        with pytest.raises(Denied) as denied:
            automated.take("s-1", logic, **{**TAKE, **change})
        assert denied.value.reason == reason
    assert len(cg.cloud.records.of("s-1")) == before
    for wrong in (Logic("x", "risk-1", (), "words"), Logic("x", "risk-1", ("risk.score",), " ")):
        with pytest.raises(ConfigError):
            automated.take("s-1", wrong, **TAKE)


def test_after_an_objection_no_rule_decides(cg: Bureau) -> None:
    """For that purpose; for another it does."""
    cg.one("objection", purpose="credit_check")
    with pytest.raises(Denied, match="restricted"):
        cg.cloud.rights.automated.take("s-1", LOGIC, **TAKE)
    assert cg.cloud.rights.automated.take("s-1", LOGIC, **{**TAKE, "purpose": "eligibility"}).status == "issued"


def test_a_refused_contract_waits_for_a_person_who_does_not_answer_for_the_rule(cg: Bureau) -> None:
    """Five working days; the owner is refused; afterwards it is a person's decision."""
    rights = cg.cloud.rights
    made = rights.automated.take("s-1", LOGIC, refuses_contract=True, **TAKE)
    case = rights.get(made.case_id)
    assert (made.status, iso_day(case.due_at), case.channel) == ("pending_human", "2026-01-22", "own")
    with pytest.raises(ConfigError, match="answers for the rule"):
        rights.decide(case.case_id, "granted", by=DESK, reviewer="risk-1")
    rights.decide(case.case_id, "granted", by=DESK, reviewer=DPO)
    after = rights.automated.get("s-1", made.decision_id)
    assert (after.status, after.decided_by, after.reviewer, after.outcome) == ("reviewed", "human", DPO, "granted")


def test_whoever_asks_has_it_explained_and_reviewed(cg: Bureau) -> None:
    """Inputs in order and the logic, to the person; a case with the rule's owner; nothing of somebody else's."""
    automated = cg.cloud.rights.automated
    made = automated.take("s-1", LOGIC, **TAKE)
    told = automated.explain(made.decision_id, actor=ME, purpose="credit_check", subject="s-1")
    assert told.index("1. risk.score") < told.index("2. risk.case") and LOGIC.text in told
    with pytest.raises(Denied):
        automated.explain(made.decision_id, actor=Actor("s-2", "data_subject"), purpose="credit_check", subject="s-1")
    [case] = automated.review(
        made.decision_id, "s-1", received_at=cg.clock.at, channel="portal", by="s-1", login=ME
    ).cases
    assert (case.rule_owner, case.purpose) == ("risk-1", made.decision_id)
    with pytest.raises(ConfigError, match="no such decision"):
        automated.get("s-2", made.decision_id)


def test_proof_of_the_measures_is_due_and_alarmed_by_its_own_term(bureau: Bureau) -> None:
    """Thirty days, an alarm on the twenty-fifth; done before it is answered; never extended."""
    rights, case = bureau.cloud.rights, bureau.one("assurance", login=None)
    assert iso_day(case.due_at) == "2026-02-14" and iso_day(case.alarm_at + DAY) == "2026-02-09"
    with pytest.raises(ConfigError, match="cannot be extended"):
        rights.extend(case.case_id, "complexity", by=DPO, letter=LETTER)
    bureau.grant(case)
    with pytest.raises(ConfigError, match="not done yet"):
        rights.answer(case.case_id, by=DESK, letter=LETTER)
    proof = json.loads(rights.carry.assure(case.case_id, by=DPO))
    assert len(proof["controls"]) >= 20 and proof["processors"] is not None
    assert bureau.finish(case).state == "closed"


@pytest.mark.parametrize("reason", ["contract", "legal_claim", "rights_of_others", "unfounded", "data_is_right"])
def test_the_letter_of_a_refusal_says_why_and_where_to_turn(bureau: Bureau, reason: str) -> None:
    """The authority once; not before the decision."""
    case = bureau.one("access")
    with pytest.raises(ConfigError, match="not decided"):
        bureau.cloud.rights.letter(case.case_id)
    bureau.cloud.rights.decide(case.case_id, "refused", by=DESK, reviewer=DPO, reason=reason)
    text = bureau.cloud.rights.letter(case.case_id)
    assert text.count("Datatilsynet") == 1 and text.count("courts") + text.count("to court") == 1


def test_what_was_used_before_a_letter_was_keyed_is_an_exception(bureau: Bureau) -> None:
    """Uses for that purpose by others from the receipt on; not those before it, nor the person's own."""
    log = bureau.cloud.audit.record
    said = {"action": "read", "purpose": "diagnosis", "reason": "allowed"}
    for days, actor, purpose in (
        (-3, "e-1", "diagnosis"),
        (-1, "e-2", "diagnosis"),
        (-1, "e-3", "tracking"),
        (-1, "s-1", "diagnosis"),
    ):
        bureau.clock.at = T0 + days * DAY
        log("gate.allowed", actor, "s-1", **{**said, "purpose": purpose})
    bureau.clock.at = T0
    case = bureau.one("objection", purpose="diagnosis", channel="letter", received_at=T0 - 2 * DAY)
    log("gate.allowed", "e-4", "s-1", **said)
    found = bureau.cloud.rights.exceptions(case.case_id)
    assert (found.effective_from, found.held_from) == (T0 - 2 * DAY, T0)
    assert [use.actor for use in found.uses] == ["e-2"]


def test_where_the_policy_has_no_directory_nobody_is_ever_entered(cg: Bureau) -> None:
    """Although the days to refuse are over; and other purposes are no directory."""
    directory = cg.cloud.rights.directory
    cg.cloud.records.note("contract.concluded", subject="s-1")
    cg.clock.at = T0 + 300 * DAY
    assert not directory.open("s-1") and directory.closed("s-1", "directory")
    assert not directory.closed("s-1", "tracking")
