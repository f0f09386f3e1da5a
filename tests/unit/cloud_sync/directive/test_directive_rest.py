"""Two statuses on their way at once: device and server come to rest instead of answering each other for ever."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cloud_sync.directive import Outgoing
from cloud_sync.directive.state import NUMBER_WINDOW, ON_ITS_WAY_S
from cloud_sync.model import StatusReason, StatusReport
from tests.unit.cloud_sync.directive.test_directive_desk import CELL, DEVICE, NONE, World

ROUNDS = 20  # far more than there is to say


def applied(world: World, outgoing: Outgoing) -> StatusReport:
    """What the device says once it applied a directive, or asks for another answer, before it sees the next."""
    world.device.receive(outgoing)
    asks = StatusReason.CHALLENGE_WANTED if world.device.asking else StatusReason.DIRECTIVE_APPLIED
    return replace(world.device.report(), reason=asks)


def two_at_once(world: World, starts: int = 1) -> list[Outgoing]:
    """Two statuses arrive together, of two starts or of one, and each is answered."""
    before, world.device.draws = world.device.report(), starts - 1
    answers = world.desk.status(DEVICE, before, CELL) + world.desk.status(DEVICE, world.device.report(), CELL)
    assert len(answers) == 2
    return answers


@pytest.mark.parametrize("starts", [1, 2])
def test_two_answers_on_their_way_are_enough(starts: int) -> None:
    """Each directive is reported when it is applied; the newest follows, and the chase ends."""
    world = World()
    waiting, sent = two_at_once(world, starts), 2
    for _ in range(ROUNDS):
        reports = [applied(world, outgoing) for outgoing in waiting]
        waiting = [new for report in reports for new in world.desk.status(DEVICE, report, CELL)]
        sent += len(waiting)
    assert waiting == [] and sent < 6
    assert world.senses and world.device.highest == world.state.version


@pytest.mark.parametrize("late", [False, True])
def test_what_was_lost_is_said_again(late: bool) -> None:
    """The newest directive may be lost: for a minute it is sent once more as it was, without the challenge; then as a new one."""
    world = World()
    older, newest = two_at_once(world)
    report = applied(world, older)
    world.clock.time += ON_ITS_WAY_S if late else ON_ITS_WAY_S - 1
    [sent] = world.desk.status(DEVICE, report, CELL)
    assert sent.directive is not None and newest.directive is not None
    assert sent.directive.version == newest.directive.version + late
    assert sent.directive.challenge == (report.challenge if late else b"")


def test_a_device_that_has_it_drops_what_is_said_again() -> None:
    """Nothing of it changes, neither what it senses nor its challenge."""
    world = World()
    older, newest = two_at_once(world)
    report = applied(world, older)
    world.device.receive(newest)
    before = (world.device.directive, world.device.challenge, world.device.asking)
    [again] = world.desk.status(DEVICE, report, CELL)
    world.device.receive(again)
    assert (world.device.directive, world.device.challenge, world.device.asking) == before


@pytest.mark.parametrize("why", ["never published", "no number in reach"])
def test_a_withdrawal_that_never_left_is_sent_with_the_next_report(why: str) -> None:
    """It was committed, and the server was killed, or had no number for it; the device reports the directive of before."""
    world = World()
    first, second = two_at_once(world)
    world.device.receive(first)
    report = applied(world, second)
    assert world.senses
    if why == "no number in reach":
        world.store.states[DEVICE] = replace(world.state, down_next=report.down_next + NUMBER_WINDOW + 1)
        assert world.desk.settle(DEVICE, NONE) == []
        world.device.down_next = world.state.down_next
        report = replace(report, down_next=world.state.down_next)
    else:
        assert world.desk.settle(DEVICE, NONE)
    world.clock.time += 5
    for sent in world.desk.status(DEVICE, report, NONE):
        world.device.receive(sent)
    assert not world.senses


def test_after_a_restore_nothing_counts_as_on_its_way() -> None:
    """The copy has jumped beyond what it sent a moment ago: the report is answered by a new version, with the challenge."""
    world = World()
    older, _ = two_at_once(world)
    report = applied(world, older)
    world.desk.restored()
    jumped = world.state.version
    [sent] = world.desk.status(DEVICE, report, CELL)
    assert sent.directive is not None
    assert (sent.directive.version, sent.directive.challenge) == (jumped + 1, report.challenge)


def test_a_heartbeat_is_always_answered() -> None:
    """Another reason than the applying of a directive says nothing about what is on its way."""
    world = World()
    older, _ = two_at_once(world)
    report = replace(applied(world, older), reason=StatusReason.HEARTBEAT)
    assert world.desk.status(DEVICE, report, CELL)


def test_a_withdrawal_goes_out_all_the_same() -> None:
    """What narrows needs no challenge, and waits for nothing."""
    world = World()
    older, _ = two_at_once(world)
    [narrower] = world.desk.status(DEVICE, applied(world, older), NONE)
    world.device.receive(narrower)
    assert not world.senses
