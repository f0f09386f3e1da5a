"""What a newer policy would take beyond an older one: the diff of two files that decides whether a consent still holds.

Nobody's upgrade widens anything: whoever consented under the old terms is asked again before wider ones take effect,
and is left in peace when the new ones are the same or narrower. A finer precision is no item here: a consent record
carries the finest precision that its policy offered, and the gate never goes beyond the record.
"""

from __future__ import annotations

from collections.abc import Iterator

from cloud_sync.policy.compiled import Policy, Rule


def widened(old: Policy, new: Policy, purpose: str) -> list[str]:
    """Everything in which `new` goes beyond `old` for what a consent to `purpose` opens; empty when nothing does."""
    before = {rule.category: rule for rule in old.consent_rules(purpose)}
    found: list[str] = []
    for rule in new.consent_rules(purpose):
        known = before.get(rule.category)
        found += [f"category {rule.category}"] if known is None else _rule_widened(old, known, new, rule)
    found += _readers(old, new, purpose)
    if new.device.interval_s < old.device.interval_s:
        found.append(f"interval {new.device.interval_s} s")
    return found


def _rule_widened(old: Policy, before: Rule, new: Policy, after: Rule) -> Iterator[str]:
    name = after.category
    yield from (f"field {name}.{field}" for field in after.fields if field not in before.fields)
    if after.sensors & ~before.sensors:
        yield f"sensors of {name}"
    if after.clock is not before.clock or _longer(before, after):
        yield f"retention of {name}"
    if after.region != before.region:
        yield f"region of {name}"
    for who in sorted(after.recipients):
        told = {pair for pair in new.recipients[who].fields if pair[0] == name}
        known = {pair for pair in old.recipients[who].fields if pair[0] == name} if who in before.recipients else None
        if known is None or told - known:
            yield f"recipient {who} of {name}"


def _longer(before: Rule, after: Rule) -> bool:
    """Whether the new term may outlast the old one from any day of the calendar."""
    old, new = before.retention, after.retention
    if (old.months, old.days, old.seconds) == (new.months, new.days, new.seconds):
        return False
    if old.months == new.months:
        return new.longest_s > old.longest_s
    return new.longest_s > old.shortest_s


def _readers(old: Policy, new: Policy, purpose: str) -> Iterator[str]:
    added = sorted((role, action.value) for role, action, why in new.grants - old.grants if why == purpose)
    yield from (f"role {role} may {action}" for role, action in added)
