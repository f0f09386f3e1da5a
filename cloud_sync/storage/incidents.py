"""Incidents, in the telemetry database."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

from cloud_sync.model.incidents import IncidentEvent
from cloud_sync.storage.engine import Ending, Engine

_EVENT = ("incident_id", "number", "kind", "at", "actor", "detail")
_PIECE = 5_000  # entries of the log in memory at once, about 3 MB


class IncidentRows(Engine):
    """`cloud_sync.stores.IncidentStore`."""

    def append_incident_event(self, event: IncidentEvent) -> None:
        """Append; nothing of it is ever changed."""
        values = (event.incident_id, event.number, event.kind, event.at, event.actor, json.dumps(dict(event.detail)))
        self.run(f"INSERT INTO incident_event ({', '.join(_EVENT)}) VALUES (?, ?, ?, ?, ?, ?)", values)

    def incident_events(self, incident_id: str | None = None) -> list[IncidentEvent]:
        """Of one incident or of all, in order of appending."""
        sql = f"SELECT {', '.join(_EVENT)} FROM incident_event"
        if incident_id is None:
            return [_event(row) for row in self.rows(f"{sql} ORDER BY seq")]
        return [_event(row) for row in self.rows(f"{sql} WHERE incident_id = ? ORDER BY number", (incident_id,))]

    def remove_incident(self, incident_id: str) -> int:
        """Delete an incident whose term is over; the number of its events."""
        permit = (Ending("incident_event").permit,)
        with self.transaction():
            self.run("INSERT INTO retention_mark (name, value) VALUES (?, 'sweep') ON CONFLICT DO NOTHING", permit)
            gone = self.run("DELETE FROM incident_event WHERE incident_id = ?", (incident_id,))
            self.run("DELETE FROM incident_person WHERE incident_id = ?", (incident_id,))
            self.run("DELETE FROM retention_mark WHERE name = ?", permit)
            return gone

    def add_concerned(self, incident_id: str, subjects: Iterable[str], at: float) -> None:
        """Insert; those that are there stay as they are."""
        rows = [(incident_id, subject, at, None) for subject in sorted(subjects)]
        columns = {"incident_id": "TEXT", "subject": "TEXT", "found_at": "REAL", "told_at": "REAL"}
        self.add_new("incident_person", columns, rows)

    def concerned(self, incident_id: str, *, untold: bool = False) -> list[str]:
        """Whom it concerns, in order; with `untold` those who have not been told."""
        also = " AND told_at IS NULL" if untold else ""
        rows = self.rows(
            f"SELECT subject FROM incident_person WHERE incident_id = ?{also} ORDER BY subject", (incident_id,)
        )
        return [str(row[0]) for row in rows]

    def note_told(self, incident_id: str, subject: str, at: float) -> None:
        """The person was told."""
        self.run(
            "UPDATE incident_person SET told_at = ? WHERE incident_id = ? AND subject = ?", (at, incident_id, subject)
        )

    def forget_concerned(self, subject: str, until: float = math.inf) -> int:
        """Drop that incidents found up to that Unix second concern the person; how many rows."""
        if until == math.inf:
            return self.run("DELETE FROM incident_person WHERE subject = ?", (subject,))
        return self.run("DELETE FROM incident_person WHERE subject = ? AND found_at <= ?", (subject, until))

    def used_by(
        self, actor: str, kinds: Iterable[str], since: float, until: float, *, noted_after_s: float
    ) -> set[str]:
        """By the audit log, without those who were erased since: their entries name nobody.

        A live view is logged when it ends: an entry also tells of what was seen up to `noted_after_s` after the one before it.
        """
        found, before = set[str](), dict[tuple[str, Any, Any], float]()
        for event in self._logged(kinds):
            if event["actor"] != actor or not event["subject"]:
                continue
            at, what = event["at"], (event["subject"], _said(event, "purpose"), _said(event, "category"))
            begun = before.get(what, at)
            before[what] = at
            seen = since <= at <= until or (begun <= until and min(begun + noted_after_s, at) >= since)
            if seen and _used(event):
                found.add(event["subject"])
        return found

    def went_to(self, recipient: str, kinds: Iterable[str], until: float) -> set[str]:
        """By deliveries of which some part was taken, and by the audit log."""
        taken = self.rows(
            "SELECT DISTINCT subject FROM delivery WHERE recipient = ? AND parts > 0 AND begun_at <= ?",
            (recipient, until),
        )
        logged = {
            event["subject"]
            for event in self._logged(kinds)
            if event["subject"] and event["at"] <= until and _said(event, "recipient") == recipient and _used(event)
        }
        return {str(row[0]) for row in taken} | logged

    def recorded(self, until: float) -> set[str]:
        """Everybody of whom there is a record that came in up to that moment."""
        rows = self.rows("SELECT DISTINCT subject FROM record_part WHERE put_at <= ?", (until,))
        return {str(row[0]) for row in rows}

    def _logged(self, kinds: Iterable[str]) -> Iterable[dict[str, Any]]:
        """Entries of the log of these kinds; kinds are words of this program, never of a caller."""
        listed = ", ".join(f"'{kind}'" for kind in kinds)
        for piece in self.pieces(f"SELECT event FROM audit_leaf WHERE kind IN ({listed}) ORDER BY position", _PIECE):
            yield from (json.loads(row[0]) for row in piece)


def _said(event: dict[str, Any], name: str) -> Any:
    return next((value for key, value in event["detail"] if key == name), None)


def _used(event: dict[str, Any]) -> bool:
    """Whether anything was handed out: entries that count say how much."""
    return bool(_said(event, "count") != 0)


def _event(row: tuple[Any, ...]) -> IncidentEvent:
    incident_id, number, kind, at, actor, detail = row
    return IncidentEvent(incident_id, number, kind, at, actor, json.loads(detail))
