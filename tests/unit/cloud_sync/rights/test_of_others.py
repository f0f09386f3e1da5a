"""Cases of somebody who is not the person, requests that contradict each other, and copies on their way when something happens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.disclosure import FileSink
from cloud_sync.errors import ConfigError, Denied, LinkError
from cloud_sync.model import Actor
from cloud_sync.model.rights import Case
from cloud_sync.rights.automated import Logic
from cloud_sync.service import CloudSync
from cloud_sync.stores import Parcel
from tests.unit.cloud_sync.disclosure.outlet_world import ListSink
from tests.unit.cloud_sync.rights.rights_world import DESK, DPO, LETTER, ME, Bureau

PROFILE = Path(__file__).parents[4] / "cloud_sync" / "policy" / "profiles" / "cg.toml"
LOGIC = Logic("score-7", "risk-1", ("risk.score", "risk.case"), "A low score and an open case refuse the contract.")
TAKE = {"category": "risk", "purpose": "credit_check", "outcome": "refused", "ground": "contract", "reference": "C-1"}
R2 = "other-tracker"


@pytest.fixture
def cg(tmp_path: Path) -> Iterator[Bureau]:
    """An installation under the policy of a company whose rules decide."""
    made = Bureau(tmp_path)
    with CloudSync.open(made.config(policy=PROFILE), clock=made.clock, link=made.link) as made.cloud:
        yield made


def by_letter(bureau: Bureau, right: str, **more: Any) -> Case:
    """A case of which nobody knows who wrote."""
    return bureau.one(right, channel="letter", by=DESK, login=None, **more)


# Decisions of rules


def test_the_review_of_a_stranger_is_no_review(cg: Bureau) -> None:
    """Open, or refused as nobody knows who asks: the rule's decision stands as issued; the person's own is reviewed."""
    automated, rights = cg.cloud.rights.automated, cg.cloud.rights
    made = automated.take("s-1", LOGIC, **TAKE)
    letter = {"received_at": cg.clock.at, "channel": "letter", "by": DESK}
    [case] = automated.review(made.decision_id, "s-1", **letter).cases
    assert automated.get("s-1", made.decision_id).status == "issued"
    rights.decide(case.case_id, "refused", by=DESK, reviewer=DPO, reason="not_identified")
    assert automated.get("s-1", made.decision_id).decided_by == "rule"
    [own] = automated.review(made.decision_id, "s-1", **letter, login=ME).cases
    assert automated.get("s-1", made.decision_id).status == "pending_human"
    cg.grant(own)
    assert automated.get("s-1", made.decision_id).decided_by == "human"


def test_a_stranger_ends_no_wait_for_a_person(cg: Bureau) -> None:
    """A refused contract waits although a letter of somebody about it is refused meanwhile."""
    automated = cg.cloud.rights.automated
    made = automated.take("s-1", LOGIC, refuses_contract=True, **TAKE)
    cg.clock.at += 60
    [case] = automated.review(made.decision_id, "s-1", received_at=cg.clock.at, channel="letter", by=DESK).cases
    cg.cloud.rights.decide(case.case_id, "refused", by=DESK, reviewer=DPO, reason="not_identified")
    after = automated.get("s-1", made.decision_id)
    assert (after.status, after.case_id) == ("pending_human", made.case_id)


def test_a_review_that_names_another_owner_is_none(cg: Bureau) -> None:
    """A case opened by hand lets the rule's owner decide: it is no review of the decision."""
    made = cg.cloud.rights.automated.take("s-1", LOGIC, **TAKE)
    case = cg.one("human_review", purpose=made.decision_id, rule_owner="nobody")
    cg.cloud.rights.decide(case.case_id, "granted", by=DESK, reviewer="risk-1")
    assert cg.cloud.rights.automated.get("s-1", made.decision_id).status == "issued"


