"""Reads of temperature, light and motion: only the fields of the purpose, only what was permitted when it was captured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cloud_sync.consent import Evidence
from cloud_sync.errors import ConfigError, Denied
from cloud_sync.gate import Decision
from cloud_sync.model import Actor, Fix, Motion, MotionEvent, Precision, Reading, Reason, Stream
from cloud_sync.policy import load_policy
from cloud_sync.read import narrow
from cloud_sync.read.query import Query
from cloud_sync.read.sources import ENVIRONMENT
from tests.unit.cloud_sync.ingest.ingest_world import NOON, POLICY, Tracker, World, apart

T = int(NOON) - 3600
ME = Actor("s-1", "data_subject")
WARM = Query(ME, "condition_monitoring", "s-1", T, T + 600)
MOVED = Query(ME, "theft_alarm", "s-1", T, T + 600)
CLERK = Actor("c-1", "controller")
WITHDRAWN = Evidence("s-1", "demo-1", "app", "tapped_withdraw", "en")


def fill(world: World) -> Tracker:
    """A device with leave for all but positions since two hours, and an envelope each of environment and motion."""
    world.clock.at = NOON - 7200
    tracker = world.enrol()
    for purpose in ("condition_monitoring", "theft_alarm", "opening_alarm"):
        if purpose in world.policy.purposes:
            world.consent(purpose=purpose, precision=None)
    world.clock.at = NOON
    world.take(tracker, tracker.environment([(T, -12, 80), (T + 60, 0, 0)]), tracker.motion([(T, 1), (T + 180, 6)]))
    assert world.database.count_envelopes() == 2
    return tracker


@pytest.fixture
def tracker(world: World) -> Tracker:
    """Under the demo's policy."""
    return fill(world)


@pytest.fixture
def split(tmp_path: Path) -> Iterator[World]:
    """A world in which light has a purpose of its own, filled in the same way."""
    world = World(tmp_path, policy_file=apart(tmp_path))
    fill(world)
    yield world
    world.close()


def test_readings_come_with_their_units_and_the_read_is_logged(world: World, tracker: Tracker) -> None:
    """Temperature in tenths, light as the least of its class, zero is a value; the log has category and count."""
    assert world.reader.environment(WARM) == [Reading(T, 60, -12, 80), Reading(T + 60, 60, 0, 0)]
    event = world.audit.events[-1]
    expected = {"category": "environment", "purpose": "condition_monitoring", "count": 2, "action": "read"}
    assert event.kind == "gate.allowed" and expected.items() <= dict(event.detail).items()


def test_events_come_as_flags(world: World, tracker: Tracker) -> None:
    """Began, and later ended with a shock, in the same step."""
    events = world.reader.motion(MOVED)
    assert events == [MotionEvent(T, 60, Motion.BEGAN), MotionEvent(T + 180, 60, Motion.ENDED | Motion.SHOCK)]
    assert [(event.began, event.ended, event.shock) for event in events] == [(True, False, False), (False, True, True)]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"purpose": "tracking"}, Reason.PURPOSE_NOT_DECLARED),
        ({"purpose": "theft_alarm"}, Reason.PURPOSE_NOT_DECLARED),
        ({"purpose": ""}, Reason.PURPOSE_MISSING),
        ({"actor": Actor("c-1", "support")}, Reason.ROLE_NOT_PERMITTED),
        ({"actor": Actor("s-2", "data_subject")}, Reason.ROLE_NOT_PERMITTED),
        ({"subject": "s-9"}, Reason.DEVICE_UNKNOWN),
        ({"fields": frozenset({"motion"})}, Reason.CATEGORY_UNKNOWN),
        ({"recipient": "roadside_assistance"}, Reason.ACTION_NOT_PERMITTED),
    ],
)
def test_one_change_of_a_permitted_read_is_denied_and_logged(
    world: World, tracker: Tracker, change: dict[str, object], reason: Reason
) -> None:
    """The read before it is allowed."""
    assert len(world.reader.environment(WARM)) == 2
    with pytest.raises(Denied) as denied:
        world.reader.environment(replace(WARM, **change))  # type: ignore[arg-type]
    assert denied.value.reason is reason
    event = world.audit.events[-1]
    assert (event.kind, dict(event.detail)["reason"]) == ("gate.denied", reason.value)


