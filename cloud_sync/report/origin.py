"""What of a policy a published text states, and what is a default beside it: for the record and for the notice.

Nothing here speaks of a file without `[origin]`, which is its company's own from end to end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from cloud_sync.policy import Policy, Recipient, Rule
from cloud_sync.policy.origin import RECIPIENT_KEYS, RULE_KEYS
from cloud_sync.report.words import Words, escaped, listed


def rule_keys(rule: Rule) -> list[str]:
    """The keys of which a rule tells something, in the order of the reports."""
    absent = {"precision"} if not rule.has_position else set()
    absent |= set() if rule.steps else {"step"}
    return [key for key in RULE_KEYS if key not in absent]


def recipient_keys(recipient: Recipient) -> list[str]:
    """The same of a recipient."""
    absent = {"mechanism"} if recipient.beyond is None else set()
    absent |= set() if recipient.service else {"service"}
    return [key for key in RECIPIENT_KEYS if key not in absent]


def split(policy: Policy, entry: Rule | Recipient) -> tuple[list[str], list[str]]:
    """Keys that the text states, and keys that are defaults. A role that a rule takes from `policy.role` comes from there."""
    known = rule_keys(entry) if isinstance(entry, Rule) else recipient_keys(entry)
    said = set(entry.stated)
    whole = policy.origin is not None and "policy.role" in policy.origin.stated
    if whole and isinstance(entry, Rule) and entry.role == policy.role:
        said.add("role")
    return [key for key in known if key in said], [key for key in known if key not in said]


def origin_json(policy: Policy) -> dict[str, Any]:
    """`origin` of the record: the text, its single keys and their clauses; empty for a file of the company's own."""
    if policy.origin is None:
        return {}
    clauses = {key: list(ids) for key, ids in policy.origin.clauses.items()}
    return {
        "origin": {
            "source": policy.origin.source,
            "stated": sorted(policy.origin.stated),
            "clauses": clauses,
            "by_clause": by_clause(policy),
        }
    }


def entry_json(policy: Policy, entry: Rule | Recipient) -> dict[str, Any]:
    """`stated`, `default` and `clauses` of an activity or a recipient of the record; empty for a file of the company's own."""
    if policy.origin is None:
        return {}
    stated, default = split(policy, entry)
    return {"stated": stated, "default": default, "clauses": list(entry.clauses)}


def by_clause(policy: Policy) -> dict[str, list[str]]:
    """Where each clause is carried out: rules by category and purposes, recipients, single keys; in the order of the ids."""
    found: dict[str, list[str]] = {}
    for rule in policy.rules:
        for each in rule.clauses:
            found.setdefault(each, []).append(f"rule {rule.category} for {', '.join(rule.purposes)}")
    for recipient in policy.recipients.values():
        for each in recipient.clauses:
            found.setdefault(each, []).append(f"recipient {recipient.id}")
    for key, ids in (policy.origin.clauses if policy.origin is not None else {}).items():
        for each in ids:
            found.setdefault(each, []).append(key)
    return dict(sorted(found.items()))


def singles(policy: Policy) -> list[tuple[str, str, bool, tuple[str, ...]]]:
    """Single keys of which the file says where they come from: name, value, whether stated, clauses."""
    if policy.origin is None:
        return []
    names = sorted({*policy.origin.stated, *policy.origin.clauses})
    return [
        (name, _value(policy, name), name in policy.origin.stated, policy.origin.clauses.get(name, ()))
        for name in names
    ]


def _value(policy: Policy, name: str) -> str:
    value: Any = policy.parameters.get(name)
    if name == "policy.effective":
        value = policy.effective
    elif name.startswith("children."):
        floors = {
            "children.policy_floor": policy.children.policy_floor,
            "children.country_floor": policy.children.country_floor,
        }
        value = [f"{key} = {age}" for key, age in floors.get(name, {}).items()] or value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return ", ".join(str(each) for each in value) or "none"
    return "-" if value is None else str(value)


def record_lines(policy: Policy) -> list[str]:
    """The part of the record's page that tells stated values from defaults; empty for a file of the company's own."""
    if policy.origin is None:
        return []
    lines = ["", "## Stated and default", ""]
    lines += [f"What is stated is stated by: {escaped(policy.origin.source)}.", ""]
    lines += [
        "Everything else in this record is a default of the policy file, and not the company's word until it makes it so."
    ]
    lines += ["", "| activity | stated | our default | clauses |", "|---|---|---|---|"]
    lines += [_row(policy, f"`{rule.category}`: {_codes(rule.purposes)}", rule) for rule in policy.rules]
    lines += ["", "| recipient | stated | our default | clauses |", "|---|---|---|---|"]
    lines += [_row(policy, f"`{recipient.id}`", recipient) for recipient in policy.recipients.values()]
    lines += ["", "| single value | says | | clauses |", "|---|---|---|---|"]
    for name, value, stated, clauses in singles(policy):
        lines.append(f"| `{name}` | `{value}` | {'stated' if stated else 'our default'} | {_codes(clauses)} |")
    lines += ["", "| clause | where it is carried out |", "|---|---|"]
    lines += [f"| `{each}` | {'; '.join(where)} |" for each, where in by_clause(policy).items()]
    return lines


def _row(policy: Policy, name: str, entry: Rule | Recipient) -> str:
    stated, default = split(policy, entry)
    return f"| {name} | {_plain(stated)} | {_plain(default)} | {_codes(entry.clauses)} |"


def _plain(keys: Iterable[str]) -> str:
    return ", ".join(key.replace("_", " ") for key in keys) or "-"


def _codes(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words) or "-"


def notice_entry(policy: Policy, entry: Rule | Recipient, words: Words) -> str:
    """One sentence of the notice: what of a rule or recipient the published text states; empty for a file of its own."""
    if policy.origin is None:
        return ""
    stated, default = (listed(words.of("key", key) for key in keys) for keys in split(policy, entry))
    said = [words.say("stated", keys=stated)] if stated else []
    said += [words.say("default", keys=default)] if default else []
    said += [words.say("clauses", clauses=listed(f"`{each}`" for each in entry.clauses))] if entry.clauses else []
    return " ".join(said)


def notice_part(policy: Policy, words: Words) -> Iterator[str]:
    """The part of the notice about the text behind the file."""
    if policy.origin is None:
        return
    yield words.say("origin", source=escaped(policy.origin.source))
    yield words.say("not_stated")
    for name, value, stated, clauses in singles(policy):
        where = words.of("key", "is_stated" if stated else "is_default")
        ids = f" ({listed(f'`{each}`' for each in clauses)})" if clauses else ""
        yield f"- `{name}` = `{value}`: {where}{ids}"
