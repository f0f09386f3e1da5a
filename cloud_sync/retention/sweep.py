"""The sweep: what has outlived its term dies, the rows and the keys that open them together.

A row is deleted; the stored point of its day's chain moves forward past it; a day whose every capture has
expired loses its leaf. Keys go first, so that a crash in between leaves ciphertext without a key, never the reverse.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from itertools import groupby

from cloud_sync.audit import Kind
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.model import COUNTERS, EPOCH_SECONDS, UPLINK_STREAMS, AuditEvent, Leaf, StoredEnvelope, Stream
from cloud_sync.retention.checkpoint import HALTED, MOST_LEAP_S, SWEPT, leap_s
from cloud_sync.retention.terms import Terms
from cloud_sync.stores import AuditSink, Clock, Database, KeyDatabase

log = logging.getLogger(__name__)

CAPTURE_SLACK_S = 60  # captures may lie so far outside their epoch (docs/wire-format.md section 6)
CHUNK = 1000  # rows a transaction: ingest waits for one chunk, not for a whole backlog
ACTOR = "retention"


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What a sweep did. When `halted`, nothing was destroyed: the clock had leapt by `leap_s` seconds."""

    at: float
    envelopes: int = 0
    leaves_moved: int = 0
    leaves_destroyed: int = 0
    halted: bool = False
    leap_s: float = 0.0


class Sweeper:
    """Runs hourly; `sweep` is also safe to run at any time."""

    def __init__(
        self, *, database: Database, store: KeyDatabase, keys: LadderKeys, terms: Terms, clock: Clock, audit: AuditSink
    ) -> None:
        self._database = database
        self._store = store
        self._keys = keys
        self._terms = terms
        self._clock = clock
        self._audit = audit

    def sweep(self, *, clock_confirmed: bool = False) -> SweepReport:
        """Destroy what has expired; `clock_confirmed` is a person's word that a leap of the clock is right."""
        now = self._clock.now()
        # 1. The clock must be near the last checkpoint [a clock that leaps a year must not shred everything].
        leap = leap_s(self._database, now)
        if leap > MOST_LEAP_S and not clock_confirmed:
            log.error("the clock is %.1f days beyond the last sweep; nothing was destroyed", leap / EPOCH_SECONDS)
            self._note(now, HALTED, int(leap))
            return SweepReport(now, halted=True, leap_s=leap)
        rows, moved, leaves = self._destroy(now)
        # 5. The log remembers it.
        self._note(now, SWEPT, rows)
        return SweepReport(now, rows, moved, leaves)

    def catch_up(self, swept: float | None) -> int:
        """Destroy again, in a store that may be a restored one, what had expired by the last sweep; how many rows and keys.

        What had expired then has expired, whatever the clock says now; but a clock that was ahead then does not count again.
        Tips move on to that day at least [a restored one leads to days whose keys had been destroyed, until the next sweep].
        """
        if swept is None:
            return 0
        changed = sum(self._destroy(min(swept, self._clock.now())))
        if changed:
            detail = (("count", changed),)
            self._audit.append(AuditEvent(Kind.RESTORE_REPLAYED.value, self._clock.now(), ACTOR, "", detail))
        return changed

    def _destroy(self, now: float) -> tuple[int, int, int]:
        """Everything whose term has ended: rows, keys moved past them, days."""
        # 2. Tips move on [a tip that stays behind would still lead to the days whose leaves die now].
        self._keys.advance_all(int(now) // EPOCH_SECONDS)
        rows = moved = leaves = 0
        for stream in UPLINK_STREAMS:
            # 3. Envelopes one by one, with their keys; 4. then whole days. The files forget too.
            some_rows, some_moved = self._expire_rows(stream, now)
            rows, moved = rows + some_rows, moved + some_moved
            leaves += self._expire_days(stream, now)
        if rows or moved or leaves:
            self._store.vacuum_erased()
            self._database.vacuum_erased()
        return rows, moved, leaves

    def _note(self, now: float, reason: str, count: int) -> None:
        detail: tuple[tuple[str, str | int], ...] = (("reason", reason), ("count", count))
        self._audit.append(AuditEvent(Kind.RETENTION_SWEPT.value, now, ACTOR, "", detail))

    def _expire_rows(self, stream: Stream, now: float) -> tuple[int, int]:
        rows = moved = 0
        while True:
            with self._database.transaction():
                found = self._database.expired(stream, self._terms.certainly_kept_from(stream, now), CHUNK)
                dead = [row for row in found if self._terms.over(stream, row.oldest_capture, now)]
                moved += sum(self._move_past(list(day)) for _, day in groupby(sorted(dead, key=_day), key=_day))
                rows += self._database.remove_envelopes((row.id, row.digest) for row in dead)
            if len(dead) < CHUNK:
                return rows, moved

    def _move_past(self, dead: list[StoredEnvelope]) -> bool:
        """Move the leaf of one day past its expired envelopes, as far as no living one lies before."""
        device, generation, stream, epoch, _ = dead[0].id
        leaf = self._store.leaf(device, generation, stream, epoch)
        gone = {(row.id, row.digest) for row in dead}
        living = [
            row.id.counter
            for row in self._database.envelopes(device, stream, epoch, epoch)
            if row.id.generation == generation and (row.id, row.digest) not in gone
        ]
        to_counter = min([max(row.id.counter for row in dead) + 1, *living, COUNTERS - 1])
        if leaf is None or to_counter <= leaf.base_counter:
            return False
        self._keys.forward(leaf, to_counter)
        return True

    def _expire_days(self, stream: Stream, now: float) -> int:
        destroyed = 0
        kept_from = int(self._terms.certainly_kept_from(stream, now)) // EPOCH_SECONDS + 1
        while True:
            with self._database.transaction():
                leaves = self._store.leaves_before(stream, kept_from, CHUNK)
                dead = [leaf for leaf in leaves if self._terms.over(stream, _last_capture(leaf), now)]
                for leaf in dead:
                    destroyed += self._keys.destroy(leaf.device, stream, leaf.epoch, leaf.epoch)
                    self._database.remove_span(leaf.device, stream, leaf.epoch, leaf.epoch)
            if len(dead) < CHUNK:
                return destroyed


def _day(row: StoredEnvelope) -> tuple[str, int, int, int]:
    return row.id[:4]


def _last_capture(leaf: Leaf) -> float:
    return float((leaf.epoch + 1) * EPOCH_SECONDS + CAPTURE_SLACK_S)
