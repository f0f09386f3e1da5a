"""Rows of what bounds consents: groups, their narrowings, and ages. Append-only but for one column, which erasure blanks."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from cloud_sync.model import BoundKind, ConsentBound, Precision
from cloud_sync.storage.engine import Engine

_ROWS = "SELECT record, month FROM consent_bound WHERE"


def _bound(text: str, month: str) -> ConsentBound:
    fields = json.loads(text)
    fields["kind"] = BoundKind(fields["kind"])
    fields["precision"] = Precision(fields["precision"])
    return ConsentBound(**{**fields, "month": month})


class BoundRows(Engine):
    """`cloud_sync.stores.BoundStore`; triggers of the schema refuse every delete, and every update but that of a month."""

    def append_bound(self, bound: ConsentBound) -> None:
        """Append; a record id that exists is refused."""
        text = json.dumps(asdict(replace(bound, month="")), sort_keys=True)
        self.run(
            "INSERT INTO consent_bound (record_id, subject, group_id, record, month) VALUES (?, ?, ?, ?, ?)",
            (bound.record_id, bound.subject, bound.group, text, bound.month),
        )

    def bounds_of(self, subject: str) -> list[ConsentBound]:
        """What was appended of a person, in order."""
        return [_bound(*row) for row in self.rows(f"{_ROWS} subject = ? ORDER BY seq", (subject,))]

    def bounds_of_group(self, group: str, *, members: bool) -> list[ConsentBound]:
        """What was appended of a group, in order: of its members alone, or of the group itself alone."""
        sql = f"{_ROWS} group_id = ? AND subject {'<>' if members else '='} ? ORDER BY seq"
        return [_bound(*row) for row in self.rows(sql, (group, ""))]

    def forget_months(self, subject: str, until: float) -> int:
        """Blank since when a person is of age, in what was declared up to that Unix second; how many."""
        with self.transaction():
            old = [bound for bound in self.bounds_of(subject) if bound.month and bound.at <= until]
            for bound in old:
                self.run("UPDATE consent_bound SET month = ? WHERE record_id = ?", ("", bound.record_id))
            return len(old)

    def last_of_group(self, group: str) -> str:
        """The record id of the last event of the group itself; empty where there is none."""
        sql = "SELECT record_id FROM consent_bound WHERE group_id = ? AND subject = ? ORDER BY seq DESC LIMIT 1"
        row = self.maybe(sql, (group, ""))
        return str(row[0]) if row else ""

    def ages(self) -> list[ConsentBound]:
        """What was declared last of everybody of whom anything was, by person."""
        newest = "SELECT MAX(seq) FROM consent_bound WHERE subject <> ? AND group_id = ? GROUP BY subject"
        sql = f"{_ROWS} seq IN ({newest}) ORDER BY subject"
        return [_bound(*row) for row in self.rows(sql, ("", ""))]

    def groups(self) -> list[str]:
        """Every group that was ever founded, in order."""
        rows = self.rows("SELECT DISTINCT group_id FROM consent_bound WHERE group_id <> ? ORDER BY group_id", ("",))
        return [str(row[0]) for row in rows]
