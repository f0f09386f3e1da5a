"""Who is locked out, and who is not: what counts is asking for another's data, often, within a quarter of an hour."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cloud_sync.errors import ConfigError, Denied
from cloud_sync.model import Actor, Reason
from tests.unit.cloud_sync.disclosure.outlet_world import CLERK, HELPER, ME, NOON, Depot

OTHER = Actor("s-2", "data_subject")


def look(depot: Depot, actor: Actor, subject: str = "s-1") -> object:
    """The reason of a refusal, or None."""
    try:
        depot.cloud.read_location(actor=actor, purpose="tracking", subject=subject, start=0, end=NOON)
    except Denied as denied:
        return denied.reason
    return None


@pytest.mark.parametrize(
    ("actor", "reason"),
    [
        (OTHER, Reason.ROLE_NOT_PERMITTED),
        (HELPER, Reason.TICKET_MISSING),
        (replace(HELPER, id="e-2", role="staff"), Reason.ROLE_NOT_PERMITTED),
    ],
)
def test_the_fifth_refusal_locks(depot: Depot, actor: Actor, reason: Reason) -> None:
    """For a quarter of an hour; a process that begins meanwhile knows it from the log."""
    assert [look(depot, actor) for _ in range(6)] == [reason] * 5 + [Reason.TOKEN_LOCKED]
    depot.cloud.close()
    depot.cloud = depot.open()
    depot.clock.at += 15 * 60 - 1
    assert look(depot, actor) is Reason.TOKEN_LOCKED
    depot.clock.at += 1
    assert look(depot, actor) is reason


def test_refusals_of_before_a_start_count(depot: Depot) -> None:
    """Four, then a new process: the next one locks."""
    for _ in range(4):
        look(depot, OTHER)
    depot.cloud.close()
    depot.cloud = depot.open()
    assert [look(depot, OTHER), look(depot, OTHER)] == [Reason.ROLE_NOT_PERMITTED, Reason.TOKEN_LOCKED]


def test_one_is_not_locked_out_of_ones_own_nor_by_what_is_kept(depot: Depot) -> None:
    """Neither a person whose consent has ended, nor a controller, nor five refusals in an hour."""
    depot.cloud.erase(subject="s-1")
    asked = [(ME, "s-1"), (CLERK, "s-2"), (Actor("s-1", "planner"), "s-1")]
    for actor, subject in asked:
        reasons = {look(depot, actor, subject) for _ in range(8)}
        assert Reason.TOKEN_LOCKED not in reasons
    for _ in range(6):
        assert look(depot, OTHER) is Reason.ROLE_NOT_PERMITTED
        depot.clock.at += 5 * 60


def test_who_keeps_trying_at_the_door_is_let_in_in_the_end(depot: Depot) -> None:
    """Logins that are refused because of the lock do not lengthen it."""
    depot.cloud.logins.enlist("e-1", "support", by="lead-1")
    reasons = []
    for _ in range(20):  # a minute apart: the fifth locks until minute nineteen
        with pytest.raises(Denied) as denied:
            depot.cloud.logins.login("e-1", factors=2, machine="laptop-1")
        reasons.append(str(denied.value.reason))
        depot.clock.at += 60
    assert reasons == ["undertaking_missing"] * 5 + ["token_locked"] * 14 + ["undertaking_missing"]
    assert len(depot.entries("access.locked", "e-1")) == 1


def test_who_lets_somebody_in_again_is_in_the_log(depot: Depot) -> None:
    """Who, whom, when; it holds for the next process too, and a lock of after it is one."""
    assert [look(depot, OTHER) for _ in range(6)][-1] is Reason.TOKEN_LOCKED
    depot.clock.at += 60
    depot.cloud.lockout.unlock("s-2", by="lead-1")
    [entry] = depot.cloud.audit.entries("s-2", "access.unlocked")
    assert (entry.event.actor, entry.event.at, entry.event.detail) == ("lead-1", NOON + 60, ())
    depot.cloud.close()
    depot.cloud = depot.open()
    depot.clock.at += 1
    assert [look(depot, OTHER) for _ in range(6)] == [Reason.ROLE_NOT_PERMITTED] * 5 + [Reason.TOKEN_LOCKED]
    depot.cloud.close()
    depot.cloud = depot.open()
    depot.clock.at += 60
    assert look(depot, OTHER) is Reason.TOKEN_LOCKED


@pytest.mark.parametrize("by", ["s-2", "Eva Holm", ""])
def test_nobody_lets_themselves_in(depot: Depot, by: str) -> None:
    """Nor does anybody who is not named; the lock stays, and nothing is logged."""
    for _ in range(6):
        look(depot, OTHER)
    with pytest.raises(ConfigError):
        depot.cloud.lockout.unlock("s-2", by=by)
    assert look(depot, OTHER) is Reason.TOKEN_LOCKED and depot.entries("access.unlocked", "s-2") == []
