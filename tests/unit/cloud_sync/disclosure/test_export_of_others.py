"""A copy that somebody else writes has what the gate lets them export, and not the whole person beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cloud_sync.disclosure.export import Export
from cloud_sync.disclosure.files import Folder
from cloud_sync.model import Actor
from tests.unit.cloud_sync.disclosure.outlet_world import ME, Depot, evidence

PARENT = Actor("p-9", "parent")
OFFICER = Actor("d-1", "dpo")
AROUND = {
    *("holds.json", "reads.json", "disclosures.json", "staff.json", "relations.json", "devices.json", "limits.json"),
    *("groups_and_age.json", "restrictions.json"),
}


def files(made: Export) -> set[str]:
    """What was written."""
    return {path.name for path in made.folder.iterdir()}


@pytest.fixture
def known(depot: Depot) -> Depot:
    """A person with positions, a home zone and a parent."""
    depot.feed()
    depot.cloud.limits.set("s-1", zones=[(5567, 1257)], evidence=evidence())
    depot.cloud.relations.begin("p-9", "parent", "s-1", by="s-1")
    return depot


def test_a_parent_with_one_purpose_gets_that_one_and_nothing_around_it(known: Depot, tmp_path: Path) -> None:
    """The positions under `tracking`, and what the policy says to everybody; each other file is withheld with its reason."""
    made = known.cloud.export(tmp_path / "copy", "s-1", actor=PARENT)
    assert files(made) == {"location.tracking.json", "policy.json", "index.html", "manifest.json"}
    withheld = {what for what, purpose, reason in made.withheld if purpose == "rights_handling" and reason}
    assert {name.removesuffix(".json") for name in AROUND} <= withheld
    assert known.entries("limits.read") == []


def test_the_officer_gets_what_stands_in_the_log_and_not_the_home(known: Depot, tmp_path: Path) -> None:
    """The rule of the log lets them export it under rights handling; limits are of the ledger, which has no rule here."""
    made = known.cloud.export(tmp_path / "copy", "s-1", actor=OFFICER)
    assert files(made) & AROUND == AROUND - {"limits.json", "groups_and_age.json"}


def test_the_person_gets_everything_and_the_log_says_that_the_limits_were_read(known: Depot, tmp_path: Path) -> None:
    """Each file is there; a home that somebody looked at is on the record."""
    made = known.cloud.export(tmp_path / "copy", "s-1", actor=ME)
    assert files(made) >= AROUND
    assert "5567" in (tmp_path / "copy" / "limits.json").read_text()
    assert len(known.entries("limits.read")) == 1


@pytest.mark.parametrize(("name", "missing"), [("audit.rights_handling.json", "reads"), ("devices.json", "cases")])
def test_a_restriction_in_the_middle_ends_the_rest_of_the_files(
    known: Depot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, missing: str
) -> None:
    """After the streams, and between two of the files around them: what comes behind it is withheld as restricted."""
    whole = Folder.array

    def array(folder: Folder, file: str) -> Any:
        if file == name:
            known.cloud.restrictions.restrict("s-1", "objection", by="s-1")
        return whole(folder, file)

    monkeypatch.setattr(Folder, "array", array)
    made = known.cloud.export(tmp_path / "copy", "s-1", actor=OFFICER)
    assert name in files(made) and f"{missing}.json" not in files(made)
    assert (missing, "rights_handling", "restricted") in made.withheld
