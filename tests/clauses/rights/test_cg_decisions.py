"""Decisions of rules, days that count, and requests under the policy of CG."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from whenever import Date

from cloud_sync.errors import ConfigError
from cloud_sync.policy import Clock
from cloud_sync.rights.automated import Logic
from cloud_sync.rights.deadlines import working_days
from tests.clauses.clause import clause
from tests.clauses.made import CLERK, DPO, SOON, U1, Made, World, at
from tests.clauses.rights.rights_world import DESK, LETTER, attempt, copy, due, finish, grant, granted, one, put, rows

OWNER: Final = "risk-1"
SCORE: Final = Logic("score-7", OWNER, ("risk.score", "risk.case"), "A score below 40, or an open case, refuses.")
#: A directory of subscribers, which the profile has off, with a register that may be told.
DIRECTORY: Final = (
    (
        'first_day = "next_working_day"\nenabled = false',
        'first_day = "next_working_day"\nenabled = true\nlegal_ref = "RO Law 506/2004"',
    ),
    ("entered = [", 'entered = [\n  "directory",'),
    (
        "[[roles.dpo]]",
        '[[roles.controller]]\nactions = ["read", "disclose"]\npurposes = ["directory"]\n\n'
        '[[roles.data_subject]]\nactions = ["read", "export"]\npurposes = ["directory"]\n\n[[roles.dpo]]',
    ),
    (
        "[[rule]]\n",
        """[[recipient]]
id = "phone_book"
kind = "independent_controller"
region = "EEA"
fields = ["directory.name"]

[[rule]]
category = "directory"
fields = ["name"]
purpose = ["directory"]
basis = "legal_obligation"
legal_ref = "RO Law 506/2004"
retention = "P3M"
clock = "relation.ended"
after = "delete"
recipients = ["phone_book"]
region = "EEA"
visible_to_user = true

[[rule]]
""",
    ),
)


def take(world: World, purpose: str, **more: Any) -> Any:
    """A rule's decision about U1, on the contract's ground."""
    said = {"category": "risk", "outcome": "refused", "ground": "contract", "reference": "C-1", **more}
    return world.cloud.rights.automated.take("u-1", said.pop("logic", SCORE), purpose=purpose, **said)


@clause("CG-22", engine="rights.automated")
def test_cg_22(made: Made) -> None:
    """A rule refuses an offer: with its id, the end of a review's link, decided_by=rule, and one entry; not without a ground."""
    world = made.world("cg")
    found = take(world, "eligibility")
    assert (found.logic_id, found.decided_by, found.status) == ("score-7", "rule", "issued")
    assert found.review == f"review/{found.decision_id}"
    [case] = world.cloud.rights.automated.review(
        found.decision_id, "u-1", received_at=world.now, channel="portal", by="u-1", login=U1
    ).cases
    assert (case.right, case.rule_owner) == ("human_review", OWNER)
    assert [entry["control"] for entry in world.logged("decision.made")] == ["score-7"]
    with world.denies("action_not_permitted"):
        take(world, "eligibility", ground="")


@clause("CG-27", engine="rights.automated")
def test_cg_27(made: Made) -> None:
    """A score that refuses a contract waits for a person, who decides within five working days, and not the rule's owner."""
    world = made.world("cg")
    found = take(world, "credit_check", refuses_contract=True)
    assert found.status == "pending_human"
    case = world.cloud.rights.get(found.case_id)
    assert due(world, case) == "2026-01-22"
    with pytest.raises(ConfigError, match="answers for the rule"):
        world.cloud.rights.decide(case.case_id, "granted", by=DESK, reviewer=OWNER)
    grant(world, case)
    after = world.cloud.rights.automated.get("u-1", found.decision_id)
    assert (after.status, after.decided_by, after.reviewer) == ("reviewed", "human", DPO.id)


@clause("CG-29", engine="rights.automated")
def test_cg_29(made: Made) -> None:
    """The copy holds the one fraud profile with its rule's id; with a position as an input there is none, and nothing is stored."""
    world = made.world("cg")
    take(world, "fraud_prevention", significant=False, outcome="suspected")
    sensed = Logic("fraud-2", OWNER, ("risk.score", "exact_location.lat"), "Where somebody drives.")
    before = len(world.cloud.records.of("u-1"))
    with world.denies("purpose_not_declared"):
        take(world, "fraud_prevention", significant=False, logic=sensed)
    assert len(world.cloud.records.of("u-1")) == before == 1
    world.later(seconds=SOON)
    profiles = rows(copy(world), "risk.fraud_prevention.json")
    assert [json.loads(profile["text"])["logic_id"] for profile in profiles] == ["score-7"]


@clause("CG-51", engine="rights.automated")
def test_cg_51(made: Made) -> None:
    """A decision of consequence on none of the four grounds is denied, each of the four passes with a reference and not without."""
    world = made.world("cg")
    with world.denies("action_not_permitted", times=2):
        assert [attempt(lambda g=ground: take(world, "eligibility", ground=g)) for ground in ("", "interest")] == [
            "action_not_permitted"
        ] * 2
    told = Logic("ads-1", OWNER, ("own_marketing.name",), "Whoever has a name.")
    for ground, purpose, more in (
        ("contract", "eligibility", {}),
        ("fraud_prevention", "fraud_prevention", {}),
        ("law", "credit_check", {}),
        ("consent", "own_marketing", {"category": "own_marketing", "logic": told}),
    ):
        if ground == "consent":
            with world.denies("consent_missing"):
                take(world, purpose, ground=ground, **more)
            world.yes("u-1", purpose)
        with world.denies("action_not_permitted"):
            take(world, purpose, ground=ground, reference="", **more)
        assert take(world, purpose, ground=ground, **more).status == "issued"


