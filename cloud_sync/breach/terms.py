"""What time brings to incidents: alarms before each deadline and at it, and the end of the register's own term."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cloud_sync.audit import Kind
from cloud_sync.breach.book import IncidentBook
from cloud_sync.model.incidents import Incident, Party
from cloud_sync.policy import Period, Policy

ACTOR: Final = "retention"
#: The first alarm comes when this part of a term is over, as those of people's rights do: at 54 of 72 hours, at 18 of 24.
ALARM_PART: Final = 0.75
CATEGORY, LOG = "incident", "audit"  # of the policy; without a rule for either the register is kept for these years
KEPT: Final = Period.parse("P5Y")


def raise_alarms(book: IncidentBook) -> int:
    """Raise what is due, each once: before a deadline and at it; people whose risk is high are an alarm at once. How many."""
    now, count = book.clock.now(), 0
    for incident in book.all():
        raised = {
            (event.kind, str(event.detail["party"]))
            for event in book.database.incident_events(incident.incident_id)
            if event.kind in (Kind.BREACH_ALARM.value, Kind.BREACH_LATE.value)
        }
        for kind, party in _due(incident, now):
            if (kind.value, party.value) not in raised:
                detail = {"party": party.value, "due_at": incident.due[party]}
                book.append(incident.incident_id, kind, by=ACTOR, detail=detail)
                count += 1
    return count


def _due(incident: Incident, now: float) -> Iterator[tuple[Kind, Party]]:
    for party, due in incident.due.items():
        if not incident.waits(party):
            continue
        if now >= due:
            yield Kind.BREACH_LATE, party
        elif party is Party.PERSONS or now >= incident.known_at + (due - incident.known_at) * ALARM_PART:
            yield Kind.BREACH_ALARM, party


def end_terms(book: IncidentBook, policy: Policy) -> int:
    """Destroy closed incidents whose term is over; how many."""
    rules, now = policy.rules_of(CATEGORY) or policy.rules_of(LOG), book.clock.now()
    terms = [rule.retention for rule in rules] or [KEPT]
    over = [
        each.incident_id
        for each in book.all()
        if each.closed_at is not None and max(term.end(each.closed_at) for term in terms) <= now
    ]
    for incident_id in over:
        book.remove(incident_id)
    return len(over)
