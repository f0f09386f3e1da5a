"""Purpose-bound reads: the gate first, then the keys, then the audit log, then the answer.

Whoever reads names a purpose. Every read and every denial is in the audit log before the reader gets anything.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

from cloud_sync.audit import Kind
from cloud_sync.errors import ConfigError, Denied, KeyDestroyed, SealBroken, WireFormatError
from cloud_sync.gate import Decision, Gate, Request
from cloud_sync.keys.daychain import DayChain
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.model import (
    EPOCH_SECONDS,
    AuditEvent,
    Device,
    Fix,
    MotionEvent,
    PlaceEvent,
    Precision,
    Reading,
    Reason,
    StoredEnvelope,
    Stream,
)
from cloud_sync.policy import Policy, Rule
from cloud_sync.policy.vocabulary import POSITION_FIELDS
from cloud_sync.read.narrow import COARSEST, narrow_fix, narrow_motion, narrow_place, narrow_reading
from cloud_sync.read.query import Fixes, Query, Readings
from cloud_sync.stores import AuditSink, Clock, Database, KeyDatabase, TombstoneStore
from cloud_sync.wire.batch import unpack_location, unpack_places
from cloud_sync.wire.envelope import open_uplink, parse_uplink
from cloud_sync.wire.readings import unpack_environment, unpack_motion

__all__ = ["Fixes", "Query", "Reader", "Readings"]

MOST_TIME_S = 2**34  # beyond the years of the wire format (2328)
LEEWAY_EPOCHS = 1  # a capture may lie 60 s and a step outside its epoch (docs/wire-format.md section 6)
TIME = "time"  # the field without which no other is handed out


class Timed(Protocol):
    """A record of one moment or step."""

    @property
    def time(self) -> int:
        """Unix seconds."""


Item = TypeVar("Item", bound=Timed)


@dataclass(frozen=True, slots=True)
class Source(Generic[Item]):
    """One stream as readers see it: how its plaintext is unpacked, and what of an item a decision lets out.

    `rules` picks those of the stream's rules that speak of such items.
    """

    stream: Stream
    unpack: Callable[[bytes, int], list[Item]]
    narrow: Callable[[Item, Decision], Item | None]
    rules: Callable[[Rule], bool] = lambda _: True


LOCATION: Source[Fix] = Source(Stream.LOCATION, unpack_location, narrow_fix, lambda rule: rule.has_position)
PLACES: Source[PlaceEvent] = Source(Stream.LOCATION, unpack_places, narrow_place, lambda rule: rule.has_places)
ENVIRONMENT: Source[Reading] = Source(Stream.ENVIRONMENT, unpack_environment, narrow_reading)
MOTION: Source[MotionEvent] = Source(Stream.MOTION, unpack_motion, narrow_motion)


class Reader:
    """Opens sealed envelopes for those who may."""

    def __init__(
        self,
        *,
        database: Database,
        store: KeyDatabase,
        keys: LadderKeys,
        tombstones: TombstoneStore,
        gate: Gate,
        policy: Policy,
        clock: Clock,
        audit: AuditSink,
    ) -> None:
        self._database = database
        self._store = store
        self._keys = keys
        self._tombstones = tombstones
        self._gate = gate
        self._policy = policy
        self._clock = clock
        self._audit = audit

    def location(self, query: Query) -> Fixes:
        """The fixes in order of time, none finer than permitted; `Denied` with the reason."""
        return self._read(LOCATION, query)

    def places(self, query: Query) -> Readings[PlaceEvent]:
        """Events of places in order of time, with the names of the policy in force; `Denied` with the reason."""
        found = self._read(PLACES, query)
        names = {place.circle.place: place.name for place in self._policy.places}
        found[:] = [replace(event, name=names.get(event.place or 0, "")) for event in found]
        return found

    def environment(self, query: Query) -> Readings[Reading]:
        """Temperature and light in order of time, of these what the purpose has; `Denied` with the reason."""
        return self._read(ENVIRONMENT, query)

    def motion(self, query: Query) -> Readings[MotionEvent]:
        """Steps in which something happened, in order of time; `Denied` with the reason."""
        return self._read(MOTION, query)

    def _read(self, source: Source[Item], query: Query) -> Readings[Item]:
        _check_span(query)
        now = self._clock.now()
        # 1. The gate, for the act as such; nothing is opened before [a denied reader must not even learn what is there].
        decision = _told_at_all(source, self._ask(source, query, now, now))
        if not decision:
            self._note(Kind.GATE_DENIED, source, query, now, decision.reason, 0)
            raise Denied(decision.reason, f"denied: {decision.reason.value}: {decision.explanation}")
        # 2. The gate again for what was captured when: consent, term and precision of that moment count.
        found: Readings[Item] = Readings()
        answers = _Answers(self, source, query, now)
        for device in self._database.devices_of(query.subject):
            self._of_device(source, device, query, answers, found)
        found.sort(key=_time)
        # 3. The audit log, then 4. the answer [a read that nobody can see].
        self._note(Kind.GATE_ALLOWED, source, query, now, decision.reason, len(found), found.unreadable)
        return found

    def _of_device(
        self, source: Source[Item], device: Device, query: Query, answers: _Answers, found: Readings[Item]
    ) -> None:
        first = max(0, int(query.start) // EPOCH_SECONDS - LEEWAY_EPOCHS)
        last = int(query.end) // EPOCH_SECONDS + LEEWAY_EPOCHS
        chains: dict[tuple[int, int], DayChain | None] = {}
        for row in self._database.envelopes(device.device, source.stream, first, last):
            chain = self._chain(row, chains)
            if not answers.of(row.oldest_capture):
                continue
            try:
                items = source.unpack(self._open(row, chain), row.id.epoch) if chain else None
            except (KeyDestroyed, SealBroken, WireFormatError):  # shredded meanwhile, or the row was damaged
                items = None
            if items is None:
                found.unreadable += 1
                continue
            for item in items:
                # Each one by its own time [a purpose that was closed and opened again while the batch was being filled].
                decision = answers.of(item.time)
                told = source.narrow(item, decision) if decision else None
                # The span is held against the coarse time [narrow spans that probe for a finer one].
                if told is not None and query.start <= told.time < query.end:
                    found.append(told)

    def _chain(self, row: StoredEnvelope, chains: dict[tuple[int, int], DayChain | None]) -> DayChain | None:
        """The day's keys; None if they are destroyed or a tombstone covers the day."""
        device, generation, stream, epoch, _ = row.id
        if (generation, epoch) not in chains:
            leaf = self._store.leaf(device, generation, stream, epoch)
            erased = leaf is None or self._tombstones.covers(device, stream, epoch, generation)
            chains[generation, epoch] = self._keys.open_leaf(leaf) if leaf and not erased else None
        return chains[generation, epoch]

    def _open(self, row: StoredEnvelope, chain: DayChain) -> bytes:
        plaintext = open_uplink(row.id.device, parse_uplink(row.payload), chain.key(row.id.counter))
        chain.confirm()
        return plaintext

    def _ask(self, source: Source[Any], query: Query, captured_at: float, now: float) -> Decision:
        request = Request(
            actor=query.actor,
            purpose=query.purpose,
            action=query.action,
            category=self._category(source, query.purpose),
            subject=query.subject,
            at=now,
            captured_at=captured_at,
            precision=query.precision,
            fields=query.fields | {TIME} if query.fields else frozenset(),
            recipient=query.recipient,
        )
        return self._gate.ask(request)

    def _category(self, source: Source[Any], purpose: str) -> str:
        """The category of the stream that declares the purpose, or any, so that the gate can say what is wrong."""
        rules = [rule for rule in self._policy.rules_of_stream(source.stream) if source.rules(rule)]
        declared = [rule.category for rule in rules if purpose in rule.purposes]
        return next(iter(declared or [rule.category for rule in rules]), "")

    def _boundaries(self, subject: str) -> list[float]:
        records = self._database.consents(subject)
        ends = (record.validity_until for record in records if record.validity_until is not None)
        return sorted({*(record.event_time for record in records), *ends})

    def _note(
        self, kind: Kind, source: Source[Any], query: Query, now: float, reason: Reason, count: int, unreadable: int = 0
    ) -> None:
        """One entry for one read; what a caller may have made up is replaced by a word [free text in the log]."""
        detail: list[tuple[str, str | int]] = [
            ("action", query.action.value),
            ("category", self._category(source, query.purpose)),
            ("purpose", query.purpose if query.purpose in self._policy.purposes else "undeclared"),
            ("role", query.actor.role),
            ("captured_first", int(query.start)),
            ("captured_last", int(query.end)),
            ("reason", reason.value),
            ("count", count),
        ]
        if unreadable:
            detail.append(("unreadable", unreadable))
        if query.recipient is not None:
            detail.append(("recipient", query.recipient if query.recipient in self._policy.recipients else "unlisted"))
        self._audit.append(AuditEvent(kind.value, now, query.actor.id, query.subject, tuple(detail)))


