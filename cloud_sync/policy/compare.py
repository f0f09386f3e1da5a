"""What a newer policy would take beyond an older one: the diff of two files that decides whether a consent still holds.

Nobody's upgrade widens anything: whoever consented under the old terms is asked again before wider ones take effect,
and is left in peace when the new ones are the same or narrower. A finer precision is no item here: a consent record
carries the finest precision that its policy offered, and the gate never goes beyond the record.
"""

from __future__ import annotations

from collections.abc import Iterator

from cloud_sync.model import Stream
from cloud_sync.policy.compiled import Policy, Rule
from cloud_sync.wire.directive import grain_m, thinning_limits

_THINNING = ("rest", "distance", "turn", "stay", "stay time", "error")


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
    found += _device_widened(old, new, {rule.stream for rule in new.consent_rules(purpose)})
    if any(rule.has_places for rule in new.consent_rules(purpose)):
        circles = {place.circle for place in old.places}
        found += [f"place {place.circle.place}" for place in new.places if place.circle not in circles]
    return found


def _device_widened(old: Policy, new: Policy, streams: set[Stream | None]) -> Iterator[str]:
    """What the streams of a purpose tell beyond what they told: more fixes, finer sums, sizes that speak."""
    before, after = old.device, new.device
    if Stream.LOCATION in streams:
        limits = zip(_THINNING, thinning_limits(after.thinning), thinning_limits(before.thinning), strict=True)
        yield from (f"thinning by {name}" for name, now, then in limits if now < then)
        if before.thinning.error_m and after.batch_age_s < before.batch_age_s:  # a line lasts no longer
            yield f"batch age {after.batch_age_s} s"
        if grain_m(new.precision, after.thinning.blur_m) < before.thinning.blur_m:
            yield f"blur {after.thinning.blur_m} m"
        if after.wake and not before.wake:
            yield "wake"
    if Stream.ENVIRONMENT in streams and after.aggregate_s < before.aggregate_s:
        yield f"aggregate {after.aggregate_s} s"
    told = streams - {None, Stream.STATUS}
    if after.spool_age_s > before.spool_age_s and told:
        yield f"spool age {after.spool_age_s} s"
    if after.padded_bytes < before.padded_bytes and told:
        yield f"padding to {after.padded_bytes} bytes"


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
