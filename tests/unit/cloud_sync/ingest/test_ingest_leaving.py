"""Ingest and reads of events of places and of sums: only with leave for just these, and no more closely than the policy says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cloud_sync.errors import Denied
from cloud_sync.ingest.outcome import Kind
from cloud_sync.ingest.screen import screen
from cloud_sync.model import (
    Actor,
    Aggregate,
    Header,
    HealAnswer,
    PlaceChange,
    PlaceEvent,
    Precision,
    Reading,
    Reason,
    Stream,
)
from cloud_sync.read.query import Query
from cloud_sync.wire.status import pack_heal_answer
from tests.unit.cloud_sync.ingest.ingest_world import NOON, TODAY, Tracker, World
from tests.unit.cloud_sync.ingest.leaving_world import (
    DEPOT,
    YARD,
    sums,
    text_with_device,
    text_with_places,
    visits,
    written,
)

T = int(NOON) - 3600
IN, OUT = PlaceChange.ENTERED, PlaceChange.LEFT
ME = Actor("s-1", "data_subject")
ARRIVED = Query(ME, "arrivals", "s-1", T, T + 600)
WARM = Query(ME, "condition_monitoring", "s-1", T, T + 600)
SUM = Reading(T, 3600, 215, 80, Aggregate(T, 3600, 60, 210, 215, 222), Aggregate(T, 3600, 59, 0, 80, 96))


def opened(directory: Path, text: str, *purposes: str) -> tuple[World, Tracker]:
    """A world under a policy, with a device whose person agreed to these purposes two hours ago."""
    world = World(directory, policy_file=written(directory, text))
    world.clock.at = NOON - 7200
    tracker = world.enrol()
    for purpose in purposes:
        world.consent(purpose=purpose, precision=Precision.CELL_100M if purpose == "tracking" else None)
    world.clock.at = NOON
    return world, tracker


@pytest.fixture
def placed(tmp_path: Path) -> Iterator[tuple[World, Tracker]]:
    """Leave for events of places alone."""
    world, tracker = opened(tmp_path, text_with_places(), "arrivals")
    yield world, tracker
    world.close()


@pytest.fixture
def summing(tmp_path: Path) -> Iterator[tuple[World, Tracker]]:
    """Leave for temperature and light, as sums of an hour."""
    world, tracker = opened(tmp_path, text_with_device('aggregate = "PT1H"'), "condition_monitoring")
    yield world, tracker
    world.close()


def ends(world: World, tracker: Tracker, payload: bytes) -> tuple[Kind, str]:
    """How a message ends, and the reason that the log has for it."""
    [outcome] = world.take(tracker, payload)
    noted = [str(dict(entry.event.detail)["reason"]) for entry in world.audit.entries(kind="ingest.refused")]
    return outcome.kind, noted[-1] if noted else ""


def test_events_of_places_are_stored_and_read_with_their_names(placed: tuple[World, Tracker]) -> None:
    """In order of time, names from the policy in force; the read is in the log under the category of the events."""
    world, tracker = placed
    assert ends(world, tracker, visits(tracker, [(T, DEPOT, IN), (T + 300, DEPOT, OUT)])) == (Kind.STORED, "")
    assert world.reader.places(ARRIVED) == [
        PlaceEvent(T, DEPOT, IN, "Depot North"),
        PlaceEvent(T + 300, DEPOT, OUT, "Depot North"),
    ]
    event = world.audit.events[-1]
    expected = {"category": "visits", "purpose": "arrivals", "count": 2, "action": "read"}
    assert event.kind == "gate.allowed" and expected.items() <= dict(event.detail).items()
    assert [(event.entered, event.left) for event in world.reader.places(ARRIVED)] == [(True, False), (False, True)]


def test_a_leave_for_places_is_none_for_positions(placed: tuple[World, Tracker]) -> None:
    """A device that sends where it is, under a leave for places: refused, however coarse the position."""
    world, tracker = placed
    assert ends(world, tracker, visits(tracker, [(T, DEPOT, IN)])) == (Kind.STORED, "")
    for precision in (Precision.CELL_100M, Precision.REGION):
        assert ends(world, tracker, tracker.fixes([T - T % 3600], precision=precision))[0] is Kind.DENIED
    with pytest.raises(Denied) as denied:
        world.reader.location(replace(ARRIVED, purpose="tracking"))
    assert denied.value.reason is Reason.CONSENT_MISSING


def test_a_leave_for_positions_is_none_for_places(tmp_path: Path) -> None:
    """Nobody agreed to arrivals: events of places are refused, positions stored; the reverse of the test before."""
    world, tracker = opened(tmp_path, text_with_places(), "tracking")
    assert ends(world, tracker, tracker.fixes([T])) == (Kind.STORED, "")
    assert ends(world, tracker, visits(tracker, [(T, DEPOT, IN)])) == (Kind.DENIED, Reason.CONSENT_MISSING.value)
    world.close()


@pytest.mark.parametrize("place", [3, 255])
def test_a_place_that_the_policy_does_not_have_is_refused(placed: tuple[World, Tracker], place: int) -> None:
    """Its number leads to no circle that anybody agreed to; the policy's other place is stored."""
    world, tracker = placed
    assert ends(world, tracker, visits(tracker, [(T, DEPOT, IN), (T, YARD, IN)])) == (Kind.STORED, "")
    refused = ends(world, tracker, visits(tracker, [(T, DEPOT, IN), (T, place, IN)]))
    assert refused == (Kind.DENIED, Reason.PURPOSE_NOT_DECLARED.value)


