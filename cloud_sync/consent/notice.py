"""What a person is told when they are asked: the particulars of the notice for one purpose, and their hash.

Five things, none of them empty (V-08; GDPR Art. 13 and recital 42; ePrivacy Art. 5(3)): purpose, data, recipient, duration,
withdrawal. All follow from the policy, so that they can be computed again from the archived file; the ledger keeps their hash.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from cloud_sync.errors import ConsentError
from cloud_sync.policy import Policy, Rule

#: What no notice may leave out, whatever a policy file says.
REQUIRED = ("purpose", "data", "recipient", "duration", "withdrawal")
#: Steps that a withdrawal takes: the one call, the one command. Giving takes as many.
WITHDRAWAL_STEPS = 1


def particulars(policy: Policy, purpose: str, language: str) -> dict[str, Any]:
    """What the notice says of a purpose; ConsentError when it would leave one of the five empty."""
    rules = policy.consent_rules(purpose)
    told = {
        "notice": policy.notice,
        "controller": policy.controller.name if policy.controller else policy.id,
        "purpose": purpose,
        "data": [_data(rule) for rule in rules],
        "recipient": [policy.id, *sorted({name for rule in rules for name in rule.recipients})],
        "duration": {"consent": str(policy.consent.validity), **{rule.category: _term(rule) for rule in rules}},
        "withdrawal": {
            "steps": WITHDRAWAL_STEPS,
            "channels": "any",
            "holds_within_s": policy.consent.gate_latency_s,
            "copies_outside_within_s": policy.consent.propagation_max_s,
        },
        **_words(policy, purpose, language),
    }
    empty = [name for name in REQUIRED if not told[name]]
    if empty:
        raise ConsentError(
            f"the notice says nothing about {', '.join(empty)} of {purpose}: complete the policy, then ask"
        )
    return told


def digest(policy: Policy, purpose: str, language: str) -> str:
    """SHA-256, in hex, over the particulars in canonical JSON (sorted keys, no spaces, UTF-8)."""
    told = particulars(policy, purpose, language)
    text = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _data(rule: Rule) -> dict[str, Any]:
    position = {"precision": rule.precision.name.lower()} if rule.has_position else {}
    return {"category": rule.category, "fields": list(rule.fields), **position}


def _term(rule: Rule) -> str:
    return f"{rule.last_term} from {rule.clock.value}, then {rule.after.value}"


def _words(policy: Policy, purpose: str, language: str) -> dict[str, str]:
    """The company's own words in the language that was shown, where it wrote some."""
    texts = policy.texts.get(language)
    if texts is None:
        return {}
    words = {"purpose_words": texts.purpose.get(purpose, ""), "question": texts.question.get(purpose, "")}
    return {key: text for key, text in words.items() if text}
