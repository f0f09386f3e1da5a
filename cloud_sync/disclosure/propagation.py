"""Copies outside that outlive a consent: whoever has not taken the removal within `consent.propagation_max` is one alarm (V-25).

The own gate closes at once; recipients are told with each sweep until they take it (`disclosure.recall`). An alarm
is an entry of the log, once for each recipient, person and purpose, and a line for whoever runs the service.
"""

from __future__ import annotations

import logging
from typing import Final

from cloud_sync.audit import AuditLog, Kind
from cloud_sync.consent import ConsentLedger
from cloud_sync.model import ConsentState
from cloud_sync.policy import Policy
from cloud_sync.stores import Clock, Database

log = logging.getLogger(__name__)

WHO: Final = "recipients"


class Propagation:
    """Watches over what recipients still have of people whose consent has ended."""

    def __init__(
        self, *, policy: Policy, ledger: ConsentLedger, database: Database, clock: Clock, audit: AuditLog
    ) -> None:
        self._policy = policy
        self._ledger = ledger
        self._database = database
        self._clock = clock
        self._audit = audit

    def alarm(self) -> int:
        """Raise the alarms that are due and were not raised; how many these are."""
        raised = 0
        for recipient in self._policy.recipients:
            for subject, purpose in self._database.told_to(recipient):
                if self._is_late(subject, purpose) and not self._is_raised(subject, recipient, purpose):
                    detail = {"recipient": recipient, "purpose": purpose}
                    self._audit.record(Kind.RECIPIENT_LATE, WHO, subject, **detail)
                    raised += 1
        if raised:
            log.error("%d removals were not taken in time: byleave sync audit list --kind recipient.late", raised)
        return raised

    def _is_late(self, subject: str, purpose: str) -> bool:
        now = self._clock.now()
        if not self._policy.consent_rules(purpose) or self._ledger.covered(subject, purpose, now, now).at_use:
            return False
        return (
            now >= self._ended(subject, purpose) + self._policy.parameters.period("consent.propagation_max").longest_s
        )

    def _ended(self, subject: str, purpose: str) -> float:
        """When a consent that covers nothing any more ended: the first answer after the last yes, whatever came later [a
        second no, a question], or the moment at which a group or a term closed it. Now, where nothing tells it.
        """
        now, records = self._clock.now(), self._ledger.records(subject, purpose)
        yes = max((n for n, each in enumerate(records) if each.event_state is ConsentState.GIVEN), default=-1)
        if len(records) > yes + 1:
            return records[yes + 1].event_time
        ended = now
        for at in reversed(self._ledger.boundaries(subject) if records else []):
            if records[yes].event_time < at <= now and not self._ledger.covered(subject, purpose, at, at).at_use:
                ended = at
            elif at <= now:
                break
        return ended

    def _is_raised(self, subject: str, recipient: str, purpose: str) -> bool:
        since = self._ended(subject, purpose)
        return any(
            entry.event.at >= since
            and {"recipient": recipient, "purpose": purpose}.items() <= dict(entry.event.detail).items()
            for entry in self._audit.entries(subject, Kind.RECIPIENT_LATE.value)
        )
