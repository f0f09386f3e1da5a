"""Readings as they are committed, behind the gate: narrowed, logged, and closed within the call in which the leave is gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from cloud_sync.errors import Denied, LinkError
from cloud_sync.model import Actor, Fix, Precision, Reason, StoredEnvelope, Stream
from cloud_sync.read.follow import Follower
from cloud_sync.read.query import Query
from cloud_sync.read.sources import LOCATION, MOTION
from tests.unit.cloud_sync.consent.joining import join
from tests.unit.cloud_sync.disclosure.outlet_world import CLERK, HELPER, ME, NOON, Depot, evidence

PLANNER = Actor("p-1", "planner")


@pytest.fixture
def depot(tmp_path: Any) -> Any:
    """An installation at noon, with leave since four hours."""
    depot = Depot(tmp_path)
    yield depot
    depot.close()


def follower(depot: Depot, actor: Actor = CLERK, **changed: Any) -> Follower[Fix]:
    """A subscription to the positions of s-1."""
    asked = {"purpose": "tracking", "subject": "s-1", "start": NOON, "end": NOON}
    return depot.cloud._reader.follow(LOCATION, Query(actor, **{**asked, **changed}))


def row(depot: Depot, *seconds: int) -> StoredEnvelope:
    """A newly committed envelope with fixes so many seconds from noon."""
    tracker, known = depot.tracker, {each.id for each in rows(depot)}
    depot.take(tracker, [tracker.fixes([int(NOON) + each for each in seconds], version=1)])
    [new] = [each for each in rows(depot) if each.id not in known]
    return new


def rows(depot: Depot) -> list[StoredEnvelope]:
    """All envelopes of positions."""
    return depot.cloud.database.envelopes(depot.tracker.name, Stream.LOCATION, 0, 99_999)


def another(depot: Depot) -> None:
    """Another person, who has said yes as long ago."""
    depot.clock.at = NOON - 14_400
    depot.enrol("s-2")
    depot.cloud.consent.give("s-2", "tracking", evidence("s-2"))
    depot.clock.at = NOON


def test_what_is_committed_is_told_and_logged(depot: Depot) -> None:
    """Opened in the log before anything is told, and counted at the end; narrowed as a read would be."""
    live = follower(depot, precision=Precision.CELL_1KM)
    assert [entry["count"] for entry in depot.entries("gate.allowed")] == [0]
    told = live.tell(row(depot, -60, -50))
    assert [fix.precision for fix in told] == [Precision.CELL_1KM] * 2
    assert len(live.tell(row(depot, -40))) == 1
    live.close()
    live.close()
    assert [entry["count"] for entry in depot.entries("gate.allowed")] == [0, 3]
    with pytest.raises(LinkError, match="closed"):
        live.tell(rows(depot)[0])


def test_a_withdrawal_counts_in_the_very_next_call(depot: Depot) -> None:
    """Told before; then denied without a second of delay, logged with what was told until then, and closed."""
    live = follower(depot)
    assert len(live.tell(row(depot, -60))) == 1
    late = row(depot, -50)
    depot.cloud.consent.withdraw("s-1", "tracking", evidence())
    with pytest.raises(Denied) as denied:
        live.tell(late)
    assert denied.value.reason is Reason.CONSENT_MISSING
    assert not live.open
    assert [entry["count"] for entry in depot.entries("gate.allowed")] == [0, 1]
    assert depot.entries("gate.denied")[-1]["reason"] == "consent_missing"


def test_withdrawn_and_given_again_between_two_envelopes_keeps_the_older_captures_out(depot: Depot) -> None:
    """The kept answer does not outlive what it rests on, though the consent is open at both calls."""
    live = follower(depot)
    assert len(live.tell(row(depot, -60))) == 1
    before = row(depot, -50)
    depot.cloud.consent.withdraw("s-1", "tracking", evidence())
    depot.clock.at = NOON + 10
    depot.cloud.consent.give("s-1", "tracking", evidence())
    depot.clock.at = NOON + 60
    assert live.tell(before) == []
    assert [fix.time for fix in live.tell(row(depot, 30))] == [int(NOON) + 30]


def test_a_narrowing_in_between_is_told_coarser(depot: Depot) -> None:
    """The person says 10 km: the next envelope comes at 10 km."""
    live = follower(depot)
    assert live.tell(row(depot, -60))[0].precision is Precision.CELL_100M
    later = row(depot, -50)
    depot.clock.at = NOON + 1
    depot.cloud.consent.give("s-1", "tracking", evidence(), precision=Precision.CELL_10KM)
    assert live.tell(later)[0].precision is Precision.CELL_10KM


def test_a_consent_that_lapses_ends_it(depot: Depot) -> None:
    """Nothing was recorded: the clock alone ends what was given."""
    live = follower(depot)
    assert len(live.tell(row(depot, -60))) == 1
    [last, *_] = rows(depot)
    depot.clock.at = depot.cloud.policy.consent.validity.end(NOON - 14_400)
    with pytest.raises(Denied):
        live.tell(last)


def test_a_restriction_ends_it(depot: Depot) -> None:
    """At once, as everything else."""
    live = follower(depot)
    assert len(live.tell(row(depot, -60))) == 1
    depot.cloud.restrictions.restrict("s-1", "objection", by="s-1")
    with pytest.raises(Denied) as denied:
        live.tell(rows(depot)[0])
    assert denied.value.reason is Reason.RESTRICTED


def test_a_relation_that_ends_and_a_grant_that_lapses_end_it(depot: Depot) -> None:
    """The planner's with the relation, the staff's with its hour or its ticket."""
    envelope = row(depot, -60)
    depot.cloud.relations.begin("p-1", "planner", "s-1", by="s-1")
    planner = follower(depot, PLANNER, purpose="dispatch")
    assert len(planner.tell(envelope)) == 1
    depot.cloud.relations.end("p-1", "planner", "s-1", by="s-1")
    with pytest.raises(Denied):
        planner.tell(envelope)
    for end in ("ticket", "hour"):
        depot.clock.at = NOON
        depot.cloud.staff.open_ticket(end, "s-1", by="desk")
        asked: dict[str, Any] = {"purposes": ["tracking"], "categories": ["position"], "by": HELPER, "ticket": end}
        depot.cloud.staff.open(HELPER, "s-1", **asked)
        staff = follower(depot, HELPER)
        assert len(staff.tell(envelope)) == 1
        if end == "hour":
            depot.clock.at = NOON + 3600
        else:
            depot.cloud.staff.close_ticket(end, by="desk")
        with pytest.raises(Denied) as denied:
            staff.tell(envelope)
        assert denied.value.reason is Reason.GRANT_EXPIRED


def test_another_persons_or_streams_envelope_is_nobodys(depot: Depot) -> None:
    """A dispatcher that mixes people up tells nothing; the right one is told."""
    another(depot)
    mine = row(depot, -60)
    assert len(follower(depot).tell(mine)) == 1
    motion = depot.cloud._reader.follow(MOTION, Query(ME, "theft_alarm", "s-1", NOON, NOON))
    for other in (follower(depot, subject="s-2"), motion):
        told = other.tell(mine)
        assert (told, told.unreadable) == ([], 0)


def test_what_was_erased_meanwhile_is_not_told(depot: Depot) -> None:
    """The row is in somebody's hands, its key is gone, from memory as well: a gap, counted."""
    live = follower(depot)
    first, second = row(depot, -60), row(depot, -50)
    assert len(live.tell(first)) == 1
    depot.cloud.erase(subject="s-1", start=NOON - 3600, end=NOON)
    told = live.tell(second)
    assert (told, told.unreadable) == ([], 1)


