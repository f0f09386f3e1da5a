"""A restored backup lets nobody in: what it knows of tickets, grants and relations may have ended since."""

from __future__ import annotations

import shutil

import pytest

from cloud_sync.errors import Denied
from cloud_sync.model import Actor
from cloud_sync.read.sources import LOCATION
from tests.unit.cloud_sync.disclosure.outlet_world import CLERK, HELPER, NOON, Depot, ListSink, T

PLANNER = Actor("p-1", "planner")


def begin(depot: Depot) -> None:
    """A planner, a member of the staff and a delivery; then a backup, and the installation is open again."""
    depot.feed()
    depot.cloud.relations.begin("p-1", "planner", "s-1", by="s-1")
    depot.cloud.staff.open_ticket("K-1", "s-1", by="desk")
    depot.cloud.staff.open(HELPER, "s-1", purposes=["tracking"], categories=["position"], by=HELPER, ticket="K-1")
    depot.cloud.sinks["carrier"] = ListSink()
    asked = {"actor": CLERK, "purpose": "tracking", "subject": "s-1", "recipient": "carrier"}
    depot.cloud.disclosures.deliver(LOCATION, start=0, end=NOON, **asked)  # type: ignore[arg-type]
    depot.cloud.close()
    shutil.copy(depot.directory / "telemetry.db", depot.directory / "backup.db")
    depot.cloud = depot.open()


def restore(depot: Depot) -> None:
    """Put the backup back."""
    depot.cloud.close()
    for name in ("telemetry.db-wal", "telemetry.db-shm"):
        (depot.directory / name).unlink(missing_ok=True)
    shutil.copy(depot.directory / "backup.db", depot.directory / "telemetry.db")
    depot.cloud = depot.open()


def look(depot: Depot) -> int:
    """What the planner sees."""
    return len(depot.cloud.read_location(actor=PLANNER, purpose="dispatch", subject="s-1", start=T, end=NOON))


def test_a_relation_that_ended_after_the_backup_does_not_come_back(depot: Depot) -> None:
    """Nor any ticket or grant; what was told is still known. An ordinary restart changes nothing."""
    begin(depot)
    assert look(depot) == 20
    depot.cloud.relations.end("p-1", "planner", "s-1", by="s-1")
    restore(depot)
    with pytest.raises(Denied):
        look(depot)
    assert (depot.cloud.staff.grants("s-1"), depot.cloud.relations.of("s-1")) == ([], [])
    assert depot.cloud.database.ticket("K-1") is None
    assert len(depot.cloud.disclosures.of("s-1")) == 1


def test_salts_of_somebody_who_was_erased_after_the_backup_go_again(depot: Depot) -> None:
    """No delivery of theirs comes back, with which a commitment could be linked to them."""
    begin(depot)
    assert len(depot.cloud.disclosures.of("s-1")) == 1
    depot.cloud.erase(subject="s-1")
    restore(depot)
    assert depot.cloud.disclosures.of("s-1") == []
