"""What cloud_sync needs of a store, as small protocols. `cloud_sync.storage` implements them; nothing else knows SQL.

All methods of one `Database` share its transaction: `with db.transaction():` commits durably at the end (SQLite
`synchronous=FULL`) or rolls back on an exception. Calls outside a transaction commit by themselves. Methods may be
called from any thread; transactions of two threads run one after the other. Failures raise `StoreError`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

from cloud_sync.model import (
    RESEALED,
    AuditEvent,
    ConsentBound,
    ConsentRecord,
    Device,
    DirectiveState,
    EnvelopeId,
    HealingCandidate,
    HealingOffer,
    HealingWish,
    Leaf,
    Person,
    Shield,
    StoredEnvelope,
    Tip,
    Tombstone,
)
from cloud_sync.model_access import AlertLink, Approval, Delivery, Relation, StaffGrant, Ticket
from cloud_sync.model_consent import StandingMark
from cloud_sync.model_keeping import ClockEvent, DueRow, Hold, RecordPart, Restriction, Shred, WaitingErasure

#: What a key store counts (`seen`) that came out of a backup: when.
RESTORED: Final = "backup.restored_at"


class Clock(Protocol):
    """Where the time comes from: injected everywhere."""

    def now(self) -> float:
        """Unix seconds, UTC."""


class Downlinks(Protocol):
    """Where sealed downlinks leave: the MQTT publisher, or a list in a test."""

    def send(self, device: str, envelope: bytes) -> None:
        """Queue `envelope` for `bl/1/<device>/down`; returns at once."""


class Parcel(Protocol):
    """One part of a delivery, as a sink hands it over (`cloud_sync.disclosure.parcel`)."""

    @property
    def key(self) -> str:
        """The same for the same part at every attempt, so that a recipient who has it already can tell."""

    @property
    def recipient(self) -> str: ...
    @property
    def body(self) -> bytes:
        """UTF-8 JSON; only the fields that are listed for the recipient."""


class Sink(Protocol):
    """Where readings leave to a recipient (callback, webhook, MQTT, file), behind the gate: it never sees what was denied."""

    def deliver(self, parcel: Parcel) -> None:
        """Hand over; returns once the recipient has it, in bounded time. Raises CloudSyncError if the recipient did not take
        it, and then nothing counts as disclosed.
        """


class DeviceStore(Protocol):
    """Enrolled devices."""

    def add_device(self, device: Device) -> None: ...
    def device(self, device: str) -> Device | None: ...
    def devices_of(self, subject: str) -> list[Device]: ...
    def all_devices(self) -> list[Device]: ...
    def update_device(self, device: Device) -> None: ...


class EnvelopeStore(Protocol):
    """Sealed envelopes, as they came."""

    def digests(self, ids: Sequence[EnvelopeId]) -> dict[EnvelopeId, set[bytes]]:
        """Which digests are already stored under these numbers."""

    def add_envelopes(self, envelopes: Iterable[StoredEnvelope]) -> None:
        """Insert; the same (id, digest) again is a no-op."""

    def envelopes(
        self, device: str, stream: int, first_epoch: int, last_epoch: int, below: int = 2 * RESEALED
    ) -> list[StoredEnvelope]:
        """By (epoch, generation, counter), epochs inclusive, generations `below`; editions are generations from `RESEALED` on."""

    def expired(self, stream: int, oldest_capture_before: float, limit: int) -> list[StoredEnvelope]: ...
    def remove_envelopes(self, items: Iterable[tuple[EnvelopeId, bytes]]) -> int: ...
    def remove_span(self, device: str, stream: int, first_epoch: int, last_epoch: int, most: int | None = None) -> int:
        """Delete all of a device's stream (0 = every stream) in the epochs, inclusive, or about `most`; the number of rows."""

    def count_envelopes(self, device: str | None = None, stream: int | None = None) -> int: ...


