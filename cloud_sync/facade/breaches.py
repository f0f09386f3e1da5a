"""Incidents as the façade has them: `cloud.breaches`."""

from __future__ import annotations

from typing import Protocol

from cloud_sync.audit import AuditLog
from cloud_sync.breach import BreachDesk, Finder
from cloud_sync.breach.book import IncidentBook
from cloud_sync.breach.terms import end_terms, raise_alarms
from cloud_sync.breach.witness import IncidentWitness
from cloud_sync.policy import Policy
from cloud_sync.stores import Clock, Database, KeyDatabase, WitnessStore


class _Parts(Protocol):
    """What of `CloudSync` it stands on."""

    audit: AuditLog
    clock: Clock
    database: Database
    policy: Policy


class Breaches(BreachDesk):
    """The desk, and what the sweep does for it."""

    def __init__(self, cloud: _Parts, store: KeyDatabase, witness: WitnessStore) -> None:
        book = IncidentBook(cloud.database, cloud.audit, cloud.clock, IncidentWitness(cloud.database, witness))
        super().__init__(book, Finder(cloud.database, store, cloud.policy), cloud.policy)

    def alarm(self) -> int:
        """Raise what is due, now; the sweep does it. How many."""
        return raise_alarms(self._book)

    def replay(self) -> int:
        """Put back what a restored database does not know of the register, before anything is served; how many events."""
        return self._book.replay()

    def end_terms(self) -> int:
        """Destroy what of the register has outlived its term; the sweep does it. How many."""
        return end_terms(self._book, self._policy)
