"""`sync read` of all streams, by the commands, over real files."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest

from cloud_sync.model import Aggregate, PlaceChange, Reading, Stream
from cloud_sync.storage.sqlite import SqliteTelemetry
from tests.unit.cloud_sync.cli.cli_world import PROOF, Installation
from tests.unit.cloud_sync.ingest.ingest_world import NOON, TODAY, FakeClock, Tracker
from tests.unit.cloud_sync.ingest.leaving_world import sums, text_with_places, visits
from tests.unit.cloud_sync.policy.policy_world import anew

T = int(NOON) + 60
DAY = "2026-02-16"  # the day of NOON
ME = ("--actor", "s-1", "--role", "data_subject")
WARM = ("read", "s-1", "--stream", "environment", "--purpose", "condition_monitoring", *ME)
MOVED = ("read", "s-1", "--stream", "motion", "--purpose", "theft_alarm", *ME)
WHERE = ("read", "s-1", "--purpose", "tracking", *ME)


@pytest.fixture
def tracker(depot: Installation, clock: FakeClock) -> Tracker:
    """A device that has sent what its sensors said, all with leave."""
    tracker = depot.enrol()
    for purpose in ("tracking", "condition_monitoring", "theft_alarm"):
        depot.do("consent", "give", "s-1", purpose, "--by", "s-1", *PROOF)
    depot.feed(tracker, tracker.status())
    clock.at = NOON + 600
    payloads = tracker.environment([(T, -5, 80), (T + 60, 0, 0)]), tracker.motion([(T, 5)]), tracker.fixes([T])
    depot.feed(tracker, *payloads)
    return tracker


def test_temperature_and_light_in_three_forms(depot: Installation, tracker: Tracker) -> None:
    """JSON, CSV and a table say the same two readings, with units in the names of the columns."""
    rows = depot.ask(*WARM)
    assert rows == [
        {"time": f"{DAY}T12:01:00Z", "step_s": 60, "temperature_c": -0.5, "light_lx": 80},
        {"time": f"{DAY}T12:02:00Z", "step_s": 60, "temperature_c": 0.0, "light_lx": 0},
    ]
    parsed = list(csv.DictReader(io.StringIO(depot.do(*WARM, "--csv").stdout)))
    assert [(row["time"], float(row["temperature_c"]), int(row["light_lx"])) for row in parsed] == [
        (row["time"], row["temperature_c"], row["light_lx"]) for row in rows
    ]
    table = depot.do(*WARM).stdout
    assert "2 readings from" in table and "-0.5" in table and "least of its class" in table


def test_motion_says_what_happened(depot: Installation, tracker: Tracker) -> None:
    """Began, with a shock, within one step."""
    assert depot.ask(*MOVED) == [
        {"time": f"{DAY}T12:01:00Z", "step_s": 60, "began": True, "ended": False, "shock": True}
    ]
    assert "1 steps with events" in depot.do(*MOVED).stdout


def test_a_field_that_is_named_comes_alone(depot: Installation, tracker: Tracker) -> None:
    """The temperature without the light; a field of another stream is denied."""
    assert [row["light_lx"] for row in depot.ask(*WARM, "--field", "temperature")] == [None, None]
    assert "category_unknown" in depot.do(*WARM, "--field", "motion", code=2).stderr


def test_what_is_for_positions_is_refused_for_others(depot: Installation, tracker: Tracker) -> None:
    """GeoJSON and a precision; a position has both."""
    for words in (("--geojson",), ("--precision", "cell_1km")):
        assert "are for positions" in depot.do(*WARM, *words, code=1).stderr
    assert json.loads(depot.do(*WHERE, "--geojson", "--precision", "cell_1km").stdout)["features"]


def test_a_purpose_of_another_stream_is_denied(depot: Installation, tracker: Tracker) -> None:
    """Leave to follow positions is none for the temperature."""
    denied = depot.do(*WARM, "--purpose", "tracking", code=2)
    assert denied.stderr.startswith("denied: purpose_not_declared: ")


@pytest.mark.parametrize("words", [WHERE, WARM, MOVED])
def test_a_span_that_ends_before_it_starts_is_an_error(
    depot: Installation, tracker: Tracker, words: tuple[str, ...]
) -> None:
    """It says what to do; the other way round there is an answer, and nothing of the mistake is in the audit log."""
    early, late = f"{DAY}T12:00", f"{DAY}T12:05"
    assert len(depot.ask(*words, "--from", early, "--to", late)) > 0
    before = depot.ask("audit", "list")
    wrong = depot.do(*words, "--from", late, "--to", early, code=1)
    assert "exchange them" in wrong.stderr and wrong.stdout == ""
    assert "now: name an earlier time" in depot.do(*words, "--from", "2027-01-01", code=1).stderr
    assert depot.ask("audit", "list") == before


def test_a_gap_is_told_beside_the_rows(depot: Installation, tracker: Tracker) -> None:
    """A row whose last bit was flipped: the rows that opened on standard output, the gap on standard error."""
    assert depot.do(*MOVED).stderr == ""
    database = SqliteTelemetry(depot.config.database)
    [row] = database.envelopes(tracker.name, Stream.MOTION, TODAY, TODAY)
    with database.transaction():
        database.remove_envelopes([(row.id, row.digest)])
        database.add_envelopes([replace(row, payload=row.payload[:-1] + bytes([row.payload[-1] ^ 1]))])
    database.close()
    told = depot.do(*MOVED, "--json")
    assert json.loads(told.stdout) == [] and "1 envelopes of these days did not open" in told.stderr


@pytest.fixture
def visited(depot: Installation, clock: FakeClock) -> Tracker:
    """A device that told a visit and an hour's sums, under a policy with places and sums."""
    path = depot.home / "policy.toml"
    text = text_with_places().replace('lease = "P30D"', 'aggregate = "PT1H"\nlease = "P30D"')
    path.write_text(anew(text), "utf-8")
    tracker = depot.enrol()
    for purpose in ("arrivals", "condition_monitoring"):
        depot.do("consent", "give", "s-1", purpose, "--by", "s-1", *PROOF)
    depot.feed(tracker, tracker.status())
    clock.at = NOON + 7200
    hour = int(NOON) + 3600
    warm, lit = Aggregate(hour, 3600, 60, -12, 215, 222), Aggregate(hour, 3600, 59, 0, 80, 96)
    depot.feed(
        tracker,
        visits(tracker, [(T, 1, PlaceChange.ENTERED), (T + 60, 2, PlaceChange.LEFT)], version=1),
        sums(tracker, 3600, [Reading(hour, 3600, 215, 80, warm, lit)], version=1),
    )
    return tracker


