"""The compiled provisions of a policy beside its rules: access of staff, statistics, children. Immutable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cloud_sync.model import Precision
from cloud_sync.policy.parameters import AccessTable, ChildrenTable, StatsTable, Value
from cloud_sync.policy.period import Period
from cloud_sync.policy.vocabulary import PRECISIONS

#: Keys for what the table of floors does not name.
OTHER_PURPOSE = "other"
OTHER_COUNTRY = "default"


class Parameters(Mapping[str, Value]):
    """Every key of a policy's single tables as `table.key`: what the file says, else the default. KeyError for no such key."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values = MappingProxyType(dict(values))

    def __getitem__(self, key: str) -> Value:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def period(self, key: str) -> Period:
        """A parameter that is a span of time; KeyError when it is none."""
        value = self._values[key]
        if not isinstance(value, Period):
            raise KeyError(f"{key} is no period")
        return value

    def number(self, key: str) -> float:
        """A parameter that is a number; KeyError when it is none."""
        value = self._values[key]
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise KeyError(f"{key} is no number")
        return value

    def flag(self, key: str) -> bool:
        """A parameter that is a yes or no; KeyError when it is none."""
        value = self._values[key]
        if not isinstance(value, bool):
            raise KeyError(f"{key} is no yes or no")
        return value

    def words(self, key: str) -> tuple[str, ...]:
        """A parameter that is a list of words; KeyError when it is none."""
        value = self._values[key]
        if not isinstance(value, tuple):
            raise KeyError(f"{key} is no list")
        return value


@dataclass(frozen=True, slots=True)
class AccessRules:
    """Roles of the staff that may be let in at all, and how: by ticket, for `grant_ttl`, with a second factor."""

    roles: frozenset[str]
    ticket_required: bool
    grant_ttl: Period
    staff_mfa: str  # "required" or "offered"
    user_mfa: str


@dataclass(frozen=True, slots=True)
class StatsRules:
    """Statistics: at least `k_min` people a cell of `grid_km`, released after the delay, from `inputs` ("category.field") alone."""

    k_min: int
    grid_km: int
    release_delay: Period
    inputs: frozenset[str]


@dataclass(frozen=True, slots=True)
class Safeguards:
    """What holds for a child's data: nothing finer than `precision`, nothing kept longer than `retention_max`."""

    precision: Precision
    marketing: bool
    profiling: bool
    retention_max: Period


@dataclass(frozen=True, slots=True)
class ChildrenRules:
    """From which age people answer for themselves, and what holds below it."""

    policy_floor: Mapping[str, int]  # purpose, or "other", to years
    country_floor: Mapping[str, int]  # country, or "default", to years
    safeguards: Safeguards
    verification: str
    pending_ttl: Period  # so long a parent's answer is waited for

    def floor(self, purpose: str, country: str) -> int:
        """Years: the higher of what the policy promises for a purpose and what the law of a country asks (GDPR Art. 8)."""
        promised = self.policy_floor.get(purpose, self.policy_floor[OTHER_PURPOSE])
        return max(promised, self.country_floor.get(country, self.country_floor[OTHER_COUNTRY]))


def compile_access(table: AccessTable) -> AccessRules:
    """Compile `[access]`."""
    roles = frozenset(role.value for role in table.roles)
    return AccessRules(roles, table.ticket_required, table.grant_ttl, table.staff_mfa, table.user_mfa)


def compile_stats(table: StatsTable | None) -> StatsRules | None:
    """Compile `[stats]`; None where there is no such table: no statistics at all."""
    if table is None:
        return None
    return StatsRules(table.k_min, table.grid_km, table.release_delay, frozenset(table.inputs))


def compile_children(table: ChildrenTable) -> ChildrenRules:
    """Compile `[children]`."""
    safe = table.safeguards
    return ChildrenRules(
        policy_floor=MappingProxyType(dict(table.policy_floor)),
        country_floor=MappingProxyType(dict(table.country_floor)),
        safeguards=Safeguards(PRECISIONS[safe.location], safe.marketing, safe.profiling, safe.retention_max),
        verification=table.verification,
        pending_ttl=table.pending_ttl,
    )
