"""Legal holds: what one covers is not destroyed until it is released. It permits nothing else: reads ask the gate as ever.

Invariants, each with the harm that it stops:

1. A hold names its reference, whom or which device it is about, and when it is looked at again [a hold that never ends].
2. An authority's hold takes two people and its reference; every release takes two, as it destroys [one person's error or will].
3. On release what is overdue goes with the next sweep.
4. The witness beside the tombstones counts holds and releases, and knows the newest hold: while a database knows fewer, nothing is
   destroyed by any term [a restored backup that forgets a hold, and a sweep at its start]. No newer hold makes up for a lost one.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from cloud_sync.audit import Kind
from cloud_sync.errors import ConfigError
from cloud_sync.model import UPLINK_STREAMS, AuditEvent
from cloud_sync.model.keeping import Hold
from cloud_sync.stores import AuditSink, Clock, Database, WitnessStore

ID_BYTES: Final = 10
WITNESS: Final = "holds"
TO_PLACE, TO_PLACE_FOR_AUTHORITY, TO_RELEASE = 1, 2, 2  # people (clause table, V-22)
MOST_REVIEW_S: Final = 366 * 86_400  # nobody may forget a hold for longer than a year


def _unheard(_hold: Hold) -> None:
    return


class HeldNow:
    """Holds of one moment, released ones among them, looked up once."""

    def __init__(self, database: Database, categories: Mapping[int, frozenset[str]]) -> None:
        self._database = database
        self._categories = categories
        known = database.holds(released=True)
        self._in_force = [hold for hold in known if hold.released_at is None]
        self._released = [hold for hold in known if hold.released_at is not None]
        self._owners: dict[str, str] = {}

    def held(self, device: str, stream: int, capture: float) -> bool:
        """Whether a capture of a device's stream may not be destroyed."""
        return any(hold.spans(capture) and self._about(hold, device, stream) for hold in self._in_force)

    def held_between(self, device: str, stream: int, start: float, end: float) -> bool:
        """Whether any capture between may not be destroyed."""
        return any(hold.meets(start, end) and self._about(hold, device, stream) for hold in self._in_force)

    def held_record(self, subject: str, category: str, created_at: float) -> float | None:
        """When the holds of a person's part of a record are to be looked at next; None if none holds it."""
        reviews = [hold.review_at for hold in self._in_force if _of_record(hold, subject, category, created_at)]
        return min(reviews, default=None)

    def record_released_after(self, subject: str, category: str, created_at: float, since: float) -> float | None:
        """When the last hold that kept a part beyond `since` was released; None if none did."""
        times = [
            hold.released_at
            for hold in self._released
            if hold.released_at is not None
            and hold.released_at > since
            and _of_record(hold, subject, category, created_at)
        ]
        return max(times, default=None)

    def released_after(self, device: str, stream: int, start: float, end: float, since: float) -> float | None:
        """When the last hold that kept any capture between beyond `since` was released; None if none did."""
        times = [
            hold.released_at
            for hold in self._released
            if hold.released_at is not None
            and hold.released_at > since
            and hold.meets(start, end)
            and self._about(hold, device, stream)
        ]
        return max(times, default=None)

    def _about(self, hold: Hold, device: str, stream: int) -> bool:
        if hold.category and hold.category not in self._categories.get(stream, frozenset()):
            return False
        if hold.device and hold.device != device:
            return False
        return not hold.subject or self._owner(device) == hold.subject

    def _owner(self, device: str) -> str:
        if device not in self._owners:
            owner = self._database.device(device)
            self._owners[device] = owner.subject if owner else ""
        return self._owners[device]


