"""Counts of people by the value of one field of records: which page, feature or plan, and how many people at least.

    counts = cloud.statistics.counts.make(actor=desk, purpose="product_statistics", category="site_activity", field="page",
                                          first_day=20_500, days=28)
    cloud.statistics.counts.hand_over(counts, recipient="parent_group", actor=clerk)

The same rules as for places (`release`): people and not rows, groups below k left out, the others in steps of k, late, and each day
of a field once. What is counted is read under each person's leave and stays in their log; what comes out names nobody.
"""

from __future__ import annotations

import json
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from cloud_sync.audit import Kind
from cloud_sync.errors import ConfigError, Denied, KeyDestroyed
from cloud_sync.gate import Gate, Request
from cloud_sync.gate.question import Facts
from cloud_sync.gate.recipients import refused
from cloud_sync.gate.words import said_purpose, said_role
from cloud_sync.model import EPOCH_SECONDS, Action, Actor, AuditEvent, Reason
from cloud_sync.model.keeping import RecordPart
from cloud_sync.policy import Policy
from cloud_sync.policy.vocabulary import ControllerRole
from cloud_sync.statistics.bands import banded, exposed
from cloud_sync.stores import AuditSink, Clock, Database, Parcel, Sink, WitnessStore

ACTOR: Final = "statistics"
WITNESS: Final = "counts"  # how many there were, and the last day of any: outside the backup's domain
MOST_VALUE: Final = 64  # characters: a longer value is a text of somebody's, and no group
MOST_DAYS: Final = 366
PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Counts:
    """How many people, at least, had each value of a field in these days (since 1970, UTC, both inclusive)."""

    counts_id: str
    purpose: str
    category: str
    field: str
    first_day: int
    last_day: int
    at: float
    k_min: int
    groups: Mapping[str, int]

    def to_json(self) -> str:
        """For a file or a recipient: no person, no record, no count below k, no total."""
        head = {"counts": self.counts_id, "purpose": self.purpose, "category": self.category, "field": self.field}
        days = {"first_day": self.first_day, "last_day": self.last_day, "k": self.k_min}
        return json.dumps({**head, **days, "groups": dict(sorted(self.groups.items()))}, indent=1)


@dataclass(frozen=True, slots=True)
class _Part:
    """`cloud_sync.stores.Parcel` of counts."""

    key: str
    recipient: str
    body: bytes


