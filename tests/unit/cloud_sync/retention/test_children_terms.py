"""A child's telemetry goes after the safeguards' term, thirty days, whatever the rules say; an adult's beside it stays."""

from __future__ import annotations

from datetime import date

from cloud_sync.consent import Evidence
from cloud_sync.model import Precision, Stream
from cloud_sync.service import CloudSync
from tests.unit.cloud_sync.ingest.ingest_world import NOON, TODAY, Tracker
from tests.unit.cloud_sync.service_world import Setting, tracker_of

DAY = 86_400
T = int(NOON) + 60


def tracked(setting: Setting, cloud: CloudSync, subject: str, *, child: bool = False) -> Tracker:
    """A person who agreed, or a child whose parent did by two channels, with two fixes, a day apart."""
    setting.clock.at = NOON
    tracker = tracker_of(cloud.enrol(subject=subject, settings={}))
    if child:
        cloud.ages.declare(subject, date(2013, 6, 1), Evidence("p-1", "demo-1", "app", "told_age", "en"), country="DK")
        for channel in ("app", "letter"):
            cloud.consent.confirm(subject, "tracking", Evidence("p-1", "demo-1", channel, "confirmed", "en"))
    else:
        cloud.consent.give(subject, "tracking", Evidence(subject, "demo-1", "app", "tapped_allow", "en"))
    cloud.handle([(tracker.topic, tracker.status())])
    precision = Precision.CELL_1KM if child else Precision.CELL_100M
    for day in range(2):
        setting.clock.at = NOON + day * DAY + 120
        cloud.handle([(tracker.topic, tracker.fixes([T + day * DAY], precision=precision))])
    return tracker


def rows(cloud: CloudSync, tracker: Tracker) -> int:
    """Rows of positions."""
    return cloud.database.count_envelopes(tracker.name, Stream.LOCATION)


def test_a_childs_positions_go_after_thirty_days_and_an_adults_after_ninety(setting: Setting, cloud: CloudSync) -> None:
    """With a parent's leave: at the second at which thirty days are over the first goes, then the other and all keys."""
    child, adult = tracked(setting, cloud, "s-1", child=True), tracked(setting, cloud, "s-2")
    setting.clock.at = T + 30 * DAY - 1
    assert cloud.sweep(clock_confirmed=True).envelopes == 0 and rows(cloud, child) == 2
    setting.clock.at = T + 30 * DAY
    report = cloud.sweep(clock_confirmed=True)
    assert (report.envelopes, rows(cloud, child), rows(cloud, adult)) == (1, 1, 2)
    setting.clock.at = T + 33 * DAY
    report = cloud.sweep(clock_confirmed=True)
    assert (rows(cloud, child), rows(cloud, adult), report.late_s) == (0, 2, 2 * DAY)
    assert cloud._store.leaves(child.name, Stream.LOCATION, 0, TODAY + 1) == []
    assert cloud._store.leaves(adult.name, Stream.LOCATION, 0, TODAY + 1) != []


def test_a_hold_keeps_a_childs_data_as_well(setting: Setting, cloud: CloudSync) -> None:
    """Held it stays, and its key; released it goes."""
    child = tracked(setting, cloud, "s-1", child=True)
    hold = cloud.holds.place("H-1", by="dpo-1", review_at=setting.clock.at + 90 * DAY, subject="s-1")
    setting.clock.at = T + 40 * DAY
    report = cloud.sweep(clock_confirmed=True)
    assert (report.held, rows(cloud, child)) == (2, 2)
    assert cloud._store.leaves(child.name, Stream.LOCATION, TODAY, TODAY) != []
    cloud.holds.release(hold.hold_id, by="dpo-1", approved_by="counsel-1")
    cloud.sweep()
    assert rows(cloud, child) == 0


def test_an_erased_child_is_still_swept_as_one(setting: Setting, cloud: CloudSync) -> None:
    """The month is gone with the erasure and the child is still one: what came after it goes after thirty days too."""
    tracker = tracked(setting, cloud, "s-1")
    told = Evidence("p-1", "demo-1", "app", "told_age", "en")
    cloud.ages.declare("s-1", date(2013, 6, 1), told, country="DK")
    cloud.ages.declare("s-2", date(1980, 6, 1), told, country="DK")
    setting.clock.at = NOON + 2 * DAY
    cloud.ages.forget("s-1", setting.clock.at)
    assert cloud.ages.child("s-1", "tracking") and cloud._keeping._children() == ["s-1"]
    setting.clock.at = T + 31 * DAY
    assert cloud.sweep(clock_confirmed=True).envelopes == 2 and rows(cloud, tracker) == 0
