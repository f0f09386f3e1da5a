"""Ingest when something is not as it should be: a clock, an order of arrival, a flood, a clone."""

from __future__ import annotations

import time

import pytest

from cloud_sync.consent import Evidence
from cloud_sync.consent.standing import CHANGED
from cloud_sync.errors import StoreError
from cloud_sync.ingest.outcome import Kind
from cloud_sync.keys import daychain
from cloud_sync.keys.daychain import DayChain
from cloud_sync.model import EPOCH_SECONDS, Actor, VerdictCode
from cloud_sync.read.query import Query
from cloud_sync.wire import ladder
from tests.unit.cloud_sync.ingest.ingest_world import NOON, TODAY, Tracker, World

T = int(NOON) + 60


@pytest.fixture
def tracker(world: World) -> Tracker:
    """A device of a person who has said yes."""
    tracker = world.enrol()
    world.consent()
    world.clock.at = NOON + 600
    return tracker


def kinds(world: World, tracker: Tracker, *payloads: bytes) -> list[Kind]:
    """How each message ends."""
    return [outcome.kind for outcome in world.take(tracker, *payloads)]


def test_a_clock_behind_the_newest_answer_refuses_nothing_for_good(world: World, tracker: Tracker) -> None:
    """Without a verdict the device keeps the envelope; once the clock is right it is stored."""
    sealed = tracker.fixes([T])
    world.clock.at = NOON - EPOCH_SECONDS
    [outcome] = world.take(tracker, sealed)
    assert (outcome.kind, outcome.verdict) == (Kind.UNDECIDED, None)
    world.clock.at = NOON + 600
    assert kinds(world, tracker, sealed) == [Kind.STORED]


def test_a_clock_a_year_ahead_makes_no_device_drop_anything(world: World, tracker: Tracker) -> None:
    """Neither the term nor the consent's end is believed while the sweep would halt; set right, all is stored."""
    sealed = tracker.fixes([T])
    world.clock.at = NOON + 365 * EPOCH_SECONDS
    [outcome] = world.take(tracker, sealed)
    assert (outcome.kind, outcome.verdict) == (Kind.UNDECIDED, None)
    world.clock.at = NOON + 600
    assert kinds(world, tracker, sealed) == [Kind.STORED]


def test_a_clock_that_a_person_confirmed_refuses_what_has_expired(world: World, tracker: Tracker) -> None:
    """The doubt ends with the sweep: what is over is dropped, or its day is closed."""
    sealed = tracker.fixes([T])
    world.clock.at = NOON + 100 * EPOCH_SECONDS
    world.sweeper.sweep(clock_confirmed=True)
    [outcome] = world.take(tracker, sealed)
    assert outcome.verdict is not None and outcome.verdict.code in (VerdictCode.DROP, VerdictCode.CLOSED)


def test_an_older_status_changes_nothing(world: World, tracker: Tracker) -> None:
    """It is stored, but neither its challenge nor its version replaces the newer report's; in order both count."""
    older = tracker.status(challenge=b"old-chal", directive=0, down_next=0)
    newer = tracker.status(challenge=b"new-chal", directive=1, down_next=1)
    assert kinds(world, tracker, newer) == [Kind.STORED]
    after = world.database.directive_state(tracker.name)
    [outcome] = world.take(tracker, older)
    assert (outcome.kind, outcome.answers) == (Kind.STORED, ())
    assert world.database.directive_state(tracker.name) == after
    assert after is not None and after.applied_version == 1
    newest = tracker.status(challenge=b"3rd-chal", directive=1, down_next=2)
    world.take(tracker, newest)
    state = world.database.directive_state(tracker.name)
    assert state is not None and (state.reported_at, state.reported_down_next) == ((0, TODAY, 2), 2)


def test_verdicts_follow_a_device_that_has_leapt_ahead(world: World, tracker: Tracker) -> None:
    """A device that was cut expects number 40; with no directive due the verdict comes at 40 all the same."""
    world.sealer.answer(world.take(tracker, tracker.status(challenge=b"first-ch")))
    state = world.database.directive_state(tracker.name)
    assert state is not None
    world.link.sent.clear()
    status = tracker.status(directive=state.version, down_next=40)
    world.sealer.answer(world.take(tracker, status))
    assert [len(world.link.sent), world.keys.down_next(tracker.name)] == [1, 41]
    [verdict] = tracker.open(world.link.sent[0][1])
    assert verdict.counter == 1


