"""Who is let in, whose choice holds, who is a child, what the log keeps, what is watched."""

from __future__ import annotations

import math
from typing import Any, Final

import pytest

from cloud_sync.access import Confirmations, Controls, Jobs, Lockout, Logins, Relations, StaffAccess, Watch
from cloud_sync.access.controls import Proof
from cloud_sync.audit import AuditLog
from cloud_sync.consent.bounds import Bounds
from cloud_sync.consent.choices import Effective, Origin, wish_of
from cloud_sync.errors import SealBroken
from cloud_sync.facade import bounds
from cloud_sync.facade.members import Members
from cloud_sync.ingest import pipeline
from cloud_sync.model import Actor, ConsentState
from cloud_sync.model.access import StaffGrant
from cloud_sync.service import CloudSync
from cloud_sync.storage.telemetry import TelemetryRows
from tests.clauses.engine import Engine
from tests.unit.cloud_sync.consent.joining import join


def _no_tickets(patch: pytest.MonkeyPatch) -> None:
    """Whoever works here sees everybody."""

    def anything(_: StaffAccess, request: Any) -> StaffGrant:
        who, of = request.actor, (frozenset({request.purpose}), frozenset({request.category}))
        return StaffGrant("g", who.id, who.role, request.subject, *of, "K", "desk", request.at, math.inf)

    patch.setattr(StaffAccess, "grant_for", anything)
    patch.setattr(StaffAccess, "_in_session", lambda *_: False)


def _no_logins(patch: pytest.MonkeyPatch) -> None:
    """A name is enough, as often as one likes."""

    def name(_: Logins, account: str, **__: Any) -> Actor:
        return Actor(account, "support", mfa=True)

    patch.setattr(Lockout, "heard", lambda *_: None)
    patch.setattr(Logins, "login", name)
    patch.setattr(Logins, "standing", lambda *_: None)
    patch.setattr(Logins, "close_unused", lambda *_, **__: [])


def _no_log(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(AuditLog, "append", lambda *_: 0)


def _holders_rule(patch: pytest.MonkeyPatch) -> None:
    """What the holder wants holds for everybody."""

    def by_holder(_policy: Any, purpose: str, own: Any, known: Bounds, at: float) -> Effective:
        wish = wish_of(known, purpose, at)
        if wish is None:
            return Effective(own.state, Origin.OWN)
        return Effective(ConsentState.REFUSED if wish.closed else ConsentState.GIVEN, Origin.HOLDER)

    patch.setattr(bounds, "effective", by_holder)


def _taken_over(patch: pytest.MonkeyPatch) -> None:
    """A company's list is a list of users, and what a holder says of a member is a record."""

    def added(self: Members, group: str, subjects: Any, holder: Any, **_: Any) -> None:
        for subject in subjects:
            join(self._groups, group, subject, holder)

    patch.setattr(Members, "hand_over", added)
    patch.setattr(
        Members,
        "provide",
        lambda self, _, subject, category, content, __: self._records.put(category, {subject: content}),
    )


def _adults(patch: pytest.MonkeyPatch) -> None:
    """Everybody is of age, and a report of a child is filed."""
    patch.setattr(Bounds, "child", lambda *_: False)
    patch.setattr(Bounds, "minor", lambda *_: False)
    patch.setattr(CloudSync, "_erase_reported", lambda _: None)


def _any_job(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Jobs, "_refused", lambda *_: None)


def _related(patch: pytest.MonkeyPatch) -> None:
    """Who was ever connected is."""
    patch.setattr(Relations, "related", lambda *_: True)


def _all_secure(patch: pytest.MonkeyPatch) -> None:
    """Every control passes, since it stands in the list."""

    def passed(self: Controls) -> list[Proof]:
        return [Proof(each, True, self._clock.now(), True) for each in self.controls]

    patch.setattr(Controls, "proofs", passed)


def _unwatched(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Watch, "look", lambda _: [])
    patch.setattr(Confirmations, "escalate", lambda _: [])


def _no_seals(patch: pytest.MonkeyPatch) -> None:
    """What does not open is taken for what came before it, and as often as it comes."""
    opened, last = pipeline.open_uplink, [b""]

    def anyhow(*asked: Any) -> bytes:
        try:
            last[0] = opened(*asked)
        except SealBroken:
            return last[0]
        return last[0]

    patch.setattr(pipeline, "open_uplink", anyhow)
    patch.setattr(TelemetryRows, "digests", lambda *_: {})


ENGINES: Final = (
    Engine("staff access", "whoever works here sees everybody", _no_tickets),
    Engine("logins", "a name is enough to be let in, and nobody is ever locked out", _no_logins),
    Engine("audit log", "nothing is noted", _no_log),
    Engine("choices", "what the holder of a group wants holds for everybody in it", _holders_rule),
    Engine("lists", "a company's list is taken as it comes", _taken_over),
    Engine("ages", "everybody is of age", _adults),
    Engine("jobs", "whatever somebody starts is run", _any_job),
    Engine("relations", "who was ever connected still is", _related),
    Engine("controls", "a control that stands in the list has passed", _all_secure),
    Engine("seals", "a message is taken whatever its tag says, and as often as it comes", _no_seals),
    Engine("watch", "nobody looks, and nobody is called", _unwatched),
)
