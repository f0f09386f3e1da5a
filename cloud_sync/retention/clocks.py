"""Events that start retention clocks: what happened to a person or to a record, and which occurrence counts.

Telemetry needs none of them: it counts from its capture. An event may come before the record that it is about, and again; for each
clock it is settled here whether the first or the last time counts, always so that nothing is kept longer by a repeat than a new
reason to keep it carries.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from cloud_sync.errors import ConfigError
from cloud_sync.model.keeping import ClockEvent, Scope
from cloud_sync.policy import Clock, Policy
from cloud_sync.retention.civil import CALENDAR_YEAR_END, fiscal_year_end, zone_of
from cloud_sync.stores import Clock as Time
from cloud_sync.stores import Database

#: What counts as an interaction where the policy names nothing (clause table, V-24). Telemetry never does: a forgotten tracker
#: would keep an account alive for ever.
INTERACTIONS: Final = frozenset({"login", "support", "order"})
MOST_AHEAD_S: Final = (
    400 * 86_400
)  # an end that is agreed on may lie in the future, a year and some; beyond it is a wrong date

_FIRST, _LAST = min, max
#: Which occurrence of an event counts. The last where a repeat says that something began anew (a case that was opened again, a
#: customer who came back); the first where a repeat is the same thing once more (a cookie renewed at each visit never ends).
_WHICH: Final = MappingProxyType(
    {
        Clock.CAPTURED: _FIRST,
        Clock.RECORD_CREATED: _FIRST,
        Clock.RELATION_ENDED: _LAST,
        Clock.ACCOUNT_CLOSED: _LAST,
        Clock.LAST_INTERACTION: _LAST,
        Clock.PURPOSE_CONCLUDED: _LAST,
        Clock.FISCAL_YEAR_END: _FIRST,
        Clock.INVOICE_ISSUED: _FIRST,
        Clock.CASE_CLOSED: _LAST,
        Clock.SNAPSHOT_CREATED: _FIRST,
        Clock.CONSENT_ENDED: _LAST,
        Clock.CONTRACT_CONCLUDED: _LAST,
        Clock.APPLICATION_SUBMITTED: _FIRST,
        Clock.REQUEST_RECEIVED: _FIRST,
        Clock.IDENTITY_DECIDED: _FIRST,
        Clock.CHILD_REPORTED: _FIRST,
        Clock.ORDER_CLOSED: _LAST,
        Clock.CALL_ENDED: _FIRST,
        Clock.HOLD_RELEASED: _LAST,
        Clock.CONTRACT_REQUESTED: _FIRST,
    }
)
#: Clocks that no event starts: they follow from when a record was made.
_OWN: Final = frozenset({Clock.CAPTURED, Clock.RECORD_CREATED, Clock.FISCAL_YEAR_END})
#: What makes a running relation: without the first it was never told, with the second it is over.
_BEGUN, _ENDED = Clock.CONTRACT_CONCLUDED, (Clock.RELATION_ENDED, Clock.ACCOUNT_CLOSED)
#: Events by which a contract begins to be a ground, or ceases to be one; steps before it at the person's request count too
#: (GDPR Art. 6(1)(b)).
GROUNDS: Final = MappingProxyType(
    {_BEGUN.value: True, Clock.CONTRACT_REQUESTED.value: True, **dict.fromkeys((kind.value for kind in _ENDED), False)}
)

Times = Mapping[str, tuple[float, ...]]


class Clocks:
    """The events of all persons and records."""

    def __init__(
        self, database: Database, policy: Policy, time: Time, *, year_end: tuple[int, int] = CALENDAR_YEAR_END
    ) -> None:
        """`year_end`: (month, day) of the last day of the controller's fiscal year."""
        self._database = database
        self._time = time
        self._zone = zone_of(policy.country)
        self._year_end = year_end
        self.interaction_events = _interactions(policy)

    def note(
        self, kind: Clock | str, *, subject: str = "", record: str = "", at: float | None = None, source: str = ""
    ) -> ClockEvent:
        """Something happened to a person or to a record, at a Unix second; now if none is named.

        `source` says what kind of interaction it was. ConfigError for an unknown event, for one that follows from the record
        itself, for neither or both of person and record, and for an interaction that is none.
        """
        clock = _clock(kind)
        if clock in _OWN:
            raise ConfigError(f"{clock.value} follows from when a record was made; nobody tells it")
        if bool(subject) == bool(record):
            raise ConfigError("an event happens to a person or to a record: name one of them")
        if clock is Clock.LAST_INTERACTION and source not in self.interaction_events:
            known = ", ".join(sorted(self.interaction_events))
            raise ConfigError(f"{source or 'nothing'} is no interaction; one of {known}")
        now = self._time.now()
        moment = now if at is None else at
        if not 0 <= moment <= now + MOST_AHEAD_S:
            raise ConfigError("the event lies outside the years that are kept; name Unix seconds")
        event = ClockEvent(Scope.SUBJECT if subject else Scope.RECORD, subject or record, clock.value, moment)
        self._database.add_clock_event(event)
        return event

    def times(self, scope: Scope, key: str) -> dict[str, tuple[float, ...]]:
        """What happened to a person or a record: kind to times, in order."""
        found: dict[str, tuple[float, ...]] = {}
        for event in self._database.clock_events(scope, key):
            found[event.kind] = (*found.get(event.kind, ()), event.at)
        return found

    def started(self, clock: Clock, created_at: float, record: Times, subject: Times) -> float | None:
        """Unix seconds at which a record's clock started, None while its event has not come.

        What is told of the record itself goes before what is told of the person.
        """
        if clock is Clock.FISCAL_YEAR_END:
            issued = _times(Clock.INVOICE_ISSUED, record)
            return fiscal_year_end(min(issued, default=created_at), self._zone, self._year_end)
        if clock in _OWN:
            return created_at
        if clock in _ENDED and going_on(subject):
            return None
        times = _times(clock, record) or _times(clock, subject)
        return _WHICH[clock](times) if times else None


def going_on(subject: Times) -> bool:
    """Whether a person's relation goes on: it was begun, and has not ended since."""
    begun = max(_times(_BEGUN, subject), default=None)
    return begun is not None and begun > max((at for kind in _ENDED for at in _times(kind, subject)), default=-1.0)


def contract_changes(subject: Times) -> tuple[tuple[float, bool], ...]:
    """When the contract with a person began and ended, in order, and whether it runs from then on; at one moment the end counts.

    Without any it was never told, and runs.
    """
    return tuple(sorted(((at, runs) for kind, runs in GROUNDS.items() for at in subject.get(kind, ())), key=_in_order))


def _in_order(change: tuple[float, bool]) -> tuple[float, bool]:
    at, runs = change
    return at, not runs


def ended_at(subject: Times) -> float | None:
    """When a person's relation ended, None while it goes on or was never told of."""
    if going_on(subject):
        return None
    return max((at for kind in _ENDED for at in _times(kind, subject)), default=None)


def _times(clock: Clock, times: Times) -> tuple[float, ...]:
    return tuple(times.get(clock.value, ()))


def _clock(kind: Clock | str) -> Clock:
    try:
        return Clock(kind)
    except ValueError:
        raise ConfigError(f"{kind}: no such event; one of {', '.join(sorted(Clock))}") from None


def _interactions(policy: Policy) -> frozenset[str]:
    """`retention.<category>.interaction_events` of the policy, of all categories."""
    named: Iterable[str] = (
        word
        for key in policy.parameters
        if key.startswith("retention.") and key.endswith(".interaction_events")
        for word in policy.parameters.words(key)
    )
    return frozenset(named) or INTERACTIONS
