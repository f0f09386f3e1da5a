"""The desk: receipt, linked cases, decisions, extensions, answers, evidence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cloud_sync.errors import ConfigError, Denied
from cloud_sync.model import Actor
from cloud_sync.model.rights import Channel, Right
from cloud_sync.service import CloudSync
from tests.unit.cloud_sync.rights.rights_world import (
    DAY,
    DESK,
    DPO,
    LETTER,
    ME,
    T0,
    Bureau,
    another_version,
    at,
    iso_day,
)


@pytest.mark.parametrize("channel", [channel.value for channel in Channel])
def test_the_clock_starts_at_receipt_in_every_channel(bureau: Bureau, channel: str) -> None:
    """Received two days before it was keyed; due a month after receipt, promise and law alike."""
    case = bureau.one("access", channel=channel, received_at=T0 - 2 * DAY)
    assert (case.received_at, case.keyed_at, case.channel) == (T0 - 2 * DAY, T0, channel)
    assert iso_day(case.due_at) == "2026-02-13"
    assert case.due_at == case.promise_at == case.law_at == bureau.one("access", received_at=T0 - 2 * DAY).due_at


def test_the_numbers_of_the_clauses(bureau: Bureau) -> None:
    """15 January: due 15 February, alarm on day 23, target after five working days; 31 January: 28 February."""
    case = bureau.one("access")
    assert [iso_day(moment) for moment in (case.due_at, case.target_at)] == ["2026-02-15", "2026-01-22"]
    assert iso_day(case.alarm_at + DAY) == "2026-02-07"
    bureau.clock.at = at("2026-01-31T09:00")
    assert iso_day(bureau.one("access").due_at) == "2026-02-28"


def test_three_things_in_one_message_are_three_linked_cases(bureau: Bureau) -> None:
    """With one due moment, in the order in which they are carried out; another message is linked with none of them."""
    bureau.one("question")
    opened = bureau.ask("erasure", "rectification", "access")
    assert [case.right for case in opened.cases] == [Right.ACCESS, Right.RECTIFICATION, Right.ERASURE]
    assert len({case.due_at for case in opened.cases}) == len({case.message for case in opened.cases}) == 1
    linked = bureau.cloud.rights.linked(opened.cases[2].case_id)
    assert [case.case_id for case in linked] == [case.case_id for case in opened.cases]


def test_what_does_not_go_together_is_told(bureau: Bureau) -> None:
    """Erase and export; restrict and delete. A copy is made of restricted data too: nothing is told where nothing is to be."""
    assert bureau.ask("access", "rectification").told == ()
    assert "handed out first" in bureau.ask("erasure", "portability").told[0]
    assert "once the person says so" in bureau.ask("erasure", "restriction").told[0]
    assert bureau.ask("access", "objection", "restriction").told == ()


def test_what_a_case_needs_is_said(bureau: Bureau) -> None:
    """A right, each once, a known channel, a receipt that has been, pseudonyms, the rule's owner: nothing is opened."""
    rights = bureau.cloud.rights
    good = {"received_at": T0, "channel": "mail", "by": DESK}
    rights.open("s-1", "access", **good)
    before = len(rights.of())
    for words, change in (
        ((), {}),
        (("access", "access"), {}),
        (("forgiveness",), {}),
        (("access",), {"channel": "pigeon"}),
        (("access",), {"received_at": T0 + 121}),
        (("access",), {"received_at": float("nan")}),
        (("access",), {"by": "Anna Hansen"}),
        (("objection",), {"purpose": "all of it"}),
        (("human_review",), {}),
        (("access",), {"content": bytes(2**20 + 1)}),
    ):
        with pytest.raises(ConfigError):
            rights.open("s-1", *words, **{**good, **change})
    with pytest.raises(ConfigError):
        rights.open("anna@example.org", "access", **good)
    assert len(rights.of()) == before


@pytest.mark.parametrize("outcome", ["refused", "partly"])
def test_a_refusal_has_a_reason_and_somebody_who_stands_for_it(bureau: Bureau, outcome: str) -> None:
    """Each left out once (CG-43); with both it is decided, and names the authority."""
    case, decide = bureau.one("access"), bureau.cloud.rights.decide
    for wrong in ({"reviewer": DPO}, {"reason": "contract"}, {}, {"reviewer": DPO, "reason": "we_would_rather_not"}):
        with pytest.raises(ConfigError):
            decide(case.case_id, outcome, by=DESK, **wrong)
        assert bureau.state(case) == "identified"
    made = decide(case.case_id, outcome, by=DESK, reviewer=DPO, reason="rights_of_others")
    assert (made.outcome, made.reason, made.reviewer, made.authority) == (outcome, "rights_of_others", DPO, "DK")
    assert bureau.logged("case.decided")[-1]["reason"] == "rights_of_others"


