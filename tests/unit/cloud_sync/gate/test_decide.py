"""`decide`, one change at a time: each denial has its reason, the first check that fails is the reason, facts deny by default."""

from __future__ import annotations

import itertools
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.consent import Coverage
from cloud_sync.gate import Decision, Facts, MailClass, Request, StaffGrant, decide
from cloud_sync.gate.book import MOST_ANSWERS, MOST_BOOKS, book_of
from cloud_sync.gate.mail import class_of_content, class_of_purpose
from cloud_sync.model import Action, Actor, Precision, Reason, Sensor
from cloud_sync.policy import Policy, load_policy
from tests.properties.gate_policies import SYNTHETIC

NOW = 1_800_000_000.0
DAY = 86_400.0
SUBJECT = "s-1"
GRANT = StaffGrant(
    "g-1",
    "e-1",
    "support",
    SUBJECT,
    frozenset({"remote_help"}),
    frozenset({"device_storage"}),
    "K-1",
    "e-9",
    NOW - 60,
    NOW + 60,
)


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    """The synthetic policy."""
    path = tmp_path_factory.mktemp("policy") / "policy.toml"
    path.write_text(SYNTHETIC)
    return load_policy(path)


def disclosure(**changed: Any) -> Request:
    """An allowed disclosure to an authority, with single parts changed."""
    allowed = {
        "actor": Actor("c-1", "controller"),
        "purpose": "legal_reporting",
        "action": Action.DISCLOSE,
        "category": "position",
        "subject": SUBJECT,
        "at": NOW,
        "captured_at": NOW,
        "recipient": "police",
        "reference": "order-7",
    }
    return Request(**{**allowed, **changed})


def terminal(**changed: Any) -> Request:
    """An allowed look into a device by the support, with single parts changed."""
    allowed = {
        "actor": Actor("e-1", "support", mfa=True),
        "purpose": "remote_help",
        "action": Action.TERMINAL,
        "category": "device_storage",
        "subject": SUBJECT,
        "at": NOW,
        "captured_at": NOW,
    }
    return Request(**{**allowed, **changed})


def facts(**changed: Any) -> Facts:
    """Facts under which everything here is allowed, with single parts changed."""
    allowed = {
        "device_known": True,
        "coverage": Coverage(True, True, Precision.EXACT),
        "restricted": False,
        "erased": False,
        "contract_ended": False,
        "child": False,
        "grant": GRANT,
        "related": True,
        "approvals": frozenset({"d-1", "d-2"}),
        "mails": 0,
    }
    return Facts(**{**allowed, **changed})


