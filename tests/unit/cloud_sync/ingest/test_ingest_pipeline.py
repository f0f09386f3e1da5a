"""Ingest: what is stored, what is refused, and what a device is told."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from dataclasses import replace

import pytest

from cloud_sync.ingest.outcome import Kind
from cloud_sync.model import EPOCH_SECONDS, Precision, Reason, Stream, VerdictCode
from cloud_sync.wire import codec
from tests.unit.cloud_sync.ingest.ingest_world import NOON, TODAY, Tracker, World

T = int(NOON) - 3600


@pytest.fixture
def tracker(world: World) -> Tracker:
    """An enrolled device whose person agreed two hours ago."""
    world.clock.at = NOON - 7200
    tracker = world.enrol()
    world.consent()
    world.clock.at = NOON
    return tracker


def kinds(world: World, tracker: Tracker, *payloads: bytes) -> list[Kind]:
    """The kinds of one batch's outcomes."""
    return [outcome.kind for outcome in world.take(tracker, *payloads)]


def test_a_valid_envelope_is_stored_as_it_came_and_gets_its_verdict(world: World, tracker: Tracker) -> None:
    """The row holds the sealed bytes, the capture of its oldest fix, and no plaintext."""
    sealed = tracker.fixes([T, T + 10], version=7)
    [outcome] = world.take(tracker, sealed)
    [row] = world.database.envelopes(tracker.name, Stream.LOCATION, TODAY, TODAY)
    assert (row.payload, row.directive_version, row.received_at, row.oldest_capture) == (sealed, 7, NOON, T)
    assert outcome.kind is Kind.STORED
    assert outcome.verdict == (0, Stream.LOCATION, TODAY, 0, row.digest, VerdictCode.STORED)


def test_a_repeat_is_stored_once_and_gets_the_same_verdict_again(world: World, tracker: Tracker) -> None:
    """In the same batch, in a later one, and after later envelopes have passed."""
    first, second = tracker.fixes([T]), tracker.fixes([T + 60])
    one, two = world.take(tracker, first, first)
    assert (one.kind, two.kind) == (Kind.STORED, Kind.REPEATED)
    assert kinds(world, tracker, second, first) == [Kind.STORED, Kind.REPEATED]
    [again] = world.take(tracker, first)
    assert again.verdict == one.verdict == two.verdict
    assert world.database.count_envelopes() == 2


