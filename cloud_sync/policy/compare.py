"""What one policy takes beyond another: the one definition by which consents are reset and by which `policy diff` speaks.

Nobody's upgrade widens anything: whoever consented under the old terms is asked again before wider ones take effect,
and is left in peace when the new ones are the same or narrower. A finer precision is told, and asks nobody: a consent record
carries the finest precision that its policy offered, and the gate never goes beyond the record.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final, NamedTuple

from cloud_sync.model import Action, LawfulBasis, Precision, Stream
from cloud_sync.policy.compiled import Policy
from cloud_sync.policy.rules import Rule
from cloud_sync.policy.vocabulary import INSIDERS
from cloud_sync.wire.directive import grain_m, thinning_limits

_THINNING: Final = ("rest", "distance", "turn", "stay", "stay time", "error")
_DEVICE_ACTIONS: Final = frozenset({Action.SENSE, Action.INGEST})


class Aspect(StrEnum):
    """In what a policy goes beyond another one."""

    PURPOSE = "purpose"  # a category under a purpose
    BASIS = "basis"
    FIELD = "field"
    SENSOR = "sensor"
    PRECISION = "precision"
    RETENTION = "retention"
    REGION = "region"
    RECIPIENT = "recipient"
    ROLE = "role"
    STATISTICS = "statistics"
    SENSING = "sensing"  # how often, how finely and how long a device senses and keeps
    LEASE = "lease"
    ACCESS = "access"
    CHILDREN = "children"
    ASKING = "asking"  # how often people are asked, and how long an answer holds
    RIGHTS = "rights"
    OTHER = "other"


class Excess(NamedTuple):
    """One thing in which the newer policy takes more or promises less. With `asks` a consent does not reach so far."""

    aspect: Aspect
    text: str
    before: str
    after: str
    asks: bool = True
    purposes: frozenset[str] = frozenset()


def widened(old: Policy, new: Policy, purpose: str) -> list[str]:
    """Everything in which `new` goes beyond `old` for what a consent to `purpose` opens; empty when nothing does."""
    found = beyond(old, new, purpose, old.consent_rules(purpose), new.consent_rules(purpose))
    return [excess.text for excess in found if excess.asks]


def beyond(old: Policy, new: Policy, purpose: str, known: Iterable[Rule], rules: Iterable[Rule]) -> Iterator[Excess]:
    """What `new` with `rules` takes for a purpose beyond what `old` took with those `known`."""
    before, rules = {rule.category: rule for rule in known}, tuple(rules)
    for rule in rules:
        then = before.get(rule.category)
        if then is None:
            yield Excess(Aspect.PURPOSE, f"category {rule.category}", "", purpose)
        else:
            yield from _of_rule(old, then, new, rule)
    yield from _readers(old, new, purpose)
    yield from _of_device(old, new, {rule.stream for rule in rules})
    if any(rule.has_places for rule in rules):
        circles = {place.circle for place in old.places}
        added = (place for place in new.places if place.circle not in circles)
        yield from (Excess(Aspect.SENSING, f"place {each.circle.place}", "", each.name) for each in added)


def _seconds(name: str, before_s: int, after_s: int) -> Excess:
    return Excess(Aspect.SENSING, f"{name} {after_s} s", f"{before_s} s", f"{after_s} s")


def _of_device(old: Policy, new: Policy, streams: set[Stream | None]) -> Iterator[Excess]:
    """What the streams of a purpose tell beyond what they told: more fixes, finer sums, sizes that speak."""
    before, after = old.device, new.device
    if Stream.LOCATION in streams:
        limits = zip(_THINNING, thinning_limits(before.thinning), thinning_limits(after.thinning), strict=True)
        thinner = ((name, then, now) for name, then, now in limits if now < then)
        yield from (Excess(Aspect.SENSING, f"thinning by {name}", str(was), str(now)) for name, was, now in thinner)
        if before.thinning.error_m and after.batch_age_s < before.batch_age_s:  # a line lasts no longer
            yield _seconds("batch age", before.batch_age_s, after.batch_age_s)
        if grain_m(new.precision, after.thinning.blur_m) < before.thinning.blur_m:
            then, now = (f"{each.thinning.blur_m} m" for each in (before, after))
            yield Excess(Aspect.SENSING, f"blur {now}", then, now)
        if after.wake and not before.wake:
            yield Excess(Aspect.SENSING, "wake", "no", "yes")
    if Stream.ENVIRONMENT in streams and after.aggregate_s < before.aggregate_s:
        yield _seconds("aggregate", before.aggregate_s, after.aggregate_s)
    told = streams - {None, Stream.STATUS}
    if after.interval_s < before.interval_s and told:
        yield _seconds("interval", before.interval_s, after.interval_s)
    if after.spool_age_s > before.spool_age_s and told:
        yield _seconds("spool age", before.spool_age_s, after.spool_age_s)
    if after.padded_bytes < before.padded_bytes and told:
        then, now = (f"{each.padded_bytes} bytes" for each in (before, after))
        yield Excess(Aspect.SENSING, f"padding to {now}", then, now)


def _of_rule(old: Policy, before: Rule, new: Policy, after: Rule) -> Iterator[Excess]:
    name = after.category
    added = [field for field in after.fields if field not in before.fields]
    yield from (Excess(Aspect.FIELD, f"field {name}.{field}", "", field) for field in added)
    if more := after.sensors & ~before.sensors:
        yield Excess(Aspect.SENSOR, f"sensors of {name}", "", str(more.name).lower())
    if after.precision < before.precision and after.has_position:
        then, now = (each.precision.name.lower() for each in (before, after))
        yield Excess(Aspect.PRECISION, f"precision of {name}", then, now, asks=False)
    if after.clock is not before.clock or _kept_longer(before, after):
        yield Excess(Aspect.RETENTION, f"retention of {name}", kept(before), kept(after))
    if after.region != before.region:
        yield Excess(Aspect.REGION, f"region of {name}", before.region, after.region)
    yield from _recipients(old, before, new, after)
    if after.basis is not before.basis and before.basis is LawfulBasis.CONSENT:
        yield Excess(Aspect.BASIS, f"basis of {name}", before.basis.value, after.basis.value)


def _recipients(old: Policy, before: Rule, new: Policy, after: Rule) -> Iterator[Excess]:
    name = after.category
    for who in sorted(after.recipients):
        told, known = _told(new, after, who), _told(old, before, who) if who in before.recipients else frozenset()
        if told - known:
            then, now = (", ".join(sorted(each)) for each in (known, told))
            yield Excess(Aspect.RECIPIENT, f"recipient {who} of {name}", then, now)
        elif known and told and new.recipients[who].region != old.recipients[who].region:
            then, now = (each.recipients[who].region for each in (old, new))
            yield Excess(Aspect.REGION, f"region of recipient {who}", then, now)
        elif known and told and old.recipients[who].on_order and not new.recipients[who].on_order:
            yield Excess(Aspect.RECIPIENT, f"recipient {who} of {name}", "what is ordered", "all of it")


def _told(policy: Policy, rule: Rule, who: str) -> frozenset[str]:
    """Which fields of a rule a recipient gets."""
    recipient = policy.recipients[who]
    if not recipient.enabled or (recipient.scope and recipient.scope.isdisjoint(rule.purposes)):
        return frozenset()
    return frozenset(
        field for category, field in recipient.fields if category == rule.category and field in rule.fields
    )


def _kept_longer(before: Rule, after: Rule) -> bool:
    """Whether a reading may be there longer, at any precision that the older rule had at all."""
    finest = max(before.precision, after.precision)
    levels = (level for level in Precision if level >= finest)
    return any(after.held(level).may_outlast(before.held(level)) for level in levels)


def kept(rule: Rule) -> str:
    """How long a rule keeps what, in one line: `P90D from captured, then cell_1km until P12M`."""
    steps = (f", then {step.precision.name.lower()} until {step.retention}" for step in rule.steps)
    return f"{rule.retention} from {rule.clock.value}{''.join(steps)}"


def acts(policy: Policy, purpose: str) -> frozenset[tuple[str, str]]:
    """Pairs of a role and what it may do for a purpose, where the policy lets it in and there is something to do it with."""
    rules = [rule for rule in policy.rules if purpose in rule.purposes]
    possible = {action for action in Action if _possible(policy, rules, action)}
    return frozenset(
        (role, action.value)
        for role, action, why in policy.grants
        if why == purpose and action in possible and (role not in INSIDERS or role in policy.access.roles)
    )


def _possible(policy: Policy, rules: list[Rule], action: Action) -> bool:
    if action in _DEVICE_ACTIONS:
        return any(rule.stream is not None for rule in rules)
    if action is Action.DISCLOSE:
        return any(_told(policy, rule, who) for rule in rules for who in rule.recipients)
    if action is Action.STATISTICS:
        return bool(_inputs(policy, rules))
    if action is Action.TERMINAL:  # with consent alone
        return any(rule.basis is LawfulBasis.CONSENT for rule in rules)
    return True


def _inputs(policy: Policy, rules: Iterable[Rule]) -> frozenset[str]:
    """Fields of the rules that statistics are made of, as `category.field`."""
    named = policy.stats.inputs if policy.stats is not None else frozenset()
    return named & {f"{rule.category}.{field}" for rule in rules for field in rule.fields}


def _readers(old: Policy, new: Policy, purpose: str) -> Iterator[Excess]:
    before, after = acts(old, purpose), acts(new, purpose)
    added = sorted(after - before)
    yield from (Excess(Aspect.ROLE, f"role {role} may {action}", "", action) for role, action in added)
    if any(action == Action.STATISTICS.value for _, action in before & after):
        then, now = (_inputs(each, (r for r in each.rules if purpose in r.purposes)) for each in (old, new))
        for name in sorted(now - then):
            yield Excess(Aspect.STATISTICS, f"statistics from {name}", "", name)
