"""Erasure: one path, whatever asks for it. What it erases cannot be opened in any copy once key backups have expired.

Honest limits: exports that people took are theirs, and the file system below may keep old blocks of a truncated log. Of a day
that is cut, what stays lies under a new key: a backup of the database from before holds it under the old one, and does not
open any more. What had not arrived of a day that is over and cut is lost.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from cloud_sync.audit import Kind
from cloud_sync.audit.events import check_event
from cloud_sync.erasure.cut import Cutter
from cloud_sync.erasure.plan import Extent, Planner
from cloud_sync.erasure.receipt import ErasureReceipt
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.model import EPOCH_SECONDS, AuditEvent, Device, Tip, Tombstone
from cloud_sync.policy.vocabulary import Role
from cloud_sync.stores import AuditSink, Clock, Database, KeyDatabase, TombstoneStore

BASIS = ACTOR = "erasure"
PERSON = "person"  # basis of tombstones after which the audit log, too, no longer names the person
TOMBSTONES = "tombstones"  # what the key store counts of them
PIECE: Final = 2000  # rows in a transaction: some 50 ms on a slow disk, in which ingest waits
FEW: Final = 16  # devices; more, and their tips are read together

__all__ = ["Eraser", "ErasureReceipt", "Everywhere"]


class Everywhere(Protocol):
    """Every other part that holds something of a person (`erasure.register`). Each call can be made again.

    `until` (Unix seconds) is how far back a replay goes; it has no bound when somebody is erased now.
    """

    def doom(self, subject: str, at: float) -> None:
        """With the tombstones, before anything goes: from here on a start finishes it, and no backup brings it back."""

    def destroy(self, subject: str, until: float) -> None:
        """Keys; inside the fence and the key store's transaction."""

    def forget(self, subject: str, until: float) -> None:
        """Rows; inside the fence."""

    def beside(self, subject: str, until: float) -> None:
        """What lies in memory, with the broker, and in files of their own; after the commit."""

    def done(self, subject: str, at: float) -> None:
        """Inside the transaction of the log's entry: this database has been through it."""


@dataclass(slots=True)
class _Done:
    """What one run did."""

    leaves: int = 0
    envelopes: int = 0
    resealed: int = 0

    def __bool__(self) -> bool:
        return bool(self.leaves or self.envelopes or self.resealed)

    def add(self, other: _Done) -> None:
        """What another step did."""
        self.leaves += other.leaves
        self.envelopes += other.envelopes
        self.resealed += other.resealed


