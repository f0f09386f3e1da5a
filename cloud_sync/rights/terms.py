"""What time brings to cases: alarms before and at their due moment, and the end of their own term.

Alarms go to the audit log and the figures, with the case and the right alone: what the person wrote is in neither.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol

from cloud_sync.audit import Kind
from cloud_sync.model.rights import Case
from cloud_sync.policy import Period, Policy
from cloud_sync.retention.civil import zone_of
from cloud_sync.retention.lateness import Lateness
from cloud_sync.retention.report import Gone
from cloud_sync.rights.cases import CaseBook
from cloud_sync.stores import Database

ACTOR: Final = "retention"
CATEGORY: Final = (
    "rights_case"  # of the policy; without a rule for it cases are kept as long as the audit log, or these years
)
LOG: Final = "audit"
PROOF: Final = Period.parse("P3Y")
CHUNK: Final = 500
LINKS_KEPT_S: Final = 7 * 86_400  # after their end: until then they count against the most of a message


class Held(Protocol):
    """What holds cover, at one moment."""

    def held_record(self, subject: str, category: str, created_at: float) -> float | None: ...


class CaseTerm:
    """Keeps the term of closed cases, from their closing on; a hold keeps them longer."""

    def __init__(self, database: Database, policy: Policy, view: Callable[[], Held]) -> None:
        rules = policy.rules_of(CATEGORY) or policy.rules_of(LOG)
        self._database = database
        self._terms = [rule.retention for rule in rules] or [PROOF]
        self._zone = zone_of(policy.country)
        self._view = view

    def sweep(self, now: float, lateness: Lateness) -> Gone:
        """Destroy what is over."""
        after, gone, kept = (-1e300, ""), 0, 0
        while True:
            with self._database.transaction():
                page = self._database.cases_closed_before(now, CHUNK, after)
                over = [case for case in page if self.end(case) <= now]
                held = self._view() if over else None
                dead = [case for case in over if held and held.held_record(*_what(case)) is None]
                gone, kept = (
                    gone + self._database.remove_cases([case.case_id for case in dead]),
                    kept + len(over) - len(dead),
                )
            for case in dead:
                lateness.took(self.end(case), now, None)
            if len(page) < CHUNK:
                self._database.remove_identity_links(now - LINKS_KEPT_S)
                return Gone(records=gone, held=kept)
            after = (page[-1].closed_at or 0.0), page[-1].case_id

    def end(self, case: Case) -> float:
        """Unix seconds at which the term of a closed case is over: the last of what the policy asks."""
        return max(term.end(case.closed_at or 0.0, self._zone) for term in self._terms)


def raise_alarms(book: CaseBook) -> int:
    """Raise what is due: once when the alarm's day has come, once when the last day is over. How many."""
    now, count = book.clock.now(), 0
    for case in book.database.cases_alarming(now):
        late = now >= case.due_at
        kind, level = (Kind.CASE_LATE, 2) if late else (Kind.CASE_ALARM, 1)
        with book.database.transaction():
            current = book.get(case.case_id)
            if current.pending and current.alarmed < level:
                book.write(replace(current, alarmed=level), kind, by=ACTOR)
                count += 1
    return count


def _what(case: Case) -> tuple[str, str, float]:
    return case.subject, CATEGORY, case.received_at
