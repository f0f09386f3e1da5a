"""The sweep: what has outlived its term dies, the rows and the keys that open them together; what may stay coarser is made so.

A row is deleted; the stored point of its day's chain moves forward past it; a day whose every capture has
expired loses its leaf. Keys go first, so that a crash in between leaves ciphertext without a key, never the reverse.
How precision steps down is in `stepdown.py`. Every piece of work is a transaction of its own and is found again by what is stored,
so that a sweep may be killed at any point and the next one ends in the same state.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Final, NamedTuple

from cloud_sync.audit import Kind
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.model import COUNTERS, EPOCH_SECONDS, RESEALED, UPLINK_STREAMS, AuditEvent, StoredEnvelope, Stream
from cloud_sync.model.keeping import PARKED, DueRow
from cloud_sync.retention.checkpoint import HALTED, MOST_LEAP_S, SWEPT, leap_s
from cloud_sync.retention.extent import Extents, released_after
from cloud_sync.retention.lateness import Holding, Lateness, NothingHeld
from cloud_sync.retention.orphans import Orphans
from cloud_sync.retention.report import HOLDS_LOST, Also, Done, SweepReport
from cloud_sync.retention.stepdown import StepDown, day_end
from cloud_sync.retention.terms import AS_IT_CAME, Terms, lasts_of
from cloud_sync.stores import AuditSink, Clock, Database, KeyDatabase, TombstoneStore

__all__ = ["SWEPT", "SweepReport", "Sweeper"]

log = logging.getLogger(__name__)

CHUNK = 1000  # rows a transaction: ingest waits for one chunk, not for a whole backlog
STEPPED = 100  # rows a transaction that are opened and sealed anew: some 20 ms
ACTOR = "retention"
MOST_BEFORE_S: Final = 3660  # a coarse capture may lie a minute and a step before its epoch


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
        self._stepdown = StepDown(database=database, store=store, keys=keys, tombstones=tombstones, terms=terms)

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
                self._expire_rows(stream, level, now, done, lateness)
            self._expire_days(stream, now, done)
            # 5. What may stay coarser only; then the keys of days of which nothing may stay as it came.
            if self._terms.steps_down(stream):
                for level in self._database.levels(stream):
                    self._step_rows(stream, level, now, done, lateness)
                self._tidy(done)
                self._close_days(stream, now, done)
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

    # Rows

    def _expire_rows(self, stream: Stream, level: int, now: float, done: Done, lateness: Lateness) -> None:
        """Those of which nothing may stay: keys first."""

        def due_at(each: DueRow) -> float | None:
            over = self._terms.over(stream, each.row.oldest_capture, now)
            return self._terms.end(stream, each.row.oldest_capture) if over else None

        def act(dead: list[DueRow]) -> None:
            rows = [each.row for each in dead]
            for _, day in groupby(sorted(rows, key=_day), key=_day):
                self._move_past(list(day), done)
            done.rows += self._database.remove_envelopes((row.id, row.digest) for row in rows)

        before = self._terms.certainly_kept_from(stream, now)
        self._each_due(_Pages(stream, level, before, CHUNK), due_at, act, now, done, lateness)

    def _step_rows(self, stream: Stream, level: int, now: float, done: Done, lateness: Lateness) -> None:
        """Those that hold more than they may."""

        def due_at(each: DueRow) -> float | None:
            capture = each.row.oldest_capture
            beyond = self._terms.beyond(stream, level, capture, now)
            return self._terms.within_until(stream, level, capture) if beyond else None

        def act(due: list[DueRow]) -> None:
            done.stepped += self._stepdown.take(due, now)

        before = self._terms.due_before(stream, level, now)
        self._each_due(_Pages(stream, level, before, STEPPED), due_at, act, now, done, lateness)

    def _each_due(
        self,
        pages: _Pages,
        due_at: Callable[[DueRow], float | None],
        act: Callable[[list[DueRow]], None],
        now: float,
        done: Done,
        lateness: Lateness,
    ) -> None:
        """A transaction a page: what is due and held is parked, what is due goes to `act`."""
        after: tuple[float, int, int, bytes] | None = None
        while True:
            with self._database.transaction():
                page = self._database.due(pages.stream, pages.level, pages.before, pages.size, after)
                held_now = self._holds.view()
                extents = Extents(self._store, self._keys)
                held, going = [], []
                for each in page:
                    due = due_at(each)
                    if due is None:
                        continue
                    if extents.held(each.row, held_now):
                        held.append(each)
                        continue
                    going.append(each)
                    lateness.took(due, now, released_after(each.row, held_now, due) if now > due else None)
                self._database.set_level([(each.row.id, each.row.digest) for each in held], pages.level + PARKED)
                act(going)
            done.held += len(held)
            if len(page) < pages.size:
                return
            after = page[-1].place

    def _move_past(self, dead: list[StoredEnvelope], done: Done) -> None:
        """Move the key of one day past its expired envelopes, as far as no living one lies before; an empty edition's goes."""
        device, generation, stream, epoch, _ = dead[0].id
        leaf = self._store.leaf(device, generation, stream, epoch)
        gone = {(row.id, row.digest) for row in dead}
        living = [
            row.id.counter
            for row in self._database.envelopes(device, stream, epoch, epoch)
            if row.id.generation == generation and (row.id, row.digest) not in gone
        ]
        if leaf is None:
            return
        if generation >= RESEALED and not living:
            done.leaves += self._keys.destroy_leaf(leaf)
            return
        to_counter = min([max(row.id.counter for row in dead) + 1, *living, COUNTERS - 1])
        if to_counter > leaf.base_counter:
            self._keys.forward(leaf, to_counter)
            done.moved += 1

    # Days

    def _expire_days(self, stream: Stream, now: float, done: Done) -> None:
        """Those of which every capture has expired, data or none."""
        before = int(self._terms.certainly_kept_from(stream, now)) // EPOCH_SECONDS + 1

        def act(device: str, epoch: int) -> None:
            if self._terms.day_over(stream, epoch, now):
                done.leaves += self._keys.destroy(device, stream, epoch, epoch)
                self._database.remove_span(device, stream, epoch, epoch)

        self._each_day(stream, before, came=False, act=act)

    def _close_days(self, stream: Stream, now: float, done: Done) -> None:
        """Those of which nothing may stay as it came: their rows have been sealed anew, and what still comes is told "closed"."""
        start = self._terms.due_before(stream, AS_IT_CAME, now)
        if start <= 0:
            return

        def act(device: str, epoch: int) -> None:
            if all(self._terms.within_until(stream, AS_IT_CAME, last) <= now for last in lasts_of(epoch)):
                done.leaves += self._stepdown.close(device, stream, epoch)

        self._each_day(stream, int(start) // EPOCH_SECONDS + 1, came=True, act=act)

    def _each_day(self, stream: Stream, before: int, *, came: bool, act: Callable[[str, int], None]) -> None:
        """A transaction a page: the days of which nothing is held."""
        after: tuple[int, str] | None = None
        while True:
            with self._database.transaction():
                days = self._store.days_before(stream, before, CHUNK, after, came=came)
                held_now = self._holds.view()
                for device, epoch in days:
                    start = epoch * EPOCH_SECONDS - MOST_BEFORE_S
                    if not held_now.held_between(device, stream, start, day_end(epoch)):
                        act(device, epoch)
            if len(days) < CHUNK:
                return
            device, epoch = days[-1]
            after = epoch, device


class _Pages(NamedTuple):
    """Rows of a stream's level captured before a moment, so many in a transaction."""

    stream: Stream
    level: int
    before: float
    size: int


def _day(row: StoredEnvelope) -> tuple[str, int, int, int]:
    return row.id[:4]