def test_to_refuse_a_contract_is_of_consequence_and_consent_is_asked(cg: Bureau) -> None:
    """Whatever the caller says of it; and what rests on consent by the policy needs one, of consequence or not."""
    automated = cg.cloud.rights.automated
    small = {**TAKE, "ground": "", "significant": False}
    assert automated.take("s-1", LOGIC, **small).status == "issued"
    with pytest.raises(Denied, match="action_not_permitted"):
        automated.take("s-1", LOGIC, refuses_contract=True, **small)
    ads = Logic("ads-1", "risk-1", ("own_marketing.name",), "Whoever has a name.")
    with pytest.raises(Denied, match="consent_missing"):
        automated.take("s-1", ads, **{**small, "category": "own_marketing", "purpose": "own_marketing"})
    assert len(cg.cloud.records.of("s-1")) == 1


def test_a_decision_cut_short_takes_no_effect(cg: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    """The case for a person cannot be opened: there is no decision of the rule."""
    automated = cg.cloud.rights.automated

    def fails(*_: object, **__: object) -> Case:
        raise LinkError("cut short")

    monkeypatch.setattr(automated, "_pending", fails)
    with pytest.raises(LinkError):
        automated.take("s-1", LOGIC, refuses_contract=True, **TAKE)
    assert automated.of("s-1") == []


def test_what_is_no_decision_is_not_explained(cg: Bureau) -> None:
    """Another record of the same category is refused in the errors of the library."""
    name = cg.cloud.records.put("risk", {"s-1": b"no decision"})
    with pytest.raises(ConfigError, match="no such decision"):
        cg.cloud.rights.automated.explain(name, actor=ME, purpose="credit_check", subject="s-1")


# Letters and copies


def test_a_letter_to_a_stranger_tells_nothing_of_the_person(cg: Bureau) -> None:
    """An erasure that a stranger asks for names nothing of what is kept; the person's own letter does."""
    cg.cloud.records.put("identity", {"s-1": b"s-1"})
    cg.cloud.holds.place("CLAIM-7", by=DPO, review_at=cg.clock.at + 90 * 86_400, subject="s-1", category="identity")
    rights = cg.cloud.rights
    stranger, own = by_letter(cg, "erasure"), cg.one("erasure")
    rights.decide(stranger.case_id, "refused", by=DESK, reviewer=DPO, reason="not_identified")
    rights.decide(own.case_id, "partly", by=DESK, reviewer=DPO, reason="legal_claim")
    rights.carry.erase(own.case_id, by=DESK)
    assert "identity, 1: hold" in rights.letter(own.case_id)
    assert "identity, 1" not in rights.letter(stranger.case_id)


def test_a_letter_says_what_came_of_its_own_case(cg: Bureau, tmp_path: Path) -> None:
    """The copy of somebody else is refused, that of the person is taken."""
    for subject in ("s-1", "s-2"):
        cg.cloud.records.put("identity", {subject: b"a name"})
    case, mine = cg.grant(cg.one("access")), cg.cloud.export(tmp_path / "mine", "s-1", actor=ME)
    you = Actor("s-2", "data_subject", mfa=True)
    theirs = cg.cloud.export(tmp_path / "theirs", "s-2", actor=you)
    assert cg.cloud.rights.letter(case.case_id, mine)
    with pytest.raises(ConfigError, match="another person"):
        cg.cloud.rights.letter(case.case_id, theirs)


def test_whoever_is_identified_is_not_refused_for_that(cg: Bureau) -> None:
    """Nobody knows who wrote the letter, but who is logged in."""
    refused = {"by": DESK, "reviewer": DPO, "reason": "not_identified"}
    stranger, own = by_letter(cg, "access"), cg.one("access")
    assert cg.cloud.rights.decide(stranger.case_id, "refused", **refused).outcome == "refused"
    with pytest.raises(ConfigError, match="identified"):
        cg.cloud.rights.decide(own.case_id, "refused", **refused)


def test_nothing_is_handed_out_by_a_word_spelled_otherwise(cg: Bureau, tmp_path: Path) -> None:
    """What is to be withheld is a category of the policy, and has a law: each left out once, for a copy and a handing over."""
    cg.cloud.records.put("contact", {"s-1": b"s-1"})
    cases = [cg.one(right) for right in ("access", "portability")]
    for case in cases:
        cg.cloud.rights.decide(case.case_id, "partly", by=DESK, reviewer=DPO, reason="rights_of_others")
    carry, sink = cg.cloud.rights.carry, ListSink()
    to = {"receiver": R2, "region": "RO", "sink": sink, "actor": ME}
    for wrong in ({"contakt": "a law"}, {"contact": " "}):
        with pytest.raises(ConfigError):
            carry.copy(cases[0].case_id, tmp_path / "copy", actor=ME, withhold=wrong)
        with pytest.raises(ConfigError):
            carry.hand_over(cases[1].case_id, withhold=wrong, **to)
    assert not (tmp_path / "copy").exists() and not sink.taken
    made = carry.copy(cases[0].case_id, tmp_path / "copy", actor=ME, withhold={"contact": "a law"})
    assert "a law" in [why for _, _, why in made.withheld]
    carry.hand_over(cases[1].case_id, withhold={"contact": "a law"}, **to)
    assert sink.taken and not any(b"contact." in part.body for part in sink.taken if b"manifest" not in part.body)


class Bursting:
    """A receiver with errors of its own."""

    def deliver(self, parcel: Parcel) -> None:
        """Fail, with what it got."""
        raise RuntimeError(parcel.body)


def test_a_receivers_own_error_does_not_leak(bureau: Bureau) -> None:
    """It is a LinkError without a word of the copy; twice, then it is taken, also by who is restricted."""
    bureau.cloud.restrictions.restrict("s-1", "objection", by="s-1")
    case, carry = bureau.grant(bureau.one("portability")), bureau.cloud.rights.carry
    to = {"receiver": R2, "region": "NL", "actor": ME}
    for _ in range(2):
        with pytest.raises(LinkError, match=f"^{R2} did not take it: RuntimeError$"):
            carry.hand_over(case.case_id, sink=Bursting(), **to)
    assert carry.hand_over(case.case_id, sink=ListSink(), **to).parts >= 1
    states = sorted(each.state.value for each in bureau.cloud.database.deliveries("s-1"))
    assert states == ["done", "stopped", "stopped"]


def test_no_part_leaves_once_the_person_is_erased(bureau: Bureau, tmp_path: Path) -> None:
    """Erased with the first part: what lay in the folder is taken back, and nothing comes after it."""
    (tmp_path / "out").mkdir()
    files = bureau.cloud.sinks[R2] = FileSink(tmp_path / "out")
    case = bureau.grant(bureau.one("portability"))

    class Erasing:
        def deliver(self, parcel: Parcel) -> None:
            files.deliver(parcel)
            if len(list((tmp_path / "out").iterdir())) == 1:
                bureau.cloud.erase(subject="s-1")

    with pytest.raises(Denied, match="erased"):
        bureau.cloud.rights.carry.hand_over(case.case_id, receiver=R2, region="NL", sink=Erasing(), actor=ME)
    assert list((tmp_path / "out").iterdir()) == [] and not bureau.logged("export.handed_over")


# Two requests that contradict each other


def test_a_restriction_asked_for_since_keeps_an_erasure_back(bureau: Bureau) -> None:
    """In another message, at the same time or later; not that of a stranger, nor one of before, nor a refused one."""
    carry, rights = bureau.cloud.rights.carry, bureau.cloud.rights
    before = bureau.one("restriction", received_at=bureau.clock.at - 60)
    erasure = bureau.one("erasure")
    by_letter(bureau, "restriction")
    since = bureau.one("restriction")
    bureau.grant(erasure)
    with pytest.raises(ConfigError, match="confirmed"):
        carry.erase(erasure.case_id, by=DPO)
    rights.decide(since.case_id, "refused", by=DESK, reviewer=DPO, reason="unfounded")
    rights.answer(since.case_id, by=DESK, letter=LETTER)
    assert carry.erase(erasure.case_id, by=DPO).whole and before.received_at < erasure.received_at