Change = dict[str, Any]
DISCLOSURES: list[tuple[Change, Change, Reason]] = [
    ({}, {"device_known": False}, Reason.DEVICE_UNKNOWN),
    ({"category": "diary"}, {}, Reason.CATEGORY_UNKNOWN),
    ({"fields": frozenset({"altitude"})}, {}, Reason.CATEGORY_UNKNOWN),
    ({"purpose": ""}, {}, Reason.PURPOSE_MISSING),
    ({"purpose": "marketing"}, {}, Reason.PURPOSE_NOT_DECLARED),
    ({"fields": frozenset({"speed"})}, {}, Reason.PURPOSE_NOT_DECLARED),
    ({"action": Action.STATISTICS}, {}, Reason.ACTION_NOT_PERMITTED),
    ({"sensors": Sensor.LIGHT}, {}, Reason.ACTION_NOT_PERMITTED),
    ({"actor": Actor("c-1", "support", True)}, {}, Reason.ROLE_NOT_PERMITTED),
    ({}, {"restricted": True}, Reason.RESTRICTED),
    ({"captured_at": NOW - 30 * DAY}, {}, Reason.EXPIRED),
    ({}, {"erased": True}, Reason.ERASED),
    ({"recipient": None}, {}, Reason.RECIPIENT_NOT_LISTED),
    ({"recipient": "carrier"}, {}, Reason.RECIPIENT_NOT_LISTED),
    ({"reference": ""}, {}, Reason.LEGAL_REF_MISSING),
    ({}, {"approvals": frozenset({"d-1"})}, Reason.APPROVALS_MISSING),
    ({}, {"approvals": frozenset({"d-1", "c-1"})}, Reason.APPROVALS_MISSING),
]
TERMINALS: list[tuple[Change, Change, Reason]] = [
    ({"purpose": "diagnosis", "category": "status"}, {}, Reason.ACTION_NOT_PERMITTED),
    ({}, {"coverage": Coverage(False, False, Precision.NONE)}, Reason.CONSENT_MISSING),
    ({}, {"coverage": Coverage(False, True, Precision.NONE)}, Reason.CONSENT_NOT_AT_CAPTURE),
    ({}, {"grant": None}, Reason.TICKET_MISSING),
    ({}, {"grant": replace(GRANT, staff="e-2")}, Reason.TICKET_MISSING),
    ({}, {"grant": replace(GRANT, role="staff")}, Reason.TICKET_MISSING),
    ({}, {"grant": replace(GRANT, subject="s-2")}, Reason.TICKET_MISSING),
    ({}, {"grant": replace(GRANT, purposes=frozenset())}, Reason.TICKET_MISSING),
    ({}, {"grant": replace(GRANT, categories=frozenset())}, Reason.TICKET_MISSING),
    ({}, {"grant": replace(GRANT, ticket="")}, Reason.TICKET_MISSING),
    ({}, {"grant": replace(GRANT, ends_at=NOW)}, Reason.GRANT_EXPIRED),
    ({}, {"grant": replace(GRANT, opened_at=NOW + 1)}, Reason.GRANT_EXPIRED),
    ({}, {"grant": replace(GRANT, opened_at=NOW - 3600)}, Reason.GRANT_EXPIRED),
    ({"actor": Actor("e-1", "support")}, {}, Reason.MFA_MISSING),
]


@pytest.mark.parametrize(("request_change", "fact_change", "reason"), DISCLOSURES, ids=lambda value: str(value)[:40])
def test_each_change_of_an_allowed_disclosure_has_its_reason(
    policy: Policy, request_change: Change, fact_change: Change, reason: Reason
) -> None:
    """One thing changed, one reason; the unchanged disclosure is allowed."""
    assert decide(disclosure(), policy, facts()).reason is Reason.ALLOWED
    decision = decide(disclosure(**request_change), policy, facts(**fact_change))
    assert (decision.allow, decision.reason, decision.fields) == (False, reason, frozenset())
    assert decision.explanation


@pytest.mark.parametrize(("request_change", "fact_change", "reason"), TERMINALS, ids=lambda value: str(value)[:40])
def test_each_change_of_an_allowed_look_into_a_device_has_its_reason(
    policy: Policy, request_change: Change, fact_change: Change, reason: Reason
) -> None:
    """The staff's: consent, grant and second factor, each alone."""
    assert decide(terminal(), policy, facts()).reason is Reason.ALLOWED
    decision = decide(terminal(**request_change), policy, facts(**fact_change))
    assert (decision.allow, decision.reason) == (False, reason)


@pytest.mark.parametrize(("base", "denials"), [(disclosure, DISCLOSURES), (terminal, TERMINALS)])
def test_the_first_check_that_fails_is_the_reason(policy: Policy, base: Any, denials: list[Any]) -> None:
    """Two things wrong at once: the reason that stands earlier in the closed list is given."""
    order = list(Reason)
    for (first, fact, reason), (second, other, later) in itertools.combinations(denials, 2):
        if first.keys() & second.keys() or fact.keys() & other.keys():
            continue
        decision = decide(base(**first, **second), policy, facts(**fact, **other))
        # An earlier change may make a later one moot (another category has other recipients), never the reverse.
        assert order.index(decision.reason) <= order.index(min(reason, later, key=order.index))
        assert not decision


