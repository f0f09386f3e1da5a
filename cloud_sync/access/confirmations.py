"""Processors answer for what they were told to remove: each confirms within thirty days, or somebody is called (ST-27).

The company stays responsible for what processors do. An erasure is named by its entry in the log, which names nobody once it is
done; recipients that answer for themselves are told and owe no confirmation (clause table, row 42).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cloud_sync.audit import AuditLog, Kind
from cloud_sync.errors import ConfigError
from cloud_sync.policy import Period, Policy
from cloud_sync.policy.vocabulary import RecipientKind
from cloud_sync.stores import Clock, Database

log = logging.getLogger(__name__)

WAITED: Final = Period.parse("P30D")
WHO: Final = "recipients"
MARK: Final = "processor/"  # name of a mark: processor/<entry>/<recipient>
CALLED: Final = "called:"  # before the due moment of one that was escalated
_PROCESSORS: Final = frozenset({RecipientKind.PROCESSOR, RecipientKind.SUB_PROCESSOR})


@dataclass(frozen=True, slots=True)
class Owed:
    """A confirmation that is waited for: of which erasure, by its entry in the log; until when; and whether somebody was called."""

    erasure: int
    recipient: str
    due_at: float
    escalated: bool


class Confirmations:
    """What the processors of one installation still have to confirm."""

    def __init__(self, database: Database, policy: Policy, clock: Clock, audit: AuditLog) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock
        self._audit = audit

    def expect(self, erasure: int, recipients: Iterable[str]) -> list[Owed]:
        """From now on every processor among these owes a confirmation of this erasure."""
        known = self._policy.recipients
        owing = sorted(name for name in {*recipients} if name in known and known[name].kind in _PROCESSORS)
        due = WAITED.end(self._clock.now())
        with self._database.transaction():
            for name in owing:
                self._database.set_mark(f"{MARK}{erasure}/{name}", repr(due))
                self._audit.record(Kind.PROCESSOR_TOLD, WHO, recipient=name, counter=erasure)
        return [Owed(erasure, name, due, escalated=False) for name in owing]

    def confirm(self, erasure: int, recipient: str, *, by: str) -> None:
        """A processor says that its copy is gone, also after somebody was called. ConfigError where nothing is owed."""
        if not any((each.erasure, each.recipient) == (erasure, recipient) for each in self.owed()):
            raise ConfigError(f"{recipient[:40]} owes no confirmation of erasure {erasure}")
        with self._database.transaction():
            self._database.set_mark(f"{MARK}{erasure}/{recipient}", "")
            self._audit.record(Kind.PROCESSOR_CONFIRMED, by, recipient=recipient, counter=erasure)

    def owed(self) -> list[Owed]:
        """What is not confirmed yet, in the order of erasures."""
        found = [self._read(name) for name in self._database.marks(MARK)]
        return sorted(found, key=lambda each: (each.erasure, each.recipient))

    def escalate(self) -> list[Owed]:
        """With each sweep: somebody is called, once, for each that is overdue; those that are new."""
        late = [each for each in self.owed() if not each.escalated and each.due_at <= self._clock.now()]
        for each in late:
            with self._database.transaction():
                self._database.set_mark(f"{MARK}{each.erasure}/{each.recipient}", f"{CALLED}{each.due_at!r}")
                self._audit.record(Kind.PROCESSOR_ESCALATED, WHO, recipient=each.recipient, counter=each.erasure)
        if late:
            log.error("%d processors have not confirmed an erasure in time", len(late))
        return late

    def _read(self, mark: str) -> Owed:
        erasure, _, recipient = mark.removeprefix(MARK).partition("/")
        due = self._database.mark(mark)
        return Owed(int(erasure), recipient, float(due.removeprefix(CALLED)), escalated=due.startswith(CALLED))
