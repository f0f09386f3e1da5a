"""Recipients as the façade has them: `cloud.recipients`, the register, what was accepted, handed over, recalled, told later."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from cloud_sync.audit import AuditLog, Kind
from cloud_sync.config import Config
from cloud_sync.consent import ConsentLedger
from cloud_sync.disclosure import Disclosures
from cloud_sync.disclosure.handing import Handed, Handing
from cloud_sync.disclosure.propagation import Propagation
from cloud_sync.disclosure.recall import WHO, Promise, Recall, Told, What
from cloud_sync.disclosure.register import EVERY_S, Comparison, Entry, Register
from cloud_sync.disclosure.silence import Silences
from cloud_sync.errors import ConfigError, Denied
from cloud_sync.gate.words import check_word, said_role, said_word
from cloud_sync.model import Actor, Reason
from cloud_sync.model.access import Acceptance, Delivery, SilentNotice
from cloud_sync.model.rights import Case
from cloud_sync.policy import Policy
from cloud_sync.policy.vocabulary import Role
from cloud_sync.read.sources import Source
from cloud_sync.records import Records
from cloud_sync.rights.cases import CaseBook
from cloud_sync.stores import Clock, Database, Sink

log = logging.getLogger(__name__)

#: When the register was held against the traffic last, among the marks of the database.
COMPARED: Final = "recipients/compared"
#: Who answers for agreements with recipients.
OFFICE: Final = frozenset(role.value for role in (Role.CONTROLLER, Role.JOINT_CONTROLLER, Role.DPO, Role.STAFF))


@dataclass(frozen=True, slots=True)
class Place:
    """Where something of the service lies: a store or the broker, and its region."""

    name: str
    region: str


class Recipients:
    """The register of the policy, and what happens with those who are in it."""

    def __init__(
        self,
        *,
        config: Config,
        policy: Policy,
        ledger: ConsentLedger,
        database: Database,
        clock: Clock,
        audit: AuditLog,
        records: Records,
        disclosures: Disclosures,
        sinks: Mapping[str, Sink],
        cases: Callable[[], CaseBook],
    ) -> None:
        self._config = config
        self._policy = policy
        self._database = database
        self._clock = clock
        self._audit = audit
        self._disclosures = disclosures
        self._register = Register(policy, database, clock, sinks)
        self._silences = Silences(policy, database, clock, audit)
        self._handing = Handing(records=records, policy=policy, database=database, clock=clock, sinks=sinks)
        self._recall = Recall(policy=policy, ledger=ledger, database=database, clock=clock, audit=audit, sinks=sinks)
        self._propagation = Propagation(policy=policy, ledger=ledger, database=database, clock=clock, audit=audit)
        self._sinks = sinks
        self._cases = cases

    # The register

    def register(self) -> list[Entry]:
        """Every recipient, by name, with why it gets nothing at present."""
        return self._register.entries()

    def published(self) -> list[Entry]:
        """Those that get data at present: people may see them at once, whatever `recipients.answer` allows (V-43)."""
        return self._register.published()

    def accepted(self, recipient: str) -> bool:
        """The gate's question: whether a recipient has accepted the policy in force."""
        return self._register.accepted(recipient) == self._policy.version

    def places(self) -> list[Place]:
        """Where the stores and the broker are."""
        return [Place(name, region) for name, region in self._config.regions.items()]

    def accept(self, recipient: str, *, reference: str, by: Actor, version: str | None = None) -> Acceptance:
        """A processor has accepted a version of the policy (without one that in force), by the document of this reference."""
        self._demand(by, "notes what a processor has signed")
        if recipient not in self._policy.recipients:
            raise ConfigError(f"{recipient} is no recipient of the policy")
        now = self._clock.now()
        made = Acceptance(recipient, version or self._policy.version, check_word(reference, "reference"), now)
        with self._database.transaction():
            self._database.put_acceptance(made)
            detail = {"recipient": recipient, "legal_ref": reference, "version": made.version}
            self._audit.record(Kind.RECIPIENT_ACCEPTED.value, by.id, **detail)
        return made

    def compare(self, seen: Collection[str] = ()) -> Comparison:
        """The register against what was delivered in the last 24 hours, the sinks, and machines to which traffic was `seen` to go.

        The sweep does it once a day; what deviates is in the log and in the audit log.
        """
        found = self._register.compare(seen)
        reason = "deviates" if found.deviations else "agrees"
        if found.deliveries or found.deviations:
            self._audit.record(Kind.RECIPIENTS_COMPARED.value, WHO, count=found.deliveries, reason=reason)
        for each in found.deviations:
            log.error("recipient %s %s", each.recipient, each.what)
        return found

    # What leaves

    def hand(
        self,
        record_id: str,
        *,
        actor: Actor,
        purpose: str,
        subject: str,
        recipient: str,
        reference: str = "",
        delivery: str | None = None,
        silent_until: float | None = None,
    ) -> Delivery:
        """A record to a recipient (`Handing.hand`); `silent_until` is the end of a silence that an authority's order names."""
        whose = {"purpose": purpose, "subject": subject, "recipient": recipient, "reference": reference}
        if silent_until is None:
            return self._handing.hand(record_id, actor=actor, delivery=delivery, **whose)
        with self._silences.over(actor, subject, recipient, reference, silent_until, delivery) as name:
            return self._handing.hand(record_id, actor=actor, delivery=name, **whose)

    def hand_all(
        self, category: str, *, actor: Actor, purpose: str, subject: str, recipient: str, reference: str = ""
    ) -> Handed:
        """A person's records of a category to a recipient (`Handing.hand_all`)."""
        what = {"purpose": purpose, "subject": subject, "recipient": recipient, "reference": reference}
        return self._handing.hand_all(category, actor=actor, **what)

    def deliver(
        self,
        source: Source[Any],
        *,
        actor: Actor,
        purpose: str,
        subject: str,
        recipient: str,
        start: float,
        end: float,
        reference: str = "",
        delivery: str | None = None,
        silent_until: float | None = None,
    ) -> Delivery:
        """Readings to a recipient (`Disclosures.deliver`), with a silence where an authority's order names one."""
        whose = {"purpose": purpose, "subject": subject, "recipient": recipient, "reference": reference}
        what: dict[str, Any] = {"actor": actor, "start": start, "end": end, **whose}
        if silent_until is None:
            return self._disclosures.deliver(source, delivery=delivery, **what)
        with self._silences.over(actor, subject, recipient, reference, silent_until, delivery) as name:
            return self._disclosures.deliver(source, delivery=name, **what)

    def sync(self, category: str, *, actor: Actor, purpose: str, recipient: str) -> tuple[list[Told], Handed]:
        """Bring a recipient's list in line: first removals of everybody whose consent has ended, then what it has not got yet.

        ConfigError when it does not take a removal: nothing more is sent to it then.
        """
        gone = self._recall.recall(recipient) if recipient in self._policy.recipients else []
        if failed := [each.why for each in gone if not each.taken]:
            raise ConfigError(f"{recipient} did not take a removal ({failed[0]}), so it is sent nothing more")
        return gone, self._handing.sync(category, actor=actor, purpose=purpose, recipient=recipient)

    # What recipients are told afterwards

    def notify(self, subject: str, what: What | str, category: str | None = None, *, case: str = "") -> list[Told]:
        """One message to every recipient that was told of the person (GDPR Art. 19); the list is the proof, kept with a `case`."""
        told = self._recall.notify(subject, what, category)
        if case:
            proof = json.dumps([asdict(each) for each in told], sort_keys=True).encode()
            self._cases().step(case, Kind.CASE_CARRIED, _unchanged, by=WHO, detail="recipients", content=proof)
        return told

    def owe(self, subject: str, until: float) -> None:
        """`Recall.owe`, for an erasure."""
        self._recall.owe(subject, until)

    def settle(self) -> int:
        """`Recall.settle`: tell of removals that erasures left to be told; the sweep does it too."""
        return self._recall.settle()

    def promises(self, subject: str) -> list[Promise]:
        """Whom a letter about an erasure names, and what it may promise of each."""
        return self._recall.promises(subject)

    def silent(self, subject: str | None = None) -> list[SilentNotice]:
        """Disclosures of which people are not told yet."""
        return self._silences.waiting(subject)

    def due(self) -> list[SilentNotice]:
        """Those of which they may be told by now, and were not."""
        return self._silences.due()

    def told(self, notice: str, *, by: Actor) -> SilentNotice:
        """The person was told."""
        self._demand(by, "tells people")
        return self._silences.told(notice, by=by)

    def _demand(self, by: Actor, what: str) -> None:
        """`Denied`, logged, unless it is one of the controller's own people."""
        if by.role in OFFICE:
            return
        reason = Reason.ROLE_NOT_PERMITTED
        said = {"role": said_role(by.role), "reason": reason.value}
        self._audit.record(Kind.ACCESS_REFUSED.value, said_word(by.id), **said)
        raise Denied(reason, f"denied: {reason.value}: one of the controller's own people {what}")

    def look_after(self) -> None:
        """With each sweep: removals that are due, notices whose silence has ended, and once a day the comparison."""
        now = self._clock.now()
        self._recall.settle()
        for name in list(self._sinks):  # also one that has left the register with what it got
            self._recall.recall(name)
        self._propagation.alarm()
        if waiting := self._silences.due():
            log.warning("%d people may be told of a disclosure by now: byleave sync recipient notices", len(waiting))
        last = float(self._database.mark(COMPARED) or 0)
        if not 0 <= now - last < EVERY_S:
            self.compare()
            self._database.set_mark(COMPARED, repr(now))


def _unchanged(case: Case) -> Case:
    return case
