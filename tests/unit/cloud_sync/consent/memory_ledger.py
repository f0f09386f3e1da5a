"""A consent store and a clock in memory, for tests of the ledger and of what stands on it."""

from __future__ import annotations

from cloud_sync.consent import Evidence
from cloud_sync.model import ConsentRecord

SUBJECT = "s-1"
DAY_S = 86_400.0


class Clock:
    """A clock that stands until it is set."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.time = now

    def now(self) -> float:
        """Unix seconds."""
        return self.time


class MemoryLedger:
    """A consent store in a list."""

    def __init__(self) -> None:
        self.records: list[ConsentRecord] = []

    def append_consent(self, record: ConsentRecord) -> None:
        """Append."""
        self.records.append(record)

    def consents(self, subject: str, purpose: str | None = None) -> list[ConsentRecord]:
        """In order of appending."""
        return [r for r in self.records if r.pii_principal_id == subject and purpose in (None, r.purpose)]

    def all_consents(self) -> list[ConsentRecord]:
        """In order of appending."""
        return list(self.records)


def evidence(**changed: str) -> Evidence:
    """Complete evidence under the demo policy, with single parts changed."""
    parts = {"entity_id": SUBJECT, "notice": "demo-1", "channel": "app", "act": "button_allow", "language": "en"}
    return Evidence(**{**parts, **changed})
