"""When backups must be gone, and when the last trace of a relation has left the last of them (clause table, section 9)."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

from cloud_sync.model import LawfulBasis
from cloud_sync.policy import Clock, Period, Policy, Rule
from cloud_sync.retention.civil import zone_of
from cloud_sync.retention.clocks import Clocks
from cloud_sync.retention.due import RecordTerms
from cloud_sync.retention.terms import Terms

#: Clocks that an ended relation starts, or that run from what is still written in the months after its end.
_TAIL = frozenset({Clock.RECORD_CREATED})


class LastTrace(NamedTuple):
    """Of one category: Unix seconds at which it leaves the live system, and the last backup of it is gone.

    None where nothing of an ended relation ends it: then the category has an event of its own still to come.
    """

    category: str
    live_until: float | None
    backups_until: float | None


def keys_horizon(policy: Policy) -> Period:
    """How long a backup of keys lives: `backup.keys_horizon`, or as long as any other backup.

    From its end on, nothing that was erased opens in an older snapshot, however long snapshots live.
    """
    value = policy.parameters.get("backup.keys_horizon")
    return value if isinstance(value, Period) else policy.backup_horizon


def last_traces(policy: Policy, ended_at: float) -> list[LastTrace]:
    """Of each category, in order, what an end of the relation at `ended_at` (Unix seconds) leads to.

    Log lines that are written while application data still waits for its own term count as well [three months of lines, a year of
    each, and a backup's thirty days would be sixteen months]: of those the last one is taken.
    """
    zone, tail = zone_of(policy.country), _tail(policy, ended_at)
    found = []
    for category in sorted({rule.category for rule in policy.rules}):
        live = _live_until(policy, category, ended_at, tail)
        found.append(LastTrace(category, live, None if live is None else policy.backup_horizon.end(live, zone)))
    return found


def _live_until(policy: Policy, category: str, ended_at: float, tail: float) -> float | None:
    terms = _terms(policy)
    rules = terms.rules(category)
    if not rules:
        streams = {rule.stream for rule in policy.rules_of(category) if rule.stream is not None}
        last = max((Terms(policy).end(stream, ended_at) for stream in streams), default=None)
        lawful = any(rule.basis is LawfulBasis.LEGAL_OBLIGATION for rule in policy.rules if rule.stream in streams)
        return last if last is None or lawful else min(last, terms.capped(ended_at))
    moments = (ended_at, tail) if any(rule.clock in _TAIL for rule in rules) else (ended_at,)
    dues = [terms.due(rules, at, _events(rules, at), {Clock.RELATION_ENDED.value: (ended_at,)}) for at in moments]
    known = [due for due in dues if due is not None]
    return max(known) if len(known) == len(dues) else None


def _tail(policy: Policy, ended_at: float) -> float:
    """Until when application data waits, restricted, after the end: the longest term on the clock of the relation."""
    zone = zone_of(policy.country)
    waits = [rule.retention.end(ended_at, zone) for rule in policy.rules if rule.clock is Clock.RELATION_ENDED]
    return max(waits, default=ended_at)


def _events(rules: tuple[Rule, ...], at: float) -> dict[str, tuple[float, ...]]:
    """What an end of the relation ends with it; consents and holds have ends of their own."""
    own = (Clock.PURPOSE_CONCLUDED, Clock.CASE_CLOSED, Clock.INVOICE_ISSUED)
    return {rule.clock.value: (at,) for rule in rules if rule.clock in own}


def _terms(policy: Policy) -> RecordTerms:
    return RecordTerms(
        policy, Clocks(cast(Any, None), policy, cast(Any, None))
    )  # nothing asked here reads store or clock
