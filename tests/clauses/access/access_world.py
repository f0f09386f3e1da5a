"""What the tests of access share: tickets and grants, the staff's accounts, records of a person, evidence of a holder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from cloud_sync.access import Attested
from cloud_sync.consent import Evidence
from cloud_sync.errors import Denied
from cloud_sync.model import Actor
from tests.clauses.made import LEAD, World
from tests.unit.cloud_sync.consent.joining import join

MACHINE = "laptop-1"
DIGEST = "9f" * 32  # SHA-256 of a declaration


def only(found: Sequence[Any]) -> Any:
    """The one thing that was found; none, or more, is a failure."""
    assert len(found) == 1, found
    return found[0]


def staff(actor: Actor, account: str) -> Actor:
    """The same role and factors under another account."""
    return replace(actor, id=account)


def denied(act: Callable[[], object]) -> str:
    """Why an act is denied."""
    with pytest.raises(Denied) as caught:
        act()
    return str(caught.value.reason)


def let_in(
    world: World, actor: Actor, *, purpose: str, category: str, subject: str = "u-1", ticket: str = "K-1"
) -> Any:
    """Open the ticket and a grant on it; the grant."""
    world.cloud.staff.open_ticket(ticket, subject, by="desk-1")
    return world.cloud.staff.open(actor, subject, purposes=[purpose], categories=[category], by=actor, ticket=ticket)


def enlist(
    world: World, account: str = "e-1", *, bound: bool = True, trained: bool = True, encrypted: bool = True
) -> None:
    """A member of the staff, in order but for what is said."""
    logins = world.cloud.logins
    logins.enlist(account, "support", by=LEAD.id)
    if bound:
        logins.attest(account, Attested.UNDERTAKING, by=LEAD.id)
    if trained:
        logins.attest(account, Attested.TRAINING, by=LEAD.id)
    if encrypted:
        logins.attest_machine(MACHINE, by=LEAD.id)


def login(world: World, account: str = "e-1", *, factors: int = 2) -> Actor:
    """They log in at that machine."""
    return world.cloud.logins.login(account, factors=factors, machine=MACHINE)


def refused(world: World, account: str = "e-1", **asked: Any) -> str:
    """Why a login is refused."""
    return denied(lambda: login(world, account, **asked))


def holder(world: World, who: str = "h-1") -> Evidence:
    """Of what a holder of a group does in the portal."""
    return Evidence(who, world.cloud.policy.notice, "portal", "pressed_save", "en")


def group(world: World, *members: str, name: str = "depot") -> None:
    """H's group with these members."""
    world.cloud.groups.found(name, holder(world))
    for member in members:
        join(world.cloud.groups, name, member, holder(world))


def put(world: World, category: str, content: bytes = b"content", *, subject: str = "u-1", **more: Any) -> str:
    """A record of a person, made now; its id."""
    return str(world.cloud.records.put(category, {subject: content}, **more))


def born(world: World, years: int, days: int = 0) -> date:
    """The birth date of somebody who turns `years` in `days` days."""
    today = datetime.fromtimestamp(world.now + days * 86_400, UTC).date()
    return today.replace(year=today.year - years)


def declare(world: World, subject: str, birthday: date, country: str | None = None) -> Any:
    """A birth date typed at the sign-up."""
    evidence = Evidence(subject, world.cloud.policy.notice, "app", "typed_birth_date", "en")
    return world.cloud.ages.declare(subject, birthday, evidence, country=country)
