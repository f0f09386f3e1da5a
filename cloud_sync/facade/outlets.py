"""What leaves, and who is let in, as the façade has it: staff, relations, disclosures, messages, alerts, a person's own copy."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cloud_sync.access import Lockout, Logins, Relations, StaffAccess, Terminal
from cloud_sync.alarms import AlarmDesk
from cloud_sync.audit import AuditLog
from cloud_sync.config import Config
from cloud_sync.consent import ConsentLedger
from cloud_sync.disclosure import Alerts, Approvals, Disclosures, Exporter, Mails
from cloud_sync.disclosure.export import Export, Kind
from cloud_sync.disclosure.mails import sent
from cloud_sync.erasure.witness import Witness
from cloud_sync.errors import Denied, KeyDestroyed
from cloud_sync.facade.bounds import Groups
from cloud_sync.facade.calls import Calls
from cloud_sync.facade.limits import PersonLimits
from cloud_sync.facade.notices import Notices
from cloud_sync.facade.recipients import Recipients
from cloud_sync.facade.rights import Rights
from cloud_sync.facade.upkeep import Upkeep
from cloud_sync.gate import Gate, Known
from cloud_sync.ingest.intake import Intake
from cloud_sync.model import Actor
from cloud_sync.model.keeping import RecordPart
from cloud_sync.policy import Policy
from cloud_sync.read.reader import Reader
from cloud_sync.read.rows import iso
from cloud_sync.records import Records
from cloud_sync.restriction import Restrictions
from cloud_sync.storage.tombstones import TombstoneRows
from cloud_sync.stores import Clock, Database, Sink


class Outlets:
    """The part of `CloudSync` through which data leaves. Reads are in `reads`.

    `sinks`, by recipient of the policy, is filled by the integrator: cloud.sinks["carrier"] = WebhookSink("https://…").
    """

    alarms: AlarmDesk
    audit: AuditLog
    clock: Clock
    config: Config
    database: Database
    gate: Gate
    groups: Groups
    ledger: ConsentLedger
    limits: PersonLimits
    lockout: Lockout
    logins: Logins
    notices: Notices
    policy: Policy
    records: Records
    restrictions: Restrictions
    rights: Rights
    _reader: Reader
    _tombstones: TombstoneRows
    _witness: Witness

    def _prepare_access(self) -> Known:
        """Before the gate: who is let in, and the facts that the gate asks for."""
        self.staff = StaffAccess(
            self.database, self.policy, self.clock, self.audit, closed=self._let_out, standing=self.logins.standing
        )
        self.relations = Relations(self.database, self.clock, self.audit, closed=self._let_out)
        self.approvals = Approvals(self.database, self.policy, self.clock, self.audit)
        exempt = self.policy.parameters.words("notice.service_mail.exempt")
        return Known(
            objected=lambda subject, purpose: (
                self.restrictions.closed(subject, purpose)
                or self.rights.directory.closed(subject, purpose)
                or purpose in self.groups.closed(subject)
            ),
            contract=self.records.contract,
            informed=lambda subject, captured, at: all(self.notices.informed(subject, each) for each in (captured, at)),
            turning_points=lambda subject: self.notices.turning_points(subject),  # noqa: PLW0108 - made after the gate
            grant=self.staff.grant_for,
            locked=self.lockout.locked,
            related=self.relations.related,
            approvals=self.approvals.of,
            accepted=lambda recipient: self.recipients.accepted(recipient),  # noqa: PLW0108 - as above
            mails=lambda subject, at: sent(self.audit, subject, at, exempt),
            recorded=lambda subject: bool(self.database.parts_of(subject)),
        )

    def _prepare_outlets(self) -> None:
        """Behind the gate."""
        self.intake = Intake(  # the way in beside the devices', with the same log
            policy=self.policy,
            put=self.records.put,
            consented=lambda subject, purpose, at: self.ledger.covered(subject, purpose, at, at).at_use,
            provided=lambda subject, who: self.notices.source(subject) or self.notices.provided(subject, who),
            audit=self.audit,
            clock=self.clock,
            closed=lambda subject: self.restrictions.purposes(subject) | self.groups.closed(subject),
        )
        self.sinks: dict[str, Sink] = {}
        self.terminal = Terminal(self.gate, self.clock, self.audit)
        parts: dict[str, Any] = {"policy": self.policy, "clock": self.clock, "audit": self.audit}
        self.calls, self.upkeep = Calls(records=self.records, **parts), Upkeep(database=self.database, **parts)
        self.mails = Mails(self.gate, self.clock, self.audit, self.database)
        self.disclosures = Disclosures(
            reader=self._reader, policy=self.policy, database=self.database, clock=self.clock, sinks=self.sinks
        )
        self.recipients = Recipients(
            config=self.config,
            policy=self.policy,
            ledger=self.ledger,
            database=self.database,
            clock=self.clock,
            audit=self.audit,
            records=self.records,
            disclosures=self.disclosures,
            sinks=self.sinks,
            cases=lambda: self.rights._book,
        )
        self._exporter = Exporter(
            gate=self.gate,
            reader=self._reader,
            database=self.database,
            audit=self.audit,
            clock=self.clock,
            records=self._records_of,
            own={
                "limits": lambda subject, actor: asdict(self.limits.get(subject, actor=actor)),  # who looked is logged
                "cases": lambda subject, _: self.rights.copy_of(subject),
                "alarms": lambda subject, _: self.alarms.copy_of(subject),
                "notices": lambda subject, _: self.notices.copy_of(subject),
                "groups_and_age": lambda subject, _: [asdict(bound) for bound in self.database.bounds_of(subject)],
                "restrictions": lambda subject, _: [
                    asdict(each) for each in self.database.restrictions(subject, lifted=True)
                ],
            },
        )

    def alerts(self, base_url: str) -> Alerts:
        """Alerts whose links begin with `base_url`, where people log in."""
        return Alerts(
            gate=self.gate,
            reader=self._reader,
            database=self.database,
            clock=self.clock,
            audit=self.audit,
            base_url=base_url,
        )

    def export(self, folder: str | Path, subject: str, *, actor: Actor, kind: Kind = Kind.ACCESS) -> Export:
        """Write a person's own copy into a new folder: everything (Art. 15), or what is portable (Art. 20)."""
        return self._exporter.write(folder, subject, actor=actor, kind=kind)

    def _let_out(self) -> None:
        """The witness outside the backup's domain learns that somebody was let out."""
        self._witness.note()

    def _close_restored(self) -> None:
        """A restored database knows grants and relations that may have ended since; who was erased is gone already (`erasing`)."""
        # Nobody is let in by what a backup says [a planner whose relation ended, a closed ticket]: it is opened anew.
        self.database.close_access()
        self.logins.close_restored()

    def _records_of(self, subject: str, category: str, actor: Actor, purpose: str) -> Iterator[Mapping[str, Any]]:
        """Each of the person's records of a category, or why it is withheld."""
        relations = self.database.relations(subject)
        for part in self.records.of(subject, category):
            row: dict[str, Any] = {"record": part.record_id, "created_at": iso(part.created_at)}
            if part.people > 1:
                row["with"] = self._company(part, {each.actor: each.role for each in relations})
            try:
                content = self.records.read(part.record_id, actor=actor, purpose=purpose, subject=subject)
            except Denied as denied:
                yield {**row, "withheld": str(denied.reason)}
            except KeyDestroyed:
                yield {**row, "withheld": "erased"}
            else:
                yield {**row, **_content(content)}

    def _company(self, part: RecordPart, roles: Mapping[str, str]) -> list[str]:
        """Who else is in a record, by their role alone: whoever is no longer there is "removed"."""
        others = [each.subject for each in self.database.parts(part.record_id) if each.subject != part.subject]
        known = sorted(roles.get(name, "another person") for name in others)
        return known + ["removed"] * (part.people - 1 - len(others))


def _content(content: bytes) -> dict[str, str]:
    try:
        return {"text": content.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}
