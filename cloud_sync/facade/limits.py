"""What a person narrows by themselves: private zones, where nothing leaves the device, and quiet hours, when nothing is sensed.

A person's limits hold over policy and consent, for all of their devices and all personal streams. They are personal data: they
are sealed under the person's own key in the key store, and neither the consent ledger nor the audit log has them.

Invariants, each with the loss or leak that it stops:

1. What narrows goes out at once; what is dropped waits for the device's challenge [a replay that opens a home].
2. Only the person drops a limit; others may add, as with consent [a company that widens].
3. The witness beside the tombstones counts the changes. A key store that knows fewer was restored, or the person was erased: what
   they had set nobody knows any more, and nothing of theirs is sensed until they answer anew [a lost zone that opens a home].
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from cloud_sync.audit import AuditLog, Kind
from cloud_sync.consent import Evidence
from cloud_sync.directive.desk import DirectiveDesk
from cloud_sync.directive.hours import minutes, quiet_hours, windows
from cloud_sync.directive.zones import Cells, zones_around
from cloud_sync.erasure.register import MICRO, mark_of
from cloud_sync.errors import ConfigError, ConsentError, SealBroken, WireFormatError
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.keys.personkeys import PersonKeys
from cloud_sync.model import Precision, Tombstone
from cloud_sync.stores import Database, WitnessStore
from cloud_sync.wire import cells, codec
from cloud_sync.wire.directive import DAY_MIN, MOST_HOURS, MOST_ZONES

__all__ = ["Limits", "PersonLimits", "quiet_hours", "zones_around"]

Outgoing = Sequence[tuple[str, bytes]]
Pairs = Iterable[tuple[int, int]]
#: Basis of tombstones after an erasure of the whole person (`erasure.erase`).
PERSON: Final = "person"


@dataclass(frozen=True, slots=True)
class Limits:
    """Zones are (row, col) of `cell_1km`, hours windows of UTC minutes, both in order. `lost`: there were others, see above."""

    zones: tuple[tuple[int, int], ...] = ()
    hours: tuple[tuple[int, int], ...] = ()
    revision: int = 0
    lost: bool = False

    def __bool__(self) -> bool:
        return bool(self.zones or self.hours or self.lost)

    def within(self, other: Limits) -> bool:
        """Whether these close everything that `other` closes."""
        return set(self.zones) >= set(other.zones) and minutes(self.hours) >= minutes(other.hours)


class PersonLimits:
    """The limits of all persons. Each change is one transaction of limits, directives and audit log, then sent at once."""

    def __init__(
        self,
        *,
        database: Database,
        keys: LadderKeys,
        people: PersonKeys,
        witness: WitnessStore,
        desk: DirectiveDesk,
        audit: AuditLog,
        settle: Callable[[str], Outgoing],
        done: Callable[[str, Outgoing], None],
    ) -> None:
        """`settle` brings a person's devices in line, inside the transaction; `done` hears of it after the commit."""
        self._database = database
        self._keys = keys
        self._people = people
        self._witness = witness
        self._desk = desk
        self._audit = audit
        self._settle = settle
        self._done = done
        self._outgoing: dict[str, Outgoing] = {}  # by person: sealed inside an erasure, not sent yet

    def set(
        self, subject: str, *, zones: Pairs | None = None, hours: Pairs | None = None, evidence: Evidence
    ) -> Limits:
        """Replace the zones (cells of `cell_1km`), the hours (UTC minutes, from < to), or both; what is None stays.

        ConfigError for what no directive can carry; ConsentError for somebody else who would drop a limit, and where earlier
        limits are lost and not both are named.
        """
        evidence.check()
        new_zones = None if zones is None else _zones(zones)
        new_hours = None if hours is None else _hours(hours)
        return self._change(Kind.LIMITS_SET, subject, new_zones, new_hours, evidence)

    def clear(self, subject: str, *, evidence: Evidence) -> Limits:
        """Drop them all; the devices follow when they have answered with their challenge."""
        evidence.check()
        return self._change(Kind.LIMITS_CLEARED, subject, (), (), evidence)

    def get(self, subject: str, *, actor: str | None = None) -> Limits:
        """The limits, for the person or on their behalf; who looked is in the audit log, as a zone says where somebody lives."""
        self._audit.record(Kind.LIMITS_READ.value, actor or subject, subject)
        return self.in_force(subject)

    def in_force(self, subject: str) -> Limits:
        """The limits, for the server's own use: directives are compiled with them."""
        try:
            revision, value = self._people.limits(subject)
            limits = _unpacked(revision, value) if value else Limits()
        except SealBroken:
            return Limits(lost=True)
        if revision < self._seen(subject):
            return Limits(limits.zones, limits.hours, revision, lost=True)
        return limits

    # Erasure and restores

    def known(self, subject: str) -> bool:
        """Whether the person ever had limits, dropped, lost and erased ones included."""
        return self._doomed(subject) is not None or self._seen(subject) > 0 or self.in_force(subject) != Limits()

    def forget(self, subject: str) -> None:
        """Whole-person erasure: limits and the key under which they and the directives lie are destroyed, and sensing with them.

        Whoever had limits is asked anew [erasing a home must not open it]; whoever had none goes on as before.
        """
        with self._database.transaction(), self._keys.transaction():
            self.destroy(subject)
        # The files forget too [deleted pages live on in the write-ahead log].
        self._people.vacuum()
        self._database.vacuum_erased()
        self.tell(subject)

    def destroy(self, subject: str) -> None:
        """The same inside the transactions of an erasure, whose files forget at its end; then `tell`."""
        devices = [device.device for device in self._database.devices_of(subject)]
        had = self.in_force(subject)
        self._outgoing.pop(subject, None)
        if had:
            # 1. Closed first, so that the devices hear of it [without their last directive nothing could be narrowed].
            self._witness.raise_witness(_name(subject), had.revision + 1, b"")
            self._outgoing[subject] = self._settle(subject)
        # 2. The key goes, and with it every copy of limits and directives in any backup.
        self._desk.rekey(devices, lambda: self._people.destroy(subject))
        if not had and self._seen(subject):
            self._witness.set_witness(_name(subject), 0, b"")

    def tell(self, subject: str) -> None:
        """After the commit: the devices of whoever had limits hear that they are closed."""
        self._done(subject, self._outgoing.pop(subject, ()))

    def older(self, subject: str, at: float) -> bool:
        """Whether the person has a key from before that moment (Unix seconds)."""
        return self._people.older(subject, at)

    def replay(self, tombstones: Iterable[Tombstone], keyed: Iterable[str]) -> int:
        """Forget again who was erased in full, in stores from before that; `keyed` are all who have a key. How many persons.

        Of persons with devices the replay of their tombstones has made the log forget.
        """
        erased: dict[str, float] = {}
        for stone in tombstones:
            owner = self._database.device(stone.device) if stone.basis == PERSON else None
            if owner is not None:
                erased[owner.subject] = max(stone.at, erased.get(owner.subject, 0.0))
        entries = 0
        for subject in {*keyed, *self._logged()}:
            at = self._doomed(subject)
            if at is not None:
                erased[subject] = max(at, erased.get(subject, 0.0))
                entries += self._database.forget_subject(subject, at)
        if entries:
            self._database.vacuum_erased()
        stale = [subject for subject, at in erased.items() if self._people.older(subject, at)]
        for subject in stale:
            self.forget(subject)
        return len(stale)

    def close_lost(self) -> int:
        """Tell the devices of everybody whose limits are lost to stop, as far as they were not told; how many persons."""
        closed = 0
        for subject in sorted({device.subject for device in self._database.all_devices()}):
            if not self._seen(subject) or not self.in_force(subject).lost:
                continue
            with self._database.transaction():
                outgoing = self._settle(subject)
            self._done(subject, outgoing)
            closed += bool(outgoing)
        return closed

    # Parts

    def _change(self, kind: Kind, subject: str, zones: Cells | None, hours: Cells | None, evidence: Evidence) -> Limits:
        with self._database.transaction(), self._keys.transaction():
            old = self.in_force(subject)
            if old.lost and (zones is None or hours is None):
                raise ConsentError("earlier limits are lost: name both zones and hours anew, or clear them")
            revision = max(old.revision, self._seen(subject)) + 1
            new = Limits(old.zones if zones is None else zones, old.hours if hours is None else hours, revision)
            if evidence.entity_id != subject and (old.lost or not new.within(old)):
                raise ConsentError("only the person drops a zone or an hour; others may add: ask the person")
            self._log(kind, subject, revision, evidence)
            self._people.put_limits(subject, revision, codec.pack([_lists(new.zones), _lists(new.hours)]))
            outgoing = self._settle(subject)
        self._witness.raise_witness(_name(subject), revision, b"")
        self._done(subject, outgoing)
        return new

    def _log(self, kind: Kind, subject: str, revision: int, evidence: Evidence) -> None:
        """Who did what, where and in which language; no zone, no hour, and not how many."""
        self._audit.record(
            kind.value,
            evidence.entity_id,
            subject,
            action=evidence.act,
            channel=evidence.channel,
            language=evidence.language,
            notice=evidence.notice,
            version=revision,
        )

    def _logged(self) -> list[str]:
        """Subjects of whom the log says that their limits were changed."""
        kinds = (Kind.LIMITS_SET.value, Kind.LIMITS_CLEARED.value)
        return [event.subject for kind in kinds for _, event in self._database.audit_events(kind=kind) if event.subject]

    def _doomed(self, subject: str) -> float | None:
        """The Unix second of the last erasure of the whole person."""
        found = self._witness.witness(mark_of(subject))
        return found[0] / MICRO if found else None

    def _seen(self, subject: str) -> int:
        found = self._witness.witness(_name(subject))
        return found[0] if found else 0


