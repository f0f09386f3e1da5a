"""Ingest keeps the gate's leaves over stretches of captures and from batch to batch: never another answer than the gate's now."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.errors import StoreError
from cloud_sync.ingest import leave as leave_module
from cloud_sync.ingest.leave import Leave
from cloud_sync.ingest.outcome import Kind
from cloud_sync.model import Precision, Reason, Stream
from cloud_sync.service import CloudSync
from tests.properties.leave_world import AGE, BEGIN, LOST, Home, T, lives
from tests.unit.cloud_sync.consent.consent_world import DAY_S, by, enrolled
from tests.unit.cloud_sync.ingest.ingest_world import Tracker
from tests.unit.cloud_sync.storage.cluster import binaries

ENGINES = [
    "sqlite",
    pytest.param("postgresql", marks=pytest.mark.skipif(not binaries(), reason="PostgreSQL is not there")),
]
FEW = {"sqlite": (range(5), 60), "postgresql": (range(8, 10), 30)}  # of lives, and of steps; a large run: `leave_world`
S = int(BEGIN)


@pytest.fixture(params=ENGINES)
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    """An installation on each engine, with nobody in it."""
    return Home(tmp_path, request.param)


def agreed(home: Home, subject: str = "s-1") -> Tracker:
    """A device of a person who said yes two hours before the beginning; closed again."""
    home.clock.at = BEGIN - 7200
    with home.open() as cloud:
        tracker = enrolled(cloud, subject)
        cloud.consent.give(subject, T, by(subject))
        home.clock.at = BEGIN
        cloud.sweep()
    return tracker


def take(cloud: CloudSync, tracker: Tracker, at: float) -> Kind:
    """How an envelope of one fix ends, in a batch of its own."""
    [outcome] = cloud.handle([(tracker.topic, tracker.fixes([int(at)], version=1000))])
    return outcome.kind


@pytest.mark.parametrize("engine", ENGINES)
def test_a_kept_answer_is_the_gates(engine: str) -> None:
    """After each of hundreds of random changes by two servers, of facts, clocks and the store: as a gate made anew answers."""
    seen = lives(engine, *FEW[engine])
    assert {Reason.ALLOWED, Reason.CONSENT_MISSING, Reason.CONSENT_NOT_AT_CAPTURE, Reason.RESTRICTED} <= set(seen)
    assert min(seen["kept"], seen[Reason.ALLOWED]) > 50
    assert {"give", "withdraw", "narrow", "join", "restrict", "lift restriction"} <= set(seen)


def test_answers_are_kept_at_all(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten batches of one person's are one question; after a withdrawal in another process there is another one."""
    tracker, asked = agreed(home), list[object]()
    plain = Leave.ask

    def ask(*question: Any) -> Reason:
        asked.append(question)
        return plain(*question)

    monkeypatch.setattr(Leave, "ask", ask)
    with home.open() as cloud:
        for n in range(10):
            home.clock.at += 1
            assert take(cloud, tracker, S - 60 + n) is Kind.STORED
        assert len(asked) == 1
        with home.open() as other:
            other.consent.withdraw("s-1", T, by("s-1"))
        assert take(cloud, tracker, S - 5) is Kind.DENIED and len(asked) == 2


def test_a_withdrawal_waits_for_the_batch_at_hand_and_holds_in_the_next(home: Home) -> None:
    """Within a batch's transaction another connection cannot take a leave back; as soon as it could, no batch stores any more."""
    tracker, done = agreed(home), threading.Event()
    with home.open() as cloud, home.open() as other:

        def withdraw() -> None:
            other.consent.withdraw("s-1", T, by("s-1"))
            done.set()

        waiting = threading.Thread(target=withdraw)
        with cloud.database.transaction():
            assert take(cloud, tracker, S - 60) is Kind.STORED
            waiting.start()
            assert not done.wait(0.1)
            assert take(cloud, tracker, S - 59) is Kind.STORED
        assert done.wait(10)
        waiting.join()
        assert take(cloud, tracker, S - 58) is Kind.DENIED