def test_what_is_granted_has_no_reason_against_it(bureau: Bureau) -> None:
    """A reason beside a grant is a mistake of one of both."""
    with pytest.raises(ConfigError, match="has no reason"):
        bureau.cloud.rights.decide(bureau.one("access").case_id, "granted", by=DPO, reason="contract")


def test_whoever_answers_for_the_rule_does_not_review_it(bureau: Bureau) -> None:
    """Nor does nobody; somebody else does (CG-54)."""
    case, decide = bureau.one("human_review", rule_owner="risk-1"), bureau.cloud.rights.decide
    for reviewer in ("risk-1", ""):
        with pytest.raises(ConfigError):
            decide(case.case_id, "granted", by=DESK, reviewer=reviewer)
    assert decide(case.case_id, "granted", by=DESK, reviewer=DPO).reviewer == DPO


def test_an_objection_to_marketing_is_final(bureau: Bureau) -> None:
    """It cannot be weighed; one to something else can."""
    decide, refusal = bureau.cloud.rights.decide, {"by": DESK, "reviewer": DPO, "reason": "compelling_grounds"}
    marketing, other = bureau.one("objection", purpose="marketing"), bureau.one("objection", purpose="diagnosis")
    with pytest.raises(ConfigError, match="final"):
        decide(marketing.case_id, "refused", **refusal)
    assert decide(other.case_id, "refused", **refusal).outcome == "refused"
    assert decide(marketing.case_id, "granted", by=DESK).outcome == "granted"


def test_a_case_is_answered_after_its_decision_and_closed_after_its_answer(bureau: Bureau) -> None:
    """No step is left out and none is made twice; an answer is a letter, of which the hash is kept."""
    rights, case = bureau.cloud.rights, bureau.one("question")
    with pytest.raises(ConfigError):
        rights.answer(case.case_id, by=DESK, letter=LETTER)
    with pytest.raises(ConfigError):
        rights.close(case.case_id, by=DESK)
    bureau.grant(case)
    with pytest.raises(ConfigError):
        rights.answer(case.case_id, by=DESK, letter=b"")
    bureau.finish(case)
    for again in (lambda: bureau.finish(case), lambda: bureau.grant(case)):
        with pytest.raises(ConfigError):
            again()
    with pytest.raises(ConfigError, match="no such case"):
        rights.get("0" * 20)


def test_what_was_granted_is_done_before_it_is_answered(bureau: Bureau) -> None:
    """A copy that nobody wrote is no answer."""
    case = bureau.grant(bureau.one("access"))
    with pytest.raises(ConfigError, match="not done yet"):
        bureau.cloud.rights.answer(case.case_id, by=DESK, letter=LETTER)
    assert bureau.state(case) == "decided"


def test_a_closed_case_has_due_date_decision_and_evidence(bureau: Bureau) -> None:
    """Of a hundred, a hundred, none closed after its due moment (CG-33); whoever alters one is found out."""
    rights = bureau.cloud.rights
    for n in range(100):
        case = bureau.one("question", subject=f"p-{n}", login=Actor(f"p-{n}", "data_subject", mfa=True))
        bureau.grant(case)
        bureau.finish(case)
    closed = rights.of()
    assert len(closed) == 100
    for case in closed:
        assert case.due_at > (case.closed_at or case.due_at) and case.outcome and len(case.evidence) == 64
        assert rights.verify(case.case_id)
    bureau.cloud.database.put_case(replace(closed[7], due_at=closed[7].due_at + DAY))
    assert not rights.verify(closed[7].case_id) and rights.verify(closed[8].case_id)


