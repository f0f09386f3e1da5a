"""The key store: ladders, persons, downlink chains; every value in it is wrapped.

Apart from the telemetry database, because its backups live shorter: a restored telemetry database brings back ciphertext only.
"""

from __future__ import annotations

from typing import Any

from cloud_sync.model import Leaf, Person, Shield, Tip
from cloud_sync.storage.engine import Engine, narrowed
from cloud_sync.storage.healing import HealingRows
from cloud_sync.storage.invitations import InvitationRows
from cloud_sync.storage.keeping import RecordKeyRows
from cloud_sync.storage.rotation import RotationRows

_LEAVES = "SELECT device, generation, stream, epoch, base_counter, wrapped, shield FROM leaf"
_SHIELDS = "SELECT device, number, stones, wrapped FROM shield"
_TIPS = "SELECT device, generation, stream, epoch, wrapped FROM tip"


class KeyRows(HealingRows, InvitationRows, RotationRows, RecordKeyRows, Engine):
    """`cloud_sync.stores.KeyDatabase`, whatever the engine."""

    def put_tip(self, tip: Tip) -> None:
        """Insert or replace the one tip of (device, generation, stream)."""
        values = (tip.device, tip.generation, tip.stream, tip.epoch, tip.wrapped)
        self.run(
            "INSERT INTO tip (device, generation, stream, epoch, wrapped) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (device, generation, stream) DO UPDATE SET epoch = excluded.epoch, wrapped = excluded.wrapped",
            values,
        )

    def tip(self, device: str, generation: int, stream: int) -> Tip | None:
        """The tip of one ladder."""
        sql = f"{_TIPS} WHERE device = ? AND generation = ? AND stream = ?"
        row = self.maybe(sql, (device, generation, stream))
        return Tip(*row) if row else None

    def tips(self) -> list[Tip]:
        """All tips, by device, generation and stream."""
        return [Tip(*row) for row in self.rows(f"{_TIPS} ORDER BY device, generation, stream")]

    def tips_of(self, device: str) -> list[Tip]:
        """Those of one device, by generation and stream."""
        return [Tip(*row) for row in self.rows(f"{_TIPS} WHERE device = ? ORDER BY generation, stream", (device,))]

    def put_leaf(self, leaf: Leaf) -> None:
        """Insert or replace the leaf of (device, generation, stream, epoch)."""
        self.run(
            "INSERT INTO leaf (device, generation, stream, epoch, base_counter, wrapped, shield) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (device, stream, epoch, generation) DO UPDATE"
            " SET base_counter = excluded.base_counter, wrapped = excluded.wrapped, shield = excluded.shield",
            (leaf.device, leaf.generation, leaf.stream, leaf.epoch, leaf.base_counter, leaf.wrapped, leaf.shield),
        )

    def leaf(self, device: str, generation: int, stream: int, epoch: int) -> Leaf | None:
        """One stored day key."""
        sql = f"{_LEAVES} WHERE device = ? AND stream = ? AND epoch = ? AND generation = ?"
        row = self.maybe(sql, (device, stream, epoch, generation))
        return Leaf(*row) if row else None

    def leaves(self, device: str, stream: int, first_epoch: int, last_epoch: int) -> list[Leaf]:
        """A device's leaves of a stream (0 = every stream), epochs inclusive, by epoch, generation and stream."""
        where, values = _span(device, stream, first_epoch, last_epoch)
        return [Leaf(*row) for row in self.rows(f"{_LEAVES}{where} ORDER BY epoch, generation, stream", values)]

    def last_leaf(self, device: str, stream: int) -> int:
        """The last epoch of which there is a leaf of the stream; −1 if none."""
        row = self.one("SELECT coalesce(max(epoch), -1) FROM leaf WHERE device = ? AND stream = ?", (device, stream))
        return int(row[0])

    def destroy_leaves(self, device: str, stream: int, first_epoch: int, last_epoch: int) -> int:
        """Destroy (stream 0 = every stream), overwriting the pages; the number destroyed."""
        where, values = _span(device, stream, first_epoch, last_epoch)
        return self.run("DELETE FROM leaf" + where, values)

    def destroy_leaf(self, device: str, generation: int, stream: int, epoch: int) -> int:
        """Destroy one stored day key, overwriting the page; the number destroyed."""
        sql = "DELETE FROM leaf WHERE device = ? AND stream = ? AND epoch = ? AND generation = ?"
        return self.run(sql, (device, stream, epoch, generation))

    def put_shield(self, shield: Shield) -> None:
        """Insert; one of this number that exists is refused."""
        self.run(
            "INSERT INTO shield (device, number, stones, wrapped) VALUES (?, ?, ?, ?)",
            (shield.device, shield.number, shield.stones, shield.wrapped),
        )

    def shield(self, device: str, number: int | None = None) -> Shield | None:
        """That of a number, or the newest."""
        where, values = narrowed({"device = ?": device, "number = ?": number})
        row = self.maybe(f"{_SHIELDS}{where} ORDER BY stones DESC, number DESC LIMIT 1", values)
        return Shield(*row) if row else None

    def destroy_shields(self, device: str, stones: int | None = None) -> int:
        """Destroy all, or those made when there were at most so many tombstones, overwriting the pages; the number destroyed."""
        where, values = narrowed({"device = ?": device, "stones <= ?": stones})
        return self.run("DELETE FROM shield" + where, values)

    def destroy_unshielded(self, device: str) -> int:
        """Destroy the leaves of personal streams that are under no shield, overwriting the pages; the number destroyed."""
        return self.run("DELETE FROM leaf WHERE device = ? AND shield = 0 AND stream < 4", (device,))

    def seen(self, name: str) -> int:
        """How many of these another store has held at least; 0 if nobody has counted."""
        row = self.maybe("SELECT count FROM seen WHERE name = ?", (name,))
        return int(row[0]) if row else 0

    def raise_seen(self, name: str, count: int) -> None:
        """Insert, or replace a lower one."""
        self.run(
            "INSERT INTO seen (name, count) VALUES (?, ?) ON CONFLICT (name) DO UPDATE"
            " SET count = excluded.count WHERE excluded.count > seen.count",
            (name, count),
        )

    def destroy_tips(self, device: str, below: int | None = None) -> int:
        """Destroy the tips of a device, of generations `below` or of all; the number destroyed."""
        where, values = narrowed({"device = ?": device, "generation < ?": below})
        return self.run("DELETE FROM tip" + where, values)

    def put_down(self, device: str, generation: int, number: int, wrapped: bytes) -> None:
        """Insert or replace the downlink chain of a device."""
        self.run(
            "INSERT INTO down (device, generation, number, wrapped) VALUES (?, ?, ?, ?) ON CONFLICT (device) DO UPDATE"
            " SET generation = excluded.generation, number = excluded.number, wrapped = excluded.wrapped",
            (device, generation, number, wrapped),
        )

    def down(self, device: str) -> tuple[int, int, bytes] | None:
        """(generation, number, wrapped chain key)."""
        row = self.maybe("SELECT generation, number, wrapped FROM down WHERE device = ?", (device,))
        return (int(row[0]), int(row[1]), bytes(row[2])) if row else None

    def put_person(self, person: Person) -> None:
        """Insert or replace the one row of a person."""
        self.run(
            "INSERT INTO person (subject, made_at, wrapped, revision, limits) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (subject) DO UPDATE SET made_at = excluded.made_at, wrapped = excluded.wrapped,"
            " revision = excluded.revision, limits = excluded.limits",
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


def _span(device: str, stream: int, first_epoch: int, last_epoch: int) -> tuple[str, list[Any]]:
    """The condition for a device's days, inclusive, of a stream (0 = every stream)."""
    return narrowed(
        {"device = ?": device, "stream = ?": stream or None, "epoch >= ?": first_epoch, "epoch <= ?": last_epoch}
    )
