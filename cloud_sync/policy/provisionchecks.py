"""What `[access]`, `[stats]`, `[children]` and the steps of a rule must mean together with the rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from cloud_sync.model import Precision
from cloud_sync.policy.checks import Gap, Raw, period, table, tables, text, words
from cloud_sync.policy.locate import Path
from cloud_sync.policy.vocabulary import POSITION_FIELDS, PRECISIONS, After, Role

#: Who comes in as staff: by ticket and grant. People about themselves and machines are no staff.
STAFF_ROLES = frozenset(
    {Role.STAFF, Role.SUPPORT, Role.DPO, Role.AUDITOR, Role.CONTROLLER, Role.PROCESSOR, Role.SUB_PROCESSOR}
)
#: A grant is for one piece of work, not for a job.
GRANT_MOST_S = 86_400
#: A position of a receiver has cells up to here; a country is no cell of it.
_COARSEST_CELL = Precision.REGION
#: What a total of records has (`records/totals.py`).
TOTAL_FIELDS: Final = frozenset({"hour", "count"})
_TO_RELEASE_S: Final = 2 * 86_400  # a day ends, its delay runs, and a day is left to release it in


def staff_let_in(raw: Raw) -> Iterator[Gap]:
    """Whom `access.roles` lets in is staff, and has acts and purposes under `[roles]`; a grant lasts a day at most."""
    access, roles = table(raw, "access"), table(raw, "roles")
    for k, role in enumerate(words(access.get("roles"))):
        if role in set(Role) and role not in STAFF_ROLES:
            fix = f"take it out; staff are {', '.join(sorted(STAFF_ROLES))}"
            yield Gap(("access", "roles", k), f"{role} is no role of the staff", fix)
        elif role in STAFF_ROLES and role not in roles:
            fix = f"add [[roles.{role}]] with its actions and purposes, or take it out"
            yield Gap(("access", "roles", k), f"{role} is let in for nothing", fix)
    ttl = period(access.get("grant_ttl"))
    if ttl and ttl.longest_s > GRANT_MOST_S:
        yield Gap(("access", "grant_ttl"), f"a grant of {ttl} is no short one", "make it P1D at most, better PT60M")


def inputs_declared(raw: Raw) -> Iterator[Gap]:
    """Statistics come from fields that some rule has."""
    known = {
        f"{rule.get('category')}.{field}" for rule in tables(raw.get("rule")) for field in words(rule.get("fields"))
    }
    for k, name in enumerate(words(table(raw, "stats").get("inputs"))):
        if name and name not in known:
            yield Gap(("stats", "inputs", k), f"no rule has {name}", "write it as category.field, or take it out")


def floors_complete(raw: Raw) -> Iterator[Gap]:
    """A floor for every purpose and every country: those not named have one too; a named purpose exists."""
    children = table(raw, "children")
    declared = {purpose for rule in tables(raw.get("rule")) for purpose in words(rule.get("purpose"))}
    for key, rest in (("policy_floor", "other"), ("country_floor", "default")):
        floors = children.get(key)
        if isinstance(floors, dict) and rest not in floors:
            yield Gap(("children", key), f"no floor for what is not named ({rest})", f"add {rest} = 16")
    for purpose in table(children, "policy_floor"):
        if purpose != "other" and purpose not in declared:
            fix = 'correct the name, or write it as "other"'
            yield Gap(("children", "policy_floor", purpose), f"no rule declares purpose {purpose!r}", fix)


def steps_go_down(raw: Raw) -> Iterator[Gap]:
    """Steps stand with `after = "step_down"`, are of positions, and each is coarser and longer than the one before."""
    cap = PRECISIONS.get(text(table(raw, "location").get("precision")), Precision.EXACT)
    for n, rule in enumerate(tables(raw.get("rule"))):
        steps = tables(rule.get("step"))
        if bool(steps) != (rule.get("after") == After.STEP_DOWN):
            fix = 'set after = "step_down" and add [[rule.step]] tables, or neither'
            yield Gap(("rule", n, "after"), "steps and step_down go together", fix)
        if steps and (rule.get("stream") != "location" or not set(words(rule.get("fields"))) >= POSITION_FIELDS):
            fix = 'take them out and set after = "delete": only a position can become coarser'
            yield Gap(("rule", n, "step"), "steps of what is no position", fix)
        yield from _steps(n, rule, steps, cap)


def _steps(n: int, rule: Raw, steps: list[Raw], cap: Precision) -> Iterator[Gap]:
    finest, term = PRECISIONS.get(text(rule.get("precision")), cap), period(rule.get("retention"))
    for k, step in enumerate(steps):
        path: Path = ("rule", n, "step", k)
        coarser, longer = PRECISIONS.get(text(step.get("precision"))), period(step.get("retention"))
        if coarser is not None and not max(finest, cap) < coarser <= _COARSEST_CELL:
            message = f"{coarser.name.lower()} is no step down from {max(finest, cap).name.lower()}"
            yield Gap((*path, "precision"), message, "take a coarser cell, region at most")
        if longer and term and longer.shortest_s <= term.longest_s:
            message = f"{longer} is not longer than {term}, the term before"
            yield Gap((*path, "retention"), message, "terms of steps count from the same clock: make each longer")
        finest, term = coarser or finest, longer or term


def statistics_remain(raw: Raw) -> Iterator[Gap]:
    """What is aggregated or made anonymous is a position, from which statistics are made in time, by somebody who may."""
    stats = table(raw, "stats")
    for n, rule in enumerate(tables(raw.get("rule"))):
        after, path = text(rule.get("after")), ("rule", n, "after")
        if rule.get("into") is not None or (after == After.AGGREGATE and not rule.get("stream")):
            yield from _totals(raw, n, rule)
            continue
        if after not in (After.AGGREGATE, After.ANONYMISE):
            continue
        fields = {"time", *POSITION_FIELDS}
        if rule.get("stream") != "location" or not set(words(rule.get("fields"))) >= fields:
            fix = 'set after = "delete", or keep it as records with after = "aggregate" and into = "..."'
            yield Gap(path, f"{after} of what is no position: nothing here can count it", fix)
            continue
        missing = sorted(f"{rule.get('category')}.{field}" for field in fields) if stats else []
        missing = [name for name in missing if name not in words(stats.get("inputs"))]
        if not stats or missing:
            fix = f"add {', '.join(missing)} to stats.inputs" if stats else "add the table [stats]"
            yield Gap(path, f"{after} without statistics of it", fix)
        granted = {
            purpose
            for entries in table(raw, "roles").values()
            for grant in tables(entries)
            if "statistics" in words(grant.get("actions"))
            for purpose in words(grant.get("purposes"))
        }
        if granted.isdisjoint(words(rule.get("purpose"))):
            fix = 'grant the action "statistics" to a role for a purpose of this rule'
            yield Gap(path, f"{after}, and nobody may make statistics for any purpose of it", fix)
        term, delay = period(rule.get("retention")), period(stats.get("release_delay", "P30D"))
        if term and delay and term.shortest_s <= delay.longest_s + _TO_RELEASE_S:
            fix = "make it two days longer than stats.release_delay, at least"
            yield Gap(("rule", n, "retention"), f"{term} is over before a release may be made ({delay})", fix)


def _totals(raw: Raw, n: int, rule: Raw) -> Iterator[Gap]:
    """Of records remain totals of an hour, in a category of their own that can hold them, and that no device feeds."""
    into = rule.get("into")
    if rule.get("stream") or rule.get("after") != After.AGGREGATE:
        yield Gap(
            ("rule", n, "into"),
            "totals of what is not aggregated as records",
            'set after = "aggregate", or take it out',
        )
    elif not into:
        fix = 'add into = "..." with the category in which totals of an hour remain, or set after = "delete"'
        yield Gap(("rule", n, "after"), "aggregate of records: no category for their totals", fix)
    else:
        fields = [
            words(r.get("fields")) for r in tables(raw.get("rule")) if r.get("category") == into and not r.get("stream")
        ]
        if into == rule.get("category") or not any(set(each) >= TOTAL_FIELDS for each in fields):
            fix = f"add a rule of that category with the fields {', '.join(sorted(TOTAL_FIELDS))}"
            yield Gap(("rule", n, "into"), f"{into!r} is no category that can hold totals of an hour", fix)


PROVISION_CHECKS: tuple[Callable[[Raw], Iterator[Gap]], ...] = (
    staff_let_in,
    inputs_declared,
    floors_complete,
    steps_go_down,
    statistics_remain,
)