@clause("CG-53", engine="rights.automated", left_out="the portal's page")
def test_cg_53(made: Made) -> None:
    """Asked why, a text names the inputs, the weightiest first, and the outcome, at once and so before 2026-02-15."""
    world = made.world("cg")
    found = take(world, "eligibility")
    case = granted(world, "access")
    assert due(world, case) == "2026-02-15"
    text = world.cloud.rights.automated.explain(found.decision_id, actor=U1, purpose="eligibility", subject="u-1")
    assert "1. risk.score" in text and text.index("1. risk.score") < text.index("2. risk.case")
    assert "refused" in text and SCORE.text in text


@clause("CG-54", engine="rights.automated", left_out="the portal's page")
def test_cg_54(made: Made) -> None:
    """Asked for at T0 a person decides, due on 2026-02-15, who does not answer for the rule."""
    world = made.world("cg")
    rights, found = world.cloud.rights, take(world, "eligibility")
    [case] = rights.automated.review(
        found.decision_id, "u-1", received_at=world.now, channel="portal", by="u-1", login=U1
    ).cases
    assert due(world, case) == "2026-02-15"
    with pytest.raises(ConfigError, match="answers for the rule"):
        rights.decide(case.case_id, "refused", by=DESK, reviewer=OWNER, reason="data_is_right")
    grant(world, case)
    after = rights.automated.get("u-1", found.decision_id)
    assert (after.decided_by, after.reviewer != after.owner) == ("human", True)


@clause("CG-65", engine="rights.directory")
def test_cg_65(made: Made) -> None:
    """A contract of Monday 5 January: 9 March without holidays, 11 March with those of Romania; before that no entry leaves."""
    assert working_days(Date(2026, 1, 5), 45) == Date(2026, 3, 9)
    world = made.world("cg", *DIRECTORY, start=at("2026-01-05T10:00"))
    directory = world.cloud.rights.directory
    assert directory.last_day(world.now) == Date(2026, 3, 11)
    world.tracker()
    world.cloud.records.note(Clock.CONTRACT_CONCLUDED, subject="u-1")
    entry = put(world, "directory", b"U1")

    def leave() -> object:
        asked = {"actor": CLERK, "purpose": "directory", "subject": "u-1", "recipient": "phone_book"}
        return world.cloud.records.read(entry, **asked)

    assert attempt(leave) == "restricted"
    world.clock.at = at("2026-03-11T21:00")  # an hour before that day is over in Bucharest
    assert attempt(leave) == "restricted"
    world.later(hours=2)
    assert attempt(leave) == ""
    one(world, "objection", purpose="directory")
    assert attempt(leave) == "restricted"


@clause("CG-76", engine="erasure", left_out="the portal's form")
def test_cg_76(made: Made) -> None:
    """An applicant asks to be forgotten at T0: one sweep after the decision nothing is there, long before 2029-01-15."""
    world = made.world("cg")
    put(world, "applicant", b"a letter", subject="a-1")
    world.cloud.records.note(Clock.APPLICATION_SUBMITTED, subject="a-1")
    [kept] = world.cloud.records.of("a-1")
    assert kept.due == at("2029-01-15T12:00")
    case = granted(world, "erasure", subject="a-1")
    world.cloud.rights.carry.erase(case.case_id, by=DESK)
    world.sweep()
    assert world.cloud.records.of("a-1") == [] and finish(world, case).state == "closed"


@clause("CG-77", engine="rights.deadlines", left_out="the portal's page of choices")
def test_cg_77(made: Made) -> None:
    """Ten messages at T0: by the end of 2026-02-15 nine are answered, and one has a reasoned extension by two months, once."""
    world = made.world("cg")
    rights = world.cloud.rights
    cases = [one(world, "question", subject=f"p-{n}") for n in range(10)]
    world.clock.at = at("2026-02-15T21:00")
    extended = rights.extend(cases[0].case_id, "complexity", by=DESK, letter=LETTER)
    for case in cases[1:]:
        finish(world, grant(world, case))
    assert all(
        case.answered_at is not None and case.answered_at < case.due_at for case in rights.of() if not case.pending
    )
    assert [due(world, case) for case in extended] == ["2026-04-15"]
    late = one(world, "question", subject="p-0", received_at=at("2026-01-15T12:00"))
    world.clock.at = at("2026-02-15T22:00")  # that day is over in Bucharest
    rights.alarm()
    assert [entry["record"] for entry in world.logged("case.late")] == [late.case_id]
    with pytest.raises(ConfigError, match="once"):
        rights.extend(cases[0].case_id, "complexity", by=DESK, letter=LETTER)
    with pytest.raises(ConfigError, match="before it is over"):
        rights.extend(late.case_id, "complexity", by=DESK, letter=LETTER)
