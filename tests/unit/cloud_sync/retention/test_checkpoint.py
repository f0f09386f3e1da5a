"""How far the clock has run from the last sweep: found in the log without reading all of it."""

from __future__ import annotations

from typing import Any

import pytest

from cloud_sync.model import AuditEvent
from cloud_sync.retention.checkpoint import HALTED, SWEPT, leap_s
from cloud_sync.stores import Database
from tests.unit.cloud_sync.ingest.ingest_world import World


def note(world: World, reason: str, at: float) -> None:
    """An entry of a sweep."""
    world.audit.append(AuditEvent("retention.swept", at, "retention", "", (("reason", reason), ("count", 0))))


def test_the_last_sweep_that_was_carried_out_counts(world: World) -> None:
    """Nothing logged is no leap; then the first entry counts, then the last sweep, however many were halted since."""
    assert leap_s(world.database, 1000.0) == 0.0
    world.audit.append(AuditEvent("device.enrolled", 100.0, "controller", "s-1"))
    assert leap_s(world.database, 1000.0) == 900.0
    note(world, HALTED, 300.0)
    assert leap_s(world.database, 1000.0) == 900.0
    note(world, SWEPT, 400.0)
    assert leap_s(world.database, 1000.0) == 600.0
    for n in range(150):
        note(world, HALTED, 500.0 + n)
        assert leap_s(world.database, 1000.0) == 600.0


def test_a_years_log_is_not_read_for_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ingest asks with every batch that has a refusal in it: one entry is read of two hundred."""
    for n in range(200):
        note(world, SWEPT, float(n))
    read: list[int] = []
    plain = type(world.database).newest_events

    def counted(self: Database, kind: str, most: int) -> list[AuditEvent]:
        found: list[Any] = plain(self, kind, most)
        read.append(len(found))
        return found

    monkeypatch.setattr(type(world.database), "newest_events", counted)
    assert leap_s(world.database, 1000.0) == 801.0
    assert read == [1]
