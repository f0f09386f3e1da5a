"""The tombstones, outside the backup's domain of both other stores, and beside them the witness of how far these had come."""

from __future__ import annotations

from dataclasses import astuple

from cloud_sync.model import COUNTERS, Tombstone
from cloud_sync.storage.engine import Engine

_STONES = (  # the fields of `Tombstone`, in their order
    "SELECT tombstone_id, device, stream, first_epoch, last_epoch, at, basis, span_start, span_end, edition, generation,"
    " counter FROM tombstone"
)


class TombstoneRows(Engine):
    """`cloud_sync.stores.TombstoneStore` and `WitnessStore`; triggers of the schema refuse every update and delete of the first."""

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

    def of_device(self, device: str) -> list[Tombstone]:
        """Those of one device, in order of appending."""
        return [Tombstone(*row) for row in self.rows(f"{_STONES} WHERE device = ? ORDER BY seq", (device,))]

    def count(self) -> int:
        """How many there are."""
        return int(self.one("SELECT count(*) FROM tombstone")[0])

    def near(self, device: str, stream: int, epoch: int) -> list[Tombstone]:
        """Those of this stream (or of every one) and of this epoch, the one before or the one after, in order of appending."""
        rows = self.rows(
            f"{_STONES} WHERE device = ? AND (stream = 0 OR stream = ?)"
            " AND first_epoch <= ? AND last_epoch >= ? ORDER BY seq",
            (device, stream, epoch + 1, epoch - 1),
        )
        return [Tombstone(*row) for row in rows]

    def covers(self, device: str, stream: int, epoch: int, generation: int = 0) -> bool:
        """Whether this generation's day is closed, so that nothing of it may be opened or stored."""
        return any(stone.floor(generation, epoch) >= COUNTERS for stone in self.near(device, stream, epoch))

    def witness(self, name: str) -> tuple[int, bytes] | None:
        """(count, mark) of a name."""
        row = self.maybe("SELECT count, mark FROM witness WHERE name = ?", (name,))
        return (int(row[0]), bytes(row[1])) if row else None

    def witnesses(self, prefix: str) -> dict[str, int]:
        """Counts of all names that begin so; of printable ASCII, as all names are."""
        rows = self.rows("SELECT name, count FROM witness WHERE name >= ? AND name < ?", (prefix, prefix + "\x7f"))
        return {str(name): int(count) for name, count in rows}

    def raise_witness(self, name: str, count: int, mark: bytes) -> None:
        """Insert, or replace one with a lower count [of two processes the slower one must not turn it back]."""
        self.run(
            "INSERT INTO witness (name, count, mark) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE"
            " SET count = excluded.count, mark = excluded.mark WHERE excluded.count > witness.count",
            (name, count, mark),
        )

    def set_witness(self, name: str, count: int, mark: bytes) -> None:
        """Insert or replace."""
        self.run(
            "INSERT INTO witness (name, count, mark) VALUES (?, ?, ?)"
            " ON CONFLICT (name) DO UPDATE SET count = excluded.count, mark = excluded.mark",
            (name, count, mark),
        )