@pytest.mark.parametrize("question", ["standing_mark", "answered_since"])
def test_a_store_that_fails_at_the_look_leaves_no_answer_from_before(
    home: Home, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    """Somebody withdraws, and the connection is lost while ingest asks who did: the next batch has not forgotten to ask."""
    tracker = agreed(home)
    with home.open() as cloud, home.open() as other:
        assert take(cloud, tracker, S - 60) is Kind.STORED
        other.consent.withdraw("s-1", T, by("s-1"))

        def lost(*_: object) -> None:
            raise StoreError("the connection was lost")

        with monkeypatch.context() as patched:
            patched.setattr(cloud.database, question, lost)
            with pytest.raises(StoreError):
                take(cloud, tracker, S - 59)
        assert take(cloud, tracker, S - 58) is Kind.DENIED


def test_a_lost_restriction_that_is_lifted_refuses_nothing_more(home: Home) -> None:
    """It is lifted in the store of the tombstones alone, by another process: the next envelope stays, and is not dropped."""
    tracker = agreed(home, LOST)
    with home.open() as cloud:
        name = f"restriction/{hashlib.sha256(LOST.encode()).hexdigest()}"
        cloud._tombstones.set_witness(name, 1, b"r-lost")
    with home.open() as cloud, home.open() as other:
        assert [take(cloud, tracker, S - 60 + n) for n in range(2)] == [Kind.DENIED, Kind.DENIED]
        other.restrictions.accept_lost(LOST, by="c-1", told=True)
        assert take(cloud, tracker, S - 50) is Kind.STORED


def test_a_leave_that_hangs_on_an_age_is_not_kept(home: Home) -> None:
    """Of age since a day, by a month that an erasure in another process then takes: whoever is a child again has no leave."""
    tracker = agreed(home)
    with home.open() as cloud, home.open() as other:
        cloud.ages.declare("s-1", date(2010, 2, 27), AGE)
        home.clock.at = BEGIN + 6 * DAY_S  # the third of March: sixteen for certain
        other.consent.give("s-1", T, by("s-1"), precision=Precision.CELL_1KM)
        home.clock.at += 3600
        [device] = cloud.database.all_devices()

        def answers() -> set[Reason]:
            now = home.clock.at
            with cloud.database.transaction():
                leave = cloud.ingest._leave
                found = leave.batch(now).reason(device, Stream.LOCATION, now - 60, Precision.REGION)
                return {found, leave.ask(device, Stream.LOCATION, now - 60, now, Precision.REGION)}

        assert answers() == {Reason.ALLOWED} and tracker.name == device.device
        other.database.forget_months("s-1", home.clock.at)
        assert answers() == {Reason.CONSENT_MISSING}


def test_no_more_leaves_are_kept_than_there_is_room_for(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven devices of one person and room for three: all are stored in each batch, and never more than three are kept."""
    monkeypatch.setattr(leave_module, "MOST_KEPT", 3)
    trackers = [agreed(home)]
    with home.open() as cloud:
        trackers += [enrolled(cloud) for _ in range(6)]
        for n in range(3):
            outcomes = cloud.handle([(t.topic, t.fixes([S - 60 + n], version=1000)) for t in trackers])
            assert {outcome.kind for outcome in outcomes} == {Kind.STORED}
            kept = cloud.ingest._leave._kept
            assert 1 <= sum(map(len, kept.values())) == cloud.ingest._leave._count <= 3


def test_a_life_that_finds_a_stale_leave_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A control: where nobody is named as having answered, the lives above find an answer that is not the gate's."""
    answered: Callable[..., list[str]] = lambda *_: []  # noqa: E731 - a stand-in
    monkeypatch.setattr("cloud_sync.storage.changes.ChangeRows.answered_since", answered)
    with pytest.raises(AssertionError, match="ALLOWED"):
        lives("sqlite", *FEW["sqlite"])