class ConsentStore(Protocol):
    """The append-only consent ledger."""

    def append_consent(self, record: ConsentRecord) -> None: ...
    def consents(self, subject: str, purpose: str | None = None) -> list[ConsentRecord]:
        """In order of appending."""

    def all_consents(self) -> list[ConsentRecord]: ...


class BoundStore(Protocol):
    """What bounds consents and never makes one: groups, their narrowings, ages; append-only."""

    def append_bound(self, bound: ConsentBound) -> None: ...
    def bounds_of(self, subject: str) -> list[ConsentBound]:
        """Of a person, in order of appending."""

    def bounds_of_group(self, group: str, *, members: bool) -> list[ConsentBound]:
        """Of a group's members alone, or of the group itself alone, in order of appending."""

    def forget_months(self, subject: str, until: float) -> int:
        """Blank since when a person is of age, in what was declared up to that Unix second; how many."""

    def last_of_group(self, group: str) -> str:
        """The record id of the last event of the group itself; empty where there is none."""

    def ages(self) -> list[ConsentBound]:
        """What was declared last of everybody of whom anything was."""

    def groups(self) -> list[str]: ...


class DirectiveStore(Protocol):
    """Directive state, one row per device."""

    def directive_state(self, device: str) -> DirectiveState | None: ...
    def put_directive_state(self, state: DirectiveState) -> None: ...
    def unsealed_states(self) -> list[DirectiveState]:
        """Those whose directive lies in the clear, as before schema 4."""


class AuditStore(Protocol):
    """Leaves of the Merkle tree, in order; a leaf's bytes are never changed."""

    def append_leaf(self, event: AuditEvent, leaf: bytes, leaf_hash: bytes) -> int:
        """The leaf's index."""

    def leaf_hashes(self, first: int = 0, last: int | None = None) -> list[bytes]: ...
    def audit_events(self, subject: str | None = None, kind: str | None = None) -> list[tuple[int, AuditEvent]]: ...
    def newest_events(self, kind: str, most: int) -> list[AuditEvent]:
        """Up to so many of a kind, the newest first."""

    def first_event(self) -> AuditEvent | None:
        """The log's first entry."""

    def leaf(self, index: int) -> bytes: ...
    def leaf_count(self) -> int: ...
    def forget_subject(self, subject: str, until: float) -> int:
        """Make the entries of a subject up to that Unix second unlinkable; the leaves stay. How many."""


class AuditSink(Protocol):
    """Where events are logged."""

    def append(self, event: AuditEvent) -> int:
        """Append, within the transaction that is open, else durably; the entry's index."""


class RetentionStore(Protocol):
    """Rows in the order of their terms, keys still to go after a commit, erasures that wait for a hold, marks."""

    def levels(self, stream: int) -> list[int]: ...
    def due(
        self, stream: int, level: int, before: float, limit: int, after: tuple[float, int, int, bytes] | None = None
    ) -> list[DueRow]:
        """Up to `limit` rows of the level whose oldest reading lies before, in order of capture, from behind `after` on."""

    def rows_of_day(self, device: str, stream: int, epoch: int) -> list[DueRow]:
        """All rows of a day, parked ones as well, in order of capture."""

    def set_level(self, items: Iterable[tuple[EnvelopeId, bytes]], level: int) -> None: ...
    def unpark(self, streams: Iterable[int]) -> int: ...
    def add_shreds(self, shreds: Iterable[Shred]) -> None: ...
    def shreds(self, limit: int) -> list[Shred]: ...
    def remove_shreds(self, shreds: Iterable[Shred]) -> None: ...
    def audit_page(self, first: int, limit: int) -> list[tuple[int, AuditEvent]]:
        """Up to `limit` entries from index `first` on, in order."""

    def forget_entries(self, entries: Iterable[tuple[int, AuditEvent]]) -> int:
        """Make entries of the audit log unlinkable; the leaves stay. How many."""

    def put_waiting(self, waiting: WaitingErasure) -> None: ...
    def waiting(self) -> list[WaitingErasure]: ...
    def remove_waiting(self, erasure_id: str) -> int: ...
    def mark(self, name: str) -> str: ...
    def set_mark(self, name: str, value: str) -> None: ...


