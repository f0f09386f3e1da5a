"""Live subscriptions: what is committed is told behind the gate, nothing waits for a slow reader, a withdrawal ends it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from cloud_sync.aio import AsyncCloudSync
from cloud_sync.errors import ConfigError, Denied
from cloud_sync.model import Actor, Precision
from cloud_sync.service import CloudSync
from tests.unit.cloud_sync.ingest.ingest_world import NOON, Tracker
from tests.unit.cloud_sync.service_world import GIVE, ME, TAKE_BACK, Setting, T, tracker_of

MINE: dict[str, Any] = {"actor": ME, "purpose": "tracking", "subject": "s-1"}


class Stage:
    """A tracked person and somebody else, both with leave, after noon."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.cloud = setting.open()
        self.mine, self.other = (self._tracked(subject) for subject in ("s-1", "s-2"))
        setting.clock.at = NOON + 3600

    def _tracked(self, subject: str) -> Tracker:
        tracker = tracker_of(self.cloud.enrol(subject=subject, settings={}))
        self.cloud.consent.give(subject, "tracking", replace(GIVE, entity_id=subject))
        self.cloud.handle([(tracker.topic, tracker.status())])
        return tracker

    def send(self, tracker: Tracker, *times: int) -> None:
        """One envelope of fixes."""
        self.cloud.handle([(tracker.topic, tracker.fixes(list(times)))])


@pytest.fixture
def stage(setting: Setting) -> Iterator[Stage]:
    """Both of them."""
    stage = Stage(setting)
    yield stage
    stage.cloud.close()


def test_fixes_come_as_they_are_committed(stage: Stage) -> None:
    """Of this person and this stream, from the subscription on, no finer than permitted; a repeat is told once."""
    stage.send(stage.mine, T)
    with stage.cloud.live_location(**MINE) as fixes:
        assert fixes.take(0) is None
        stage.send(stage.other, T + 5)
        stage.send(stage.mine, T + 10, T + 20)
        repeat = stage.mine.fixes([T + 30])
        stage.cloud.handle([(stage.mine.topic, repeat), (stage.mine.topic, repeat)])
        stage.cloud.handle([(stage.mine.topic, repeat)])
        told = [fixes.take(0) for _ in range(4)]
        assert [fix.time for fix in told if fix] == [T + 10, T + 20, T + 30] and told[3] is None
        assert {fix.precision for fix in told if fix} == {Precision.CELL_100M} and fixes.missed == 0
    assert fixes.take(0) is None


def test_who_may_not_read_may_not_subscribe(stage: Stage) -> None:
    """Another purpose, another person's data: denied at once, and in the log."""
    for asked in ({"purpose": "marketing"}, {"subject": "s-2"}, {"actor": Actor("x", "third_party")}):
        with pytest.raises(Denied):
            stage.cloud.live_location(**{**MINE, **asked})
    assert len(stage.cloud.audit.entries(kind="gate.denied")) == 3


def test_a_withdrawal_holds_for_what_is_queued(stage: Stage) -> None:
    """Committed before it and not taken yet: not told any more, and the subscription has ended."""
    fixes = stage.cloud.live_location(**MINE)
    stage.send(stage.mine, T + 10)
    stage.cloud.consent.withdraw("s-1", "tracking", TAKE_BACK)
    with pytest.raises(Denied):
        fixes.take(0)
    assert fixes.take(0) is None
    stage.cloud.consent.give("s-1", "tracking", GIVE)
    stage.send(stage.mine, T + 20)
    assert fixes.take(0) is None


def test_a_withdrawal_holds_within_an_envelope(stage: Stage) -> None:
    """Of three fixes of one envelope one was taken before it: the others are not told; nor after an end or an erasure."""
    fixes = stage.cloud.live_location(**MINE)
    stage.send(stage.mine, T, T + 10, T + 20)
    assert fixes.take(0)
    stage.cloud.consent.withdraw("s-1", "tracking", TAKE_BACK)
    with pytest.raises(Denied):
        fixes.take(0)
    assert fixes.take(0) is None
    for end in (lambda live: live.close(), lambda live: stage.cloud.erase(subject="s-2")):
        other = {"actor": Actor("s-2", "data_subject"), "purpose": "tracking", "subject": "s-2"}
        with stage.cloud.live_location(**other) as live:
            stage.send(stage.other, T + 30, T + 40)
            assert live.take(0)
            end(live)
            assert live.take(0) is None


