"""The gate against an independent oracle: every combination of purpose, category, consent, role, action, age and more.

The oracle below shares nothing with the gate: it reads the TOML file itself, and says yes only where the file does.
"""

from __future__ import annotations

import itertools
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.consent import Coverage
from cloud_sync.gate import Facts, Request, decide
from cloud_sync.model import Action, Actor, Precision, Reason
from cloud_sync.policy import load_policy

DEMO = Path("cloud_sync/policy/profiles/demo.toml")
TEXT = DEMO.read_text(encoding="utf-8")
# A second policy with exact positions, speed, and a position on a contract beside the one on consent.
RICH = (
    (
        TEXT.replace('[location]\nprecision = "cell_100m"', '[location]\nprecision = "exact"')
        .replace('never = ["location.speed", "location.course"]', "never = []")
        .replace(
            '["time", "lat", "lon", "quality"]\npurpose',
            '["time", "lat", "lon", "quality", "speed", "course"]\npurpose',
        )
        .replace('precision = "cell_100m"\nretention', 'precision = "exact"\nretention')
        .replace('purposes = ["marketing"]', 'purposes = ["marketing", "dispatch"]')
    )
    + """
[[rule]]
category = "position"
stream = "location"
sensors = ["gnss"]
fields = ["time", "lat", "lon", "quality"]
purpose = ["dispatch"]
basis = "contract"
precision = "cell_10km"
retention = "P30D"
clock = "captured"
after = "delete"
recipients = []
region = "EEA"
visible_to_user = true
"""
)

NOW = 1_800_000_000.0
DAY = 86_400.0
SUBJECT = "s-1"

PURPOSES = ("", "tracking", "dispatch", "marketing", "diagnosis", "theft_alarm", "rights_handling", "unheard_of")
CATEGORIES = ("position", "environment", "motion", "status", "contact", "audit", "unheard_of")
ROLES = ("data_subject", "other_person", "controller", "support", "staff", "service", "device", "dpo", "intruder")
# state of the consent: (at capture, at use)
CONSENTS = {"given": (True, True), "given later": (False, True), "withdrawn": (True, False), "none": (False, False)}
AGES_D = (0.0, 29.99, 30.0, 89.99, 90.0, 5000.0)
LEVELS = {"exact": 0, "cell_100m": 1, "cell_1km": 2, "cell_10km": 3, "region": 4, "country": 5, "none": 6}


def actor(role: str) -> Actor:
    """An actor; `other_person` is a data subject who asks for somebody else's data."""
    return Actor("s-2", "data_subject") if role == "other_person" else Actor(SUBJECT, role)


class Oracle:
    """What the file permits, read without the product."""

    def __init__(self, text: str) -> None:
        self.raw = tomllib.loads(text)

    def rule(self, category: str, purpose: str) -> dict[str, Any] | None:
        """The rule of a category that lists the purpose."""
        found = [r for r in self.raw["rule"] if r["category"] == category and purpose in r["purpose"]]
        return found[0] if found else None

    def granted(self, role: str, action: str, purpose: str) -> bool:
        """Whether the file lets the role do the action for the purpose."""
        grants = self.raw["roles"].get("data_subject" if role == "other_person" else role, [])
        return role != "other_person" and any(action in g["actions"] and purpose in g["purposes"] for g in grants)

    def old(self, rule: dict[str, Any], age_d: float) -> bool:
        """Whether the term is over; terms that do not run from capture have not begun in these tests."""
        term = rule["retention"]
        days = int(term[1:-1]) if term.endswith("D") else {"P12M": 365, "P3Y": 1096}[term]
        return bool(rule["clock"] == "captured" and age_d >= days)

    def limit(self, rule: dict[str, Any], consented: int) -> int | None:
        """The finest permitted position, None for a category without one."""
        if "lat" not in rule["fields"]:
            return None
        finest = max(LEVELS[rule["precision"]], LEVELS[self.raw["location"]["precision"]])
        return max(finest, consented) if rule["basis"] == "consent" else finest


