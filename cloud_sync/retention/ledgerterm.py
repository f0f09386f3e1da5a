"""The term of the ledger of consents: how long an answer is kept as proof (GDPR Art. 7(1)) once it has ended.

It is the policy's rule of the category `consent_ledger`, from the clock `consent.ended`: a no, a withdrawal, the end of a yes. What
goes, a person and purpose at a time, always from the beginning of the history:

1. Answers up to one that ended a consent, when the term from it is over. A yes that holds is never over.
2. The last answer of a person whose relation goes on (a contract that has not ended, or where nothing was told of one a device in
   use) stays, however old: it is what is in force [a no that is forgotten, and the person is asked again].
3. Questions that nobody answered, when the relation is over and the term from the last of them as well.

Receipts are made of these records whenever one is asked for, and go with them. The witness is told before the commit [a count that
falls looks like a restored backup]. A backup from before brings records back that were over: the sweep at the start takes them.
Where answers of a person are lost with a restored database nothing of theirs goes, until that has been dealt with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Final, Protocol

from cloud_sync.model import ConsentRecord, ConsentState
from cloud_sync.model.keeping import Scope
from cloud_sync.policy import Policy
from cloud_sync.retention.civil import zone_of
from cloud_sync.retention.clocks import Clocks, ended_at, going_on
from cloud_sync.retention.lateness import Lateness
from cloud_sync.retention.report import Gone
from cloud_sync.stores import Database

CATEGORY: Final = "consent_ledger"  # of the policy; without a rule for it answers are kept
CHUNK: Final = 500  # records in one look; those of their people that are over go in one transaction
_ENDED: Final = frozenset({ConsentState.REFUSED, ConsentState.WITHDRAWN, ConsentState.EXPIRED})


class Answers(Protocol):
    """What knows how many answers there were (`erasure.witness.Witness`)."""

    def behind(self, subject: str) -> bool:
        """Whether an answer of the person is missing."""

    def shortened(self, subject: str, last: str) -> None:
        """Some went by their term, of a history with this id as the last: from now on what is there is all."""


class HeldRecords(Protocol):
    """What holds cover of records."""

    def held_record(self, subject: str, category: str, created_at: float) -> float | None: ...


class Holding(Protocol):
    """Where holds come from."""

    def view(self) -> HeldRecords: ...


class LedgerTerm:
    """Keeps the term of the ledger."""

    def __init__(self, *, database: Database, policy: Policy, clocks: Clocks, holds: Holding, answers: Answers) -> None:
        self._database = database
        self._terms = [rule.retention for rule in policy.rules_of(CATEGORY)]
        self._zone = zone_of(policy.country)
        self._clocks = clocks
        self._holds = holds
        self._answers = answers

    def sweep(self, now: float, _: Lateness) -> Gone:
        """Destroy what is over. All records are looked at [one of a clock that was ahead would keep what stands behind it]."""
        gone = kept = after = 0
        met: set[str] = set()
        while self._terms and (page := self._database.consent_page(after, CHUNK)):
            old = [record.pii_principal_id for _, record in page if self._over(record.event_time, now)]
            people = [subject for subject in dict.fromkeys(old) if subject not in met]
            met.update(people)
            with self._database.transaction() if people else nullcontext():
                for subject in people:
                    some_gone, some_kept = self._person(subject, now)
                    gone, kept = gone + some_gone, kept + some_kept
            after = page[-1][0]
        return Gone(records=gone, held=kept)

    def _person(self, subject: str, now: float) -> tuple[int, int]:
        """How many of a person's records went, and how many a hold keeps."""
        dead = list(self._dead(subject, now))
        if not dead or self._answers.behind(subject):
            return 0, 0
        held = self._holds.view()
        if any(held.held_record(subject, CATEGORY, record.event_time) is not None for record in dead):
            return 0, len(dead)  # a history is whole or it proves nothing
        last = self._database.consents(subject)[-1].record_id
        self._database.remove_consents([record.record_id for record in dead])
        self._answers.shortened(subject, last)
        return len(dead), 0

    def _dead(self, subject: str, now: float) -> Iterator[ConsentRecord]:
        histories: dict[str, list[ConsentRecord]] = {}
        for record in self._database.consents(subject):
            histories.setdefault(record.purpose, []).append(record)
        related = self._related(subject)
        for history in histories.values():
            yield from history[: self._cut(history, related, now)]

    def _cut(self, history: Sequence[ConsentRecord], related: bool, now: float) -> int:
        over = [
            n for n, each in enumerate(history, 1) if each.event_state in _ENDED and self._over(each.event_time, now)
        ]
        cut, last = max(over, default=0), history[-1]
        if related:
            return min(cut, len(history) - 1)
        unanswered = last.event_state not in {*_ENDED, ConsentState.GIVEN}
        return len(history) if unanswered and self._over(last.event_time, now) else cut

    def _related(self, subject: str) -> bool:
        """Whether the relation with a person goes on: as was told of it, else by a device in use."""
        times = self._clocks.times(Scope.SUBJECT, subject)
        if going_on(times) or ended_at(times) is not None:
            return going_on(times)
        return any(device.revoked_at is None for device in self._database.devices_of(subject))

    def _over(self, ended: float, now: float) -> bool:
        return all(term.end(ended, self._zone) <= now for term in self._terms)