class KeepingStore(Protocol):
    """Holds, restrictions, events that start clocks, records."""

    def put_hold(self, hold: Hold) -> None: ...
    def holds(self, *, released: bool = False) -> list[Hold]: ...
    def hold(self, hold_id: str) -> Hold | None: ...
    def put_restriction(self, restriction: Restriction) -> None: ...
    def restrictions(self, subject: str | None = None, *, lifted: bool = False) -> list[Restriction]: ...
    def restriction(self, restriction_id: str) -> Restriction | None: ...
    def add_clock_event(self, event: ClockEvent) -> None: ...
    def clock_events(self, scope: str, key: str) -> list[ClockEvent]: ...
    def remove_clock_events(self, scope: str, key: str) -> int: ...
    def put_part(self, part: RecordPart) -> None: ...
    def parts(self, record_id: str) -> list[RecordPart]: ...
    def has_part(self, record_id: str, subject: str) -> bool: ...
    def parts_of(self, subject: str, category: str | None = None) -> list[RecordPart]: ...
    def parts_after(self, after: tuple[str, str], limit: int) -> list[RecordPart]: ...
    def categories_of_parts(self) -> list[str]: ...
    def parts_due(self, now: float, limit: int, after: tuple[float, str, str] | None = None) -> list[RecordPart]: ...
    def remove_parts(self, parts: Iterable[tuple[str, str]]) -> int: ...


class AccessStore(Protocol):
    """Tickets, grants of the staff, relations, approvals, deliveries, links of alerts."""

    def put_ticket(self, ticket: Ticket) -> None: ...
    def ticket(self, ticket: str) -> Ticket | None: ...
    def put_grant(self, grant: StaffGrant) -> None: ...
    def grants(self, subject: str, staff: str | None = None) -> list[StaffGrant]:
        """The newest first."""

    def grants_of_ticket(self, ticket: str) -> list[StaffGrant]: ...
    def grant(self, grant: str) -> StaffGrant | None: ...
    def put_relation(self, relation: Relation) -> None: ...
    def relation(self, actor: str, role: str, subject: str) -> Relation | None: ...
    def relations(self, subject: str) -> list[Relation]: ...
    def remove_relation(self, actor: str, role: str, subject: str) -> int: ...
    def put_approval(self, approval: Approval) -> None: ...
    def approvals(self, reference: str, recipient: str, subject: str) -> list[Approval]: ...
    def put_delivery(self, delivery: Delivery) -> None: ...
    def go_on(self, delivery: Delivery) -> bool:
        """Replace one that is there; False where it is not any more."""

    def delivery(self, delivery: str) -> Delivery | None: ...
    def deliveries(self, subject: str) -> list[Delivery]:
        """Oldest first."""

    def put_alert(self, link: AlertLink) -> None: ...
    def alert(self, link: str) -> AlertLink | None: ...
    def remove_alerts(self, ended_before: float) -> int: ...
    def close_access(self) -> int:
        """Delete all of these but deliveries: nobody is let in any more. The number deleted."""

    def forget_access(self, subject: str, until: float = math.inf) -> int:
        """Delete every row of these that names a person and began up to that Unix second; the number deleted."""


class ErasingStore(Protocol):
    """Who is named anywhere, and what of an erased person no other protocol has."""

    def names(self, subject: str) -> bool:
        """Whether any table names the person."""

    def named(self) -> set[str]: ...
    def forget_notes(self, devices: Iterable[str]) -> int: ...
    def remove_lifted(self, subject: str) -> int: ...
    def unlink_holds(self, subject: str, devices: Iterable[str]) -> int: ...


