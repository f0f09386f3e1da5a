"""Erasure: one path, whatever asks for it. What it erases cannot be opened in any copy once key backups have expired.

Honest limits: exports that people took are theirs, and the file system below may keep old blocks of a truncated log.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cloud_sync.audit import Kind
from cloud_sync.errors import ConfigError
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.model import EPOCH_SECONDS, PERSONAL_STREAMS, AuditEvent, Device, Stream, Tombstone
from cloud_sync.stores import Clock, Database, KeyDatabase, TombstoneStore

BASIS = ACTOR = "erasure"
TOMBSTONE_ID_BYTES = 10


class Audit(Protocol):
    """The audit log."""

    def append(self, event: AuditEvent) -> object:
        """Append within the transaction that is open."""


@dataclass(frozen=True, slots=True)
class ErasureReceipt:
    """What was erased, for the person and for the file. Epochs are UTC days since 1970, inclusive."""

    subject: str
    at: float
    first_epoch: int
    last_epoch: int
    devices: tuple[str, ...]
    tombstones: tuple[str, ...]
    envelopes: int
    leaves: int


class Eraser:
    """The one erasure path, and the replay of its tombstones over a restored store."""

    def __init__(
        self,
        *,
        database: Database,
        store: KeyDatabase,
        keys: LadderKeys,
        tombstones: TombstoneStore,
        clock: Clock,
        audit: Audit,
    ) -> None:
        self._database = database
        self._store = store
        self._keys = keys
        self._tombstones = tombstones
        self._clock = clock
        self._audit = audit

    def erase(
        self, subject: str, devices: Sequence[Device], start: float | None, end: float | None, actor: str
    ) -> ErasureReceipt:
        """Erase everything about `subject` from `start` (Unix seconds, UTC midnight) to before `end` (likewise).

        Without `end` today is erased to its end: what the device still sends of today is told "closed". Streams with personal
        data go whole; `status` has none, but its finished days go too.
        """
        now = self._clock.now()
        today = int(now) // EPOCH_SECONDS
        # What a device whose clock runs ahead has sent of tomorrow is there already and goes as well.
        last_there = max([today, *(self._keys.last_epoch(device.device) for device in devices)])
        first_epoch = _epoch(start, "start", 0)
        last_epoch = min(last_there, _epoch(end, "end", last_there + 1) - 1)
        spans = [(stream, last_epoch) for stream in PERSONAL_STREAMS] + [(Stream.STATUS, min(last_epoch, today - 1))]
        stones = [
            Tombstone(secrets.token_hex(TOMBSTONE_ID_BYTES), device.device, stream, first_epoch, last, now, BASIS)
            for device in devices
            for stream, last in spans
            if first_epoch <= last
        ]
        # 1. The fence: ingest and erasure share this lock, and a batch asks for its leaves inside it
        #    [a cached day key must not insert after the erasure].
        with self._database.transaction():
            # 2. Tombstones first, outside the backup's domain [a crash from here on is finished by the next start].
            for stone in stones:
                self._tombstones.append(stone)
            # 3. Leaves, then 4. rows [a key that outlives its row opens the row's backup].
            leaves = sum(self._destroy(stone) for stone in stones)
            envelopes = sum(self._remove(stone) for stone in stones)
            detail = (("first_epoch", first_epoch), ("last_epoch", last_epoch), ("count", envelopes))
            self._audit.append(AuditEvent(Kind.ERASURE_DONE.value, now, actor, subject, detail))
        # 5. The files forget too [deleted pages live on in the write-ahead log].
        self._forget()
        # 6. The receipt.
        names = tuple(device.device for device in devices)
        ids = tuple(stone.tombstone_id for stone in stones)
        return ErasureReceipt(subject, now, first_epoch, last_epoch, names, ids, envelopes, leaves)

    def replay(self) -> tuple[int, int]:
        """Erase again what tombstones say, before a store serves that may be a restored one: (envelopes, leaves)."""
        stones = self._tombstones.all()
        with self._database.transaction():
            leaves = sum(self._destroy(stone) for stone in stones)
            envelopes = sum(self._remove(stone) for stone in stones)
            if leaves or envelopes:
                detail = (("count", envelopes),)
                self._audit.append(AuditEvent(Kind.RESTORE_REPLAYED.value, self._clock.now(), ACTOR, "", detail))
        if leaves or envelopes:
            self._forget()
        return envelopes, leaves

    def _destroy(self, stone: Tombstone) -> int:
        for tip in self._store.tips():
            if tip.device == stone.device and stone.stream in (0, tip.stream):
                # The tip passes the span first [a tip before it would derive the destroyed leaves again].
                self._keys.advance(tip.device, tip.generation, tip.stream, stone.last_epoch)
        return self._keys.destroy(stone.device, stone.stream, stone.first_epoch, stone.last_epoch)

    def _remove(self, stone: Tombstone) -> int:
        return self._database.remove_span(stone.device, stone.stream, stone.first_epoch, stone.last_epoch)

    def _forget(self) -> None:
        self._store.vacuum_erased()
        self._database.vacuum_erased()


def _epoch(time: float | None, name: str, default: int) -> int:
    if time is None:
        return default
    if time % EPOCH_SECONDS:
        raise ConfigError(
            f"erase: {name} must be a UTC midnight, a multiple of {EPOCH_SECONDS} s; widen it to whole days"
        )
    return int(time) // EPOCH_SECONDS
