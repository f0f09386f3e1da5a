"""What the engine needs of a telemetry database for incidents: their register, and who was concerned."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Protocol

from cloud_sync.model.incidents import IncidentEvent


class IncidentStore(Protocol):
    """Events of incidents (append-only until their term is over), people concerned, and by what these are found."""

    def append_incident_event(self, event: IncidentEvent) -> None: ...
    def incident_events(self, incident_id: str | None = None) -> list[IncidentEvent]:
        """Of one incident or of all, in order of appending."""

    def remove_incident(self, incident_id: str) -> int:
        """An incident whose term is over, with all of it; the number of events."""

    def add_concerned(self, incident_id: str, subjects: Iterable[str], at: float) -> None:
        """Those that are there stay as they are."""

    def concerned(self, incident_id: str, *, untold: bool = False) -> list[str]: ...
    def note_told(self, incident_id: str, subject: str, at: float) -> None: ...
    def forget_concerned(self, subject: str, until: float = math.inf) -> int: ...
    def used_by(
        self, actor: str, kinds: Iterable[str], since: float, until: float, *, noted_after_s: float
    ) -> set[str]:
        """Whose data an account used, by the audit log (a live view is noted so much later); not who was erased since."""

    def went_to(self, recipient: str, kinds: Iterable[str], until: float) -> set[str]:
        """Whose data went to a recipient up to that moment, by deliveries and by the audit log."""

    def recorded(self, until: float) -> set[str]:
        """Everybody of whom there is a record that came in up to that moment."""