class Counting:
    """Makes counts of records and remembers them."""

    def __init__(
        self,
        *,
        database: Database,
        witness: WitnessStore,
        gate: Gate,
        contents: Callable[[RecordPart], bytes],
        clock: Clock,
        audit: AuditSink,
        sinks: Mapping[str, Sink],
    ) -> None:
        """`contents` opens a part of a record, of which the gate was asked here."""
        self._database, self._witness, self._gate, self._contents = database, witness, gate, contents
        self._clock, self._audit, self._sinks = clock, audit, sinks
        self._policy: Policy = gate.policy

    def all(self) -> list[Counts]:
        """All that were made, oldest first."""
        rows = self._database.statistics()
        return [_counts(row) for row in rows if "groups" in json.loads(row[5])]

    def make(self, *, actor: Actor, purpose: str, category: str, field: str, first_day: int, days: int = 1) -> Counts:
        """Count; ConfigError says why there are no counts, `Denied` that nobody may be counted for it.

        1. The policy's own terms. 2. Late, and each day once. 3. Each person through the gate, for statistics of this very field.
        4. People and not records. 5. Groups below k are left out, the others told in steps of k, and held against what was told.
        """
        stats = self._policy.stats
        if stats is None:
            raise ConfigError("the policy has no [stats]: there are no statistics; add the table, and its inputs")
        last_day = first_day + days - 1
        with self._database.transaction():
            self._check_days(category, field, first_day, last_day)
            groups, denial = self._groups(actor, purpose, category, field, first_day, last_day)
            if groups or denial is None:
                return self._keep(stats.k_min, purpose, category, field, first_day, last_day, groups)
        raise denial  # after the commit: that it was denied stays in the log

    def _keep(
        self, k: int, purpose: str, category: str, field: str, first: int, last: int, groups: Mapping[str, set[str]]
    ) -> Counts:
        told = banded(groups, k)
        former = [each.groups for each in self.all() if (each.category, each.field) == (category, field)]
        if found := exposed([*former, told], k):
            raise ConfigError(f"{len(found)} groups would show fewer than {k} people beside former counts")
        now = self._clock.now()
        made = Counts(secrets.token_hex(8), purpose, category, field, first, last, now, k, told)
        content = {"k": k, "category": category, "field": field, "groups": dict(told)}
        self._database.add_statistic(made.counts_id, purpose, first, last, now, json.dumps(content))
        detail = (("category", category), ("count", len(told)), ("purpose", purpose), ("record", made.counts_id))
        self._audit.append(AuditEvent(Kind.STATISTICS_RELEASED.value, now, ACTOR, "", detail))
        until = max(each.last_day for each in self.all())
        # Before the commit: a witness of counts that never were closes a day; none of those that were opens it again.
        self._witness.raise_witness(WITNESS, len(self.all()), until.to_bytes(4, "big"))
        return made

    def hand_over(self, counts: Counts, *, recipient: str, actor: Actor) -> Parcel:
        """Tell a recipient of the policy, by its sink; `Denied` unless field, role, arrangement, review and region allow it."""
        if counts not in self.all():  # [numbers that somebody has made up, or not cut]
            raise ConfigError("these counts were not made here: hand over what `make` or `all` gives")
        reason, why = self._refusal(counts, recipient, actor)
        now, kind = self._clock.now(), Kind.DISCLOSURE_BEGUN if reason is Reason.ALLOWED else Kind.GATE_DENIED
        detail = (
            ("action", Action.DISCLOSE.value),
            ("category", counts.category),
            ("purpose", counts.purpose),
            ("reason", reason.value),
            ("recipient", recipient if recipient in self._policy.recipients else "unlisted"),
            ("record", counts.counts_id),
            ("role", said_role(actor.role)),
        )
        self._audit.append(AuditEvent(kind.value, now, actor.id, "", detail))
        if reason is not Reason.ALLOWED:
            raise Denied(reason, f"denied: {reason.value}: {why}")
        sink = self._sinks.get(recipient)
        if sink is None:
            raise ConfigError(f"{recipient} has no sink: say how it is reached")
        part = _Part(f"counts-{counts.counts_id}", recipient, counts.to_json().encode())
        sink.deliver(part)
        return part

    def _refusal(self, counts: Counts, recipient: str, actor: Actor) -> tuple[Reason, str]:
        policy = self._policy
        rule, known = policy.rule(counts.category, counts.purpose), policy.recipients.get(recipient)
        if rule is None:
            return Reason.PURPOSE_NOT_DECLARED, "the policy has no such rule any more"
        if (actor.role, Action.DISCLOSE, counts.purpose) not in policy.grants:
            return Reason.ROLE_NOT_PERMITTED, f"role {actor.role} may not disclose for {counts.purpose}"
        if known is None or recipient not in rule.recipients or (counts.category, counts.field) not in known.fields:
            return Reason.RECIPIENT_NOT_LISTED, f"{recipient!r} does not get {counts.field} of {counts.category}"
        if rule.role is ControllerRole.JOINT_CONTROLLER and not rule.arrangement:
            return Reason.LEGAL_REF_MISSING, "joint controllers have an arrangement (GDPR Art. 26)"
        now = self._clock.now()
        request = Request(actor, counts.purpose, Action.DISCLOSE, counts.category, "", now, now, recipient=recipient)
        return refused(request, policy, Facts(), known) or (Reason.ALLOWED, "")

    def _check_days(self, category: str, field: str, first: int, last: int) -> None:
        stats = self._policy.stats
        if stats is None or not 0 <= first <= last < first + MOST_DAYS:
            raise ConfigError(f"counts are of 1 to {MOST_DAYS} days; name the first day and how many")
        if self._clock.now() < stats.release_delay.end((last + 1) * EPOCH_SECONDS):
            raise ConfigError(f"these days may be told {stats.release_delay} after their end, and not before")
        known = self.all()
        count, mark = self._witness.witness(WITNESS) or (0, b"")
        if count > len(known) and first <= int.from_bytes(mark, "big"):
            raise ConfigError(
                "counts are missing from this database, which was restored; days up to the last stay closed"
            )
        for other in known:
            same = (other.category, other.field) == (
                category,
                field,
            )  # whatever for [two purposes differ by who said yes]
            if same and first <= other.last_day and other.first_day <= last:
                raise ConfigError(f"counts {other.counts_id} have some of these days already; a day is told once")

    def _groups(
        self, actor: Actor, purpose: str, category: str, field: str, first: int, last: int
    ) -> tuple[dict[str, set[str]], Denied | None]:
        """People by value, and the last denial of those who may not be counted."""
        groups: dict[str, set[str]] = defaultdict(set)
        denial: Denied | None = None
        span = float(first * EPOCH_SECONDS), float((last + 1) * EPOCH_SECONDS)
        people = sorted({subject for _, subject in self._names(category)})
        for subject in people:
            parts = [
                part for part in self._database.parts_of(subject, category) if span[0] <= part.created_at < span[1]
            ]
            try:
                for value in self._values(actor, purpose, subject, field, parts):
                    groups[value].add(subject)
            except Denied as error:
                denial = error
        if not people:
            raise ConfigError(f"there is no record of {category}: there is nobody to count")
        return groups, denial

    def _values(self, actor: Actor, purpose: str, subject: str, field: str, parts: list[RecordPart]) -> set[str]:
        """What the field says in a person's records that may be counted; logged once a person. `Denied` where none may."""
        now, denied = self._clock.now(), Reason.ALLOWED
        allowed = []
        for part in parts:
            reason = self._asked(actor, purpose, part, field, now)
            if reason is Reason.ALLOWED:
                allowed.append(part)
            else:
                denied = reason
        if parts:
            self._log(actor, purpose, subject, parts[0].category, Reason.ALLOWED if allowed else denied, len(allowed))
        if parts and not allowed:
            raise Denied(denied)
        return {value for part in allowed if (value := self._value(part, field))}

    def _asked(self, actor: Actor, purpose: str, part: RecordPart, field: str, now: float) -> Reason:
        fields = frozenset({field})
        what = part.category, part.subject, now, part.created_at
        decision = self._gate.ask(Request(actor, purpose, Action.STATISTICS, *what, fields=fields))
        if not decision:
            return decision.reason
        if part.due is not None and part.due <= now:
            return Reason.EXPIRED
        return Reason.RESTRICTED if part.ground else Reason.ALLOWED

    def _log(self, actor: Actor, purpose: str, subject: str, category: str, reason: Reason, count: int) -> None:
        detail = (
            ("action", Action.STATISTICS.value),
            ("category", category),
            ("purpose", said_purpose(purpose, self._policy)),
            ("role", said_role(actor.role)),
            ("reason", reason.value),
            ("count", count),
        )
        kind = Kind.GATE_ALLOWED if count else Kind.GATE_DENIED
        self._audit.append(AuditEvent(kind.value, self._clock.now(), actor.id, subject, detail))

    def _value(self, part: RecordPart, field: str) -> str:
        """The field's value as a word; empty where the record has none, or one that is no group."""
        try:
            content = json.loads(self._contents(part))
        except (KeyDestroyed, ValueError):
            return ""
        value = content.get(field, "") if isinstance(content, dict) else ""
        text = str(value) if isinstance(value, str | int | bool) else ""
        return text if len(text) <= MOST_VALUE else ""

    def _names(self, category: str) -> Iterator[tuple[str, str]]:
        after = ("", "")
        while True:
            page = self._database.names_of_parts(category, after, PAGE)
            yield from page
            if len(page) < PAGE:
                return
            after = page[-1]


def _counts(row: tuple[str, str, int, int, float, str]) -> Counts:
    counts_id, purpose, first_day, last_day, at, content = row
    value = json.loads(content)
    head = counts_id, purpose, value["category"], value["field"], first_day, last_day, at
    return Counts(*head, value["k"], value["groups"])
