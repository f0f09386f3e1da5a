"""Step down: what outlives the finer term stays coarser, under another key, and the finer one is destroyed.

One act takes rows of one day of one device's stream, in three steps, each a no-op where it is done:

1. `take`, inside the database's transaction, which is the fence that erasures share: open, make coarser, seal as a new edition
   under a key out of nothing, old rows out, a note of the keys that are to go. A crash before the commit leaves the finer rows
   and their keys, and a key that opens nothing.
2. The commit. From here on nobody can read the finer rows, which are gone.
3. `tidy`: the keys that are noted move past what has gone, or are destroyed. A crash before it leaves notes; the next sweep
   begins with them.

No row of an edition has readings of both sides of an answer of the person (`marks`): a withdrawal, and a yes after it, find their
own rows, and leave the others.

Tombstones win: no capture of an erased span is sealed anew, also where an erasure was cut short and its rows are there still.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from cloud_sync.errors import WireFormatError
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.keys.reseal import DayOpener, next_edition, seal_edition
from cloud_sync.model import COUNTERS, EPOCH_SECONDS, RESEALED, StoredEnvelope, Stream, Tombstone
from cloud_sync.model.keeping import PARKED, DueRow, Shred
from cloud_sync.retention.terms import CAPTURE_SLACK_S, Extent, Terms
from cloud_sync.stores import Database, KeyDatabase, TombstoneStore
from cloud_sync.wire.pieces import Piece, parted, without
from cloud_sync.wire.reduce import reduce

SHREDS: Final = 500  # notes in one transaction: ingest waits for some, not for all

Day = tuple[str, int, int]  # device, stream, epoch
Marks = Callable[[str], Sequence[float]]  # of a person


def none_given(_: str) -> Sequence[float]:
    """Nobody's answers are known: nothing is kept apart."""
    return ()


class StepDown:
    """Makes days coarser as the terms say."""

    def __init__(
        self,
        *,
        database: Database,
        store: KeyDatabase,
        keys: LadderKeys,
        tombstones: TombstoneStore,
        terms: Terms,
        marks: Marks = none_given,
    ) -> None:
        """`marks`: Unix seconds, in order, at which what a person permits can change (`LedgerReader.boundaries`)."""
        self._database = database
        self._store = store
        self._keys = keys
        self._tombstones = tombstones
        self._terms = terms
        self._marks = marks

    def take(self, due: Iterable[DueRow], now: float) -> int:
        """Step 1 for rows that hold more than they may; how many went."""
        days: dict[Day, list[DueRow]] = defaultdict(list)
        for each in due:
            days[each.row.id.device, each.row.id.stream, each.row.id.epoch].append(each)
        return sum(self._take_day(day, rows, now) for day, rows in days.items())

    def _take_day(self, day: Day, due: list[DueRow], now: float) -> int:
        rows = [each.row for each in self._whole(day, due, now)]
        stones = self._tombstones.near(*day)
        kept = self._kept(day, rows, stones, now)
        if kept:
            newest = max(rows, key=lambda row: row.received_at)
            self._seal(day, stones, [(newest, piece, level) for piece, level in kept])
        self._database.remove_envelopes([(row.id, row.digest) for row in rows])
        self._database.add_shreds(shreds_of(rows))
        return len(due)

    def keep_parts(self, day: Day, parts: Sequence[tuple[DueRow, Sequence[Piece]]]) -> int:
        """Put what stays of rows of a day in their place, inside the database's transaction; how many rows that was done to.

        A row that an erasure has still to cut is left to it.
        """
        stones = self._tombstones.near(*day)
        cut = [(each, pieces) for each, pieces in parts if not any(_concerns(stone, each.row) for stone in stones)]
        if cut:
            self._seal(day, stones, [(each.row, piece, each.level) for each, pieces in cut for piece in pieces])
            self._database.remove_envelopes([(each.row.id, each.row.digest) for each, _ in cut])
            self._database.add_shreds(shreds_of(each.row for each, _ in cut))
        return len(cut)

    def _seal(self, day: Day, stones: Sequence[Tombstone], kept: Sequence[tuple[StoredEnvelope, Piece, int]]) -> None:
        """Pieces, each with the row that it is of and its level, as one new edition."""
        edition = next_edition(self._database, self._store, stones, *day)
        sealed = seal_edition(self._keys, day, edition, [(row, piece) for row, piece, _ in kept])
        self._database.add_envelopes(sealed)
        for level in {level for _, _, level in kept}:
            same = [row for row, (_, _, each) in zip(sealed, kept, strict=True) if each == level]
            self._database.set_level([(row.id, row.digest) for row in same], level)

    def _whole(self, day: Day, due: list[DueRow], now: float) -> list[DueRow]:
        """The rows that are due, and where they are the last of a day that is over, all of it: one key for it in the end."""
        if now < day_end(day[2]):
            return due
        names = {(each.row.id, each.row.digest) for each in due}
        others = [each for each in self._database.rows_of_day(*day) if (each.row.id, each.row.digest) not in names]
        for each in others:
            extent = self._terms.permitted(Stream(day[1]), each.row.oldest_capture, now)
            if each.level >= PARKED or extent is None or each.level != extent.level:
                return due
        return due + others

    def _kept(
        self, day: Day, rows: Sequence[StoredEnvelope], stones: Sequence[Tombstone], now: float
    ) -> list[tuple[Piece, int]]:
        """What stays, each with its level. What does not open goes: its key is gone, or its contents break the format."""
        stream = Stream(day[1])
        opener = DayOpener(self._store, self._keys)
        groups: dict[Extent, list[bytes]] = defaultdict(list)
        for row in rows:
            extent = self._terms.permitted(stream, row.oldest_capture, now)
            plaintext = opener.open(row)
            if extent is not None and plaintext is not None:
                groups[extent] += _spared(row, plaintext, stones)
        marks = self._marks_of(day[0])
        return [
            (part, extent.level)
            for extent, plaintexts in groups.items()
            for piece in _reduced(day, plaintexts, extent)
            for part in _apart(day, piece, marks)
        ]

    def _marks_of(self, device: str) -> Sequence[float]:
        known = self._database.device(device)
        return self._marks(known.subject) if known else ()

    # After the commit

    def tidy(self) -> tuple[int, int]:
        """Step 3 for everything that is noted: (keys moved, keys destroyed)."""
        moved = destroyed = 0
        while True:
            # Inside the database's transaction [a row that comes in between the look and the move of its key].
            with self._database.transaction():
                shreds = self._database.shreds(SHREDS)
                for shred in shreds:
                    some_moved, some_destroyed = self.shred(shred)
                    moved, destroyed = moved + some_moved, destroyed + some_destroyed
                self._database.remove_shreds(shreds)
            if len(shreds) < SHREDS:
                return moved, destroyed

    def shred(self, shred: Shred) -> tuple[int, int]:
        """Move a key past what has gone, as far as no row that stays lies before, or destroy it."""
        device, generation, stream, epoch, to_counter = shred
        leaf = self._store.leaf(device, generation, stream, epoch)
        if leaf is None:
            return 0, 0
        living = [
            row.id.counter
            for row in self._database.envelopes(device, stream, epoch, epoch)
            if row.id.generation == generation
        ]
        if to_counter >= COUNTERS and not living:
            return 0, self._keys.destroy_leaf(leaf)
        target = min([to_counter, *living, COUNTERS - 1])
        if target <= leaf.base_counter:
            return 0, 0
        self._keys.forward(leaf, target)
        return 1, 0

    def close(self, device: str, stream: int, epoch: int) -> int:
        """Destroy the keys of a day of which nothing may stay as it came, but for those of rows; how many."""
        leaves = self._store.leaves(device, stream, epoch, epoch)
        return sum(self.shred(Shred(device, leaf.generation, stream, epoch, COUNTERS))[1] for leaf in leaves)


