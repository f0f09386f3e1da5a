"""The append-only parts of the telemetry database: the consent ledger and the leaves of the audit tree."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from cloud_sync.audit import forgotten
from cloud_sync.errors import StoreError
from cloud_sync.model import AuditEvent, ConsentRecord, ConsentState, Precision
from cloud_sync.storage.engine import Ending, Engine, narrowed
from cloud_sync.storage.schema_desks import ITS_INVITATION, OF_INVITATIONS

TOP: Final = "consent-top"  # the highest place of the ledger at the time when answers went: none is given twice


def _dump(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _consent(text: str) -> ConsentRecord:
    fields = json.loads(text)
    fields["pii_type"] = tuple(fields["pii_type"])
    fields["event_state"] = ConsentState(fields["event_state"])
    fields["precision"] = Precision(fields["precision"])
    return ConsentRecord(**fields)


def _event(text: str) -> AuditEvent:
    fields = json.loads(text)
    fields["detail"] = tuple((key, value) for key, value in fields["detail"])
    return AuditEvent(**fields)


class LedgerRows(Engine):
    """`ConsentStore` and `AuditStore`; triggers of the schema refuse every update, and every delete but that of an answer."""

    def append_consent(self, record: ConsentRecord) -> None:
        """Append, at a place that no record ever had; a record id that exists is refused."""
        with self.transaction():
            self.run(
                "INSERT INTO consent (seq, record_id, subject, purpose, record) VALUES (?, ?, ?, ?, ?)",
                (
                    self.consent_top() + 1,
                    record.record_id,
                    record.pii_principal_id,
                    record.purpose,
                    _dump(asdict(record)),
                ),
            )

    def consent_top(self) -> int:
        """The highest place that was ever given, also to a record whose term is over; 0 before the first."""
        row = self.maybe("SELECT value FROM retention_mark WHERE name = ?", (TOP,))
        highest = self.one("SELECT coalesce(max(seq), 0) FROM consent")[0]
        return max(int(highest), int(row[0]) if row else 0)

    def first_consent(self, subject: str) -> int:
        """The place of a person's first record that is there; 0 without one."""
        return int(self.one("SELECT coalesce(min(seq), 0) FROM consent WHERE subject = ?", (subject,))[0])

    def consents(self, subject: str, purpose: str | None = None) -> list[ConsentRecord]:
        """In order of appending."""
        rows = self.rows("SELECT purpose, record FROM consent WHERE subject = ? ORDER BY seq", (subject,))
        return [_consent(record) for about, record in rows if purpose in (None, about)]

    def all_consents(self) -> list[ConsentRecord]:
        """In order of appending."""
        return [_consent(row[0]) for row in self.rows("SELECT record FROM consent ORDER BY seq")]

    def consent_page(self, after: int, limit: int) -> list[tuple[int, ConsentRecord]]:
        """Up to `limit` records behind a place, each with its own, in order of appending."""
        sql = "SELECT seq, record FROM consent WHERE seq > ? ORDER BY seq LIMIT ?"
        return [(int(seq), _consent(record)) for seq, record in self.rows(sql, (after, limit))]

    def remove_consents(self, record_ids: Sequence[str]) -> int:
        """Delete records whose term is over; how many."""
        permit = (Ending("consent").permit,)
        with self.transaction():
            self.run(
                "INSERT INTO retention_mark (name, value) VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (TOP, str(self.consent_top())),
            )
            self.run("INSERT INTO retention_mark (name, value) VALUES (?, 'sweep') ON CONFLICT DO NOTHING", permit)
            gone = self.run_many("DELETE FROM consent WHERE record_id = ?", [(each,) for each in record_ids])
            self.run("DELETE FROM retention_mark WHERE name = ?", permit)
            return gone

    def append_leaf(self, event: AuditEvent, leaf: bytes, leaf_hash: bytes) -> int:
        """Append; the leaf's index, counted from 0 without gaps."""
        with self.transaction():
            index = self.leaf_count()
            self.run(
                "INSERT INTO audit_leaf VALUES (?, ?, ?, ?, ?, ?)",
                (index, event.kind, event.subject, _dump(asdict(event)), leaf, leaf_hash),
            )
            return index

    def leaf_hashes(self, first: int = 0, last: int | None = None) -> list[bytes]:
        """Hashes of the leaves first … last − 1, or of all from `first` on."""
        where, values = narrowed({"position >= ?": first, "position < ?": last})
        rows = self.rows(f"SELECT leaf_hash FROM audit_leaf{where} ORDER BY position", values)
        return [row[0] for row in rows]

    def audit_events(self, subject: str | None = None, kind: str | None = None) -> list[tuple[int, AuditEvent]]:
        """Events with their index, in order, of one subject, of one kind, or of both."""
        where, values = narrowed({"subject = ?": subject, "kind = ?": kind})
        rows = self.rows(f"SELECT position, event FROM audit_leaf{where} ORDER BY position", values)
        return [(int(row[0]), _event(row[1])) for row in rows]

    def newest_events(self, kind: str, most: int) -> list[AuditEvent]:
        """From the end of the log backwards."""
        sql = "SELECT event FROM audit_leaf WHERE kind = ? ORDER BY position DESC LIMIT ?"
        return [_event(row[0]) for row in self.rows(sql, (kind, most))]

    def ends_of_invitation(self, ident: str) -> list[AuditEvent]:
        """The entries, in order, that say what became of an invitation."""
        its = ITS_INVITATION.replace("instr(", f"{self.locate}(")
        sql = f"SELECT event FROM audit_leaf WHERE {OF_INVITATIONS} AND {its} = ? ORDER BY position"
        found = [_event(row[0]) for row in self.rows(sql, (ident,))]
        return [event for event in found if ("invitation", ident) in event.detail]

    def first_event(self) -> AuditEvent | None:
        """The one at position 0."""
        row = self.maybe("SELECT event FROM audit_leaf WHERE position = 0")
        return _event(row[0]) if row else None

    def leaf(self, index: int) -> bytes:
        """The bytes of one leaf."""
        row = self.maybe("SELECT leaf FROM audit_leaf WHERE position = ?", (index,))
        if row is None:
            raise StoreError(f"the audit log has no entry {index}")
        return bytes(row[0])

    def leaf_count(self) -> int:
        """How many leaves the tree has."""
        return int(self.one("SELECT coalesce(max(position) + 1, 0) FROM audit_leaf")[0])

    def forget_subject(self, subject: str, until: float = math.inf) -> int:
        """Make the entries of a subject up to that Unix second unlinkable: what is kept beside the leaves goes; how many."""
        with self.transaction():
            entries = [entry for entry in self.audit_events(subject) if entry[1].at <= until]
            for index, event in entries:
                self.run(
                    "UPDATE audit_leaf SET subject = '', event = ? WHERE position = ?",
                    (_dump(asdict(forgotten(event))), index),
                )
            return len(entries)
