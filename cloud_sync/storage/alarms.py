"""Rules of alarms and their messages, in the telemetry database."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple
from typing import Any

from cloud_sync.model import RESEALED, StoredEnvelope
from cloud_sync.model.alarms import AlarmKind, AlarmMessage, AlarmRow
from cloud_sync.storage.engine import Engine
from cloud_sync.storage.numbers import id_of

_RULE = (*("rule_id", "subject", "kind", "stream", "purpose", "channel", "made_at", "heard_at", "sealed", "memory"),)
_MESSAGE = ("link", "rule_id", "subject", "made_at", "tries", "next_at", "taken_at")
_CHANGED = "alarm-rules"  # a mark that counts changes, so that other processes look anew
_EVER = 1e300


def _put(table: str, columns: Sequence[str]) -> str:
    """Insert a row, or replace the one with the same first column."""
    marks, names = ", ".join("?" * len(columns)), ", ".join(columns)
    rest = ", ".join(f"{name} = excluded.{name}" for name in columns[1:])
    return f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT ({columns[0]}) DO UPDATE SET {rest}"


class AlarmRows(Engine):
    """`cloud_sync.stores.AlarmStore`."""

    def put_alarm_rule(self, rule: AlarmRow) -> None:
        """Insert or replace."""
        with self.transaction():
            self.run(_put("alarm_rule", _RULE), astuple(rule))
            self._note_changed()

    def note_heard(self, rule_id: str, heard_at: float, memory: bytes) -> bool:
        """Replace what a rule remembers; False where it is gone."""
        sql = "UPDATE alarm_rule SET heard_at = ?, memory = ? WHERE rule_id = ?"
        return bool(self.run(sql, (heard_at, memory, rule_id)))

    def alarm_rule(self, rule_id: str) -> AlarmRow | None:
        """One rule."""
        row = self.maybe(f"SELECT {', '.join(_RULE)} FROM alarm_rule WHERE rule_id = ?", (rule_id,))
        return _rule(row) if row else None

    def alarm_rules(self, subject: str | None = None) -> list[AlarmRow]:
        """Of a person or of all, in order of making."""
        where, values = ("", []) if subject is None else (" WHERE subject = ?", [subject])
        rows = self.rows(f"SELECT {', '.join(_RULE)} FROM alarm_rule{where} ORDER BY made_at, rule_id", values)
        return [_rule(row) for row in rows]

    def remove_alarm_rule(self, rule_id: str) -> int:
        """Delete a rule, its messages, and the links in those that nobody has taken; the number of rules."""
        with self.transaction():
            self.run(
                "DELETE FROM alert_link WHERE link IN"
                " (SELECT link FROM alarm_message WHERE rule_id = ? AND taken_at IS NULL)",
                (rule_id,),
            )
            self.run("DELETE FROM alarm_message WHERE rule_id = ?", (rule_id,))
            self._note_changed()
            return self.run("DELETE FROM alarm_rule WHERE rule_id = ?", (rule_id,))

    def forget_alarms(self, subject: str, until: float = math.inf) -> int:
        """Delete the person's rules and messages made up to that Unix second; the number deleted."""
        last = min(until, _EVER)
        with self.transaction():
            self._note_changed()
            return sum(
                self.run(f"DELETE FROM {table} WHERE subject = ? AND made_at <= ?", (subject, last))
                for table in ("alarm_rule", "alarm_message")
            )

    def put_alarm_message(self, message: AlarmMessage) -> None:
        """Insert or replace."""
        self.run(_put("alarm_message", _MESSAGE), astuple(message))

    def forget_links(self, rule_id: str, start: float, end: float) -> None:
        """Delete messages of a rule, and their links, that are about a moment from `start` to before `end`."""
        links = "SELECT link FROM alert_link WHERE span_start >= ? AND span_start < ?"
        ours = f"SELECT link FROM alarm_message WHERE rule_id = ? AND link IN ({links})"
        found = [str(row[0]) for row in self.rows(ours, (rule_id, start, end))]
        for link in found:
            self.run("DELETE FROM alert_link WHERE link = ?", (link,))
            self.remove_alarm_message(link)

    def alarm_messages_due(self, now: float, limit: int) -> list[AlarmMessage]:
        """Those that nobody has taken yet, and that may be tried now."""
        sql = f"SELECT {', '.join(_MESSAGE)} FROM alarm_message WHERE taken_at IS NULL AND next_at <= ?"
        return [AlarmMessage(*row) for row in self.rows(f"{sql} ORDER BY next_at, link LIMIT ?", (now, limit))]

    def alarm_messages(self, rule_id: str, since: float = -math.inf) -> list[AlarmMessage]:
        """Of a rule, made since then, in order of making."""
        sql = f"SELECT {', '.join(_MESSAGE)} FROM alarm_message WHERE rule_id = ? AND made_at >= ?"
        rows = self.rows(f"{sql} ORDER BY made_at, link", (rule_id, max(since, -_EVER)))
        return [AlarmMessage(*row) for row in rows]

    def remove_alarm_message(self, link: str) -> int:
        """Delete one; the number deleted."""
        return self.run("DELETE FROM alarm_message WHERE link = ?", (link,))

    def remove_taken(self, before: float) -> int:
        """Delete messages that were taken before that moment; the number deleted."""
        return self.run("DELETE FROM alarm_message WHERE taken_at IS NOT NULL AND taken_at < ?", (before,))

    def received_since(self, device: str, stream: int, since: float) -> list[StoredEnvelope]:
        """What came in since then, in order of coming; none that the server has sealed anew."""
        columns = "e.number, e.digest, e.directive_version, e.payload, e.received_at, e.oldest_capture"
        rows = self.rows(
            f"SELECT {columns} FROM envelope e JOIN device d ON d.no = e.device_no"
            " WHERE d.device = ? AND e.stream = ? AND e.received_at >= ? ORDER BY e.received_at, e.number",
            (device, stream, since),
        )
        found = (StoredEnvelope(id_of(device, number), *rest) for number, *rest in rows)
        return [row for row in found if row.id.generation < RESEALED]

    def _note_changed(self) -> None:
        value = str(int(self._mark_value() or 0) + 1)
        self.run(
            "INSERT INTO retention_mark (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (_CHANGED, value),
        )

    def _mark_value(self) -> str:
        row = self.maybe("SELECT value FROM retention_mark WHERE name = ?", (_CHANGED,))
        return str(row[0]) if row else ""


def _rule(row: tuple[Any, ...]) -> AlarmRow:
    values: dict[str, Any] = dict(zip(_RULE, row, strict=True))
    values |= {"kind": AlarmKind(values["kind"]), "sealed": bytes(values["sealed"]), "memory": bytes(values["memory"])}
    return AlarmRow(**values)
