"""Holds, restrictions, events that start clocks, and records, in the telemetry database; keys of records in the key store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple
from typing import Any

from cloud_sync.model.keeping import ClockEvent, Ground, Hold, RecordPart, Restriction, Scope
from cloud_sync.storage.engine import Engine, narrowed

_HOLD = (
    *("hold_id", "reference", "subject", "device", "category", "captured_first", "captured_last", "authority"),
    *("placed_at", "placed_by", "review_at", "released_at", "released_by"),
)
_HOLDS = f"SELECT {', '.join(_HOLD)} FROM hold"
_RESTRICTION = (
    "restriction_id",
    "subject",
    "ground",
    "reference",
    "since",
    "actor",
    "review_at",
    "lifted_at",
    "lifted_by",
    "purpose",
)
_RESTRICTIONS = f"SELECT {', '.join(_RESTRICTION)} FROM restriction"
_PART = ("record_id", "subject", "category", "created_at", "sealed", "due", "ground", "review_at", "put_at", "people")
_PARTS = f"SELECT {', '.join(_PART)} FROM record_part"


def _put(table: str, columns: Sequence[str], key: int = 1) -> str:
    """Insert a row, or replace the one with the same first `key` columns."""
    same, rest = ", ".join(columns[:key]), ", ".join(f"{name} = excluded.{name}" for name in columns[key:])
    marks = ", ".join("?" * len(columns))
    names = ", ".join(columns)
    return f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT ({same}) DO UPDATE SET {rest}"


class KeepingRows(Engine):
    """The part of `cloud_sync.stores.Database` that restrictions, holds, clocks and records use."""

    def put_hold(self, hold: Hold) -> None:
        """Insert or replace."""
        values = list(astuple(hold))
        values[7] = int(hold.authority)
        values[9], values[12] = " ".join(hold.placed_by), " ".join(hold.released_by)
        self.run(_put("hold", _HOLD), values)

    def holds(self, *, released: bool = False) -> list[Hold]:
        """Those in force, or with `released` all, oldest first."""
        where = "" if released else " WHERE released_at IS NULL"
        return [_hold(row) for row in self.rows(f"{_HOLDS}{where} ORDER BY placed_at, hold_id")]

    def hold(self, hold_id: str) -> Hold | None:
        """One hold."""
        row = self.maybe(f"{_HOLDS} WHERE hold_id = ?", (hold_id,))
        return _hold(row) if row else None

    def put_restriction(self, restriction: Restriction) -> None:
        """Insert or replace."""
        self.run(_put("restriction", _RESTRICTION), astuple(restriction))

    def restrictions(self, subject: str | None = None, *, lifted: bool = False) -> list[Restriction]:
        """Those in force, or with `lifted` all, of a person or of everybody, oldest first."""
        where, values = narrowed({"subject = ?": subject})
        rows = self.rows(f"{_RESTRICTIONS}{where} ORDER BY since, restriction_id", values)
        return [each for each in map(_restriction, rows) if lifted or each.lifted_at is None]

    def restriction(self, restriction_id: str) -> Restriction | None:
        """One restriction."""
        row = self.maybe(f"{_RESTRICTIONS} WHERE restriction_id = ?", (restriction_id,))
        return _restriction(row) if row else None

    # Clocks

    def add_clock_event(self, event: ClockEvent) -> None:
        """Insert; the same event again is a no-op."""
        self.run("INSERT INTO clock_event (scope, name, kind, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", event)

    def clock_events(self, scope: str, key: str) -> list[ClockEvent]:
        """Of a person or a record, in order of time."""
        sql = "SELECT scope, name, kind, at FROM clock_event WHERE scope = ? AND name = ? ORDER BY at, kind"
        return [ClockEvent(Scope(row[0]), *row[1:]) for row in self.rows(sql, (scope, key))]

    def remove_clock_events(self, scope: str, key: str) -> int:
        """Forget what happened to a person or a record."""
        return self.run("DELETE FROM clock_event WHERE scope = ? AND name = ?", (scope, key))

    def subjects_of_events(self, kinds: Iterable[str], before: float) -> list[str]:
        """Everybody to whom one of these happened before that Unix second, in order."""
        names = list(kinds)
        sql = (
            f"SELECT DISTINCT name FROM clock_event WHERE scope = ? AND kind IN ({', '.join('?' * len(names))})"
            " AND at < ? ORDER BY name"
        )
        return [str(row[0]) for row in self.rows(sql, (Scope.SUBJECT.value, *names, before))]

    def counted_events(self, kinds: Iterable[str]) -> list[tuple[Scope, str, int]]:
        """To whom, and to which records, any of these happened, and how often."""
        names = list(kinds)
        sql = (
            f"SELECT scope, name, count(*) FROM clock_event WHERE kind IN ({', '.join('?' * len(names))})"
            " GROUP BY scope, name ORDER BY scope, name"
        )
        return [(Scope(row[0]), str(row[1]), int(row[2])) for row in self.rows(sql, names)]

    # Records

    def put_part(self, part: RecordPart) -> None:
        """Insert or replace the part of (record, subject)."""
        self.run(_put("record_part", _PART, 2), astuple(part))

    def parts(self, record_id: str) -> list[RecordPart]:
        """The parts of a record, by subject."""
        return [RecordPart(*row) for row in self.rows(f"{_PARTS} WHERE record_id = ? ORDER BY subject", (record_id,))]

    def has_part(self, record_id: str, subject: str) -> bool:
        """Whether there is this person's part of a record; its content is not read."""
        sql = "SELECT 1 FROM record_part WHERE record_id = ? AND subject = ?"
        return self.maybe(sql, (record_id, subject)) is not None

    def parts_of(self, subject: str, category: str | None = None) -> list[RecordPart]:
        """A person's parts, of one category or of all, oldest first."""
        where, values = narrowed({"subject = ?": subject, "category = ?": category})
        return [RecordPart(*row) for row in self.rows(f"{_PARTS}{where} ORDER BY created_at, record_id", values)]

    def parts_after(self, after: tuple[str, str], limit: int) -> list[RecordPart]:
        """Up to `limit` parts behind (record, subject), in that order."""
        sql = f"{_PARTS} WHERE (record_id, subject) > (?, ?) ORDER BY record_id, subject LIMIT ?"
        return [RecordPart(*row) for row in self.rows(sql, (*after, limit))]

    def names_of_parts(self, category: str, after: tuple[str, str], limit: int) -> list[tuple[str, str]]:
        """Up to `limit` (record, subject) of a category behind `after`, in that order; no content is read."""
        sql = (
            "SELECT record_id, subject FROM record_part WHERE category = ? AND (record_id, subject) > (?, ?)"
            " ORDER BY record_id, subject LIMIT ?"
        )
        return [(str(record), str(subject)) for record, subject in self.rows(sql, (category, *after, limit))]

    def categories_of_parts(self) -> list[str]:
        """Every category of which there is a part, in order."""
        return [str(row[0]) for row in self.rows("SELECT DISTINCT category FROM record_part ORDER BY category")]

    def parts_due(self, now: float, limit: int, after: tuple[float, str, str] | None = None) -> list[RecordPart]:
        """Up to `limit` parts whose term is over, longest first, from behind (due, record, subject) on."""
        due, *names = after or (-1e300, "", "")
        rows = self.rows(
            f"{_PARTS} WHERE due <= ? AND due >= ? AND (due, record_id, subject) > (?, ?, ?)"
            " ORDER BY due, record_id, subject LIMIT ?",
            (now, due, due, *names, limit),
        )
        return [RecordPart(*row) for row in rows]

    def made_of_due(self, category: str, now: float) -> list[float]:
        """When the parts of a category were made whose term is over."""
        sql = "SELECT created_at FROM record_part WHERE category = ? AND due <= ?"
        return [float(row[0]) for row in self.rows(sql, (category, now))]

    def count_parts(self, category: str, start: float, end: float) -> tuple[int, int]:
        """How many records of a category were made from `start` to before `end`, and of how many people."""
        sql = (
            "SELECT COUNT(DISTINCT record_id), COUNT(DISTINCT subject) FROM record_part"
            " WHERE category = ? AND created_at >= ? AND created_at < ?"
        )
        row = self.maybe(sql, (category, start, end)) or (0, 0)
        return int(row[0]), int(row[1])

    def remove_parts(self, parts: Iterable[tuple[str, str]]) -> int:
        """Delete parts by (record, subject); the number deleted."""
        return self.run_many("DELETE FROM record_part WHERE record_id = ? AND subject = ?", list(parts))


