"""An audit store in memory that can also be tampered with."""

from __future__ import annotations

from cloud_sync.audit import forgotten
from cloud_sync.model import AuditEvent


class MemoryAudit:
    """Rows of (event, leaf, leaf hash)."""

    def __init__(self) -> None:
        self.rows: list[tuple[AuditEvent, bytes, bytes]] = []

    def append_leaf(self, event: AuditEvent, leaf: bytes, leaf_hash: bytes) -> int:
        """Append; the index."""
        self.rows.append((event, leaf, leaf_hash))
        return len(self.rows) - 1

    def leaf_hashes(self, first: int = 0, last: int | None = None) -> list[bytes]:
        """In order."""
        return [row[2] for row in self.rows[first:last]]

    def audit_events(self, subject: str | None = None, kind: str | None = None) -> list[tuple[int, AuditEvent]]:
        """With their index."""
        found = [(index, row[0]) for index, row in enumerate(self.rows)]
        return [(i, e) for i, e in found if subject in (None, e.subject) and kind in (None, e.kind)]

    def newest_events(self, kind: str, most: int) -> list[AuditEvent]:
        """The newest first."""
        return [row[0] for row in reversed(self.rows) if row[0].kind == kind][:most]

    def ends_of_invitation(self, ident: str) -> list[AuditEvent]:
        """In order."""
        return [
            row[0] for row in self.rows if ("invitation", ident) in row[0].detail and row[0].kind != "invitation.made"
        ]

    def first_event(self) -> AuditEvent | None:
        """The first."""
        return self.rows[0][0] if self.rows else None

    def leaf(self, index: int) -> bytes:
        """The bytes of one leaf."""
        return self.rows[index][1]

    def leaf_count(self) -> int:
        """How many."""
        return len(self.rows)

    def forget_subject(self, subject: str, until: float) -> int:
        """Drop what is beside the leaves of a subject."""
        found = [index for index, row in enumerate(self.rows) if row[0].subject == subject]
        for index in found:
            event, leaf, leaf_hash = self.rows[index]
            self.rows[index] = (forgotten(event), leaf, leaf_hash)
        return len(found)