def test_a_clone_cannot_fill_the_store_under_one_number(world: World, tracker: Tracker) -> None:
    """Eight stand as proof of the clone; the ninth, as authentic, is dropped; repeats of the eight are still confirmed."""
    copies = [tracker.fixes([T + n], counter=0) for n in range(9)]
    assert kinds(world, tracker, *copies[:5]) == [Kind.STORED] + [Kind.KEPT_APART] * 4
    assert kinds(world, tracker, *copies[5:]) == [Kind.KEPT_APART] * 3 + [Kind.CROWDED]
    assert world.database.count_envelopes(tracker.name) == 8
    assert kinds(world, tracker, copies[7], copies[8]) == [Kind.REPEATED, Kind.CROWDED]


def test_forged_counters_cost_one_long_walk_and_then_short_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand forged counters in wild order take 4096 hashes once and at most 64 more each; keys stay those of the ladder."""
    taken = 0
    plain = ladder.function(1, "step")

    def counted(chain: bytes) -> bytes:
        nonlocal taken
        taken += 1
        return plain(chain)

    chain = DayChain(1, 0, bytes(32))
    monkeypatch.setattr(chain, "_step", counted)
    wild = [(n * 2557 + 4095) % daychain.COUNTERS for n in range(1000)]
    keys = {counter: chain.key(counter) for counter in wild}
    assert taken <= 4096 + 64 * len(wild)
    assert taken >= 4095  # the count counts
    assert all(keys[n] == ladder.seal_key(ladder.step(bytes(32), 1, n), 1) for n in (wild[0], wild[17], wild[999]))


def test_a_burst_of_unknown_devices_leaves_nothing_behind(
    world: World, tracker: Tracker, caplog: pytest.LogCaptureFixture
) -> None:
    """Twenty thousand names in one batch: one line in the log, no row, and the known device in their midst is served."""
    sealed = tracker.fixes([T])
    letters = "abcdefghijklmnop"
    names = ["".join(letters[n >> 4 * place & 15] for place in range(16)) for n in range(1, 20_001)]
    names = [name for name in names if name != tracker.name]
    began = time.process_time()
    outcomes = world.ingest.handle([(f"bl/1/{name}/up", sealed) for name in names] + [(tracker.topic, sealed)])
    assert time.process_time() - began < 10
    assert {outcome.kind for outcome in outcomes[:-1]} == {Kind.UNKNOWN_DEVICE}
    assert outcomes[-1].kind is Kind.STORED
    assert len(caplog.records) == 1 and len(caplog.text) < 300


@pytest.mark.parametrize("name", ["\ud800" * 16, "ü" * 16, "' OR 1=1 -- aaaa", "\0" * 16, "A" * 16])
def test_a_topic_that_is_no_pseudonym_is_refused_alone(world: World, tracker: Tracker, name: str) -> None:
    """Surrogates, SQL, zeros and capitals: the message beside it is stored."""
    sealed = tracker.fixes([T])
    outcomes = world.ingest.handle([(f"bl/1/{name}/up", sealed), (tracker.topic, sealed)])
    assert [outcome.kind for outcome in outcomes] == [Kind.UNKNOWN_DEVICE, Kind.STORED]


def test_a_text_that_is_no_utf8_is_an_error_of_the_store(world: World) -> None:
    """Half a surrogate pair: `StoreError`, not the codec's own; a good text is looked up."""
    assert world.database.device("a" * 16) is None
    with pytest.raises(StoreError):
        world.database.device("\ud800")


def test_a_fix_captured_while_its_purpose_was_closed_is_not_read(world: World, tracker: Tracker) -> None:
    """One batch over a gap in the leave: what lies in the gap stays out, before and after it is read."""
    world.clock.at = T + 200
    [record] = world.database.consents("s-1")
    sealed = tracker.fixes([T, T + 50, T + 100])
    world.take(tracker, sealed)
    query = Query(Actor("s-1", "data_subject"), "tracking", "s-1", NOON, NOON + 3600)
    assert [fix.time for fix in world.reader.location(query)] == [T, T + 50, T + 100]
    world.clock.at = T + 45  # the policy closed it, and the person gave it anew 40 seconds later
    world.ledger._end(record, CHANGED, T + 45)
    world.clock.at = T + 85
    world.ledger.give("s-1", "tracking", Evidence("s-1", "demo-1", "app", "tapped_allow", "en"))
    world.clock.at = T + 200
    assert [fix.time for fix in world.reader.location(query)] == [T, T + 100]
