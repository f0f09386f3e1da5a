"""Remote help: a member of the staff asks, the person accepts in the session, and within the hour it is over (TT-24).

The session is a short grant that only the person's own yes opens. What was said and shown is kept nowhere: what stays is the log's
entries of who asked, who accepted, what was looked at, and the end.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final

from cloud_sync.access.staff import ID_BYTES, StaffAccess
from cloud_sync.audit import AuditLog, Kind
from cloud_sync.audit.log import Entry
from cloud_sync.errors import ConfigError, Denied
from cloud_sync.gate.entry import named
from cloud_sync.model import Actor, AuditEvent, Reason
from cloud_sync.model.access import StaffGrant
from cloud_sync.policy.vocabulary import Role
from cloud_sync.stores import Clock

SESSION_S: Final = 3_600  # the longest, whatever a grant may last
ANSWER_S: Final = 600  # a person who is on the phone answers within minutes; later the helper asks anew
_KINDS: Final = (Kind.HELP_ASKED, Kind.HELP_ACCEPTED, Kind.HELP_ENDED)


@dataclass(frozen=True, slots=True)
class Session:
    """A session that was asked for. `ends_at` is None until the person accepts."""

    session: str
    helper: str
    role: str
    subject: str
    ticket: str
    purpose: str
    category: str
    asked_at: float
    ends_at: float | None = None


class Help:
    """Remote help in one installation. Sessions are what the log says of them; nothing else is stored."""

    def __init__(self, staff: StaffAccess, audit: AuditLog, clock: Clock) -> None:
        self._staff = staff
        self._audit = audit
        self._clock = clock

    def ask(self, helper: Actor, subject: str, *, ticket: str, purpose: str, category: str) -> Session:
        """Ask the person to let the helper in for one purpose and category; nothing is open yet.

        `Denied` as a grant would be: by role, second factor, account, or without an open ticket about this person.
        """
        self._staff.may_open(helper, subject, purposes=[purpose], categories=[category], ticket=ticket)
        now = self._clock.now()
        made = Session(
            secrets.token_hex(ID_BYTES), helper.id, helper.role, subject, ticket, purpose, category, asked_at=now
        )
        self._log(Kind.HELP_ASKED, helper.id, made)
        return made

    def accept(self, session: str, *, person: Actor, helper: Actor) -> StaffGrant:
        """The person lets the helper in, for an hour at most. `Denied` for anybody else's yes; ConfigError for one too late."""
        asked = self._asked(session, person)
        if self._clock.now() >= asked.asked_at + ANSWER_S:
            raise ConfigError("the question is too old: the helper asks again")
        answered = self._is_in(Kind.HELP_ACCEPTED, asked) or self._is_in(Kind.HELP_ENDED, asked)
        if (helper.id, helper.role) != (asked.helper, asked.role) or answered:
            raise ConfigError(
                "this session is another helper's, or was accepted already or ended: the helper asks again"
            )
        grant = self._staff.open(
            helper,
            asked.subject,
            purposes=[asked.purpose],
            categories=[asked.category],
            by=helper,
            ticket=asked.ticket,
            for_s=SESSION_S,
            accepted=True,
        )
        self._log(Kind.HELP_ACCEPTED, person.id, asked, grant=grant.grant)
        return grant

    def end(self, session: str, *, subject: str, by: str) -> None:
        """Either side ends it before its hour, or before the answer, which is a no; again does nothing."""
        asked = self._find(session, subject)
        if asked is None:
            raise ConfigError("there is no such session")
        accepted = self._entry(Kind.HELP_ACCEPTED, asked)
        if self._is_in(Kind.HELP_ENDED, asked):
            return
        if accepted is not None:
            self._staff.close(str(dict(accepted.event.detail)["grant"]), by=by)
        self._log(Kind.HELP_ENDED, by, asked)

    def trail(self, session: str, *, subject: str) -> list[Entry]:
        """The log's entries of a session, in order: all that there is of it."""
        found = [entry for kind in _KINDS for entry in self._audit.entries(subject, kind.value)]
        return sorted((each for each in found if _names(each, session)), key=lambda each: each.index)

    # Parts

    def _asked(self, session: str, person: Actor) -> Session:
        asked = self._find(session, person.id) if person.role == Role.DATA_SUBJECT.value else None
        if asked is None:
            reason = Reason.ROLE_NOT_PERMITTED
            people = named(person.id, person.id, allowed=False)
            self._audit.append(
                AuditEvent(Kind.ACCESS_REFUSED.value, self._clock.now(), *people, (("reason", reason.value),))
            )
            raise Denied(reason, f"denied: {reason.value}: only the person whom a session is about accepts it")
        return asked

    def _find(self, session: str, subject: str) -> Session | None:
        entries = self._audit.entries(subject, Kind.HELP_ASKED.value)
        found = next((entry.event for entry in entries if _names(entry, session)), None)
        if found is None:
            return None
        said = {name: str(value) for name, value in found.detail}
        words = (said["role"], subject, said["ticket"], said["purpose"], said["category"])
        return Session(session, found.actor, *words, asked_at=found.at)

    def _entry(self, kind: Kind, asked: Session) -> Entry | None:
        entries = self._audit.entries(asked.subject, kind.value)
        return next((entry for entry in entries if _names(entry, asked.session)), None)

    def _is_in(self, kind: Kind, asked: Session) -> bool:
        return self._entry(kind, asked) is not None

    def _log(self, kind: Kind, by: str, asked: Session, **more: str) -> None:
        detail: dict[str, str | int] = {
            "record": asked.session,
            "role": asked.role,
            "ticket": asked.ticket,
            "purpose": asked.purpose,
            "category": asked.category,
            **more,
        }
        self._audit.append(AuditEvent(kind.value, self._clock.now(), by, asked.subject, tuple(sorted(detail.items()))))


def _names(entry: Entry, session: str) -> bool:
    return dict(entry.event.detail).get("record") == session
