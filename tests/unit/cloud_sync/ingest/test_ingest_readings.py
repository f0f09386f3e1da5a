"""Ingest of temperature, light and motion: a switch for each sensor, and nothing from a time that has not come."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_sync.ingest.outcome import Kind
from cloud_sync.model import EPOCH_SECONDS, Actor, Reason, Stream, VerdictCode
from cloud_sync.read.query import Query
from cloud_sync.wire import codec
from cloud_sync.wire.downlink import TimeAnswer
from tests.unit.cloud_sync.ingest.ingest_world import NOON, TODAY, Tracker, World, apart

T = int(NOON) - 3600
DAY_START = TODAY * EPOCH_SECONDS
ME = Actor("s-1", "data_subject")
CHALLENGE = b"12345678"


@pytest.fixture
def tracker(world: World) -> Tracker:
    """A device whose person agreed to everything that it can sense, two hours ago."""
    world.clock.at = NOON - 7200
    tracker = world.enrol()
    world.consent()
    for purpose in ("condition_monitoring", "theft_alarm"):
        world.consent(purpose=purpose, precision=None)
    world.clock.at = NOON
    return tracker


def kinds(world: World, tracker: Tracker, *payloads: bytes) -> list[Kind]:
    """How each message ends."""
    return [outcome.kind for outcome in world.take(tracker, *payloads)]


def reasons(world: World) -> list[str]:
    """Why ingest refused, so far."""
    return [str(dict(entry.event.detail)["reason"]) for entry in world.audit.entries(kind="ingest.refused")]


def test_readings_are_stored_as_they_came_under_their_oldest_capture(world: World, tracker: Tracker) -> None:
    """One row each of environment and motion, with the sealed bytes; both verdicts say stored."""
    warm, moved = tracker.environment([(T, 215, 80), (T + 60, 216, 75)]), tracker.motion([(T + 120, 1), (T + 300, 6)])
    outcomes = world.take(tracker, warm, moved)
    assert [outcome.verdict and outcome.verdict.code for outcome in outcomes] == [VerdictCode.STORED] * 2
    for stream, sealed, oldest in ((Stream.ENVIRONMENT, warm, T), (Stream.MOTION, moved, T + 120)):
        [row] = world.database.envelopes(tracker.name, stream, TODAY, TODAY)
        assert (row.payload, row.oldest_capture) == (sealed, oldest)
    assert kinds(world, tracker, warm, moved) == [Kind.REPEATED] * 2


def test_each_stream_needs_its_own_leave(world: World) -> None:
    """With leave for temperature and light alone, positions and motion are dropped."""
    world.clock.at = NOON - 7200
    tracker = world.enrol()
    world.consent(purpose="condition_monitoring", precision=None)
    world.clock.at = NOON
    payloads = tracker.environment([(T, 215, 80)]), tracker.motion([(T, 1)]), tracker.fixes([T])
    assert kinds(world, tracker, *payloads) == [Kind.STORED, Kind.DENIED, Kind.DENIED]


def test_light_does_not_ride_along_with_a_temperature(tmp_path: Path) -> None:
    """Leave for temperature alone, at capture time: with a column of light the batch is dropped, without it stored."""
    world = World(tmp_path, policy_file=apart(tmp_path))
    world.clock.at = NOON - 7200
    tracker = world.enrol()
    world.consent(purpose="condition_monitoring", precision=None)
    world.clock.at = NOON - 1800
    world.consent(purpose="opening_alarm", precision=None)
    world.clock.at = NOON
    both, warm, lit = ([(T, 215, 80)], [(T, 215, None)], [(T, None, 80)])
    sealed = [tracker.environment(rows) for rows in (both, warm, lit)]
    outcomes = world.take(tracker, *sealed)
    assert [outcome.kind for outcome in outcomes] == [Kind.DENIED, Kind.STORED, Kind.DENIED]
    assert [outcome.verdict and outcome.verdict.code for outcome in outcomes] == [
        VerdictCode.DROP,
        VerdictCode.STORED,
        VerdictCode.DROP,
    ]
    assert set(reasons(world)) == {Reason.CONSENT_NOT_AT_CAPTURE.value}
    later = int(NOON) - 1200
    assert kinds(world, tracker, tracker.environment([(later, 215, 80)])) == [Kind.STORED]
    world.close()


@pytest.mark.parametrize(
    ("stream", "value"),
    [
        (Stream.ENVIRONMENT, [6, 60, 1, [1, 43_200], [1, 215], [1, 73]]),
        (Stream.ENVIRONMENT, [6, 60, 1, [1, 86_460], [1, 215], [1, 20]]),
        (Stream.ENVIRONMENT, [2, 60, 1, [1, 43_201], [1, 215]]),
        (Stream.MOTION, [60, 1, [1, 43_200], [1, 8]]),
        (Stream.MOTION, [60, 2, [1, 43_200], [1, 1]]),
        (Stream.MOTION, [1, 1, [1, 55_676], [1, 12_568]]),
    ],
)
def test_an_authentic_batch_that_breaks_the_format_is_quarantined(
    world: World, tracker: Tracker, stream: Stream, value: list[object]
) -> None:
    """Nothing of it is stored, the device lets go of it, and the audit log has the reason; a sound one is stored."""
    sound = [2, 60, 1, [1, 39_600], [1, 215]] if stream is Stream.ENVIRONMENT else [60, 1, [1, 39_600], [1, 1]]
    assert kinds(world, tracker, tracker.seal(codec.pack(sound), stream=stream)) == [Kind.STORED]
    [outcome] = world.take(tracker, tracker.seal(codec.pack(value), stream=stream))
    assert outcome.kind is Kind.QUARANTINED and outcome.verdict and outcome.verdict.code is VerdictCode.DROP
    assert reasons(world) == ["quarantined"] and world.database.count_envelopes() == 1


def a_batch(tracker: Tracker, stream: Stream, time: int) -> bytes:
    """A batch of one reading at this Unix second and one a step earlier."""
    if stream is Stream.LOCATION:
        return tracker.fixes([time - 60, time])
    if stream is Stream.ENVIRONMENT:
        return tracker.environment([(time - 60, 215, 80), (time, 215, 80)])
    return tracker.motion([(time - 60, 1), (time, 2)])


@pytest.mark.parametrize("stream", [Stream.LOCATION, Stream.ENVIRONMENT, Stream.MOTION])
@pytest.mark.parametrize("ahead_s", [180, 3600, 86_400])
def test_a_capture_of_a_time_to_come_waits_on_the_device(
    world: World, tracker: Tracker, stream: Stream, ahead_s: int
) -> None:
    """No verdict and no row until two minutes before its time; then it is stored, and it was never in any answer."""
    when = int(NOON) + ahead_s
    sealed = a_batch(tracker, stream, when)
    world.clock.at = when - 121.0 if ahead_s < 86_400 else NOON
    [outcome] = world.take(tracker, sealed)
    assert (outcome.kind, outcome.verdict) == (Kind.NOT_YET, None)
    assert world.database.count_envelopes() == 0
    assert world.sealer.answer([outcome]) == 0
    world.clock.at = when - 120.0
    if ahead_s == 86_400:
        world.sweeper.sweep()
    assert kinds(world, tracker, sealed) == [Kind.STORED]


def test_what_may_not_stay_is_let_go_of_before_its_time(world: World, tracker: Tracker) -> None:
    """Withdrawn: a capture of the time to come does not wait on the device for leave that will not come."""
    ahead = a_batch(tracker, Stream.MOTION, int(NOON) + 3600)
    assert kinds(world, tracker, ahead) == [Kind.NOT_YET]
    world.floors(tracker.name, 0, 0, 2, 0)
    [outcome] = world.take(tracker, ahead)
    assert outcome.kind is Kind.BELOW_FLOOR and outcome.verdict and outcome.verdict.code is VerdictCode.DROP


def test_a_server_that_is_behind_its_own_last_sweep_does_not_say_what_is_to_come(
    world: World, tracker: Tracker
) -> None:
    """Its own clock is in doubt, so the device may well be right: stored at once, as before."""
    world.sweeper.sweep()
    world.clock.at = NOON - 3600
    assert kinds(world, tracker, a_batch(tracker, Stream.LOCATION, int(NOON) - 60)) == [Kind.STORED]


def test_erasing_everything_reaches_what_still_waits_on_the_device(world: World, tracker: Tracker) -> None:
    """A batch of tomorrow is left undecided, the person erases all: tomorrow it is told closed."""
    tomorrow = DAY_START + EPOCH_SECONDS + 600
    sealed = a_batch(tracker, Stream.ENVIRONMENT, tomorrow)
    assert kinds(world, tracker, sealed) == [Kind.NOT_YET]
    world.eraser.erase("s-1", world.database.devices_of("s-1"), None, None, "s-1")
    world.clock.at = tomorrow
    assert kinds(world, tracker, sealed) == [Kind.CLOSED]


def in_force(world: World, tracker: Tracker) -> int:
    """Bring the directive in force; its version."""
    world.take(tracker, tracker.status(challenge=b"first-ch", time=DAY_START + 43_200))
    state = world.database.directive_state(tracker.name)
    assert state is not None
    return state.version


@pytest.mark.parametrize(("ahead_s", "told"), [(0, False), (120, False), (121, True), (40_000, True)])
def test_a_clock_that_is_fast_is_told_the_time(world: World, tracker: Tracker, ahead_s: int, told: bool) -> None:
    """The status is stored like any other, and answered with the server's time for its challenge."""
    version = in_force(world, tracker)
    status = tracker.status(directive=version, down_next=9, challenge=CHALLENGE, time=int(NOON) + ahead_s)
    [outcome] = world.take(tracker, status)
    assert outcome.kind is Kind.STORED
    assert [tracker.open(answer) for answer in outcome.answers] == ([(int(NOON), CHALLENGE)] if told else [])


