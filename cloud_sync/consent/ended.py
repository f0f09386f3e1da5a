"""Which captures no answer covers any more, nor ever will: many asked at once, over answers that were read once."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from cloud_sync.consent.minors import Age, floors
from cloud_sync.consent.standing import PolicyLookup, gone_for_good
from cloud_sync.model import ConsentRecord


class Ended:
    """Of one person, for some purposes together, as the answers were when it was made. Between two marks nothing changes."""

    def __init__(self, histories: Sequence[Sequence[ConsentRecord]], policies: PolicyLookup, age: Age | None) -> None:
        """`histories`: one for each purpose, in order of appending; `policies` finds any policy by its hash."""
        self._histories = histories
        self._policies = policies
        self._age = age
        self._marks = sorted(self._times())
        self._known: dict[int, bool] = {}

    def throughout(self, start: float, end: float) -> bool:
        """Whether all that may have been captured from `start` to before `end` (Unix seconds) is gone, for every purpose."""
        return all(map(self._of, self._places(start, end)))

    def anywhere(self, start: float, end: float) -> bool:
        """Whether any of it is."""
        return any(map(self._of, self._places(start, end)))

    def _places(self, start: float, end: float) -> range:
        first = bisect_right(self._marks, start)
        return range(first, max(bisect_left(self._marks, end), first) + 1)

    def _of(self, place: int) -> bool:
        if place not in self._known:
            capture = self._marks[place - 1] if place else float("-inf")
            self._known[place] = all(
                gone_for_good(each, self._policies, self._age, capture) for each in self._histories
            )
        return self._known[place]

    def _times(self) -> set[float]:
        records = [record for history in self._histories for record in history]
        times = {record.event_time for record in records}
        times |= {record.validity_until for record in records if record.validity_until is not None}
        if self._age is None:
            return times
        times.add(self._age.since)
        if self._age.month:
            for policy in filter(None, map(self._policies, {record.policy_hash for record in records})):
                times |= {self._age.certain_from(floor) for floor in floors(policy, self._age.country).values()}
        return times
