"""A person's answers as the façade takes them: ledger, directives and audit log in one transaction, then told at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cloud_sync.audit import AuditLog
from cloud_sync.consent import ConsentLedger, Evidence
from cloud_sync.consent.complete import Fields, complete_record
from cloud_sync.consent.dpv import export
from cloud_sync.consent.receipt import Receipt, receipt
from cloud_sync.consent.standing import PolicyLookup, Switch
from cloud_sync.consent.threads import threads
from cloud_sync.model import ConsentRecord, Precision
from cloud_sync.stores import Clock, Database

Outgoing = Sequence[tuple[str, bytes]]


class Consents:
    """A person's answers: each is one transaction of ledger, directive and audit log, then sent at once."""

    def __init__(
        self,
        database: Database,
        ledger: ConsentLedger,
        audit: AuditLog,
        settle: Callable[[str], Outgoing],
        done: Callable[[str, Outgoing], None],
        *,
        clock: Clock,
        policies: PolicyLookup,
    ) -> None:
        """`settle` brings a person's devices in line, inside the transaction; `done` hears of it after the commit.

        `policies` finds the policy that a record was made under, by its hash.
        """
        self._clock = clock
        self._policies = policies
        self._database = database
        self._ledger = ledger
        self._audit = audit
        self._settle = settle
        self._done = done

    def request(self, subject: str, purpose: str, evidence: Evidence, *, own_initiative: bool = False) -> ConsentRecord:
        """Record that the question was put."""
        return self._carry_out(lambda: self._ledger.request(subject, purpose, evidence, own_initiative=own_initiative))

    def give(
        self, subject: str, purpose: str, evidence: Evidence, *, precision: Precision | None = None
    ) -> ConsentRecord:
        """Record a yes; `precision` is the finest that the person allows. A child's opens nothing and waits for a parent."""
        return self._carry_out(lambda: self._ledger.give(subject, purpose, evidence, precision=precision))

    def confirm(
        self, subject: str, purpose: str, parent: Evidence, *, precision: Precision | None = None
    ) -> ConsentRecord:
        """Record a parent's yes for a child; only the second one, through another channel, opens anything."""
        return self._carry_out(lambda: self._ledger.confirm(subject, purpose, parent, precision=precision))

    def refuse(self, subject: str, purpose: str, evidence: Evidence) -> ConsentRecord:
        """Record a no."""
        return self._carry_out(lambda: self._ledger.refuse(subject, purpose, evidence))

    def later(self, subject: str, purpose: str, evidence: Evidence) -> ConsentRecord:
        """Record "not now"."""
        return self._carry_out(lambda: self._ledger.later(subject, purpose, evidence))

    def withdraw(self, subject: str, purpose: str, evidence: Evidence) -> ConsentRecord:
        """Take a consent back; the gate is closed when this returns, the device is told at once."""
        return self._carry_out(lambda: self._ledger.withdraw(subject, purpose, evidence))

    # What the person may have of it

    def receipt(self, subject: str, record_id: str) -> Receipt:
        """The receipt of an answer, for programs and to read; ConsentError when the person has no record of that id."""
        return receipt(self._ledger.records(subject), record_id, self._policies, self._clock.now())

    def switches(self, subject: str) -> list[Switch]:
        """Every choice that the person has, one for each purpose on consent, with where they stand and who would get data."""
        return self._ledger.switches(subject)

    def yes_of(self, subject: str, purpose: str, at: float) -> ConsentRecord | None:
        """The yes under which something of that Unix second is kept, None where there was none in force."""
        return self._ledger.yes_of(subject, purpose, at)

    def history(self, subject: str) -> list[Fields]:
        """Every complete record of a person (ISO/IEC TS 27560), each with all of its events, in the order of their beginning."""
        found = threads(self._ledger.records(subject))
        return [complete_record(thread, self._policies(thread[0].policy_hash)) for thread in found]

    def export(self, subject: str) -> Fields:
        """The same as one JSON-LD document in the terms of the W3C Data Privacy Vocabulary."""
        return export(self.history(subject))

    def _carry_out(self, step: Callable[[], ConsentRecord]) -> ConsentRecord:
        with self._database.transaction():
            record = step()
            log_consent(self._audit, record)
            outgoing = self._settle(record.pii_principal_id)
        self._done(record.pii_principal_id, outgoing)
        return record


def log_consent(audit: AuditLog, record: ConsentRecord) -> None:
    """One step of the ledger, in the audit log."""
    audit.record(
        f"consent.{record.event_state.value}",
        record.entity_id,
        record.pii_principal_id,
        purpose=record.purpose,
        record=record.record_id,
        notice=record.privacy_notice,
        precision=record.precision.name.lower(),
    )
