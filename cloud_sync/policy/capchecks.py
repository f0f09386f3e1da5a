"""Caps of categories (`[retention.<category>]`) and categories that must be switched on before a rule may have them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from cloud_sync.model import LawfulBasis
from cloud_sync.policy.checks import Gap, Raw, period, table, tables, text, words
from cloud_sync.policy.period import Period
from cloud_sync.policy.vocabulary import Clock


class Cap(NamedTuple):
    """The longest term of a category."""

    longest: str
    why: str


#: What holds where the file is silent (clause table, V-24, V-28, V-29, V-41, V-42, V-16, V-37).
CAPS: Mapping[str, Cap] = MappingProxyType(
    {
        "account": Cap("P12M", "retention.account.after_last_interaction"),
        "support": Cap("P12M", "retention.support.max"),
        "billing": Cap("P5Y", "retention.billing.max"),
        "invoice": Cap("P5Y", "retention.billing.max"),
        "payment": Cap("P5Y", "retention.billing.max"),
        "traffic": Cap("P6M", "retention.traffic.max"),
        "flow_raw": Cap("P30D", "retention.flow_raw.max"),
        "call_recording": Cap("P30D", "support.recording.max"),
        "identity_copy": Cap("P30D", "identity.document.hard_max"),
    }
)
ACCOUNTING = ("invoice", "payment")
#: Terms above this are for accounting material alone.
THREE_YEARS_S = 3 * 366 * 86_400
#: Keys of `[retention]` that are no category.
_OWN = frozenset({"sweep", "total_cap", "purpose_cap", "beyond_cap", "dropped"})
#: A category, and the key that must be true before a rule may have it.
_SWITCHED = (("call_recording", ("support", "recording", "enabled")), ("directory", ("directory", "enabled")))


def accounting(raw: Raw) -> frozenset[str]:
    """Categories whose long terms the law on accounts asks for."""
    stated = words(table(raw, "retention", "billing").get("categories"))
    return frozenset({"billing", *(stated or ACCOUNTING)})


def _cap(raw: Raw, category: str) -> Cap | None:
    """The cap of a category: what the file says, else the default."""
    known = CAPS.get(category)
    key = tuple((known.why if known else f"retention.{category}.max").split("."))
    stated = table(raw, *key[:-1]).get(key[-1])
    if period(stated) is None:
        return known
    return Cap(str(stated), ".".join(key))


def caps_hold(raw: Raw) -> Iterator[Gap]:
    """No term is longer than the cap of its category; terms over three years are for accounting material alone."""
    for n, rule in enumerate(tables(raw.get("rule"))):
        category, terms = text(rule.get("category")), _terms(rule)
        cap, longest = _cap(raw, category), max(terms, key=lambda term: term.longest_s, default=None)
        if longest and longest.shortest_s > THREE_YEARS_S and category not in accounting(raw):
            yield Gap(("rule", n, "retention"), f"{longest} is a term for billing only", "shorten it to P3Y or less")
        elif longest and cap and longest.may_outlast(Period.parse(cap.longest)):
            fix = f"shorten it, or state {cap.why} and why"
            yield Gap(("rule", n, "retention"), f"{longest} is longer than {cap.why} ({cap.longest})", fix)


def _terms(rule: Raw) -> list[Period]:
    said = [rule.get("retention"), *(step.get("retention") for step in tables(rule.get("step")))]
    return [term for term in map(period, said) if term]


def caps_of_categories(raw: Raw) -> Iterator[Gap]:
    """A cap is of a category that some rule has, and its clock is that of the rule."""
    rules = tables(raw.get("rule"))
    for category, cap in table(raw, "retention").items():
        if category in _OWN or not isinstance(cap, dict):
            continue
        matching = [(n, rule) for n, rule in enumerate(rules) if rule.get("category") == category]
        if not matching and category not in CAPS:
            fix = "correct the name, or add a rule of this category"
            yield Gap(("retention", category), f"no rule has category {category!r}", fix)
        for n, rule in matching:
            for key in ("clock", "after"):
                if key in cap and key in rule and rule[key] != cap[key]:
                    message = f"{rule[key]} is not retention.{category}.{key} ({cap[key]})"
                    yield Gap(("rule", n, key), message, "let the two agree")
            if "after_last_interaction" in cap and rule.get("clock") != Clock.LAST_INTERACTION:
                message = f"{rule.get('clock')} beside retention.{category}.after_last_interaction"
                yield Gap(("rule", n, "clock"), message, f'set clock = "{Clock.LAST_INTERACTION.value}"')


def switched_on(raw: Raw) -> Iterator[Gap]:
    """What is off by default has no rule until its switch is on."""
    for category, key in _SWITCHED:
        if table(raw, *key[:-1]).get(key[-1]) is True:
            continue
        for n, rule in enumerate(tables(raw.get("rule"))):
            if rule.get("category") == category:
                name = ".".join(key)
                yield Gap(("rule", n, "category"), f"{category} is off", f"set {name} = true, or take the rule out")


def dropped_without_rule(raw: Raw) -> Iterator[Gap]:
    """What is dropped has no rule any more [a word that destroys, left behind when the rule comes back]."""
    kept = {text(rule.get("category")) for rule in tables(raw.get("rule"))}
    for category in words(table(raw, "retention").get("dropped")):
        if category in kept:
            fix = "take it out of retention.dropped, or take the rule out"
            yield Gap(("retention", "dropped"), f"{category} is dropped and has a rule", fix)


def purposes_end(raw: Raw) -> Iterator[Gap]:
    """What is kept for a use to come ends at most `purpose.max_open` after its purpose is concluded (V-10)."""
    most = period(table(raw, "purpose").get("max_open")) or Period.parse("P12M")
    for n, rule in enumerate(tables(raw.get("rule"))):
        term = period(rule.get("retention"))
        if rule.get("clock") == Clock.PURPOSE_CONCLUDED and term and term.may_outlast(most):
            message = f"{term} after the purpose is concluded is longer than purpose.max_open ({most})"
            yield Gap(("rule", n, "retention"), message, "shorten it")


def one_cap(raw: Raw) -> Iterator[Gap]:
    """Where `retention.purpose_cap` stands, no term is longer but for accounting, legal obligations and what is named as
    longer (MM-53).
    """
    retention = table(raw, "retention")
    cap, longer = period(retention.get("purpose_cap")), words(retention.get("beyond_cap"))
    rules = tables(raw.get("rule"))
    for n, rule in enumerate(rules if cap else ()):
        category = text(rule.get("category"))
        if category in accounting(raw) or category in longer or rule.get("basis") == LawfulBasis.LEGAL_OBLIGATION:
            continue
        longest = max(_terms(rule), key=lambda term: term.longest_s, default=None)
        if cap and longest and longest.may_outlast(cap):
            message = (
                f"{longest} is longer than retention.purpose_cap ({cap}), and {category} is no accounting material"
            )
            yield Gap(
                ("rule", n, "retention"),
                message,
                "shorten it, or name the category in retention.beyond_cap and say why",
            )
    for category in longer:
        if category not in {rule.get("category") for rule in rules}:
            yield Gap(
                ("retention", "beyond_cap"), f"no rule has category {category!r}", "correct the name, or take it out"
            )


CAP_CHECKS: tuple[Callable[[Raw], Iterator[Gap]], ...] = (
    caps_hold,
    caps_of_categories,
    switched_on,
    dropped_without_rule,
    purposes_end,
    one_cap,
)