def test_events_of_places_in_three_forms(depot: Installation, visited: Tracker) -> None:
    """With the names of the policy; a position's options are refused as for other streams."""
    asked = ("read", "s-1", "--stream", "places", "--purpose", "arrivals", *ME)
    rows = depot.ask(*asked)
    assert rows == [
        {"time": f"{DAY}T12:01:00Z", "place": 1, "name": "Depot North", "event": "entered"},
        {"time": f"{DAY}T12:02:00Z", "place": 2, "name": "Yard", "event": "left"},
    ]
    assert depot.do(*asked, "--csv").stdout.splitlines()[1] == f"{DAY}T12:01:00Z,1,Depot North,entered"
    assert "2 events from" in depot.do(*asked).stdout
    assert "are for positions" in depot.do(*asked, "--geojson", code=1).stderr
    assert "purpose_not_declared" in depot.do(*asked[:5], "tracking", *ME, code=2).stderr


def test_sums_have_columns_of_their_own(depot: Installation, visited: Tracker) -> None:
    """The mean in the columns that every reading has, count, least and most beside them."""
    [row] = depot.ask(*WARM)
    assert row == {
        "time": f"{DAY}T13:00:00Z",
        "step_s": 3600,
        "temperature_c": 21.5,
        "light_lx": 80,
        "temperature_readings": 60,
        "temperature_least_c": -1.2,
        "temperature_most_c": 22.2,
        "light_readings": 59,
        "light_least_lx": 0,
        "light_most_lx": 96,
    }
    [line] = csv.DictReader(io.StringIO(depot.do(*WARM, "--csv").stdout))
    assert (line["temperature_least_c"], line["light_most_lx"]) == ("-1.2", "96")