def test_facts_deny_by_default(policy: Policy) -> None:
    """Whoever forgets to collect a fact gets a denial: without any, and without each that the request needs."""
    assert decide(disclosure(), policy, Facts()).reason is Reason.DEVICE_UNKNOWN
    defaults = {field.name: field.default for field in fields(Facts)}
    for name in ("device_known", "restricted", "erased", "approvals"):
        assert not decide(disclosure(), policy, facts(**{name: defaults[name]})), name
    for name in ("device_known", "coverage", "restricted", "erased", "grant"):
        assert not decide(terminal(), policy, facts(**{name: defaults[name]})), name
    own = disclosure(actor=Actor(SUBJECT, "data_subject"), action=Action.READ, recipient=None, reference="")
    assert decide(own, policy, facts()).precision is Precision.EXACT
    assert decide(own, policy, facts(child=defaults["child"])).precision is Precision.CELL_1KM


def test_a_clock_that_has_not_started_lets_nothing_expire(policy: Policy) -> None:
    """A term that counts from an event begins with the event, and ends then."""
    request = Request(Actor("d-1", "dpo"), "rights_handling", Action.READ, "audit", SUBJECT, NOW, NOW - 5000 * DAY)
    assert decide(request, policy, facts())
    assert decide(request, policy, facts(clock_started_at=NOW - 5000 * DAY)).reason is Reason.EXPIRED


def test_a_position_gets_coarser_with_its_age(policy: Policy) -> None:
    """At the end of the first term its step begins; a finer one that is asked for is denied then; after the last it is over."""
    me = Actor(SUBJECT, "data_subject")
    request = disclosure(actor=me, purpose="tracking", action=Action.READ, recipient=None, reference="")

    def at(age_s: float, **more: Any) -> Decision:
        return decide(replace(request, captured_at=NOW - age_s, **more), policy, facts())

    assert at(30 * DAY - 1).precision is Precision.CELL_100M
    assert at(30 * DAY).precision is Precision.CELL_10KM
    assert at(30 * DAY, precision=Precision.CELL_100M).reason is Reason.PRECISION_TOO_FINE
    assert at(90 * DAY - 1).precision is Precision.CELL_10KM
    assert at(90 * DAY).reason is Reason.EXPIRED


def test_the_class_of_a_message_follows_from_its_strictest_part() -> None:
    """Whatever else is in it; without parts it has none, and a purpose that no list names is service."""
    assert class_of_content([MailClass.SAFETY]) is MailClass.SAFETY
    assert class_of_content([MailClass.SAFETY, MailClass.SERVICE]) is MailClass.SERVICE
    assert class_of_content(list(MailClass)) is MailClass.PARTNER_MARKETING
    assert class_of_content([]) is None
    assert class_of_purpose("safety_notice") is MailClass.SAFETY
    assert class_of_purpose("newsletter") is MailClass.MARKETING
    assert class_of_purpose("something") is MailClass.SERVICE


def test_what_is_kept_of_policies_and_answers_is_bounded_and_never_mixed_up(policy: Policy) -> None:
    """Another policy has another book, also after many; a thousand sets of fields leave at most so many answers."""
    closed = [replace(policy, grants=frozenset()) for _ in range(3 * MOST_BOOKS)]
    assert {decide(disclosure(), each, facts()).reason for each in closed} == {Reason.ACTION_NOT_PERMITTED}
    assert decide(disclosure(), policy, facts())
    assert book_of(policy) is book_of(policy)
    names = list(policy.rules_of("status")[0].fields)
    request = disclosure(
        actor=Actor(SUBJECT, "data_subject"), purpose="diagnosis", category="status", action=Action.READ, recipient=None
    )
    for chosen in itertools.islice(itertools.combinations(names, 4), 1000):
        assert decide(replace(request, fields=frozenset(chosen)), policy, facts()).fields == set(chosen)
    assert len(book_of(policy).lines["status", "diagnosis"].answers) == MOST_ANSWERS
    demo = load_policy(Path("cloud_sync/policy/profiles/demo.toml"))
    assert decide(disclosure(), demo, facts()).reason is Reason.PURPOSE_NOT_DECLARED
