"""Whose choice holds in a group: the person's own wherever consent is asked for, the holder's for settings alone (X-12).

What is shown to a member and to the holder alike. Pure, over what the ledger says.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from cloud_sync.consent.bounds import Bounds
from cloud_sync.consent.standing import Standing
from cloud_sync.model import BoundKind, ConsentBound, ConsentState
from cloud_sync.policy import Policy


class Origin(StrEnum):
    """Where an effective choice comes from."""

    OWN = "own"  # the person's answer
    HOLDER = "holder"  # a setting that rests on no consent, or a narrowing of one
    NOBODY = "nobody"  # not asked, or the policy's own word on a contract


@dataclass(frozen=True, slots=True)
class Effective:
    """What holds for a person: `state` is None where nobody asked; only `given` is open."""

    state: ConsentState | None
    origin: Origin

    @property
    def open(self) -> bool:
        """Whether it opens anything."""
        return self.state is ConsentState.GIVEN


@dataclass(frozen=True, slots=True)
class Conflict:
    """That a holder and a member want different things, as both see it; `holder_open` is what the holder wants."""

    group: str
    subject: str
    purpose: str
    holder_open: bool
    own: ConsentState
    effective: Effective


def effective(policy: Policy, purpose: str, own: Standing, bounds: Bounds, at: float) -> Effective:
    """The narrower of holder and person where consent is asked for; else the holder's word, or what the contract says.

    Nobody's word makes a yes of another's no, nor of their silence.
    """
    if not policy.consent_rules(purpose):
        wish = wish_of(bounds, purpose, at)
        if wish is None:
            return Effective(ConsentState.GIVEN, Origin.NOBODY)
        return Effective(ConsentState.REFUSED if wish.closed else ConsentState.GIVEN, Origin.HOLDER)
    if own.open and bounds.narrowing_at_use(purpose, at).closed:
        return Effective(ConsentState.REFUSED, Origin.HOLDER)
    return Effective(own.state, Origin.NOBODY if own.state is None else Origin.OWN)


def wish_of(bounds: Bounds, purpose: str, at: float) -> ConsentBound | None:
    """The newest wish of any holder in whose group the person is; a closed one goes before an open one.

    As with a narrowing at use, what was said last counts too [a clock that was ahead when a holder closed].
    """
    newest = [wish for moment in (at, math.inf) for wish in _wishes(bounds, purpose, moment)]
    return max(newest, key=lambda event: (event.closed, event.at), default=None)


def _wishes(bounds: Bounds, purpose: str, at: float) -> Iterator[ConsentBound]:
    """The newest of each holder's up to `at`."""
    for group in bounds.members_of(at):
        wishes = [event for event in bounds.groups.get(group, ()) if event.kind is BoundKind.WISHED]
        yield from [event for event in wishes if event.purpose == purpose and event.at <= at][-1:]


def conflict(
    group: str, subject: str, purpose: str, holder_open: bool, own: Standing, found: Effective
) -> Conflict | None:
    """The row of a disagreement; None where they agree, and where the person has not answered."""
    if own.state is None or own.open is holder_open:
        return None
    return Conflict(group, subject, purpose, holder_open, own.state, found)
