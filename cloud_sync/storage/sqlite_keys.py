"""The key store and the tombstones, each in a SQLite file of its own.

Apart from the telemetry database, because their backups live shorter (keys) or outside its domain (tombstones):
a restored telemetry database brings back ciphertext only.
"""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path

from cloud_sync.model import COUNTERS, Leaf, Person, Tip, Tombstone
from cloud_sync.storage.sqlite_base import SqliteFile
from cloud_sync.storage.sqlite_healing import SqliteHealing
from cloud_sync.storage.sqlite_schema import KEYS, TOMBSTONES

_LEAVES = "SELECT device, generation, stream, epoch, base_counter, wrapped FROM leaf"
_TIPS = "SELECT device, generation, stream, epoch, wrapped FROM tip"
_STONES = (  # the fields of `Tombstone`, in their order
    "SELECT tombstone_id, device, stream, first_epoch, last_epoch, at, basis, span_start, span_end, edition, generation,"
    " counter FROM tombstone"
)


class SqliteKeys(SqliteHealing, SqliteFile):
    """`cloud_sync.stores.KeyDatabase` in one SQLite file, mode 0600; every value in it is wrapped."""

    def __init__(self, path: str | Path) -> None:
        super().__init__(path, KEYS, private=True)

    def put_tip(self, tip: Tip) -> None:
        """Insert or replace the one tip of (device, generation, stream)."""
        values = (tip.device, tip.generation, tip.stream, tip.epoch, tip.wrapped)
        self.run("INSERT OR REPLACE INTO tip VALUES (?, ?, ?, ?, ?)", values)

    def tip(self, device: str, generation: int, stream: int) -> Tip | None:
        """The tip of one ladder."""
        sql = f"{_TIPS} WHERE device = ? AND generation = ? AND stream = ?"
        row = self.maybe(sql, (device, generation, stream))
        return Tip(*row) if row else None

    def tips(self) -> list[Tip]:
        """All tips, by device, generation and stream."""
        return [Tip(*row) for row in self.rows(f"{_TIPS} ORDER BY device, generation, stream")]

    def put_leaf(self, leaf: Leaf) -> None:
        """Insert or replace the leaf of (device, generation, stream, epoch)."""
        self.run(
            "INSERT OR REPLACE INTO leaf (device, generation, stream, epoch, base_counter, wrapped)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (leaf.device, leaf.generation, leaf.stream, leaf.epoch, leaf.base_counter, leaf.wrapped),
        )

    def leaf(self, device: str, generation: int, stream: int, epoch: int) -> Leaf | None:
        """One stored day key."""
        sql = f"{_LEAVES} WHERE device = ? AND stream = ? AND epoch = ? AND generation = ?"
        row = self.maybe(sql, (device, stream, epoch, generation))
        return Leaf(*row) if row else None

    def leaves(self, device: str, stream: int, first_epoch: int, last_epoch: int) -> list[Leaf]:
        """A device's leaves of a stream (0 = every stream), epochs inclusive, by epoch, generation and stream."""
        sql = (
            f"{_LEAVES} WHERE device = ?1 AND (?2 = 0 OR stream = ?2) AND epoch BETWEEN ?3 AND ?4"
            " ORDER BY epoch, generation, stream"
        )
        return [Leaf(*row) for row in self.rows(sql, (device, stream, first_epoch, last_epoch))]

    def leaves_before(self, stream: int, epoch: int, limit: int) -> list[Leaf]:
        """Up to `limit` leaves of the stream, of all devices, of epochs before `epoch`, oldest first."""
        sql = f"{_LEAVES} WHERE stream = ? AND epoch < ? ORDER BY epoch, device, generation LIMIT ?"
        return [Leaf(*row) for row in self.rows(sql, (stream, epoch, limit))]

    def destroy_leaves(self, device: str, stream: int, first_epoch: int, last_epoch: int) -> int:
        """Destroy (stream 0 = every stream), overwriting the pages; the number destroyed."""
        return self.run(
            "DELETE FROM leaf WHERE device = ?1 AND (?2 = 0 OR stream = ?2) AND epoch BETWEEN ?3 AND ?4",
            (device, stream, first_epoch, last_epoch),
        )

    def destroy_leaf(self, device: str, generation: int, stream: int, epoch: int) -> int:
        """Destroy one stored day key, overwriting the page; the number destroyed."""
        sql = "DELETE FROM leaf WHERE device = ? AND stream = ? AND epoch = ? AND generation = ?"
        return self.run(sql, (device, stream, epoch, generation))

    def seen(self, name: str) -> int:
        """How many of these another store has held at least; 0 if nobody has counted."""
        row = self.maybe("SELECT count FROM seen WHERE name = ?", (name,))
        return int(row[0]) if row else 0

    def raise_seen(self, name: str, count: int) -> None:
        """Insert, or replace a lower one."""
        self.run(
            "INSERT INTO seen VALUES (?, ?) ON CONFLICT (name) DO UPDATE"
            " SET count = excluded.count WHERE excluded.count > count",
            (name, count),
        )

    def destroy_tips(self, device: str, below: int | None = None) -> int:
        """Destroy the tips of a device, of generations `below` or of all; the number destroyed."""
        return self.run("DELETE FROM tip WHERE device = ?1 AND (?2 IS NULL OR generation < ?2)", (device, below))

    def put_down(self, device: str, generation: int, number: int, wrapped: bytes) -> None:
        """Insert or replace the downlink chain of a device."""
        self.run("INSERT OR REPLACE INTO down VALUES (?, ?, ?, ?)", (device, generation, number, wrapped))

    def down(self, device: str) -> tuple[int, int, bytes] | None:
        """(generation, number, wrapped chain key)."""
        row = self.maybe("SELECT generation, number, wrapped FROM down WHERE device = ?", (device,))
        return (int(row[0]), int(row[1]), bytes(row[2])) if row else None

    def put_person(self, person: Person) -> None:
        """Insert or replace the one row of a person."""
        self.run(
            "INSERT OR REPLACE INTO person (subject, made_at, wrapped, revision, limits) VALUES (?, ?, ?, ?, ?)",
            (person.subject, person.made_at, person.wrapped, person.revision, person.limits),
        )

    def person(self, subject: str) -> Person | None:
        """The row of a person."""
        row = self.maybe("SELECT subject, made_at, wrapped, revision, limits FROM person WHERE subject = ?", (subject,))
        return Person(*row) if row else None

    def people(self) -> list[str]:
        """Subjects of all persons who have a key, in order."""
        return [str(row[0]) for row in self.rows("SELECT subject FROM person ORDER BY subject")]

    def destroy_person(self, subject: str) -> int:
        """Destroy a person's key and limits, overwriting the pages; the number destroyed."""
        return self.run("DELETE FROM person WHERE subject = ?", (subject,))


