"""Notices: versions as they were published, who received them, who is owed one, links that answer, letters."""

from __future__ import annotations

from cloud_sync.notices.desk import Banner, NoticeDesk, Owed
from cloud_sync.notices.informed import informed
from cloud_sync.notices.letters import Letters
from cloud_sync.notices.links import NoticeLinks

__all__ = ["Banner", "Letters", "NoticeDesk", "NoticeLinks", "Owed", "informed"]