class RecordKeyStore(Protocol):
    """Keys of records, in the key store."""

    def put_record_key(self, record_id: str, subject: str, wrapped: bytes) -> None: ...
    def record_key(self, record_id: str, subject: str) -> bytes | None: ...
    def destroy_record_keys(self, parts: Iterable[tuple[str, str]]) -> int:
        """Destroy keys by (record, subject), overwriting the pages; the number destroyed."""

    def record_keys(self, after: tuple[str, str], limit: int) -> list[tuple[str, str]]:
        """Up to `limit` (record, subject) of which there is a key, behind `after`."""


class StatisticStore(Protocol):
    """Releases of statistics, append-only, without any person."""

    def add_statistic(
        self, release_id: str, purpose: str, first_day: int, last_day: int, at: float, content: str
    ) -> None: ...
    def statistics(self) -> list[tuple[Any, ...]]:
        """(release_id, purpose, first_day, last_day, at, content), in order of appending."""


class ChangeStore(Protocol):
    """Whether the facts that permissions rest on have changed; inside one transaction with what is done upon it."""

    def standing_mark(self) -> StandingMark | None:
        """The same mark, the same answers, groups, ages and restrictions; None where that cannot be told."""

    def answered_since(self, mark: StandingMark) -> list[str] | None:
        """Who has answered since; None if the mark is not of this ledger."""


class Database(
    DeviceStore,
    ChangeStore,
    EnvelopeStore,
    ConsentStore,
    BoundStore,
    DirectiveStore,
    AuditStore,
    RetentionStore,
    KeepingStore,
    AccessStore,
    ErasingStore,
    StatisticStore,
    Protocol,
):
    """The telemetry database: all of the above in one transaction."""

    def transaction(self) -> AbstractContextManager[None]: ...
    def expect_devices(self, devices: Collection[str]) -> None:
        """A hint within a transaction: it will ask about these devices and their people."""

    def vacuum_erased(self) -> None:
        """Make deleted content unreadable in the files too (WAL truncated, pages overwritten)."""

    def close(self) -> None: ...


