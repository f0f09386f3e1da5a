"""What the engine needs of a telemetry database for notices."""

from __future__ import annotations

import math
from typing import Protocol

from cloud_sync.model.notices import NoticeLink, NoticeReceipt, NoticeSource, Publication


class NoticeStore(Protocol):
    """Publications and receipts (append-only), who came from somebody else, links that answer."""

    def add_publication(self, publication: Publication) -> None: ...
    def keep_policy_text(self, policy: str, at: float, content: str) -> None:
        """Insert, or leave the one of this hash."""

    def policy_texts(self) -> list[tuple[str, str]]:
        """(hash, text) of every policy that was in force, in order of time."""

    def publications(self) -> list[Publication]:
        """In order of appending."""

    def add_notice_receipt(self, receipt: NoticeReceipt) -> None: ...
    def notice_receipts(self, subject: str) -> list[NoticeReceipt]:
        """In order of appending."""

    def notice_receipts_outlived(self, before: float) -> list[str]:
        """Ids of receipts from before that Unix second that a later one, from before it as well, has taken the place of; and of all
        of people without a device in use.
        """

    def remove_notice_receipts(self, receipt_ids: list[str]) -> int:
        """Those whose term is over; how many."""

    def put_notice_source(self, source: NoticeSource) -> None:
        """Insert, or leave the first."""

    def notice_sources(self, subject: str | None = None) -> list[NoticeSource]:
        """By time, then subject."""

    def put_notice_link(self, link: NoticeLink) -> None: ...
    def notice_link(self, link: str) -> NoticeLink | None: ...
    def notice_links(self, subject: str) -> list[NoticeLink]: ...
    def notice_links_ended(self, at: float) -> list[NoticeLink]:
        """Those that have ended by then."""

    def remove_notice_link(self, link: str) -> int: ...
    def forget_notices(self, subject: str, until: float = math.inf) -> int:
        """Delete a person's links and source up to that Unix second; receipts stay. How many rows."""