def _name(subject: str) -> str:
    return f"limits/{hashlib.sha256(subject.encode()).hexdigest()}"


def _lists(pairs: Cells) -> list[list[int]]:
    return [list(pair) for pair in pairs]


def _unpacked(revision: int, value: bytes) -> Limits:
    zones, hours = codec.unpack(value)
    return Limits(tuple((row, col) for row, col in zones), tuple((start, end) for start, end in hours), revision)


def _pairs(values: Pairs, what: str) -> set[tuple[int, int]]:
    try:
        return {(first, second) for first, second in values}
    except (TypeError, ValueError):
        raise ConfigError(f"{what} are pairs of whole numbers") from None


def _zones(zones: Pairs) -> Cells:
    """Cells that exist, each once, in order, as many as a directive carries."""
    found = _pairs(zones, "zones")
    try:
        for row, col in found:
            cells.check(row, col, Precision.CELL_1KM)
    except WireFormatError as error:
        raise ConfigError(f"a zone is no cell of 1 km ({error}); zones_around() makes them of a place") from None
    if len(found) > MOST_ZONES:
        raise ConfigError(f"{len(found)} zones are more than the {MOST_ZONES} cells that a device keeps; choose fewer")
    return tuple(sorted(found))


def _hours(hours: Pairs) -> Cells:
    """Windows within the UTC day, joined where they touch, as many as a directive carries."""
    found = _pairs(hours, "hours")
    for start, end in found:
        if type(start) is not int or type(end) is not int or not 0 <= start < end <= DAY_MIN:
            raise ConfigError("hours are UTC minutes with 0 <= from < to <= 1440; split a window at midnight")
    joined = windows(minutes(tuple(found)))
    if len(joined) > MOST_HOURS:
        raise ConfigError(f"{len(joined)} windows are more than the {MOST_HOURS} that a device keeps; join some")
    return joined
