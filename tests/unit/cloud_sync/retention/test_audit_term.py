"""The audit log has a term of its own: after it nobody can tell whom an entry was about, and the log still verifies."""

from __future__ import annotations

from pathlib import Path

from cloud_sync.model.keeping import Ground
from tests.unit.cloud_sync.records.records_world import T0, Office, at


def test_entries_past_the_term_name_nobody_and_the_log_still_holds(tmp_path: Path) -> None:
    """Three years in the demo's policy: the day before all is told; then the older entry is forgotten, the younger one is not."""
    office = Office(tmp_path)
    with office.open() as cloud:
        cloud.restrictions.restrict("s-1", Ground.OBJECTION, by="s-1")
        office.clock.at = T0 + 86_400
        cloud.restrictions.restrict("s-2", Ground.OBJECTION, by="s-2")
        checkpoint = cloud.audit.checkpoint()
        office.clock.at = at("2029-01-15T11:59")
        cloud.sweep(clock_confirmed=True)
        assert len(cloud.audit.entries(subject="s-1")) == 1
        office.clock.at = at("2029-01-15T12:00")
        cloud.sweep(clock_confirmed=True)
        assert cloud.audit.entries(subject="s-1") == [] and len(cloud.audit.entries(subject="s-2")) == 1
        [first, second] = cloud.audit.entries(kind="restriction.set")
        assert (first.linked, first.event.actor, second.linked) == (False, "", True)
        assert cloud.audit.check(checkpoint) > 2
        assert all(entry.linked for entry in cloud.audit.entries(kind="retention.swept"))
        office.clock.at = at("2029-01-16T12:00")
        cloud.sweep(clock_confirmed=True)
        assert cloud.audit.entries(subject="s-2") == []  # goes on where the last sweep ended
