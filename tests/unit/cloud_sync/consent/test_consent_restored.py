"""A restored database that lost somebody's age: they stay a child until somebody else tells the age anew."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from cloud_sync.consent import Evidence
from cloud_sync.errors import ConsentError
from cloud_sync.model import Actor, ConsentState, Precision
from tests.unit.cloud_sync.disclosure.outlet_world import CLERK, NOON, Depot, T, evidence

TOLD = Evidence("c-1", "demo-1", "portal", "told_age", "en")
PARENT = Evidence("p-9", "demo-1", "app", "tapped_allow", "en")
BORN, GROWN = date(2012, 3, 14), date(1980, 3, 14)
PLANNER = Actor("p-1", "planner")


@pytest.fixture
def depot(tmp_path: Path) -> Iterator[Depot]:
    """An installation with twenty fixes of s-1, and a backup of before anybody told an age."""
    made = Depot(tmp_path)
    made.feed()
    made.cloud.close()
    shutil.copy(tmp_path / "telemetry.db", tmp_path / "backup.db")
    made.cloud = made.open()
    yield made
    made.close()


def restore(depot: Depot) -> None:
    """Put the backup back."""
    depot.cloud.close()
    for name in ("telemetry.db-wal", "telemetry.db-shm"):
        (depot.directory / name).unlink(missing_ok=True)
    shutil.copy(depot.directory / "backup.db", depot.directory / "telemetry.db")
    depot.cloud = depot.open()


def told(depot: Depot) -> Precision:
    """How finely the company is told under a contract."""
    fixes = depot.cloud.read_location(actor=CLERK, purpose="dispatch", subject="s-1", start=T, end=NOON)
    return fixes[0].precision


def test_a_restored_database_takes_a_lost_child_for_a_child(depot: Depot) -> None:
    """Told under a contract no finer than the safeguards, its own yes is a wish, across another start; an adult's is a yes."""
    assert told(depot) is Precision.CELL_100M
    depot.cloud.ages.declare("s-1", BORN, TOLD)
    depot.cloud.ages.declare("s-2", GROWN, TOLD)
    restore(depot)
    for _ in range(2):
        assert depot.cloud.ages.child("s-1", "tracking") and not depot.cloud.ages.child("s-2", "tracking")
        assert told(depot) is Precision.CELL_1KM
        depot.cloud.close()
        depot.cloud = depot.open()
    assert depot.cloud.permission("s-1").precision >= Precision.CELL_1KM
    assert depot.cloud.consent.give("s-1", "marketing", evidence()).event_state is ConsentState.PENDING
    assert depot.cloud.consent.give("s-2", "marketing", evidence("s-2")).event_state is ConsentState.GIVEN
    assert depot.cloud._keeping._children() == ["s-1"]


def test_a_lost_age_is_told_anew_by_somebody_else(depot: Depot) -> None:
    """Neither the child ends it nor a parent's yes; told by another it holds again, be it a child's or an adult's."""
    depot.cloud.ages.declare("s-1", BORN, TOLD)
    restore(depot)
    with pytest.raises(ConsentError, match="somebody else"):
        depot.cloud.ages.declare("s-1", GROWN, evidence())
    with pytest.raises(ConsentError, match="lost"):
        depot.cloud.consent.confirm("s-1", "marketing", PARENT)
    depot.cloud.ages.declare("s-1", BORN, TOLD)
    assert depot.cloud.consent.confirm("s-1", "marketing", PARENT).event_state is ConsentState.PENDING
    restore(depot)
    assert depot.cloud.ages.child("s-1", "tracking")
    depot.cloud.ages.declare("s-1", GROWN, TOLD)
    for _ in range(2):
        assert not depot.cloud.ages.child("s-1", "tracking") and told(depot) is Precision.CELL_100M
        depot.cloud.close()
        depot.cloud = depot.open()


def test_whoever_was_corrected_to_be_of_age_is_no_child_after_a_restore(depot: Depot) -> None:
    """The last word counts: told to be a child, then of age; and a child again after the restore is remembered as one."""
    depot.cloud.ages.declare("s-1", BORN, TOLD)
    depot.cloud.ages.declare("s-1", GROWN, TOLD)
    restore(depot)
    assert not depot.cloud.ages.child("s-1", "tracking")
    depot.cloud.ages.declare("s-1", BORN, TOLD)
    restore(depot)
    assert depot.cloud.ages.child("s-1", "tracking")
