"""The desk: cases are opened, decided, extended, answered and closed here, and nobody goes past a rule of theirs.

Invariants, each with the harm that it stops:

1. The clock starts at receipt, in whatever channel [a letter that waits for a week before anybody keys it].
2. Asking who somebody is stops no clock [a company that asks and asks].
3. Nobody is refused, in whole or in part, without a reason of a closed list and somebody who stands for it.
4. What a person asked is done before they are told so, and a case is closed only with its due date, decision and evidence.
5. Several rights in one message are linked and due together; what destroys data comes after all that needs it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from cloud_sync.audit import Kind
from cloud_sync.errors import ConfigError
from cloud_sync.model import Actor
from cloud_sync.model.rights import Case, CaseState, Channel, Identity, Outcome, RefusalCode, Right
from cloud_sync.policy import Policy
from cloud_sync.rights.cases import CaseBook
from cloud_sync.rights.deadlines import Deadline, begins_at, deadline, over_at, received_day
from cloud_sync.rights.rules import (
    ACTS,
    EXTENSIONS,
    assurance_of,
    at,
    channel_of,
    check_decision,
    conflicts,
    in_order,
    in_order_of,
    is_person,
    outcome_of,
    reason_of,
    right_of,
    terms_of,
    word,
)

ID_BYTES: Final = 10
MOST_AHEAD_S: Final = 120  # of a receipt: as far as two clocks may differ


class Opened(NamedTuple):
    """The cases of a message, in the order in which they are carried out, and what the person is told of that order."""

    cases: tuple[Case, ...]
    told: tuple[str, ...]


class Desk:
    """The cases of one installation under its policy. `begin` does what may not wait for a decision; `end` what an answer ends."""

    def __init__(
        self,
        book: CaseBook,
        policy: Policy,
        *,
        begin: Callable[[Case], None],
        end: Callable[[Case], None],
        decided: Callable[[Case], None],
        untold: Callable[[Case], Sequence[str]],
    ) -> None:
        """`untold` are recipients who do not know of a rectification yet."""
        self._book = book
        self._policy = policy
        self._begin = begin
        self._end = end
        self._decided = decided
        self._untold = untold

    # Looking

    def get(self, case_id: str) -> Case:
        """One case; ConfigError where there is none."""
        return self._book.get(case_id)

    def of(self, subject: str | None = None, *, closed: bool = True) -> list[Case]:
        """A person's cases or all, by receipt."""
        return self._book.database.cases(subject, closed=closed)

    def linked(self, case_id: str) -> list[Case]:
        """The cases of the same message, in the order in which they are carried out."""
        return in_order(self._book.database.cases(message=self.get(case_id).message))

    def verify(self, case_id: str) -> bool:
        """Whether a closed case and its events are those that its evidence is about."""
        return self._book.verify(case_id)

    def due(self, received_at: float, *, extended: bool = False, right: Right = Right.ACCESS) -> Deadline:
        """The days that count for a message received at that Unix second, by this policy."""
        terms = assurance_of(self._policy) if right is Right.ASSURANCE else terms_of(self._policy)
        return deadline(received_day(received_at, self._policy.country), terms, extended=extended)

    # Opening

    def open(
        self,
        subject: str,
        *rights: Right | str,
        received_at: float,
        channel: Channel | str,
        by: str,
        content: bytes = b"",
        login: Actor | None = None,
        purpose: str = "",
        rule_owner: str = "",
    ) -> Opened:
        """Open a case for each right in one message; whoever is logged in with a second factor is identified with that.

        `content` is what was written, `purpose` what an objection is against, `rule_owner` who answers for the rule whose decision
        is to be reviewed. Nothing here tells whether there is such a person. ConfigError for a receipt in the future, a right
        that is none or named twice, and a review without `rule_owner`.
        """
        wanted = in_order_of([right_of(right) for right in rights])
        for text in (subject, by, *filter(None, (purpose, rule_owner))):
            word(text)
        now = self._book.clock.now()
        if not 0 <= received_at <= now + MOST_AHEAD_S:
            raise ConfigError("received_at lies in the future or before 1970; name the Unix second of the receipt")
        if Right.HUMAN_REVIEW in wanted and not rule_owner:
            raise ConfigError("name rule_owner: who answers for the rule cannot be the one who reviews its decision")
        message = secrets.token_hex(ID_BYTES)
        cases = [
            Case(
                case_id=secrets.token_hex(ID_BYTES),
                message=message,
                subject=subject,
                right=right,
                channel=channel_of(channel),
                received_at=received_at,
                keyed_at=now,
                purpose=purpose,
                rule_owner=rule_owner,
                **self._moments(self.due(received_at, right=right)),
            )
            for right in wanted
        ]
        told = conflicts(wanted)
        with self._book.database.transaction():
            for case in cases:
                self._book.write(case, Kind.CASE_OPENED, by=by, content=content, detail=" ".join(wanted))
        if login is not None and is_person(login, subject):
            cases = [self.identify(case.case_id, Identity.LOGIN, by=by) for case in cases]
        return Opened(tuple(cases), told)

    def open_own(
        self, subject: str, right: Right, *, by: str, due: Deadline, purpose: str = "", rule_owner: str = ""
    ) -> Case:
        """Open a case that nobody asked for and that has days of its own: a person is to decide before something takes effect."""
        now = self._book.clock.now()
        case = Case(
            case_id=secrets.token_hex(ID_BYTES),
            message=secrets.token_hex(ID_BYTES),
            subject=subject,
            right=right,
            channel=Channel.OWN,
            received_at=now,
            keyed_at=now,
            state=CaseState.IDENTIFIED,
            identity=Identity.NOT_ASKED,
            purpose=purpose,
            rule_owner=rule_owner,
            **self._moments(due),
        )
        with self._book.database.transaction():
            self._book.write(case, Kind.CASE_OPENED, by=by, detail=right.value)
        return case

    def identify(self, case_id: str, identity: Identity, *, by: str) -> Case:
        """The person of a case is known to be who they say: what may not wait is done at once."""
        case = self.get(case_id)
        if case.state is not CaseState.OPEN or identity is Identity.NONE:
            return case
        self._begin(case)  # before the step: done again where this is cut short, and never left out
        return self._book.step(
            case_id,
            Kind.CASE_IDENTIFIED,
            lambda now: replace(at(now, CaseState.OPEN), state=CaseState.IDENTIFIED, identity=identity),
            by=by,
            detail=identity.value,
        )

    # Deciding

    def decide(
        self, case_id: str, outcome: Outcome | str, *, by: str, reviewer: str = "", reason: RefusalCode | str = ""
    ) -> Case:
        """Decide a case. ConfigError for a refusal, in whole or in part, without `reason` and `reviewer`; for a review by the
        rule's owner; for an objection to marketing that is not granted; and for somebody who is not identified, unless that is
        the reason of the refusal.
        """
        what = outcome_of(outcome)
        for text in filter(None, (by, reviewer)):
            word(text)

        def decided(case: Case) -> Case:
            at(case, CaseState.OPEN, CaseState.IDENTIFIED)
            check_decision(case, what, reviewer, reason_of(reason))
            return replace(
                case,
                state=CaseState.DECIDED,
                outcome=what.value,
                reason=str(reason),
                reviewer=reviewer,
                authority=self._policy.authority,
                decided_at=self._book.clock.now(),
            )

        made = self._book.step(case_id, Kind.CASE_DECIDED, decided, by=by, detail=" ".join((what.value, str(reason))))
        self._decided(made)
        return made

    def extend(self, case_id: str, reason: str, *, by: str, letter: bytes) -> list[Case]:
        """Extend the term of a case and of all linked with it, once, within the first term and with the letter that says why.

        ConfigError where the policy promises its term in any case, where the term is over, and without reason or letter.
        """
        if reason not in EXTENSIONS or not letter:
            raise ConfigError(f"an extension has a reason ({', '.join(EXTENSIONS)}) and a letter that says it")
        case = self.get(case_id)
        moments = self._moments(self.due(case.received_at, extended=True, right=case.right))
        now = self._book.clock.now()
        if case.extended_at is not None or now >= case.due_at:
            raise ConfigError("a term is extended once, and before it is over (GDPR Art. 12(3)); answer the case")
        with self._book.database.transaction():
            return [
                self._book.step(
                    each.case_id,
                    Kind.CASE_EXTENDED,
                    lambda old: replace(old, **moments, extended_at=now, alarmed=0),
                    by=by,
                    detail=reason,
                    content=letter,
                )
                for each in self.linked(case_id)
                if each.pending and each.right is not Right.ASSURANCE
            ]

    # Answering

    def answer(self, case_id: str, *, by: str, letter: bytes) -> Case:
        """The person is told; of the letter the SHA-256 is kept. ConfigError before the decision, before what was granted is done,
        and before past recipients know of a rectification. A restriction that was to hold until now is lifted.
        """
        if not letter:
            raise ConfigError("an answer is a letter: hand over what the person was told")

        def answered(case: Case) -> Case:
            at(case, CaseState.DECIDED)
            if case.outcome != Outcome.REFUSED and case.right in ACTS and case.carried_at is None:
                raise ConfigError(f"{case.right.value} was granted and is not done yet: do it, then answer")
            untold = self._untold(case)
            if untold:
                raise ConfigError(f"tell past recipients of the rectification first: {', '.join(untold)}")
            return replace(case, state=CaseState.ANSWERED, answered_at=self._book.clock.now())

        digest = hashlib.sha256(letter).hexdigest()
        case = self._book.step(case_id, Kind.CASE_ANSWERED, answered, by=by, digest=digest)
        self._end(case)
        return case

    def close(self, case_id: str, *, by: str) -> Case:
        """Close an answered case, with the evidence that it names from then on."""

        def closed(case: Case) -> Case:
            over = replace(
                at(case, CaseState.ANSWERED), state=CaseState.CLOSED, closed_at=self._book.clock.now(), alarmed=0
            )
            return replace(over, evidence=self._book.evidence(over))

        self._end(self.get(case_id))  # again, where an answer was cut short
        return self._book.step(case_id, Kind.CASE_CLOSED, closed, by=by)

    def _moments(self, due: Deadline) -> dict[str, Any]:
        country = self._policy.country
        return {
            "promise_at": over_at(due.promise, country),
            "law_at": over_at(due.law, country),
            "due_at": over_at(due.due, country),
            "alarm_at": begins_at(due.alarm, country),
            "target_at": over_at(due.target, country),
        }
