"""Lock-outs: whoever asks too often for what is another's, and may not, is let in to nothing for a while (CT-17).

Counted are refusals that are about who asks, not about what is kept [a person whose consent has ended is no intruder]: of people
and staff at the gate, and of the staff's logins. What is refused at the door shuts the door alone: nobody has shown there who they
are [a stranger who locks somebody out of their own data by failing in their name]. Each process counts by itself, and begins with
what the log has.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Final, Protocol

from cloud_sync.access.logins import LoginRefusal
from cloud_sync.audit import Kind
from cloud_sync.errors import ConfigError
from cloud_sync.gate.book import STAFF, USERS
from cloud_sync.gate.words import UNDECLARED, check_word
from cloud_sync.model import Action, AuditEvent, Reason
from cloud_sync.policy import Policy
from cloud_sync.stores import AuditSink, Clock

GUARD: Final = "access"  # who locks, as the log has it
COUNTED: Final = frozenset(
    reason.value
    for reason in (Reason.ROLE_NOT_PERMITTED, Reason.RELATION_MISSING, Reason.TICKET_MISSING, Reason.MFA_MISSING)
)
ONE_EXPORT_S: Final = 1.0  # an export asks for each category: what is refused at once is one attempt
MOST_WATCHED: Final = 10_000  # identities at once, a megabyte; a flood of made-up ones pushes the oldest out
MOST_BEFORE: Final = 1_000  # newest refusals of each kind in the log that a process begins with
DOOR: Final = "login"  # reason of a lock-out that shuts the door alone
#: At the door nothing is tried of an account that is not there [a person's name, typed by somebody else]; and whoever waits for a
#: lock to end would never be let in again if waiting counted.
_NO_TRY: Final = frozenset({Reason.TOKEN_LOCKED.value, LoginRefusal.ACCOUNT_UNKNOWN.value})
#: Who, and whether at the door.
_Key = tuple[str, bool]


class Newest(Protocol):
    """What the log has."""

    def newest_events(self, kind: str, most: int) -> list[AuditEvent]:
        """Up to so many of a kind, the newest first."""


class Lockout:
    """Who is locked out now. `heard` is told every event of the log."""

    def __init__(self, store: Newest, policy: Policy, clock: Clock, audit: AuditSink) -> None:
        self._store = store
        self._clock = clock
        self._audit = audit
        self._after = int(policy.parameters.number("access.lock_after"))
        self._within = policy.parameters.period("access.lock_within")
        self._refused: dict[_Key, deque[float]] = {}
        self._until: dict[_Key, float] = {}
        self._counting = threading.Lock()  # the service's threads all write to the log
        self._begin()

    def locked(self, actor: str) -> bool:
        """Whether somebody is let in to nothing now."""
        return self._is_locked((actor, False))

    def shut(self, actor: str) -> bool:
        """Whether nobody is let in under this name now: locked out, or refused too often at the door."""
        return self.locked(actor) or self._is_locked((actor, True))

    def unlock(self, actor: str, *, by: str) -> None:
        """Let somebody in again, who has explained themselves; the log says who let them. ConfigError for somebody who lets
        themselves in. Other processes follow at their next start.
        """
        if by == actor:
            raise ConfigError("nobody unlocks themselves: somebody else hears the explanation, and unlocks")
        # Ahead of it [somebody is let in, and nobody can say by whom].
        self._audit.append(AuditEvent(Kind.ACCESS_UNLOCKED.value, self._clock.now(), check_word(by, "by"), actor, ()))
        with self._counting:
            for key in ((actor, False), (actor, True)):
                self._until.pop(key, None)
                self._refused.pop(key, None)

    def heard(self, event: AuditEvent) -> None:
        """Count a refusal; with one too many the actor is locked out, and the log says so."""
        if not _counts(event):
            return
        key = _key(event)
        with self._counting:
            if not self._too_many(key, event):
                return
            self._until[key] = self._within.end(event.at)
        detail: tuple[tuple[str, str | int], ...] = (("count", self._after), *((("reason", DOOR),) if key[1] else ()))
        self._audit.append(AuditEvent(Kind.ACCESS_LOCKED.value, self._clock.now(), GUARD, event.actor, detail))

    def _is_locked(self, key: _Key) -> bool:
        until = self._until.get(key)
        return until is not None and self._clock.now() < until

    def _too_many(self, key: _Key, event: AuditEvent) -> bool:
        times = self._note(key, event)
        often = len(times) == self._after and times[-1] < self._within.end(times[0])
        return often and times[-1] == event.at and not self._is_locked(key)

    def _note(self, key: _Key, event: AuditEvent) -> deque[float]:
        """When the actor was refused, with this one; an export is one attempt."""
        times = self._refused.setdefault(key, deque(maxlen=self._after))
        if times and event.at - times[-1] < ONE_EXPORT_S and dict(event.detail).get("action") == Action.EXPORT:
            return times
        times.append(event.at)
        while len(self._refused) > MOST_WATCHED:
            self._refused.pop(next(iter(self._refused)))
        return times

    def _begin(self) -> None:
        """With what was refused before this process began, and since somebody was let in again."""
        let_in: dict[str, float] = {}
        for event in self._store.newest_events(Kind.ACCESS_UNLOCKED.value, MOST_BEFORE):
            let_in.setdefault(event.subject, event.at)
        for kind in (Kind.GATE_DENIED, Kind.LOGIN_REFUSED):  # each has keys of its own, so that either order does
            for event in reversed(self._store.newest_events(kind.value, MOST_BEFORE)):
                if _counts(event) and event.at > let_in.get(event.actor, -1.0):
                    self._note(_key(event), event)
        for event in self._store.newest_events(Kind.ACCESS_LOCKED.value, MOST_BEFORE):
            if event.at <= let_in.get(event.subject, -1.0):
                continue
            key = event.subject, dict(event.detail).get("reason") == DOOR
            self._until.setdefault(key, self._within.end(event.at))


def _key(event: AuditEvent) -> _Key:
    return event.actor, event.kind == Kind.LOGIN_REFUSED


def _counts(event: AuditEvent) -> bool:
    detail = dict(event.detail)
    if event.actor in ("", UNDECLARED):  # made up, or forgotten
        return False
    if event.kind == Kind.LOGIN_REFUSED:
        return detail.get("role") not in USERS and detail.get("reason") not in _NO_TRY
    other = event.kind == Kind.GATE_DENIED and event.actor != event.subject
    return other and detail.get("role") in USERS | STAFF and detail.get("reason") in COUNTED
