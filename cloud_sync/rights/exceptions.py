"""What was used between the receipt of an objection and the moment from which it held: said to the person, and put right.

An objection counts from its receipt in any channel; a letter lies for a while before anybody keys it. What went on for that purpose
meanwhile is an exception that the answer names (clause CG-46).
"""

from __future__ import annotations

from dataclasses import dataclass

from cloud_sync.audit import AuditLog, Kind
from cloud_sync.model.rights import Case, Right
from cloud_sync.stores import Database


@dataclass(frozen=True, slots=True)
class Use:
    """One use of the person's data: when, by whom, what for, which act, to whom, and its entry in the log."""

    at: float
    actor: str
    purpose: str
    action: str
    recipient: str
    entry: int


@dataclass(frozen=True, slots=True)
class Exceptions:
    """From when an objection counts, from when it held (None: it does not yet), and what was done in between."""

    effective_from: float
    held_from: float | None
    uses: tuple[Use, ...]


def exceptions(case: Case, database: Database, log: AuditLog, purposes: frozenset[str]) -> Exceptions:
    """Of an objection or a restriction; an objection to no purpose of the policy is against all of them."""
    events = database.case_events(case.case_id)
    held = next((event.at for event in events if event.kind == Kind.CASE_IDENTIFIED.value), None)
    one = case.right is Right.OBJECTION and case.purpose in purposes
    uses = []
    for kind in (Kind.GATE_ALLOWED, Kind.MAIL_SENT, Kind.ALERT_SENT):
        for entry in log.entries(case.subject, kind.value):
            event, said = entry.event, dict(entry.event.detail)
            late = case.received_at <= event.at and (held is None or event.at < held)
            theirs = event.actor == case.subject
            if not late or theirs or (one and said.get("purpose") != case.purpose):
                continue
            action = str(said.get("action", "mail" if kind is Kind.MAIL_SENT else kind.value))
            what = (str(said.get("purpose", "")), action, str(said.get("recipient", "")))
            uses.append(Use(event.at, event.actor, *what, entry.index))
    return Exceptions(case.received_at, held, tuple(sorted(uses, key=lambda use: use.entry)))
