"""When a record is to go: the terms of its category's rules on their event clocks, under the cap of the whole relation.

Civil time is that of the controller's country: months and days are counted on its calendar, and a day may have 23 or 25 hours.
"""

from __future__ import annotations

from collections.abc import Iterable

from cloud_sync.model import LawfulBasis
from cloud_sync.policy import Clock, Period, Policy, Rule
from cloud_sync.retention.civil import zone_of
from cloud_sync.retention.clocks import Clocks, Times, ended_at, going_on


class RecordTerms:
    """The retention schedule of categories that no device feeds."""

    def __init__(self, policy: Policy, clocks: Clocks) -> None:
        self._policy = policy
        self._clocks = clocks
        self._zone = zone_of(policy.country)

    def rules(self, category: str) -> tuple[Rule, ...]:
        """The rules of a category of records; none where the policy has no such category, or a device feeds it."""
        return tuple(rule for rule in self._policy.rules_of(category) if rule.stream is None)

    def due(self, rules: Iterable[Rule], created_at: float, record: Times, subject: Times) -> float | None:
        """Unix seconds at which the last of the rules' terms ends; None while one of them has no end yet.

        With no rule left the record is due at once.
        """
        ends = [self.end(rule, created_at, record, subject) for rule in rules]
        known = [end for end in ends if end is not None]
        return None if len(known) < len(ends) else max(known, default=created_at)

    def started(self, rule: Rule, created_at: float, record: Times, subject: Times) -> float | None:
        """When the clock of a rule started."""
        return self._clocks.started(rule.clock, created_at, record, subject)

    def end(self, rule: Rule, created_at: float, record: Times, subject: Times) -> float | None:
        """When the term of one rule ends; None while it has no end.

        1. From its event, the policy's term; where the event may never come, no later than what the policy sets for that.
        2. Once the relation has ended, no later than the cap leaves time for the last backup to expire. What a law wants kept is
           outside the sum: only accounting material and the like has such a basis (clause table, section 9).
        3. Where no event has come and no relation goes on, the cap counts from the record [a case that nobody ever closes].
        """
        start = self.started(rule, created_at, record, subject)
        ends = [] if start is None else [rule.retention.end(start, self._zone)]
        ends += self._outer(rule.clock, start, created_at)
        ends += self._after_purpose(rule, record, subject)
        if rule.basis is not LawfulBasis.LEGAL_OBLIGATION:
            over = ended_at(subject)
            if over is None and not ends and not going_on(subject):
                over = created_at
            ends += [] if over is None else [self.capped(over)]
        return min(ends, default=None)

    def _after_purpose(self, rule: Rule, record: Times, subject: Times) -> list[float]:
        """Once its purpose is concluded, whatever clock a term has: no later than the cap over all but accounting (MM-53)."""
        cap = self._policy.parameters.get("retention.purpose_cap")
        if not isinstance(cap, Period) or rule.basis is LawfulBasis.LEGAL_OBLIGATION:
            return []
        concluded = self._clocks.started(Clock.PURPOSE_CONCLUDED, 0.0, record, subject)
        return [] if concluded is None else [cap.end(concluded, self._zone)]

    def _outer(self, clock: Clock, start: float | None, created_at: float) -> list[float]:
        parameters = self._policy.parameters
        if clock is Clock.IDENTITY_DECIDED:  # the riskiest file of all (V-37)
            decided = [parameters.period("identity.document.after_decision").end(start, self._zone)] if start else []
            return [*decided, parameters.period("identity.document.hard_max").end(created_at, self._zone)]
        if clock is Clock.PURPOSE_CONCLUDED and start is None:  # an open-ended wish is no clock (V-10)
            return [parameters.period("purpose.max_open").end(created_at, self._zone)]
        return []

    def capped(self, ended: float) -> float:
        """When the last trace is to leave the live system, so that no backup has it after the cap: total_cap less the horizon."""
        return self._policy.backup_horizon.before(self._policy.total_cap.end(ended, self._zone), self._zone)
