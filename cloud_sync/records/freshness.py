"""Data that goes out of date: the company asks, once, and what nobody confirms is used no longer (clause table, V-44).

Of contact data, which is true until somebody moves, and which is kept for as long as a relation lasts. Everything else has a term
of its own, or says what was so on a day. Questions and answers are events of the record; they go with it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final, NamedTuple

from cloud_sync.audit import AuditLog, Kind
from cloud_sync.errors import ConfigError
from cloud_sync.model import LawfulBasis
from cloud_sync.model.keeping import ClockEvent, RecordPart, Scope
from cloud_sync.policy import Clock, Policy, Rule
from cloud_sync.retention.civil import zone_of
from cloud_sync.stores import Clock as Time
from cloud_sync.stores import Database

log = logging.getLogger(__name__)

STALE: Final = "stale"  # why a part is not used
ASKED, CONFIRMED, CHECKED = "quality.asked", "quality.confirmed", "quality/checked"
CONTACT: Final = frozenset({"address", "billing_address", "delivery_address", "email", "phone", "post_code", "town"})
_LASTING: Final = frozenset({Clock.RELATION_ENDED, Clock.ACCOUNT_CLOSED, Clock.LAST_INTERACTION})
CHECK_S: Final = 86_400  # a year's term needs no hourly look at every record
CHUNK: Final = 500


class Question(NamedTuple):
    """Is this still right? To a person, about a record, to be answered before `answer_by` (Unix seconds)."""

    subject: str
    record_id: str
    category: str
    answer_by: float


class Freshness:
    """Asks about contact data that nobody has confirmed for `quality.stale_after`.

    `ask`, which the integrator sets, takes a question to the person, once. While it is None nothing is asked, and nothing that
    was not asked about becomes stale.
    """

    ask: Callable[[Question], None] | None = None

    def __init__(self, *, database: Database, policy: Policy, clock: Time, audit: AuditLog) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit
        self._stale_after = policy.parameters.period("quality.stale_after")
        self._window = policy.parameters.period("quality.confirm_window")
        self._zone = zone_of(policy.country)
        self.categories = tuple(sorted({rule.category for rule in policy.rules if _goes_out_of_date(rule)}))

    def check(self) -> None:
        """Once a day: ask about what is unconfirmed for too long, and mark what nobody answered for. The sweep does it."""
        now = self._clock.now()
        if not self.categories or abs(now - float(self._database.mark(CHECKED) or -CHECK_S)) < CHECK_S:
            return
        for category in self.categories:
            after = ("", "")
            while page := self._database.names_of_parts(category, after, CHUNK):
                for record_id, subject in page:
                    self._look(record_id, subject, now)
                after = page[-1]
        self._database.set_mark(CHECKED, repr(now))

    def confirm(self, record_id: str, *, subject: str, by: str) -> None:
        """The person says that it is right: the term begins anew, what was stale is used again. ConfigError for no such record."""
        part = self._part(record_id, subject)
        if part is None:
            raise ConfigError("there is no such record of this person")
        with self._database.transaction():
            self._note(record_id, CONFIRMED)
            if part.ground == STALE:
                self._database.put_part(replace(part, ground=""))
            self._audit.record(Kind.QUALITY_CONFIRMED.value, by, subject, record=record_id, category=part.category)

    def stale(self, subject: str) -> list[str]:
        """Ids of the person's records that are not used until they are confirmed."""
        return [part.record_id for part in self._database.parts_of(subject) if part.ground == STALE]

    def questions(self, subject: str) -> list[Question]:
        """What the person was asked and has not answered."""
        parts = [part for part in self._database.parts_of(subject) if part.category in self.categories]
        open_ = [(part, self._asked(part)) for part in parts]
        return [self._question(part, at) for part, at in open_ if at is not None]

    def _look(self, record_id: str, subject: str, now: float) -> None:
        part = self._part(record_id, subject)
        if part is None or part.ground or self._stale_after.end(self._since(part), self._zone) > now:
            return
        asked = self._asked(part)
        if asked is None:
            self._put_question(part, now)
        elif self._window.end(asked, self._zone) <= now:
            with self._database.transaction():
                self._database.put_part(replace(part, ground=STALE))
                self._audit.record(
                    Kind.QUALITY_STALE.value, "retention", subject, record=record_id, category=part.category
                )

    def _put_question(self, part: RecordPart, now: float) -> None:
        if self.ask is None:
            return
        try:
            with self._database.transaction():
                self._note(part.record_id, ASKED)
                self._audit.record(
                    Kind.QUALITY_ASKED.value, "retention", part.subject, record=part.record_id, category=part.category
                )
                self.ask(self._question(part, now))  # what is not handed over was not asked
        except Exception:  # [somebody's own mail that stops the sweep]
            log.exception(
                "a question about data that may be out of date was not handed over; it is asked again tomorrow"
            )

    def _question(self, part: RecordPart, asked_at: float) -> Question:
        return Question(part.subject, part.record_id, part.category, self._window.end(asked_at, self._zone))

    def _since(self, part: RecordPart) -> float:
        """When it was last known to be right."""
        return max([part.created_at, *self._times(part.record_id, CONFIRMED)])

    def _asked(self, part: RecordPart) -> float | None:
        """When it was asked about since then."""
        since = self._since(part)
        return max((at for at in self._times(part.record_id, ASKED) if at > since), default=None)

    def _times(self, record_id: str, kind: str) -> list[float]:
        return [event.at for event in self._database.clock_events(Scope.RECORD, record_id) if event.kind == kind]

    def _note(self, record_id: str, kind: str) -> None:
        self._database.add_clock_event(ClockEvent(Scope.RECORD, record_id, kind, self._clock.now()))

    def _part(self, record_id: str, subject: str) -> RecordPart | None:
        return next((part for part in self._database.parts(record_id) if part.subject == subject), None)


def _goes_out_of_date(rule: Rule) -> bool:
    lasts = rule.stream is None and rule.clock in _LASTING and rule.visible_to_user
    return lasts and rule.basis is not LawfulBasis.LEGAL_OBLIGATION and not CONTACT.isdisjoint(rule.fields)