class SqliteTombstones(SqliteFile):
    """`cloud_sync.stores.TombstoneStore` in one SQLite file; triggers of the schema refuse every update and delete."""

    def __init__(self, path: str | Path) -> None:
        super().__init__(path, TOMBSTONES, private=True)

    def append(self, tombstone: Tombstone) -> None:
        """Append; a tombstone id that exists is refused."""
        self.run(
            "INSERT INTO tombstone (tombstone_id, device, stream, first_epoch, last_epoch, at, basis, span_start, span_end,"
            " edition, generation, counter) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            astuple(tombstone),
        )

    def all(self) -> list[Tombstone]:
        """In order of appending."""
        return [Tombstone(*row) for row in self.rows(f"{_STONES} ORDER BY seq")]

    def count(self) -> int:
        """How many there are."""
        return int(self.one("SELECT count(*) FROM tombstone")[0])

    def near(self, device: str, stream: int, epoch: int) -> list[Tombstone]:
        """Those of this stream (or of every one) and of this epoch, the one before or the one after, in order of appending."""
        rows = self.rows(
            f"{_STONES} WHERE device = ?1 AND (stream = 0 OR stream = ?2)"
            " AND first_epoch <= ?3 + 1 AND last_epoch >= ?3 - 1 ORDER BY seq",
            (device, stream, epoch),
        )
        return [Tombstone(*row) for row in rows]

    def covers(self, device: str, stream: int, epoch: int, generation: int = 0) -> bool:
        """Whether this generation's day is closed, so that nothing of it may be opened or stored."""
        return any(stone.floor(generation, epoch) >= COUNTERS for stone in self.near(device, stream, epoch))

    def witness(self, name: str) -> tuple[int, bytes] | None:
        """(count, mark) of a name."""
        row = self.maybe("SELECT count, mark FROM witness WHERE name = ?", (name,))
        return (int(row[0]), bytes(row[1])) if row else None

    def raise_witness(self, name: str, count: int, mark: bytes) -> None:
        """Insert, or replace one with a lower count [of two processes the slower one must not turn it back]."""
        self.run(
            "INSERT INTO witness VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE"
            " SET count = excluded.count, mark = excluded.mark WHERE excluded.count > count",
            (name, count, mark),
        )

    def set_witness(self, name: str, count: int, mark: bytes) -> None:
        """Insert or replace."""
        self.run("INSERT OR REPLACE INTO witness VALUES (?, ?, ?)", (name, count, mark))
