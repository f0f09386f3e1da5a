"""Who is named anywhere in the telemetry database, and what of them goes that no other module has."""

from __future__ import annotations

import json
from collections.abc import Iterable

from cloud_sync.erasure.places import PLACES, Store
from cloud_sync.retention.walk import EDITIONS, RECORD_KEYS
from cloud_sync.storage.engine import Engine

#: Tables with the columns that name a person; what the register of erasure says.
NAMING = tuple(
    (place.name, column, " AND scope = 'subject'" if place.name == "clock_event" else "")
    for place in PLACES
    if place.store is Store.TELEMETRY
    for column in place.names
)
WALKS = (EDITIONS, RECORD_KEYS)
NOBODY = "-"  # in the place of whom a released hold was about; no pseudonym


class ErasingRows(Engine):
    """The part of `cloud_sync.stores.Database` that erasures of whole people use."""

    def names(self, subject: str) -> bool:
        """Whether any table names the person."""
        return any(
            self.maybe(f"SELECT 1 FROM {table} WHERE {column} = ?{also} LIMIT 1", (subject,)) is not None
            for table, column, also in NAMING
        )

    def named(self) -> set[str]:
        """Everybody whom any table names."""
        return {
            str(row[0])
            for table, column, also in NAMING
            for row in self.rows(f"SELECT DISTINCT {column} FROM {table} WHERE {column} <> ?{also}", ("",))
        }

    def forget_notes(self, devices: Iterable[str], subject: str = "") -> int:
        """Delete notes on keys that are still to go: they have gone; and the place of a walk that names the person or a device."""
        known = list(devices)
        gone = sum(self.run("DELETE FROM shred WHERE device = ?", (device,)) for device in known)
        for name, place in self.rows(
            "SELECT name, value FROM retention_mark WHERE name IN (?, ?) AND value <> ''", WALKS
        ):
            if {subject, *known}.intersection(json.loads(place)) - {""}:
                gone += self.run("DELETE FROM retention_mark WHERE name = ?", (name,))
        return gone

    def remove_lifted(self, subject: str) -> int:
        """Delete a person's restrictions that were lifted; the number deleted."""
        return self.run("DELETE FROM restriction WHERE subject = ? AND lifted_at IS NOT NULL", (subject,))

    def unlink_holds(self, subject: str, devices: Iterable[str]) -> int:
        """Take person, device, reference and span out of released holds; the rows stay, as they are counted. How many."""
        blank = "UPDATE hold SET subject = ?, device = '', reference = '', captured_first = NULL, captured_last = NULL"
        released = "AND released_at IS NOT NULL"
        count = self.run(f"{blank} WHERE subject = ? {released}", (NOBODY, subject))
        return count + sum(self.run(f"{blank} WHERE device = ? {released}", (NOBODY, each)) for each in devices)
