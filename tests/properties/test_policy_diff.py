"""The difference of two policies against the gate: something widens exactly when some decision becomes allow, finer or fuller.

Random edits of a policy that has every kind of rule. Both policies are asked the same questions; what the difference tells of a
device's settings, of regions, deadlines and clocks is not the gate's to answer and is left out.
"""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_sync.consent import NOT_COVERED, Coverage
from cloud_sync.gate import Decision, Facts, Request, decide
from cloud_sync.gate.mail import class_of_purpose
from cloud_sync.model import Action, Actor, Precision, Sensor
from cloud_sync.model.access import StaffGrant
from cloud_sync.policy import Policy
from cloud_sync.policy.compare import Aspect
from cloud_sync.policy.compiling import compile_policy
from cloud_sync.policy.diff import excesses
from cloud_sync.policy.schema import PolicyFile
from tests.unit.cloud_sync.policy.policy_world import rich

RAW = tomllib.loads(rich())
RAW["roles"]["data_subject"][0]["purposes"].append("invoicing")  # no edit takes a person's own reading away
#: What a decision of the gate depends on.
GATED = {
    *(Aspect.PURPOSE, Aspect.BASIS, Aspect.FIELD, Aspect.SENSOR, Aspect.PRECISION),
    *(Aspect.RETENTION, Aspect.RECIPIENT, Aspect.ROLE, Aspect.STATISTICS),
}
#: Of the whole file, not of a rule: told by the difference, asked by nobody here.
UNGATED_KEYS = {"retention.total_cap", "retention.sweep", "backup.horizon"}
DAY_S = 86_400.0
#: Three months from the one are 89 days, from the other 92.
STARTS = tuple(
    datetime.fromisoformat(f"{day}T00:00:00+00:00").astimezone(UTC).timestamp() for day in ("2026-01-31", "2026-06-30")
)
AGES_D = (0.0, 29.5, 30.5, 59.5, 60.5, 89.5, 91.0, 180.5, 185.5, 364.5, 366.5, 800.0)
TERMS = ("P30D", "P60D", "P90D", "P3M", "P12M")
ROLES = ("data_subject", "controller", "staff", "support", "dpo", "device", "service")
BASES = ("consent", "contract", "legitimate_interest")
PRECISIONS = ("cell_100m", "cell_1km", "cell_10km", "region")
EVERYONE = Coverage(at_capture=True, at_use=True, precision=Precision.EXACT)

Raw = dict[str, Any]
Who = tuple[str, Action, str, str]  # role, action, purpose, category


def compiled(raw: Raw) -> Policy:
    """The policy of a file that passed the models; the lint is not asked."""
    return compile_policy(PolicyFile.model_validate(raw), "0" * 64)


# Edits: each changes a copy of the file in one place, chosen by a number.


def _rules(raw: Raw) -> list[Raw]:
    return list(raw["rule"])