@pytest.mark.parametrize("text", [TEXT, RICH], ids=["demo", "rich"])
def test_nothing_is_allowed_that_the_policy_does_not_name(tmp_path: Path, text: str) -> None:
    """Over the whole table the gate allows what the oracle does: nothing beyond the file, nothing short of it."""
    path = tmp_path / "policy.toml"
    path.write_text(text)
    policy, oracle = load_policy(path), Oracle(text)
    seen: Counter[Reason] = Counter()
    beyond, short = [], []
    table = itertools.product(PURPOSES, CATEGORIES, CONSENTS.items(), ROLES, Action, AGES_D)
    for purpose, category, (state, (capture, use)), role, action, age_d in table:
        request = Request(
            actor(role), purpose, action, category, SUBJECT, at=NOW, captured_at=NOW - age_d * DAY, recipient=None
        )
        coverage = Coverage(capture and use, use, Precision.CELL_1KM if capture and use else Precision.NONE)
        decision = decide(request, policy, Facts(device_known=True, coverage=coverage, restricted=False, erased=False))
        rule = oracle.rule(category, purpose)
        expected = (
            rule is not None
            and oracle.granted(role, action.value, purpose)
            and not (action in (Action.SENSE, Action.INGEST) and "stream" not in rule)
            and action is not Action.DISCLOSE  # no recipient is named here
            and (rule["basis"] != "consent" or state == "given")
            and not oracle.old(rule, age_d)
        )
        seen[decision.reason] += 1
        assert decision.allow is (decision.reason is Reason.ALLOWED)
        if decision.allow and not expected:
            beyond.append((purpose, category, state, role, action, age_d))
        if expected and not decision.allow:
            short.append((purpose, category, state, role, action, age_d, decision.reason))
        if decision.allow and rule is not None:
            limit = oracle.limit(rule, LEVELS["cell_1km"])
            assert decision.precision == (6 if limit is None else limit)
            assert decision.fields <= set(rule["fields"])
        else:
            assert (decision.precision, decision.fields) == (Precision.NONE, frozenset())
    assert beyond == []
    assert short == []
    # The table is not vacuous: it reaches both answers and every reason that it can.
    assert seen[Reason.ALLOWED] > 50
    assert {
        Reason.CATEGORY_UNKNOWN,
        Reason.PURPOSE_MISSING,
        Reason.PURPOSE_NOT_DECLARED,
        Reason.ACTION_NOT_PERMITTED,
        Reason.ROLE_NOT_PERMITTED,
        Reason.CONSENT_MISSING,
        Reason.CONSENT_NOT_AT_CAPTURE,
        Reason.EXPIRED,
        Reason.RECIPIENT_NOT_LISTED,
    } <= set(seen)


def test_precision_and_fields_over_every_combination(tmp_path: Path) -> None:
    """What is handed out is never finer than policy, consent and request; finer requests and side fields are denied."""
    path = tmp_path / "policy.toml"
    path.write_text(RICH)
    policy, oracle = load_policy(path), Oracle(RICH)
    fields = (frozenset(), frozenset({"lat", "lon"}), frozenset({"time", "speed"}))
    wants = (None, *Precision)
    for purpose, consented, wanted, asked in itertools.product(("tracking", "dispatch"), Precision, wants, fields):
        role = "controller" if purpose == "tracking" else "staff"
        request = Request(
            actor(role), purpose, Action.READ, "position", SUBJECT, NOW, NOW, precision=wanted, fields=asked
        )
        facts = Facts(device_known=True, coverage=Coverage(True, True, consented), restricted=False, erased=False)
        decision = decide(request, policy, facts)
        rule = oracle.rule("position", purpose)
        assert rule is not None
        limit = oracle.limit(rule, int(consented))
        assert limit is not None
        given = limit if wanted is None else max(limit, int(wanted))
        coarse_speed = "speed" in asked and given > 0
        allowed = (
            limit < 6 and (wanted is None or wanted >= limit) and asked <= set(rule["fields"]) and not coarse_speed
        )
        assert decision.allow is allowed, (purpose, consented, wanted, asked, decision)
        if allowed:
            assert decision.precision == given
            assert decision.fields == (asked or set(rule["fields"])) - ({"speed", "course"} if given else set())


def base(**changed: Any) -> Request:
    """An allowed disclosure with single parts changed."""
    allowed = {
        "actor": Actor(SUBJECT, "controller"),
        "purpose": "tracking",
        "action": Action.DISCLOSE,
        "category": "position",
        "subject": SUBJECT,
        "at": NOW,
        "captured_at": NOW,
        "fields": frozenset({"time", "lat", "lon"}),
        "recipient": "roadside_assistance",
    }
    return Request(**{**allowed, **changed})


