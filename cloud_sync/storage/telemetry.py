"""The telemetry database: devices, sealed envelopes as they came, directive state.

An envelope row has a unique number within its device, which is not the key of the row itself (in SQLite, WITHOUT ROWID, inserts
of blobs were five times slower). The number packs (stream, epoch, generation, counter) into 48 bits, so
that its order is the order of capture and one range is one stream's span of days:

    stream: 3 bits ‖ epoch: 17 bits ‖ generation: 16 bits ‖ counter: 12 bits

Above them one more bit marks what the server has sealed anew; its generation is then an edition. So it has ranges of its own,
and nothing that a device can send has a number there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from cloud_sync.errors import StoreError
from cloud_sync.model import RESEALED, UPLINK_STREAMS, Device, DirectiveState, EnvelopeId, StoredEnvelope
from cloud_sync.storage.access import AccessRows
from cloud_sync.storage.alarms import AlarmRows
from cloud_sync.storage.bounds import BoundRows
from cloud_sync.storage.cases import CaseRows
from cloud_sync.storage.changes import ChangeRows
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
WORTH_A_QUESTION = 3  # devices; for fewer, asking for all at once saves nothing
RANGE_DENSITY = 4  # one range query beats single look-ups while it reads at most four rows for each number asked


def _envelope(row: tuple[Any, ...]) -> StoredEnvelope:
    device, number, digest, version, payload, received_at, oldest = row
    return StoredEnvelope(id_of(device, number), digest, version, payload, received_at, oldest)


def _device(row: tuple[Any, ...]) -> Device:
    return Device(*row)


class TelemetryRows(
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
    Engine,
):
    """`cloud_sync.stores.Database`, whatever the engine."""

    sealed = frozenset({"envelope", "record_part"})

    _numbers: dict[str, int]  # device to its row; rows of devices are never deleted nor renumbered

    def _forget(self) -> None:
        self._numbers = {}  # a device of the transaction that is undone loses its row, and its number is given anew

    # Devices

    def add_device(self, device: Device) -> None:
        """Insert; a pseudonym that exists is refused."""
        self.run(
            "INSERT INTO device (device, subject, generation, enrolled_at, revoked_at) VALUES (?, ?, ?, ?, ?)",
            (device.device, device.subject, device.generation, device.enrolled_at, device.revoked_at),
        )

    def device(self, device: str) -> Device | None:
        """The device of this pseudonym."""
        row = self.maybe(f"{_DEVICES} WHERE device = ?", (device,))
        return _device(row) if row else None

    def devices_of(self, subject: str) -> list[Device]:
        """All devices ever enrolled for this data subject, oldest first."""
        return [_device(row) for row in self.rows(f"{_DEVICES} WHERE subject = ? ORDER BY no", (subject,))]

    def all_devices(self) -> list[Device]:
        """All devices, oldest first."""
        return [_device(row) for row in self.rows(f"{_DEVICES} ORDER BY no")]

    def update_device(self, device: Device) -> None:
        """Write generation and times of an existing device; its subject is for good.

        [Whoever takes a device over would read, and erase, what it told about the person before.]
        """
        changed = self.run(
            "UPDATE device SET generation = ?, enrolled_at = ?, revoked_at = ? WHERE device = ? AND subject = ?",
            (device.generation, device.enrolled_at, device.revoked_at, device.device, device.subject),
        )
        if not changed:
            raise StoreError("no such device of this subject to update; another person's is enrolled anew")

    def _number(self, device: str) -> int | None:
        number = self._numbers.get(device)
        if number is None:
            row = self.maybe("SELECT no FROM device WHERE device = ?", (device,))
            if row is None:
                return None
            number = self._numbers[device] = int(row[0])
        return number

    def expect_devices(self, devices: Collection[str]) -> None:
        """A hint within a transaction: it will ask about these devices and their people. Nothing depends on it but time."""
        if len(devices) >= WORTH_A_QUESTION:
            self.expect("device", devices)
            if self.reads_ahead:
                self.expect("subject", {device.subject for device in map(self.device, devices) if device})

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

    # Directive state

    def directive_state(self, device: str) -> DirectiveState | None:
        """What the server knows of the device's permission."""
        row = self.maybe(f"{_STATES} WHERE device = ?", (device,))
        return _state(row) if row else None

    def unsealed_states(self) -> list[DirectiveState]:
        """Those whose directive lies in the clear, as before schema 4: an array of 14 begins with 0x9E."""
        return [
            _state(row) for row in self.rows(f"{_STATES} WHERE substr(current, 1, 1) = ? ORDER BY device", (b"\x9e",))
        ]

    def put_directive_state(self, state: DirectiveState) -> None:
        """Insert or replace the one row of the device."""
        self.run(
            _PUT_STATE,
            (
                state.device,
                state.version,
                state.current,
                state.applied_version,
                state.challenge,
                state.down_next,
                state.reported_down_next,
                *state.floors,
                *state.reported_at,
            ),
        )


def _state(row: tuple[Any, ...]) -> DirectiveState:
    device, version, current, applied, challenge, down_next, reported, *rest = row
    location, environment, motion, status, generation, epoch, counter = rest
    return DirectiveState(
        device=device,
        version=version,
        current=current,
        applied_version=applied,
        challenge=challenge,
        down_next=down_next,
        reported_down_next=reported,
        floors=(location, environment, motion, status),
        reported_at=(generation, epoch, counter),
    )


_STATE = (
    *("device", "version", "current", "applied_version", "challenge", "down_next", "reported_down_next"),
    *("floor_location", "floor_environment", "floor_motion", "floor_status"),
    *("reported_generation", "reported_epoch", "reported_counter"),
)
_STATES = f"SELECT {', '.join(_STATE)} FROM directive_state"
_PUT_STATE = (
    f"INSERT INTO directive_state ({', '.join(_STATE)}) VALUES ({', '.join('?' * len(_STATE))})"
    f" ON CONFLICT (device) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _STATE[1:])}"
)
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
_DEVICES = "SELECT device, subject, generation, enrolled_at, revoked_at FROM device"


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
