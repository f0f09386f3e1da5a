"""A report that somebody is a child whose data nobody may have: restricted at once, erased a week later (clause table, V-35)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cloud_sync.errors import Denied
from cloud_sync.gate import Request
from cloud_sync.gate.gate import INGEST
from cloud_sync.model import Action
from cloud_sync.model.keeping import Ground
from cloud_sync.service import CloudSync
from tests.unit.cloud_sync.ingest.ingest_world import NOON, Tracker
from tests.unit.cloud_sync.service_world import GIVE, Setting, tracker_of

DAY = 86_400
WEEK = 7 * DAY


@pytest.fixture
def cloud(setting: Setting) -> Iterator[CloudSync]:
    """It, open and swept once."""
    with setting.open() as cloud:
        cloud.sweep()
        yield cloud


def fed(cloud: CloudSync, setting: Setting) -> Tracker:
    """One envelope under a consent."""
    tracker = tracker_of(cloud.enrol(subject="s-1", settings={}))
    cloud.consent.give("s-1", "tracking", GIVE)
    state = cloud.database.directive_state(tracker.name)
    assert state is not None
    setting.clock.at = NOON + 120
    cloud.handle([(tracker.topic, tracker.fixes([int(NOON) + 60], version=max(state.floors)))])
    assert cloud.database.count_envelopes() == 1
    return tracker


def swept(cloud: CloudSync, setting: Setting, at: float) -> int:
    """Envelopes that are there after a sweep."""
    setting.clock.at = at
    assert not cloud.sweep(clock_confirmed=True).halted
    return cloud.database.count_envelopes()


def erasures(cloud: CloudSync) -> int:
    """Entries of the log."""
    return len(cloud.audit.entries(kind="erasure.done"))


def test_a_report_restricts_at_once_and_erases_after_a_week(cloud: CloudSync, setting: Setting) -> None:
    """The rows are there to be examined, nobody reads them; then they are gone, once, and nothing new is collected."""
    fed(cloud, setting)
    reported = setting.clock.at
    made = cloud.report_child("s-1", by="dpo-1", reference="R-7")
    assert (made.ground, made.review_at) == (Ground.CHILD_REPORTED, reported + WEEK)
    with pytest.raises(Denied, match="restricted"):
        cloud.gate.demand(Request(INGEST, "tracking", Action.INGEST, "position", "s-1", reported, reported))
    assert swept(cloud, setting, reported + WEEK - 1) == 1
    assert swept(cloud, setting, reported + WEEK) == 0
    assert erasures(cloud) == 1 and cloud.restrictions.restricted("s-1")
    assert cloud.audit.entries(kind="erasure.done")[0].event.actor == "dpo-1"
    swept(cloud, setting, reported + WEEK + 3600)
    assert erasures(cloud) == 1


def test_a_report_that_was_wrong_erases_nothing(cloud: CloudSync, setting: Setting) -> None:
    """Examined, and lifted once the person was told: the rows stay."""
    fed(cloud, setting)
    reported = setting.clock.at
    made = cloud.report_child("s-1", by="dpo-1")
    cloud.restrictions.lift(made.restriction_id, by="dpo-1", told=True)
    assert swept(cloud, setting, reported + WEEK + 1) == 1 and erasures(cloud) == 0


def test_an_erasure_of_before_the_due_day_is_not_it(cloud: CloudSync, setting: Setting) -> None:
    """Erased at a wish in between, and something came in since by another way: the due day still comes."""
    fed(cloud, setting)
    reported = setting.clock.at
    cloud.report_child("s-1", by="dpo-1")
    cloud.erase(subject="s-1")
    swept(cloud, setting, reported + WEEK)
    assert erasures(cloud) == 2


def test_a_hold_lets_it_wait_once(cloud: CloudSync, setting: Setting) -> None:
    """A claim is under way: one erasure waits, however many sweeps there are, and goes after the release."""
    fed(cloud, setting)
    reported = setting.clock.at
    hold = cloud.holds.place("H-1", by="dpo-1", subject="s-1", review_at=reported + 30 * DAY)
    cloud.report_child("s-1", by="dpo-1")
    for hour in range(3):
        assert swept(cloud, setting, reported + WEEK + 3600 * hour) == 1
    assert len(cloud.database.waiting()) == 1
    cloud.holds.release(hold.hold_id, by="dpo-1", approved_by="counsel-1")
    assert swept(cloud, setting, reported + WEEK + 4 * 3600) == 0
    assert cloud.database.waiting() == []
