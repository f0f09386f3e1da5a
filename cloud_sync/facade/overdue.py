"""Erasures that wait longer than the policy promises (`rights.erasure.execute_max`): an alarm, once for each."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from cloud_sync.audit import AuditLog, Kind
from cloud_sync.model.keeping import WaitingErasure
from cloud_sync.model.rights import Case, CaseState, Outcome, Right
from cloud_sync.policy import Policy
from cloud_sync.retention.civil import zone_of
from cloud_sync.stores import Clock, Database

log = logging.getLogger(__name__)

RETENTION: Final = "retention"


class OverdueErasure(NamedTuple):
    """An erasure that is decided and not done: its case, or its own id; Unix seconds."""

    reference: str
    subject: str
    since: float
    due_at: float


class Overdue:
    """Looks for them. `unheld`: erasures that waited for a hold which is released, and are still there."""

    def __init__(
        self,
        *,
        database: Database,
        unheld: Callable[[], Iterable[WaitingErasure]],
        policy: Policy,
        clock: Clock,
        audit: AuditLog,
    ) -> None:
        self._database = database
        self._unheld = unheld
        self._clock = clock
        self._audit = audit
        self._most = policy.parameters.period("rights.erasure.execute_max")
        self._zone = zone_of(policy.country)

    def erasures(self) -> list[OverdueErasure]:
        """Those that are past it now, oldest first. What a hold covers waits for its release, and is reviewed with it."""
        waiting = [(case.case_id, case.subject, since) for case, since in self._granted()]
        waiting += [(each.erasure_id, each.subject, each.at) for each in self._unheld()]
        found = [OverdueErasure(*each, self._most.end(each[2], self._zone)) for each in waiting]
        return sorted((each for each in found if each.due_at <= self._clock.now()), key=lambda each: each.due_at)

    def alarm(self) -> int:
        """Log each that is overdue, once; how many are new. The sweep does it."""
        new = [each for each in self.erasures() if not self._told(each)]
        for each in new:
            log.error("an erasure waits longer than the policy promises: %s", each.reference)
            self._audit.record(
                Kind.ERASURE_LATE.value, RETENTION, each.subject, record=each.reference, review_at=int(each.due_at)
            )
        return len(new)

    def _granted(self) -> list[tuple[Case, float]]:
        """Cases of erasure that were granted and are not carried out, each with the moment of its decision."""
        return [
            (case, case.decided_at)
            for case in self._database.cases(closed=False)
            if case.right is Right.ERASURE
            and case.state is CaseState.DECIDED
            and case.outcome != Outcome.REFUSED
            and case.carried_at is None
            and case.decided_at is not None
        ]

    def _told(self, each: OverdueErasure) -> bool:
        entries = self._audit.entries(each.subject, Kind.ERASURE_LATE.value)
        return any(("record", each.reference) in entry.event.detail for entry in entries)