def day_end(epoch: int) -> float:
    """Unix seconds after which no capture can be of this epoch."""
    return float((epoch + 1) * EPOCH_SECONDS + CAPTURE_SLACK_S)


def shreds_of(rows: Iterable[StoredEnvelope]) -> list[Shred]:
    """What is to go with these rows: an edition's key once it is empty, a device's up to behind the last of them."""
    last: dict[tuple[str, int, int, int], int] = defaultdict(int)
    for row in rows:
        device, generation, stream, epoch, counter = row.id
        name = device, generation, stream, epoch
        last[name] = max(last[name], COUNTERS if generation >= RESEALED else counter + 1)
    return [Shred(*name, to_counter) for name, to_counter in last.items()]


def _spared(row: StoredEnvelope, plaintext: bytes, stones: Sequence[Tombstone]) -> list[bytes]:
    """The plaintext without what lies in an erased span [a step down between an erasure's tombstone and its commit]."""
    pieces = [plaintext]
    try:
        for stone in stones:
            if _concerns(stone, row):
                pieces = [
                    piece.plaintext
                    for each in pieces
                    for piece in without(row.id.stream, each, row.id.epoch, stone.span)
                ]
    except WireFormatError:
        return []
    return pieces


def _concerns(stone: Tombstone, row: StoredEnvelope) -> bool:
    """Whether a tombstone may not have been carried out on a row. On one that was sealed anew after it, it was: what is near
    the span in a coarser step has been judged by its own time.
    """
    return row.id.generation < RESEALED or row.id.counter < stone.floor(row.id.generation, row.id.epoch)


def _apart(day: Day, piece: Piece, marks: Sequence[float]) -> list[Piece]:
    """A piece, parted where an answer lies between its readings."""
    _, stream, epoch = day
    if bisect_right(marks, piece.oldest_capture) == bisect_right(marks, day_end(epoch)):
        return [piece]
    return parted(stream, piece.plaintext, epoch, lambda start, _: bisect_right(marks, start))


def _reduced(day: Day, plaintexts: Sequence[bytes], extent: Extent) -> list[Piece]:
    _, stream, epoch = day
    try:
        return reduce(stream, plaintexts, epoch, extent.precision, extent.fields)
    except WireFormatError:
        if len(plaintexts) == 1:
            return []
        return [piece for each in plaintexts for piece in _reduced(day, [each], extent)]
