"""The register of recipients as it stands today, and whether what left agrees with it (clause table, X-35)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from cloud_sync.disclosure.reaching import Reaching, leads_there
from cloud_sync.disclosure.recall import PORTABILITY
from cloud_sync.gate.recipients import local_day
from cloud_sync.model.access import Delivery
from cloud_sync.policy import Policy, Recipient
from cloud_sync.policy.vocabulary import RecipientKind
from cloud_sync.stores import Clock, Database, Sink

DAY_S: Final = 86_400.0
#: How often the register is held against what left.
EVERY_S: Final = DAY_S
#: To whom an alert's link goes; no recipient of data.
PERSON: Final = "data_subject"


@dataclass(frozen=True, slots=True)
class Entry:
    """A recipient: who it is, what it gets and for what, what binds it, and why it gets nothing at present ("" if it does)."""

    recipient: str
    kind: RecipientKind
    region: str
    fields: tuple[str, ...]
    purposes: tuple[str, ...]
    agreement: str
    agreement_until: date | None
    mechanism: str
    review_due: date | None
    accepted: str  # the version of the policy that it accepted last
    hosts: tuple[str, ...]
    stopped: str


@dataclass(frozen=True, slots=True)
class Deviation:
    """Something that left, or could leave, and that the register does not list."""

    recipient: str
    what: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """The register against what was delivered since `since`: how many deliveries, to how many recipients, and what deviates."""

    since: float
    at: float
    deliveries: int
    recipients: int
    deviations: tuple[Deviation, ...]


class Register:
    """Reads the register; changes nothing."""

    def __init__(self, policy: Policy, database: Database, clock: Clock, sinks: Mapping[str, Sink]) -> None:
        self._policy = policy
        self._database = database
        self._clock = clock
        self._sinks = sinks

    def entries(self) -> list[Entry]:
        """Every recipient of the policy, by name."""
        return [self._entry(each) for _, each in sorted(self._policy.recipients.items())]

    def published(self) -> list[Entry]:
        """Those that get data at present: the list that people may see (V-43)."""
        return [each for each in self.entries() if not each.stopped]

    def accepted(self, recipient: str) -> str:
        """The version of the policy that a recipient accepted last; empty if none."""
        found = self._database.acceptances(recipient)
        return found[-1].version if found else ""

    def compare(self, seen: Collection[str] = (), since: float | None = None) -> Comparison:
        """Hold what was delivered since then, the sinks, and machines that others `seen` data go to, against the register.

        Without `since` it is the last 24 hours.
        """
        now = self._clock.now()
        begun = now - DAY_S if since is None else since
        told = [each for each in self._database.deliveries_since(begun) if each.parts]
        deliveries = [each for each in told if each.source != PORTABILITY]
        found = [*self._delivered(deliveries), *self._reached(), *self._hosts(seen)]
        names = {each.recipient for each in deliveries}
        return Comparison(begun, now, len(deliveries), len(names), tuple(dict.fromkeys(found)))

    def _delivered(self, deliveries: Iterable[Delivery]) -> list[Deviation]:
        found = []
        for each in deliveries:
            entry = self._policy.recipients.get(each.recipient)
            if entry is None:
                found.append(Deviation(each.recipient, "is in no register and got data"))
            elif not any(
                each.recipient in rule.recipients for rule in self._policy.rules if each.purpose in rule.purposes
            ):
                found.append(Deviation(each.recipient, f"got data for {each.purpose}, for which no rule lists it"))
            elif surplus := set(each.fields.split()) - {field for _, field in entry.fields}:
                found.append(Deviation(each.recipient, f"got {', '.join(sorted(surplus))}, which its list has not"))
        return found

    def _reached(self) -> list[Deviation]:
        found = []
        for name, sink in self._sinks.items():
            if name not in self._policy.recipients:
                found.append(Deviation(name, "has a sink and is in no register"))
            elif not leads_there(sink, self._policy, name):
                host = sink.host if isinstance(sink, Reaching) else "a place that it does not tell"
                found.append(Deviation(name, f"has a sink to {host}, which its hosts do not list"))
        return found

    def _hosts(self, seen: Collection[str]) -> list[Deviation]:
        listed = {host for each in self._policy.recipients.values() for host in each.hosts}
        return [
            Deviation(host, "was seen to get traffic, and no recipient is there") for host in sorted(set(seen) - listed)
        ]

    def _entry(self, each: Recipient) -> Entry:
        purposes = [p for rule in self._policy.rules if each.id in rule.recipients for p in rule.purposes]
        due = [day for day in (each.due, each.beyond.due if each.beyond else None) if day is not None]
        return Entry(
            each.id,
            each.kind,
            each.region,
            tuple(sorted(f"{category}.{field}" for category, field in each.fields)),
            tuple(sorted({p for p in purposes if not each.scope or p in each.scope})),
            each.agreement,
            each.until,
            each.beyond.mechanism if each.beyond else "",
            min(due, default=None),
            self.accepted(each.id),
            tuple(sorted(each.hosts)),
            self._stopped(each, min(due, default=None)),
        )

    def _stopped(self, each: Recipient, due: date | None) -> str:
        today = local_day(self._clock.now(), self._policy)
        if not each.enabled:
            return "not enabled"
        if each.until is not None and today > each.until:
            return f"its agreement ran out on {each.until}"
        if due is not None and today > due:
            return f"its review was due on {due}"
        if each.bound and self._policy.parameters.flag("recipients.flowdown"):
            return "" if self.accepted(each.id) == self._policy.version else f"has not accepted {self._policy.version}"
        return ""
