"""A person's own copy: everything (GDPR Art. 15), or what Art. 20 lets them take elsewhere. Streamed into files, and logged.

Access copy and portability file differ (clause table, section 8, row 15; V-46): portability has what rests on consent or contract
and was given or observed; the access copy has that, and what is derived, the consents, who read what and why, recipients, terms.

1. The gate, EXPORT, for each category under each purpose; what it denies is listed with the reason, not left out in silence.
2. The audit log says that an export begins, before the first file [an export that nobody can see].
3. The gate again for each part, when it is written [a withdrawal in the middle]. 4. The log has each file with its count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from cloud_sync.audit import AuditLog, accesses
from cloud_sync.audit import Kind as AuditKind
from cloud_sync.disclosure.about import policy_value
from cloud_sync.disclosure.files import Folder
from cloud_sync.disclosure.index import index_page
from cloud_sync.errors import Denied
from cloud_sync.gate import Decision, Gate, Request
from cloud_sync.gate.words import said_role, said_word
from cloud_sync.model import Action, Actor, AuditEvent, LawfulBasis, Precision, Reason
from cloud_sync.policy import Policy, Rule
from cloud_sync.policy.vocabulary import Role
from cloud_sync.read.query import Query
from cloud_sync.read.reader import Reader
from cloud_sync.read.rows import iso, row_of
from cloud_sync.read.sources import SOURCES, Source
from cloud_sync.stores import Clock, Database

CONSENTS, AUDIT = "consent_ledger", "audit"
INDEX = "index.html"

_RIGHTS: Final = "rights_handling"
#: In the category of which somebody else than the person must be let export it, for rights handling: what the files around the
#: readings say is said by the ledger of answers, or else by the log.
_OF_LEDGER: Final = frozenset({"limits", "groups_and_age"})

_ORDER = {reason: place for place, reason in enumerate(Reason)}


class Kind(StrEnum):
    """Which of the two copies."""

    ACCESS = "access"
    PORTABILITY = "portability"


@dataclass(frozen=True, slots=True)
class FileOfExport:
    """One file: what is in it, how many records, why it ended early if it did, and how many envelopes did not open."""

    name: str
    about: str
    count: int
    purpose: str = ""
    stopped: str = ""
    unreadable: int = 0


@dataclass(slots=True)
class Export:
    """What an export wrote, and what it withheld: (what, purpose, reason)."""

    folder: Path
    kind: Kind
    subject: str
    at: float
    files: list[FileOfExport] = field(default_factory=list)
    withheld: list[tuple[str, str, str]] = field(default_factory=list)


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

    def write(self, folder: str | Path, subject: str, *, actor: Actor, kind: Kind = Kind.ACCESS) -> Export:
        """Write a copy into a new folder; `Denied` when the gate lets the actor export nothing at all of this person."""
        policy, now = self._gate.policy, self._clock.now()
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
            why = _not_portable(policy, rule, source) if kind is Kind.PORTABILITY else ""
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
        people = (actor.id, subject) if allowed else (said_word(actor.id), said_word(subject))
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

    def _around(
        self, files: Folder, made: Export, policy: Policy, actor: Actor, standing: list[tuple[Rule, str]]
    ) -> None:
        """What an access copy has beside: who read what, to whom it went, devices, staff, what the policy says.

        Asked again before each file. The person has all of it while anything of the copy may still be exported; whoever else
        writes it what the gate lets them export for rights handling [a parent with one purpose who gets the home as well].
        """
        subject, database = made.subject, self._database
        tables: dict[str, Callable[[], list[Any]]] = {
            "reads": lambda: [_read_row(access) for access in accesses(self._audit, subject)],
            "disclosures": lambda: [_delivery_row(each) for each in database.deliveries(subject)],
            "staff": lambda: [_plain(grant) for grant in database.grants(subject)],
            "relations": lambda: [_plain(relation) for relation in database.relations(subject)],
            "devices": lambda: [_plain(device) for device in database.devices_of(subject)],
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
        return (_plain(record) for record in self._database.consents(subject))

    def _entries(self, subject: str) -> Iterable[dict[str, Any]]:
        for entry in self._audit.entries(subject):
            event = entry.event
            yield {
                "entry": entry.index,
                "kind": event.kind,
                "time": iso(event.at),
                "actor": event.actor,
                "detail": dict(event.detail),
            }


def _not_portable(policy: Policy, rule: Rule, source: Source[Any] | None) -> str:
    """Why a rule's data is no part of a portability file, or an empty text (GDPR Art. 20(1); V-46)."""
    bases = {LawfulBasis(name) for name in policy.parameters.words("portability.bases")}
    if rule.basis not in bases:
        return f"rests on {rule.basis.value}"
    origin = "derived" if source is not None and source.derived else "observed" if source is not None else "given"
    return "" if origin in policy.parameters.words("portability.origin") else f"is {origin}"


def _plain(record: Any) -> dict[str, Any]:
    """A record as JSON has it."""
    return {name: _word(value) for name, value in asdict(record).items()}


def _word(value: Any) -> Any:
    if isinstance(value, frozenset | tuple):
        return sorted(value) if isinstance(value, frozenset) else list(value)
    return value.value if isinstance(value, StrEnum) else value


def _read_row(access: Any) -> dict[str, Any]:
    row = asdict(access)
    captured = {name: iso(row[name]) if row[name] is not None else None for name in ("first", "last")}
    return {**row, "at": iso(row["at"]), **captured}


def _delivery_row(delivery: Any) -> dict[str, Any]:
    """A disclosure without its salt and place: who got how much of what, when, why."""
    names = ("delivery", "recipient", "purpose", "source", "reference", "count", "commitment")
    row = {name: getattr(delivery, name) for name in names}
    times = {"captured_first": delivery.start, "captured_last": delivery.end, "begun_at": delivery.begun_at}
    ended = iso(delivery.ended_at) if delivery.ended_at is not None else None
    return {**row, "state": delivery.state.value, **{n: iso(at) for n, at in times.items()}, "ended_at": ended}