def test_a_purpose_gets_the_fields_of_its_rule_and_no_others(split: World) -> None:
    """One envelope with both columns: temperature for the one purpose, light for the other."""
    assert split.reader.environment(WARM) == [Reading(T, 60, -12, None), Reading(T + 60, 60, 0, None)]
    lit = replace(WARM, purpose="opening_alarm")
    assert split.reader.environment(lit) == [Reading(T, 60, None, 80), Reading(T + 60, 60, None, 0)]
    with pytest.raises(Denied) as denied:
        split.reader.environment(replace(WARM, fields=frozenset({"light"})))
    assert denied.value.reason is Reason.PURPOSE_NOT_DECLARED


def test_a_reading_without_the_purposes_field_is_no_reading(split: World, tmp_path: Path) -> None:
    """A batch of light alone adds nothing to a read for the temperature, and is no gap either."""
    before = split.reader.environment(WARM)
    device = split.database.all_devices()[0]
    [row] = split.database.envelopes(device.device, Stream.ENVIRONMENT, 0, 99_999)
    assert row.id.counter == 0
    other = split.enrol("b" * 16)
    split.clock.at = NOON + 60
    later = int(NOON)
    split.take(other, other.environment([(later, None, 80)]))
    found = split.reader.environment(replace(WARM, end=NOON + 60))
    assert (found, found.unreadable) == (before, 0)
    lit = replace(WARM, purpose="opening_alarm", end=NOON + 60)
    assert split.reader.environment(lit)[-1] == Reading(later, 60, None, 80)


def test_who_names_a_field_gets_no_other(world: World, tracker: Tracker) -> None:
    """Temperature alone, although the purpose has light as well."""
    assert world.reader.environment(replace(WARM, fields=frozenset({"temperature"}))) == [
        Reading(T, 60, -12, None),
        Reading(T + 60, 60, 0, None),
    ]


def test_a_recipient_gets_the_fields_of_its_list(tmp_path: Path) -> None:
    """Listed for the temperature: that field is disclosed, all fields or the light are denied."""
    text = POLICY.read_text("utf-8").replace(
        '"position.lat", "position.lon"]',
        '"position.lat", "position.lon", "environment.time", "environment.temperature"]',
    )
    head, tail = text.split('[[rule]]\ncategory = "environment"')
    tail = tail.replace("recipients = []", 'recipients = ["roadside_assistance"]', 1)
    text = (head + '[[rule]]\ncategory = "environment"' + tail).replace(
        'actions = ["disclose"]\npurposes = ["tracking"]',
        'actions = ["disclose"]\npurposes = ["tracking", "condition_monitoring"]',
    )
    path = tmp_path / "shared.toml"
    path.write_text(text, "utf-8")
    world = World(tmp_path, policy_file=path)
    fill(world)
    disclosed = replace(WARM, actor=CLERK, recipient="roadside_assistance", fields=frozenset({"temperature"}))
    assert [reading.temperature_dc for reading in world.reader.environment(disclosed)] == [-12, 0]
    for fields in (frozenset[str](), frozenset({"light"})):
        with pytest.raises(Denied) as denied:
            world.reader.environment(replace(disclosed, fields=fields))
        assert denied.value.reason is Reason.RECIPIENT_NOT_LISTED
    world.close()


def test_a_position_is_disclosed_without_the_field_that_is_not_listed(world: World) -> None:
    """Of time and place the quality stays behind; with it the disclosure is denied."""
    world.clock.at = NOON - 7200
    tracker = world.enrol()
    world.consent()
    world.clock.at = NOON
    world.take(tracker, tracker.fixes([T]))
    query = Query(CLERK, "tracking", "s-1", T, T + 60, "roadside_assistance", None, frozenset({"lat", "lon"}))
    [told] = world.reader.location(query)
    [own] = world.reader.location(Query(ME, "tracking", "s-1", T, T + 60))
    assert (own.quality, told) == (8, replace(own, quality=15))
    with pytest.raises(Denied):
        world.reader.location(replace(query, fields=frozenset()))


@pytest.mark.parametrize("fields", [{"quality"}, {"time"}, {"lat"}])
def test_who_asks_for_no_position_or_half_of_one_is_told_none(world: World, fields: set[str]) -> None:
    """A fix is told with latitude and longitude or not at all, whatever else is asked for."""
    world.clock.at = NOON - 7200
    tracker = world.enrol()
    world.consent()
    world.clock.at = NOON
    world.take(tracker, tracker.fixes([T]))
    asked = Query(ME, "tracking", "s-1", T, T + 60, fields=frozenset({"lat", "lon"}))
    assert len(world.reader.location(asked)) == 1
    with pytest.raises(Denied):
        world.reader.location(replace(asked, fields=frozenset(fields)))


