"""Erasure: one path, whatever asks for it. What it erases cannot be opened in any copy once key backups have expired.

Honest limits: exports that people took are theirs, and the file system below may keep old blocks of a truncated log. Of a day
that is cut, what stays lies under a new key: a backup of the database from before holds it under the old one, and does not
open any more. What had not arrived of a day that is over and cut is lost.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from cloud_sync.audit import Kind
from cloud_sync.audit.events import check_event
from cloud_sync.erasure.cut import Cutter
from cloud_sync.erasure.plan import Extent, Planner
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.model import EPOCH_SECONDS, AuditEvent, Device, Tip, Tombstone
from cloud_sync.policy.vocabulary import Role
from cloud_sync.stores import AuditSink, Clock, Database, KeyDatabase, TombstoneStore

BASIS = ACTOR = "erasure"
PERSON = "person"  # basis of tombstones after which the audit log, too, no longer names the person
TOMBSTONES = "tombstones"  # what the key store counts of them


@dataclass(frozen=True, slots=True)
class ErasureReceipt:
    """What was erased, for the person and for the file: captures from `start` to before `end` (Unix seconds).

    `envelopes` were removed and nothing of them stays; `resealed` were written anew without what lay within; `leaves` is how
    many keys were destroyed or moved forward. `entry` is the index in the audit log whose proof (`audit.prove`) shows that it
    was done: its detail names the first tombstone. What the holds in `held` cover is there still, restricted, and goes once they
    are released.
    """

    subject: str
    at: float
    start: int
    end: int
    devices: tuple[str, ...]
    tombstones: tuple[str, ...]
    envelopes: int
    resealed: int
    leaves: int
    entry: int
    held: tuple[str, ...] = ()


@dataclass(slots=True)
class _Done:
    """What one run did."""

    leaves: int = 0
    envelopes: int = 0
    resealed: int = 0

    def __bool__(self) -> bool:
        return bool(self.leaves or self.envelopes or self.resealed)


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
        doom: Callable[[str, float], None] | None = None,
    ) -> None:
        """`doom` hears of each person who is erased in full, and when, at the moment of the tombstones."""
        self._database = database
        self._store = store
        self._keys = keys
        self._tombstones = tombstones
        self._clock = clock
        self._audit = audit
        self._doom = doom
        self._cutter = Cutter(database, store, keys)
        self._planner = Planner(database, store, tombstones, self._cutter)

    def erase(
        self, subject: str, devices: Sequence[Device], start: float | None, end: float | None, actor: str
    ) -> ErasureReceipt:
        """Erase what was captured of `subject` from `start` to before `end` (Unix seconds), and keep it from coming in later.

        Without `end` today is erased to its end: what the device still sends of today is told "closed". Streams with personal
        data go; `status` has none, but its finished whole days go too. Without both, what the audit log says of the person goes as
        well: its leaves stay, nothing beside them does. The consent ledger keeps the answers, which prove that there was a leave.
        """
        whole = start is None and end is None
        now = self._clock.now()
        # Who cannot be logged cannot erase; after the first tombstone it would be too late to say so.
        check_event(AuditEvent(Kind.ERASURE_DONE.value, now, actor, subject))
        # 1. The fence: ingest and erasure share this lock, and a batch asks for its leaves inside it
        #    [a cached day key must not insert after the erasure].
        with self._database.transaction():
            # What an earlier erasure left undone goes first [it failed between its tombstones and its commit; a cut of the same
            #    day would seal what it was to erase under a key that no replay of the earlier one touches]. Tombstones of others
            #    wait for their own turn, or for a start: rows, keys and editions are a device's, none is shared.
            concerned = {device.device for device in devices}
            earlier = [stone for stone in self._tombstones.all() if stone.device in concerned]
            self._finish(earlier)
            # What a device whose clock runs ahead has sent of tomorrow is there already and goes as well.
            today = int(now) // EPOCH_SECONDS
            last_there = max([today, *(self._keys.last_epoch(device.device) for device in devices)])
            extent = Extent.of(start, end, today, last_there)
            basis = PERSON if whole else BASIS
            stones = [stone for device in devices for stone in self._planner.stones(device, extent, now, basis)]
            # 2. Tombstones first, outside the backup's domain [a crash from here on is finished by the next start].
            for stone in stones:
                self._tombstones.append(stone)
            if whole and self._doom:
                self._doom(subject, now)
            self._store.raise_seen(TOMBSTONES, self._tombstones.count())
            # 3. Leaves, then 4. rows [a key that outlives its row opens the row's backup]. Of days that are cut the rows come
            #    first: what stays is sealed anew before its old key goes [a crash in between must not lose it].
            done = self._carry_out(stones)
            # The log: of a person erased in full it keeps that something was erased, and which tombstone says so.
            if whole:
                self._database.forget_subject(subject, now)
            entry = self._audit.append(_entry(stones, now, actor, subject, whole, extent, done))
        # 5. The old keys of days that are cut, now that nothing needs them.
        self._shred(earlier)
        done.leaves += self._shred(stones)
        # 6. The files forget too [deleted pages live on in the write-ahead log].
        self._forget()
        # 7. The receipt.
        names = tuple(device.device for device in devices)
        ids = tuple(stone.tombstone_id for stone in stones)
        counts = (done.envelopes, done.resealed, done.leaves)
        return ErasureReceipt(subject, now, extent.start, extent.end, names, ids, *counts, entry)

    def replay(self) -> tuple[int, int]:
        """Erase again what tombstones say, before a store serves that may be a restored one: (envelopes, leaves)."""
        stones = self._tombstones.all()
        with self._database.transaction():
            done, entries = self._finish(stones)
            if done or entries:
                detail = (("count", done.envelopes), ("resealed", done.resealed))
                self._audit.append(AuditEvent(Kind.RESTORE_REPLAYED.value, self._clock.now(), ACTOR, "", detail))
        shredded = self._shred(stones)
        self._store.raise_seen(TOMBSTONES, len(stones))
        if done or entries or shredded:
            self._forget()
        return done.envelopes, done.leaves + shredded

    def _finish(self, stones: Sequence[Tombstone]) -> tuple[_Done, int]:
        """What these tombstones say and is not done yet: what was done, entries of the log that no longer name anybody."""
        done = self._carry_out(stones)
        return done, sum(self._forget_person(device, at) for device, at in _people(stones).items())

    def _carry_out(self, stones: Iterable[Tombstone]) -> _Done:
        """All that belongs into the database's transaction, in the order in which it was once erased."""
        done, tips = _Done(), self._tips()
        for stone in stones:
            self._pass(stone, tips)
            if stone.edition:
                removed, resealed = self._cutter.reseal(stone)
                done.resealed += resealed
            else:
                done.leaves += self._keys.destroy(stone.device, stone.stream, stone.first_epoch, stone.last_epoch)
                removed = self._database.remove_span(stone.device, stone.stream, stone.first_epoch, stone.last_epoch)
            done.envelopes += removed
        return done

    def _shred(self, stones: Iterable[Tombstone]) -> int:
        return sum(self._cutter.shred(stone) for stone in stones if stone.edition)

    def _tips(self) -> dict[str, list[Tip]]:
        """By device; once for all tombstones [a start that reads every tip for each of ten thousand]."""
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
