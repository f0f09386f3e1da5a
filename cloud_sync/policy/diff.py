"""`diff(old, new)`: what widens, what narrows, what else changes, and which consents must be asked anew.

Something widens when the newer policy takes more or promises less; both directions are the same comparison, once each way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from cloud_sync.model import LawfulBasis
from cloud_sync.policy.compare import Aspect, Excess, beyond, widened
from cloud_sync.policy.compiled import Policy
from cloud_sync.policy.period import Period

#: Words of `notice.significant` (clause table, V-33) and what they stand for.
SIGNIFICANT: Final = MappingProxyType(
    {
        "purpose": Aspect.PURPOSE,
        "basis": Aspect.BASIS,
        "recipient": Aspect.RECIPIENT,
        "region": Aspect.REGION,
        "retention_up": Aspect.RETENTION,
        "field": Aspect.FIELD,
        "precision": Aspect.PRECISION,
        "sensor": Aspect.SENSOR,
        "role": Aspect.ROLE,
    }
)
#: Of these a narrowing is told to people as well: they stand in the notice by name.
_EITHER_WAY: Final = frozenset({Aspect.PURPOSE, Aspect.BASIS, Aspect.RECIPIENT, Aspect.REGION})
#: Numbers and terms of which more is worse for the person, and of which less is.
_MORE_IS_WIDER: Final = MappingProxyType(
    {
        "device.lease": Aspect.LEASE,
        "retention.total_cap": Aspect.RETENTION,
        "retention.sweep": Aspect.RETENTION,
        "backup.horizon": Aspect.RETENTION,
        "access.grant_ttl": Aspect.ACCESS,
        "children.safeguards.retention_max": Aspect.CHILDREN,
        "children.safeguards.marketing": Aspect.CHILDREN,
        "children.safeguards.profiling": Aspect.CHILDREN,
        "consent.max_prompts": Aspect.ASKING,
        "consent.validity": Aspect.ASKING,
        "consent.gate_latency": Aspect.ASKING,
        "consent.propagation_max": Aspect.ASKING,
        "rights.deadline": Aspect.RIGHTS,
        "rights.extension_max": Aspect.RIGHTS,
        "rights.erasure.execute_max": Aspect.RIGHTS,
        "recipients.review_max": Aspect.RECIPIENT,
        "notice.provided_within": Aspect.ASKING,
        "notice.confirm_within": Aspect.ASKING,
        "notice.marketing_per_month": Aspect.ASKING,
        "automated.decisions": Aspect.PURPOSE,
        "automated.profiling": Aspect.PURPOSE,
        "support.recording.enabled": Aspect.PURPOSE,
        "directory.enabled": Aspect.PURPOSE,
    }
)
_LESS_IS_WIDER: Final = MappingProxyType(
    {
        "access.ticket_required": Aspect.ACCESS,
        "consent.later_cooldown": Aspect.ASKING,
        "rights.self_service": Aspect.RIGHTS,
        "notice.receipt_required": Aspect.ASKING,
        "recipients.authority.approvals": Aspect.RECIPIENT,
        "recipients.flowdown": Aspect.RECIPIENT,
        "recipients.publish_list": Aspect.RIGHTS,
        "stats.k_min": Aspect.STATISTICS,
        "stats.grid_km": Aspect.STATISTICS,
        "stats.release_delay": Aspect.STATISTICS,
    }
)
_OFFERED: Final = ("access.staff_mfa", "access.user_mfa")
_SETS: Final = MappingProxyType(
    {
        "collection.sources": Aspect.FIELD,
        "recipients.sale": Aspect.RECIPIENT,
        "recipients.third_party": Aspect.RECIPIENT,
        "transfer.allowed": Aspect.REGION,
        "transfer.mechanisms": Aspect.REGION,
        "automated.grounds": Aspect.PURPOSE,
    }
)
#: Told by other means than their own value, or by the rules.
_TOLD: Final = frozenset(
    [
        *("policy.version", "notice.version", "location.precision", "collection.never", "access.roles", "stats.inputs"),
        *("children.safeguards.location", "device.interval", "device.spool_age", "device.rest"),
        *(
            "device.distance_m",
            "device.turn_deg",
            "device.stay_m",
            "device.stay_time",
            "device.error_m",
            "device.blur_m",
        ),
        *("device.aggregate", "device.padded_bytes", "device.wake"),
    ]
)


@dataclass(frozen=True, slots=True)
class Diff:
    """What another policy changes. `asked_anew` has each purpose whose consents end, with the reasons."""

    widens: tuple[Excess, ...]
    narrows: tuple[Excess, ...]
    changes: tuple[Excess, ...]
    asked_anew: Mapping[str, tuple[str, ...]]
    asked_first: tuple[str, ...]
    ended: tuple[str, ...]
    significant: tuple[Excess, ...]
    notice_changed: bool

    def __bool__(self) -> bool:
        return bool(self.widens or self.narrows or self.changes or self.asked_anew or self.notice_changed)

    def as_json(self) -> dict[str, Any]:
        """The difference as a JSON object."""
        return {
            **{key: [_json(each) for each in getattr(self, key)] for key in ("widens", "narrows", "changes")},
            "consents": {
                "asked_anew": {purpose: list(why) for purpose, why in self.asked_anew.items()},
                "asked_first": list(self.asked_first),
                "ended": list(self.ended),
            },
            "significant": [_json(each) for each in self.significant],
            "notice_changed": self.notice_changed,
        }


def _json(excess: Excess) -> dict[str, Any]:
    return {
        "aspect": excess.aspect.value,
        "what": excess.text,
        "before": excess.before,
        "after": excess.after,
        "purposes": sorted(excess.purposes),
    }


def diff(old: Policy, new: Policy) -> Diff:
    """What `new` changes of `old`."""
    wider, narrower = excesses(old, new), excesses(new, old)
    there = {_key(each) for each in wider}
    widens = tuple(wider)
    narrows = tuple(_turned(each) for each in narrower if _key(each) not in there)
    changes = tuple(_changes(old, new))
    asked, ended = _consents(old, new)
    return Diff(
        widens=widens,
        narrows=narrows,
        changes=changes,
        asked_anew=MappingProxyType(asked),
        asked_first=tuple(sorted(_on_consent(new) - _on_consent(old))),
        ended=ended,
        significant=tuple(_significant(new, widens, narrows, changes)),
        notice_changed=old.notice != new.notice,
    )


def _key(excess: Excess) -> tuple[Aspect, str, frozenset[str]]:
    return excess.aspect, excess.text, excess.purposes


def _turned(excess: Excess) -> Excess:
    """The same, told from the other side."""
    return excess._replace(before=excess.after, after=excess.before)


def excesses(old: Policy, new: Policy) -> list[Excess]:
    """Everything in which `new` goes beyond `old`, whatever it rests on; each once, with the purposes that it concerns."""
    found: dict[Excess, set[str]] = {}
    for purpose in sorted(new.purposes):
        known, rules = _rules(old, purpose), _rules(new, purpose)
        for excess in beyond(old, new, purpose, known, rules):
            found.setdefault(excess, set()).add(purpose)
    for excess in _of_the_whole(old, new):
        found.setdefault(excess, set())
    return [excess._replace(purposes=frozenset(purposes)) for excess, purposes in found.items()]


def _rules(policy: Policy, purpose: str) -> Iterable[Any]:
    return tuple(rule for rule in policy.rules if purpose in rule.purposes)


def _on_consent(policy: Policy) -> set[str]:
    return {purpose for purpose in policy.purposes if policy.consent_rules(purpose)}


def _consents(old: Policy, new: Policy) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    """Purposes whose consents must be asked anew, with the reasons, and those that rest on consent no more."""
    asked: dict[str, tuple[str, ...]] = {}
    ended = _on_consent(old) - _on_consent(new)
    for purpose in sorted(_on_consent(old) - ended):
        notice = ["the privacy notice has changed"] if old.notice != new.notice else []
        if why := (*notice, *widened(old, new, purpose)):
            asked[purpose] = why
    return asked, tuple(sorted(ended))


def _of_the_whole(old: Policy, new: Policy) -> Iterator[Excess]:
    """What concerns no purpose by itself."""
    for key, aspect in (*_MORE_IS_WIDER.items(), *_LESS_IS_WIDER.items()):
        before, after = (each.parameters.get(key) for each in (old, new))
        if before is None or after is None:  # only `stats` may be missing, and its inputs are told by the roles
            continue
        one, other = (before, after) if key in _MORE_IS_WIDER else (after, before)
        if _greater(other, one):
            yield Excess(aspect, key, _shown(before), _shown(after), asks=False)
    for key in _OFFERED:
        if (old.parameters[key], new.parameters[key]) == ("required", "offered"):
            yield Excess(Aspect.ACCESS, key, "required", "offered", asks=False)
    for key, aspect in _SETS.items():
        for word in sorted(set(new.parameters.words(key)) - set(old.parameters.words(key))):
            yield Excess(aspect, f"{key} {word}", "", word, asks=False)
    yield from _of_children(old, new)


def _of_children(old: Policy, new: Policy) -> Iterator[Excess]:
    """A lower age for somebody, or a finer position of a child."""
    before, after = old.children, new.children
    for purpose in sorted({*before.policy_floor, *after.policy_floor}):
        for country in sorted({*before.country_floor, *after.country_floor}):
            then, now = before.floor(purpose, country), after.floor(purpose, country)
            if now < then:
                yield Excess(Aspect.CHILDREN, f"age for {purpose} in {country}", str(then), str(now), asks=False)
    finest = (before.safeguards.precision, after.safeguards.precision)
    if finest[1] < finest[0]:
        text = "children.safeguards.location"
        yield Excess(Aspect.CHILDREN, text, finest[0].name.lower(), finest[1].name.lower(), asks=False)


def _greater(one: Any, other: Any) -> bool:
    if isinstance(one, Period) and isinstance(other, Period):
        return one.may_outlast(other)
    return bool(one > other)


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(value) or "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "not set" if value is None else str(value)


def _changes(old: Policy, new: Policy) -> Iterator[Excess]:
    """What is neither more nor less: names, versions, laws, and every parameter whose direction nobody can tell."""
    directed = {*_MORE_IS_WIDER, *_LESS_IS_WIDER, *_OFFERED, *_SETS, *_TOLD}
    for key in sorted({*old.parameters, *new.parameters} - directed):
        before, after = (_shown(each.parameters.get(key)) for each in (old, new))
        if before != after:
            yield Excess(Aspect.OTHER, key, before, after, asks=False)
    for each in sorted({(rule.category, why) for rule in (*old.rules, *new.rules) for why in rule.purposes}):
        yield from _changes_of_rule(old, new, *each)
    for name, then, now in (("controller", old.controller, new.controller), ("text", old.texts, new.texts)):
        if then != now:
            yield Excess(Aspect.OTHER, name, "", "", asks=False)


def _changes_of_rule(old: Policy, new: Policy, category: str, purpose: str) -> Iterator[Excess]:
    before, after = old.rule(category, purpose), new.rule(category, purpose)
    if before is None or after is None:
        return
    why = frozenset({purpose})
    consent = LawfulBasis.CONSENT
    if before.basis is not after.basis and consent not in (before.basis, after.basis):
        text = f"basis of {category}"
        yield Excess(Aspect.BASIS, text, before.basis.value, after.basis.value, asks=False, purposes=why)
    for key in (
        "legal_ref",
        "balancing_id",
        "role",
        "instruction",
        "arrangement",
        "visible_to_user",
        "reason",
        "after",
    ):
        then, now = getattr(before, key), getattr(after, key)
        if then != now:
            yield Excess(Aspect.OTHER, f"{key} of {category}", _shown(then), _shown(now), asks=False, purposes=why)


def _significant(policy: Policy, *groups: tuple[Excess, ...]) -> Iterator[Excess]:
    """What the policy itself calls a significant change (V-33): the difference decides, not an opinion."""
    told = {SIGNIFICANT[word] for word in policy.parameters.words("notice.significant")}
    widens, narrows, changes = groups
    yield from (each for each in (*widens, *changes) if each.aspect in told)
    yield from (each for each in narrows if each.aspect in told & _EITHER_WAY)
