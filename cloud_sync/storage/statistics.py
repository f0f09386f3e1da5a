"""Releases of statistics: what was told to everybody, so that the next one can be held against it."""

from __future__ import annotations

from typing import Any

from cloud_sync.storage.engine import Engine


class StatisticRows(Engine):
    """The part of `cloud_sync.stores.Database` that statistics use; append-only."""

    def add_statistic(
        self, release_id: str, purpose: str, first_day: int, last_day: int, at: float, content: str
    ) -> None:
        """Append one release; `content` is JSON without any person."""
        self.run(
            "INSERT INTO statistic (release_id, purpose, first_day, last_day, at, content) VALUES (?, ?, ?, ?, ?, ?)",
            (release_id, purpose, first_day, last_day, at, content),
        )

    def statistics(self) -> list[tuple[Any, ...]]:
        """(release_id, purpose, first_day, last_day, at, content), in order of appending."""
        return self.rows(
            "SELECT release_id, purpose, first_day, last_day, at, content FROM statistic ORDER BY at, release_id"
        )
