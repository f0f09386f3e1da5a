"""What remains of positions whose term is over where `rule.after` is `aggregate` or `anonymise`: a released statistic, no row.

Before the first reading of a day is over, the day is released (`statistics.release`, with everything that this checks: k, grid,
delay, differences, each person's leave); then rows and keys go as with `delete`. A day that may not be released, as too few
people were anywhere or nobody let themselves be counted, goes without: the term is the promise, the statistic is not.

With `anonymise` an attempt is made to link again (clause table, V-12): rows that went are kept in memory over the sweep, and opened
afterwards with all that is stored. None may open; the log says how many were tried.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from typing import Final

from cloud_sync.audit import AuditLog, Kind
from cloud_sync.errors import CloudSyncError, ConfigError, Denied
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.keys.reseal import DayOpener
from cloud_sync.model import EPOCH_SECONDS, Action, Actor, StoredEnvelope, Stream
from cloud_sync.model.keeping import DueRow
from cloud_sync.policy import Policy, Rule
from cloud_sync.policy.vocabulary import After
from cloud_sync.retention.checkpoint import leap_s
from cloud_sync.retention.stepdown import day_end
from cloud_sync.retention.terms import Terms
from cloud_sync.statistics import Statistics
from cloud_sync.stores import Database, KeyDatabase

log = logging.getLogger(__name__)

ACTOR: Final = "retention"
#: 25 hours before the first reading of a day is over: a sweep runs hourly, and a restart takes its time. After a longer outage the
#: days of which something is over go without.
AHEAD_S: Final = 90_000
REMAINS: Final = frozenset({After.AGGREGATE, After.ANONYMISE})


class Aggregating:
    """What is done before and after a sweep for rules whose positions remain as statistics."""

    def __init__(
        self,
        *,
        database: Database,
        store: KeyDatabase,
        keys: LadderKeys,
        policy: Policy,
        terms: Terms,
        statistics: Statistics,
        audit: AuditLog,
    ) -> None:
        self._database, self._store, self._keys = database, store, keys
        self._policy, self._terms, self._statistics, self._audit = policy, terms, statistics, audit
        self._rules = [rule for rule in policy.rules if rule.after in REMAINS and rule.stream is not None]
        self._told: dict[str, int] = {}  # up to which day the log says of a purpose what could not be released

    def before(self, now: float) -> list[StoredEnvelope]:
        """Release the days of which something is about to be over; rows that are over, for `after`."""
        for rule in self._rules:
            for purpose, role in self._counted_for(rule):
                for day in self._days(rule, purpose, now):
                    self._release(purpose, role, day)
        if not any(rule.after is After.ANONYMISE for rule in self._rules):
            return []
        return list(self._over(now, int(self._policy.parameters.number("anonymise.relink_sample"))))

    def after(self, sample: list[StoredEnvelope]) -> int:
        """Try to link again what has gone; how many were linked: none, or the log of the service says so."""
        gone = [row for row in sample if not self._there(row)]
        if not gone:
            return 0
        opener = DayOpener(self._store, self._keys)
        linked = sum(opener.open(row) is not None for row in gone)
        if linked > int(self._policy.parameters.number("anonymise.relink_max")):
            log.error("%d of %d envelopes that were to be anonymous open still", linked, len(gone))
        self._audit.record(Kind.RELINK_TRIED.value, ACTOR, count=len(gone), unreadable=len(gone) - linked)
        return linked

    def _counted_for(self, rule: Rule) -> Iterator[tuple[str, str]]:
        """Purposes of a rule for which somebody may make statistics, each with a role that may."""
        for purpose in rule.purposes:
            roles = sorted(self._policy.granted_roles(Action.STATISTICS, purpose))
            if roles:
                yield purpose, roles[0]

    def _days(self, rule: Rule, purpose: str, now: float) -> list[int]:
        """Days since 1970 that are to be released now: the term of their first reading is nearly over, and none has them yet."""
        oldest = [
            page[0].row for level in self._database.levels(Stream.LOCATION) if (page := self._page(level, math.inf, 1))
        ]
        if not oldest:
            return []
        first, whole = min(row.id.epoch for row in oldest), self._first_whole(rule, now)
        last = int(rule.retention.latest_start(now + AHEAD_S)) // EPOCH_SECONDS
        made = [each for each in self._statistics.releases() if each.purpose == purpose]
        known = {day for each in made for day in range(each.first_day, each.last_day + 1)}
        self._tell(purpose, [day for day in range(first, whole) if day not in known])
        return [day for day in range(max(first, whole), last + 1) if day not in known and day_end(day) <= now]

    def _first_whole(self, rule: Rule, now: float) -> int:
        """The first day of which no reading is over, nor has gone with a sweep [a release of what is left of a day, or of nothing,
        which is used up for good].
        """
        over = rule.retention.latest_start(now)
        gone = rule.retention.latest_start(now - max(0.0, leap_s(self._database, now)))
        day = int(over) // EPOCH_SECONDS
        begin = float(day * EPOCH_SECONDS)
        levels = self._database.levels(Stream.LOCATION)
        begun = any(
            self._database.due(Stream.LOCATION, level, math.nextafter(over, math.inf), 1, (begin, -1, -1, b""))
            for level in levels
        )
        return day + 1 if begun or gone >= begin else day

    def _tell(self, purpose: str, late: list[int]) -> None:
        """Once for each day: rows that are held stay."""
        new = [day for day in late if day > self._told.get(purpose, -1)]
        if new:
            self._told[purpose] = new[-1]
            log.warning(
                "days %d to %d remain as no statistic of %s: readings of them were over before they could be released",
                *(new[0], new[-1], purpose),
            )

    def _release(self, purpose: str, role: str, day: int) -> None:
        try:
            self._statistics.release(actor=Actor(ACTOR, role), purpose=purpose, first_day=day, days=1)
        except (ConfigError, Denied) as error:
            log.info("day %d remains as no statistic: %s", day, error)
        except CloudSyncError:
            log.exception(
                "day %d could not be released; it is tried with the next sweep, while its rows are there", day
            )

    def _over(self, now: float, most: int) -> Iterator[StoredEnvelope]:
        before = self._terms.certainly_kept_from(Stream.LOCATION, now)
        for level in self._database.levels(Stream.LOCATION):
            for each in self._page(level, before, most):
                if self._terms.over(Stream.LOCATION, each.row.oldest_capture, now):
                    yield each.row

    def _page(self, level: int, before: float, most: int) -> list[DueRow]:
        return self._database.due(Stream.LOCATION, level, before, most)

    def _there(self, row: StoredEnvelope) -> bool:
        device, _, stream, epoch, _ = row.id
        day = self._database.envelopes(device, stream, epoch, epoch)
        return any((each.id, each.digest) == (row.id, row.digest) for each in day)
