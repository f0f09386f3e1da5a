"""The gate beside Cedar, a policy engine that others wrote: the same file, thousands of random requests, equal answers."""

from __future__ import annotations

import random
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import cedarpy
import pytest

from cloud_sync.gate import decide
from cloud_sync.model import Action
from cloud_sync.policy import load_policy
from tests.properties import gate_cedar
from tests.properties.gate_cases import DAY, GRANTS, NOW, facts_of, request_of
from tests.properties.gate_oracle import STRICTEST, Case
from tests.properties.gate_policies import POLICIES

CASES = 6000
FIELDS = ("time", "lat", "lon", "quality", "speed", "temperature", "light", "motion", "email", "altitude")


class Dice:
    """Random cases about one file: a leave that the file names, with up to three things changed."""

    def __init__(self, text: str, seed: int) -> None:
        self.raw = tomllib.loads(text)
        self.random = random.Random(seed)
        self.leaves = [
            (role, action, purpose, rule["category"])
            for role, grants in self.raw["roles"].items()
            for grant in grants
            for action in grant["actions"]
            for purpose in grant["purposes"]
            for rule in self.raw["rule"]
            if purpose in rule["purpose"]
        ]

    def case(self) -> Case:
        """A leave, changed."""
        pick = self.random.choice
        role, action, purpose, category = pick(self.leaves)
        case = Case(purpose, category, role, action, grant="good", related=True, consented=pick((0, 1, 1, 2)))
        if action == "mail":
            case = replace(case, content=frozenset({pick(STRICTEST)}))
        if action == "disclose":
            case = replace(
                case, recipient=pick(("carrier", "police", "roadside_assistance")), reference="order-7", approvals=2
            )
        return replace(case, **{name: self.change(name) for name in self.random.sample(CHANGES, pick((0, 0, 1, 2, 3)))})

    def change(self, name: str) -> Any:
        """Another value of one part."""
        pick = self.random.choice
        role, _, purpose, category = pick(self.leaves)
        choices: dict[str, Any] = {
            "role": role,
            "action": pick([each.value for each in Action]),
            "purpose": pick((purpose, "", "unheard_of")),
            "category": pick((category, "unheard_of")),
            "given": (pick((True, False)), pick((True, False))),
            "consented": pick(range(7)),
            "age_s": pick((0, 29.9, 30, 89.9, 90, 364, 367, 4000)) * DAY,
            "wanted": pick((None, *range(7))),
            "fields": frozenset(self.random.sample(FIELDS, pick((0, 1, 2)))),
            "recipient": pick((None, "carrier", "police", "roadside_assistance", "nobody")),
            "reference": pick(("", "order-7")),
            "approvals": pick(range(4)),
            "grant": pick(GRANTS),
            "content": frozenset(self.random.sample(STRICTEST, pick((0, 1, 2)))),
            "mails": pick((0, 3, 4, 9)),
        }
        return choices[name] if name in choices else pick((True, False))


CHANGES = [
    *(
        "role",
        "action",
        "purpose",
        "category",
        "given",
        "consented",
        "age_s",
        "wanted",
        "fields",
        "recipient",
        "reference",
    ),
    *("approvals", "grant", "content", "mails", "own", "known", "restricted", "erased", "child", "related", "mfa"),
]


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_cedar_gives_the_same_answers(tmp_path: Path, name: str) -> None:
    """Six thousand requests a file, a fair part of them allowed."""
    text = POLICIES[name]
    path = tmp_path / "policy.toml"
    path.write_text(text)
    policy, dice = load_policy(path), Dice(text, 20)
    cases = [dice.case() for _ in range(CASES)]
    answers = cedarpy.is_authorized_batch(
        [gate_cedar.request_of(case, NOW) for case in cases], gate_cedar.translate(text), gate_cedar.entities(text)
    )
    allowed, differ = 0, []
    for case, answer in zip(cases, answers, strict=True):
        assert not answer.diagnostics.errors, answer.diagnostics.errors
        ours = decide(request_of(case), policy, facts_of(case))
        allowed += answer.allowed
        if ours.allow is not answer.allowed:
            differ.append((case, ours.reason, ours.explanation))
    assert (differ[:2], len(differ)) == ([], 0)
    assert CASES // 10 < allowed < CASES * 9 // 10