class Holds:
    """The holds of one installation."""

    def __init__(
        self,
        database: Database,
        audit: AuditSink,
        clock: Clock,
        witness: WitnessStore,
        categories: Mapping[int, frozenset[str]] | None = None,
        released: Callable[[Hold], None] = _unheard,
    ) -> None:
        """`categories`: by stream, the policy's categories that it feeds; `released` hears of each release, after its commit."""
        self._heard = released
        self._database = database
        self._audit = audit
        self._clock = clock
        self._witness = witness
        self._categories = categories or {}

    def place(
        self,
        reference: str,
        *,
        by: str,
        review_at: float,
        subject: str = "",
        device: str = "",
        category: str = "",
        start: float | None = None,
        end: float | None = None,
        authority: bool = False,
        approved_by: str = "",
    ) -> Hold:
        """Hold what was captured or recorded from `start` to before `end` (Unix seconds; None: without a bound).

        ConfigError unless it names a reference, a person or a device, a review within a year and, for an authority, a second
        person who approved.
        """
        now = self._clock.now()
        people = _people(by, approved_by)
        if not reference:
            raise ConfigError("a hold names its reference: the claim, the case or the order that it rests on")
        if not subject and not device:
            raise ConfigError("a hold names a person or a device: nobody holds everything of everybody")
        if start is not None and end is not None and start >= end:
            raise ConfigError("hold: start lies after end; exchange them")
        if not now < review_at <= now + MOST_REVIEW_S:
            raise ConfigError("a hold is looked at again within a year: name a day to come, 366 days ahead at most")
        needed = TO_PLACE_FOR_AUTHORITY if authority else TO_PLACE
        if len(people) < needed:
            raise ConfigError(
                f"a hold for an authority takes {needed} people: name who approved it beside who places it"
            )
        name = secrets.token_hex(ID_BYTES)
        hold = Hold(name, reference, subject, device, category, start, end, authority, now, people, review_at)
        self._keep_lost()
        with self._database.transaction():
            self._database.put_hold(hold)
            self._log(Kind.HOLD_PLACED, by, hold)
        self.note_all()
        return hold

    def release(self, hold_id: str, *, by: str, approved_by: str) -> Hold:
        """End a hold; what is overdue goes with the next sweep. ConfigError unless it is in force and two people say so."""
        found = self._database.hold(hold_id)
        if found is None or found.released_at is not None:
            raise ConfigError("no such hold is in force")
        people = _people(by, approved_by)
        if len(people) < TO_RELEASE:
            raise ConfigError(
                "a hold is released by two people, as its release destroys: name another one who approved"
            )
        released = replace(found, released_at=self._clock.now(), released_by=people)
        self._keep_lost()
        with self._database.transaction():
            self._database.put_hold(released)
            self._database.unpark(UPLINK_STREAMS)
            self._log(Kind.HOLD_RELEASED, by, released)
        self.note_all()
        self._heard(released)
        return released

    def in_force(self) -> list[Hold]:
        """All that hold now, oldest first."""
        return self._database.holds()

    # Questions

    def view(self) -> HeldNow:
        """What is held at this moment: for many questions inside one transaction."""
        return HeldNow(self._database, self._categories)

    def held(self, device: str, stream: int, capture: float) -> bool:
        """Whether a capture of a device's stream may not be destroyed."""
        return self.view().held(device, stream, capture)

    def of_subject(self, subject: str) -> list[Hold]:
        """Holds in force over the person's data, by person or by device."""
        devices = {device.device for device in self._database.devices_of(subject)}
        return [hold for hold in self._database.holds() if hold.subject == subject or hold.device in devices]

    # Restores

    def lost(self) -> bool:
        """Whether holds are missing from a restored database: nothing may be destroyed by any term then."""
        count, newest = self._witness.witness(WITNESS) or (0, b"")
        if count == 0:
            return False
        known = self._database.holds(released=True)
        return _count(known) < count or (newest != b"" and newest not in [hold.hold_id.encode() for hold in known])

    def note_all(self) -> None:
        """Tell the witness what is there; after a commit, and at a start before which a program ended too soon."""
        if not self.lost():
            self._witness.raise_witness(WITNESS, *self._mark())

    def accept_lost(self, *, by: str, approved_by: str) -> None:
        """Two people say that all holds that are to be in force are placed again."""
        if len(_people(by, approved_by)) < TO_RELEASE:
            raise ConfigError("two people say that no hold is missing: name another one who approved")
        with self._database.transaction():
            self._audit.append(AuditEvent(Kind.HOLD_ACCEPTED.value, self._clock.now(), by, ""))
        self._witness.set_witness(WITNESS, *self._mark())

    def _keep_lost(self) -> None:
        """Before one is added or released: what is lost stays so, ahead of the count that will be."""
        seen = self._witness.witness(WITNESS)
        if seen is not None and self.lost():
            self._witness.set_witness(WITNESS, seen[0] + 1, seen[1])

    def _mark(self) -> tuple[int, bytes]:
        """How many holds and releases there are, and the newest hold."""
        known = self._database.holds(released=True)
        return _count(known), known[-1].hold_id.encode() if known else b""

    def _log(self, kind: Kind, by: str, hold: Hold) -> None:
        detail: tuple[tuple[str, str | int], ...] = (
            ("hold", hold.hold_id),
            ("review_at", int(hold.review_at)),
            ("count", len(hold.released_by or hold.placed_by)),
        )
        self._audit.append(AuditEvent(kind.value, self._clock.now(), by, hold.subject, detail))


def _people(*names: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name))


def _count(known: Sequence[Hold]) -> int:
    """Holds and releases: both only ever grow."""
    return len(known) + sum(hold.released_at is not None for hold in known)


def _of_record(hold: Hold, subject: str, category: str, created_at: float) -> bool:
    return hold.subject == subject and not hold.device and hold.category in ("", category) and hold.spans(created_at)
