"""A word of its own in every field of every place: before an erasure each is found, after it none that must go, in no byte."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.audit import Kind
from cloud_sync.erasure import places as registry
from cloud_sync.erasure.places import PLACES, Fate
from cloud_sync.erasure.register import Part, Register
from cloud_sync.facade.live import Live
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.storage.sqlite import SqliteEngine
from cloud_sync.storage.telemetry import TelemetryRows
from tests.faults.canary_world import KEPT, SUBJECT, Home
from tests.unit.cloud_sync.storage.cluster import binaries


@pytest.fixture(params=["sqlite", "postgresql"])
def home(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """The installation, on each engine."""
    if request.param == "postgresql" and binaries() is None:
        pytest.skip("PostgreSQL is not installed")
    monkeypatch.setenv("BYLEAVE_TEST_STORE", request.param)
    yield from _home(tmp_path)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Home]:
    """The installation in files."""
    yield from _home(tmp_path)


def _home(directory: Path) -> Iterator[Home]:
    (directory / "home").mkdir()
    home = Home(directory / "home")
    yield home
    home.close()


def test_nothing_that_must_go_is_left_and_what_stays_is_what_the_registry_says(home: Home) -> None:
    """Found before, in rows, files and by opening; after it 0, and the kept words in exactly the places of the list."""
    before = home.sightings()
    sealed_or_outside = {
        "billing content",
        "contact content",
        "case content",
        "settings",
        "ssid",
        "alarm to",
        "alarm label",
    }
    assert {name for name, there in before.items() if not there} == sealed_or_outside
    assert home.opening() == {"readings": 4, "limits": 1, "directive": 1, "record": 1}
    assert not home.raw()["settings"] and home.raw()["ticket"]
    receipt = home.cloud.erase(subject=SUBJECT)
    assert home.left() == [], home.left()
    after = home.sightings()
    assert {name: there for name, there in after.items() if there} == KEPT
    about = [entry.event.kind for entry in home.cloud.audit.entries(SUBJECT)]
    assert about == [Kind.RECORD_RESTRICTED]
    assert not home.cloud.restrictions.lost(SUBJECT) and len(home.cloud.restrictions.in_force(SUBJECT)) == 1
    assert {each.what for each in receipt.kept} >= {"Answers on consent", "Records: billing", "Restrictions in force"}
    assert receipt.recipients == ("carrier",) and receipt.held == ()


def test_every_word_stands_in_every_column_that_can_hold_one(home: Home) -> None:
    """No table about people is left empty by this world, so that one which is added and forgotten would be seen."""
    found = {place for there in home.sightings().values() for place in there}
    tables = {place.rpartition(".")[0] for place in found}
    about = {f"{p.store}.{p.name}" for p in PLACES if p.fate is not Fate.NOBODY and "." not in p.name}
    stores = ("telemetry", "keys", "tombstones", "releases")
    without_a_word = {"telemetry.retention_mark", "tombstones.witness", "telemetry.envelope"}  # hashes, and sealed rows
    not_at_once = {
        "keys.heal_offer",
        "keys.heal_candidate",
        "tombstones.tombstone",
    }  # while a device heals; when one is erased
    assert {name for name in about if name.startswith(stores)} - tables - without_a_word - not_at_once == set()


@pytest.mark.parametrize("by_command", [False, True], ids=["copies", "by command"])
def test_nothing_comes_back_with_yesterdays_backup(here: Home, by_command: bool) -> None:
    """Database and keys of before the erasure, put back: before anything is served it is erased again, everywhere."""
    folder = here.back_up()
    here.clock.at += 3600
    here.cloud.erase(subject=SUBJECT)
    here.clock.at += 3600
    here.restore(folder, by_command=by_command)
    here.live.forget()
    assert here.left() == []
    assert here.cloud.records.of(SUBJECT, "billing")


def test_nothing_comes_back_with_a_backup_on_postgresql(home: Home) -> None:
    """The same on each engine, by copies."""
    folder = home.back_up()
    home.clock.at += 3600
    home.cloud.erase(subject=SUBJECT)
    home.restore(folder, by_command=False)
    assert [found for found in home.left() if "in a file" not in found] == []  # the backup lay in the same cluster


def test_a_backup_alone_brings_everything_back(here: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A control: without the replays the words are all there again."""
    folder = here.back_up()
    here.cloud.erase(subject=SUBJECT)
    monkeypatch.setattr("cloud_sync.erasure.erase.Eraser.replay", lambda self: (0, 0))
    monkeypatch.setattr("cloud_sync.facade.erasing.Erasing._replay_erasures", lambda self: None)
    monkeypatch.setattr("cloud_sync.facade.limits.PersonLimits.replay", lambda self, stones, keyed: 0)
    monkeypatch.setattr("cloud_sync.records.records.Records.replay", lambda self: 0)
    here.restore(folder, by_command=False)
    left = here.left()
    assert {"delivery in telemetry.delivery.delivery", "readings opens", "limits opens", "record opens"} <= set(left)


BROKEN: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "keys of days": (LadderKeys, "destroy", lambda self, *span: 0),
    "key above days": (LadderKeys, "destroy_all", lambda self, devices, stones=None: 0),
    "rows": (TelemetryRows, "remove_span", lambda self, *span: 0),
    "log": (TelemetryRows, "forget_subject", lambda self, subject, until: 0),
    "files": (SqliteEngine, "_vacuum", lambda self: None),
    "subscriptions": (Live, "forget", lambda self, subject, whole: None),
}


@pytest.mark.parametrize("what", BROKEN)
def test_an_act_that_is_left_out_is_found(tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step of the path, broken by itself, leaves something that the search sees."""
    owner, name, broken = BROKEN[what]
    monkeypatch.setattr(owner, name, broken)
    if what == "key above days":  # one of two locks: alone it is enough, so both go
        monkeypatch.setattr(LadderKeys, "destroy", lambda self, *span: 0)
    if what == "keys of days":
        monkeypatch.setattr(LadderKeys, "destroy_all", lambda self, devices, stones=None: 0)
    for home in _home(tmp_path):
        home.cloud.erase(subject=SUBJECT)
        assert home.left() != []


@pytest.mark.parametrize(
    "name", sorted({place.part for place in PLACES if place.part not in ("", registry.ERASER, registry.LIVE)})
)
def test_a_part_that_does_nothing_is_found(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part that has added itself, without its acts, leaves something that the search sees."""
    add = Register.add
    monkeypatch.setattr(
        Register, "add", lambda self, part: add(self, Part(name, kept=part.kept) if part.name == name else part)
    )
    for home in _home(tmp_path):
        home.cloud._keeping.nothing_waits(SUBJECT)  # else its end does a part of the work again
        home.cloud.erase(subject=SUBJECT)
        assert home.left() != []
