"""Rotation: every stored key is wrapped anew under the newest key of the ring, while the service goes on.

1. `begin`: another key in the ring. All that is stored from now on is wrapped under it; what is stored opens as before.
2. `work`: rows under older keys are wrapped anew, some hundred in a transaction, so that ingest waits for one of them at most.
   It may be stopped and killed at any point: what is done is done, the rest is found again.
3. A key that no row needs any more is kept until the last backup of the key store that may need it has expired, then
   dropped: whatever copy of the key store lies about from before opens nothing from then on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from cloud_sync.errors import ConfigError, SealBroken
from cloud_sync.keys.invitations import invitation_identity
from cloud_sync.keys.personkeys import person_identity
from cloud_sync.keys.recordkeys import record_identity
from cloud_sync.keys.ring import DIRECT, MARK, KeyRing, number_of, prefix
from cloud_sync.keys.rows import (
    candidate_identity,
    down_identity,
    leaf_identity,
    offer_identity,
    shield_identity,
    tip_identity,
)
from cloud_sync.stores import Clock, KeyDatabase

log = logging.getLogger(__name__)

KEYS_MADE = "ring.keys"  # what the key store counts of them
CHUNK = 500  # rows in a transaction: some 10 ms, in which nobody else writes to the key store


class Table(NamedTuple):
    """A table of the key store with a column `wrapped`: its primary key, and what a row's value is bound to."""

    name: str
    key: tuple[str, ...]
    also: tuple[str, ...]  # more columns that the identity names
    identity: Callable[..., bytes]


#: Whoever adds a table with wrapped keys adds a line here; a test holds the list against the schema.
TABLES: tuple[Table, ...] = (
    Table("tip", ("device", "generation", "stream"), ("epoch",), tip_identity),
    Table("leaf", ("device", "stream", "epoch", "generation"), ("base_counter",), leaf_identity),
    Table("shield", ("device", "number"), (), shield_identity),
    Table("down", ("device",), ("generation", "number"), down_identity),
    Table("person", ("subject",), (), person_identity),
    Table("record_key", ("record_id", "subject"), (), record_identity),
    Table("heal_offer", ("device", "generation", "number"), ("spine_epoch", "first_epoch"), offer_identity),
    Table("heal_candidate", ("device",), ("generation", "first_epoch", "epoch", "counter"), candidate_identity),
    Table(
        "invitation",
        ("id",),
        ("subject", "made_at", "expires_at", "takes_over", "provided_by", "confirm"),
        invitation_identity,
    ),
)


@dataclass(frozen=True, slots=True)
class Progress:
    """What one piece of work did, and the keys that were dropped at its end."""

    wrapped: int
    finished: bool
    dropped: tuple[int, ...] = ()


class Rotation:
    """The rotation of one key store under one ring."""

    def __init__(
        self,
        store: KeyDatabase,
        ring: KeyRing,
        clock: Clock,
        backups_end: Callable[[float], float],
        beside: Callable[[], None] = lambda: None,
    ) -> None:
        """`backups_end`: when the last backup of the key store that was made at a moment (Unix seconds) has expired. `beside`
        wraps anew what lies outside the store.
        """
        self._store, self._ring, self._clock, self._beside = store, ring, clock, beside
        self._backups_end = backups_end

    def begin(self) -> int:
        """Another key in the ring; its number. ConfigError where the store knows of more keys than this ring has."""
        self._ring.reload()
        check_ring(self._store, self._ring)
        number = self._ring.add(self._clock.now())
        self._store.raise_seen(KEYS_MADE, number)
        return number

    def work(self, rows: int | None = None) -> Progress:
        """Wrap anew up to so many rows, or all of them; then drop the keys that no backup needs any more."""
        self._ring.reload()
        self._beside()
        done = 0
        for table in TABLES:
            after: tuple[Any, ...] | None = None
            while rows is None or done < rows:
                limit = CHUNK if rows is None else min(CHUNK, rows - done)
                found, after = self._chunk(table, after, limit)
                done += found
                if after is None:
                    break
            else:
                return Progress(done, finished=False)
        return Progress(done, finished=True, dropped=self._retire())

    def under(self) -> dict[int, int]:
        """How many rows are wrapped under each key of the ring; `DIRECT` counts those of before there was one."""
        counts = {key.number: 0 for key in self._ring.keys}
        for table in TABLES:
            for start, count in self._store.count_wrapped(table.name):
                number = int.from_bytes(start[len(MARK) :], "big") if start else DIRECT
                counts[number] = counts.get(number, 0) + count
        return counts

    def _chunk(self, table: Table, after: Sequence[Any] | None, limit: int) -> tuple[int, tuple[Any, ...] | None]:
        with self._store.transaction():
            rows = self._store.wrapped_otherwise(
                table.name, table.key, table.also, prefix(self._ring.current), after, limit
            )
            for row in rows:
                self._wrap_anew(table, row)
        if len(rows) < limit:
            return len(rows), None
        return len(rows), tuple(rows[-1][: len(table.key)])

    def _wrap_anew(self, table: Table, row: tuple[Any, ...]) -> None:
        *names, wrapped = row
        identity = table.identity(**dict(zip((*table.key, *table.also), names, strict=True)))
        try:
            again = self._ring.wrap(self._ring.unwrap(wrapped, identity), identity)
        except SealBroken:  # one row that nobody can open must not keep all others under the old key
            log.error("a row of %s does not open; it stays as it is", table.name)
            return
        self._store.wrap_anew(table.name, table.key, names[: len(table.key)], again)
        # A backup of this moment holds it under that key, so the key's time begins anew.
        self._ring.mark_used(number_of(wrapped))

    def _retire(self) -> tuple[int, ...]:
        now, dropped = self._clock.now(), []
        counts = self.under()
        for key in self._ring.keys[:-1]:
            if counts[key.number]:
                self._ring.mark_used(key.number)
            elif key.emptied_at is None:
                self._ring.mark_empty(key.number, now)
            elif self._backups_end(key.emptied_at) <= now:
                self._ring.drop(key.number)
                dropped.append(key.number)
        return tuple(dropped)


def ringed(store: KeyDatabase) -> bool:
    """Whether any row of the store is wrapped under a ring, so that it must not be opened without that ring."""
    return any(start for table in TABLES for start, _ in store.count_wrapped(table.name))


def check_ring(store: KeyDatabase, ring: KeyRing) -> None:
    """ConfigError for a ring that is older than the store, or that of another machine [two keys of one number]."""
    if store.seen(KEYS_MADE) > ring.current:
        raise ConfigError(
            f"{ring.path}: the key store was rotated with a newer ring, or on another machine; put that ring here: all services"
            " on one key store share one"
        )
