"""Erasure: one path, whatever asks for it. What it erases cannot be opened in any copy once key backups have expired.

Honest limits: exports that people took are theirs, and the file system below may keep old blocks of a truncated log.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cloud_sync.audit import Kind
from cloud_sync.audit.events import check_event
from cloud_sync.errors import ConfigError
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.model import EPOCH_SECONDS, PERSONAL_STREAMS, AuditEvent, Device, Stream, Tip, Tombstone
from cloud_sync.policy.vocabulary import Role
from cloud_sync.stores import AuditSink, Clock, Database, KeyDatabase, TombstoneStore

BASIS = ACTOR = "erasure"
PERSON = "person"  # basis of tombstones after which the audit log, too, no longer names the person
TOMBSTONE_ID_BYTES = 10


@dataclass(frozen=True, slots=True)
class ErasureReceipt:
    """What was erased, for the person and for the file. Epochs are UTC days since 1970, inclusive.

    `entry` is the index in the audit log whose proof (`audit.prove`) shows that it was done: its detail names the first tombstone.
    """

    subject: str
    at: float
    first_epoch: int
    last_epoch: int
    devices: tuple[str, ...]
    tombstones: tuple[str, ...]
    envelopes: int
    leaves: int
    entry: int


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
        audit: AuditSink,
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
        data go whole; `status` has none, but its finished days go too. Without both, what the audit log says of the person goes as
        well: its leaves stay, nothing beside them does. The consent ledger keeps the answers, which prove that there was a leave.
        """
        whole = start is None and end is None
        now = self._clock.now()
        today = int(now) // EPOCH_SECONDS
        # Who cannot be logged cannot erase; after the first tombstone it would be too late to say so.
        check_event(AuditEvent(Kind.ERASURE_DONE.value, now, actor, subject))
        # What a device whose clock runs ahead has sent of tomorrow is there already and goes as well.
        last_there = max([today, *(self._keys.last_epoch(device.device) for device in devices)])
        first_epoch = _epoch(start, "start", 0)
        last_epoch = min(last_there, _epoch(end, "end", last_there + 1) - 1)
        spans = [(stream, last_epoch) for stream in PERSONAL_STREAMS] + [(Stream.STATUS, min(last_epoch, today - 1))]
        stones = [
            Tombstone(
                secrets.token_hex(TOMBSTONE_ID_BYTES),
                device.device,
                stream,
                first_epoch,
                last,
                now,
                PERSON if whole else BASIS,
            )
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
            tips = self._tips()
            leaves = sum(self._destroy(stone, tips) for stone in stones)
            envelopes = sum(self._remove(stone) for stone in stones)
            # The log: of a person erased in full it keeps that something was erased, and which tombstone says so.
            if whole:
                self._database.forget_subject(subject, now)
            entry = self._audit.append(_done(stones, now, actor, subject, whole, (first_epoch, last_epoch, envelopes)))
        # 5. The files forget too [deleted pages live on in the write-ahead log].
        self._forget()
        # 6. The receipt.
        names = tuple(device.device for device in devices)
        ids = tuple(stone.tombstone_id for stone in stones)
        return ErasureReceipt(subject, now, first_epoch, last_epoch, names, ids, envelopes, leaves, entry)

    def replay(self) -> tuple[int, int]:
        """Erase again what tombstones say, before a store serves that may be a restored one: (envelopes, leaves)."""
        stones = self._tombstones.all()
        with self._database.transaction():
            tips = self._tips()
            leaves = sum(self._destroy(stone, tips) for stone in stones)
            envelopes = sum(self._remove(stone) for stone in stones)
            entries = sum(self._forget_person(device, at) for device, at in _people(stones).items())
            if leaves or envelopes or entries:
                detail = (("count", envelopes),)
                self._audit.append(AuditEvent(Kind.RESTORE_REPLAYED.value, self._clock.now(), ACTOR, "", detail))
        if leaves or envelopes or entries:
            self._forget()
        return envelopes, leaves

    def _tips(self) -> dict[str, list[Tip]]:
        """By device; once for all tombstones [a start that reads every tip for each of ten thousand]."""
        tips: dict[str, list[Tip]] = defaultdict(list)
        for tip in self._store.tips():
            tips[tip.device].append(tip)
        return tips

    def _forget_person(self, device: str, at: float) -> int:
        owner = self._database.device(device)
        return self._database.forget_subject(owner.subject, at) if owner else 0

    def _destroy(self, stone: Tombstone, tips: Mapping[str, Sequence[Tip]]) -> int:
        for tip in tips.get(stone.device, ()):
            if stone.stream in (0, tip.stream):
                # The tip passes the span first [a tip before it would derive the destroyed leaves again].
                self._keys.advance(tip.device, tip.generation, tip.stream, stone.last_epoch)
        return self._keys.destroy(stone.device, stone.stream, stone.first_epoch, stone.last_epoch)

    def _remove(self, stone: Tombstone) -> int:
        return self._database.remove_span(stone.device, stone.stream, stone.first_epoch, stone.last_epoch)

    def _forget(self) -> None:
        self._store.vacuum_erased()
        self._database.vacuum_erased()


def _people(stones: Sequence[Tombstone]) -> dict[str, float]:
    """Devices whose person was erased in full, each with the moment of the last time."""
    return {stone.device: stone.at for stone in stones if stone.basis == PERSON}


def _done(
    stones: Sequence[Tombstone], now: float, actor: str, subject: str, whole: bool, done: tuple[int, int, int]
) -> AuditEvent:
    """The entry of an erasure; that of a whole person names nobody, and its tombstone ties it to the receipt."""
    first_epoch, last_epoch, count = done
    detail: list[tuple[str, str | int]] = [("first_epoch", first_epoch), ("last_epoch", last_epoch), ("count", count)]
    if stones:
        detail.append(("tombstone", stones[0].tombstone_id))
    if whole:
        actor, subject = (Role.DATA_SUBJECT.value if actor == subject else actor), ""
    return AuditEvent(Kind.ERASURE_DONE.value, now, actor, subject, tuple(detail))


def _epoch(time: float | None, name: str, default: int) -> int:
    if time is None:
        return default
    if time % EPOCH_SECONDS:
        raise ConfigError(
            f"erase: {name} must be a UTC midnight, a multiple of {EPOCH_SECONDS} s; widen it to whole days"
        )
    return int(time) // EPOCH_SECONDS
