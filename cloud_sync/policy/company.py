"""The tables about the company itself: who it is, its own words, and what it lets machines decide."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Literal

from pydantic import Field

from cloud_sync.policy.checks import Gap, Raw, table, tables, text, words
from cloud_sync.policy.kinds import Email, Name, Phone, Reference, Table, Words

#: Pictures of people that machines draw (clause table, X-17).
PROFILES: Final = frozenset({"risk"})
#: Purposes that need one: the gate's own list, whose module lies above this one; a test holds the two together.
PROFILING: Final = frozenset({"personalisation", "profiling", "credit_check", "eligibility", "fraud_prevention"})


class ControllerTable(Table):
    """`[controller]`: name and contact of who answers for the data, GDPR Art. 30(1)(a); of a company, not of a person."""

    name: Words
    address: Words
    email: Email
    phone: Phone | None = None
    dpo_email: Email | None = None
    registration: Reference | None = None
    required: tuple[Literal["phone", "dpo_email", "registration"], ...] = ()


class TextTable(Table):
    """`[text.<language>]`: the company's own words for its purposes, categories and recipients, and its questions."""

    purpose: dict[Name, Words] = Field(default={})
    question: dict[Name, Words] = Field(default={})
    category: dict[Name, Words] = Field(default={})
    recipient: dict[Name, Words] = Field(default={})


class AutomatedTable(Table):
    """`[automated]`: decisions of consequence that no person takes, and pictures of people; off (X-17, GDPR Art. 22)."""

    decisions: bool = Field(default=False, strict=True)
    profiling: bool = Field(default=False, strict=True)
    grounds: tuple[Literal["consent", "contract", "fraud_prevention", "law"], ...] = ()
    review_workdays: int = Field(default=5, ge=1, le=20, strict=True)


def contacts_there(raw: Raw) -> Iterator[Gap]:
    """What the company itself calls required of its contact stands there."""
    who = table(raw, "controller")
    for name in words(who.get("required")):
        if name and not who.get(name):
            fix = f'add {name} = "..." to [controller], or take it out of controller.required'
            yield Gap(("controller", "required"), f"{name} is required and missing", fix)


def automated_on_grounds(raw: Raw) -> Iterator[Gap]:
    """Machines decide on named grounds or not at all; no picture of a person is kept while profiling is off."""
    automated = table(raw, "automated")
    if automated.get("decisions") is True and not words(automated.get("grounds")):
        fix = 'add grounds = ["contract"] or another of GDPR Art. 22(2), or set decisions = false'
        yield Gap(("automated", "decisions"), "automated decisions without a ground", fix)
    for n, rule in enumerate(tables(raw.get("rule"))):
        if text(rule.get("category")) in PROFILES and automated.get("profiling") is not True:
            fix = "set automated.profiling = true, or take the rule out"
            yield Gap(("rule", n, "category"), f"{rule['category']} is off", fix)
        for k, purpose in enumerate(words(rule.get("purpose"))):
            if purpose in PROFILING and automated.get("profiling") is not True:
                fix = "set automated.profiling = true, so that people are told, or take the purpose out"
                yield Gap(("rule", n, "purpose", k), f"{purpose} while automated.profiling is off", fix)


def telemetry_on_grounds(raw: Raw) -> Iterator[Gap]:
    """Where `basis.telemetry` stands, what a device senses rests on one of those grounds; its status tells of nobody."""
    allowed = words(table(raw, "basis").get("telemetry"))
    for n, rule in enumerate(tables(raw.get("rule"))):
        basis, stream = text(rule.get("basis")), text(rule.get("stream"))
        if allowed and basis and stream not in ("", "status") and basis not in allowed:
            fix = f"rest it on {' or '.join(allowed)}, or add it to basis.telemetry"
            yield Gap(("rule", n, "basis"), f"{basis} is not in basis.telemetry", fix)


COMPANY_CHECKS: tuple[Callable[[Raw], Iterator[Gap]], ...] = (
    contacts_there,
    automated_on_grounds,
    telemetry_on_grounds,
)
