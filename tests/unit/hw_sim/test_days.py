"""Synthetic days: the same bytes for the same seed, days that differ by their kind, a truth that fits the drives."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import random
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from hw_sim.cli import sim
from hw_sim.errors import HwSimError
from hw_sim.world.calendar import Calendar
from hw_sim.world.days import Days
from hw_sim.world.drive import Drive
from hw_sim.world.geo import distance_m
from tests.unit.hw_sim.days_seen import at, metres

BERLIN = ZoneInfo("Europe/Berlin")
MONTH = Days(people=6, vans=1, days=28, seed=5)
TRUTH = MONTH.truth()


def local(unix_s: float) -> dt.datetime:
    """On the clock on the wall."""
    return dt.datetime.fromtimestamp(unix_s, BERLIN)


@pytest.mark.parametrize("name", MONTH.names)
def test_who_visits_a_place_is_there(name: str) -> None:
    """At the beginning, in the middle and at the end of each visit the drive is at that place, and stands."""
    drive, visits = MONTH.drive(name), list(TRUTH.of(name))
    assert len(visits) > 28
    for visit in visits:
        place = TRUTH.place(visit.place)
        for time_s in (visit.start_unix_s, (visit.start_unix_s + visit.end_unix_s) / 2, visit.end_unix_s - 1):
            here = drive.at(time_s)
            assert metres((here.lat_deg, here.lon_deg), at(place)) < 1
    assert (local(drive.start_unix_s).time(), local(drive.end_unix_s).time()) == (dt.time(), dt.time())
    assert drive.end_unix_s - drive.start_unix_s == 28 * 86_400 - 3600  # the clocks went forward within it


@pytest.mark.parametrize("name", MONTH.names)
def test_nobody_flies(name: str) -> None:
    """No stretch is faster than a motorway allows, and time rises."""
    samples = MONTH.drive(name).samples
    for a, b in itertools.pairwise(samples):
        assert a.t_s < b.t_s
        assert distance_m(a, b) / (b.t_s - a.t_s) < 45


def visited(name: str, kind: str, weekdays: range) -> int:
    """How many visits to places of that kind begin on these days of the week."""
    return sum(
        TRUTH.place(visit.place).kind == kind and local(visit.start_unix_s).weekday() in weekdays
        for visit in TRUTH.of(name)
    )


def test_days_differ_by_their_kind() -> None:
    """Work and school on weekdays alone, more leisure at the weekend; a van delivers by day and rests on Sundays."""
    grown_ups = [name for name in MONTH.names if MONTH.role(name) == "adult"]
    pupils = [name for name in MONTH.names if MONTH.role(name) == "pupil"]
    assert (len(grown_ups), len(pupils)) == (4, 2)
    for name, kind in [*((name, "work") for name in grown_ups), *((name, "school") for name in pupils)]:
        assert visited(name, kind, range(5)) == 20
        assert visited(name, kind, range(5, 7)) == 0
    weekday = sum(visited(name, "leisure", range(5)) for name in grown_ups) / 5
    weekend = sum(visited(name, "leisure", range(5, 7)) for name in grown_ups) / 2
    assert weekend > 1.3 * weekday
    assert visited("van-1", "delivery", range(5)) >= 15 * 20
    assert visited("van-1", "delivery", range(6, 7)) == 0
    nights = [name for name in MONTH.names for day in range(1, 28) if not home_at_three(name, day)]
    assert nights == []


def home_at_three(name: str, day: int) -> bool:
    """Whether one is at home at three in the night."""
    when = dt.datetime.combine(MONTH.first + dt.timedelta(days=day), dt.time(3), BERLIN).timestamp()
    here = MONTH.drive(name).at(when)
    return metres((here.lat_deg, here.lon_deg), at(TRUTH.home(name))) < 1


def test_a_public_holiday_is_a_sunday_and_leave_is_spent_away() -> None:
    """Nobody works on 1 May; in a year each grown-up is away for two weeks, far from home."""
    year = Days(people=2, days=366, seed=2, first=dt.date(2026, 1, 1))
    truth = year.truth()
    for name in year.names:
        works = [local(v.start_unix_s).date() for v in truth.of(name) if truth.place(v.place).kind == "work"]
        away = [v for v in truth.of(name) if truth.place(v.place).kind == "away"]
        assert dt.date(2026, 5, 1) not in works
        assert 215 <= len(works) <= 250
        assert sum(v.end_unix_s - v.start_unix_s for v in away) / 86_400 == pytest.approx(13, abs=1)
        assert metres(at(truth.home(name)), at(truth.place(f"{name}'s holidays"))) > 50_000


def test_school_holidays_are_free_of_school() -> None:
    """In the weeks of the made-up holidays a pupil's weekday is another kind of day."""
    calendar, chance = Calendar("DE", "BE"), random.Random(1)
    assert calendar.kind(dt.date(2026, 3, 3), "pupil", chance) == "work"
    assert calendar.kind(dt.date(2026, 10, 20), "pupil", chance) == "school-holiday"
    assert calendar.kind(dt.date(2026, 10, 20), "adult", chance) == "work"
    assert calendar.kind(dt.date(2026, 12, 25), "driver", chance) == "sunday"


