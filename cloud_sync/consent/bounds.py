"""What bounds a person's consent beside their own answers: groups that narrow, and the age. Pure functions over events.

A bound opens nothing: what is permitted is the person's consent and nothing that a group has closed. A person's own records are
never touched by it, so that what they chose is there again when the bound is lifted.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType

from cloud_sync.consent.minors import Age, floor_of, highest_floor
from cloud_sync.model import BoundKind, ConsentBound, Precision
from cloud_sync.policy import Policy

_MEMBERSHIP = frozenset({BoundKind.JOINED, BoundKind.LEFT})
_SETTINGS = frozenset({BoundKind.NARROWED, BoundKind.LIFTED})


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What groups leave of a purpose: nothing where `closed`, else positions no finer than `precision`; `groups` say so."""

    closed: bool = False
    precision: Precision = Precision.EXACT
    groups: tuple[str, ...] = ()

    def with_(self, other: Narrowing) -> Narrowing:
        """The narrower of both, in each respect."""
        groups = tuple(sorted({*self.groups, *other.groups}))
        return Narrowing(self.closed or other.closed, max(self.precision, other.precision), groups)


class GroupEvents(tuple[ConsentBound, ...]):
    """The events of a group in order of appending, looked through once and kept for many questions."""

    times: tuple[float, ...]  # each once, in order

    def __init__(self, events: Iterable[ConsentBound] = ()) -> None:
        """`events` are those of the group itself."""
        self.times = tuple(sorted({event.at for event in self}))
        self._settings: dict[str, tuple[list[float], list[ConsentBound]]] = {}
        self._in_order = all(before.at <= after.at for before, after in pairwise(self))
        for event in self:
            if event.kind in _SETTINGS:
                times, settings = self._settings.setdefault(event.purpose, ([], []))
                times.append(event.at)
                settings.append(event)

    def last(self, purpose: str, at: float) -> ConsentBound | None:
        """The last setting of a purpose up to `at`."""
        if not self._in_order:
            return _last(self, at, purpose)
        times, settings = self._settings.get(purpose, ([], []))
        number = bisect_right(times, at)
        return settings[number - 1] if number else None


@dataclass(frozen=True, slots=True)
class Bounds:
    """All that bounds one person: their own events, and those of every group that they ever were in, in order of appending."""

    own: Sequence[ConsentBound] = ()
    groups: Mapping[str, Sequence[ConsentBound]] = field(default_factory=lambda: MappingProxyType({}))
    child_lost: bool = (
        False  # declared a child, and this is lost with a restored database: one at any time until told anew
    )

    @property
    def age(self) -> Age | None:
        """What was declared last; None when nothing ever was."""
        return next((Age.of(bound) for bound in reversed(self.own) if bound.kind is BoundKind.DECLARED), None)

    def times(self) -> Iterator[float]:
        """When each of them was, in no order."""
        yield from (bound.at for bound in self.own)
        for events in self.groups.values():
            yield from events.times if isinstance(events, GroupEvents) else (bound.at for bound in events)

    def child(self, policy: Policy, purpose: str, at: float) -> bool:
        """Whether the person is below the age of consent for a purpose."""
        age = self.age
        return self.child_lost or (age is not None and age.below(floor_of(policy, purpose, age), at))

    def minor(self, policy: Policy, at: float) -> bool:
        """Whether the person is below the age of consent for any purpose."""
        age = self.age
        return self.child_lost or (age is not None and age.below(highest_floor(policy, age.country), at))

    def finest(self, policy: Policy, at: float) -> Precision:
        """The finest position that a child's safeguards leave, whatever the lawful basis (V-20)."""
        return policy.children.safeguards.precision if self.minor(policy, at) else Precision.EXACT

    def narrowing(self, purpose: str, at: float) -> Narrowing:
        """What the groups that the person was in at `at` left of the purpose then."""
        found = Narrowing()
        for group in self.members_of(at):
            events = self.groups.get(group, ())
            setting = events.last(purpose, at) if isinstance(events, GroupEvents) else _last(events, at, purpose)
            if setting is not None and setting.kind is BoundKind.NARROWED:
                found = found.with_(Narrowing(setting.closed, setting.precision, (group,)))
        return found

    def narrowing_at_use(self, purpose: str, at: float) -> Narrowing:
        """The same at a use: what was said last counts too [a clock that was ahead when a group narrowed]."""
        return self.narrowing(purpose, at).with_(self.narrowing(purpose, math.inf))

    def members_of(self, at: float) -> list[str]:
        """The groups that the person is in at `at`."""
        seen: dict[str, bool] = {}
        for bound in self.own:
            if bound.kind in _MEMBERSHIP and bound.at <= at:
                seen[bound.group] = bound.kind is BoundKind.JOINED
        return sorted(group for group, is_in in seen.items() if is_in)


UNBOUNDED = Bounds()


def _last(events: Iterable[ConsentBound], at: float, purpose: str) -> ConsentBound | None:
    found = None
    for event in events:
        if event.kind in _SETTINGS and event.purpose == purpose and event.at <= at:
            found = event
    return found