def _term(raw: Raw, n: int) -> None:
    rule = _rules(raw)[n % len(raw["rule"])]
    if not rule.get("step"):
        rule["retention"] = TERMS[n // 16 % len(TERMS)]


def _basis(raw: Raw, n: int) -> None:
    _rules(raw)[n % 3]["basis"] = BASES[n // 16 % len(BASES)]


def _precision(raw: Raw, n: int) -> None:
    rule = [each for each in _rules(raw) if "lat" in each["fields"]][n % 3]
    if not rule.get("step"):
        rule["precision"] = PRECISIONS[n // 16 % len(PRECISIONS)]


def _cap(raw: Raw, n: int) -> None:
    raw["location"]["precision"] = PRECISIONS[n // 16 % 3]


def _steps(raw: Raw, n: int) -> None:
    """Another list of steps for the rule that has some, or none."""
    rule = _rules(raw)[7]
    lists = ([], [("cell_10km", "P90D")], [("cell_10km", "P12M")], [("cell_10km", "P6M"), ("region", "P12M")])
    rule["step"] = [{"precision": cell, "retention": term} for cell, term in lists[n // 16 % len(lists)]]


def _field(raw: Raw, n: int) -> None:
    """A field that is no position leaves a rule, or comes back."""
    rule = _rules(raw)[n % len(raw["rule"])]
    fields = [field for field in RAW["rule"][n % len(raw["rule"])]["fields"] if field not in ("lat", "lon")]
    _toggle(rule["fields"], fields[n // 16 % len(fields)], least=1)


def _sensor(raw: Raw, n: int) -> None:
    _toggle(_rules(raw)[1]["sensors"], ("temperature", "light")[n // 16 % 2], least=0)


def _toggle(words: list[str], word: str, *, least: int) -> None:
    if word not in words:
        words.append(word)
    elif len(words) > least:
        words.remove(word)


def _purpose(raw: Raw, n: int) -> None:
    """A category comes under another purpose, or leaves it; a pair is never declared twice."""
    every = sorted({purpose for rule in RAW["rule"] for purpose in rule["purpose"]})
    rule, purpose = _rules(raw)[n % len(raw["rule"])], every[n // 16 % len(every)]
    twice = any(
        each is not rule and each["category"] == rule["category"] and purpose in each["purpose"] for each in _rules(raw)
    )
    if not twice:
        _toggle(rule["purpose"], purpose, least=1)


def _grant(raw: Raw, n: int) -> None:
    """A role may do something, or may no more; a person's own reading is left as it is."""
    role = ROLES[1 + n % (len(ROLES) - 1)]
    every = sorted({purpose for rule in RAW["rule"] for purpose in rule["purpose"]})
    action, purpose = list(Action)[n // 8 % len(Action)].value, every[n // 64 % len(every)]
    entries = raw["roles"].setdefault(role, [])
    mine = [entry for entry in entries if action in entry["actions"] and purpose in entry["purposes"]]
    if not mine:
        entries.append({"actions": [action], "purposes": [purpose]})
    for entry in mine:
        entries.remove(entry)
    if not entries:
        del raw["roles"][role]


def _staff(raw: Raw, n: int) -> None:
    _toggle(raw["access"]["roles"], ("staff", "support")[n // 16 % 2], least=0)


def _recipient(raw: Raw, n: int) -> None:
    """A recipient gets a field more or less, is switched, or is named by a rule more or less."""
    entry = raw["recipient"][n % len(raw["recipient"])]
    if n // 16 % 3 == 0:
        entry["enabled"] = not entry.get("enabled", True)
    elif n // 16 % 3 == 1:
        naming = [rule for rule in RAW["rule"] if entry["id"] in rule["recipients"]]
        known = [f"{rule['category']}.{field}" for rule in naming for field in rule["fields"]]
        _toggle(entry["fields"], known[n // 48 % len(known)], least=0)
    else:
        rule = _rules(raw)[n // 48 % len(raw["rule"])]
        _toggle(rule["recipients"], entry["id"], least=0)


def _inputs(raw: Raw, n: int) -> None:
    known = [f"{rule['category']}.{field}" for rule in RAW["rule"] for field in rule["fields"]]
    _toggle(raw["stats"]["inputs"], known[n // 16 % len(known)], least=1)


EDITS = (_term, _basis, _precision, _cap, _steps, _field, _sensor, _purpose, _grant, _staff, _recipient, _inputs)


NUMBERS = st.integers(0, 2**16)

# Questions to the gate.


def facts(request: Request, coverage: Coverage) -> Facts:
    """Everything else speaks for the request: a grant, a relation, approvals, no restriction, no child."""
    return Facts(
        device_known=True,
        coverage=coverage,
        restricted=False,
        erased=False,
        clock_started_at=request.captured_at,
        contract_ended=False,
        child=False,
        grant=_granted(request),
        related=True,
        approvals=frozenset({"a", "b"}),
        mails=0,
    )


def _granted(request: Request) -> StaffGrant:
    return StaffGrant(
        grant="g-1",
        staff=request.actor.id,
        role=request.actor.role,
        subject=request.subject,
        ticket="T-1",
        purposes=frozenset({request.purpose}),
        categories=frozenset({request.category}),
        opened_by="somebody",
        opened_at=request.at - 1,
        ends_at=request.at + 60,
    )


def question(role: str, action: Action, purpose: str, category: str, **more: Any) -> Request:
    """A request about the reading of `start`, so many days later."""
    start, age_d = more.pop("start", STARTS[0]), more.pop("age_d", 0.0)
    content = frozenset({class_of_purpose(purpose)}) if action is Action.MAIL else frozenset()
    actor = Actor("s-1" if role == "data_subject" else "x-1", role, mfa=True)
    at = start + age_d * DAY_S
    return Request(
        actor, purpose, action, category, "s-1", at=at, captured_at=start, content=content, reference="R-1", **more
    )


def questions(policy: Policy) -> Iterator[tuple[Request, Coverage]]:
    """Who may do what at all; and by one who reads, by disclosures and by statistics every age, field, sensor and recipient."""
    for rule in policy.rules:
        for purpose in rule.purposes:
            for role, action, why in policy.grants:
                who = (role, action, purpose, rule.category)
                if why == purpose:
                    yield question(*who, fields=frozenset(rule.fields)), EVERYONE
                    yield from _fields(policy, who, rule.fields)
            yield from _ages(("data_subject", Action.READ, purpose, rule.category), rule.fields)


def _fields(policy: Policy, who: Who, fields: tuple[str, ...]) -> Iterator[tuple[Request, Coverage]]:
    """A disclosure names its recipient, other acts may. Fields are named: "all" is another question under each policy."""
    if (who[0], who[1]) != ("data_subject", Action.READ) and who[1] not in (Action.DISCLOSE, Action.STATISTICS):
        return
    for name in (None, *policy.recipients):
        yield from ((question(*who, recipient=name, fields=frozenset({field})), EVERYONE) for field in fields)


def _ages(who: Who, fields: tuple[str, ...]) -> Iterator[tuple[Request, Coverage]]:
    """Without a consent, with each sensor, and at each age."""
    first = frozenset(fields[:1])
    yield question(*who, fields=first), NOT_COVERED
    yield from ((question(*who, sensors=sensor, fields=first), EVERYONE) for sensor in Sensor)
    for start in STARTS:
        yield from ((question(*who, fields=first, start=start, age_d=age), EVERYONE) for age in AGES_D)


def opened(old: Policy, new: Policy) -> str:
    """The first question that the newer policy answers more fully, or an empty text."""
    for request, coverage in questions(new):
        now = decide(request, new, facts(request, coverage))
        if now and _more(now, decide(request, old, facts(request, coverage))):
            return f"{request}"
    return ""


def _more(now: Decision, then: Decision) -> bool:
    return not then or now.precision < then.precision or not now.fields <= then.fields


def told(old: Policy, new: Policy) -> list[str]:
    """What the difference says that the gate must show."""
    found = excesses(old, new)
    return [each.text for each in found if each.aspect in GATED and each.text not in UNGATED_KEYS]


def test_the_questions_reach_every_act() -> None:
    """The grid is not empty: the unchanged policy allows disclosures, statistics, staff and every stage of a position."""
    policy = compiled(RAW)
    allowed = [request for request, coverage in questions(policy) if decide(request, policy, facts(request, coverage))]
    acts = {request.action for request in allowed}
    assert {Action.SENSE, Action.INGEST, Action.READ, Action.EXPORT, Action.DISCLOSE, Action.STATISTICS} <= acts
    assert {"staff", "support"} <= {request.actor.role for request in allowed}
    assert opened(policy, policy) == ""
    assert told(policy, policy) == []


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__.strip("_"))
@settings(max_examples=15, deadline=None)
@given(number=NUMBERS, more=st.lists(st.tuples(st.sampled_from(EDITS), NUMBERS), max_size=2))
def test_something_widens_exactly_when_a_decision_opens(edit: Any, number: int, more: list[tuple[Any, int]]) -> None:
    """In both directions: no widening that the gate does not show, and none that the difference does not tell."""
    raw = copy.deepcopy(RAW)
    for each, choice in ((edit, number), *more):
        each(raw, choice)
    old, new = compiled(RAW), compiled(raw)
    for before, after in ((old, new), (new, old)):
        assert bool(told(before, after)) == bool(opened(before, after)), (told(before, after), opened(before, after))
