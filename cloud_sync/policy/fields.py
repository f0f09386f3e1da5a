"""`[fields]`: what kind of data each field is, the laws that govern a category beside the GDPR, and how closely what is
risky is kept.

Three classes are known: what people enter, what sensors tell, and metadata that arises by itself. Where the table stands it
is complete: a field without a class is a gap, as is one with two. What a device senses, or says about itself, has its class
from its stream.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Annotated, Final

from pydantic import Field

from cloud_sync.policy.checks import Gap, Raw, period, table, tables, text, words
from cloud_sync.policy.kinds import Table
from cloud_sync.policy.period import Period

CLASSES: Final = ("entered", "sensor", "metadata")
#: Of what a stream carries.
_OF_STREAM: Final = {"location": "sensor", "environment": "sensor", "motion": "sensor", "status": "metadata"}
#: A category, or one field of it; the field goes before its category.
Classed = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}(\.[a-z][a-z0-9_]{0,39})?$")]
#: Categories that a law on telecommunication governs too, and fields that make one of any category (clause table, TT-17, CG-31).
TELECOM_CATEGORIES: Final = frozenset({"traffic"})
TELECOM_FIELDS: Final = frozenset({"msisdn"})
#: A key of a device that opens what is risky is no older (clause table, CT-44).
OLDEST_KEY: Final = Period.parse("P90D")


class FieldsTable(Table):
    """`[fields]`: the class of every field of records, as `category` or `category.field` (CT-54)."""

    entered: tuple[Classed, ...] = ()
    sensor: tuple[Classed, ...] = ()
    metadata: tuple[Classed, ...] = ()


def fields_classed(raw: Raw) -> Iterator[Gap]:
    """Where `[fields]` stands, each field has one class; what it lists exists."""
    if "fields" not in raw:
        return
    said = Counter(name for each in CLASSES for name in words(table(raw, "fields").get(each)))
    used: set[str] = set()
    for n, rule in enumerate(tables(raw.get("rule"))):
        category = text(rule.get("category"))
        for k, field in enumerate(words(rule.get("fields"))):
            name = f"{category}.{field}" if f"{category}.{field}" in said else category
            used.add(name)
            if text(rule.get("stream")) not in _OF_STREAM and name not in said:
                fix = f'add "{category}.{field}", or "{category}", to one of {", ".join(CLASSES)} in [fields]'
                yield Gap(("rule", n, "fields", k), f"{category}.{field} has no class", fix)
    for each in CLASSES:
        for k, name in enumerate(words(table(raw, "fields").get(each))):
            if name and name not in used:
                yield Gap(("fields", each, k), f"no rule has {name}", "correct the name, or take it out")
            elif said[name] > 1:
                yield Gap(("fields", each, k), f"{name} has two classes", "take it out of one of them")


def other_laws_named(raw: Raw) -> Iterator[Gap]:
    """What another law governs too names it, whatever its basis: numbers of telephones, traffic, and what `legal.required`
    lists.
    """
    required = {*words(table(raw, "legal").get("required")), *TELECOM_CATEGORIES}
    rules = tables(raw.get("rule"))
    for n, rule in enumerate(rules):
        category = text(rule.get("category"))
        governed = category in required or not TELECOM_FIELDS.isdisjoint(words(rule.get("fields")))
        if governed and not rule.get("legal_ref"):
            fix = 'add legal_ref = "..." with the law that governs it beside the GDPR'
            yield Gap(("rule", n, "category"), f"{category} without legal_ref", fix)
    for k, category in enumerate(words(table(raw, "legal").get("required"))):
        if category and category not in {rule.get("category") for rule in rules}:
            yield Gap(
                ("legal", "required", k), f"no rule has category {category!r}", "correct the name, or take it out"
            )


def risk_followed(raw: Raw) -> Iterator[Gap]:
    """What is of high risk is behind a ticket and a second factor, and under keys no older than ninety days."""
    access, oldest = table(raw, "access"), period(table(raw, "security").get("device_key_max"))
    for n, rule in enumerate(tables(raw.get("rule"))):
        if rule.get("risk") != "high":
            continue
        path, category = ("rule", n, "risk"), text(rule.get("category"))
        if access.get("ticket_required") is False or access.get("staff_mfa") == "offered":
            fix = 'set access.ticket_required = true and access.staff_mfa = "required"'
            yield Gap(path, f"{category} is of high risk, and staff come in more easily", fix)
        if rule.get("stream") and oldest and oldest.may_outlast(OLDEST_KEY):
            fix = f"make security.device_key_max {OLDEST_KEY} or shorter"
            yield Gap(path, f"{category} is of high risk, and a key may be {oldest} old", fix)


FIELD_CHECKS: Final[tuple[Callable[[Raw], Iterator[Gap]], ...]] = (fields_classed, other_laws_named, risk_followed)
