"""The register of incidents, kept where no backup reaches: a database from before does not know what happened since.

An authority asks what was known when, and told when (GDPR Art. 33(5)); a restore must not take that away, nor stop a clock
of hours that runs. Each event lies beside the tombstones as it is in the register, in its closed words. Whom an incident concerns
does not: that is a list of people, and it is found anew.
"""

from __future__ import annotations

import json
from typing import Final

from cloud_sync.model.incidents import IncidentEvent
from cloud_sync.stores import Database, WitnessStore

PREFIX: Final = "incident/"
THERE, GONE = 1, 0


class IncidentWitness:
    """Events of the register, as they were committed."""

    def __init__(self, database: Database, witness: WitnessStore) -> None:
        self._database = database
        self._witness = witness

    def note(self, event: IncidentEvent) -> None:
        """Remember one; after the commit."""
        mark = json.dumps([event.kind, event.at, event.actor, dict(event.detail)]).encode()
        self._witness.set_witness(_name(event.incident_id, event.number), THERE, mark)

    def note_all(self) -> None:
        """Remember everything that it does not know: what a program committed and ended before it could tell."""
        known = self._witness.witnesses(PREFIX)
        for event in self._database.incident_events():
            if _name(event.incident_id, event.number) not in known:
                self.note(event)

    def missing(self) -> list[IncidentEvent]:
        """What the database does not know, in order."""
        there = {_name(event.incident_id, event.number) for event in self._database.incident_events()}
        names = [
            name for name, state in self._witness.witnesses(PREFIX).items() if state == THERE and name not in there
        ]
        return sorted(map(self._event, names), key=lambda event: (event.incident_id, event.number))

    def forget(self, incident_id: str) -> None:
        """One whose term is over."""
        for name in self._witness.witnesses(f"{PREFIX}{incident_id}/"):
            self._witness.set_witness(name, GONE, b"")

    def _event(self, name: str) -> IncidentEvent:
        _, incident_id, number = name.split("/")
        _, mark = self._witness.witness(name) or (0, b"[]")
        kind, at, actor, detail = json.loads(mark)
        return IncidentEvent(incident_id, int(number), kind, at, actor, detail)


def _name(incident_id: str, number: int) -> str:
    return f"{PREFIX}{incident_id}/{number}"
