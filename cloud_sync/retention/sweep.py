"""The sweep: what has outlived its term dies, the rows and the keys that open them together; what may stay coarser is made so.

A row is deleted; the stored point of its day's chain moves forward past it; a day whose every capture has
expired loses its leaf. Keys go first, so that a crash in between leaves ciphertext without a key, never the reverse.
How rows and days are gone through is in `passes.py`, how precision steps down in `stepdown.py`. Every piece of work is a
transaction of its own and is found again by what is stored, so that a sweep may be killed at any point and the next one ends in
the same state.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from cloud_sync.audit import Kind
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.model import EPOCH_SECONDS, UPLINK_STREAMS, AuditEvent
from cloud_sync.retention.checkpoint import HALTED, MOST_LEAP_S, SWEPT, leap_s
from cloud_sync.retention.lateness import Holding, Lateness, NothingHeld
from cloud_sync.retention.orphans import Orphans
from cloud_sync.retention.passes import Passes
from cloud_sync.retention.report import HOLDS_LOST, Also, Done, SweepReport
from cloud_sync.retention.stepdown import Marks, StepDown, none_given
from cloud_sync.retention.terms import Terms
from cloud_sync.stores import AuditSink, Clock, Database, KeyDatabase, TombstoneStore

__all__ = ["SWEPT", "SweepReport", "Sweeper"]

log = logging.getLogger(__name__)

ACTOR = "retention"


class Sweeper:
    """Runs hourly; `sweep` is also safe to run at any time."""

    def __init__(
        self,
        *,
        database: Database,
        store: KeyDatabase,
        keys: LadderKeys,
        tombstones: TombstoneStore,
        terms: Terms,
        clock: Clock,
        audit: AuditSink,
        holds: Holding | None = None,
        also: Sequence[Also] = (),
        marks: Marks = none_given,
    ) -> None:
        self._database = database
        self._store = store
        self._keys = keys
        self._terms = terms
        self._clock = clock
        self._audit = audit
        self._holds: Holding = holds or NothingHeld()
        self._also = also
        self._orphans = Orphans(database, store, keys)
        self._stepdown = StepDown(
            database=database, store=store, keys=keys, tombstones=tombstones, terms=terms, marks=marks
        )
        self._passes = Passes(
            database=database, store=store, keys=keys, terms=terms, stepdown=self._stepdown, holds=self._holds
        )

    def halts(self, *, clock_confirmed: bool = False) -> bool:
        """Whether a sweep would destroy nothing now: for what has to be done ahead of one."""
        leapt = leap_s(self._database, self._clock.now()) > MOST_LEAP_S
        return (leapt and not clock_confirmed) or self._holds.lost()

    def sweep(self, *, clock_confirmed: bool = False) -> SweepReport:
        """Destroy what has expired; `clock_confirmed` is a person's word that a leap of the clock is right."""
        now = self._clock.now()
        # 1. The clock must be near the last checkpoint [a clock that leaps a year must not shred everything], and no hold may be
        #    missing [a restored database that does not know what is to be kept].
        leap = leap_s(self._database, now)
        if leap > MOST_LEAP_S and not clock_confirmed:
            log.error("the clock is %.1f days beyond the last sweep; nothing was destroyed", leap / EPOCH_SECONDS)
            self._note(now, HALTED, int(leap))
            return SweepReport(now, halted=True, leap_s=leap, reason=HALTED)
        if self._holds.lost():
            log.error("holds are missing from this database, which was restored; nothing was destroyed")
            self._note(now, HOLDS_LOST, 0)
            return SweepReport(now, halted=True, reason=HOLDS_LOST)
        lateness = Lateness()
        done = self._destroy(now, lateness)
        report = SweepReport(
            now,
            done.rows,
            done.moved,
            done.leaves,
            stepped=done.stepped,
            records=done.records,
            held=done.held,
            late_s=lateness.most_s,
            late_p99_s=lateness.p99_s,
            late_held_s=lateness.held_most_s,
        )
        # 8. The log remembers it.
        self._note(now, SWEPT, done.rows, report)
        return report

    def catch_up(self, swept: float | None) -> int:
        """Destroy again, in a store that may be a restored one, what had expired by the last sweep; how many rows and keys.

        What had expired then has expired, whatever the clock says now; but a clock that was ahead then does not count again.
        Tips move on to that day at least [a restored one leads to days whose keys had been destroyed, until the next sweep].
        """
        if swept is None or self._holds.lost():
            return 0
        done = self._destroy(min(swept, self._clock.now()), Lateness())
        changed = done.rows + done.moved + done.leaves + done.stepped + done.records
        if changed:
            detail = (("count", changed),)
            self._audit.append(AuditEvent(Kind.RESTORE_REPLAYED.value, self._clock.now(), ACTOR, "", detail))
        return changed

    def _destroy(self, now: float, lateness: Lateness) -> Done:
        """Everything whose term has ended: rows, keys moved past them, days; and what goes before the rest."""
        done = Done()
        # 2. Tips move on [a tip that stays behind would still lead to the days whose leaves die now].
        self._keys.advance_all(int(now) // EPOCH_SECONDS)
        # 3. Keys that an earlier sweep could not destroy any more after its commit.
        self._tidy(done)
        for stream in UPLINK_STREAMS:
            # 4. Envelopes one by one, with their keys; then whole days.
            for level in self._database.levels(stream):
                self._passes.expire_rows(stream, level, now, done, lateness)
            self._passes.expire_days(stream, now, done)
            # 5. What may stay coarser only; then the keys of days of which nothing may stay as it came.
            if self._terms.steps_down(stream):
                for level in self._database.levels(stream):
                    self._passes.step_rows(stream, level, now, done, lateness)
                self._tidy(done)
                self._passes.close_days(stream, now, done)
        for each in self._also:
            gone = each.sweep(now, lateness)
            done.rows, done.records, done.held = (
                done.rows + gone.envelopes,
                done.records + gone.records,
                done.held + gone.held,
            )
        # 6. Keys of former steps, which a restored key store has brought back.
        done.leaves += self._orphans.destroy()
        # 7. The files forget too.
        if done:
            self._store.vacuum_erased()
            self._database.vacuum_erased()
        return done

    def _tidy(self, done: Done) -> None:
        moved, destroyed = self._stepdown.tidy()
        done.moved, done.leaves = done.moved + moved, done.leaves + destroyed

    def _note(self, now: float, reason: str, count: int, report: SweepReport | None = None) -> None:
        """One entry; figures that are nought are left out."""
        detail: list[tuple[str, str | int]] = [("reason", reason), ("count", count)]
        if report is not None:
            figures = {
                "stepped": report.stepped,
                "records": report.records,
                "held": report.held,
                "late_max_s": int(report.late_s),
                "late_p99_s": int(report.late_p99_s),
            }
            detail += [(name, value) for name, value in figures.items() if value]
        self._audit.append(AuditEvent(Kind.RETENTION_SWEPT.value, now, ACTOR, "", tuple(detail)))
