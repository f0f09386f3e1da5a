"""Labels of places, which may say where somebody prays, is treated or belongs to."""

from __future__ import annotations

import json
from typing import Final

from cloud_sync.alarms import PlaceWatch
from tests.clauses.clause import clause
from tests.clauses.made import U1, Made
from tests.clauses.stats.stats_world import DESK, TODAY, say

#: One for each of the six kinds: origin, politics, belief, union, health, orientation.
LABELS: Final = ("embassy", "party office", "mosque", "union hall", "oncology clinic", "gay bar")
#: What an inference would have to add.
INFERRED: Final = ("origin", "politic", "belief", "religio", "health", "orientation", "sensitive_kind", "place_type")


@clause("CT-33", engine="labels")
def test_ct_33(made: Made) -> None:
    """Six labels, one for each kind, each warned of and kept as it was typed, sealed and enriched by nothing; what sort of
    place a fix is at is a purpose that nobody declared, and labels are no input of statistics (the table's
    special_category).
    """
    world = made.world("ct")
    tracker = world.tracker("u-1")
    warned = []
    for n, label in enumerate(LABELS):
        _, warnings = world.cloud.alarms.set(
            U1, PlaceWatch(n + 1), purpose="geofence_alert", channel="app", label=label
        )
        warned += warnings
    assert warned == ["may_be_sensitive"] * 6
    kept = world.cloud.alarms.copy_of("u-1")
    assert {each["label"] for each in kept} == set(LABELS)
    added = json.dumps([{name: value for name, value in each.items() if name != "label"} for each in kept])
    assert not any(word in added for word in INFERRED)
    rows = [row for rule in world.cloud.database.alarm_rules() for row in (rule.sealed, rule.memory)]
    assert not any(label.encode() in row for label in LABELS for row in rows)
    world.feed(tracker)
    say(world, "geofence", {"u-1": {"label": LABELS[0]}})
    with world.denies("purpose_not_declared"):
        world.read(U1, "place_type_inference")
    world.later(days=40)
    with world.denies("purpose_not_declared"):
        world.cloud.statistics.counts.make(
            actor=DESK, purpose="market_statistics", category="geofence", field="label", first_day=TODAY
        )