def is_told(world: World, tracker: Tracker, version: int, counter: int, at: float) -> bool:
    """Whether a device whose clock is ten minutes ahead of the server's is told the time."""
    world.clock.at = at
    fast = {"time": int(at) + 600, "challenge": bytes([counter]) * 8, "down_next": 9 + counter}
    [outcome] = world.take(tracker, tracker.status(directive=version, **fast))
    return any(isinstance(tracker.open(answer), TimeAnswer) for answer in outcome.answers)


def test_a_server_behind_its_last_sweep_tells_no_clock_to_go_back(world: World, tracker: Tracker) -> None:
    """Two minutes and a second behind it is silent; within two minutes it speaks."""
    version = in_force(world, tracker)
    world.sweeper.sweep()
    assert is_told(world, tracker, version, 1, NOON - 120)
    assert not is_told(world, tracker, version, 2, NOON - 121)


def test_a_server_behind_the_persons_answer_tells_no_clock_to_go_back(world: World, tracker: Tracker) -> None:
    """A second before the answer it is silent; after it, it speaks."""
    version = in_force(world, tracker)
    assert is_told(world, tracker, version, 1, NOON - 7199)
    assert not is_told(world, tracker, version, 2, NOON - 7201)


def test_nothing_that_waits_can_be_read(world: World, tracker: Tracker) -> None:
    """A fix of in an hour is in no answer before its time, not even in one that reaches beyond it."""
    ahead = int(NOON) + 3600
    query = Query(ME, "tracking", "s-1", NOON, NOON + 7200)
    sealed = tracker.fixes([ahead])
    assert kinds(world, tracker, sealed) == [Kind.NOT_YET]
    assert world.reader.location(query) == []
    world.clock.at = ahead
    assert kinds(world, tracker, sealed) == [Kind.STORED]
    assert [fix.time for fix in world.reader.location(query)] == [ahead]