def test_a_narrowing_holds_within_an_envelope(stage: Stage) -> None:
    """A coarser leave in the middle: the rest of that envelope is missed, the next one is told as coarse as it is allowed now."""
    with stage.cloud.live_location(**MINE) as fixes:
        stage.send(stage.mine, T, T + 10)
        first = fixes.take(0)
        assert first and first.precision is Precision.CELL_100M
        stage.cloud.consent.give("s-1", "tracking", GIVE, precision=Precision.CELL_10KM)
        assert fixes.take(0) is None and fixes.missed == 1


def test_a_queue_of_nothing_is_refused(stage: Stage) -> None:
    """And stops nobody's ingest."""
    with pytest.raises(ConfigError, match="at least one"):
        stage.cloud.live_location(**MINE, most_waiting=0)
    stage.send(stage.mine, T)


def test_an_erasure_holds_for_what_is_queued(stage: Stage) -> None:
    """The key is gone before the envelope is taken: nothing is told of it."""
    with stage.cloud.live_location(**MINE) as fixes:
        stage.send(stage.mine, T + 10)
        stage.cloud.erase(subject="s-1")
        assert fixes.take(0) is None


def test_a_slow_reader_keeps_nobody_waiting_and_is_told_what_it_missed(stage: Stage) -> None:
    """Of five envelopes two are kept, the newest; three are counted, and can be read."""
    with stage.cloud.live_location(**MINE, most_waiting=2) as fixes:
        for number in range(5):
            stage.send(stage.mine, T + 10 * number)
        told = [fixes.take(0) for _ in range(3)]
        assert [fix.time for fix in told if fix] == [T + 30, T + 40] and fixes.missed == 3
    read = stage.cloud.read_location(**MINE, start=NOON, end=NOON + 3600)
    assert len(read) == 5


def test_a_subscription_is_in_the_log_with_what_it_told(stage: Stage) -> None:
    """When it begins and when it ends; an entry for each fix would be a track of its own."""
    before = len(stage.cloud.audit.entries("s-1", "gate.allowed"))
    with stage.cloud.live_location(**MINE) as fixes:
        for number in range(4):
            stage.send(stage.mine, T + number)
            assert fixes.take(0)
    entries = stage.cloud.audit.entries("s-1", "gate.allowed")[before:]
    assert [dict(entry.event.detail)["count"] for entry in entries] == [0, 4]


def test_who_waits_in_another_thread_is_woken(stage: Stage) -> None:
    """By a fix, and by the end: the loop is left when the server closes."""
    fixes = stage.cloud.live_location(**MINE)
    got: list[int] = []
    thread = threading.Thread(target=lambda: got.extend(fix.time for fix in fixes))
    thread.start()
    stage.send(stage.mine, T + 10)
    stage.cloud.close()
    thread.join(5)
    assert not thread.is_alive() and got in ([T + 10], [])


def test_the_same_in_asyncio(setting: Setting) -> None:
    """Open, enrol, give, subscribe, read: each awaited; the loop goes on while a subscriber waits."""

    async def story() -> tuple[list[int], list[int]]:
        async with await AsyncCloudSync.open(setting.config(), clock=setting.clock, link=setting.link) as cloud:
            assert isinstance(cloud.sync, CloudSync)
            tracker = tracker_of(await cloud.enrol(subject="s-1", settings={}))
            await cloud.consent.give("s-1", "tracking", GIVE)
            await cloud.handle([(tracker.topic, tracker.status())])
            setting.clock.at = NOON + 3600
            fixes = await cloud.live_location(**MINE)
            told: list[int] = []

            async def listen() -> None:
                async for fix in fixes:
                    told.append(fix.time)

            listener = asyncio.create_task(listen())
            await cloud.handle([(tracker.topic, tracker.fixes([T + 10, T + 20]))])
            while len(told) < 2:
                await asyncio.sleep(0.01)
            fixes.close()
            await listener
            with pytest.raises(Denied):
                await cloud.live_location(actor=ME, purpose="marketing", subject="s-1")
            read = await cloud.read_location(**MINE, start=NOON, end=NOON + 3600)
            return told, [fix.time for fix in read]

    told, read = asyncio.run(asyncio.wait_for(story(), 30))
    assert told == read == [T + 10, T + 20]
