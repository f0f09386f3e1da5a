"""Ingest and what bounds a consent beside the person's own answers: groups and the age, also between two captures of one batch."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from cloud_sync.ingest.outcome import Kind
from cloud_sync.model import Precision
from cloud_sync.policy import load_policy
from cloud_sync.service import CloudSync
from tests.unit.cloud_sync.consent.consent_world import BY_LETTER, DAY_S, HOLDER, PARENT, TEXT, Place, by, enrolled
from tests.unit.cloud_sync.consent.joining import join
from tests.unit.cloud_sync.ingest.ingest_world import NOON, POLICY, Tracker

T = "tracking"
STORED, DENIED = Kind.STORED, Kind.DENIED
NEWEST = 1000  # a version of the directive above every floor: the gate must decide, the floor does not
#: Every purpose of the policy asks for sixteen, one that it may name one day for eighteen: a child's safeguards hold until then.
SIXTEEN = ", ".join(f"{purpose} = 16" for purpose in sorted(load_policy(POLICY).purposes))
CHILDREN = f"\n[children]\npolicy_floor = {{ {SIXTEEN}, other = 18 }}\ncountry_floor = {{ default = 16 }}\n"
LATER = TEXT.replace("[rights]", f"{CHILDREN}\n[rights]", 1)
AGE = by("p-1", act="told_age")


def take(cloud: CloudSync, tracker: Tracker, *captures: float, precision: Precision = Precision.CELL_1KM) -> list[Kind]:
    """How envelopes of one capture each end, sent in one batch."""
    cells = [tracker.fixes([int(at)], precision=precision, version=NEWEST) for at in captures]
    return [outcome.kind for outcome in cloud.ingest.handle([(tracker.topic, cell) for cell in cells])]


@pytest.fixture
def narrowed(tmp_path: Path) -> Iterator[tuple[CloudSync, Tracker]]:
    """A group had closed tracking between eleven and half past eleven; it is noon. The person agreed at ten."""
    place = Place(tmp_path)
    place.clock.at = NOON - 7200
    with place.open() as cloud:
        tracker = enrolled(cloud)
        cloud.consent.give("s-1", T, by("s-1"))
        cloud.groups.found("depot", HOLDER)
        join(cloud.groups, "depot", "s-1", HOLDER)
        place.clock.at = NOON - 3600
        cloud.groups.narrow("depot", T, HOLDER)
        place.clock.at = NOON - 1800
        cloud.groups.lift("depot", T, HOLDER)
        place.clock.at = NOON
        yield cloud, tracker


BEFORE, WHILE, AFTER = NOON - 5400, NOON - 2700, NOON - 900


def test_what_a_group_had_closed_stays_out_beside_what_it_had_not(narrowed: tuple[CloudSync, Tracker]) -> None:
    """Captures of before, of the time in between and of after, in one batch, in this order: the middle one alone is refused."""
    assert take(*narrowed, BEFORE, WHILE, AFTER) == [STORED, DENIED, STORED]


def test_what_a_group_had_not_closed_comes_in_behind_what_it_had(narrowed: tuple[CloudSync, Tracker]) -> None:
    """The other order: a refusal is no answer to captures of another time."""
    assert take(*narrowed, WHILE, AFTER, BEFORE) == [DENIED, STORED, STORED]


def test_a_group_counts_while_the_person_is_in_it(tmp_path: Path) -> None:
    """The group had closed long ago: captures of the membership are refused, those of before and after it are not."""
    place = Place(tmp_path)
    place.clock.at = NOON - 7200
    with place.open() as cloud:
        tracker = enrolled(cloud)
        cloud.consent.give("s-1", T, by("s-1"))
        cloud.groups.found("depot", HOLDER)
        cloud.groups.narrow("depot", T, HOLDER)
        place.clock.at = NOON - 3600
        join(cloud.groups, "depot", "s-1", HOLDER)
        place.clock.at = NOON - 1800
        cloud.groups.remove("depot", "s-1", HOLDER)
        place.clock.at = NOON
        assert take(cloud, tracker, BEFORE, WHILE, AFTER) == [STORED, DENIED, STORED]


def test_a_group_that_had_made_coarser_refuses_the_finer_of_that_time(tmp_path: Path) -> None:
    """Cells of 1 km while it held, of 100 m before and after; the coarse ones stay at any time."""
    place = Place(tmp_path)
    place.clock.at = NOON - 7200
    with place.open() as cloud:
        tracker = enrolled(cloud)
        cloud.consent.give("s-1", T, by("s-1"))
        cloud.groups.found("depot", HOLDER)
        join(cloud.groups, "depot", "s-1", HOLDER)
        place.clock.at = NOON - 3600
        cloud.groups.narrow("depot", T, HOLDER, precision=Precision.CELL_1KM)
        place.clock.at = NOON - 1800
        cloud.groups.lift("depot", T, HOLDER)
        place.clock.at = NOON
        fine = take(cloud, tracker, BEFORE, WHILE, AFTER, precision=Precision.CELL_100M)
        assert fine == [STORED, DENIED, STORED]
        assert take(cloud, tracker, BEFORE + 60, WHILE + 60, AFTER + 60) == [STORED, STORED, STORED]


def at(year: int, month: int, day: int) -> float:
    """Unix seconds of a day's beginning, UTC."""
    return datetime(year, month, day, tzinfo=UTC).timestamp()


