"""A policy file as policies of Cedar (https://docs.cedarpolicy.com), so that another engine can be asked the same.

A `permit` for each (role, action, rule, purpose) that the file names, a `forbid` for what holds whatever the rule. Cedar denies by
default, and a forbid overrides every permit. Reads the TOML only; terms that are over come in with the request, by their text.
"""

from __future__ import annotations

import json
import tomllib
from typing import Any

from tests.properties.gate_oracle import CLASSES, LEVELS, MARKETING, RELATIVES, STRICTEST, Case, over

NOBODY = 'Actor::"nobody"'

#: The person reads or takes a copy of their own data, restricted or not (GDPR Art. 18(2)).
OWN = (
    'principal in Role::"data_subject" && context.own && [Action::"read", Action::"export"].contains(action)'
    " && !(context has recipient)"
)
FORBIDS = f"""
forbid(principal, action, resource) when {{ !context.known || context.erased }};
forbid(principal, action, resource) when {{ context.restricted && !({OWN}) }};
forbid(principal in Role::"data_subject", action, resource) unless {{ context.own }};
forbid(principal, action, resource) when {{ context.child && {json.dumps(sorted(MARKETING))}.contains(context.purpose) }};
forbid(principal, action == Action::"disclose", resource) unless {{ context has recipient }};
"""


def _permit(role: str, action: str, category: str, conditions: list[str]) -> str:
    body = " && ".join(f"({each})" for each in conditions)
    head = f'principal in Role::"{role}", action == Action::"{action}", resource == Category::"{category}"'
    return f"permit({head}) when {{ {body} }};"


def _expired(term: str) -> str:
    return f'context.over.contains("{term}")'


def _precision(rule: dict[str, Any], cap: int) -> tuple[list[str], str]:
    """What a position must fulfil, and the expression that says that it is coarser than exact."""
    levels = [("true", max(LEVELS[rule["precision"]], cap)), ("context.child", LEVELS["cell_1km"])]
    before = rule
    for step in rule.get("step", []):
        levels.append((_expired(before["retention"]), LEVELS[step["precision"]]))
        before = step
    met = [f"!({when}) || context.wanted == -1 || context.wanted >= {level}" for when, level in levels]
    coarse = ["context.wanted > 0", *(when for when, level in levels if level > 0)]
    if rule["basis"] == "consent":
        met += ["context.consented < 6", "context.wanted == -1 || context.wanted >= context.consented"]
        coarse.append("context.consented > 0")
    said = " || ".join(f"({each})" for each in coarse)
    met.append(f'!({said}) || !(context.fields.containsAny(["speed", "course"]))')
    return met, said


def _receives(rule: dict[str, Any], recipients: list[dict[str, Any]], coarse: str) -> str:
    """Who gets the fields: those asked for, or all of the rule, without side fields beside a coarse position."""
    ways = ["!(context has recipient)"]
    for found in recipients:
        if found["id"] not in rule["recipients"]:
            continue
        listed = {field.split(".")[1] for field in found["fields"] if field.split(".")[0] == rule["category"]}
        whole, without = set(rule["fields"]) <= listed, set(rule["fields"]) - {"speed", "course"} <= listed
        all_fields = f"(({coarse}) && {json.dumps(without)}) || (!({coarse}) && {json.dumps(whole)})"
        asked = f"{json.dumps(sorted(listed))}.containsAll(context.fields)"
        told = f"if context.fields.isEmpty() then ({all_fields}) else {asked}"
        way = f'context has recipient && context.recipient == "{found["id"]}" && ({told})'
        if found["kind"] == "authority":
            way += ' && context.reference != "" && context.approvals >= 2'
        ways.append(way)
    return " || ".join(f"({way})" for way in ways)


def _conditions(raw: dict[str, Any], rule: dict[str, Any], purpose: str, role: str, action: str) -> list[str]:
    when = [
        f'context.purpose == "{purpose}"',
        f"{json.dumps(rule['fields'])}.containsAll(context.fields)",
    ]
    if rule["basis"] == "consent":
        when.append("context.at_capture && context.at_use")
    if rule["clock"] == "captured":
        last = [rule, *rule.get("step", [])][-1]["retention"]
        when += [f"!{_expired(last)}", f"!context.child || !{_expired('P30D')}"]
    coarse = "false"
    if "lat" in rule["fields"]:
        met, coarse = _precision(rule, LEVELS[raw["location"]["precision"]])
        when += met
    when.append(_receives(rule, raw["recipient"], coarse))
    if action == "mail":
        meant = CLASSES.get(purpose, "service")
        when.append(f'context.class == "{meant}"')
        if meant not in ("safety", "legal", "security"):
            when.append("context.mails < 4")
    if role in (*raw["access"]["roles"], "staff", "support"):
        when.append(json.dumps(role in raw["access"]["roles"]))
        when.append("context.mfa" if action == "statistics" else 'context.grant == "good" && context.mfa')
    if role in RELATIVES:
        when.append("context.own || context.related")
    return when


def translate(text: str) -> str:
    """Cedar's policies for a file."""
    raw = tomllib.loads(text)
    inputs = raw.get("stats", {}).get("inputs", [])
    permits = [FORBIDS]
    for role, grants in raw["roles"].items():
        for action, purpose in sorted(
            {(a, p) for grant in grants for a in grant["actions"] for p in grant["purposes"]}
        ):
            for rule in (rule for rule in raw["rule"] if purpose in rule["purpose"]):
                conditions = _conditions(raw, rule, purpose, role, action)
                if action in ("sense", "ingest") and "stream" not in rule:
                    continue
                if action == "terminal" and rule["basis"] != "consent":
                    continue
                if action == "statistics":
                    counted = [f.split(".")[1] for f in inputs if f.split(".")[0] == rule["category"]]
                    whole = json.dumps(set(rule["fields"]) <= set(counted))
                    some = f"{json.dumps(counted)}.containsAll(context.fields)"
                    conditions.append(f"if context.fields.isEmpty() then {whole} else {some}")
                permits.append(_permit(role, action, rule["category"], conditions))
    return "\n".join(permits)


def entities(text: str) -> list[dict[str, Any]]:
    """An actor in each role."""
    return [
        {"uid": {"type": "Actor", "id": role}, "attrs": {}, "parents": [{"type": "Role", "id": role}]}
        for role in tomllib.loads(text)["roles"]
    ]


def request_of(case: Case, now: float) -> dict[str, Any]:
    """The case as Cedar is asked."""
    context: dict[str, Any] = {
        "purpose": case.purpose,
        "own": case.own,
        "known": case.known,
        "at_capture": all(case.given),
        "at_use": case.given[1],
        "consented": case.consented if all(case.given) else 6,
        "over": [term for term in ("P30D", "P90D", "P12M") if over(term, now, case.age_s)],
        "restricted": case.restricted,
        "erased": case.erased,
        "child": case.child,
        "wanted": -1 if case.wanted is None else case.wanted,
        "fields": sorted(case.fields),
        "reference": case.reference,
        "approvals": case.approvals,
        "grant": case.grant,
        "related": case.related,
        "mfa": case.mfa,
        "class": max(case.content, key=STRICTEST.index, default="none"),
        "mails": case.mails,
    }
    if case.recipient is not None:
        context["recipient"] = case.recipient
    return {
        "principal": f'Actor::"{case.role}"',
        "action": f'Action::"{case.action}"',
        "resource": f'Category::"{case.category}"',
        "context": context,
    }
