"""The telemetry database: sealed envelopes as they came, and the rows of everything else beside them.

An envelope row has a unique number within its device, which is not the key of the row itself (in SQLite, WITHOUT ROWID, inserts
of blobs were five times slower). The number packs (stream, epoch, generation, counter) into 48 bits, so
that its order is the order of capture and one range is one stream's span of days:

    stream: 3 bits ‖ epoch: 17 bits ‖ generation: 16 bits ‖ counter: 12 bits

Above them one more bit marks what the server has sealed anew; its generation is then an edition. So it has ranges of its own,
and nothing that a device can send has a number there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from cloud_sync.errors import StoreError
from cloud_sync.model import RESEALED, UPLINK_STREAMS, EnvelopeId, StoredEnvelope
from cloud_sync.storage.access import AccessRows
from cloud_sync.storage.alarms import AlarmRows
from cloud_sync.storage.bounds import BoundRows
from cloud_sync.storage.cases import CaseRows
from cloud_sync.storage.changes import ChangeRows
from cloud_sync.storage.devices import DeviceRows
from cloud_sync.storage.directives import DirectiveRows
from cloud_sync.storage.engine import Engine, narrowed
from cloud_sync.storage.erasing import ErasingRows
from cloud_sync.storage.incidents import IncidentRows
from cloud_sync.storage.keeping import KeepingRows
from cloud_sync.storage.ledger import LedgerRows
from cloud_sync.storage.notices import NoticeRows
from cloud_sync.storage.numbers import id_of, number_of
from cloud_sync.storage.recipients import RecipientRows
from cloud_sync.storage.retention import RetentionRows
from cloud_sync.storage.statistics import StatisticRows
from cloud_sync.wire.fields import MOST_EPOCH

_COLUMNS = "d.device, e.number, e.digest, e.directive_version, e.payload, e.received_at, e.oldest_capture"
_FROM = "FROM envelope e JOIN device d ON d.no = e.device_no"
_GENERATION = "(((e.number >> 48) << 16) | ((e.number >> 12) & 65535))"  # both engines rank these operators alike
RANGE_DENSITY = 4  # one range query beats single look-ups while it reads at most four rows for each number asked


def _envelope(row: tuple[Any, ...]) -> StoredEnvelope:
    device, number, digest, version, payload, received_at, oldest = row
    return StoredEnvelope(id_of(device, number), digest, version, payload, received_at, oldest)


class TelemetryRows(
    DirectiveRows,
    LedgerRows,
    BoundRows,
    ChangeRows,
    KeepingRows,
    RetentionRows,
    AccessRows,
    ErasingRows,
    StatisticRows,
    CaseRows,
    RecipientRows,
    IncidentRows,
    AlarmRows,
    NoticeRows,
    DeviceRows,
    Engine,
):
    """`cloud_sync.stores.Database`, whatever the engine."""

    sealed = frozenset({"envelope", "record_part"})

    # Envelopes

    def digests(self, ids: Sequence[EnvelopeId]) -> dict[EnvelopeId, set[bytes]]:
        """Which digests are already stored under these numbers; numbers without any are left out."""
        groups: dict[tuple[Any, ...], list[int]] = defaultdict(list)
        for key in ids:
            groups[key[:-1]].append(key[-1])
        with self._guard:
            begins: dict[tuple[Any, ...], tuple[int, int]] = {}
            for device, generation, stream, epoch in groups:
                number = self._number(device)
                if number is not None:
                    begins[device, generation, stream, epoch] = number, number_of(stream, epoch, generation, 0)
            rows = self._within(
                [
                    (number, first + least, first + most)
                    for name, (number, first) in begins.items()
                    for least, most in _dense(groups[name])
                ]
            )
        if not rows:  # nearly always: what comes again is rare
            return {}
        there: dict[tuple[int, int], set[bytes]] = defaultdict(set)
        for device_no, at, digest in rows:
            there[device_no, at].add(digest)
        asked = {key: (begins[key[:-1]][0], begins[key[:-1]][1] + key[-1]) for key in ids if key[:-1] in begins}
        return {key: there[place] for key, place in asked.items() if place in there}

    def _within(self, ranges: Sequence[tuple[int, int, int]]) -> list[tuple[Any, ...]]:
        """(device_no, number, digest) of all rows in ranges (device_no, first, last) of numbers, inclusive."""
        sql = "SELECT device_no, number, digest FROM envelope WHERE device_no = ? AND number BETWEEN ? AND ?"
        return [row for each in ranges for row in self.rows(sql, each)]

    def add_envelopes(self, envelopes: Iterable[StoredEnvelope]) -> None:
        """Insert; the same (id, digest) again is a no-op; a device that is not enrolled is refused."""
        with self.transaction():
            rows = []
            numbers = self._numbers
            for item in envelopes:
                device, generation, stream, epoch, counter = item.id
                number = numbers.get(device) or self._number(device)
                if number is None:
                    raise StoreError("an envelope of a device that is not enrolled")
                rows.append(
                    (
                        number,
                        stream << 45 | epoch << 28 | generation << 12 | counter  # number_of, but for the call
                        if generation < RESEALED
                        else number_of(stream, epoch, generation, counter),
                        item.digest,
                        stream,
                        item.directive_version,
                        item.payload,
                        item.received_at,
                        item.oldest_capture,
                    )
                )
            self.add_new("envelope", _ENVELOPE, rows)

    def envelopes(
        self, device: str, stream: int, first_epoch: int, last_epoch: int, below: int = 2 * RESEALED
    ) -> list[StoredEnvelope]:
        """By (epoch, generation, counter), epochs inclusive, generations `below`; editions are generations from `RESEALED` on."""
        part = f"SELECT {_COLUMNS} {_FROM} WHERE d.device = ? AND e.number BETWEEN ? AND ? AND {_GENERATION} < ?"
        rows = self.rows(
            f"{part} UNION ALL {part} ORDER BY 2, 6, 3",  # number, then received_at, then digest
            [
                value
                for kind in (0, RESEALED)
                for value in (device, *_span(stream, first_epoch, last_epoch, kind), below)
            ],
        )
        found = [_envelope(row) for row in rows]
        if found and found[-1].id.generation >= RESEALED:  # these come last: put each behind its day
            found.sort(key=_place)
        return found

    def expired(self, stream: int, oldest_capture_before: float, limit: int) -> list[StoredEnvelope]:
        """Up to `limit` envelopes of the stream whose oldest reading lies before, oldest first."""
        rows = self.rows(
            f"SELECT {_COLUMNS} {_FROM} WHERE e.stream = ? AND e.oldest_capture < ? ORDER BY e.oldest_capture LIMIT ?",
            (stream, oldest_capture_before, limit),
        )
        return [_envelope(row) for row in rows]

    def remove_envelopes(self, items: Iterable[tuple[EnvelopeId, bytes]]) -> int:
        """Delete by number and digest; the number of rows deleted."""
        with self.transaction():
            rows = [
                (self._number(key.device), number_of(key.stream, key.epoch, key.generation, key.counter), digest)
                for key, digest in items
            ]
            return self.run_many("DELETE FROM envelope WHERE device_no = ? AND number = ? AND digest = ?", rows)

    def remove_span(self, device: str, stream: int, first_epoch: int, last_epoch: int, most: int | None = None) -> int:
        """Delete all of a device's stream (0 = every stream) in the epochs, inclusive, or about `most`; the number of rows deleted.

        With `most`, 0 says that nothing is left.
        """
        with self.transaction():
            number, removed = self._number(device), 0
            streams = [stream] if stream else list(UPLINK_STREAMS)
            for each in streams:
                for kind in (0, RESEALED):
                    span = _span(each, first_epoch, last_epoch, kind)
                    removed += self._remove(number, *span, most)
                    if most is not None and removed >= most:
                        return removed
            return removed

    def _remove(self, device_no: int | None, first: int, last: int, most: int | None) -> int:
        """Rows of a range of numbers; with `most` those up to the number of the row behind so many."""
        within = "FROM envelope WHERE device_no = ? AND number BETWEEN ? AND ?"
        if most is not None:
            row = self.maybe(f"SELECT number {within} ORDER BY number LIMIT 1 OFFSET ?", (device_no, first, last, most))
            last = row[0] if row else last
        return self.run(f"DELETE {within}", (device_no, first, last))

    def count_envelopes(self, device: str | None = None, stream: int | None = None) -> int:
        """Rows of envelopes, of one device, of one stream, or of both."""
        where, values = narrowed({"d.device = ?": device, "e.stream = ?": stream})
        return int(self.one(f"SELECT count(*) {_FROM}{where}", values)[0])


_ENVELOPE = {
    "device_no": "INTEGER",
    "number": "INTEGER",
    "digest": "BLOB",
    "stream": "INTEGER",
    "directive_version": "INTEGER",
    "payload": "BLOB",
    "received_at": "REAL",
    "oldest_capture": "REAL",
}


def _span(stream: int, first_epoch: int, last_epoch: int, kind: int = 0) -> tuple[int, int]:
    """Numbers of a stream's days, as they came, or with `RESEALED` as they were sealed anew."""
    first, last = max(0, first_epoch), min(MOST_EPOCH, last_epoch)
    return number_of(stream, first, kind, 0), number_of(stream, last, kind + 0xFFFF, 0xFFF)


def _dense(counters: Iterable[int]) -> list[tuple[int, int]]:
    """One range of all counters where they lie close, else one for each."""
    wanted = sorted(counters)
    if wanted[-1] - wanted[0] < RANGE_DENSITY * len(wanted):
        return [(wanted[0], wanted[-1])]
    return [(counter, counter) for counter in wanted]


def _place(row: StoredEnvelope) -> tuple[int, int, int]:
    return row.id.epoch, row.id.generation, row.id.counter
