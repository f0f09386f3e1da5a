"""Notices, their receipts, and links that answer, in the telemetry database."""

from __future__ import annotations

import math
from dataclasses import astuple

from cloud_sync.model.notices import LinkUse, NoticeLink, NoticeReceipt, NoticeSource, Publication
from cloud_sync.storage.engine import Ending, Engine, narrowed

_RECEIPT = ("receipt_id", "subject", "version", "policy", "at", "entity", "channel", "act", "language")
_LINKS = "SELECT link, purpose_of, subject, purpose, record_id, made_at, ends_at FROM notice_link"
_EVER = 1e300


class NoticeRows(Engine):
    """`cloud_sync.stores.NoticeStore`."""

    def add_publication(self, publication: Publication) -> None:
        """Append."""
        each = publication
        self.run(
            "INSERT INTO notice (version, policy, previous, at, changes, purposes, banner_until) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                *(each.version, each.policy, each.previous, each.at),
                *(" ".join(each.changes), " ".join(each.purposes), each.banner_until),
            ),
        )

    def keep_policy_text(self, policy: str, at: float, content: str) -> None:
        """Insert, or leave the one of this hash."""
        sql = "INSERT INTO policy_text (policy, at, content) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        self.run(sql, (policy, at, content))

    def policy_texts(self) -> list[tuple[str, str]]:
        """(hash, text) of every policy that was in force, in order of time."""
        return [
            (str(row[0]), str(row[1]))
            for row in self.rows("SELECT policy, content FROM policy_text ORDER BY at, policy")
        ]

    def publications(self) -> list[Publication]:
        """In order of appending."""
        rows = self.rows(
            "SELECT version, policy, previous, at, changes, purposes, banner_until FROM notice ORDER BY seq"
        )
        return [
            Publication(version, policy, previous, at, tuple(changes.split()), tuple(purposes.split()), until)
            for version, policy, previous, at, changes, purposes, until in rows
        ]

    def add_notice_receipt(self, receipt: NoticeReceipt) -> None:
        """Append."""
        marks = ", ".join("?" * len(_RECEIPT))
        self.run(f"INSERT INTO notice_receipt ({', '.join(_RECEIPT)}) VALUES ({marks})", astuple(receipt))

    def notice_receipts(self, subject: str) -> list[NoticeReceipt]:
        """In order of appending."""
        rows = self.rows(f"SELECT {', '.join(_RECEIPT)} FROM notice_receipt WHERE subject = ? ORDER BY seq", (subject,))
        return [NoticeReceipt(*row) for row in rows]

    def notice_receipts_outlived(self, before: float) -> list[str]:
        """Superseded by one from before that Unix second, or of people without a device in use."""
        rows = self.rows(
            "SELECT r.receipt_id FROM notice_receipt r WHERE r.at < ? AND ("
            "EXISTS (SELECT 1 FROM notice_receipt n WHERE n.subject = r.subject AND n.seq > r.seq AND n.at < ?)"
            " OR NOT EXISTS (SELECT 1 FROM device d WHERE d.subject = r.subject AND d.revoked_at IS NULL)) ORDER BY r.seq",
            (before, before),
        )
        return [str(row[0]) for row in rows]

    def remove_notice_receipts(self, receipt_ids: list[str]) -> int:
        """Delete what is over; how many."""
        permit = (Ending("notice_receipt").permit,)
        with self.transaction():
            self.run("INSERT INTO retention_mark (name, value) VALUES (?, 'sweep') ON CONFLICT DO NOTHING", permit)
            gone = self.run_many("DELETE FROM notice_receipt WHERE receipt_id = ?", [(each,) for each in receipt_ids])
            self.run("DELETE FROM retention_mark WHERE name = ?", permit)
            return gone

    def put_notice_source(self, source: NoticeSource) -> None:
        """Insert, or leave the first."""
        sql = "INSERT INTO notice_source (subject, source, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        self.run(sql, astuple(source))

    def notice_sources(self, subject: str | None = None) -> list[NoticeSource]:
        """By time, then subject."""
        where, values = narrowed({"subject = ?": subject})
        rows = self.rows(f"SELECT subject, source, at FROM notice_source{where} ORDER BY at, subject", values)
        return [NoticeSource(*row) for row in rows]

    def put_notice_link(self, link: NoticeLink) -> None:
        """Insert."""
        names = "link, purpose_of, subject, purpose, record_id, made_at, ends_at"
        self.run(f"INSERT INTO notice_link ({names}) VALUES (?, ?, ?, ?, ?, ?, ?)", astuple(link))

    def notice_link(self, link: str) -> NoticeLink | None:
        """What a link stands for."""
        return next(iter(self._links(" WHERE link = ?", link)), None)

    def notice_links(self, subject: str) -> list[NoticeLink]:
        """A person's."""
        return self._links(" WHERE subject = ? ORDER BY made_at, link", subject)

    def notice_links_ended(self, at: float) -> list[NoticeLink]:
        """Those that have ended by then."""
        return self._links(" WHERE ends_at <= ? ORDER BY ends_at, link", at)

    def remove_notice_link(self, link: str) -> int:
        """Delete; how many."""
        return self.run("DELETE FROM notice_link WHERE link = ?", (link,))

    def forget_notices(self, subject: str, until: float = math.inf) -> int:
        """Delete a person's links and source up to that Unix second; receipts stay. How many rows."""
        last = min(until, _EVER)
        gone = self.run("DELETE FROM notice_link WHERE subject = ? AND made_at <= ?", (subject, last))
        return gone + self.run("DELETE FROM notice_source WHERE subject = ? AND at <= ?", (subject, last))

    def _links(self, where: str, value: str | float) -> list[NoticeLink]:
        return [NoticeLink(row[0], LinkUse(row[1]), *row[2:]) for row in self.rows(f"{_LINKS}{where}", (value,))]
