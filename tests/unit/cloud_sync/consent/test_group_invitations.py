"""Nobody is in a group but by their own yes: holders who name strangers, and strangers who are named."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from cloud_sync.consent import Evidence
from cloud_sync.errors import ConsentError
from cloud_sync.model import BoundKind
from tests.properties.gate_policies import SYNTHETIC
from tests.unit.cloud_sync.disclosure.outlet_world import Depot, evidence

HOLDER = Evidence("h-1", "demo-1", "portal", "pressed_save", "en")
PARENT = Evidence("p-1", "demo-1", "portal", "told_age", "en")
DIGEST = "ab" * 32
DAY = 86_400
T = "tracking"


@pytest.fixture
def depot(tmp_path: Path) -> Iterator[Depot]:
    """s-1 tracks with leave; h-1 has founded a group that closes tracking, with nobody in it."""
    depot = Depot(tmp_path, SYNTHETIC)
    depot.cloud.groups.found("depot", HOLDER)
    depot.cloud.groups.narrow("depot", T, HOLDER)
    yield depot
    depot.close()


def tracks(depot: Depot) -> bool:
    """Whether the person is still tracked, as they allowed."""
    restricted = depot.cloud.restrictions.restricted("s-1")
    return T in depot.cloud.ledger.open_now("s-1") and not restricted


def test_a_stranger_who_is_invited_is_bound_by_nothing_until_they_say_yes(depot: Depot) -> None:
    """Invited: the tracking goes on, they see who asks and the log has it. Accepted: narrowed. Taken out: as before."""
    groups = depot.cloud.groups
    groups.invite("depot", "s-1", HOLDER)
    assert tracks(depot)
    assert groups.members("depot") == [] and groups.invited("depot") == ["s-1"]
    assert [(each.group, each.entity_id) for each in groups.invitations("s-1")] == [("depot", "h-1")]
    assert [entry["group"] for entry in depot.entries("group.invited")] == ["depot"]
    kept = groups.accept("depot", "s-1", evidence())
    assert (kept.kind, kept.entity_id) == (BoundKind.JOINED, "s-1")
    assert not tracks(depot) and groups.members("depot") == ["s-1"]
    assert groups.invited("depot") == [] and groups.invitations("s-1") == []
    groups.remove("depot", "s-1", HOLDER)
    assert tracks(depot)


@pytest.mark.parametrize("who", ["h-1", "s-2", "p-1"])
def test_nobody_else_says_yes_or_no_for_a_grown_person(depot: Depot, who: str) -> None:
    """Neither holder nor stranger, nor a parent of somebody who is none of a child; and the person's own yes is taken."""
    depot.cloud.ages.declare("s-1", date(1980, 5, 20), PARENT)
    depot.cloud.groups.invite("depot", "s-1", HOLDER)
    for act in (depot.cloud.groups.accept, depot.cloud.groups.decline):
        with pytest.raises(ConsentError, match="alone says"):
            act("depot", "s-1", evidence(who))
    assert depot.cloud.groups.members("depot") == [] and tracks(depot)
    depot.cloud.groups.accept("depot", "s-1", evidence())


def test_of_a_child_the_parent_who_told_its_age_says_yes(depot: Depot) -> None:
    """And no other grown person."""
    depot.cloud.ages.declare("s-1", date(2014, 5, 20), PARENT)
    depot.cloud.groups.invite("depot", "s-1", HOLDER)
    with pytest.raises(ConsentError, match="alone says"):
        depot.cloud.groups.accept("depot", "s-1", evidence("h-1"))
    assert depot.cloud.groups.accept("depot", "s-1", evidence("p-1")).entity_id == "p-1"


def test_without_an_invitation_nobody_joins(depot: Depot) -> None:
    """Not uninvited, not a month later, not after their own no, not twice."""
    groups = depot.cloud.groups
    for subject in ("s-1", "s-9"):
        with pytest.raises(ConsentError, match="no open invitation"):
            groups.accept("depot", subject, evidence(subject))
    groups.invite("depot", "s-1", HOLDER)
    depot.clock.at += 30 * DAY
    with pytest.raises(ConsentError, match="no open invitation"):
        groups.accept("depot", "s-1", evidence())
    groups.invite("depot", "s-1", HOLDER)
    groups.decline("depot", "s-1", evidence())
    with pytest.raises(ConsentError, match="no open invitation"):
        groups.accept("depot", "s-1", evidence())
    assert groups.members("depot") == groups.invited("depot") == []


@pytest.mark.parametrize("answered", [True, False])
def test_who_was_asked_is_not_pressed(depot: Depot, answered: bool) -> None:
    """Neither after a no nor without an answer, for a month; after that once more. Who was taken out may be asked at once."""
    groups = depot.cloud.groups
    groups.invite("depot", "s-1", HOLDER)
    if answered:
        groups.decline("depot", "s-1", evidence())
    depot.clock.at += 30 * DAY - 1
    with pytest.raises(ConsentError, match="less than a month ago"):
        groups.invite("depot", "s-1", HOLDER)
    depot.clock.at += 1
    groups.invite("depot", "s-1", HOLDER)
    groups.accept("depot", "s-1", evidence())
    groups.remove("depot", "s-1", HOLDER)
    groups.invite("depot", "s-1", HOLDER)


def test_a_list_of_strangers_shuts_nobody_off(depot: Depot) -> None:
    """Who acted themselves before, be it with a no, is invited and not restricted; of whom only the list is known waits."""
    depot.cloud.consent.refuse("s-2", T, evidence("s-2", "tapped_refuse"))
    depot.cloud.notices.receive("s-3", evidence("s-3", "opened"))
    people = ["s-1", "s-2", "s-3", "s-4", "s-5"]
    depot.cloud.people.hand_over("depot", people, HOLDER, digest=DIGEST)
    assert depot.cloud.people.waiting("depot") == ["s-4", "s-5"]
    assert tracks(depot) and depot.cloud.groups.members("depot") == []
    assert depot.cloud.groups.invited("depot") == people
    with pytest.raises(ConsentError, match="wait for their yes"):
        depot.cloud.people.provide("depot", "s-1", "contact", b"+45", HOLDER)
    depot.cloud.groups.decline("depot", "s-2", evidence("s-2"))
    depot.cloud.people.hand_over("depot", people, HOLDER, digest=DIGEST)  # the same list again presses nobody
    assert depot.cloud.groups.invited("depot") == ["s-1", "s-3", "s-4", "s-5"]


def test_who_was_put_in_before_there_were_invitations_stays(depot: Depot) -> None:
    """A record of an older version, by the holder: what narrowed goes on narrowing, as no newer version widens anything."""
    bound = depot.cloud.groups._groups._append(BoundKind.JOINED, "depot", HOLDER, [], subject="s-1")
    assert bound.entity_id == "h-1" and depot.cloud.groups.members("depot") == ["s-1"] and not tracks(depot)