def test_without_places_in_the_policy_no_event_is_stored(tmp_path: Path) -> None:
    """Under the demo's own policy, with leave for positions."""
    world = World(tmp_path)
    world.clock.at = NOON - 7200
    tracker = world.enrol()
    world.consent()
    world.clock.at = NOON
    assert ends(world, tracker, visits(tracker, [(T, DEPOT, IN)])) == (Kind.DENIED, Reason.PURPOSE_NOT_DECLARED.value)
    assert ends(world, tracker, tracker.fixes([T]))[0] is Kind.STORED
    world.close()


def test_events_below_the_floor_are_refused(placed: tuple[World, Tracker]) -> None:
    """Captured under a directive that was taken back: not even looked at."""
    world, tracker = placed
    world.floors(tracker.name, 5, 1, 1, 0)
    assert ends(world, tracker, visits(tracker, [(T, DEPOT, IN)], version=4)) == (Kind.BELOW_FLOOR, "below_floor")
    assert ends(world, tracker, visits(tracker, [(T, DEPOT, IN)], version=5))[0] is Kind.STORED


def test_who_names_a_field_of_an_event_gets_no_other(placed: tuple[World, Tracker]) -> None:
    """That something was entered, without which; a field of positions is denied."""
    world, tracker = placed
    world.take(tracker, visits(tracker, [(T, DEPOT, IN)]))
    assert world.reader.places(replace(ARRIVED, fields=frozenset({"event"}))) == [PlaceEvent(T, None, IN)]
    assert world.reader.places(replace(ARRIVED, fields=frozenset({"place"}))) == [
        PlaceEvent(T, DEPOT, None, "Depot North")
    ]
    assert world.reader.places(replace(ARRIVED, fields=frozenset({"time"}))) == []
    with pytest.raises(Denied) as denied:
        world.reader.places(replace(ARRIVED, fields=frozenset({"lat"})))
    assert denied.value.reason is Reason.CATEGORY_UNKNOWN


def test_positions_and_events_of_one_stream_do_not_mix(tmp_path: Path) -> None:
    """Both purposes were open in turn: each read has its own kind, and nothing of the other counts as unreadable."""
    world, tracker = opened(tmp_path, text_with_places(), "tracking", "arrivals")
    world.take(tracker, tracker.fixes([T]), visits(tracker, [(T + 60, YARD, IN)]))
    found = world.reader.location(replace(ARRIVED, purpose="tracking"))
    assert ([fix.time for fix in found], found.unreadable) == ([T - T % 10], 0)
    events = world.reader.places(ARRIVED)
    assert ([(event.time, event.name) for event in events], events.unreadable) == ([(T + 60, "Yard")], 0)
    world.close()


def test_sums_come_with_all_their_values(summing: tuple[World, Tracker]) -> None:
    """A reading of the mean, with count, least and most of each sensor; a field that is not named stays out whole."""
    world, tracker = summing
    assert ends(world, tracker, sums(tracker, 3600, [SUM])) == (Kind.STORED, "")
    assert world.reader.environment(WARM) == [SUM]
    [warm] = world.reader.environment(replace(WARM, fields=frozenset({"temperature"})))
    assert warm == replace(SUM, light_lx=None, light=None)


def test_a_single_reading_is_refused_where_the_policy_has_sums(summing: tuple[World, Tracker]) -> None:
    """And so are sums of a shorter interval than it says; of a longer one they are stored."""
    world, tracker = summing
    short = replace(SUM, step_s=600, temperature=Aggregate(T, 600, 10, 210, 215, 222), light=None)
    long = replace(SUM, time=T - 3600, step_s=7200, temperature=Aggregate(T - 3600, 7200, 9, 210, 215, 222), light=None)
    assert ends(world, tracker, sums(tracker, 3600, [SUM]))[0] is Kind.STORED
    too_fine = (Kind.DENIED, Reason.PRECISION_TOO_FINE.value)
    assert ends(world, tracker, tracker.environment([(T, 215, 80)])) == too_fine
    assert ends(world, tracker, sums(tracker, 600, [short])) == too_fine
    assert ends(world, tracker, sums(tracker, 7200, [long]))[0] is Kind.STORED


def test_sums_need_leave_for_each_of_their_sensors(tmp_path: Path) -> None:
    """Under a policy without sums they are stored as well, but not without a consent."""
    world, tracker = opened(tmp_path, text_with_device(""))
    assert ends(world, tracker, sums(tracker, 3600, [SUM])) == (Kind.DENIED, Reason.CONSENT_MISSING.value)
    world.clock.at = NOON - 7200
    world.consent(purpose="condition_monitoring", precision=None)
    world.clock.at = NOON
    assert ends(world, tracker, sums(tracker, 3600, [SUM]))[0] is Kind.STORED
    world.close()


def test_an_answer_to_healing_is_handed_over_in_place_of_a_report() -> None:
    """With the day's start as its time, since it has none."""
    answer = HealAnswer(7, bytes(range(32)))
    contents = screen(Header(0, Stream.STATUS, TODAY, 0, 1), pack_heal_answer(answer))
    assert (contents.status, contents.told, contents.oldest_capture) == (answer, None, TODAY * 86_400.0)
