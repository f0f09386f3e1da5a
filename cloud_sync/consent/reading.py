"""What follows from the ledger: where a person stands, what is covered, what is open. Nothing here appends."""

from __future__ import annotations

from cloud_sync.consent.bounds import UNBOUNDED, Bounds
from cloud_sync.consent.standing import Coverage, PolicyLookup, Standing, coverage, standing
from cloud_sync.model import ConsentRecord, Precision
from cloud_sync.policy import Policy
from cloud_sync.stores import BoundStore, Clock, ConsentStore


def unknown(_: str) -> Policy | None:
    """No policy of the past is known."""
    return None


class LedgerReader:
    """The half of the ledger that the gate and the directives ask."""

    def __init__(
        self, store: ConsentStore, clock: Clock, policy: Policy, policies: PolicyLookup, bounds: BoundStore | None
    ) -> None:
        """As `ConsentLedger`."""
        self._store = store
        self._clock = clock
        self._policy = policy
        self._policies = policies
        self._bounds = bounds

    def state_at(self, subject: str, purpose: str, at: float) -> Standing:
        """Where a subject's own answers lead at a moment (Unix seconds); what a group leaves of it is `bounds`."""
        age = self.bounds(subject).age
        return standing(self.records(subject, purpose), self._policy, self._policies, at, age)

    def covered(self, subject: str, purpose: str, captured_at: float, used_at: float) -> Coverage:
        """Whether consent covers a reading at its capture and at its use, and how finely: the answers and all bounds."""
        records = self.records(subject, purpose)
        bounds = self.bounds(subject) if records else UNBOUNDED
        return coverage(records, self._policy, self._policies, captured_at, used_at, bounds)

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
        if self._bounds is None or not own:
            return UNBOUNDED
        groups = {bound.group for bound in own if bound.group}
        return Bounds(own, {name: self._bounds.bounds_of_group(name, members=False) for name in groups})

    def child(self, subject: str, purpose: str) -> bool:
        """Whether the person is known to be below the age of consent for a purpose, now."""
        return self.bounds(subject).child(self._policy, purpose, self._clock.now())

    def finest(self, subject: str) -> Precision:
        """The finest position that a child's safeguards leave now, whatever the lawful basis."""
        return self.bounds(subject).finest(self._policy, self._clock.now())

    def _histories(self, subject: str) -> dict[str, list[ConsentRecord]]:
        found: dict[str, list[ConsentRecord]] = {}
        for record in self.records(subject):
            found.setdefault(record.purpose, []).append(record)
        return found