def _child(cloud: CloudSync, born: date) -> Tracker:
    """A device of a child whose parent agreed, by both channels."""
    tracker = enrolled(cloud)
    cloud.ages.declare("s-1", born, AGE)
    cloud.consent.confirm("s-1", T, PARENT)
    cloud.consent.confirm("s-1", T, BY_LETTER)
    return tracker


def test_a_parents_yes_ends_at_the_age_between_two_captures(tmp_path: Path) -> None:
    """Of age from midnight on, which the next sweep notes at one, and agrees at two: what lies between is nobody's leave."""
    turns = at(2026, 6, 1)
    place = Place(tmp_path)
    place.clock.at = turns - 15 * DAY_S  # before the birthday; the month after it is what is kept
    with place.open() as cloud:
        tracker = _child(cloud, date(2010, 5, 20))
        place.clock.at = turns + 3600
        cloud.sweep(clock_confirmed=True)
        place.clock.at = turns + 7200
        cloud.consent.give("s-1", T, by("s-1"))
        place.clock.at = turns + 9000
        assert take(cloud, tracker, turns - 600, turns + 600, turns + 8000) == [STORED, DENIED, STORED]


def test_a_childs_positions_are_coarse_until_the_highest_age_that_is_asked_for(tmp_path: Path) -> None:
    """Eighteen for what the policy does not name: of two captures around it, the fine one of before is refused."""
    turns = at(2026, 6, 1)
    place = Place(tmp_path, LATER)
    place.clock.at = turns - 15 * DAY_S  # before the birthday; the month after it is what is kept
    with place.open() as cloud:
        tracker = enrolled(cloud)
        cloud.consent.give("s-1", T, by("s-1"), precision=Precision.CELL_100M)  # seventeen: their own answer
        place.clock.at += 60
        cloud.ages.declare("s-1", date(2008, 5, 20), AGE)  # and only now known to be that young
        place.clock.at = turns + 9000
        captures = (turns + 600, turns - 600)
        assert take(cloud, tracker, *captures, precision=Precision.CELL_100M) == [STORED, DENIED]
        assert take(cloud, tracker, *captures) == [STORED, STORED]


def test_a_childs_term_ends_for_each_capture_by_itself(tmp_path: Path) -> None:
    """Thirty days, where the rule has ninety: of two captures around them in one batch the older one alone is refused."""
    now = at(2026, 6, 1)
    place = Place(tmp_path)
    place.clock.at = now - 40 * DAY_S
    with place.open() as cloud:
        tracker = _child(cloud, date(2014, 5, 20))
        place.clock.at = now - 3600
        cloud.sweep(clock_confirmed=True)
        place.clock.at = now
        day = 30 * DAY_S
        assert take(cloud, tracker, now - day + 60, now - day - 60) == [STORED, DENIED]
        assert take(cloud, tracker, now - day - 120, now - day + 120) == [DENIED, STORED]


def test_a_clock_behind_the_newest_bound_drops_nothing(tmp_path: Path) -> None:
    """Closed at eleven and lifted at half past, then the clock falls back between the two: what it refuses now it may not later."""
    place = Place(tmp_path)
    place.clock.at = NOON - 7200
    with place.open() as cloud:
        tracker = enrolled(cloud)
        cloud.consent.give("s-1", T, by("s-1"))
        cloud.groups.found("depot", HOLDER)
        join(cloud.groups, "depot", "s-1", HOLDER)
        place.clock.at = NOON - 3600
        cloud.groups.narrow("depot", T, HOLDER)
        place.clock.at = NOON - 1800
        cloud.groups.lift("depot", T, HOLDER)
        place.clock.at = NOON - 2700
        assert take(cloud, tracker, AFTER) == [Kind.UNDECIDED]
        place.clock.at = NOON
        assert take(cloud, tracker, AFTER) == [STORED]


def test_an_age_that_is_forgotten_counts_in_the_next_batch(tmp_path: Path) -> None:
    """Of age since yesterday, and agreed; then the month is forgotten, and nothing says any more that they are: refused."""
    turns = at(2026, 6, 1)
    place = Place(tmp_path)
    place.clock.at = turns - 15 * DAY_S
    with place.open() as cloud, place.open() as other:
        tracker = _child(cloud, date(2010, 5, 20))
        place.clock.at = turns + 3600
        cloud.sweep(clock_confirmed=True)
        cloud.consent.give("s-1", T, by("s-1"))
        place.clock.at = turns + 9000
        assert take(cloud, tracker, turns + 8000) == [STORED]
        assert take(cloud, tracker, turns + 8100) == [STORED]
        other.ages.forget("s-1", place.clock.at)
        assert take(cloud, tracker, turns + 8200) == [DENIED]


def test_of_two_answers_at_one_instant_captures_of_that_second_follow_the_later(tmp_path: Path) -> None:
    """Withdrawn and given again at noon sharp, then the other way round: what was captured at noon, and a second before."""
    for n, again in enumerate((True, False)):
        (tmp_path / str(n)).mkdir()
        place = Place(tmp_path / str(n))
        place.clock.at = NOON - 7200
        with place.open() as cloud:
            tracker = enrolled(cloud)
            cloud.consent.give("s-1", T, by("s-1"))
            place.clock.at = NOON
            cloud.consent.withdraw("s-1", T, by("s-1"))
            if again:
                cloud.consent.give("s-1", T, by("s-1"))
            assert take(cloud, tracker, NOON - 1, NOON) == [DENIED, STORED if again else DENIED]