def test_envelopes_out_of_order_all_open(world: World, tracker: Tracker) -> None:
    """Reordered, and with a leap of counters as after a reset."""
    sealed = [tracker.fixes([T + n // 2], counter=n) for n in (0, 1, 2, 66, 67, 4095)]
    assert set(kinds(world, tracker, *sealed[::-1])) == {Kind.STORED}
    assert world.database.count_envelopes() == 6


def test_another_envelope_under_the_same_number_is_kept_apart_and_raises_an_incident(
    world: World, tracker: Tracker
) -> None:
    """Both rows stay, both get a verdict, and the audit log has the incident."""
    one, two = tracker.fixes([T], counter=5), tracker.fixes([T + 10], counter=5)
    assert kinds(world, tracker, one) == [Kind.STORED]
    assert world.audit.entries(kind="ingest.incident") == []
    [outcome] = world.take(tracker, two)
    assert outcome.kind is Kind.KEPT_APART and outcome.verdict and outcome.verdict.code is VerdictCode.STORED
    assert world.database.count_envelopes() == 2
    assert ("reason", "number_reused") in world.audit.entries(kind="ingest.incident")[0].event.detail


def test_tomorrow_is_served_tentatively_and_a_forger_does_not_move_the_tip(world: World, tracker: Tracker) -> None:
    """A wrong tag in tomorrow's epoch changes no key row; a right one stores tomorrow's leaf and moves the tip."""
    tomorrow = (TODAY + 1) * EPOCH_SECONDS
    world.clock.at = tomorrow - 60.0
    good = tracker.fixes([tomorrow + 5])
    assert kinds(world, tracker, tracker.fixes([T])) == [Kind.STORED]
    before = world.store.tips(), world.store.leaves(tracker.name, 0, 0, TODAY + 9)
    assert kinds(world, tracker, good[:-1] + bytes([good[-1] ^ 1])) == [Kind.NOT_AUTHENTIC]
    assert (world.store.tips(), world.store.leaves(tracker.name, 0, 0, TODAY + 9)) == before
    assert kinds(world, tracker, good, tracker.fixes([tomorrow + 30])) == [Kind.STORED, Kind.STORED]
    tip = world.store.tip(tracker.name, 0, Stream.LOCATION)
    assert tip is not None and tip.epoch == TODAY + 2


def test_a_capture_below_the_consent_floor_is_dropped(world: World, tracker: Tracker) -> None:
    """Withdrawn and given again: an envelope under the older directive is refused for good, the newer one is stored."""
    world.floors(tracker.name, 3, 0, 0, 0)
    dropped, stored = world.take(tracker, tracker.fixes([T], version=2), tracker.fixes([T], version=3))
    assert (dropped.kind, stored.kind) == (Kind.BELOW_FLOOR, Kind.STORED)
    assert dropped.verdict and dropped.verdict.code is VerdictCode.DROP
    assert world.database.count_envelopes() == 1


def test_without_consent_nothing_is_stored_and_the_reason_is_logged(world: World) -> None:
    """The same envelope is dropped before the consent exists and stored under one given before its capture."""
    tracker = world.enrol()
    assert kinds(world, tracker, tracker.fixes([T])) == [Kind.DENIED]
    event = world.audit.events[-1]
    assert (event.kind, event.subject) == ("ingest.refused", "s-1")
    assert ("reason", Reason.CONSENT_MISSING.value) in event.detail
    world.clock.at = T - 60.0
    world.consent()
    world.clock.at = NOON
    assert kinds(world, tracker, tracker.fixes([T])) == [Kind.STORED]


def test_consent_given_after_the_capture_does_not_reach_back(world: World, tracker: Tracker) -> None:
    """In one batch: a capture of before the consent is dropped, one of after it is stored."""
    before, after = tracker.fixes([int(NOON) - 7201]), tracker.fixes([int(NOON) - 7199])
    assert kinds(world, tracker, before, after) == [Kind.DENIED, Kind.STORED]


def test_a_position_finer_than_the_person_allows_is_dropped(world: World, tracker: Tracker) -> None:
    """100 m is agreed: exact is refused for good, 100 m and 1 km are stored."""
    sealed = [tracker.fixes([T], precision=p) for p in (Precision.EXACT, Precision.CELL_100M, Precision.CELL_1KM)]
    assert kinds(world, tracker, *sealed) == [Kind.DENIED, Kind.STORED, Kind.STORED]


def test_what_has_expired_before_it_arrives_is_dropped(world: World) -> None:
    """Captured 91 days ago under a term of 90: dropped; the same envelope a day and a half earlier is stored."""
    old = TODAY - 91
    tracker = world.enrol(first_epoch=old)
    world.clock.at = old * EPOCH_SECONDS + 10.0
    world.consent()
    sealed = tracker.fixes([old * EPOCH_SECONDS + 43_200], epoch=old)
    world.clock.at = NOON - 36 * 3600
    assert kinds(world, tracker, sealed) == [Kind.STORED]
    world.clock.at = NOON
    late = tracker.fixes([old * EPOCH_SECONDS + 43_190], epoch=old)
    assert kinds(world, tracker, late) == [Kind.EXPIRED]


def test_captures_outside_their_epoch_are_quarantined(world: World, tracker: Tracker) -> None:
    """Authentic, 50 s past midnight passes, 60 s past does not: dropped and in the audit log."""

    def at(seconds: int) -> bytes:
        value = [1, 1, [1, seconds], [1, 55_676], [1, 12_568], [1, 8]]
        return tracker.seal(codec.pack(value))

    world.clock.at = NOON + EPOCH_SECONDS
    assert kinds(world, tracker, at(86_450)) == [Kind.STORED]
    [outcome] = world.take(tracker, at(86_460))
    assert outcome.kind is Kind.QUARANTINED and outcome.verdict and outcome.verdict.code is VerdictCode.DROP
    assert ("reason", "quarantined") in world.audit.events[-1].detail
    assert world.database.count_envelopes() == 1


def test_a_closed_day_is_told_closed_although_its_tag_cannot_be_verified(world: World, tracker: Tracker) -> None:
    """After the erasure of today: repeats of stored envelopes and new ones alike, so that the spool drains."""
    stored, late = tracker.fixes([T]), tracker.fixes([T + 10])
    assert kinds(world, tracker, stored) == [Kind.STORED]
    world.eraser.erase("s-1", world.database.devices_of("s-1"), None, None, "s-1")
    outcomes = world.take(tracker, stored, late)
    assert [outcome.kind for outcome in outcomes] == [Kind.CLOSED, Kind.CLOSED]
    assert all(outcome.verdict and outcome.verdict.code is VerdictCode.CLOSED for outcome in outcomes)
    assert world.database.count_envelopes(tracker.name, Stream.LOCATION) == 0


def test_a_status_is_taken_over_once_and_answered(world: World, tracker: Tracker) -> None:
    """The answer is a directive with the challenge; a replayed status is a repeat and gets no answer."""
    sealed = tracker.status(down_next=3, challenge=b"12345678")
    [outcome] = world.take(tracker, sealed)
    [answer] = outcome.answers
    directive = tracker.open(answer)
    assert (directive.version, directive.precision, directive.challenge) == (1, Precision.CELL_100M, b"12345678")
    state = world.database.directive_state(tracker.name)
    assert state is not None
    assert (state.reported_down_next, state.challenge, state.floors[0]) == (3, b"", 1)
    [repeat] = world.take(tracker, sealed)
    assert (repeat.kind, repeat.answers) == (Kind.REPEATED, ())
    assert world.database.directive_state(tracker.name) == state


def test_a_device_without_time_gets_the_time(world: World, tracker: Tracker) -> None:
    """Once its directive is in force, a status without time is answered with the server's, for its challenge."""
    world.take(tracker, tracker.status(challenge=b"12345678"))
    [timed] = world.take(tracker, tracker.status(directive=1, challenge=b"abcdefgh"))
    assert timed.answers == ()
    [untimed] = world.take(tracker, tracker.status(directive=1, challenge=b"ABCDEFGH", time=None))
    assert [tracker.open(answer) for answer in untimed.answers] == [(int(NOON), b"ABCDEFGH")]
    state = world.database.directive_state(tracker.name)
    assert state is not None and state.challenge == b""


def test_a_down_next_out_of_all_reach_is_an_incident(world: World, tracker: Tracker) -> None:
    """A restored server follows a device by thousands of numbers; beyond its window it does not."""
    [far] = world.take(tracker, tracker.status(down_next=4000))
    assert len(far.answers) == 1 and world.keys.down_next(tracker.name) == 4001
    [beyond] = world.take(tracker, tracker.status(down_next=4001 + 4097))
    assert beyond.answers == ()
    assert ("reason", "down_next_implausible") in world.audit.events[-1].detail
    assert world.keys.down_next(tracker.name) == 4001


def test_verdicts_travel_twelve_to_a_downlink_after_the_answers(world: World, tracker: Tracker) -> None:
    """The device opens them in order; numbers rise by one; each envelope has one line."""
    sealed = [tracker.status(), *(tracker.fixes([T + n]) for n in range(13))]
    outcomes = world.take(tracker, *sealed, sealed[0])
    assert world.sealer.answer(outcomes) == len(world.link.sent) == 3
    directive, first, second = (tracker.open(data) for _, data in world.link.sent)
    assert directive.version == 1
    assert (len(first), len(second)) == (12, 2)
    assert [v.counter for v in [*first, *second] if v.stream == Stream.LOCATION] == list(range(13))


def test_downlink_numbers_stay_within_reach_of_the_device(world: World, tracker: Tracker) -> None:
    """Nothing beyond 2048 above what the device reported; after a report it goes on."""
    world.keys.skip_down(tracker.name, 2047)
    outcomes = world.take(tracker, *(tracker.fixes([T + n]) for n in range(36)))
    assert world.sealer.answer(outcomes) == 2
    assert world.sealer.answer(outcomes) == 0
    assert world.sealer.withheld == 4
    assert [len(tracker.open(data)) for _, data in world.link.sent] == [12, 12]
    world.take(tracker, tracker.status(down_next=2049))
    assert world.sealer.answer(outcomes) == 3


def test_answering_holds_no_key_while_it_waits_for_the_database(
    world: World, tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep holds the database and wants the keys; an answer that held the keys and wanted the database would hang both."""
    outcomes = world.take(tracker, tracker.fixes([T]))
    waiting = threading.Event()
    look_up = world.database.directive_state

    def look_up_late(device: str) -> object:
        waiting.set()
        return look_up(device)

    monkeypatch.setattr(world.database, "directive_state", look_up_late)
    answering = threading.Thread(target=world.sealer.answer, args=(outcomes,), daemon=True)
    sweeping = threading.Thread(target=world.keys.advance_all, args=(TODAY,), daemon=True)
    with world.database.transaction():
        answering.start()
        assert waiting.wait(5)
        sweeping.start()
        sweeping.join(5)
        assert not sweeping.is_alive()
    answering.join(5)
    assert not answering.is_alive() and len(world.link.sent) == 1


def test_counts_and_logs_name_kinds_and_nobody(
    world: World, tracker: Tracker, caplog: pytest.LogCaptureFixture
) -> None:
    """A refused message leaves its kind in the log, neither its device nor its bytes."""
    good = tracker.fixes([T])
    with caplog.at_level(logging.DEBUG):
        world.take(tracker, good, good[:-1] + bytes([good[-1] ^ 1]), b"\xc1garbage")
    assert world.ingest.counts == Counter({Kind.STORED: 1, Kind.NOT_AUTHENTIC: 1, Kind.MALFORMED: 1})
    assert "not_authentic" in caplog.text
    assert tracker.name not in caplog.text and "garbage" not in caplog.text


def test_a_revoked_device_is_unknown(world: World, tracker: Tracker) -> None:
    """What it sends after its revocation gets no verdict."""
    assert kinds(world, tracker, tracker.fixes([T])) == [Kind.STORED]
    device = world.database.device(tracker.name)
    assert device is not None
    world.database.update_device(replace(device, revoked_at=NOON))
    assert kinds(world, tracker, tracker.fixes([T + 10])) == [Kind.UNKNOWN_DEVICE]
