"""The book of incidents: events that are appended and never changed, and the incident that they make.

Each step is one transaction of its event and the audit log. The register (GDPR Art. 33(5)) is this book: what was reported is in it
and what was not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any, Final

from cloud_sync.audit import Kind
from cloud_sync.breach.witness import IncidentWitness
from cloud_sync.errors import ConfigError, StoreError
from cloud_sync.model import AuditEvent
from cloud_sync.model.incidents import (
    Affected,
    Cause,
    Delay,
    Exempt,
    Incident,
    IncidentEvent,
    Measure,
    Party,
    Reporter,
    Risk,
)
from cloud_sync.stores import AuditSink, Clock, Database

log = logging.getLogger(__name__)

ACTOR: Final = "retention"
NO_INCIDENT: Final = "no such incident; byleave sync breaches list names them"


class IncidentBook:
    """All incidents of one installation."""

    def __init__(self, database: Database, audit: AuditSink, clock: Clock, witness: IncidentWitness) -> None:
        self.database, self.clock, self._witness = database, clock, witness
        self._audit = audit

    def get(self, incident_id: str) -> Incident:
        """One incident; ConfigError where there is none."""
        events = self.database.incident_events(incident_id)
        if not events:
            raise ConfigError(NO_INCIDENT)
        return incident_of(events)

    def all(self) -> list[Incident]:
        """Every incident, in order of opening."""
        events = sorted(self.database.incident_events(), key=lambda event: event.incident_id)
        found = [incident_of(list(group)) for _, group in groupby(events, key=lambda event: event.incident_id)]
        return sorted(found, key=lambda incident: (incident.opened_at, incident.incident_id))

    def append(
        self, incident_id: str, kind: Kind, *, by: str, detail: Mapping[str, Any] = {}, subject: str = ""
    ) -> Incident:
        """Take an incident one step on; the audit log has it in words and counts. `subject`: who was told."""
        now = self.clock.now()
        with self.database.transaction():
            number = len(self.database.incident_events(incident_id))
            event = IncidentEvent(incident_id, number, kind.value, now, _named(by, detail), dict(detail))
            self.database.append_incident_event(event)
            said: tuple[tuple[str, str | int], ...] = (("record", incident_id), *_said(detail))
            self._audit.append(AuditEvent(kind.value, now, by, subject, said))
            incident = self.get(incident_id)
        self._witness.note(event)
        return incident

    def remove(self, incident_id: str) -> None:
        """An incident whose term is over."""
        self._witness.forget(incident_id)  # ahead [what is put back goes by its term again]
        self.database.remove_incident(incident_id)

    def replay(self) -> int:
        """Put back what a restored database does not know, and tell the witness of what it does not; how many events.

        Whom an incident concerns is in the database alone. Where more were found than it names now, it says so: they are found anew
        before anybody is told.
        """
        with self.database.transaction():
            missing = self._witness.missing()
            for event in missing:
                self.database.append_incident_event(event)
        for incident_id in sorted({event.incident_id for event in missing}):
            there, incident = len(self.database.concerned(incident_id)), self.get(incident_id)
            lost = incident.concerned is not None and there < incident.concerned and incident.closed_at is None
            self.append(incident_id, Kind.BREACH_RESTORED, by=ACTOR, detail={"lost": lost})
        if missing:
            log.warning("%d events of the register of incidents were lost, and are put back", len(missing))
        self._witness.note_all()
        return len(missing)

    def log(self, incident_id: str, kind: Kind, *, by: str, subject: str, detail: Mapping[str, Any]) -> None:
        """In the audit log alone: what is said of one person is not in a register that outlives them."""
        said: tuple[tuple[str, str | int], ...] = (("record", incident_id), *_said(detail))
        self._audit.append(AuditEvent(kind.value, self.clock.now(), by, subject, said))


def incident_of(events: Sequence[IncidentEvent]) -> Incident:
    """What the events of one incident make; StoreError where the first does not open it."""
    first, *rest = events
    if first.kind != Kind.BREACH_OPENED.value:
        raise StoreError("an incident without its beginning: the register is damaged")
    incident = _opened(first)
    for event in rest:
        incident = _STEPS.get(event.kind, _nothing)(incident, event)
    return incident


def _opened(event: IncidentEvent) -> Incident:
    said = event.detail
    return Incident(
        incident_id=event.incident_id,
        affected=Affected(said["affected"]),
        which=said["which"],
        cause=Cause(said["cause"]),
        happened_from=said["from"],
        happened_until=said["until"],
        known_at=said["known_at"],
        opened_at=event.at,
        reporter=Reporter(said["reporter"]),
        categories=tuple(said["categories"]),
        reference=said["reference"],
        due={Party(party): float(at) for party, at in said["due"].items()},
        told={},
        late={},
    )


def _assessed(incident: Incident, event: IncidentEvent) -> Incident:
    risk, due = Risk(event.detail["risk"]), dict(incident.due)
    due.pop(Party.PERSONS, None)
    if "persons_due" in event.detail:
        due[Party.PERSONS] = float(event.detail["persons_due"])
    return replace(incident, risk=risk, due=due)


def _measured(incident: Incident, event: IncidentEvent) -> Incident:
    return replace(incident, measures=(*incident.measures, Measure(event.detail["measure"])))


def _concerned(incident: Incident, event: IncidentEvent) -> Incident:
    """People who are found after the letters went out are still to be told."""
    told = dict(incident.told)
    if event.detail.get("left"):
        told.pop(Party.PERSONS, None)
    return replace(incident, concerned=int(event.detail["count"]), told=told)


def _told(incident: Incident, event: IncidentEvent) -> Incident:
    party, late = Party(event.detail["party"]), dict(incident.late)
    if event.detail.get("late"):
        late[party] = Delay(event.detail["late"])
    told = incident.told if event.detail.get("left") else {**incident.told, party: event.at}
    count = int(event.detail.get("count", 0))
    return replace(incident, told=told, late=late, persons_told=incident.persons_told + count)


def _exempted(incident: Incident, event: IncidentEvent) -> Incident:
    due = dict(incident.due)
    due.pop(Party.PERSONS, None)
    return replace(incident, exempt=Exempt(event.detail["exempt"]), due=due)


def _restored(incident: Incident, event: IncidentEvent) -> Incident:
    """The list of people was lost with a database: nobody has looked, whatever was found before."""
    return replace(incident, concerned=None) if event.detail["lost"] else incident


def _closed(incident: Incident, event: IncidentEvent) -> Incident:
    return replace(incident, closed_at=event.at)


def _nothing(incident: Incident, _event: IncidentEvent) -> Incident:
    """Alarms say nothing of the incident itself."""
    return incident


_STEPS: Final[Mapping[str, Callable[[Incident, IncidentEvent], Incident]]] = {
    Kind.BREACH_ASSESSED.value: _assessed,
    Kind.BREACH_MEASURED.value: _measured,
    Kind.BREACH_CONCERNED.value: _concerned,
    Kind.BREACH_TOLD.value: _told,
    Kind.BREACH_EXEMPTED.value: _exempted,
    Kind.BREACH_CLOSED.value: _closed,
    Kind.BREACH_RESTORED.value: _restored,
}
#: What of an event's detail the audit log has, under its own keys.
_SAID: Final = {
    "affected": "category",
    "risk": "reason",
    "exempt": "reason",
    "measure": "action",
    "party": "role",
    "count": "count",
    "due_at": "review_at",
    "reference": "legal_ref",
}


def _said(detail: Mapping[str, Any]) -> tuple[tuple[str, str | int], ...]:
    found = {_SAID[name]: value for name, value in detail.items() if name in _SAID and value != ""}
    return tuple((name, int(value) if isinstance(value, float) else value) for name, value in found.items())


def _named(by: str, detail: Mapping[str, Any]) -> str:
    """Whoever told of it as one of those concerned stands in the audit log, which can forget them, and not here."""
    return "" if detail.get("reporter") == Reporter.PERSON.value else by
