"""What the engine needs of the key store, and of what lies outside of every backup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

from cloud_sync.model import HealingCandidate, HealingOffer, HealingWish, Leaf, Person, Shield, Tip, Tombstone
from cloud_sync.model.enrolment import BegunAdmission, OpenInvitation

#: What a key store counts (`seen`) that came out of a backup: when.
RESTORED: Final = "backup.restored_at"


class RecordKeyStore(Protocol):
    """Keys of records, in the key store."""

    def put_record_key(self, record_id: str, subject: str, wrapped: bytes) -> None: ...
    def record_key(self, record_id: str, subject: str) -> bytes | None: ...
    def destroy_record_keys(self, parts: Iterable[tuple[str, str]]) -> int:
        """Destroy keys by (record, subject), overwriting the pages; the number destroyed."""

    def record_keys(self, after: tuple[str, str], limit: int) -> list[tuple[str, str]]:
        """Up to `limit` (record, subject) of which there is a key, behind `after`."""


class InvitationStore(Protocol):
    """Open invitations with their keys, and uses of one that are under way, in the key store."""

    def put_invitation(self, invitation: OpenInvitation) -> None: ...
    def invitation(self, ident: str) -> OpenInvitation | None: ...
    def invitations(self) -> list[OpenInvitation]:
        """In the order of their making."""

    def destroy_invitation(self, ident: str) -> int:
        """Destroy one with its key, overwriting the page; the number destroyed."""

    def destroy_invitations(self, subject: str, made_until: float) -> int:
        """Destroy those of a person that were made until then; the number destroyed."""

    def put_admission(self, admission: BegunAdmission) -> None: ...
    def admissions(self) -> list[BegunAdmission]: ...
    def end_admission(self, ident: str) -> int: ...


class KeyDatabase(RecordKeyStore, InvitationStore, Protocol):
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
    def people(self) -> list[str]:
        """Subjects of all who have a key, in order."""

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