def _check_span(query: Query) -> None:
    if not all(math.isfinite(time) and abs(time) <= MOST_TIME_S for time in (query.start, query.end)):
        raise ConfigError("start and end are Unix seconds; name the span of time that is wanted")
    if query.start > query.end:
        raise ConfigError("start lies after end; exchange them")


def _told_at_all(source: Source[Any], decision: Decision) -> Decision:
    """The decision, or a denial where nothing of what it allows could be told."""
    if decision and source is LOCATION and decision.precision > COARSEST:
        why = f"{decision.precision.name.lower()} is all that may be known, and no position is as coarse"
        return Decision(False, Reason.PRECISION_TOO_FINE, Precision.NONE, why)
    if decision and source is LOCATION and not decision.fields >= POSITION_FIELDS:
        why = "no position, or half of one, is listed or asked for: a fix is told with latitude and longitude or not at all"
        return Decision(False, Reason.PURPOSE_NOT_DECLARED, Precision.NONE, why)
    if decision and TIME not in decision.fields:
        why = "the policy lists no time for this purpose, and nothing is told without its time"
        return Decision(False, Reason.PURPOSE_NOT_DECLARED, Precision.NONE, why)
    return decision


def _time(item: Timed) -> int:
    return item.time


class _Answers:
    """The gate's answers of one read: one for each stretch of capture times in which none can differ."""

    def __init__(self, reader: Reader, source: Source[Any], query: Query, now: float) -> None:
        self._reader = reader
        self._source = source
        self._query = query
        self._now = now
        self._boundaries = reader._boundaries(query.subject)
        rule = reader._policy.rule(reader._category(source, query.purpose), query.purpose)
        self._shortest_s = rule.retention.shortest_s if rule else 0
        self._known: dict[tuple[int, float], Decision] = {}

    def of(self, capture: float) -> Decision:
        """The decision on what was captured at `capture`."""
        # Near the end of its term each capture is asked for by itself.
        old = capture if self._now - capture >= self._shortest_s else 0.0
        key = (bisect_right(self._boundaries, capture), old)
        if key not in self._known:
            self._known[key] = self._reader._ask(self._source, self._query, capture, self._now)
        return self._known[key]