# One change of an allowed disclosure each: (changed request, changed facts) -> reason, in the order of the checks.
DENIALS: list[tuple[dict[str, Any], dict[str, Any], Reason]] = [
    ({}, {"device_known": False}, Reason.DEVICE_UNKNOWN),
    ({"category": "diary"}, {}, Reason.CATEGORY_UNKNOWN),
    ({"fields": frozenset({"altitude"})}, {}, Reason.CATEGORY_UNKNOWN),
    ({"purpose": ""}, {}, Reason.PURPOSE_MISSING),
    ({"purpose": "marketing"}, {}, Reason.PURPOSE_NOT_DECLARED),
    ({"action": Action.STATISTICS}, {}, Reason.ACTION_NOT_PERMITTED),
    ({"actor": Actor(SUBJECT, "support")}, {}, Reason.ROLE_NOT_PERMITTED),
    ({}, {"coverage": Coverage(True, False, Precision.EXACT)}, Reason.CONSENT_MISSING),
    ({}, {"coverage": Coverage(False, True, Precision.EXACT)}, Reason.CONSENT_NOT_AT_CAPTURE),
    ({"precision": Precision.EXACT}, {}, Reason.PRECISION_TOO_FINE),
    ({}, {"restricted": True}, Reason.RESTRICTED),
    ({"captured_at": NOW - 90 * DAY}, {}, Reason.EXPIRED),
    ({}, {"erased": True}, Reason.ERASED),
    ({"recipient": None}, {}, Reason.RECIPIENT_NOT_LISTED),
    ({"recipient": "broker"}, {}, Reason.RECIPIENT_NOT_LISTED),
    ({"fields": frozenset({"quality"})}, {}, Reason.RECIPIENT_NOT_LISTED),
    ({"fields": frozenset()}, {}, Reason.RECIPIENT_NOT_LISTED),  # all fields are more than the recipient's
]


def facts(**changed: Any) -> Facts:
    """Facts under which the disclosure is allowed, with single parts changed."""
    allowed = {
        "device_known": True,
        "coverage": Coverage(True, True, Precision.CELL_100M),
        "restricted": False,
        "erased": False,
    }
    return Facts(**{**allowed, **changed})


@pytest.mark.parametrize(("request_change", "fact_change", "reason"), DENIALS, ids=lambda value: str(value)[:40])
def test_each_change_of_an_allowed_disclosure_has_its_reason(
    request_change: dict[str, Any], fact_change: dict[str, Any], reason: Reason
) -> None:
    """One thing changed, one reason; the unchanged disclosure is allowed."""
    policy = load_policy(DEMO)
    assert decide(base(), policy, facts()).reason is Reason.ALLOWED
    decision = decide(base(**request_change), policy, facts(**fact_change))
    assert (decision.allow, decision.reason) == (False, reason)
    assert decision.explanation


def test_the_first_check_that_fails_is_the_reason() -> None:
    """Two things wrong at once: the reason that stands earlier in the closed list is given."""
    policy = load_policy(DEMO)
    order = list(Reason)
    for (first, fact, reason), (second, other, later) in itertools.combinations(DENIALS, 2):
        if first.keys() & second.keys() or fact.keys() & other.keys():
            continue
        decision = decide(base(**first, **second), policy, facts(**fact, **other))
        # An earlier change may make a later one moot (another category has other recipients), never the reverse.
        assert order.index(decision.reason) <= order.index(min(reason, later, key=order.index))


def test_facts_deny_by_default() -> None:
    """Whoever forgets to collect a fact gets a denial."""
    policy = load_policy(DEMO)
    assert decide(base(), policy, Facts()).reason is Reason.DEVICE_UNKNOWN
    assert decide(base(), policy, Facts(device_known=True)).reason is Reason.CONSENT_MISSING
    known = Facts(device_known=True, coverage=Coverage(True, True, Precision.EXACT))
    assert decide(base(), policy, known).reason is Reason.RESTRICTED


def test_a_clock_that_has_not_started_lets_nothing_expire() -> None:
    """A term that counts from an event begins with the event, and ends then."""
    policy = load_policy(DEMO)
    request = Request(Actor("d-1", "dpo"), "rights_handling", Action.READ, "audit", SUBJECT, NOW, NOW - 5000 * DAY)
    plain = Facts(device_known=True, restricted=False, erased=False)
    assert decide(request, policy, plain)
    started = Facts(device_known=True, restricted=False, erased=False, clock_started_at=NOW - 5000 * DAY)
    assert decide(request, policy, started).reason is Reason.EXPIRED
