"""Tickets, grants of the staff, relations, approvals, deliveries and links of alerts, in the telemetry database."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple
from typing import Any

from cloud_sync.model import EnvelopeId
from cloud_sync.model.access import AlertLink, Approval, Cursor, Delivery, DeliveryState, Relation, StaffGrant, Ticket
from cloud_sync.storage.engine import Engine

_TICKET = ("ticket", "subject", "opened_at", "closed_at")
_GRANT = (
    "grant_id",
    "staff",
    "role",
    "subject",
    "purposes",
    "categories",
    "ticket",
    "opened_by",
    "opened_at",
    "ends_at",
)
_RELATION = ("actor", "role", "subject", "begun_at")
_APPROVAL = ("reference", "recipient", "subject", "approver", "at", "purpose", "span_start", "span_end", "record")
_APPROVED = ("reference", "recipient", "subject", "purpose", "span_start", "span_end", "record", "approver")  # the key
_DELIVERY = (
    *("delivery", "recipient", "purpose", "source", "subject", "actor", "span_start", "span_end", "reference", "salt"),
    *("begun_at", "state", "parts", "taken", "commitment", "ended_at", "fields", "recalled_at"),
    *("last_device", "last_generation", "last_stream", "last_epoch", "last_counter"),
    *("last_oldest", "last_until", "last_top"),
)
_HEAD = _DELIVERY.index("last_device")
_LINK = ("link", "subject", "purpose", "source", "span_start", "span_end", "made_at", "ends_at")
#: Every table of this module that names a person: when a row began, and by which columns.
_NAMING = {
    "ticket": ("opened_at", "subject"),
    "staff_grant": ("opened_at", "subject"),
    "relation": ("begun_at", "subject", "actor"),
    "approval": ("at", "subject"),
    "delivery": ("begun_at", "subject"),
    "alert_link": ("made_at", "subject"),
    "silent_notice": ("made_at", "subject"),
}
#: What no restored backup revives or ends: what was told, and what is still to be told.
_TOLD = ("delivery", "silent_notice")


def _select(table: str, columns: Sequence[str]) -> str:
    return f"SELECT {', '.join(columns)} FROM {table}"


def _put(table: str, columns: Sequence[str], key: int) -> str:
    """Insert a row, or replace the one with the same first `key` columns."""
    marks, names = ", ".join("?" * len(columns)), ", ".join(columns)
    rest = ", ".join(f"{name} = excluded.{name}" for name in columns[key:])
    then = f"DO UPDATE SET {rest}" if rest else "DO NOTHING"
    return f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT ({', '.join(columns[:key])}) {then}"


class AccessRows(Engine):
    """`cloud_sync.stores.AccessStore`."""

    # Tickets and grants

    def put_ticket(self, ticket: Ticket) -> None:
        """Insert or replace."""
        self.run(_put("ticket", _TICKET, 1), astuple(ticket))

    def ticket(self, ticket: str) -> Ticket | None:
        """One ticket."""
        row = self.maybe(f"{_select('ticket', _TICKET)} WHERE ticket = ?", (ticket,))
        return Ticket(*row) if row else None

    def put_grant(self, grant: StaffGrant) -> None:
        """Insert or replace."""
        values = list(astuple(grant))
        values[4], values[5] = (" ".join(sorted(words)) for words in (grant.purposes, grant.categories))
        self.run(_put("staff_grant", _GRANT, 1), values)

    def grants(self, subject: str, staff: str | None = None) -> list[StaffGrant]:
        """Of a person, or of one member of the staff for that person, the newest first."""
        where, values = ("", [subject]) if staff is None else (" AND staff = ?", [subject, staff])
        rows = self.rows(
            f"{_select('staff_grant', _GRANT)} WHERE subject = ?{where} ORDER BY opened_at DESC, grant_id", values
        )
        return [_grant(row) for row in rows]

    def grants_of_ticket(self, ticket: str) -> list[StaffGrant]:
        """Every grant that rests on a ticket."""
        rows = self.rows(f"{_select('staff_grant', _GRANT)} WHERE ticket = ? ORDER BY opened_at, grant_id", (ticket,))
        return [_grant(row) for row in rows]

    def grant(self, grant: str) -> StaffGrant | None:
        """One grant."""
        row = self.maybe(f"{_select('staff_grant', _GRANT)} WHERE grant_id = ?", (grant,))
        return _grant(row) if row else None

    # Relations

    def put_relation(self, relation: Relation) -> None:
        """Insert; one that is there stays as it is."""
        self.run(
            "INSERT INTO relation (actor, role, subject, begun_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            astuple(relation),
        )

    def relation(self, actor: str, role: str, subject: str) -> Relation | None:
        """That of these two in this role."""
        sql = f"{_select('relation', _RELATION)} WHERE actor = ? AND role = ? AND subject = ?"
        row = self.maybe(sql, (actor, role, subject))
        return Relation(*row) if row else None

    def relations(self, subject: str) -> list[Relation]:
        """All to a person's data."""
        rows = self.rows(f"{_select('relation', _RELATION)} WHERE subject = ? ORDER BY actor, role", (subject,))
        return [Relation(*row) for row in rows]

    def remove_relation(self, actor: str, role: str, subject: str) -> int:
        """Delete; the number deleted."""
        return self.run("DELETE FROM relation WHERE actor = ? AND role = ? AND subject = ?", (actor, role, subject))

    # Approvals

    def put_approval(self, approval: Approval) -> None:
        """Insert or replace."""
        values = dict(zip(_APPROVAL, astuple(approval), strict=True))
        columns = (*_APPROVED, "at")
        self.run(_put("approval", columns, len(_APPROVED)), [values[name] for name in columns])

    def approvals(self, reference: str, recipient: str, subject: str) -> list[Approval]:
        """Those of one disclosure, in order of the approvers' ids."""
        sql = (
            f"{_select('approval', _APPROVAL)} WHERE reference = ? AND recipient = ? AND subject = ?"
            " ORDER BY approver, purpose, span_start, span_end, record"
        )
        return [Approval(*row) for row in self.rows(sql, (reference, recipient, subject))]

    # Deliveries and alerts

    def put_delivery(self, delivery: Delivery) -> None:
        """Insert or replace."""
        at = delivery.last
        last = (*at.row, at.oldest, at.until, at.top) if at else (None,) * (len(EnvelopeId._fields) + 3)
        head = (
            *(
                delivery.delivery,
                delivery.recipient,
                delivery.purpose,
                delivery.source,
                delivery.subject,
                delivery.actor,
            ),
            *(delivery.start, delivery.end, delivery.reference, delivery.salt, delivery.begun_at),
            *(delivery.state.value, delivery.parts, delivery.count, delivery.commitment, delivery.ended_at),
            *(delivery.fields, delivery.recalled_at),
        )
        self.run(_put("delivery", _DELIVERY, 1), (*head, *last))

    def go_on(self, delivery: Delivery) -> bool:
        """Replace a delivery that is there; False where it is not, as the person was erased meanwhile."""
        with self.transaction():
            if self.maybe("SELECT 1 FROM delivery WHERE delivery = ?", (delivery.delivery,)) is None:
                return False
            self.put_delivery(delivery)
            return True

    def delivery(self, delivery: str) -> Delivery | None:
        """One delivery."""
        row = self.maybe(f"{_select('delivery', _DELIVERY)} WHERE delivery = ?", (delivery,))
        return _delivery(row) if row else None

    def deliveries(self, subject: str) -> list[Delivery]:
        """All about a person, oldest first."""
        sql = f"{_select('delivery', _DELIVERY)} WHERE subject = ? ORDER BY begun_at, delivery"
        return [_delivery(row) for row in self.rows(sql, (subject,))]

    def told_to(self, recipient: str) -> list[tuple[str, str]]:
        """(person, purpose) of all deliveries of which a recipient took something, or may have, and that were not recalled."""
        sql = (
            "SELECT DISTINCT subject, purpose FROM delivery WHERE recipient = ? AND recalled_at IS NULL"
            " AND (parts > 0 OR state = ?) ORDER BY subject, purpose"
        )
        return [(subject, purpose) for subject, purpose in self.rows(sql, (recipient, DeliveryState.BEGUN.value))]

    def sources_told(self, recipient: str, purpose: str) -> set[str]:
        """Sources of all deliveries for a purpose of which it took something, and that were not recalled."""
        sql = "SELECT source FROM delivery WHERE recipient = ? AND recalled_at IS NULL AND parts > 0 AND purpose = ?"
        return {str(row[0]) for row in self.rows(sql, (recipient, purpose))}

    def deliveries_since(self, at: float) -> list[Delivery]:
        """All that were begun or ended from that Unix second on."""
        sql = f"{_select('delivery', _DELIVERY)} WHERE begun_at >= ? OR ended_at >= ? ORDER BY begun_at, delivery"
        return [_delivery(row) for row in self.rows(sql, (at, at))]

    def put_alert(self, link: AlertLink) -> None:
        """Insert or replace."""
        self.run(_put("alert_link", _LINK, 1), astuple(link))

    def alert(self, link: str) -> AlertLink | None:
        """What a link stands for."""
        row = self.maybe(f"{_select('alert_link', _LINK)} WHERE link = ?", (link,))
        return AlertLink(*row) if row else None

    def remove_alerts(self, ended_before: float) -> int:
        """Delete links that have ended; the number deleted."""
        return self.run("DELETE FROM alert_link WHERE ends_at <= ?", (ended_before,))

    def close_access(self) -> int:
        """Delete every ticket, grant, relation, approval and link; deliveries and their notices stay. How many went."""
        with self.transaction():
            return sum(self.run(f"DELETE FROM {table}") for table in _NAMING if table not in _TOLD)

    def forget_access(self, subject: str, until: float = math.inf) -> int:
        """Delete every row of these tables that names a person and began up to that Unix second; the number deleted.

        What was done stays in the audit log.
        """
        removed = 0
        with self.transaction():
            for table, (began, *names) in _NAMING.items():
                where = f"({' OR '.join(f'{name} = ?' for name in names)})"
                values: list[Any] = [subject] * len(names)
                if until < math.inf:
                    where, values = f"{where} AND {began} <= ?", [*values, until]
                removed += self.run(f"DELETE FROM {table} WHERE {where}", values)
        return removed


def _grant(row: tuple[Any, ...]) -> StaffGrant:
    grant, staff, role, subject, purposes, categories, *rest = row
    return StaffGrant(grant, staff, role, subject, frozenset(purposes.split()), frozenset(categories.split()), *rest)


def _delivery(row: tuple[Any, ...]) -> Delivery:
    values: dict[str, Any] = dict(zip(_DELIVERY[:_HEAD], row[:_HEAD], strict=True))
    values |= {"start": values.pop("span_start"), "end": values.pop("span_end"), "count": values.pop("taken")}
    values |= {"salt": bytes(values["salt"]), "state": DeliveryState(values["state"])}
    return Delivery(**values, last=_cursor(row[_HEAD:]))


def _cursor(columns: tuple[Any, ...]) -> Cursor | None:
    *row, oldest, until, top = columns
    return Cursor(EnvelopeId(*row), oldest, until or 0, top or 0) if row[0] is not None else None