def test_who_may_not_read_may_not_follow(depot: Depot) -> None:
    """Denied before anything, and logged; the controller may."""
    assert follower(depot).open
    for changed in ({"actor": Actor("e-2", "support")}, {"purpose": "marketing"}):
        with pytest.raises(Denied):
            follower(depot, **changed)
    assert len(depot.entries("gate.denied")) == 2


def test_entries_come_every_quarter_of_an_hour(depot: Depot) -> None:
    """Not one an envelope: the log would be a track itself."""
    live = follower(depot)
    for minute in range(20):
        depot.clock.at = NOON + 60 * minute
        live.tell(row(depot, 60 * minute - 30))
    assert [entry["count"] for entry in depot.entries("gate.allowed")] == [0, 16]


def test_pieces_come_one_by_one_and_go_on_behind_one(depot: Depot) -> None:
    """Of about so many readings, together what a read tells; nothing behind the first is opened before it is asked for."""
    times = depot.feed(30)
    query, reader = Query(CLERK, "tracking", "s-1", 0, NOON), depot.cloud._reader
    pieces = list(reader.pieces(LOCATION, query, most=100))
    assert [len(piece) for piece in pieces] == [100] * 6
    assert [fix.time for piece in pieces for fix in piece] == times == [fix.time for fix in reader.location(query)]
    rest = list(reader.pieces(LOCATION, query, pieces[3].last, most=100))
    assert [fix.time for piece in rest for fix in piece] == times[400:]
    with pytest.raises(Denied):
        reader.pieces(LOCATION, replace(query, purpose="marketing"))


