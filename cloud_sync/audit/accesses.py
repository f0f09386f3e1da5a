"""Who used a person's data, for what, and who was refused: the log's entries as the person reads them (GDPR Art. 15(1)(c))."""

from __future__ import annotations

from dataclasses import dataclass

from cloud_sync.audit.events import Kind
from cloud_sync.audit.log import AuditLog
from cloud_sync.audit.verbs import verb_of

_WORDS = ("role", "purpose", "action", "category", "reason", "recipient", "ticket")


@dataclass(frozen=True, slots=True)
class Access:
    """One use, or attempt. `first` and `last` are the captures that were read, Unix seconds; None where nothing was."""

    at: float
    actor: str
    role: str
    purpose: str
    action: str
    category: str
    allowed: bool
    reason: str
    recipient: str
    ticket: str  # of staff: the open case under which they were let in
    count: int
    first: int | None
    last: int | None
    entry: int  # number in the log: `audit prove` proves it


def accesses(log: AuditLog, subject: str) -> list[Access]:
    """All of them, oldest first; none of before an erasure of everything."""
    found = []
    for kind in (Kind.GATE_ALLOWED, Kind.GATE_DENIED, Kind.RECORD_CORRECTED):
        for entry in log.entries(subject, kind.value):
            detail = dict(entry.event.detail)
            text = {name: str(detail.get(name, "")) for name in _WORDS}
            text["action"] = text["action"] or str(verb_of(entry.event) or "")
            first, last = (detail.get(name) for name in ("captured_first", "captured_last"))
            found.append(
                Access(
                    at=entry.event.at,
                    actor=entry.event.actor,
                    allowed=kind is not Kind.GATE_DENIED,
                    count=int(detail.get("count", 0)),
                    first=int(first) if first is not None else None,
                    last=int(last) if last is not None else None,
                    entry=entry.index,
                    **text,
                )
            )
    return sorted(found, key=lambda access: access.entry)
