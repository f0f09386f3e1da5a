"""Statistics: groups of 20 are told and of 19 not, no difference of two releases shows fewer, late, once, and by leave alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.consent import Evidence
from cloud_sync.errors import ConfigError, Denied, StoreError
from cloud_sync.model import EPOCH_SECONDS, Actor, Precision
from cloud_sync.read.reader import Reader
from cloud_sync.service import CloudSync
from cloud_sync.statistics import banded, exposed
from tests.unit.cloud_sync.ingest.ingest_world import NOON, POLICY, TODAY, Tracker
from tests.unit.cloud_sync.service_world import Setting, tracker_of

DESK = Actor("desk-1", "service")
YES = Evidence("s-1", "demo-1", "app", "tapped_allow", "en")
DAY_S = EPOCH_SECONDS
HERE, THERE = (556_761_000, 125_683_000), (570_521_000, 99_215_000)
STATS = """
[stats]
k_min = 20
grid_km = 10
release_delay = "P30D"
inputs = ["position.time", "position.lat", "position.lon"]

[[roles.service]]
actions = ["statistics"]
purposes = ["tracking"]
"""


class Town:
    """Many people with a tracker each, who all agreed; the clock is set past the delay when a release is asked for."""

    def __init__(self, folder: Path, policy: str) -> None:
        path = folder / "stats.toml"
        path.write_text(policy)
        self.setting = Setting(folder / "town")
        self.setting.directory.mkdir()
        config = replace(self.setting.config(), policy=path)
        self.cloud = CloudSync.open(config, clock=self.setting.clock, link=self.setting.link)
        self.people: dict[str, Tracker] = {}

    def settle(self, count: int) -> None:
        """So many people more."""
        for _ in range(count):
            subject = f"p-{len(self.people)}"
            tracker = tracker_of(self.cloud.enrol(subject=subject, settings={}))
            self.cloud.consent.give(subject, "tracking", replace(YES, entity_id=subject))
            self.cloud.handle([(tracker.topic, tracker.status())])
            self.people[subject] = tracker

    def at(self, place: tuple[int, int], people: int, *, first: int = 0, devices: int = 1) -> None:
        """These people are there once, an hour after noon of today."""
        self.setting.clock.at = NOON + 7200
        for tracker in list(self.people.values())[first : first + people]:
            for _ in range(devices):
                self.cloud.handle([(tracker.topic, tracker.fixes([int(NOON) + 3600], place=place))])

    def release(self, days: int = 1, first_day: int = TODAY) -> dict[tuple[float, float], int]:
        """Cells of a release of today, made when it may be."""
        self.setting.clock.at = (first_day + days + 30) * DAY_S + 1.0
        made = self.cloud.statistics.release(actor=DESK, purpose="tracking", first_day=first_day, days=days)
        return {(round(cell.lat, 2), round(cell.lon, 2)): cell.people for cell in made.cells}


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """A town of 41 people."""
    town = Town(tmp_path, POLICY.read_text() + STATS)
    town.settle(41)
    yield town
    town.cloud.close()


def test_twenty_are_told_and_nineteen_are_not(town: Town) -> None:
    """Two places, one with 20 people and one with 19: one cell of at least ten kilometres, and no word of the other."""
    town.at(HERE, 20)
    town.at(THERE, 19, first=20)
    cells = town.release()
    assert list(cells.values()) == [20]
    [(lat, lon)] = cells
    assert abs(lat - 55.67) < 0.06 and abs(lon - 12.57) < 0.12
    text = town.cloud.statistics.releases()[0].to_json()
    assert "9.9" not in text and "19" not in json.loads(text)["cells"].__repr__() and "p-" not in text
    assert town.cloud.statistics.releases()[0].grid is Precision.CELL_10KM


def test_people_count_and_neither_devices_nor_fixes(town: Town) -> None:
    """Nineteen who were there many times are nineteen."""
    town.at(HERE, 19, devices=3)
    assert town.release() == {}


def test_a_difference_of_two_releases_shows_nobody(town: Town) -> None:
    """20 people on one day, 21 on another: both are told as 20; and a change of k that would show five is refused."""
    town.at(HERE, 21)
    assert list(town.release().values()) == [20]
    assert exposed([{"a": 20}, {"a": 40}], 20) == []
    assert exposed([{"a": 20}, {"a": 25}], 20) == [("a", 5)]
    assert exposed([{"a": 19}], 20) == [("a", 19)]
    assert exposed([{"a": 40}, {}], 20) == []


def test_late_and_once(town: Town) -> None:
    """Not before the delay is over; a day that was released is in no other release, whatever the span."""
    town.at(HERE, 20)
    town.setting.clock.at = (TODAY + 31) * DAY_S - 1.0
    ask = {"actor": DESK, "purpose": "tracking"}
    with pytest.raises(ConfigError, match="P30D"):
        town.cloud.statistics.release(**ask, first_day=TODAY, days=1)
    assert town.release() and len(town.cloud.statistics.releases()) == 1
    town.setting.clock.at += 5 * DAY_S
    for first, days in ((TODAY, 1), (TODAY - 3, 4), (TODAY - 1, 3)):
        with pytest.raises(ConfigError, match="once"):
            town.cloud.statistics.release(**ask, first_day=first, days=days)
    for first, days in ((TODAY - 1, 0), (-1, 1), (TODAY - 400, 367)):
        with pytest.raises(ConfigError, match="days"):
            town.cloud.statistics.release(**ask, first_day=first, days=days)


def test_who_took_it_back_is_not_counted(town: Town) -> None:
    """Consent at the time of use counts: of 20 people one has withdrawn, and the cell is gone."""
    town.at(HERE, 20)
    town.cloud.consent.withdraw("p-0", "tracking", replace(YES, entity_id="p-0", act="tapped_withdraw"))
    assert town.release() == {}


def test_who_takes_it_back_while_people_are_counted_is_not_counted(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty were there; one withdraws after having been counted and before the release: the cell is gone."""
    town.at(HERE, 20)
    real, left = Reader.note, [5]

    def withdrawing(*args: object) -> None:
        real(*args)  # type: ignore[arg-type]
        left[0] -= 1
        if not left[0]:
            town.cloud.consent.withdraw("p-0", "tracking", replace(YES, entity_id="p-0", act="tapped_withdraw"))

    monkeypatch.setattr(Reader, "note", withdrawing)
    assert town.release() == {} and left[0] < 0


