"""What recipients accepted, and notices of disclosures that wait for the end of a silence, in the telemetry database."""

from __future__ import annotations

from dataclasses import astuple

from cloud_sync.model.access import Acceptance, SilentNotice
from cloud_sync.storage.engine import Engine, narrowed

_NOTICE = "notice, subject, recipient, delivery, reference, due_at, told_at"


class RecipientRows(Engine):
    """`cloud_sync.stores.RecipientStore`."""

    def put_acceptance(self, acceptance: Acceptance) -> None:
        """Insert or replace."""
        self.run(
            "INSERT INTO recipient_acceptance (recipient, version, reference, at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (recipient, version) DO UPDATE SET reference = excluded.reference, at = excluded.at",
            astuple(acceptance),
        )

    def acceptances(self, recipient: str | None = None) -> list[Acceptance]:
        """Of a recipient, or all, oldest first."""
        where, values = narrowed({"recipient = ?": recipient})
        sql = (
            f"SELECT recipient, version, reference, at FROM recipient_acceptance{where} ORDER BY at, recipient, version"
        )
        return [Acceptance(*row) for row in self.rows(sql, values)]

    def put_silent_notice(self, notice: SilentNotice, made_at: float) -> None:
        """Insert, or say that it was told."""
        self.run(
            f"INSERT INTO silent_notice ({_NOTICE}, made_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (notice) DO UPDATE SET told_at = excluded.told_at",
            (*astuple(notice), made_at),
        )

    def remove_silent_notice(self, notice: str) -> int:
        """Delete one; the number deleted."""
        return self.run("DELETE FROM silent_notice WHERE notice = ?", (notice,))

    def silent_notices(self, subject: str | None = None, *, told: bool = False) -> list[SilentNotice]:
        """Of a person, or all, by the time from which they may be told; those that were told as well, if asked."""
        where, values = narrowed({"subject = ?": subject})
        if not told:
            where = f"{where} {'AND' if where else 'WHERE'} told_at IS NULL"
        rows = self.rows(f"SELECT {_NOTICE} FROM silent_notice{where} ORDER BY due_at, notice", values)
        return [SilentNotice(*row) for row in rows]
