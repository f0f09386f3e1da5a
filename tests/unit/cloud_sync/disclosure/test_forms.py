"""The other forms of a portability copy, and its manifest: the same rows in each, readable by whoever knows the form."""

from __future__ import annotations

import csv
import hashlib
import json
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from cloud_sync.disclosure.export import Export, Kind
from cloud_sync.disclosure.files import Folder
from cloud_sync.disclosure.forms import other_forms, rows_of
from cloud_sync.disclosure.manifest import read_manifest
from tests.unit.cloud_sync.disclosure.outlet_world import ME, Depot

GPX = "{http://www.topografix.com/GPX/1/1}"


@pytest.fixture
def copied(depot: Depot) -> Export:
    """A portability copy of twenty positions."""
    depot.feed()
    return depot.cloud.export(depot.directory / "copy", "s-1", actor=ME, kind=Kind.PORTABILITY)


def test_each_form_has_every_position(copied: Export) -> None:
    """JSON, CSV, GeoJSON and GPX: twenty each, with the same places and times, in the same order."""
    told = [(row["time"], row["lat"], row["lon"]) for row in rows_of(copied.folder / "location.tracking.json")]
    with (copied.folder / "location.tracking.csv").open(newline="") as file:
        as_csv = [(row["time"], float(row["lat"]), float(row["lon"])) for row in csv.DictReader(file)]
    features = json.loads((copied.folder / "location.tracking.geojson").read_text())["features"]
    as_geo = [(each["properties"]["time"], *reversed(each["geometry"]["coordinates"])) for each in features]
    root = ElementTree.parse(copied.folder / "location.tracking.gpx").getroot()  # noqa: S314
    points = root.iter(f"{GPX}trkpt")
    as_gpx = [(p.findtext(f"{GPX}time"), float(p.attrib["lat"]), float(p.attrib["lon"])) for p in points]
    assert len(told) == 20 and told == as_csv == as_geo == as_gpx


def test_text_that_a_spreadsheet_would_run_is_told_as_text(tmp_path: Path) -> None:
    """A formula has an apostrophe before it; a negative number has none; JSON has both as they are."""
    folder = Folder(tmp_path / "copy")
    with folder.array("crm.support.json") as array:
        array.add({"text": "=HYPERLINK(1)", "value": -5, "list": ["a", 1]})
        array.add({"text": "plain", "more": None})
    [(name, count)] = other_forms(folder, "crm.support.json", "crm", array.columns)
    assert (name, count) == ("crm.support.csv", 2)
    lines = (folder.path / name).read_text().splitlines()
    assert lines == ["text,value,list,more", '\'=HYPERLINK(1),-5,"[""a"", 1]",', "plain,,,"]


def test_nobody_needs_this_program_to_check_a_manifest(copied: Export) -> None:
    """`sha256sum` prints what its SHA-256 is over; a file that was changed is found by both."""
    manifest = read_manifest(copied.folder)
    names = sorted(file.name for file in manifest.files)
    printed = subprocess.run(["sha256sum", *names], cwd=copied.folder, capture_output=True, check=True).stdout
    assert hashlib.sha256(printed).hexdigest() == manifest.sha256
    assert manifest.rows == sum(file.rows for file in manifest.files if not file.form_of) >= 20


def test_an_access_copy_says_which_holds_there_are_and_not_whose(depot: Depot) -> None:
    """Of the person and of their device, released ones too; another's is in no copy; no reference and no name."""
    device = depot.tracker.name
    place = depot.cloud.holds.place
    for reference, more in (
        ("CLAIM-7", {"subject": "s-1"}),
        ("CLAIM-8", {"device": device}),
        ("CLAIM-9", {"subject": "s-2"}),
    ):
        place(reference, by="dpo-7", review_at=depot.clock.at + 86_400, **more)
    made = depot.cloud.export(depot.directory / "access", "s-1", actor=ME)
    text = (made.folder / "holds.json").read_text()
    assert len(json.loads(text)) == 2 and not any(word in text for word in ("CLAIM", "dpo-7", "s-2"))


def test_a_record_of_two_people_tells_each_of_the_other_by_role(depot: Depot) -> None:
    """A planner by a relation, anybody else as another person, and whoever is erased as removed."""
    cloud = depot.cloud
    cloud.relations.begin("p-9", "planner", "s-1", by="s-1")
    for other in ("p-9", "s-2"):
        cloud.records.put("billing", {"s-1": b"shared", other: b"shared"})
    cloud.records.put("billing", {"s-1": b"alone"})

    def told(name: str) -> list[list[str] | None]:
        made = cloud.export(depot.directory / name, "s-1", actor=ME)
        rows = [row.get("with") for row in rows_of(made.folder / "billing.invoicing.json")]
        return sorted(rows, key=str)

    assert told("before") == sorted([None, ["another person"], ["planner"]], key=str)
    cloud.records.remove(next(part.record_id for part in cloud.records.of("p-9")), "p-9")
    assert told("after") == sorted([None, ["another person"], ["removed"]], key=str)
