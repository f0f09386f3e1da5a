"""What the engine needs of its surroundings: the time, a way to devices, sinks, a log."""

from __future__ import annotations

from typing import Protocol

from cloud_sync.model import AuditEvent


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


class AuditSink(Protocol):
    """Where events are logged."""

    def append(self, event: AuditEvent) -> int:
        """Append, within the transaction that is open, else durably; the entry's index."""
