"""Cases of people's rights, in the telemetry database."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple
from typing import Any

from cloud_sync.model.rights import Case, CaseEvent, CaseState, Channel, Identity, IdentityLink, Right
from cloud_sync.storage.engine import Ending, Engine, narrowed

_CASE = (
    *("case_id", "message", "subject", "asked", "channel", "received_at", "keyed_at", "promise_at", "law_at"),
    *("due_at", "alarm_at", "target_at", "state", "identity", "purpose", "rule_owner", "outcome", "reason"),
    *("reviewer", "authority", "extended_at", "carried_at", "decided_at", "answered_at", "closed_at", "evidence"),
    "alarmed",
)
_CASES = f"SELECT {', '.join(_CASE)} FROM rights_case"
_EVENT = ("case_id", "number", "kind", "at", "actor", "detail", "digest", "sealed")
_LINK = ("link", "message", "made_at", "ends_at", "used_at")
_EVER = 1e300
_WAITING = tuple(state.value for state in (CaseState.OPEN, CaseState.IDENTIFIED, CaseState.DECIDED))


def _put(table: str, columns: Sequence[str]) -> str:
    """Insert a row, or replace the one with the same first column."""
    marks, names = ", ".join("?" * len(columns)), ", ".join(columns)
    rest = ", ".join(f"{name} = excluded.{name}" for name in columns[1:])
    return f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT ({columns[0]}) DO UPDATE SET {rest}"


class CaseRows(Engine):
    """`cloud_sync.stores.CaseStore`."""

    def put_case(self, case: Case) -> None:
        """Insert or replace."""
        self.run(_put("rights_case", _CASE), astuple(case))

    def case(self, case_id: str) -> Case | None:
        """One case."""
        row = self.maybe(f"{_CASES} WHERE case_id = ?", (case_id,))
        return _case(row) if row else None

    def cases(self, subject: str | None = None, message: str | None = None, *, closed: bool = True) -> list[Case]:
        """Of a person, of a message, or all; without closed ones, if asked."""
        where, values = narrowed({"subject = ?": subject, "message = ?": message})
        if not closed:
            where = f"{where} {'AND' if where else 'WHERE'} closed_at IS NULL"
        return [_case(row) for row in self.rows(f"{_CASES}{where} ORDER BY received_at, case_id", values)]

    def cases_alarming(self, now: float) -> list[Case]:
        """Pending ones whose alarm or due moment has come, as far as that was not raised."""
        sql = (
            f"{_CASES} WHERE state IN (?, ?, ?) AND ((alarmed < 1 AND alarm_at <= ?) OR (alarmed < 2 AND due_at <= ?))"
            " ORDER BY due_at, case_id"
        )
        return [_case(row) for row in self.rows(sql, (*_WAITING, now, now))]

    def cases_closed_before(self, at: float, limit: int, after: tuple[float, str] = (-1e300, "")) -> list[Case]:
        """Up to `limit` in order of closing, from behind (closed_at, case_id) on."""
        sql = (
            f"{_CASES} WHERE closed_at IS NOT NULL AND closed_at <= ? AND (closed_at, case_id) > (?, ?)"
            " ORDER BY closed_at, case_id LIMIT ?"
        )
        return [_case(row) for row in self.rows(sql, (at, *after, limit))]

    def append_case_event(self, event: CaseEvent) -> None:
        """Append; nothing of it but its content is ever changed."""
        marks = ", ".join("?" * len(_EVENT))
        self.run(f"INSERT INTO rights_event ({', '.join(_EVENT)}) VALUES ({marks})", astuple(event))

    def case_events(self, case_id: str) -> list[CaseEvent]:
        """In order of appending."""
        rows = self.rows(f"SELECT {', '.join(_EVENT)} FROM rights_event WHERE case_id = ? ORDER BY number", (case_id,))
        return [_event(row) for row in rows]

    def remove_cases(self, case_ids: Sequence[str]) -> int:
        """Delete cases whose term is over, with their events, and the links of messages that have no other; how many."""
        permit, names = (Ending("rights_event").permit,), [(each,) for each in case_ids]
        with self.transaction():
            self.run("INSERT INTO retention_mark (name, value) VALUES (?, 'sweep') ON CONFLICT DO NOTHING", permit)
            self.run_many("DELETE FROM rights_event WHERE case_id = ?", names)
            gone = self.run_many("DELETE FROM rights_case WHERE case_id = ?", names)
            self.run("DELETE FROM retention_mark WHERE name = ?", permit)
            self.run("DELETE FROM rights_link WHERE message NOT IN (SELECT message FROM rights_case)")
            return gone

    def forget_cases(self, subject: str, until: float = math.inf) -> int:
        """Drop what the person wrote or was told up to that Unix second, and links to them; the cases stay. How many rows."""
        last = min(until, _EVER)
        with self.transaction():
            blanked = self.run(
                "UPDATE rights_event SET sealed = ? WHERE at <= ?"
                " AND case_id IN (SELECT case_id FROM rights_case WHERE subject = ?)",
                (b"", last, subject),
            )
            mine = "message IN (SELECT message FROM rights_case WHERE subject = ?)"
            return blanked + self.run(f"DELETE FROM rights_link WHERE made_at <= ? AND {mine}", (last, subject))

    def put_identity_link(self, link: IdentityLink) -> None:
        """Insert or replace."""
        self.run(_put("rights_link", _LINK), astuple(link))

    def count_identity_links(self, message: str) -> int:
        """How many there are for a message."""
        return int(self.one("SELECT count(*) FROM rights_link WHERE message = ?", (message,))[0])

    def identity_link(self, link: str) -> IdentityLink | None:
        """What a link stands for."""
        row = self.maybe(f"SELECT {', '.join(_LINK)} FROM rights_link WHERE link = ?", (link,))
        return IdentityLink(*row) if row else None

    def remove_identity_links(self, ended_before: float) -> int:
        """Delete links that have ended; the number deleted."""
        return self.run("DELETE FROM rights_link WHERE ends_at <= ?", (ended_before,))


def _event(row: tuple[Any, ...]) -> CaseEvent:
    case_id, number, kind, at, actor, detail, digest, sealed = row
    return CaseEvent(case_id, number, kind, at, actor, detail, digest, bytes(sealed))


def _case(row: tuple[Any, ...]) -> Case:
    values: dict[str, Any] = dict(zip(_CASE, row, strict=True))
    asked = Right(values.pop("asked"))
    channel, state, identity = Channel(values["channel"]), CaseState(values["state"]), Identity(values["identity"])
    return Case(**{**values, "right": asked, "channel": channel, "state": state, "identity": identity})