def test_the_neighbour_lives_next_door_and_is_never_visited() -> None:
    """A house within sight of the home."""
    for name in MONTH.names:
        neighbour = TRUTH.neighbour(name)
        assert 20 < metres(at(TRUTH.home(name)), at(neighbour)) < 70
        assert neighbour.name not in {visit.place for visit in TRUTH.of(name)}


def test_a_person_does_not_depend_on_who_else_is_there() -> None:
    """person-1 of a town of one lives as person-1 of a town of six; another seed is another life."""
    alone = Days(people=1, days=28, seed=5)
    assert alone.drive("person-1").samples == MONTH.drive("person-1").samples
    assert Days(people=1, days=28, seed=6).drive("person-1").samples != alone.drive("person-1").samples


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"people": 0}, "0 people and 0 vans: give 1 to 1000 together"),
        ({"people": -1}, "-1 people"),
        ({"days": 0}, "0 days: give 1 to 366"),
        ({"people": 1000, "days": 100}, "more than 36600 days of all together"),
        ({"middle": (91.0, 0.0)}, "no town at"),
        ({"zone": "Mars"}, "no time zone 'Mars'; name one as"),
        ({"country": "XX", "subdivision": ""}, "give an ISO 3166 country"),
        ({"subdivision": "XX"}, "give an ISO 3166 country and a part of it"),
    ],
)
def test_days_that_cannot_be_are_refused(changes: dict[str, object], words: str) -> None:
    """One thing of good days is changed each."""
    assert Days(people=1, days=1).names == ("person-1",)
    with pytest.raises(HwSimError, match=words):
        Days(**{"people": 1, "days": 1, **changes})  # type: ignore[arg-type]


def test_nobody_unknown_has_a_drive() -> None:
    """The error names who there is."""
    with pytest.raises(HwSimError, match="nobody is called person-9; there are person-1 to van-1"):
        MONTH.drive("person-9")


def made(folder: Path, *more: str) -> dict[str, bytes]:
    """The files of `byleave sim world` in a new folder."""
    arguments = ["world", "--days", "3", "--people", "2", "--vans", "1", "--seed", "4", "--out", str(folder), *more]
    result = CliRunner().invoke(sim, arguments)
    assert result.exit_code == 0, result.output
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("fmt", ["gpx", "csv"])
def test_the_command_writes_the_same_bytes_again(tmp_path: Path, fmt: str) -> None:
    """Two runs of a seed agree to the byte; the drives read as the days' own; the truth names every place that is visited."""
    first = made(tmp_path / "a", "--format", fmt)
    assert first == made(tmp_path / "b", "--format", fmt)
    assert sorted(first) == sorted(["truth.json", *(f"{name}.{fmt}" for name in ("person-1", "person-2", "van-1"))])
    days = Days(people=2, vans=1, days=3, seed=4)
    for name in days.names:
        read = Drive.from_file(tmp_path / "a" / f"{name}.{fmt}")
        assert [(s.t_s, s.lat_deg, s.lon_deg) for s in read.samples] == [
            (s.t_s, s.lat_deg, s.lon_deg) for s in days.drive(name).samples
        ]
    truth = json.loads(first["truth.json"])
    assert {visit["place"] for visit in truth["visits"]} <= {place["name"] for place in truth["places"]}
    assert {place["kind"] for place in truth["places"]} >= {"home", "neighbour", "work", "depot", "delivery"}


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (["--first", "2026-02-30"], "--first 2026-02-30: .*write it as 2026-03-02"),
        (["--middle", "here"], "--middle here: write degrees as"),
        (["--country", "XX"], "give an ISO 3166 country"),
        (["--days", "0"], "0 days"),
    ],
)
def test_the_command_says_what_is_wrong(tmp_path: Path, option: list[str], words: str) -> None:
    """One option of a good call is changed each; and a folder that is not empty is left alone."""
    import re

    result = CliRunner().invoke(sim, ["world", "--out", str(tmp_path / "new"), *option])
    assert result.exit_code == 1
    assert re.search(words, result.output)
    (tmp_path / "kept").write_text("")
    full = CliRunner().invoke(sim, ["world", "--out", str(tmp_path)])
    assert full.exit_code == 1
    assert "is not empty: name a new folder" in full.output
