"""The book of cases: each step is one transaction of the case's state, an event of its own, and the audit log.

What a person wrote, or was told, is sealed under their key: an erasure of the person reaches it, and the case goes on to say that
it was answered. An event keeps a salted SHA-256 of it, and the salt is sealed with it: afterwards nobody can try texts against it.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import asdict
from typing import Final

from cloud_sync.audit import Kind
from cloud_sync.errors import ConfigError, SealBroken
from cloud_sync.keys.personkeys import PersonKeys
from cloud_sync.model import AuditEvent
from cloud_sync.model.rights import Case, CaseEvent
from cloud_sync.stores import AuditSink, Clock, Database

SALT_BYTES: Final = 16
MOST_CONTENT_BYTES: Final = 2**20  # a letter with its attachments as text; scans belong into a store of their own
#: The same sentence for a case that never was, that is over, and that is somebody else's.
NO_CASE: Final = "no such case; byleave sync rights list names them"


class CaseBook:
    """All cases of one installation."""

    def __init__(self, database: Database, people: PersonKeys, audit: AuditSink, clock: Clock) -> None:
        self.database = database
        self.clock = clock
        self._people = people
        self._audit = audit

    def get(self, case_id: str) -> Case:
        """One case; ConfigError where there is none."""
        found = self.database.case(case_id)
        if found is None:
            raise ConfigError(NO_CASE)
        return found

    def step(
        self,
        case_id: str,
        kind: Kind,
        change: Callable[[Case], Case],
        *,
        by: str,
        detail: str = "",
        content: bytes = b"",
        digest: str = "",
    ) -> Case:
        """Take a case one step on: `change` checks the case as it is now and gives it as it will be."""
        with self.database.transaction():
            case = change(self.get(case_id))
            self.write(case, kind, by=by, detail=detail, content=content, digest=digest)
        return case

    def write(
        self, case: Case, kind: Kind, *, by: str, detail: str = "", content: bytes = b"", digest: str = ""
    ) -> None:
        """Store a case with the event that made it so, inside a transaction."""
        if len(content) > MOST_CONTENT_BYTES:
            raise ConfigError(f"what is kept with a case has at most {MOST_CONTENT_BYTES} bytes")
        self.database.put_case(case)
        number, sealed, now = len(self.database.case_events(case.case_id)), b"", self.clock.now()
        if content:
            salted = secrets.token_bytes(SALT_BYTES) + content
            digest = hashlib.sha256(salted).hexdigest()
            sealed = self._people.seal(case.subject, salted, _identity(case.case_id, number))
        event = CaseEvent(case.case_id, number, kind.value, now, by, detail, digest, sealed)
        self.database.append_case_event(event)
        self._audit.append(AuditEvent(kind.value, now, by, case.subject, _said(case)))

    def contents(self, case_id: str) -> list[tuple[CaseEvent, bytes | None]]:
        """What happened, and what was written; None where it is gone, empty where nothing was."""
        case = self.get(case_id)
        return [(event, self._open(case, event)) for event in self.database.case_events(case_id)]

    def evidence(self, case: Case) -> str:
        """SHA-256, in hex, over the case and all that happened to it but its closing: what a proof of it names."""
        events = [
            [event.number, event.kind, event.at, event.actor, event.detail, event.digest]
            for event in self.database.case_events(case.case_id)
            if event.kind != Kind.CASE_CLOSED.value
        ]
        value = {**asdict(case), "evidence": "", "events": events}
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def verify(self, case_id: str) -> bool:
        """Whether a closed case and its events are those that its evidence is about."""
        case = self.get(case_id)
        return bool(case.evidence) and case.evidence == self.evidence(case)

    def _open(self, case: Case, event: CaseEvent) -> bytes | None:
        if not event.sealed:
            return None if event.digest and event.kind in _WRITTEN else b""
        try:
            salted = self._people.open(case.subject, event.sealed, _identity(case.case_id, event.number))
        except SealBroken:
            return None
        return salted[SALT_BYTES:]


_WRITTEN: Final = frozenset({Kind.CASE_OPENED.value, Kind.CASE_CARRIED.value, Kind.CASE_EXTENDED.value})


def _identity(case_id: str, number: int) -> bytes:
    return f"byleave/1/case/{case_id}/{number}".encode()


def _said(case: Case) -> tuple[tuple[str, str | int], ...]:
    """What the audit log has of a step: which right, how it came, when it is due, and why not."""
    said: list[tuple[str, str | int]] = [
        ("record", case.case_id),
        ("category", case.right.value),
        ("channel", case.channel.value),
        ("review_at", int(case.due_at)),
    ]
    if case.outcome:
        said += [("action", case.outcome)]
    if case.reason:
        said += [("reason", case.reason)]
    return tuple(said)