def test_an_extension_is_made_once_within_the_term_with_its_reason(bureau: Bureau) -> None:
    """For all cases of the message (CG-77: two months more); not without a letter, not twice, not late."""
    rights = bureau.cloud.rights
    first, second = bureau.ask("access", "rectification").cases
    for reason, letter in (("busy", LETTER), ("complexity", b"")):
        with pytest.raises(ConfigError, match="has a reason"):
            rights.extend(first.case_id, reason, by=DPO, letter=letter)
    extended = rights.extend(first.case_id, "complexity", by=DPO, letter=LETTER)
    assert [case.case_id for case in extended] == [first.case_id, second.case_id]
    # In April Copenhagen is two hours ahead: midnight after 15 April.
    assert {case.due_at for case in extended} == {at("2026-04-15T22:00")}
    with pytest.raises(ConfigError, match="extended once"):
        rights.extend(second.case_id, "complexity", by=DPO, letter=LETTER)
    late = bureau.one("access")
    bureau.clock.at = late.due_at
    with pytest.raises(ConfigError, match="before it is over"):
        rights.extend(late.case_id, "complexity", by=DPO, letter=LETTER)


def test_where_four_weeks_are_promised_in_any_case_nothing_is_extended(bureau: Bureau) -> None:
    """The policy of ST: due on 12 February, both dates shown, no extension although the policy names one."""
    bureau.cloud.close()
    policy = bureau.directory / "smart.toml"
    text = bureau.config().policy.read_text("utf-8")
    assert 'deadline = "P1M"' in text
    policy.write_text(another_version(text.replace('deadline = "P1M"', 'deadline = "P28D"')), "utf-8")

    config = replace(bureau.config(), policy=policy)
    with CloudSync.open(config, clock=bureau.clock, link=bureau.link) as bureau.cloud:
        case = bureau.one("objection", purpose="diagnosis")
        assert [iso_day(moment) for moment in (case.due_at, case.promise_at, case.law_at)] == [
            "2026-02-12",
            "2026-02-12",
            "2026-02-15",
        ]
        with pytest.raises(ConfigError, match="cannot be extended"):
            bureau.cloud.rights.extend(case.case_id, "complexity", by=DPO, letter=LETTER)


def test_what_was_written_is_read_by_the_person_and_the_privacy_office_alone(bureau: Bureau) -> None:
    """Sealed in the store; each look is logged, and so is each refusal."""
    case = bureau.one("question", content=b"since when do you know where I live?")
    rights = bureau.cloud.rights
    event, written = rights.read(case.case_id, actor=ME)[0]
    assert written == b"since when do you know where I live?"
    assert b"where I live" not in event.sealed and len(event.digest) == 64
    assert rights.read(case.case_id, actor=Actor(DPO, "dpo"))[0][1] == written
    for actor in (Actor("s-1", "data_subject"), Actor("s-2", "data_subject", mfa=True), Actor("c-1", "controller")):
        with pytest.raises(Denied):
            rights.read(case.case_id, actor=actor)
    assert len(bureau.logged("case.read")) == 2 and len(bureau.logged("gate.denied")) == 3


def test_staff_read_a_case_with_a_grant_and_a_second_factor_alone(bureau: Bureau) -> None:
    """The policy lets support read for rights handling: each of both left out once, and of another person nothing."""
    bureau.cloud.close()
    policy = bureau.directory / "helped.toml"
    more = '[[roles.support]]\nactions = ["read"]\npurposes = ["rights_handling"]\n\n# A recipient gets'
    text = bureau.config().policy.read_text("utf-8").replace("# A recipient gets", more, 1)
    policy.write_text(another_version(text), "utf-8")
    config, helper = replace(bureau.config(), policy=policy), Actor("e-1", "support", mfa=True)
    with CloudSync.open(config, clock=bureau.clock, link=bureau.link) as bureau.cloud:
        case, staff = bureau.one("question", content=b"why?"), bureau.cloud.staff
        other = bureau.one("question", subject="s-2", login=None)
        with pytest.raises(Denied):
            bureau.cloud.rights.read(case.case_id, actor=helper)
        staff.open_ticket("K-1", "s-1", by="s-1")
        staff.open(
            helper,
            subject="s-1",
            purposes=["rights_handling"],
            categories=["audit"],
            ticket="K-1",
            by=Actor("e-9", "staff", mfa=True),
        )
        assert bureau.cloud.rights.read(case.case_id, actor=helper)[0][1] == b"why?"
        for actor, which in ((replace(helper, mfa=False), case), (helper, other), (replace(helper, id="e-2"), case)):
            with pytest.raises(Denied):
                bureau.cloud.rights.read(which.case_id, actor=actor)