def test_a_restored_database_opens_no_day_again(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its releases are gone; days up to the last of them stay closed, later ones are free."""
    town.at(HERE, 20)
    town.release()
    monkeypatch.setattr(type(town.cloud.database), "statistics", lambda _: [])
    town.setting.clock.at += 40 * DAY_S
    for first in (TODAY, TODAY - 5):
        with pytest.raises(ConfigError, match="restored"):
            town.cloud.statistics.release(actor=DESK, purpose="tracking", first_day=first, days=1)
    assert town.cloud.statistics.release(actor=DESK, purpose="tracking", first_day=TODAY + 1, days=1).cells == ()


def test_who_may_not_count_uses_no_day_up(town: Town) -> None:
    """A role of the staff without an open case is denied, and nothing is released; nor is there a release of nobody."""
    town.at(HERE, 20)
    town.setting.clock.at = (TODAY + 40) * DAY_S
    with pytest.raises(Denied):
        town.cloud.statistics.release(actor=Actor("x", "third_party"), purpose="tracking", first_day=TODAY, days=1)
    for subject in town.people:
        town.cloud.consent.withdraw(subject, "tracking", replace(YES, entity_id=subject, act="tapped_withdraw"))
    with pytest.raises(Denied):
        town.cloud.statistics.release(actor=DESK, purpose="tracking", first_day=TODAY, days=1)
    assert town.cloud.statistics.releases() == []


def test_nobody_is_no_release(tmp_path: Path) -> None:
    """An installation without a device has nobody to count, whatever the purpose."""
    town = Town(tmp_path, POLICY.read_text() + STATS)
    town.setting.clock.at = (TODAY + 40) * DAY_S
    with pytest.raises(ConfigError, match="nobody"):
        town.cloud.statistics.release(actor=DESK, purpose="tracking", first_day=TODAY, days=1)
    town.cloud.close()


def test_a_change_of_k_is_held_against_former_releases(town: Town) -> None:
    """25 people at k = 20 were told as 20; at k = 25 they would be told as 25, and five could be seen: refused."""
    town.at(HERE, 25)
    assert list(town.release().values()) == [20]
    stats = town.cloud.policy.stats
    assert stats is not None
    town.cloud.statistics._policy = replace(town.cloud.policy, stats=replace(stats, k_min=25))
    town.setting.clock.at = NOON + DAY_S
    for tracker in list(town.people.values())[:25]:
        at = int(NOON) + int(DAY_S)
        town.cloud.handle([(tracker.topic, tracker.fixes([at - 60], place=HERE, epoch=TODAY + 1))])
    with pytest.raises(ConfigError, match="fewer than 25"):
        town.release(first_day=TODAY + 1)


def test_who_was_erased_is_not_counted(town: Town) -> None:
    """Nothing opens of them."""
    town.at(HERE, 20)
    town.cloud.erase(subject="p-3")
    assert town.release() == {}


def test_each_person_sees_that_they_were_counted(town: Town) -> None:
    """In their own log, as a use for statistics; the release itself names nobody."""
    town.at(HERE, 20)
    town.release()
    [used] = town.cloud.audit.entries("p-0", "gate.allowed")
    assert dict(used.event.detail)["action"] == "statistics" and used.event.actor == "desk-1"
    [made] = town.cloud.audit.entries(kind="statistics.released")
    assert made.event.subject == "" and dict(made.event.detail)["count"] == 1


def test_without_the_policys_word_there_are_none(tmp_path: Path) -> None:
    """No [stats]; no role for it; a purpose that nobody declared; a field that is no input: nothing is released."""
    demo = POLICY.read_text()
    cases = {
        "no table": (demo, "tracking", ConfigError),
        "no role": (demo + STATS.partition("[[roles")[0], "tracking", Denied),
        "no purpose": (demo + STATS, "marketing", Denied),
        "no input": (demo + STATS.replace(', "position.lon"', ""), "tracking", Denied),
    }
    for number, (policy, purpose, error) in enumerate(cases.values()):
        (tmp_path / str(number)).mkdir()
        town = Town(tmp_path / str(number), policy)
        town.settle(1)
        town.setting.clock.at = (TODAY + 40) * DAY_S
        with pytest.raises(error):
            town.cloud.statistics.release(actor=DESK, purpose=purpose, first_day=TODAY, days=1)
        assert town.cloud.statistics.releases() == []
        town.cloud.close()


def test_releases_are_for_good(town: Town) -> None:
    """Nobody edits one after the fact [a second one would then fit beside it]."""
    town.at(HERE, 20)
    town.release()
    with pytest.raises(StoreError, match="append-only"):
        town.cloud.database.run("DELETE FROM statistic")


@given(
    st.lists(st.dictionaries(st.integers(0, 4), st.sets(st.integers(0, 99).map(str)), max_size=5), max_size=4),
    st.integers(2, 30),
)
def test_banded_counts_never_expose(groups: list[dict[int, set[str]]], k: int) -> None:
    """Whatever the groups and however many releases: every count and every difference is nothing or k at least."""
    releases = [banded(each, k) for each in groups]
    assert exposed(releases, k) == []
    for each, told in zip(groups, releases, strict=True):
        assert all(count <= len(each[group]) < count + k for group, count in told.items())


def test_a_statistic_of_one_is_refused() -> None:
    """k = 1 is about a person."""
    assert banded({"a": {"x", "y"}}, 2) == {"a": 2}
    with pytest.raises(ConfigError, match="person"):
        banded({"a": {"x", "y"}}, 1)