def test_a_piece_that_was_found_before_a_narrowing_is_made_anew(depot: Depot) -> None:
    """The person narrows while a piece is being opened: none comes out at the former precision."""
    depot.feed(30)
    query, reader = Query(CLERK, "tracking", "s-1", 0, NOON), depot.cloud._reader
    pieces = reader.pieces(LOCATION, query, most=100)
    assert {fix.precision for fix in next(pieces)} == {Precision.CELL_100M}
    depot.clock.at = NOON + 1
    depot.cloud.consent.give("s-1", "tracking", evidence(), precision=Precision.CELL_10KM)
    rest = [fix for piece in pieces for fix in piece]
    assert len(rest) == 500 and {fix.precision for fix in rest} == {Precision.CELL_10KM}


def test_a_group_that_narrows_counts_in_the_next_call_and_for_its_time(depot: Depot) -> None:
    """Closed by the holder: denied. Lifted: open, and what was captured while it was closed stays out, in reads as well."""
    groups, holder = depot.cloud.groups, evidence("h-1")
    depot.clock.at = NOON - 300
    groups.found("fleet", holder)
    join(groups, "fleet", "s-1", holder)
    live = follower(depot)
    assert len(live.tell(row(depot, -310))) == 1
    late = [row(depot, second) for second in (-360, -350)]
    depot.clock.at = NOON - 200
    groups.narrow("fleet", "tracking", holder)
    with pytest.raises(Denied):
        live.tell(late[0])
    depot.clock.at = NOON
    groups.lift("fleet", "tracking", holder)
    envelope = row(depot, -250, -100, 0)
    fresh = follower(depot)
    assert len(fresh.tell(late[1])) == 1
    assert [fix.time for fix in fresh.tell(envelope)] == [int(NOON) - 250, int(NOON)]
    marks = depot.cloud.gate.boundaries("s-1")
    assert {NOON - 300, NOON - 200, NOON} <= set(marks)


def test_whoever_turns_out_to_be_a_child_is_told_coarser(depot: Depot) -> None:
    """A safeguard for what rests on a contract as well: at 1 km from the moment on at which the age is known."""
    live = follower(depot, purpose="dispatch", actor=CLERK)
    first, second = row(depot, -60), row(depot, -50)
    assert live.tell(first)[0].precision is Precision.CELL_100M
    depot.cloud.ages.declare("s-1", date(2016, 1, 1), evidence())
    assert live.tell(second)[0].precision is Precision.CELL_1KM
