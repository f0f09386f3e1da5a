"""A copy of an identity document: only with a recorded doubt, masked, sealed, in no backup, and gone a day after the decision.

The copy is a record of the policy's category `identity_copy`, whose term is bounded by `identity.document.*` whatever a rule says.
Its key is left out of every backup of the key store, so that what a backup of the database holds of it opens for nobody.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from typing import Final

from cloud_sync.audit import Kind
from cloud_sync.errors import ConfigError
from cloud_sync.model.keeping import BESIDE_BACKUPS
from cloud_sync.model.rights import Case, CaseState, Doubt, Identity
from cloud_sync.policy import Clock as Event
from cloud_sync.records import Records
from cloud_sync.rights.cases import CaseBook
from cloud_sync.rights.desk import Desk
from cloud_sync.rights.rules import at

CATEGORY: Final = "identity_copy"
#: What is blacked out before a copy is taken (clause ST-50): nobody needs it to see who somebody is.
AREAS: Final = frozenset({"photo", "machine_readable_zone", "document_number", "citizen_number"})
COPY: Final = "copy "  # an event by which the record of a copy is found again
ID_BYTES: Final = 8


class Documents:
    """Copies of documents of the people of cases."""

    def __init__(self, desk: Desk, book: CaseBook, records: Records) -> None:
        self._desk = desk
        self._book = book
        self._records = records

    def doubt(self, case_id: str, reason: Doubt | str, *, by: str) -> Case:
        """Record why neither login nor link is enough (GDPR Art. 12(6)); only then a document may be asked for."""
        try:
            known = Doubt(reason)
        except ValueError:
            raise ConfigError(f"{reason}: no reason to doubt; one of {', '.join(Doubt)}") from None
        return self._book.step(
            case_id, Kind.CASE_DOUBTED, lambda case: at(case, CaseState.OPEN), by=by, detail=known.value
        )

    def take(self, case_id: str, image: bytes, *, masked: Collection[str], by: str) -> str:
        """Take a copy on which the four areas are masked; the record that it is. ConfigError, and no byte is kept, without a
        recorded doubt, with an area that is not declared masked, and where the policy has no category `identity_copy`.
        """
        open_areas = sorted(AREAS.difference(masked))
        if open_areas:
            raise ConfigError(f"not masked: {', '.join(open_areas)}; black them out, then hand the copy in again")
        case = at(self._book.get(case_id), CaseState.OPEN)
        if not any(event.kind == Kind.CASE_DOUBTED.value for event in self._book.database.case_events(case_id)):
            raise ConfigError("nobody recorded a doubt: a login or the link to the address on file is enough")
        name = f"{BESIDE_BACKUPS}{secrets.token_hex(ID_BYTES)}"
        with self._book.database.transaction():
            self._records.put(CATEGORY, {case.subject: image}, record_id=name)
            self._book.step(case_id, Kind.CASE_DOUBTED, lambda now: now, by=by, detail=f"{COPY}{name}")
        return name

    def accept(self, case_id: str, *, by: str) -> Case:
        """The copy was looked at, and it is the person."""
        if not self._copies(case_id):
            raise ConfigError("there is no copy of a document to accept")
        return self._desk.identify(case_id, Identity.DOCUMENT, by=by)

    def decided(self, case: Case) -> None:
        """The case is decided: from now on its copies live a day."""
        for name in self._copies(case.case_id):
            self._records.note(Event.IDENTITY_DECIDED, record=name, at=case.decided_at)

    def _copies(self, case_id: str) -> list[str]:
        events = self._book.database.case_events(case_id)
        return [event.detail.removeprefix(COPY) for event in events if event.detail.startswith(COPY)]
