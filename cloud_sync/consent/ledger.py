"""The append-only consent ledger: which steps a person and a controller may take, and the proof of each.

| step | by | from |
|---|---|---|
| request | the controller | never asked; `later` after its cool-down; no answer in time; refused under another text |
| request | the person's own initiative | anything but given |
| give | the person | anything; from `given` it renews or narrows |
| refuse | the person, or somebody who may narrow | never asked, requested, later, expired |
| later | the person | requested |
| withdraw | the person, or somebody who may narrow | given, in one call, with no more proof than giving takes |
| expire | the clock, or a change of policy | given |

Each method reads, judges and appends: call it inside the store's transaction when two threads may act for one person.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from cloud_sync.consent.record import Evidence
from cloud_sync.consent.standing import (
    CHANGED,
    LAPSED,
    RESTORED,
    Coverage,
    PolicyLookup,
    Standing,
    closed_by_change,
    coverage,
    standing,
)
from cloud_sync.errors import ConsentError
from cloud_sync.model import ConsentRecord, ConsentState, Precision
from cloud_sync.policy import Policy
from cloud_sync.stores import Clock, ConsentStore

#: Who acts when a term or a change of policy ends a consent.
SYSTEM = "cloud_sync"


def _random_id() -> str:
    return secrets.token_hex(16)


def _unknown(_: str) -> Policy | None:
    return None


class ConsentLedger:
    """Consents of all subjects under one policy in force."""

    def __init__(
        self,
        store: ConsentStore,
        clock: Clock,
        policy: Policy,
        *,
        policies: PolicyLookup = _unknown,
        new_id: Callable[[], str] = _random_id,
    ) -> None:
        """`policies` finds the policies of the past (PolicyArchive.by_hash); without it a new file closes consents."""
        self._store = store
        self._clock = clock
        self._policy = policy
        self._policies = policies
        self._new_id = new_id

    # What follows from the ledger

    def state_at(self, subject: str, purpose: str, at: float) -> Standing:
        """Where a subject stands on a purpose at a moment (Unix seconds)."""
        return standing(self._store.consents(subject, purpose), self._policy, self._policies, at)

    def covered(self, subject: str, purpose: str, captured_at: float, used_at: float) -> Coverage:
        """Whether consent covers a reading at its capture and at its use, and how finely."""
        records = self._store.consents(subject, purpose)
        return coverage(records, self._policy, self._policies, captured_at, used_at)

    def open_consents(self, subject: str, at: float) -> dict[str, Precision]:
        """Every purpose that a subject's consent opens at `at`, with the finest precision that it allows."""
        purposes = {record.purpose for record in self._store.consents(subject)}
        found = {purpose: self.covered(subject, purpose, at, at) for purpose in sorted(purposes)}
        return {purpose: cover.precision for purpose, cover in found.items() if cover}

    # The steps of a person

    def request(self, subject: str, purpose: str, evidence: Evidence, *, own_initiative: bool = False) -> ConsentRecord:
        """Record that the question was put. ConsentError when the person is to be left in peace."""
        now = self._begin(subject, purpose, evidence)
        if self.state_at(subject, purpose, now).open:
            raise ConsentError(f"{purpose} is given: there is nothing to ask; give again to renew or to narrow")
        if not own_initiative:
            self._may_prompt(subject, purpose, now)
        return self._append(subject, purpose, ConsentState.REQUESTED, evidence, now=now)

    def give(
        self, subject: str, purpose: str, evidence: Evidence, *, precision: Precision | None = None
    ) -> ConsentRecord:
        """Record a yes, renew it or narrow it; `precision` is the finest the person allows, by default what is offered.

        Nobody gives for another: a company's certificate or a holder's switch is no consent (GDPR Art. 4(11)).
        """
        now = self._begin(subject, purpose, evidence)
        if evidence.entity_id != subject:
            raise ConsentError("consent is given by the person alone; others may only narrow: ask the person")
        offered = min((rule.precision for rule in self._policy.consent_rules(purpose)), default=Precision.NONE)
        allowed = offered if precision is None else max(offered, precision)
        return self._append(subject, purpose, ConsentState.GIVEN, evidence, now=now, precision=allowed)

    def refuse(self, subject: str, purpose: str, evidence: Evidence) -> ConsentRecord:
        """Record a no; it ends all prompts for this purpose and text."""
        now = self._begin(subject, purpose, evidence)
        last = self._last(subject, purpose)
        if last and last.event_state is ConsentState.GIVEN:
            raise ConsentError(f"{purpose} is given: withdraw it instead of refusing it")
        if last and last.event_state in (ConsentState.REFUSED, ConsentState.WITHDRAWN):
            raise ConsentError(f"{purpose} is {last.event_state.value} already: nothing to do, the gate is closed")
        return self._append(subject, purpose, ConsentState.REFUSED, evidence, now=now)

    def later(self, subject: str, purpose: str, evidence: Evidence) -> ConsentRecord:
        """Record "not now". It closes the gate; the last prompt answered so is a no, which ends the asking."""
        now = self._begin(subject, purpose, evidence)
        last = self._last(subject, purpose)
        if last is None or last.event_state is not ConsentState.REQUESTED:
            raise ConsentError(f"{purpose} was not asked: `later` answers a request; use refuse, or do nothing")
        spent = self._prompts(subject, purpose) >= self._policy.consent.max_prompts
        state = ConsentState.REFUSED if spent else ConsentState.LATER
        return self._append(subject, purpose, state, evidence, now=now)

    def withdraw(self, subject: str, purpose: str, evidence: Evidence) -> ConsentRecord:
        """Take a consent back, in one call, through any channel; the gate is closed when this returns."""
        evidence.check()
        last = self._last(subject, purpose)
        if last is None or last.event_state is not ConsentState.GIVEN:
            raise ConsentError(f"{purpose} is not given: there is nothing to withdraw, the gate is closed")
        return self._append(subject, purpose, ConsentState.WITHDRAWN, evidence, now=self._now(last))

    # The steps of the clock and of the policy

    def expire(self, subject: str, purpose: str) -> ConsentRecord:
        """Record that a consent has lapsed or that the policy outgrew it; ConsentError while it holds.

        The gate needs no such record, as the state is computed; the ledger's reader does.
        """
        last = self._last(subject, purpose)
        if last is None or last.event_state is not ConsentState.GIVEN:
            raise ConsentError(f"{purpose} is not given: there is nothing to expire")
        now = self._now(last)
        if closed_by_change(last, self._policy, self._policies):
            return self._end(last, CHANGED, now)
        if last.validity_until is None or now < last.validity_until:
            raise ConsentError(f"{purpose} holds: only withdrawal, its term or a change of policy ends it")
        return self._end(last, LAPSED, now)

    def settle(self) -> list[ConsentRecord]:
        """Record every consent that has lapsed or that the policy in force outgrew: at start, and with each sweep."""
        latest: dict[tuple[str, str], ConsentRecord] = {}
        for record in self._store.all_consents():
            latest[record.pii_principal_id, record.purpose] = record
        return [self.expire(*key) for key, record in latest.items() if self._is_over(record)]

    def close_restored(self, subject: str) -> list[ConsentRecord]:
        """Close what a restored ledger has as given: the person may have withdrawn it since, and is asked anew."""
        latest = {record.purpose: record for record in self._store.consents(subject)}
        given = [record for record in latest.values() if record.event_state is ConsentState.GIVEN]
        return [self._end(record, RESTORED, self._now(record)) for record in given]

    def _is_over(self, record: ConsentRecord) -> bool:
        if record.event_state is not ConsentState.GIVEN:
            return False
        lapsed = record.validity_until is not None and self._clock.now() >= record.validity_until
        return lapsed or bool(closed_by_change(record, self._policy, self._policies))

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

    def _may_prompt(self, subject: str, purpose: str, now: float) -> None:
        """Raise ConsentError unless the controller may put the question now: no pestering, and no is no."""
        at = self.state_at(subject, purpose, now)
        other_text = at.record is not None and at.record.privacy_notice != self._policy.notice
        if at.state is ConsentState.LATER:
            until = self._policy.consent.later_cooldown.end(at.since)
            if now < until:
                raise ConsentError(f"{purpose}: asked for later; ask again at {until:.0f} (Unix seconds), not before")
        elif at.state in (ConsentState.REQUESTED, ConsentState.REFUSED) and not other_text:
            raise ConsentError(f"{purpose} is {at.state.value}: do not ask again; the person may answer at any time")
        elif at.state in (ConsentState.WITHDRAWN, ConsentState.EXPIRED):
            raise ConsentError(
                f"{purpose} is {at.state.value}: the person may give it anew, the controller may not ask"
            )
        if self._prompts(subject, purpose) >= self._policy.consent.max_prompts:
            raise ConsentError(f"{purpose}: asked {self._policy.consent.max_prompts} times; do not ask again")

    def _prompts(self, subject: str, purpose: str) -> int:
        """How often the text in force was put to the person."""
        records = self._store.consents(subject, purpose)
        requested = (record for record in records if record.event_state is ConsentState.REQUESTED)
        return sum(record.privacy_notice == self._policy.notice for record in requested)

    def _last(self, subject: str, purpose: str) -> ConsentRecord | None:
        records = self._store.consents(subject, purpose)
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
        )
        self._store.append_consent(record)
        return record

    def _end(self, last: ConsentRecord, why: str, now: float) -> ConsentRecord:
        evidence = Evidence(SYSTEM, last.privacy_notice, why, "", last.language)
        return self._append(last.pii_principal_id, last.purpose, ConsentState.EXPIRED, evidence, now=now)
