"""What remains of records with `after = "aggregate"`: how many there were in each hour, as a record of nobody in another category.

Contents are sealed and nothing here reads them, so that a total is a count of records by the hour in which they were made.
It is taken when the first of an hour is over, while the others are still there; an hour with fewer people than
`stats.k_min` remains as nothing. It has no number of anybody's, and its own category, `into` of the rule, has purposes,
readers and a term of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from cloud_sync.policy import After, Policy
from cloud_sync.policy.parameters import StatsTable
from cloud_sync.stores import Database

HOUR_S: Final = 3600
#: In whose name totals are kept: of nobody.
NOBODY: Final = "nobody"
FEWEST: Final = int(StatsTable.model_fields["k_min"].default)

#: Keeps a record: category, content by subject, record id.
Put = Callable[[str, dict[str, bytes], str], object]


class Totals:
    """The totals of one installation; `put` keeps them."""

    def __init__(self, database: Database, policy: Policy, put: Put) -> None:
        self._database = database
        self._put = put
        self._fewest = policy.stats.k_min if policy.stats is not None else FEWEST
        self._into = {
            rule.category: rule.into
            for rule in policy.rules
            if rule.stream is None and rule.after is After.AGGREGATE and rule.into
        }

    def take(self, now: float) -> int:
        """Keep the totals of every hour of which a record is over; how many. A total that is there already stays as it is."""
        kept = 0
        for category, into in self._into.items():
            for hour in sorted({int(made) // HOUR_S for made in self._database.made_of_due(category, now)}):
                kept += self._keep(category, into, hour)
        return kept

    def _keep(self, category: str, into: str, hour: int) -> bool:
        name = f"total.{category}.{hour}"
        if self._database.parts(name):
            return False
        count, people = self._database.count_parts(category, hour * HOUR_S, (hour + 1) * HOUR_S)
        if people < self._fewest:
            return False
        begun = datetime.fromtimestamp(hour * HOUR_S, UTC).isoformat(timespec="minutes")
        self._put(into, {NOBODY: json.dumps({"hour": begun, "count": count}).encode()}, name)
        return True
