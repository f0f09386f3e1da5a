"""What the sweep needs of the telemetry database: rows in the order of their terms, their levels, keys still to go, marks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from cloud_sync.audit import forgotten
from cloud_sync.model import RESEALED, AuditEvent, EnvelopeId, StoredEnvelope
from cloud_sync.model.keeping import PARKED, DueRow, Shred, WaitingErasure
from cloud_sync.storage.devices import DeviceRows
from cloud_sync.storage.ledger import _dump, _event
from cloud_sync.storage.numbers import id_of, number_of
from cloud_sync.wire.fields import MOST_EPOCH

_COLUMNS = "d.device, e.number, e.digest, e.directive_version, e.payload, e.received_at, e.oldest_capture, e.coarse"
_FROM = "FROM envelope e JOIN device d ON d.no = e.device_no"


class RetentionRows(DeviceRows):
    """The part of `cloud_sync.stores.Database` that retention uses."""

    def levels(self, stream: int) -> list[int]:
        """Levels of the stream's rows that are not parked: few, and each is one seek of the index."""
        found: list[int] = []
        level = -1
        while True:
            row = self.one("SELECT min(coarse) FROM envelope WHERE stream = ? AND coarse > ?", (stream, level))
            if row[0] is None or row[0] >= PARKED:
                return found
            level = int(row[0])
            found.append(level)

    def due(
        self, stream: int, level: int, before: float, limit: int, after: tuple[float, int, int, bytes] | None = None
    ) -> list[DueRow]:
        """Up to `limit` rows of the level whose oldest reading lies before, in order of capture, from behind `after` on."""
        rows = self.rows(
            f"SELECT {_COLUMNS}, e.device_no {_FROM} WHERE e.stream = ? AND e.coarse = ? AND e.oldest_capture < ?"
            " AND e.oldest_capture >= ? AND (e.oldest_capture, e.device_no, e.number, e.digest) > (?, ?, ?, ?)"
            " ORDER BY e.oldest_capture, e.device_no, e.number, e.digest LIMIT ?",
            (stream, level, before, *self._behind(after), limit),
        )
        return [_due(row) for row in rows]

    def rows_of_day(self, device: str, stream: int, epoch: int) -> list[DueRow]:
        """All rows of a day, parked ones as well, in order of capture."""
        spans = [
            number_of(stream, epoch, kind + end, 4095 * (end > 0)) for kind in (0, RESEALED) for end in (0, 0xFFFF)
        ]
        rows = self.rows(
            f"SELECT {_COLUMNS}, e.device_no {_FROM} WHERE d.device = ? AND (e.number BETWEEN ? AND ?"
            " OR e.number BETWEEN ? AND ?) ORDER BY e.oldest_capture, e.device_no, e.number, e.digest",
            (device, *spans),
        )
        return [_due(row) for row in rows]

    def rows_of_stream(self, device: str, stream: int, limit: int, after: DueRow | None = None) -> list[DueRow]:
        """Up to `limit` rows of a device's stream, parked ones as well, from behind `after` on: as they came, then sealed anew."""
        found: list[DueRow] = []
        for kind in (0, RESEALED):
            first, last = number_of(stream, 0, kind, 0), number_of(stream, MOST_EPOCH, kind + 0xFFFF, 4095)
            number, digest = (after.place[2], after.place[3]) if after else (-1, b"")
            if len(found) < limit and number <= last:
                rows = self.rows(
                    f"SELECT {_COLUMNS}, e.device_no {_FROM} WHERE d.device = ? AND e.number BETWEEN ? AND ?"
                    " AND (e.number, e.digest) > (?, ?) ORDER BY e.number, e.digest LIMIT ?",
                    (device, max(first, number), last, number, digest, limit - len(found)),
                )
                found += [_due(row) for row in rows]
        return found

    @staticmethod
    def _behind(after: tuple[float, int, int, bytes] | None) -> Sequence[Any]:
        place = after or (-1e300, -1, -1, b"")
        return (place[0], *place)

    def set_level(self, items: Iterable[tuple[EnvelopeId, bytes]], level: int) -> None:
        """Say of rows what they hold at most."""
        rows = [
            (level, self._number(key.device), number_of(key.stream, key.epoch, key.generation, key.counter), digest)
            for key, digest in items
        ]
        self.run_many("UPDATE envelope SET coarse = ? WHERE device_no = ? AND number = ? AND digest = ?", rows)

    def unpark(self, streams: Iterable[int]) -> int:
        """Bring parked rows back into the order of terms; the next sweep parks those that are held still."""
        sql = "UPDATE envelope SET coarse = coarse - ? WHERE stream = ? AND coarse >= ?"
        with self.transaction():
            return sum(self.run(sql, (PARKED, stream, PARKED)) for stream in streams)

    # Keys still to go

    def add_shreds(self, shreds: Iterable[Shred]) -> None:
        """Note keys that go after the commit; the higher counter counts."""
        self.run_many(
            "INSERT INTO shred (device, generation, stream, epoch, to_counter) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (device, stream, epoch, generation) DO UPDATE SET to_counter = excluded.to_counter"
            " WHERE excluded.to_counter > shred.to_counter",
            list(shreds),
        )

    def shreds(self, limit: int) -> list[Shred]:
        """Some of those noted."""
        sql = (
            "SELECT device, generation, stream, epoch, to_counter FROM shred ORDER BY device, stream, epoch, generation"
        )
        return [Shred(*row) for row in self.rows(f"{sql} LIMIT ?", (limit,))]

    def remove_shreds(self, shreds: Iterable[Shred]) -> None:
        """Forget those that are done."""
        self.run_many(
            "DELETE FROM shred WHERE device = ? AND generation = ? AND stream = ? AND epoch = ? AND to_counter = ?",
            list(shreds),
        )

    # The audit log's own term

    def audit_page(self, first: int, limit: int) -> list[tuple[int, AuditEvent]]:
        """Up to `limit` entries from index `first` on, in order."""
        sql = "SELECT position, event FROM audit_leaf WHERE position >= ? ORDER BY position LIMIT ?"
        return [(int(row[0]), _event(row[1])) for row in self.rows(sql, (first, limit))]

    def forget_entries(self, entries: Iterable[tuple[int, AuditEvent]]) -> int:
        """Make entries unlinkable: what is kept beside the leaves goes; how many."""
        rows = [(_dump(asdict(forgotten(event))), index) for index, event in entries]
        return self.run_many("UPDATE audit_leaf SET subject = '', event = ? WHERE position = ?", rows) if rows else 0

    # Erasures that wait for a hold, and marks

    def put_waiting(self, waiting: WaitingErasure) -> None:
        """Note an erasure that waits."""
        self.run(
            "INSERT INTO waiting_erasure (erasure_id, subject, span_start, span_end, at, actor) VALUES (?, ?, ?, ?, ?, ?)",
            (waiting.erasure_id, waiting.subject, waiting.start, waiting.end, waiting.at, waiting.actor),
        )

    def waiting(self) -> list[WaitingErasure]:
        """All that wait, oldest first."""
        sql = "SELECT erasure_id, subject, span_start, span_end, at, actor FROM waiting_erasure ORDER BY at, erasure_id"
        return [WaitingErasure(*row) for row in self.rows(sql)]

    def remove_waiting(self, erasure_id: str) -> int:
        """Forget one that is done."""
        return self.run("DELETE FROM waiting_erasure WHERE erasure_id = ?", (erasure_id,))

    def mark(self, name: str) -> str:
        """What retention has noted under a name; empty if nothing."""
        row = self.maybe("SELECT value FROM retention_mark WHERE name = ?", (name,))
        return str(row[0]) if row else ""

    def marks(self, prefix: str) -> list[str]:
        """Names of all marks that begin so and say something, in order; names are of printable ASCII."""
        sql = "SELECT name FROM retention_mark WHERE name >= ? AND name < ? AND value <> '' ORDER BY name"
        return [str(row[0]) for row in self.rows(sql, (prefix, prefix + "\x7f"))]

    def set_mark(self, name: str, value: str) -> None:
        """Insert or replace; an empty value removes it."""
        if not value:
            self.run("DELETE FROM retention_mark WHERE name = ?", (name,))
            return
        self.run(
            "INSERT INTO retention_mark (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, value),
        )


def _due(row: tuple[Any, ...]) -> DueRow:
    device, number, digest, version, payload, received_at, oldest, level, device_no = row
    stored = StoredEnvelope(id_of(device, number), digest, version, payload, received_at, oldest)
    return DueRow(stored, level, (oldest, device_no, number, digest))
