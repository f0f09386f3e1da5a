"""What the law and the clause table ask of a policy as a whole: deadlines, grounds, roles of a company, what a log may hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cloud_sync.model import LawfulBasis
from cloud_sync.policy.checks import Gap, Raw, period, table, tables, text, words
from cloud_sync.policy.locate import Path
from cloud_sync.policy.period import Period
from cloud_sync.policy.vocabulary import MARKETING_PURPOSES, SENSED_FIELDS, ControllerRole

#: Records of what was done: they hold pseudonyms and kinds, never what was sensed (clause table, 5.2 and section 8, row 43).
_RECORDS = frozenset({"audit", "log", "access_log", "consent_ledger"})
#: (key, the longest it may be, why)
_MOST = (
    (("rights", "deadline"), "P1M", "GDPR Art. 12(3) gives one month; P30D is later than that from a day of February"),
    (("rights", "extension_max"), "P2M", "GDPR Art. 12(3) gives two months more"),
    (("breach", "authority_deadline"), "PT72H", "GDPR Art. 33(1) gives 72 hours"),
    (("breach", "processor_to_controller"), "PT72H", "the controller's own 72 hours run meanwhile"),
    (("consent", "propagation_max"), "PT72H", "copies outside get three days"),
    (("consent", "gate_latency"), "PT1S", "own systems obey a withdrawal within a second"),
    (("retention", "sweep"), "P1D", "a term would be late by more than a day"),
    (("backup", "horizon"), "P1Y", "no backup lives longer than a year"),
    (("children", "report", "restrict"), "P1D", "a child's data is restricted first and examined then"),
)
#: (key, the key that it may not outlast)
_WITHIN = (
    (("assurance", "warn"), ("assurance", "response")),
    (("backup", "horizon"), ("retention", "total_cap")),
    (("backup", "keys_horizon"), ("backup", "horizon")),
    (("children", "report", "restrict"), ("children", "report", "erase")),
    (("device", "heartbeat"), ("device", "lease")),
    (("identity", "document", "after_decision"), ("identity", "document", "hard_max")),
    (("monitor", "interval"), ("monitor", "gap_alarm")),
    (("rights", "erasure", "execute_max"), ("rights", "deadline")),
)


def terms_within_law(raw: Raw) -> Iterator[Gap]:
    """A deadline is no later than the law gives, from any day of the calendar; of two terms the inner ends first."""
    for path, most, why in _MOST:
        value = _period_at(raw, path)
        if value and value.may_outlast(Period.parse(most)):
            yield Gap(path, f"{value} may end later than {most}: {why}", f"make it {most} or shorter")
    for inner, outer in _WITHIN:
        value, bound = _period_at(raw, inner), _period_at(raw, outer)
        if value and bound and value.may_outlast(bound):
            yield Gap(inner, f"{value} may outlast {'.'.join(outer)} ({bound})", "make it at most as long")


def answers_outlive_backups(raw: Raw) -> Iterator[Gap]:
    """Answers are kept while a backup of before them may come back: they are what tells that a yes in it was withdrawn."""
    horizon = _period_at(raw, ("backup", "horizon"))
    for n, rule in enumerate(tables(raw.get("rule"))):
        term = period(rule.get("retention"))
        if rule.get("category") == "consent_ledger" and term and horizon and horizon.may_outlast(term):
            why = f"a backup ({horizon}) may outlast the answers given since ({term})"
            yield Gap(("rule", n, "retention"), why, f"make it {horizon} or longer, or backup.horizon shorter")


def _period_at(raw: Raw, path: tuple[str, ...]) -> Period | None:
    return period(table(raw, *path[:-1]).get(path[-1]))


def marketing_by_consent(raw: Raw) -> Iterator[Gap]:
    """Marketing rests on consent: ePrivacy Directive Art. 13(1)."""
    for n, rule in enumerate(tables(raw.get("rule"))):
        for k, purpose in enumerate(words(rule.get("purpose"))):
            if purpose in MARKETING_PURPOSES and rule.get("basis") not in (None, LawfulBasis.CONSENT):
                fix = 'set basis = "consent", in a rule of its own'
                yield Gap(("rule", n, "purpose", k), f"{purpose} without consent", fix)


def status_without_consent(raw: Raw) -> Iterator[Gap]:
    """A device's status rests on another basis than consent: it is what shows that a withdrawal took effect."""
    for n, rule in enumerate(tables(raw.get("rule"))):
        if rule.get("stream") == "status" and rule.get("basis") == LawfulBasis.CONSENT:
            fix = 'set basis = "legitimate_interest" with a balancing_id: nothing of the person is in it'
            yield Gap(("rule", n, "basis"), "status by consent would end with it, and so would its proof", fix)


