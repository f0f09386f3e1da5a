"""The sweep: rows and keys die together, when their term is over, and not because a clock is wrong."""

from __future__ import annotations

import pytest

from cloud_sync.errors import KeyDestroyed
from cloud_sync.ingest.outcome import Kind
from cloud_sync.model import EPOCH_SECONDS, Stream
from cloud_sync.retention.sweep import SWEPT, SweepReport
from tests.unit.cloud_sync.ingest.ingest_world import NOON, TODAY, Tracker, World

L = Stream.LOCATION
TERM = 90 * EPOCH_SECONDS  # location in the demo policy
T = int(NOON) - 3600


@pytest.fixture
def tracker(world: World) -> Tracker:
    """An enrolled device with consent, and a first sweep."""
    world.clock.at = NOON - 7200
    tracker = world.enrol()
    world.consent()
    world.sweeper.sweep()
    world.clock.at = NOON
    return tracker


def sweep_at(world: World, at: float) -> SweepReport:
    """Sweep at a time that a person has confirmed."""
    world.clock.at = at
    return world.sweeper.sweep(clock_confirmed=True)


def test_an_expired_envelope_dies_with_its_key_and_the_next_one_lives(world: World, tracker: Tracker) -> None:
    """At the second at which the term ends: row gone, key gone, chain moved forward; the younger still opens."""
    old, young = tracker.fixes([T]), tracker.fixes([T + 60])
    world.take(tracker, old, young)
    assert sweep_at(world, T + TERM - 1).envelopes == 0
    report = sweep_at(world, T + TERM)
    assert (report.envelopes, report.leaves_moved, report.leaves_destroyed) == (1, 1, 0)
    [row] = world.database.envelopes(tracker.name, L, TODAY, TODAY)
    assert row.payload == young
    leaf = world.store.leaf(tracker.name, 0, L, TODAY)
    assert leaf is not None and leaf.base_counter == 1
    chain = world.keys.open_leaf(leaf)
    assert chain.key(1) == tracker.key(L, TODAY, 1)
    with pytest.raises(KeyDestroyed):
        chain.key(0)
    assert [outcome.kind for outcome in world.take(tracker, old)] == [Kind.CLOSED]


def test_the_chain_does_not_move_past_a_living_envelope(world: World, tracker: Tracker) -> None:
    """Counter 1 expires before counter 0, whose readings are younger: 0 still opens afterwards."""
    world.take(tracker, tracker.fixes([T + 60], counter=0), tracker.fixes([T], counter=1))
    report = sweep_at(world, T + TERM)
    assert (report.envelopes, report.leaves_moved) == (1, 0)
    leaf = world.store.leaf(tracker.name, 0, L, TODAY)
    assert leaf is not None and world.keys.open_leaf(leaf).key(0) == tracker.key(L, TODAY, 0)


def test_a_day_whose_every_capture_has_expired_loses_its_leaf_data_or_none(world: World, tracker: Tracker) -> None:
    """Today's leaf and an empty next day's die at day + term, not a second earlier; status stays for its own term."""
    world.take(tracker, tracker.fixes([T]), tracker.status())
    end_of_day = (TODAY + 1) * EPOCH_SECONDS + 60
    sweep_at(world, end_of_day + TERM - 1)
    assert [leaf.epoch for leaf in world.store.leaves(tracker.name, L, 0, TODAY + 1)] == [TODAY, TODAY + 1]
    report = sweep_at(world, end_of_day + TERM)
    assert report.leaves_destroyed == 2  # location and motion of today; environment and status have 12 months
    assert [leaf.epoch for leaf in world.store.leaves(tracker.name, L, 0, TODAY + 1)] == [TODAY + 1]
    assert world.database.count_envelopes(stream=Stream.STATUS) == 1


def test_a_clock_that_leaps_destroys_nothing_until_a_person_confirms_it(world: World, tracker: Tracker) -> None:
    """A year ahead: halted and reported, nothing changed; confirmed: done; and sweeps go on from there."""
    world.take(tracker, tracker.fixes([T]))
    tips = world.store.tips()
    world.clock.at = NOON + 365 * EPOCH_SECONDS
    for _ in range(2):  # the second sweep at the wrong time is no better than the first
        report = world.sweeper.sweep()
        assert report.halted and report.leap_s > 364 * EPOCH_SECONDS
        assert (world.database.count_envelopes(), world.store.tips()) == (1, tips)
    assert ("reason", "clock_leap") in world.audit.events[-1].detail
    assert world.sweeper.sweep(clock_confirmed=True).envelopes == 1
    world.clock.at += 3600
    assert not world.sweeper.sweep().halted


def test_an_hourly_sweep_is_no_leap_and_a_day_and_a_second_is(world: World, tracker: Tracker) -> None:
    """The bound is a day since the last sweep that was carried out."""
    first = world.sweeper.sweep()
    world.clock.at = first.at + EPOCH_SECONDS
    assert not world.sweeper.sweep().halted
    world.clock.at += EPOCH_SECONDS + 1
    assert world.sweeper.sweep().halted


def test_a_clock_that_stands_still_or_goes_back_harms_nothing(world: World, tracker: Tracker) -> None:
    """A sweep in the past of the last one runs and destroys nothing."""
    world.take(tracker, tracker.fixes([T]))
    world.clock.at = NOON - 3 * EPOCH_SECONDS
    report = world.sweeper.sweep()
    assert not report.halted and report.envelopes == 0
    assert world.database.count_envelopes() == 1


def test_more_expired_rows_than_a_chunk_all_die(
    world: World, tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chunks of two: five rows, one leaf moved past all of them."""
    monkeypatch.setattr("cloud_sync.retention.passes.CHUNK", 2)
    world.take(tracker, *(tracker.fixes([T + n]) for n in range(5)), tracker.fixes([T + 3600]))
    assert sweep_at(world, T + 10 + TERM).envelopes == 5
    leaf = world.store.leaf(tracker.name, 0, L, TODAY)
    assert leaf is not None and leaf.base_counter == 5
    assert world.database.count_envelopes() == 1


def test_swept_rows_are_in_no_byte_of_the_files(world: World, tracker: Tracker) -> None:
    """The sealed bytes are found before the sweep, and not after it."""
    sealed = tracker.fixes([T])
    world.take(tracker, sealed)

    def on_disk() -> bytes:
        return b"".join(path.read_bytes() for path in world.directory.iterdir())

    assert sealed[20:] in on_disk()
    sweep_at(world, T + TERM)
    assert sealed[20:] not in on_disk()


def test_each_sweep_is_in_the_audit_log(world: World, tracker: Tracker) -> None:
    """With the number of envelopes that it destroyed."""
    world.take(tracker, tracker.fixes([T]))
    sweep_at(world, T + TERM)
    event = world.audit.events[-1]
    assert (event.kind, event.detail) == ("retention.swept", (("reason", SWEPT), ("count", 1)))
