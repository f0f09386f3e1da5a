"""The append-only consent ledger: which steps a person and a controller may take, and the proof of each.

| step | by | from |
|---|---|---|
| request | the controller | never asked; `later` after its cool-down; no answer in time; refused under another text |
| request | the person's own initiative | anything but given |
| give | the person | anything; from `given` it renews or narrows. Below the age of consent it is a wish, `pending` |
| confirm | a parent | anything but given, twice, through different channels; the first is `pending`; never after the child's no |
| refuse | the person, or somebody who may narrow | never asked, requested, later, pending, expired, another's no |
| later | the person | requested |
| withdraw | the person, or somebody who may narrow | given, in one call, with no more proof than giving takes |
| expire | the clock, a change of policy, the age | given |

Each method reads, judges and appends: call it inside the store's transaction when two threads may act for one person.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from cloud_sync.consent.asking import first_yes, may_prompt, prompts
from cloud_sync.consent.minors import voided
from cloud_sync.consent.notice import digest
from cloud_sync.consent.reading import ChildLost, LedgerReader, none_lost, unknown
from cloud_sync.consent.record import Evidence
from cloud_sync.consent.standing import AGE, CHANGED, LAPSED, RESTORED, PolicyLookup, closed_by_change
from cloud_sync.errors import ConsentError
from cloud_sync.model import ConsentRecord, ConsentState, EntityRole, Precision
from cloud_sync.policy import Policy
from cloud_sync.stores import BoundStore, Clock, ConsentStore

#: Who acts when a term or a change of policy ends a consent.
SYSTEM = "cloud_sync"

_ENDED = frozenset({ConsentState.REFUSED, ConsentState.WITHDRAWN})


def _own_no(last: ConsentRecord, evidence: Evidence) -> bool:
    """Whether the person themselves says no where nothing is given, and that is more than the ledger has.

    After another's no, or while a yes waits for a parent: only the person's own no binds a parent [a parent who says no first].
    """
    if evidence.entity_id != last.pii_principal_id:
        return False
    anothers = last.entity_id != evidence.entity_id
    return last.event_state is ConsentState.PENDING or (anothers and last.event_state in _ENDED)


def _as_strong(last: ConsentRecord) -> ConsentState:
    """The state of a no after a record: what was withdrawn stays so, of which the controller may never ask."""
    return ConsentState.WITHDRAWN if last.event_state is ConsentState.WITHDRAWN else ConsentState.REFUSED


def random_id() -> str:
    """A record id that nobody can guess."""
    return secrets.token_hex(16)


class ConsentLedger(LedgerReader):
    """Consents of all subjects under one policy in force."""

    def __init__(
        self,
        store: ConsentStore,
        clock: Clock,
        policy: Policy,
        *,
        policies: PolicyLookup = unknown,
        bounds: BoundStore | None = None,
        child_lost: ChildLost = none_lost,
        new_id: Callable[[], str] = random_id,
    ) -> None:
        """`policies` finds the policies of the past (PolicyArchive.by_hash); without it a new file closes consents.

        `bounds` has groups and ages; without it nobody is in a group, and nobody is known to be a child. `child_lost` says of
        whom that is known though a restored database has lost it.
        """
        super().__init__(store, clock, policy, policies, bounds, child_lost)
        self._new_id = new_id

    # The steps of a person

    def request(self, subject: str, purpose: str, evidence: Evidence, *, own_initiative: bool = False) -> ConsentRecord:
        """Record that the question was put. ConsentError when the person is to be left in peace."""
        now = self._begin(subject, purpose, evidence)
        if own_initiative and evidence.entity_id != subject:
            raise ConsentError("the person's own initiative is theirs alone: record the person as who asked")
        at = self.state_at(subject, purpose, now)
        if at.open:
            raise ConsentError(f"{purpose} is given: there is nothing to ask; give again to renew or to narrow")
        if not own_initiative:
            may_prompt(self.records(subject, purpose), at, purpose, self._policy, now)
        return self._append(subject, purpose, ConsentState.REQUESTED, evidence, now=now)

    def give(
        self, subject: str, purpose: str, evidence: Evidence, *, precision: Precision | None = None
    ) -> ConsentRecord:
        """Record a yes, renew it or narrow it; `precision` is the finest the person allows, by default what is offered.

        Nobody gives for another: a company's certificate or a holder's switch is no consent (GDPR Art. 4(11)). The yes of a
        child is kept as a wish, opens nothing, and waits for a parent (Art. 8).
        """
        now = self._begin(subject, purpose, evidence)
        if evidence.entity_id != subject:
            raise ConsentError("consent is given by the person alone; others may only narrow: ask the person")
        state = ConsentState.GIVEN
        if self.bounds(subject).child(self._policy, purpose, now):
            if self.state_at(subject, purpose, now).open:
                raise ConsentError(f"{purpose} is given by a parent: the young person may withdraw it")
            state = ConsentState.PENDING
        allowed = self._allowed(subject, purpose, precision, now)
        return self._append(subject, purpose, state, evidence, now=now, precision=allowed)

    def confirm(
        self, subject: str, purpose: str, parent: Evidence, *, precision: Precision | None = None
    ) -> ConsentRecord:
        """Record a parent's yes for a child: the first is pending, a second one through another channel gives.

        ConsentError for whoever is of age, after the child's own no, and for a second yes through the same channel.
        """
        now = self._begin(subject, purpose, parent)
        bounds = self.bounds(subject)
        if not bounds.child(self._policy, purpose, now):
            raise ConsentError(
                f"{purpose}: the person is not known to be a child and answers alone; declare the age first"
            )
        if bounds.child_lost:
            raise ConsentError("the age is lost with a restored database: declare it anew, then confirm")
        if parent.entity_id != subject and self.bounds(parent.entity_id).minor(self._policy, now):
            raise ConsentError("a parent confirms, and who did is a child too: ask an adult")
        if self.state_at(subject, purpose, now).open:
            raise ConsentError(f"{purpose} is given: withdraw it first, then confirm it anew")
        first = first_yes(self.records(subject, purpose), subject, parent, self._policy, self._policies, now)
        allowed = self._allowed(subject, purpose, precision, now)
        if first is not None:
            allowed = max(allowed, first.precision)
        state = ConsentState.PENDING if first is None else ConsentState.GIVEN
        return self._append(subject, purpose, state, parent, now=now, precision=allowed)

    def refuse(self, subject: str, purpose: str, evidence: Evidence) -> ConsentRecord:
        """Record a no; it ends all prompts for this purpose and text."""
        now = self._begin(subject, purpose, evidence)
        last = self._last(subject, purpose)
        if last and _own_no(last, evidence):
            return self._append(subject, purpose, _as_strong(last), evidence, now=now)
        if last and last.event_state is ConsentState.GIVEN:
            raise ConsentError(f"{purpose} is given: withdraw it instead of refusing it")
        if last and last.event_state in _ENDED:
            raise ConsentError(f"{purpose} is {last.event_state} already: nothing to do, the gate is closed")
        return self._append(subject, purpose, ConsentState.REFUSED, evidence, now=now)

    def later(self, subject: str, purpose: str, evidence: Evidence) -> ConsentRecord:
        """Record "not now". It closes the gate; the last prompt answered so is a no, which ends the asking."""
        now = self._begin(subject, purpose, evidence)
        last = self._last(subject, purpose)
        if last is None or last.event_state is not ConsentState.REQUESTED:
            raise ConsentError(f"{purpose} was not asked: `later` answers a request; use refuse, or do nothing")
        spent = prompts(self.records(subject, purpose), self._policy) >= self._policy.consent.max_prompts
        state = ConsentState.REFUSED if spent else ConsentState.LATER
        return self._append(subject, purpose, state, evidence, now=now)

    def withdraw(self, subject: str, purpose: str, evidence: Evidence) -> ConsentRecord:
        """Take a consent back, in one call, through any channel; the gate is closed when this returns."""
        evidence.check()
        last = self._last(subject, purpose)
        own = last is not None and _own_no(last, evidence)
        if last is None or not (own or last.event_state is ConsentState.GIVEN):
            raise ConsentError(f"{purpose} is not given: there is nothing to withdraw, the gate is closed")
        state = _as_strong(last) if own else ConsentState.WITHDRAWN
        return self._append(subject, purpose, state, evidence, now=self._now(last), notice_hash=last.notice_hash)

    # The steps of the clock, of the policy and of the age

    def expire(self, subject: str, purpose: str) -> ConsentRecord:
        """Record that a consent has lapsed or is outgrown, by the policy or by the age; ConsentError while it holds.

        The gate needs no such record, as the state is computed; the ledger's reader does.
        """
        last = self._last(subject, purpose)
        if last is None or last.event_state is not ConsentState.GIVEN:
            raise ConsentError(f"{purpose} is not given: there is nothing to expire")
        now = self._now(last)
        why = self._over(last, now)
        if not why:
            raise ConsentError(f"{purpose} holds: only withdrawal, its term, a change of policy or the age ends it")
        return self._end(last, why, now)

    def settle(self, subject: str | None = None, *, clock_in_doubt: bool = False) -> list[ConsentRecord]:
        """Record every consent, or every one of a subject, that has lapsed or is outgrown: at start, and with each sweep.

        While the clock is in doubt nothing is recorded that time alone has ended [a clock that leapt three years would end all, and
        a yes of afterwards would cover nothing until then]. The gate goes by the state, which needs no record.
        """
        ended = [(record, self._over(record, self._now(record))) for record in self._latest(subject)]
        known = {CHANGED} if clock_in_doubt else {CHANGED, AGE, LAPSED}
        return [self._end(record, why, self._now(record)) for record, why in ended if why in known]

    def close_restored(self, subject: str) -> list[ConsentRecord]:
        """Close what a restored ledger has as given: the person may have withdrawn it since, and is asked anew."""
        waiting = self._latest(subject, ConsentState.GIVEN, ConsentState.PENDING)
        return [self._end(record, RESTORED, self._now(record)) for record in waiting]

    def _latest(self, subject: str | None, *states: ConsentState) -> list[ConsentRecord]:
        """The last record of each person and purpose where it is in one of these states, without any in `given`."""
        latest: dict[tuple[str, str], ConsentRecord] = {}
        for record in self._store.all_consents() if subject is None else self.records(subject):
            latest[record.pii_principal_id, record.purpose] = record
        return [record for record in latest.values() if record.event_state in (states or (ConsentState.GIVEN,))]

    def _over(self, given: ConsentRecord, now: float) -> str:
        """Why a consent that was given is over, as the channel of the record that says so; empty while it holds."""
        if closed_by_change(given, self._policy, self._policies):
            return CHANGED
        age = self.bounds(given.pii_principal_id).age
        if voided(given, self._policy, age, now):
            # The yes counted under the policy that it was given to: that one asks for more years now is a change, no end.
            own = self._policy_of(given.policy_hash)
            return AGE if own is None or voided(given, own, age, now) else CHANGED
        return LAPSED if given.validity_until is not None and now >= given.validity_until else ""

    # Parts

    def _begin(self, subject: str, purpose: str, evidence: Evidence) -> float:
        """The checks that every answer to the current text passes; the time of the event."""
        evidence.check()
        if not self._policy.consent_rules(purpose):
            raise ConsentError(
                f"{purpose} does not rest on consent in policy {self._policy.id}: there is nothing to ask"
            )
        if evidence.notice != self._policy.notice:
            raise ConsentError(f"notice {evidence.notice} is not in force: show {self._policy.notice} and ask again")
        if evidence.language not in self._policy.languages:
            languages = ", ".join(self._policy.languages)
            raise ConsentError(f"the notice does not exist in {evidence.language}; show it in one of {languages}")
        return self._now(self._last(subject, purpose))

    def _allowed(self, subject: str, purpose: str, precision: Precision | None, now: float) -> Precision:
        """The finest position of a yes: the coarsest of what is offered, what is allowed, and a child's safeguards."""
        offered = min((rule.precision for rule in self._policy.consent_rules(purpose)), default=Precision.NONE)
        return max(offered, precision or Precision.EXACT, self.bounds(subject).finest(self._policy, now))

    def _last(self, subject: str, purpose: str) -> ConsentRecord | None:
        records = self.records(subject, purpose)
        return records[-1] if records else None

    def _now(self, last: ConsentRecord | None) -> float:
        """The clock, never before the newest record [a clock that steps back would let an older answer win]."""
        return max(self._clock.now(), last.event_time) if last else self._clock.now()

    def _append(
        self,
        subject: str,
        purpose: str,
        state: ConsentState,
        evidence: Evidence,
        *,
        now: float,
        precision: Precision = Precision.NONE,
        notice_hash: str | None = None,
    ) -> ConsentRecord:
        given = state is ConsentState.GIVEN
        record = ConsentRecord(
            record_id=self._new_id(),
            pii_principal_id=subject,
            purpose=purpose,
            pii_type=tuple(rule.category for rule in self._policy.consent_rules(purpose)),
            event_state=state,
            event_time=now,
            privacy_notice=evidence.notice,
            policy_hash=self._policy.hash,
            precision=precision,
            validity_until=self._policy.consent.validity.end(now) if given else None,
            entity_id=evidence.entity_id,
            channel=evidence.channel,
            affirmative_act=evidence.act,
            language=evidence.language,
            notice_hash=digest(self._policy, purpose, evidence.language) if notice_hash is None else notice_hash,
            entity_role=self._role(subject, purpose, state, evidence.entity_id, now),
        )
        self._store.append_consent(record)
        return record

    def _role(self, subject: str, purpose: str, state: ConsentState, entity: str, now: float) -> EntityRole:
        if entity == subject:
            return EntityRole.DATA_SUBJECT
        if entity == SYSTEM:
            return EntityRole.SYSTEM
        if state is ConsentState.REQUESTED:
            return EntityRole.CONTROLLER
        child = self.bounds(subject).child(self._policy, purpose, now)
        return EntityRole.PARENT if child else EntityRole.REPRESENTATIVE

    def _end(self, last: ConsentRecord, why: str, now: float) -> ConsentRecord:
        evidence = Evidence(SYSTEM, last.privacy_notice, why, "", last.language)
        subject, purpose = last.pii_principal_id, last.purpose
        return self._append(subject, purpose, ConsentState.EXPIRED, evidence, now=now, notice_hash=last.notice_hash)
