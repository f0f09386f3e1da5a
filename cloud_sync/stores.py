"""What cloud_sync needs of a store, as small protocols. `cloud_sync.storage` implements them; nothing else knows SQL.

All methods of one `Database` share its transaction: `with db.transaction():` commits durably at the end (SQLite
`synchronous=FULL`) or rolls back on an exception. Calls outside a transaction commit by themselves. Methods may be
called from any thread; transactions of two threads run one after the other. Failures raise `StoreError`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from cloud_sync.model import (
    RESEALED,
    AuditEvent,
    ConsentRecord,
    Device,
    DirectiveState,
    EnvelopeId,
    Fix,
    HealingCandidate,
    HealingOffer,
    HealingWish,
    Leaf,
    Person,
    StoredEnvelope,
    Tip,
    Tombstone,
)


class Clock(Protocol):
    """Where the time comes from: injected everywhere."""

    def now(self) -> float:
        """Unix seconds, UTC."""


class Downlinks(Protocol):
    """Where sealed downlinks leave: the MQTT publisher, or a list in a test."""

    def send(self, device: str, envelope: bytes) -> None:
        """Queue `envelope` for `bl/1/<device>/down`; returns at once."""


class Sink(Protocol):
    """Where readings leave to a recipient (callback, webhook, MQTT, file), behind the gate: it never sees what was denied."""

    def deliver(self, recipient: str, purpose: str, fixes: Sequence[Fix]) -> None:
        """Hand over; raises CloudSyncError if the recipient did not take it, and then nothing counts as disclosed."""


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
    def remove_span(self, device: str, stream: int, first_epoch: int, last_epoch: int) -> int:
        """Delete all of a device's stream (0 = every stream) in the epochs, inclusive; the number of rows deleted."""

    def count_envelopes(self, device: str | None = None, stream: int | None = None) -> int: ...


class ConsentStore(Protocol):
    """The append-only consent ledger."""

    def append_consent(self, record: ConsentRecord) -> None: ...
    def consents(self, subject: str, purpose: str | None = None) -> list[ConsentRecord]:
        """In order of appending."""

    def all_consents(self) -> list[ConsentRecord]: ...


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
    def leaf(self, index: int) -> bytes: ...
    def leaf_count(self) -> int: ...
    def forget_subject(self, subject: str, until: float) -> int:
        """Make the entries of a subject up to that Unix second unlinkable; the leaves stay. How many."""


class AuditSink(Protocol):
    """Where events are logged."""

    def append(self, event: AuditEvent) -> int:
        """Append, within the transaction that is open, else durably; the entry's index."""


class Database(DeviceStore, EnvelopeStore, ConsentStore, DirectiveStore, AuditStore, Protocol):
    """The telemetry database: all of the above in one transaction."""

    def transaction(self) -> AbstractContextManager[None]: ...
    def vacuum_erased(self) -> None:
        """Make deleted content unreadable in the files too (WAL truncated, pages overwritten)."""

    def close(self) -> None: ...


class KeyDatabase(Protocol):
    """The key store: apart from the database, with a shorter backup life."""

    def transaction(self) -> AbstractContextManager[None]: ...
    def put_tip(self, tip: Tip) -> None: ...
    def tip(self, device: str, generation: int, stream: int) -> Tip | None: ...
    def tips(self) -> list[Tip]: ...
    def put_leaf(self, leaf: Leaf) -> None: ...
    def leaf(self, device: str, generation: int, stream: int, epoch: int) -> Leaf | None: ...
    def leaves(self, device: str, stream: int, first_epoch: int, last_epoch: int) -> list[Leaf]: ...
    def leaves_before(self, stream: int, epoch: int, limit: int) -> list[Leaf]: ...
    def destroy_leaves(self, device: str, stream: int, first_epoch: int, last_epoch: int) -> int:
        """Destroy (stream 0 = every stream), overwriting the pages; the number destroyed."""

    def destroy_leaf(self, device: str, generation: int, stream: int, epoch: int) -> int: ...
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

    def vacuum_erased(self) -> None: ...
    def close(self) -> None: ...


class TombstoneStore(Protocol):
    """Tombstones, outside the backup's domain, append-only."""

    def append(self, tombstone: Tombstone) -> None: ...
    def all(self) -> list[Tombstone]: ...
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