class RecordKeyRows(Engine):
    """The part of `cloud_sync.stores.KeyDatabase` that records use, and the order in which the sweep meets days."""

    def put_record_key(self, record_id: str, subject: str, wrapped: bytes) -> None:
        """Insert or replace the key of one part."""
        self.run(_put("record_key", ("record_id", "subject", "wrapped"), 2), (record_id, subject, wrapped))

    def record_key(self, record_id: str, subject: str) -> bytes | None:
        """The wrapped key of one part."""
        row = self.maybe("SELECT wrapped FROM record_key WHERE record_id = ? AND subject = ?", (record_id, subject))
        return bytes(row[0]) if row else None

    def record_keys(self, after: tuple[str, str], limit: int) -> list[tuple[str, str]]:
        """Up to `limit` (record, subject) of which there is a key, behind `after`, in that order."""
        sql = (
            "SELECT record_id, subject FROM record_key WHERE (record_id, subject) > (?, ?)"
            " ORDER BY record_id, subject LIMIT ?"
        )
        return [(str(record), str(subject)) for record, subject in self.rows(sql, (*after, limit))]

    def destroy_record_keys(self, parts: Iterable[tuple[str, str]]) -> int:
        """Destroy keys by (record, subject), overwriting the pages; the number destroyed."""
        return self.run_many("DELETE FROM record_key WHERE record_id = ? AND subject = ?", list(parts))

    def editions(self, after: tuple[str, int, int, int], limit: int) -> list[tuple[str, int, int, int]]:
        """Up to `limit` (device, stream, epoch, generation) of keys of what was sealed anew, behind `after`, in that order."""
        rows = self.rows(
            "SELECT device, stream, epoch, generation FROM leaf WHERE generation >= 65536"
            " AND (device, stream, epoch, generation) > (?, ?, ?, ?) ORDER BY device, stream, epoch, generation LIMIT ?",
            (*after, limit),
        )
        return [(str(device), int(stream), int(epoch), int(generation)) for device, stream, epoch, generation in rows]

    def days_before(
        self, stream: int, epoch: int, limit: int, after: tuple[int, str] | None = None, *, came: bool = False
    ) -> list[tuple[str, int]]:
        """Up to `limit` (device, epoch) of which there is a key, of epochs before `epoch`, oldest first, from behind `after` on.

        With `came` only those whose key is of what devices sent: not of what was sealed anew.
        """
        own = " AND generation < 65536" if came else ""
        rows = self.rows(
            f"SELECT DISTINCT epoch, device FROM leaf WHERE stream = ? AND epoch < ? AND (epoch, device) > (?, ?){own}"
            " ORDER BY epoch, device LIMIT ?",
            (stream, epoch, *(after or (-1, "")), limit),
        )
        return [(str(device), int(day)) for day, device in rows]


def _hold(row: tuple[Any, ...]) -> Hold:
    values = list(row)
    values[7] = bool(values[7])
    values[9], values[12] = tuple(values[9].split()), tuple(values[12].split())
    return Hold(*values)


def _restriction(row: tuple[Any, ...]) -> Restriction:
    values = list(row)
    values[2] = Ground(values[2])
    return Restriction(*values)
