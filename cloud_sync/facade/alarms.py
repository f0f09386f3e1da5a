"""Alarms and incidents as `CloudSync` wires them: `cloud.alarms`, `cloud.breaches`, and what the sweep does for both."""

from __future__ import annotations

from collections.abc import Sequence

from cloud_sync.alarms import AlarmDesk
from cloud_sync.audit import AuditLog
from cloud_sync.facade.breaches import Breaches
from cloud_sync.facade.live import Live
from cloud_sync.gate import Gate
from cloud_sync.keys.personkeys import PersonKeys
from cloud_sync.model import StoredEnvelope
from cloud_sync.policy import Policy
from cloud_sync.read.reader import Reader
from cloud_sync.records import Records
from cloud_sync.statistics import Counting, Statistics
from cloud_sync.storage.keys import KeyRows
from cloud_sync.storage.tombstones import TombstoneRows
from cloud_sync.stores import Clock, Database, Sink


class Alarming:
    """The part of `CloudSync` that raises alarms."""

    audit: AuditLog
    clock: Clock
    database: Database
    gate: Gate
    live: Live
    policy: Policy
    records: Records
    sinks: dict[str, Sink]
    statistics: Statistics
    _reader: Reader
    _store: KeyRows
    _tombstones: TombstoneRows

    def _prepare_alarms(self, people: PersonKeys) -> None:
        self.breaches = Breaches(self, self._store, self._tombstones)
        self.statistics.counts = Counting(
            database=self.database,
            witness=self._tombstones,
            gate=self.gate,
            contents=self.records.contents,
            clock=self.clock,
            audit=self.audit,
            sinks=self.sinks,
        )
        self.alarms = AlarmDesk(
            database=self.database,
            people=people,
            reader=self._reader,
            tombstones=self._tombstones,
            witness=self._tombstones,
            gate=self.gate,
            clock=self.clock,
            audit=self.audit,
        )

    def _committed(self, rows: Sequence[StoredEnvelope]) -> None:
        """Whoever follows hears of new rows, and so do rules."""
        self.live.committed(rows)
        self.alarms.committed(rows)

    def _sweep_alarms(self, *, halted: bool) -> None:
        """Telling waits for no clock to be confirmed; destroying does."""
        self.alarms.sweep()
        if not halted:
            self.breaches.end_terms()
