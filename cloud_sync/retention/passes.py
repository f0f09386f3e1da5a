"""The passes of a sweep over one stream: rows and days that are over, rows and days that hold more than they may.

Each goes page by page, a transaction a page, in the order of captures, so that it costs what is due and not what is kept. What a
hold covers is parked: it leaves that order until a release brings it back.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import Final, NamedTuple

from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.model import COUNTERS, EPOCH_SECONDS, RESEALED, StoredEnvelope, Stream
from cloud_sync.model.keeping import PARKED, DueRow
from cloud_sync.retention.extent import Extents, released_after
from cloud_sync.retention.lateness import Holding, Lateness
from cloud_sync.retention.report import Done
from cloud_sync.retention.stepdown import StepDown, day_end
from cloud_sync.retention.terms import AS_IT_CAME, Terms, lasts_of
from cloud_sync.stores import Database, KeyDatabase

CHUNK = 1000  # rows a transaction: ingest waits for one chunk, not for a whole backlog
STEPPED = 100  # rows a transaction that are opened and sealed anew: some 20 ms
MOST_BEFORE_S: Final = 3660  # a coarse capture may lie a minute and a step before its epoch


class Passes:
    """What one sweep does with the rows and days of a stream."""

    def __init__(
        self,
        *,
        database: Database,
        store: KeyDatabase,
        keys: LadderKeys,
        terms: Terms,
        stepdown: StepDown,
        holds: Holding,
    ) -> None:
        self._database = database
        self._store = store
        self._keys = keys
        self._terms = terms
        self._stepdown = stepdown
        self._holds = holds

    # Rows

    def expire_rows(self, stream: Stream, level: int, now: float, done: Done, lateness: Lateness) -> None:
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

    def step_rows(self, stream: Stream, level: int, now: float, done: Done, lateness: Lateness) -> None:
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

    def expire_days(self, stream: Stream, now: float, done: Done) -> None:
        """Those of which every capture has expired, data or none."""
        before = int(self._terms.certainly_kept_from(stream, now)) // EPOCH_SECONDS + 1

        def act(device: str, epoch: int) -> None:
            if self._terms.day_over(stream, epoch, now):
                done.leaves += self._keys.destroy(device, stream, epoch, epoch)
                self._database.remove_span(device, stream, epoch, epoch)

        self._each_day(stream, before, came=False, act=act)

    def close_days(self, stream: Stream, now: float, done: Done) -> None:
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
