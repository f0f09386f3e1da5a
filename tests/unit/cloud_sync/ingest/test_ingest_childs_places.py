"""A narrow place says where a child is as closely as a fine cell: neither taken nor told, whatever the device was told before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from cloud_sync.consent import Evidence
from cloud_sync.ingest.outcome import Kind
from cloud_sync.model import PlaceChange, PlaceEvent, Stream
from cloud_sync.wire.batch import pack_places
from tests.properties.gate_policies import SYNTHETIC
from tests.unit.cloud_sync.disclosure.outlet_world import ME, NOON, Depot, T
from tests.unit.cloud_sync.ingest.ingest_world import TODAY

NARROW, WIDE = 7, 8
PLACE = """
[[place]]
id = {id}
name = "Place {id}"
lat = 55.6761
lon = 12.5683
radius_m = {radius_m}
"""
VISITS = """
[[rule]]
category = "visits"
stream = "location"
sensors = ["gnss"]
fields = ["time", "place", "event"]
purpose = ["diagnosis"]
basis = "contract"
retention = "P30D"
clock = "captured"
after = "delete"
recipients = []
region = "EEA"
visible_to_user = true
"""
TOLD = Evidence("p-9", "demo-1", "app", "told_age", "en")


@pytest.fixture
def depot(tmp_path: Path) -> Iterator[Depot]:
    """Under a policy with a place of 499 m and one of 500, half the width of a cell of a child's safeguards."""
    places = PLACE.format(id=NARROW, radius_m=499) + PLACE.format(id=WIDE, radius_m=500)
    made = Depot(tmp_path, SYNTHETIC + places + VISITS)
    yield made
    made.close()


def enters(depot: Depot, *places: int) -> Kind:
    """What becomes of an envelope that tells that these were entered."""
    events = [PlaceEvent(int(NOON) - 600, place, PlaceChange.ENTERED) for place in places]
    state = depot.cloud.database.directive_state(depot.tracker.name)
    version = max(state.floors) if state else 1
    sealed = depot.tracker.seal(pack_places(events, TODAY), stream=Stream.LOCATION, version=version)
    return depot.cloud.handle([(depot.tracker.topic, sealed)])[0].kind


def read(depot: Depot) -> list[int | None]:
    """The places that the person is told."""
    return [
        event.place
        for event in depot.cloud.read_places(actor=ME, purpose="diagnosis", subject="s-1", start=T, end=NOON)
    ]


def test_a_narrow_place_of_a_child_is_not_taken(depot: Depot) -> None:
    """Of an adult both are; of a child the wide one alone, and not an envelope with both."""
    depot.cloud.ages.declare("s-1", date(2012, 3, 14), TOLD)
    assert enters(depot, NARROW) is Kind.DENIED and enters(depot, WIDE, NARROW) is Kind.DENIED
    assert enters(depot, WIDE) is Kind.STORED
    assert read(depot) == [WIDE]


@pytest.mark.parametrize(("born", "told"), [(date(2012, 3, 14), [WIDE]), (date(1980, 3, 14), [NARROW, WIDE])])
def test_a_narrow_place_from_before_the_age_was_told_is_not_told(depot: Depot, born: date, told: list[int]) -> None:
    """Taken of somebody who seemed an adult: told while nobody knows better, and of a child no more."""
    assert enters(depot, NARROW) is Kind.STORED and enters(depot, WIDE) is Kind.STORED
    assert sorted(read(depot), key=str) == [NARROW, WIDE]
    depot.cloud.ages.declare("s-1", born, TOLD)
    assert sorted(read(depot), key=str) == told
