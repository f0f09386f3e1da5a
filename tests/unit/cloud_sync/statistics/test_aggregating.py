"""Positions that remain as statistics when their term is over: released in time, then gone, and nobody is found again in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.keys.reseal import DayOpener
from cloud_sync.policy import lint
from tests.unit.cloud_sync.ingest.ingest_world import NOON, POLICY, TODAY
from tests.unit.cloud_sync.statistics.test_statistics import DAY_S, HERE, STATS, THERE, YES, Town

TERM_S = 40 * DAY_S
CAPTURED = NOON + 3600


def policy(after: str = "anonymise", change: tuple[str, str] | None = None) -> str:
    """The demo's policy with statistics, whose positions go so after forty days."""
    text = POLICY.read_text() + STATS
    start = text.index('[[rule]]\ncategory = "position"')
    rule = text[start : text.index("[[rule]]", start + 8)]
    made = rule.replace('retention = "P90D"', 'retention = "P40D"').replace('after = "delete"', f'after = "{after}"')
    assert made != rule
    text = text.replace(rule, made)
    if change is not None:
        assert change[0] in text
        text = text.replace(*change)
    return text


@pytest.fixture(params=["aggregate", "anonymise"])
def town(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Town]:
    """A town of 25 people, swept once, of whom 21 are at one place and 4 at another."""
    town = Town(tmp_path, policy(request.param))
    town.settle(25)
    town.cloud.sweep()
    town.at(HERE, 21)
    town.at(THERE, 4, first=21)
    yield town
    town.cloud.close()


def swept(town: Town, at: float) -> int:
    """Envelopes of positions that are left after a sweep."""
    town.setting.clock.at = at
    assert not town.cloud.sweep(clock_confirmed=True).halted
    return town.cloud.database.count_envelopes(stream=1)


def test_a_day_is_released_before_its_first_reading_is_over(town: Town) -> None:
    """Not two days ahead; a day ahead it is, once, with twenty people and no word of the four; the rows go to the second."""
    assert swept(town, CAPTURED + TERM_S - 2 * DAY_S) == 25 and town.cloud.statistics.releases() == []
    assert swept(town, TODAY * DAY_S + TERM_S - 43_200) == 25
    made = town.cloud.statistics.releases()
    [release] = [each for each in made if each.cells]  # of the days before and after there is nobody to tell
    assert (release.first_day, release.last_day) == (TODAY, TODAY)
    assert [cell.people for cell in release.cells] == [20]
    assert swept(town, CAPTURED + TERM_S) == 0
    assert [each for each in town.cloud.statistics.releases() if each.cells] == [release]


def test_an_attempt_to_link_again_finds_nobody(town: Town) -> None:
    """Twenty-five rows are kept over the sweep and none opens afterwards; who only aggregates does not try."""
    swept(town, CAPTURED + TERM_S - 3600)
    swept(town, CAPTURED + TERM_S)
    tried = [dict(entry.event.detail) for entry in town.cloud.audit.entries(kind="relink.tried")]
    anonymous = any(rule.after.value == "anonymise" for rule in town.cloud.policy.rules)
    assert [(each["count"], each["unreadable"]) for each in tried] == ([(25, 25)] if anonymous else [])


def test_a_link_that_is_found_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    """A key that outlived its rows: the log of the service and that of audits say how many opened."""
    town = Town(tmp_path, policy())
    town.settle(1)
    town.cloud.sweep()
    town.at(HERE, 1)
    monkeypatch.setattr(DayOpener, "open", lambda *_: b"opened")
    swept(town, CAPTURED + TERM_S)
    [tried] = [dict(entry.event.detail) for entry in town.cloud.audit.entries(kind="relink.tried")]
    assert (tried["count"], tried["unreadable"]) == (1, 0)
    assert "1 of 1 envelopes that were to be anonymous open still" in caplog.text
    town.cloud.close()


def test_a_day_that_nobody_lets_be_counted_goes_without(town: Town) -> None:
    """All have withdrawn: no release, no row, and the sweep ends."""
    for person in town.people:
        town.cloud.consent.withdraw(person, "tracking", replace(YES, entity_id=person, act="tapped_withdraw"))
    assert swept(town, CAPTURED + TERM_S - 3600) == 0
    assert town.cloud.statistics.releases() == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("[stats]\n", "[no_stats]\n"), "without statistics of it"),
        (('"position.lat", ', ""), "without statistics of it"),
        (('actions = ["statistics"]', 'actions = ["read"]'), "nobody may make statistics"),
        (('release_delay = "P30D"', 'release_delay = "P38D"'), "over before a release may be made"),
    ],
)
def test_a_rule_that_could_not_be_carried_out_is_refused(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    """One change each of a file without a gap."""
    path = tmp_path / "policy.toml"
    path.write_text(policy(), "utf-8")
    assert lint(path) == []
    path.write_text(policy(change=change), "utf-8")
    assert [each.message for each in lint(path) if message in each.message]


def test_readings_of_a_sensor_are_no_statistics(tmp_path: Path) -> None:
    """Temperatures that are to be aggregated: refused, with what to write instead."""
    text = POLICY.read_text() + STATS
    start = text.index('[[rule]]\ncategory = "environment"')
    rule = text[start : text.index("[[rule]]", start + 8)]
    path = tmp_path / "policy.toml"
    path.write_text(text.replace(rule, rule.replace('after = "delete"', 'after = "aggregate"')), "utf-8")
    [found] = lint(path)
    assert "no position" in found.message and "delete" in found.fix


def test_after_an_outage_what_is_over_is_told_and_not_used_up(tmp_path: Path, caplog: Any) -> None:
    """Forty days without a sweep: the day whose first readings are over has no release, which the log says once.

    Nor has it one an hour later, of the readings that are left.
    """
    town = Town(tmp_path, policy("aggregate"))
    town.settle(25)
    town.cloud.sweep()
    town.at(HERE, 21)
    town.setting.clock.at = CAPTURED + 2 * 3600
    for tracker in town.people.values():
        state = town.cloud.database.directive_state(tracker.name)
        assert state is not None
        version = max(state.version, *state.floors)
        town.cloud.handle([(tracker.topic, tracker.fixes([int(CAPTURED) + 7200], place=HERE, version=version))])
    over = CAPTURED + TERM_S + 1
    assert int(over - TERM_S) // DAY_S == TODAY
    assert swept(town, over) == 25
    assert TODAY not in [each.first_day for each in town.cloud.statistics.releases()]
    assert f"days {TODAY} to {TODAY} remain as no statistic of tracking" in caplog.text
    caplog.clear()
    assert swept(town, over + 3600) == 25
    assert TODAY not in [each.first_day for each in town.cloud.statistics.releases()]
    assert "remain as no statistic" not in caplog.text
    town.cloud.close()


def test_after_an_outage_a_day_of_which_nothing_is_over_is_released(tmp_path: Path) -> None:
    """Its first hours are over, its first reading is not: it counts everybody."""
    town = Town(tmp_path, policy("aggregate"))
    town.settle(25)
    town.cloud.sweep()
    town.at(HERE, 21)
    assert swept(town, CAPTURED + TERM_S - 1) == 21
    [release] = [each for each in town.cloud.statistics.releases() if each.cells]
    assert release.first_day == TODAY
    town.cloud.close()