def test_what_was_captured_before_leave_stays_out(world: World, tracker: Tracker) -> None:
    """Withdrawn: denied. Given again: the older readings stay out, of motion nothing changes."""
    world.ledger.withdraw("s-1", "condition_monitoring", WITHDRAWN)
    with pytest.raises(Denied) as denied:
        world.reader.environment(WARM)
    assert denied.value.reason is Reason.CONSENT_MISSING
    world.clock.at = NOON + 60
    world.consent(purpose="condition_monitoring", precision=None)
    world.clock.at = NOON + 600
    later = int(NOON) + 300
    world.take(tracker, tracker.environment([(later, 7, 1)]))
    assert world.reader.environment(replace(WARM, end=NOON + 600)) == [Reading(later, 60, 7, 1)]
    assert len(world.reader.motion(MOVED)) == 2


def test_a_row_that_does_not_open_is_counted(world: World, tracker: Tracker) -> None:
    """One bit of one row of motion: a gap, and the environment is whole."""
    [row] = world.database.envelopes(tracker.name, Stream.MOTION, 0, 99_999)
    world.database.remove_envelopes([(row.id, row.digest)])
    world.database.add_envelopes([replace(row, payload=row.payload[:-1] + bytes([row.payload[-1] ^ 1]))])
    found = world.reader.motion(MOVED)
    assert (found, found.unreadable) == ([], 1)
    assert world.reader.environment(WARM).unreadable == 0


def test_a_span_that_ends_before_it_starts_is_no_span(world: World, tracker: Tracker) -> None:
    """ConfigError that says what to do, for each stream; an empty span is an empty answer."""
    backwards = {"start": T + 1.0, "end": float(T)}
    for read, query in (
        (world.reader.environment, WARM),
        (world.reader.motion, MOVED),
        (world.reader.location, replace(WARM, purpose="tracking")),
    ):
        with pytest.raises(ConfigError, match="exchange them"):
            read(replace(query, **backwards))  # type: ignore[arg-type]
    assert world.reader.environment(replace(WARM, end=float(T))) == []


def test_the_demo_lists_what_the_streams_tell() -> None:
    """Its rules for both streams name each field that a reading has, and each sensor behind it."""
    policy = load_policy(POLICY)
    [environment], [motion] = policy.rules_of_stream(Stream.ENVIRONMENT), policy.rules_of_stream(Stream.MOTION)
    assert (set(environment.fields), environment.sensors) == ({"time", "temperature", "light"}, 2 | 4)
    assert (set(motion.fields), motion.sensors) == ({"time", "motion"}, 8)


def test_nothing_is_told_without_its_time() -> None:
    """A decision that lets out no time is turned into a denial; the same one with the time stays as it is."""
    fields = frozenset({"time", "temperature", "light"})
    allowed = Decision(True, Reason.ALLOWED, Precision.NONE, "", fields)
    assert ENVIRONMENT.told_at_all(allowed) is allowed
    timeless = ENVIRONMENT.told_at_all(replace(allowed, fields=fields - {"time"}))
    assert (timeless.allow, timeless.reason, timeless.fields) == (False, Reason.PURPOSE_NOT_DECLARED, frozenset())


def test_what_of_a_reading_a_decision_lets_out() -> None:
    """Each field alone: without it there is no value, without any there is no reading."""

    def decision(*fields: str) -> Decision:
        return Decision(True, Reason.ALLOWED, Precision.EXACT, "", frozenset(fields))

    reading, event = Reading(T, 60, 5, 7), MotionEvent(T, 60, Motion.SHOCK)
    assert narrow.narrow_reading(reading, decision("time", "temperature", "light")) == reading
    assert narrow.narrow_reading(reading, decision("temperature")) == Reading(T, 60, 5, None)
    assert narrow.narrow_reading(reading, decision("light")) == Reading(T, 60, None, 7)
    assert narrow.narrow_reading(reading, decision("time")) is None
    assert narrow.narrow_motion(event, decision("motion")) is event
    assert narrow.narrow_motion(event, decision("time")) is None
    fix = Fix(T, 556_761_000, 125_683_000, Precision.EXACT, 3, 120, 45)
    assert narrow.narrow_fix(fix, decision("lat", "lon", "quality", "speed", "course")) == fix
    without = replace(fix, speed_dm_s=None, course_deg=None)
    assert narrow.narrow_fix(fix, decision("lat", "lon", "quality", "speed")) == without
    assert narrow.narrow_fix(fix, decision("lat", "lon")) == replace(without, quality=15)
