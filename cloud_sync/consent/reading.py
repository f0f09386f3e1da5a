"""What follows from the ledger: where a person stands, what is covered, what is open. Nothing here appends."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Final

from cloud_sync.consent.bounds import UNBOUNDED, Bounds, GroupEvents
from cloud_sync.consent.ended import Ended
from cloud_sync.consent.minors import floors
from cloud_sync.consent.standing import (
    Coverage,
    PolicyLookup,
    Standing,
    Switch,
    coverage,
    ended_for_good,
    gone_for_good,
    standing,
)
from cloud_sync.model import ConsentBound, ConsentRecord, Precision
from cloud_sync.policy import Policy
from cloud_sync.stores import BoundStore, Clock, ConsentStore

MOST_GROUPS: Final = 256  # whose events are kept at hand; of more the oldest are read again
#: Whether a person's age is lost with a restored database, given their own bounds (`BoundWitness.child_lost`).
ChildLost = Callable[[str, Sequence[ConsentBound]], bool]


def none_lost(_: str, _own: Sequence[ConsentBound]) -> bool:
    """No age is lost."""
    return False


def unknown(_: str) -> Policy | None:
    """No policy of the past is known."""
    return None


class LedgerReader:
    """The half of the ledger that the gate and the directives ask."""

    def __init__(
        self,
        store: ConsentStore,
        clock: Clock,
        policy: Policy,
        policies: PolicyLookup,
        bounds: BoundStore | None,
        child_lost: ChildLost = none_lost,
    ) -> None:
        """As `ConsentLedger`."""
        self._store = store
        self._clock = clock
        self._policy = policy
        self._policies = policies
        self._bounds = bounds
        self._child_lost = child_lost
        self._groups: dict[str, tuple[str, GroupEvents]] = {}

    def state_at(self, subject: str, purpose: str, at: float) -> Standing:
        """Where a subject's own answers lead at a moment (Unix seconds); what a group leaves of it is `bounds`."""
        age = self.bounds(subject).age
        return standing(self.records(subject, purpose), self._policy, self._policies, at, age)

    def covered(self, subject: str, purpose: str, captured_at: float, used_at: float) -> Coverage:
        """Whether consent covers a reading at its capture and at its use, and how finely: the answers and all bounds."""
        records = self.records(subject, purpose)
        bounds = self.bounds(subject) if records else UNBOUNDED
        return coverage(records, self._policy, self._policies, captured_at, used_at, bounds)

    def gone_for_good(self, subject: str, purpose: str, captured_at: float) -> bool:
        """Whether no answer covers a capture, nor ever will (`standing.gone_for_good`)."""
        return gone_for_good(self.records(subject, purpose), self._policy_of, self.bounds(subject).age, captured_at)

    def ended(self, subject: str, purposes: Collection[str], categories: Collection[str]) -> Ended:
        """The same for all of these purposes together, as of now, for many captures.

        A purpose that the person answered for one of the categories counts as well [one that a policy has dropped by mistake].
        """
        histories = self._histories(subject)
        asked = {each.purpose for records in histories.values() for each in records if {*each.pii_type} & {*categories}}
        chosen = [histories.get(purpose, []) for purpose in {*purposes, *asked}]
        return Ended(chosen, self._policy_of, self.bounds(subject).age)

    def _policy_of(self, digest: str) -> Policy | None:
        return self._policy if digest == self._policy.hash else self._policies(digest)

    def boundaries(self, subject: str) -> list[float]:
        """Unix seconds at which an answer about a capture, or at a use, can change: answers, their ends, groups, the age."""
        times: set[float] = set()
        for record in self.records(subject):
            times.add(record.event_time)
            if record.validity_until is not None:
                times.add(record.validity_until)
        bounds = self.bounds(subject)
        times.update(bounds.times())
        age = bounds.age
        if age is not None and age.month:  # of purposes that are not named too: safeguards end at the highest floor
            times |= {age.certain_from(floor) for floor in floors(self._policy, age.country).values()}
        return sorted(times)

    def switches(self, subject: str) -> list[Switch]:
        """Every choice that a person has, one for each purpose on consent, with where they stand on it now."""
        now, found = self._clock.now(), []
        for purpose in sorted(self._policy.purposes):
            if rules := self._policy.consent_rules(purpose):
                state, on = self.state_at(subject, purpose, now).state, self.covered(subject, purpose, now, now).at_use
                outside = {name for rule in rules for name in rule.recipients}
                found.append(Switch(purpose, state, on, tuple(sorted(outside))))
        return found

    def yes_of(self, subject: str, purpose: str, at: float) -> ConsentRecord | None:
        """The yes under which something of that moment is kept: what a row rests on; None where there was none in force."""
        seen = [each for each in self.records(subject, purpose) if each.event_time <= at]
        return seen[-1] if seen and self.state_at(subject, purpose, at).open else None

    def ended_at(self, subject: str, purposes: Collection[str], made_at: float) -> float | None:
        """When the last consent ended that kept something made at that Unix second; None where one is given, or none has ended
        for good since. That the policy asks anew, or that answers are lost, ends nothing.
        """
        ends = []
        for purpose, records in self._histories(subject).items():
            if purpose not in purposes:
                continue
            over = [each.event_time for each in records if ended_for_good(each) and each.event_time >= made_at]
            if not over and self.state_at(subject, purpose, self._clock.now()).open:
                return None
            ends += over  # a later yes calls nothing back
        return max(ends, default=None)

    def open_consents(self, subject: str, at: float) -> dict[str, Precision]:
        """Every purpose that is open at `at`, by the subject's consent and within all bounds, with its finest precision."""
        bounds, histories = self.bounds(subject), self._histories(subject)
        found = {
            purpose: coverage(histories[purpose], self._policy, self._policies, at, at, bounds)
            for purpose in sorted(histories)
        }
        return {purpose: cover.precision for purpose, cover in found.items() if cover}

    def open_now(self, subject: str) -> dict[str, Precision]:
        """The same now; as of the last answer at least [a clock that is slow must not take back what was given after it]."""
        answered = max((record.event_time for record in self.records(subject)), default=0.0)
        return self.open_consents(subject, max(self._clock.now(), answered))

    def records(self, subject: str, purpose: str | None = None) -> list[ConsentRecord]:
        """What was answered, in order of appending."""
        return self._store.consents(subject, purpose)

    def bounds(self, subject: str) -> Bounds:
        """What bounds a person beside their answers: groups, and what is known of their age."""
        own = self._bounds.bounds_of(subject) if self._bounds else []
        lost = self._child_lost(subject, own)
        if self._bounds is None or not (own or lost):
            return UNBOUNDED
        groups = {bound.group for bound in own if bound.group}
        return Bounds(own, {name: self._events(self._bounds, name) for name in groups}, lost)

    def _events(self, store: BoundStore, group: str) -> GroupEvents:
        """A group's events, read again only when another one is its last: they are append-only, and no id comes twice.

        [A holder who narrows and lifts all day, and whose every event is read at every decision about a member.]
        """
        last = store.last_of_group(group)
        last_known, events = self._groups.get(group, ("", GroupEvents()))
        if last_known == last:
            return events
        events = GroupEvents(store.bounds_of_group(group, members=False))
        while len(self._groups) >= MOST_GROUPS:
            self._groups.pop(next(iter(self._groups), ""), None)
        self._groups[group] = (events[-1].record_id if events else "", events)
        return events

    def child(self, subject: str, purpose: str) -> bool:
        """Whether the person is known to be below the age of consent for a purpose, now."""
        return self.bounds(subject).child(self._policy, purpose, self._clock.now())

    def youth(self, subject: str, purpose: str) -> tuple[bool, bool]:
        """The same, and whether they are below it for any purpose."""
        bounds, now = self.bounds(subject), self._clock.now()
        return bounds.child(self._policy, purpose, now), bounds.minor(self._policy, now)

    def finest(self, subject: str) -> Precision:
        """The finest position that a child's safeguards leave now, whatever the lawful basis."""
        return self.bounds(subject).finest(self._policy, self._clock.now())

    def _histories(self, subject: str) -> dict[str, list[ConsentRecord]]:
        found: dict[str, list[ConsentRecord]] = {}
        for record in self.records(subject):
            found.setdefault(record.purpose, []).append(record)
        return found
