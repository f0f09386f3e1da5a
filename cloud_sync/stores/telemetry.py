"""What the engine needs of a telemetry database: devices, envelopes, answers, bounds, directives, the log, statistics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from cloud_sync.model import (
    RESEALED,
    AuditEvent,
    ConsentBound,
    ConsentRecord,
    Device,
    DirectiveState,
    EnvelopeId,
    StoredEnvelope,
)
from cloud_sync.model.consent import StandingMark


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
    """The consent ledger: append-only, until the term of an answer is over."""

    def append_consent(self, record: ConsentRecord) -> None: ...
    def consents(self, subject: str, purpose: str | None = None) -> list[ConsentRecord]:
        """In order of appending."""

    def all_consents(self) -> list[ConsentRecord]: ...
    def consent_page(self, after: int, limit: int) -> list[tuple[int, ConsentRecord]]:
        """Up to so many behind a place, each with its own, in order of appending."""

    def consent_top(self) -> int:
        """The highest place that was ever given; none is given twice. 0 before the first."""

    def first_consent(self, subject: str) -> int:
        """The place of a person's first record that is there; 0 without one."""

    def remove_consents(self, record_ids: Sequence[str]) -> int:
        """Those whose term is over; how many."""


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

    def ends_of_invitation(self, ident: str) -> list[AuditEvent]:
        """The entries, in order, that say what became of an invitation; none once its person was erased."""

    def first_event(self) -> AuditEvent | None:
        """The log's first entry."""

    def leaf(self, index: int) -> bytes: ...
    def leaf_count(self) -> int: ...
    def forget_subject(self, subject: str, until: float) -> int:
        """Make the entries of a subject up to that Unix second unlinkable; the leaves stay. How many."""


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
        """Who has answered since; None if the mark is not of this ledger, or too many have."""