def roles_of_the_company(raw: Raw) -> Iterator[Gap]:
    """A processor acts by instruction, joint controllers by an arrangement: GDPR Art. 28(3)(a) and 26."""
    whole = text(table(raw, "policy").get("role"))
    for n, rule in enumerate(tables(raw.get("rule"))):
        role = text(rule.get("role")) or whole
        key: Path = ("rule", n, "role") if "role" in rule else ("rule", n)
        if role == ControllerRole.PROCESSOR and not rule.get("instruction"):
            fix = 'add instruction = "..." of the customer, or role = "controller" where the purpose is your own'
            yield Gap(key, f"{rule.get('category')}: a processor without instruction", fix)
        if role == ControllerRole.JOINT_CONTROLLER and not rule.get("arrangement"):
            fix = 'add arrangement = "..." with its reference'
            yield Gap(key, f"{rule.get('category')}: a joint controller without arrangement", fix)


def records_hold_no_readings(raw: Raw) -> Iterator[Gap]:
    """Logs, the audit and the ledger of consents hold nothing that was sensed, and accounts no position."""
    for n, rule in enumerate(tables(raw.get("rule"))):
        category = text(rule.get("category"))
        for k, field in enumerate(words(rule.get("fields"))):
            if field in SENSED_FIELDS and category in _RECORDS | {"billing", "invoice", "payment", "risk"}:
                fix = "take it out: what was sensed stays in its own category, under its own term"
                yield Gap(("rule", n, "fields", k), f"{field} in {category}", fix)


def visible_to_somebody(raw: Raw) -> Iterator[Gap]:
    """What is visible to the person is for the person to read: a purpose of the rule is granted to `data_subject`."""
    entries = tables(table(raw, "roles").get("data_subject"))
    readable = {
        why for entry in entries if "read" in words(entry.get("actions")) for why in words(entry.get("purposes"))
    }
    for n, rule in enumerate(tables(raw.get("rule"))):
        purposes = words(rule.get("purpose"))
        if rule.get("visible_to_user") is True and purposes and readable.isdisjoint(purposes):
            fix = f'add "{purposes[0]}" to the purposes of [[roles.data_subject]] with action "read"'
            yield Gap(("rule", n, "visible_to_user"), "visible, and the data subject may not read it", fix)
        if rule.get("visible_to_user") is True and rule.get("reason"):
            yield Gap(("rule", n, "reason"), "a reason for hiding what is visible", "take one of the two out")


def laws_listed(raw: Raw) -> Iterator[Gap]:
    """Where `legal.refs` lists the laws, no rule refers to another one."""
    refs = words(table(raw, "legal").get("refs"))
    for n, rule in enumerate(tables(raw.get("rule"))):
        ref = text(rule.get("legal_ref"))
        if refs and ref and ref not in refs:
            yield Gap(("rule", n, "legal_ref"), f"{ref!r} is not in legal.refs", "correct it, or add it to that list")


def said_once(raw: Raw) -> Iterator[Gap]:
    """No word stands twice in a list of a rule or of a recipient."""
    for kind, keys in (("rule", ("fields", "sensors", "recipients")), ("recipient", ("fields",))):
        for n, entry in enumerate(tables(raw.get(kind))):
            for key in keys:
                listed = words(entry.get(key))
                for k, word in enumerate(listed):
                    if word and word in listed[:k]:
                        yield Gap((kind, n, key, k), f"{word} stands twice", "take one of them out")


LAW_CHECKS: tuple[Callable[[Raw], Iterator[Gap]], ...] = (
    terms_within_law,
    answers_outlive_backups,
    marketing_by_consent,
    status_without_consent,
    roles_of_the_company,
    records_hold_no_readings,
    visible_to_somebody,
    laws_listed,
    said_once,
)
