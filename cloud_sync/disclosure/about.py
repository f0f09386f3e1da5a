"""What an access copy tells beside the data: purposes, grounds, terms, recipients, sources, rights (GDPR Art. 15(1)(a) to (h))."""

from __future__ import annotations

from typing import Any, Final

from cloud_sync.model import LawfulBasis
from cloud_sync.policy import Policy, Rule
from cloud_sync.read.rows import iso
from cloud_sync.read.sources import Source

RIGHTS: Final = (
    "access",
    "rectification",
    "erasure",
    "restriction",
    "portability",
    "objection",
    "withdrawal of consent at any time",
    "complaint to the authority",
)


def rule_row(rule: Rule) -> dict[str, Any]:
    """One rule, in plain words; hidden categories are told as well: the person's right does not end at the portal."""
    return {
        "category": rule.category,
        "fields": list(rule.fields),
        "purposes": list(rule.purposes),
        "lawful_basis": rule.basis.value,
        "legal_reference": rule.legal_ref or rule.balancing_id or None,
        "source": "the device of the person" if rule.stream else "given by the person, or made in the service",
        "precision": rule.precision.name.lower() if rule.has_position else None,
        "kept_for": str(rule.retention),
        "counted_from": rule.clock.value,
        "afterwards": rule.after.value,
        "then_coarser": [{"precision": s.precision.name.lower(), "until": str(s.retention)} for s in rule.steps],
        "recipients": sorted(rule.recipients),
        "region": rule.region,
    }


def _automated(policy: Policy) -> dict[str, Any] | str:
    """Whether rules decide about people, on which grounds, and what a person may ask then (GDPR Art. 15(1)(h))."""
    parameters = policy.parameters
    decisions, profiling = (parameters.flag(f"automated.{name}") for name in ("decisions", "profiling"))
    if not decisions and not profiling:
        return "none"
    told = ["the logic of each decision", "a review by a person who does not answer for the rule"]
    grounds = list(parameters.words("automated.grounds"))
    return {"decisions": decisions, "profiling": profiling, "grounds": grounds, "on_request": told}


def policy_value(policy: Policy, now: float) -> dict[str, Any]:
    """The policy in force as the person needs it."""
    recipients = [
        {
            "recipient": recipient.id,
            "kind": recipient.kind.value,
            "region": recipient.region,
            "enabled": recipient.enabled,
            "mechanism": recipient.beyond.mechanism if recipient.beyond else None,
            "fields": sorted(f"{category}.{field}" for category, field in recipient.fields),
        }
        for recipient in policy.recipients.values()
    ]
    return {
        "as_of": iso(now),
        "policy": {"id": policy.id, "version": policy.version, "sha256": policy.hash, "notice": policy.notice},
        "authority": policy.authority,
        "rules": [rule_row(rule) for rule in policy.rules],
        "recipients": recipients,
        "backups_end_after": str(policy.backup_horizon),
        "automated_decisions": _automated(policy),
        "rights": {"which": list(RIGHTS), "answered_within": str(policy.rights.deadline)},
    }


def not_portable(policy: Policy, rule: Rule, source: Source[Any] | None) -> str:
    """Why a rule's data is no part of a portability file, or an empty text (GDPR Art. 20(1); V-46)."""
    bases = {LawfulBasis(name) for name in policy.parameters.words("portability.bases")}
    if rule.basis not in bases:
        return f"rests on {rule.basis.value}"
    origin = "derived" if source is not None and source.derived else "observed" if source is not None else "given"
    return "" if origin in policy.parameters.words("portability.origin") else f"is {origin}"
