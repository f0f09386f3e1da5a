"""The age of consent: what is kept of a person's age, and who answers for them at a moment. Pure; no clock, no store.

Never a birthday. Kept are the years that were complete when somebody told the age, and for a young person the month from whose
beginning they are certainly of the highest age that the policy asks for anywhere. That month begins after the birthday, at most
31 days late and never early in any time zone; a day would be the birthday itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from cloud_sync.errors import ConsentError
from cloud_sync.model import ConsentBound, ConsentRecord
from cloud_sync.policy import Policy
from cloud_sync.policy.provisions import OTHER_PURPOSE

#: Nobody is older; a year that is mistyped by a century is found.
OLDEST_YEARS: Final = 130


@dataclass(frozen=True, slots=True)
class Age:
    """What is known: `at_least` years since `since` (Unix seconds), and certainly `turns` from the beginning of `month` on."""

    since: float
    country: str
    at_least: int
    turns: int = 0
    month: str = ""

    @classmethod
    def of(cls, bound: ConsentBound) -> Age:
        """As it was declared."""
        return cls(bound.at, bound.country, bound.at_least, bound.turns, bound.month)

    def below(self, floor: int, at: float) -> bool:
        """Whether the person is not certainly `floor` years old at `at`; what was not asked for at the time is not known."""
        if floor <= self.at_least and (at >= self.since or not self.month):
            return False
        return not self.month or at < self.certain_from(floor)

    def certain_from(self, floor: int) -> float:
        """Unix seconds from which a young person is certainly `floor` years old."""
        year, month = (int(part) for part in self.month.split("-"))
        return datetime(year + floor - self.turns, month, 1, tzinfo=UTC).timestamp()


def floor_of(policy: Policy, purpose: str, age: Age) -> int:
    """Years from which the person answers for themselves: the higher of policy and country (GDPR Art. 8)."""
    return policy.children.floor(purpose, age.country)


def floors(policy: Policy, country: str) -> dict[str, int]:
    """The floor of every purpose in a country, and of purposes that are not named."""
    purposes = {*policy.purposes, *policy.children.policy_floor, OTHER_PURPOSE}
    return {purpose: policy.children.floor(purpose, country) for purpose in purposes}


def highest_floor(policy: Policy, country: str) -> int:
    """The highest floor of any purpose: whoever has reached it is nowhere a child."""
    return max(floors(policy, country).values())


def told(born: date, at: float, country: str, floor: int) -> Age:
    """What is kept of a birth date that was told at `at`: of those who have reached `floor` nothing but that they have."""
    today = datetime.fromtimestamp(at, UTC).date()
    years = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    if born > today or years > OLDEST_YEARS:
        raise ConsentError("the birth date lies in the future or too far back: ask for it again")
    if years >= floor:
        return Age(at, country, floor)
    after = born.year * 12 + born.month + floor * 12  # months: the one after that of the birthday
    return Age(at, country, years, floor, f"{after // 12:04}-{after % 12 + 1:02}")


def voided(record: ConsentRecord, policy: Policy, age: Age | None, at: float) -> str:
    """Why a given consent does not hold for want of the right answerer, or an empty text when it does.

    1. The person's own yes counts only if they were of age when they gave it [a child that says yes].
    2. A parent's yes counts only as long as the young person is not of age [a parent who decides for an adult].
    """
    own = record.entity_id == record.pii_principal_id
    if age is None:
        return "" if own else "given by another, and the person is not known to be a child"
    floor = floor_of(policy, record.purpose, age)
    if own:
        return "given below the age of consent: a parent is to be asked" if age.below(floor, record.event_time) else ""
    return "" if age.below(floor, at) else "the young person is of age, and is to be asked"
