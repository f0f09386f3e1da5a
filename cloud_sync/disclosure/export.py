"""A person's own copy: everything (GDPR Art. 15), or what Art. 20 lets them take elsewhere. Streamed into files, and logged.

Access copy and portability file differ (clause table, section 8, row 15; V-46): portability has what rests on consent or contract
and was given or observed; the access copy has that, and what is derived, the consents, who read what and why, recipients, terms.

1. The gate, EXPORT, for each category under each purpose; what it denies is listed with the reason, not left out in silence.
2. The audit log says that an export begins, before the first file [an export that nobody can see].
3. The gate again for each part, when it is written [a withdrawal in the middle]. 4. The log has each file with its count.
5. A manifest has each file with its rows and SHA-256. What is portable comes as JSON and CSV, positions as GPX and GeoJSON as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from cloud_sync.audit import AuditLog, accesses
from cloud_sync.audit import Kind as AuditKind
from cloud_sync.disclosure.about import not_portable, policy_value
from cloud_sync.disclosure.around import delivery_row, hold_row, plain, read_row
from cloud_sync.disclosure.copied import INDEX, Export, FileOfExport, Kind, manifest_of
from cloud_sync.disclosure.files import Array, Folder
from cloud_sync.disclosure.forms import other_forms
from cloud_sync.disclosure.index import index_page
from cloud_sync.disclosure.manifest import MANIFEST
from cloud_sync.disclosure.silence import unspoken
from cloud_sync.errors import ConfigError, Denied
from cloud_sync.gate import Decision, Gate, Request
from cloud_sync.gate.entry import named
from cloud_sync.gate.words import said_role
from cloud_sync.model import Action, Actor, AuditEvent, Precision, Reason
from cloud_sync.model.keeping import Hold
from cloud_sync.policy import Policy, Rule
from cloud_sync.policy.vocabulary import Role
from cloud_sync.read.query import Query
from cloud_sync.read.reader import Reader
from cloud_sync.read.rows import iso, row_of
from cloud_sync.read.sources import SOURCES, Source
from cloud_sync.stores import Clock, Database

__all__ = ["Export", "Exporter", "FileOfExport", "Kind"]

CONSENTS, AUDIT = "consent_ledger", "audit"

_RIGHTS: Final = "rights_handling"
#: In the category of which somebody else than the person must be let export it, for rights handling: what the files around the
#: readings say is said by the ledger of answers, or else by the log.
_OF_LEDGER: Final = frozenset({"limits", "groups_and_age"})

_ORDER = {reason: place for place, reason in enumerate(Reason)}


#: Rows of a category that no stream feeds, of one person: (subject, category, actor, purpose).
Records = Callable[[str, str, Actor, str], Iterable[Mapping[str, Any]]]
#: What a person set that no rule of the policy is about: limits, groups; in the access copy alone. (subject, who looks).
Own = Callable[[str, str], Any]


class Exporter:
    """Writes copies. `records` and `own` (by file name) bring the person's data from beside the streams."""

    def __init__(
        self,
        *,
        gate: Gate,
        reader: Reader,
        database: Database,
        audit: AuditLog,
        clock: Clock,
        records: Records | None = None,
        own: Mapping[str, Own] | None = None,
    ) -> None:
        self._gate = gate
        self._reader = reader
        self._database = database
        self._audit = audit
        self._clock = clock
        self._records = records
        self._own = dict(own or {})

    def write(
        self,
        folder: str | Path,
        subject: str,
        *,
        actor: Actor,
        kind: Kind = Kind.ACCESS,
        withhold: Mapping[str, str] | None = None,
    ) -> Export:
        """Write a copy into a new folder; `Denied` when the gate lets the actor export nothing at all of this person.

        `withhold` names categories that a law excepts (GDPR Art. 15(4), 23), each with that law: they are listed as withheld.
        ConfigError for one that is no category of the policy, or has no law [a word spelled otherwise, and it is handed out].
        """
        policy, now = self._gate.policy, self._clock.now()
        _check_withheld(policy, withhold or {})
        made = Export(Path(folder), kind, subject, now)
        asked = [
            (rule, purpose, source, self._ask(actor, rule.category, purpose, subject))
            for rule in policy.rules
            for purpose in rule.purposes
            for source in self._sources(rule)
        ]
        self._begin(actor, subject, kind, [decision for _, _, _, decision in asked])
        files = Folder(folder)
        for rule, purpose, source, decision in asked:
            name = source.name if source else rule.category
            why = (withhold or {}).get(rule.category, "")
            if kind is Kind.PORTABILITY:
                why = why or not_portable(policy, rule, source)
            if why or not decision:
                made.withheld.append((name, purpose, why or decision.reason.value))
            elif source is not None:
                self._stream(files, made, source, Query(actor, purpose, subject, 0.0, now, act=Action.EXPORT))
            else:
                self._rows(files, made, rule, purpose, actor)
        if kind is Kind.ACCESS:
            standing = [(rule, purpose) for rule, purpose, _, decision in asked if decision]
            self._around(files, made, policy, actor, standing)
        with files.file(INDEX) as page:
            page.write(index_page(made, policy))
        made.manifest = manifest_of(made, policy)
        files.value(MANIFEST, made.manifest.value())
        return made

    # Parts

    def _sources(self, rule: Rule) -> list[Source[Any] | None]:
        if rule.stream is None:
            return [None]
        return [source for source in SOURCES if source.stream is rule.stream and source.rules(rule)]

    def _ask(self, actor: Actor, category: str, purpose: str, subject: str) -> Decision:
        now = self._clock.now()
        return self._gate.ask(Request(actor, purpose, Action.EXPORT, category, subject, now, now))

    def _begin(self, actor: Actor, subject: str, kind: Kind, decisions: list[Decision]) -> None:
        """Log that it begins, or why nothing at all is exported: the reason of the decision that came furthest."""
        allowed = any(decisions)
        nothing = Decision(False, Reason.CATEGORY_UNKNOWN, Precision.NONE, "the policy has no rule")
        best = next(filter(None, decisions), None)  # a denial is false
        best = best if best is not None else max([nothing, *decisions], key=lambda each: _ORDER[each.reason])
        detail = (
            ("action", Action.EXPORT.value),
            ("channel", kind.value),
            ("role", said_role(actor.role)),
            ("reason", best.reason.value),
        )
        logged = AuditKind.EXPORT_BEGUN if allowed else AuditKind.GATE_DENIED
        people = named(actor.id, subject, allowed=allowed)
        self._audit.append(AuditEvent(logged.value, self._clock.now(), *people, detail))
        if not allowed:
            raise Denied(best.reason, f"denied: {best.reason.value}: {best.explanation}")

    def _stream(self, files: Folder, made: Export, source: Source[Any], query: Query) -> None:
        """One stream under one purpose, piece by piece, with the fields that the gate lets out."""
        try:
            decision = self._reader.demand(source, query)
            pieces = self._reader.pieces(source, query)
        except Denied as denied:
            made.withheld.append((source.name, query.purpose, str(denied.reason)))
            return
        name, stopped, unreadable = f"{source.name}.{query.purpose}.json", "", 0
        with files.array(name) as array:
            try:
                for piece in pieces:
                    for item in piece:
                        array.add(row_of(source.name, item, decision.fields))
                    unreadable += piece.unreadable
            except Denied as denied:
                stopped = str(denied.reason)
        self._reader.note(AuditKind.GATE_ALLOWED, source, query, Reason.ALLOWED, array.count, unreadable)
        made.files.append(FileOfExport(name, source.name, array.count, query.purpose, stopped, unreadable))
        self._forms(files, made, array, source.name)

    def _rows(self, files: Folder, made: Export, rule: Rule, purpose: str, actor: Actor) -> None:
        """What no stream feeds: consents, the log's entries about the person, and their records."""
        decision = self._ask(actor, rule.category, purpose, made.subject)
        if not decision:
            made.withheld.append((rule.category, purpose, decision.reason.value))
            return
        name = f"{rule.category}.{purpose}.json"
        with files.array(name) as array:
            for row in self._bring(made.subject, rule.category, actor, purpose):
                array.add(dict(row))
        detail: tuple[tuple[str, str | int], ...] = (
            ("action", Action.EXPORT.value),
            ("category", rule.category),
            ("purpose", purpose),
            ("role", actor.role),
            ("reason", Reason.ALLOWED.value),
            ("count", array.count),
        )
        event = AuditEvent(AuditKind.GATE_ALLOWED.value, self._clock.now(), actor.id, made.subject, detail)
        self._audit.append(event)
        made.files.append(FileOfExport(name, rule.category, array.count, purpose))
        self._forms(files, made, array, rule.category)

    def _forms(self, files: Folder, made: Export, array: Array, about: str) -> None:
        """The same rows in the forms that other programs read, of what is to be taken elsewhere."""
        if made.kind is not Kind.PORTABILITY:
            return
        file = made.files[-1]
        for name, count in other_forms(files, file.name, about, array.columns):
            made.files.append(FileOfExport(name, about, count, file.purpose, form_of=file.name))

    def _around(
        self, files: Folder, made: Export, policy: Policy, actor: Actor, standing: list[tuple[Rule, str]]
    ) -> None:
        """What an access copy has beside: who read what, to whom it went, devices, staff, what the policy says.

        Asked again before each file. The person has all of it while anything of the copy may still be exported; whoever else
        writes it what the gate lets them export for rights handling [a parent with one purpose who gets the home as well].
        """
        subject, database = made.subject, self._database
        tables: dict[str, Callable[[], list[Any]]] = {
            "reads": lambda: [
                read_row(a) for a in accesses(self._audit, subject) if not self._silent(subject, a.recipient)
            ],
            "disclosures": lambda: [
                delivery_row(d) for d in database.deliveries(subject) if not self._silent(subject, d.recipient)
            ],
            "staff": lambda: [plain(grant) for grant in database.grants(subject)],
            "relations": lambda: [plain(relation) for relation in database.relations(subject)],
            "devices": lambda: [plain(device) for device in database.devices_of(subject)],
            "holds": lambda: [hold_row(hold) for hold in self._holds(subject)],
        }
        for name, rows in tables.items():
            if self._may(made, name, actor, standing):
                with files.array(f"{name}.json") as array:
                    for row in rows():
                        array.add(row)
                made.files.append(FileOfExport(f"{name}.json", name, array.count))
        for name, bring in self._own.items():
            if self._may(made, name, actor, standing):
                self._value(files, made, name, bring(subject, actor.id))
        self._value(files, made, "policy", policy_value(policy, made.at))  # it says the same to everybody

    def _holds(self, subject: str) -> list[Hold]:
        """Legal holds on the person, and on devices of theirs; released ones as well."""
        devices = {device.device for device in self._database.devices_of(subject)}
        holds = self._database.holds(released=True)
        return [hold for hold in holds if hold.subject == subject or (not hold.subject and hold.device in devices)]

    def _may(self, made: Export, name: str, actor: Actor, standing: list[tuple[Rule, str]]) -> bool:
        """Whether a file around the readings may be written now; if not, it is withheld with the reason."""
        if actor.role == Role.DATA_SUBJECT.value and actor.id == made.subject:
            asked = [self._ask(actor, rule.category, purpose, made.subject) for rule, purpose in standing]
        else:
            asked = [self._ask(actor, CONSENTS if name in _OF_LEDGER else AUDIT, _RIGHTS, made.subject)]
        if any(asked):
            return True
        best = max(asked, key=lambda each: _ORDER[each.reason])
        made.withheld.append((name, _RIGHTS, best.reason.value))
        return False

    def _silent(self, subject: str, recipient: str) -> bool:
        """Whether an order forbids to tell of this recipient for now."""
        return bool(recipient) and recipient in unspoken(self._database, subject, self._clock.now())

    def _value(self, files: Folder, made: Export, name: str, value: Any) -> None:
        files.value(f"{name}.json", value)
        made.files.append(FileOfExport(f"{name}.json", name, 1))

    def _bring(self, subject: str, category: str, actor: Actor, purpose: str) -> Iterable[Mapping[str, Any]]:
        if category == CONSENTS:
            return self._consents(subject)
        if category == AUDIT:
            return self._entries(subject)
        return self._records(subject, category, actor, purpose) if self._records else ()

    def _consents(self, subject: str) -> Iterable[dict[str, Any]]:
        return (plain(record) for record in self._database.consents(subject))

    def _entries(self, subject: str) -> Iterable[dict[str, Any]]:
        for entry in self._audit.entries(subject):
            event = entry.event
            if self._silent(subject, str(dict(event.detail).get("recipient", ""))):
                continue
            yield {
                "entry": entry.index,
                "kind": event.kind,
                "time": iso(event.at),
                "actor": event.actor,
                "detail": dict(event.detail),
            }


def _check_withheld(policy: Policy, withhold: Mapping[str, str]) -> None:
    for category, law in withhold.items():
        if not policy.rules_of(category):
            raise ConfigError(f"{category}: no category of the policy: nothing would be withheld; name one of its own")
        if not law.strip():
            raise ConfigError(f"{category}: name the law that excepts it; without one everything is handed out")