class KeyDatabase(RecordKeyStore, Protocol):
    """The key store: apart from the database, with a shorter backup life."""

    def transaction(self) -> AbstractContextManager[None]: ...
    def put_tip(self, tip: Tip) -> None: ...
    def tip(self, device: str, generation: int, stream: int) -> Tip | None: ...
    def tips(self) -> list[Tip]: ...
    def tips_of(self, device: str) -> list[Tip]: ...
    def put_leaf(self, leaf: Leaf) -> None: ...
    def leaf(self, device: str, generation: int, stream: int, epoch: int) -> Leaf | None: ...
    def leaves(self, device: str, stream: int, first_epoch: int, last_epoch: int) -> list[Leaf]: ...
    def editions(self, after: tuple[str, int, int, int], limit: int) -> list[tuple[str, int, int, int]]:
        """Up to `limit` (device, stream, epoch, generation) of keys of what was sealed anew, behind `after`."""

    def leaves_before(self, stream: int, epoch: int, limit: int) -> list[Leaf]: ...
    def days_before(
        self, stream: int, epoch: int, limit: int, after: tuple[int, str] | None = None, *, came: bool = False
    ) -> list[tuple[str, int]]:
        """Up to `limit` (device, epoch) of which there is a key, of epochs before; with `came`, of what devices sent."""

    def destroy_leaves(self, device: str, stream: int, first_epoch: int, last_epoch: int) -> int:
        """Destroy (stream 0 = every stream), overwriting the pages; the number destroyed."""

    def destroy_leaf(self, device: str, generation: int, stream: int, epoch: int) -> int: ...
    def last_leaf(self, device: str, stream: int) -> int:
        """The last epoch of which there is a leaf of the stream; −1 if none."""

    def put_shield(self, shield: Shield) -> None: ...
    def shield(self, device: str, number: int | None = None) -> Shield | None:
        """That of a number, or the newest."""

    def destroy_shields(self, device: str, stones: int | None = None) -> int:
        """Destroy all, or those made when there were at most so many tombstones; the number destroyed."""

    def destroy_unshielded(self, device: str) -> int:
        """Destroy the leaves of personal streams that are under no shield; the number destroyed."""

    def seen(self, name: str) -> int:
        """How many of these another store has held at least; 0 if nobody has counted."""

    def raise_seen(self, name: str, count: int) -> None: ...
    def destroy_tips(self, device: str, below: int | None = None) -> int:
        """Destroy the tips of a device, of generations `below` or of all; the number destroyed."""

    def put_down(self, device: str, generation: int, number: int, wrapped: bytes) -> None: ...
    def down(self, device: str) -> tuple[int, int, bytes] | None:
        """(generation, number, wrapped chain key)."""

    def put_wish(self, wish: HealingWish) -> None: ...
    def wish(self, device: str) -> HealingWish | None: ...
    def destroy_wish(self, device: str) -> int: ...
    def put_offer(self, offer: HealingOffer) -> None: ...
    def offers(self, device: str) -> list[HealingOffer]:
        """By generation and number."""

    def destroy_offers(
        self, device: str | None = None, up_to: int | None = None, spine_epoch: int | None = None
    ) -> int:
        """Destroy, overwriting the pages: of one device or of all, of numbers and of spine epochs up to these; how many."""

    def put_candidate(self, candidate: HealingCandidate) -> None:
        """Insert or replace the one of the device."""

    def candidate(self, device: str) -> HealingCandidate | None: ...
    def destroy_candidate(self, device: str) -> int: ...
    def put_person(self, person: Person) -> None:
        """Insert or replace."""

    def person(self, subject: str) -> Person | None: ...
    def destroy_person(self, subject: str) -> int:
        """Destroy a person's key and limits, overwriting the pages; the number destroyed."""

    def count_wrapped(self, table: str) -> list[tuple[bytes, int]]:
        """How many rows begin alike: (the first five bytes, or none where the provider wrapped directly; rows)."""

    def wrapped_otherwise(
        self, table: str, key: Sequence[str], also: Sequence[str], start: bytes, after: Sequence[Any] | None, limit: int
    ) -> list[tuple[Any, ...]]:
        """Up to `limit` rows (key, also, wrapped) that do not begin with `start`, by key, from behind `after` on."""

    def wrap_anew(self, table: str, key: Sequence[str], values: Sequence[Any], wrapped: bytes) -> None:
        """Replace the wrapped value of one row, overwriting the page."""

    def vacuum_erased(self) -> None: ...
    def close(self) -> None: ...


class TombstoneStore(Protocol):
    """Tombstones, outside the backup's domain, append-only."""

    def append(self, tombstone: Tombstone) -> None: ...
    def transaction(self) -> AbstractContextManager[None]: ...
    def all(self) -> list[Tombstone]: ...
    def of_device(self, device: str) -> list[Tombstone]:
        """Those of one device, in order of appending."""

    def near(self, device: str, stream: int, epoch: int) -> list[Tombstone]:
        """Those of this stream (or of every one) and of this epoch, the one before or the one after, in order of appending."""

    def covers(self, device: str, stream: int, epoch: int, generation: int = 0) -> bool:
        """Whether this generation's day is closed, so that nothing of it may be opened or stored."""

    def count(self) -> int: ...
    def close(self) -> None: ...


class WitnessStore(Protocol):
    """How far another store had come, by name: a count and a mark. Outside the backup's domain."""

    def witness(self, name: str) -> tuple[int, bytes] | None: ...
    def raise_witness(self, name: str, count: int, mark: bytes) -> None:
        """Insert, or replace one with a lower count."""

    def set_witness(self, name: str, count: int, mark: bytes) -> None:
        """Insert or replace."""

    def witnesses(self, prefix: str) -> dict[str, int]:
        """Counts of all names that begin so."""