class Eraser:
    """The one erasure path, and the replay of its tombstones over a restored store.

    Whatever there is of a person, nothing of it opens after two short commits: tombstones, then keys. Rows follow in pieces, so
    that ingest waits for one of them at most.
    """

    def __init__(
        self,
        *,
        database: Database,
        store: KeyDatabase,
        keys: LadderKeys,
        tombstones: TombstoneStore,
        clock: Clock,
        audit: AuditSink,
        parts: Everywhere | None = None,
    ) -> None:
        """`parts` are told of each person who is erased in full, and when."""
        self._database = database
        self._store = store
        self._keys = keys
        self._tombstones = tombstones
        self._clock = clock
        self._audit = audit
        self._parts = parts
        self._cutter = Cutter(database, store, keys)
        self._planner = Planner(database, store, tombstones, self._cutter)

    def erase(
        self,
        subject: str,
        devices: Sequence[Device],
        start: float | None,
        end: float | None,
        actor: str,
        *,
        whole: bool | None = None,
        until: float = math.inf,
    ) -> ErasureReceipt:
        """Erase what was captured of `subject` from `start` to before `end` (Unix seconds), and keep it from coming in later.

        Without `end` today is erased to its end: what the device still sends of today is told "closed". Streams with personal
        data go; `status` has none, but its finished whole days go too. Without both (or as `whole` says) it is everything of the
        person, in every part: what the audit log says of them goes as well, its leaves stay, nothing beside them does. The consent
        ledger keeps the answers, which prove that there was a leave. Of every other part goes what came in `until` then: an erasure
        that had to wait for a hold takes no record of later.
        """
        whole = start is None and end is None if whole is None else whole
        now = self._clock.now()
        # Who cannot be logged cannot erase; after the first tombstone it would be too late to say so.
        check_event(AuditEvent(Kind.ERASURE_DONE.value, now, actor, subject))
        # 1. The fence: ingest and erasure share this lock, and a batch asks for its leaves inside it
        #    [a cached day key must not insert after the erasure].
        with self._database.transaction():
            # What an earlier erasure left undone goes first [it failed between its tombstones and its commit; a cut of the same
            #    day would seal what it was to erase under a key that no replay of the earlier one touches]. Tombstones of others
            #    wait for their own turn, or for a start: rows, keys and editions are a device's, none is shared.
            earlier = [stone for each in devices for stone in self._tombstones.of_device(each.device)]
            self._finish(earlier)
            for name, at in _people(earlier).items():
                self._forget_person(name, at)
            # What a device whose clock runs ahead has sent of tomorrow is there already and goes as well.
            today = int(now) // EPOCH_SECONDS
            last_there = max([today, *(self._keys.last_epoch(device.device) for device in devices)])
            extent = Extent.of(start, end, today, last_there)
            basis = PERSON if whole else BASIS
            stones = [stone for device in devices for stone in self._planner.stones(device, extent, now, basis)]
            # 2. Tombstones first, outside the backup's domain [a crash from here on is finished by the next start].
            with self._tombstones.transaction():
                for stone in stones:
                    self._tombstones.append(stone)
                if whole and self._parts:
                    self._parts.doom(subject, min(now, until))
            # 3. Keys [a key that outlives its row opens the row's backup]. Of days that are cut the rows come first: what stays is
            #    sealed anew before its old key goes [a crash in between must not lose it].
            done = self._strike(stones, subject if whole else None, [device.device for device in devices], until)
            # 4. The log, and every other part: of a person erased in full they keep nothing that leads to them.
            if whole:
                self._database.forget_subject(subject, math.inf)
                if self._parts:
                    self._parts.forget(subject, until)
        if whole and self._parts:
            self._parts.beside(subject, until)
        # 5. Rows that nothing opens any more, in pieces. The entry comes last and says how many there were.
        self._clear(earlier)
        done.add(self._clear(stones))
        with self._database.transaction():
            entry = self._audit.append(_entry(stones, now, actor, subject, whole, extent, done))
            if whole and self._parts:
                self._parts.done(subject, min(now, until))
        # 6. The old keys of days that are cut, now that nothing needs them.
        self._shred(earlier)
        done.leaves += self._shred(stones)
        # 7. The files forget too [deleted pages live on in the write-ahead log].
        self._forget()
        # 8. The receipt.
        names = tuple(device.device for device in devices)
        ids = tuple(stone.tombstone_id for stone in stones)
        counts = (done.envelopes, done.resealed, done.leaves)
        return ErasureReceipt(subject, now, extent.start, extent.end, names, ids, *counts, entry, whole=whole)

    def replay(self) -> tuple[int, int]:
        """Erase again what tombstones say, before a store serves that may be a restored one: (envelopes, leaves)."""
        stones = self._tombstones.all()
        with self._database.transaction():
            shields = self._unshield(stones)
            done = self._finish(stones)
            done.add(self._clear(stones, piece=None))
            entries = sum(self._forget_person(device, at) for device, at in _people(stones).items())
            if done or entries:
                detail = (("count", done.envelopes), ("resealed", done.resealed))
                self._audit.append(AuditEvent(Kind.RESTORE_REPLAYED.value, self._clock.now(), ACTOR, "", detail))
        shredded = self._shred(stones)
        self._store.raise_seen(TOMBSTONES, len(stones))
        if done or entries or shredded or shields:
            self._forget()
        return done.envelopes, done.leaves + shredded

    def _strike(self, stones: Sequence[Tombstone], person: str | None, devices: Sequence[str], until: float) -> _Done:
        """Destroy the keys, in one commit of the key store; then seal anew what stays of days that are cut.

        Of a whole person that is a key a device, above those of all days; they follow with the rows.
        """
        with self._keys.transaction():
            self._store.raise_seen(TOMBSTONES, self._tombstones.count())
            tips = self._tips(devices)
            for stone in stones:
                self._pass(stone, tips)
            if person is not None:
                self._keys.destroy_all(devices)
                if self._parts:
                    self._parts.destroy(person, until)
            leaves = 0 if person is not None else sum(self._destroy(stone) for stone in stones)
        done = self._reseal(stones)
        done.leaves += leaves
        return done

    def _finish(self, stones: Sequence[Tombstone]) -> _Done:
        """Keys and cut days of these tombstones, as far as they are there still; inside the fence."""
        with self._keys.transaction():
            tips = self._tips({stone.device for stone in stones})
            for stone in stones:
                self._pass(stone, tips)
            leaves = sum(self._destroy(stone) for stone in stones)
        done = self._reseal(stones)
        done.leaves += leaves
        return done

    def _destroy(self, stone: Tombstone) -> int:
        """The leaves of whole days."""
        if stone.edition:
            return 0
        return self._keys.destroy(stone.device, stone.stream, stone.first_epoch, stone.last_epoch)

    def _reseal(self, stones: Iterable[Tombstone]) -> _Done:
        """Days that are cut, in the order in which it was once done; what lost its key above does not open, and goes."""
        done = _Done()
        for stone in stones:
            if stone.edition:
                removed, resealed = self._cutter.reseal(stone)
                done.envelopes += removed
                done.resealed += resealed
        return done

    def _clear(self, stones: Iterable[Tombstone], piece: int | None = PIECE) -> _Done:
        """The leaves and rows of whole days, at most `piece` rows in a transaction."""
        done = _Done()
        for stone in stones:
            if stone.edition:
                continue
            done.leaves += self._destroy(stone)
            span = (stone.device, stone.stream, stone.first_epoch, stone.last_epoch)
            while removed := self._database.remove_span(*span, piece):
                done.envelopes += removed
        return done

    def _unshield(self, stones: Sequence[Tombstone]) -> int:
        """Keys above days, of devices whose person was erased since they were made: a backup has brought them back."""
        last = {stone.device: index for index, stone in enumerate(stones) if stone.basis == PERSON}
        return sum(self._keys.destroy_all([device], index) for device, index in last.items())

    def _shred(self, stones: Iterable[Tombstone]) -> int:
        return sum(self._cutter.shred(stone) for stone in stones if stone.edition)

    def _tips(self, devices: Collection[str]) -> dict[str, list[Tip]]:
        """By device; all at once for many [a start that asks for each of ten thousand]."""
        if len(devices) <= FEW:
            return {device: self._store.tips_of(device) for device in devices}
        tips: dict[str, list[Tip]] = defaultdict(list)
        for tip in self._store.tips():
            tips[tip.device].append(tip)
        return tips

    def _forget_person(self, device: str, at: float) -> int:
        owner = self._database.device(device)
        return self._database.forget_subject(owner.subject, at) if owner else 0

    def _pass(self, stone: Tombstone, tips: Mapping[str, Sequence[Tip]]) -> None:
        """The tip passes the span first [a tip before it would derive the destroyed leaves again]."""
        if not stone.counter and not stone.generation:  # nothing of this day was there, and it may be one to come
            return
        for tip in tips.get(stone.device, ()):
            if stone.stream in (0, tip.stream) and tip.epoch <= stone.last_epoch:
                self._keys.advance(tip.device, tip.generation, tip.stream, stone.last_epoch)

    def _forget(self) -> None:
        self._store.vacuum_erased()
        self._database.vacuum_erased()


def _people(stones: Sequence[Tombstone]) -> dict[str, float]:
    """Devices whose person was erased in full, each with the moment of the last time."""
    return {stone.device: stone.at for stone in stones if stone.basis == PERSON}


def _entry(
    stones: Sequence[Tombstone], now: float, actor: str, subject: str, whole: bool, extent: Extent, done: _Done
) -> AuditEvent:
    """The entry of an erasure; that of a whole person names nobody, and its tombstone ties it to the receipt."""
    detail: list[tuple[str, str | int]] = [
        ("captured_first", extent.start),
        ("captured_last", extent.end),
        ("count", done.envelopes),
        ("resealed", done.resealed),
    ]
    if stones:
        detail.append(("tombstone", stones[0].tombstone_id))
    if whole:
        actor, subject = (Role.DATA_SUBJECT.value if actor == subject else actor), ""
    return AuditEvent(Kind.ERASURE_DONE.value, now, actor, subject, tuple(detail))
