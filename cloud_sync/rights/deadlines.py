"""When a request is due: pure civil-date arithmetic on the calendar of the company's country.

The clock starts on the day of receipt, in whatever channel. A month is a calendar month; of one that is too short the last day
counts (Reg. (EEC, Euratom) 1182/71, Art. 3(2)(c)). A due day is not moved to a working day: the law would allow it, a promise does
not need it. Where a company's promise and the law differ both are kept, and the earlier binds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from whenever import Date

from cloud_sync.errors import ConfigError
from cloud_sync.policy import Period
from cloud_sync.retention.civil import add_working_days, day_end, local_date, zone_of

LAW: Final = Period.parse("P1M")  # GDPR Art. 12(3)
LAW_EXTENSION: Final = Period.parse("P2M")  # the same, two further months
_DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Terms:
    """What a policy promises: the term, by how much it may be extended, the part of it at which an alarm is raised, and an inner
    target in working days of `country` (ISO 3166, two letters).
    """

    promise: Period
    extension: Period
    alarm_part: float
    target_days: int
    country: str


@dataclass(frozen=True, slots=True)
class Deadline:
    """Days on the company's calendar; `due` is the earlier of `promise` and `law`."""

    received: Date
    promise: Date
    law: Date
    alarm: Date
    target: Date

    @property
    def due(self) -> Date:
        """The last day on which an answer is in time."""
        return min(self.promise, self.law)


def add_term(day: Date, *terms: Period) -> Date:
    """The day so many months and days after another: all months first, of a month that is too short its last day.

    Hours of a term count as whole days only: a day is what an answer is due on.
    """
    months = sum(term.months for term in terms)
    days = sum(term.days + term.seconds // _DAY_S for term in terms)
    try:
        return day.add(months=months).add(days=days)
    except ValueError:
        raise ConfigError("a term ends beyond the calendar; name a day of receipt of this age") from None


def deadline(received: Date, terms: Terms, *, extended: bool = False) -> Deadline:
    """Every day that counts for a request received on a day; `extended` by what the policy and the law allow.

    ConfigError for an extension that is not allowed (`may_extend`).
    """
    if extended and not may_extend(terms):
        raise ConfigError("this policy promises its term in any case: it cannot be extended, answer within it")
    promise = add_term(received, terms.promise, *([terms.extension] if extended else []))
    law = add_term(received, LAW, *([LAW_EXTENSION] if extended else []))
    due = min(promise, law)
    alarm = received.add(days=int(_days(received, due) * terms.alarm_part))
    target = min(due, add_working_days(received, terms.target_days, terms.country))
    return Deadline(received, promise, law, alarm, target)


def may_extend(terms: Terms) -> bool:
    """Whether the term may be extended at all: the policy says by how much, and promises no less than the law allows."""
    extension = terms.extension
    some = extension.months or extension.days or extension.seconds >= _DAY_S
    return bool(some) and not LAW.may_outlast(terms.promise)


def working_days(start: Date, days: int, country: str = "") -> Date:
    """The last of so many working days, the first being the next after `start` (directory entries, V-23)."""
    return add_working_days(start, days, country)


def received_day(at: float, country: str) -> Date:
    """The civil day of the company's country at a moment of receipt (Unix seconds)."""
    return local_date(at, zone_of(country))


def over_at(day: Date, country: str) -> float:
    """Unix seconds at which a day is over there: an answer before that is in time."""
    return day_end(day, zone_of(country))


def begins_at(day: Date, country: str) -> float:
    """Unix seconds at which a day begins there."""
    return day_end(day.subtract(days=1), zone_of(country))


def _days(start: Date, end: Date) -> int:
    return (end.to_stdlib() - start.to_stdlib()).days
